//! What an auditor looks for, stated field by field: each means what the field of the same name
//! means in an [expression](super::expression).

use jiff::{SignedDuration, Timestamp, civil::Date};

use super::events::event;
use crate::{
    judgement::{
        AreaId, AssessmentId, Basis, ChangeKind, Concept, OrganisationId, PersonId, ReasonCode,
        SubjectId,
    },
    ledger::{Condition, Test, Within},
    pb,
    rpc::asked::Asked,
};

/// Finds the persons of a login or name; nothing where nobody is called so and the asker may hear that.
pub(super) type Named<'a> = &'a (dyn Fn(&str) -> Option<Vec<PersonId>> + Sync);

/// Less than the difference of any two times.
pub(super) const TICK: SignedDuration = SignedDuration::from_nanos(1);

/// Takes the fields of a filter, all of which must be met. What is wrong with one is noted under
/// `filter.`.
pub(super) fn take(asked: &mut Asked, filter: &pb::AuditFilter, named: Named<'_>) -> Condition {
    let assessment = asked.optional("filter.assessment", &filter.assessment, AssessmentId::parse);
    let subject = asked.optional("filter.subject", &filter.subject, SubjectId::parse_name);
    let area = asked.optional("filter.area", &filter.area, AreaId::parse);
    let concept = asked.optional("filter.concept", &filter.concept, Concept::parse);
    let organisation =
        asked.optional("filter.organisation", &filter.organisation, OrganisationId::parse);
    let reason = asked.optional("filter.reason", &filter.reason, ReasonCode::parse);
    let given =
        |person: &str| (!person.is_empty()).then(|| persons(person, named).unwrap_or_default());
    let tests = [
        assessment.map(Test::Assessment),
        subject.map(Test::Subject),
        area.map(Test::Area),
        concept.map(Test::Concept),
        given(&filter.recorded_by).map(Test::RecordedBy),
        given(&filter.decided_by).map(Test::DecidedBy),
        organisation.map(Test::Organisation),
        reason.map(Test::Reason),
        basis(asked, filter.basis).map(Test::Basis),
        change(asked, filter.change).map(Test::Change),
        named_event(asked, &filter.event).map(Test::Event),
        effective(asked, filter).map(Test::EffectiveOn),
        recorded(asked, filter).map(Test::RecordedAt),
    ];
    Condition::All(tests.into_iter().flatten().map(Condition::Test).collect())
}

fn effective(asked: &mut Asked, filter: &pb::AuditFilter) -> Option<Within<Date>> {
    let from = asked.day("filter.effective_from", filter.effective_from.as_ref());
    let to = asked.day("filter.effective_to", filter.effective_to.as_ref());
    (from.is_some() || to.is_some()).then_some(Within { from, to })
}

fn recorded(asked: &mut Asked, filter: &pb::AuditFilter) -> Option<Within<Timestamp>> {
    let from = asked.time("filter.recorded_from", filter.recorded_from.as_ref());
    let before = asked.time("filter.recorded_before", filter.recorded_before.as_ref());
    // Before the first time of all there is nothing, and no record either.
    let to = before.map(|time| time.checked_sub(TICK).unwrap_or(time));
    (from.is_some() || to.is_some()).then_some(Within { from, to })
}

/// The persons who are meant by a login, a name or an id: possibly several of the same name, and
/// none where that is not told, which no record meets; nothing where it is told that nobody is meant.
pub(super) fn persons(given: &str, named: Named<'_>) -> Option<Vec<PersonId>> {
    let id = PersonId::parse(given).ok();
    let found = named(given);
    let known = found.is_some() || id.is_some();
    known.then(|| found.unwrap_or_default().into_iter().chain(id).collect())
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
    use tonic_types::StatusExt;

    use super::*;
    use crate::pb::google::r#type as google;

    const ADA: &str = "0198f3a0-0000-4000-8000-000000000001";

    fn take_settled(filter: &pb::AuditFilter) -> Result<Condition, tonic::Status> {
        let mut asked = Asked::default();
        let named = |name: &str| match name {
            "ada" => Some(vec![PersonId::parse(ADA).unwrap()]),
            _ => None,
        };
        let taken = take(&mut asked, filter, &named);
        asked.settle(Some(taken))
    }

    #[test]
    fn nothing_asked_is_no_filter() {
        assert_eq!(take_settled(&pb::AuditFilter::default()).unwrap(), Condition::EVERYTHING);
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
        let ada = vec![PersonId::parse(ADA).unwrap()];
        let subject = SubjectId::parse("leicester-city").unwrap();
        let day = |day| Date::new(2006, 10, day).unwrap();
        let expected = [
            Test::Assessment(AssessmentId::new(subject.clone(), "apa-2006").unwrap()),
            Test::Subject(subject),
            Test::Area(AreaId::parse("staying-safe").unwrap()),
            Test::Concept(Concept::parse("ecm.staying-safe").unwrap()),
            Test::RecordedBy(ada.clone()),
            Test::DecidedBy(ada),
            Test::Organisation(OrganisationId::parse("ofsted").unwrap()),
            Test::Reason(ReasonCode::parse("MODERATION").unwrap()),
            Test::Basis(Basis::SameEvidence),
            Test::Change(ChangeKind::Lowered),
            Test::Event("GradeSet"),
            Test::EffectiveOn(Within { from: Some(day(1)), to: Some(day(31)) }),
            Test::RecordedAt(Within {
                from: Some("1970-01-01T00:00:01Z".parse().unwrap()),
                to: Some("1970-01-01T00:00:02.000000499Z".parse().unwrap()),
            }),
        ];
        let expected = Condition::All(expected.map(Condition::Test).to_vec());
        assert_eq!(take_settled(&filter).unwrap(), expected);
    }

    #[test]
    fn an_unknown_name_matches_nothing() {
        let filter = pb::AuditFilter { decided_by: "nobody".to_owned(), ..Default::default() };
        let nobody = Condition::Test(Test::DecidedBy(Vec::new()));
        assert_eq!(take_settled(&filter).unwrap(), Condition::All(vec![nobody]));
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
