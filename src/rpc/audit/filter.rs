//! What an auditor looks for, as the ledger understands it.

use super::events::event;
use crate::{
    judgement::{
        AreaId, AssessmentId, Basis, ChangeKind, Concept, OrganisationId, PersonId, ReasonCode,
        SubjectId,
    },
    ledger::Filter,
    pb,
    rpc::asked::Asked,
};

/// Finds the persons of a login or name.
type Named<'a> = &'a (dyn Fn(&str) -> Vec<PersonId> + Sync);

/// Takes the fields of a filter. What is wrong with one is noted under `filter.`.
pub(super) fn take(asked: &mut Asked, filter: &pb::AuditFilter, named: Named<'_>) -> Filter {
    Filter {
        assessment: asked.optional("filter.assessment", &filter.assessment, AssessmentId::parse),
        subject: asked.optional("filter.subject", &filter.subject, SubjectId::parse_name),
        area: asked.optional("filter.area", &filter.area, AreaId::parse),
        concept: asked.optional("filter.concept", &filter.concept, Concept::parse),
        recorded_by: persons(&filter.recorded_by, named),
        decided_by: persons(&filter.decided_by, named),
        organisation: asked.optional(
            "filter.organisation",
            &filter.organisation,
            OrganisationId::parse,
        ),
        reason: asked.optional("filter.reason", &filter.reason, ReasonCode::parse),
        basis: basis(asked, filter.basis),
        change: change(asked, filter.change),
        event: named_event(asked, &filter.event),
        effective: (
            asked.day("filter.effective_from", filter.effective_from.as_ref()),
            asked.day("filter.effective_to", filter.effective_to.as_ref()),
        ),
        recorded: (
            asked.time("filter.recorded_from", filter.recorded_from.as_ref()),
            asked.time("filter.recorded_before", filter.recorded_before.as_ref()),
        ),
    }
}

/// The persons who are meant by a login, a name or an id: possibly several of the same name, and
/// none where nobody is called so, which no record meets.
fn persons(given: &str, named: Named<'_>) -> Option<Vec<PersonId>> {
    if given.is_empty() {
        return None;
    }
    let mut persons = named(given);
    persons.extend(PersonId::parse(given));
    Some(persons)
}

fn basis(asked: &mut Asked, given: i32) -> Option<Basis> {
    match pb::Basis::try_from(given) {
        Ok(pb::Basis::Unspecified) => None,
        Ok(pb::Basis::NewEvidence) => Some(Basis::NewEvidence),
        Ok(pb::Basis::SameEvidence) => Some(Basis::SameEvidence),
        Ok(pb::Basis::DataCorrected) => Some(Basis::DataCorrected),
        Ok(pb::Basis::Framework) => Some(Basis::Framework),
        Ok(pb::Basis::Error) => Some(Basis::Error),
        Err(_) => asked.violation("filter.basis", "is no basis"),
    }
}

fn change(asked: &mut Asked, given: i32) -> Option<ChangeKind> {
    match pb::ChangeKind::try_from(given) {
        Ok(pb::ChangeKind::Unspecified) => None,
        Ok(pb::ChangeKind::Awarded) => Some(ChangeKind::Awarded),
        Ok(pb::ChangeKind::Raised) => Some(ChangeKind::Raised),
        Ok(pb::ChangeKind::Lowered) => Some(ChangeKind::Lowered),
        Ok(pb::ChangeKind::Reaffirmed) => Some(ChangeKind::Reaffirmed),
        Ok(pb::ChangeKind::Vacated) => Some(ChangeKind::Vacated),
        Err(_) => asked.violation("filter.change", "is no kind of change"),
    }
}

fn named_event(asked: &mut Asked, given: &str) -> Option<&'static str> {
    if given.is_empty() {
        return None;
    }
    event(given).map_or_else(|what| asked.violation("filter.event", what), Some)
}

#[cfg(test)]
mod tests {
    use jiff::civil::Date;
    use tonic_types::StatusExt;

    use super::*;
    use crate::pb::google::r#type as google;

    const ADA: &str = "0198f3a0-0000-4000-8000-000000000001";

    fn take_settled(filter: &pb::AuditFilter) -> Result<Filter, tonic::Status> {
        let mut asked = Asked::default();
        let named = |name: &str| match name {
            "ada" => vec![PersonId::parse(ADA).unwrap()],
            _ => Vec::new(),
        };
        let taken = take(&mut asked, filter, &named);
        asked.settle(Some(taken))
    }

    #[test]
    fn nothing_asked_is_no_filter() {
        assert_eq!(take_settled(&pb::AuditFilter::default()).unwrap(), Filter::default());
    }

    #[test]
    fn every_field_is_understood() {
        let filter = pb::AuditFilter {
            assessment: "subjects/leicester-city/assessments/apa-2006".to_owned(),
            subject: "subjects/leicester-city".to_owned(),
            area: "staying-safe".to_owned(),
            concept: "ecm.staying-safe".to_owned(),
            recorded_by: "ada".to_owned(),
            decided_by: ADA.to_owned(),
            organisation: "ofsted".to_owned(),
            reason: "MODERATION".to_owned(),
            basis: i32::from(pb::Basis::SameEvidence),
            change: i32::from(pb::ChangeKind::Lowered),
            event: "GradeSet".to_owned(),
            effective_from: Some(google::Date { year: 2006, month: 10, day: 1 }),
            effective_to: Some(google::Date { year: 2006, month: 10, day: 31 }),
            recorded_from: Some(prost_types::Timestamp { seconds: 1, nanos: 0 }),
            recorded_before: Some(prost_types::Timestamp { seconds: 2, nanos: 500 }),
        };
        let ada = Some(vec![PersonId::parse(ADA).unwrap()]);
        let subject = SubjectId::parse("leicester-city").unwrap();
        let day = |day| Date::new(2006, 10, day).unwrap();
        let expected = Filter {
            assessment: Some(AssessmentId::new(subject.clone(), "apa-2006").unwrap()),
            subject: Some(subject),
            area: Some(AreaId::parse("staying-safe").unwrap()),
            concept: Some(Concept::parse("ecm.staying-safe").unwrap()),
            recorded_by: ada.clone(),
            decided_by: ada,
            organisation: Some(OrganisationId::parse("ofsted").unwrap()),
            reason: Some(ReasonCode::parse("MODERATION").unwrap()),
            basis: Some(Basis::SameEvidence),
            change: Some(ChangeKind::Lowered),
            event: Some("GradeSet"),
            effective: (Some(day(1)), Some(day(31))),
            recorded: (
                Some("1970-01-01T00:00:01Z".parse().unwrap()),
                Some("1970-01-01T00:00:02.0000005Z".parse().unwrap()),
            ),
        };
        assert_eq!(take_settled(&filter).unwrap(), expected);
    }

    #[test]
    fn an_unknown_name_matches_nothing() {
        let filter = pb::AuditFilter { decided_by: "nobody".to_owned(), ..Default::default() };
        assert_eq!(take_settled(&filter).unwrap().decided_by, Some(Vec::new()));
    }

    #[test]
    fn every_bad_field_is_named() {
        let filter = pb::AuditFilter {
            subject: "leicester".to_owned(),
            basis: 99,
            change: -1,
            event: "GradeLost".to_owned(),
            ..Default::default()
        };
        let status = take_settled(&filter).unwrap_err();
        let violations = status.get_details_bad_request().unwrap().field_violations;
        let fields: Vec<_> = violations.iter().map(|it| it.field.as_str()).collect();
        assert_eq!(fields, ["filter.subject", "filter.basis", "filter.change", "filter.event"]);
    }
}
