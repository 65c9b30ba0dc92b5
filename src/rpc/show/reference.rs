//! Frameworks and subjects: what assessments are made of.

use jiff::civil::Date;
use prost::Message;

use super::value::date;
use crate::{
    judgement::{AssessmentId, Current},
    ledger::{DatedName, ReadError, Registered, SubjectRead},
    pb,
};

/// A framework as it was registered: read from its document.
///
/// # Errors
/// [`ReadError::Unreadable`] if the document is no framework.
pub(crate) fn framework(registered: &Registered) -> Result<pb::Framework, ReadError> {
    pb::Framework::decode(registered.document.as_ref()).map_err(|error| ReadError::Unreadable {
        position: registered.item.at,
        what: format!("the document beside it is no framework: {error}"),
    })
}

/// A subject by the name that held on a day, or that holds now.
pub(crate) fn subject(read: &SubjectRead, day: Option<Date>) -> pb::Subject {
    pb::Subject {
        name: format!("subjects/{}", read.subject),
        display_name: read.name_on(day).to_owned(),
        kind: read.kind.clone(),
        position: read.position.get(),
        current: Vec::new(),
        names: Vec::new(),
    }
}

/// The names of a subject, in the order in which they were recorded.
pub(crate) fn names(read: &SubjectRead) -> Vec<pb::SubjectName> {
    let name = |it: &DatedName| pb::SubjectName {
        display_name: it.name.clone(),
        effective_on: it.from.map(date),
        position: it.position.get(),
    };
    read.names.iter().map(name).collect()
}

/// What holds of a subject under one framework id.
pub(crate) fn current(family: String, current: &Current) -> pb::CurrentAssessment {
    let name = |id: &Option<AssessmentId>| id.as_ref().map(ToString::to_string).unwrap_or_default();
    match current {
        Current::Rated { assessment, edition, instead_of } => pb::CurrentAssessment {
            family,
            assessment: assessment.to_string(),
            edition: *edition,
            not_rated: false,
            instead_of: name(instead_of),
        },
        Current::NotRated { instead_of } => pb::CurrentAssessment {
            family,
            not_rated: true,
            instead_of: name(instead_of),
            ..pb::CurrentAssessment::default()
        },
    }
}
