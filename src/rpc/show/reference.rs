//! Frameworks and subjects: what assessments are made of.

use prost::Message;

use crate::{
    judgement::{AssessmentId, Current, Event, Position},
    ledger::{ReadError, ReadRecord, Registered, SubjectRead},
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

/// A subject.
pub(crate) fn subject(read: &SubjectRead) -> pb::Subject {
    pb::Subject {
        name: format!("subjects/{}", read.subject),
        display_name: read.name.clone(),
        kind: read.kind.clone(),
        position: read.position.get(),
        current: Vec::new(),
    }
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

/// The subject that a record registered; `None` if it registered none.
pub(crate) fn registered_subject(read: &ReadRecord) -> Option<pb::Subject> {
    let Event::SubjectRegistered(registered) = &read.event else {
        return None;
    };
    let position: Position = read.record.position;
    Some(pb::Subject {
        name: format!("subjects/{}", registered.subject),
        display_name: registered.name.to_string(),
        kind: registered.kind.to_string(),
        position: position.get(),
        current: Vec::new(),
    })
}
