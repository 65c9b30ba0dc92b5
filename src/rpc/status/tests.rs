//! The table of refusals, row by row.

use std::collections::BTreeSet;

use tonic::Code;
use tonic_types::StatusExt;

use super::*;
use crate::judgement::{
    AreaId, AssessmentId, Dangling, EntryId, FrameworkId, Grade, Kind, Label, Lack, LevelCode,
    NamedBy, OrganisationId, Place, ReasonCode, RecordId, Refusal, Revision, Role, ScaleId,
    SectionId, SubjectId,
};
use crate::ledger::{Contradiction, ReadOnly};
use crate::merkle::sha256;

mod noted;

const RECORD: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fn area(id: &str) -> AreaId {
    AreaId::parse(id).unwrap()
}

fn organisation(id: &str) -> OrganisationId {
    OrganisationId::parse(id).unwrap()
}

fn entry(id: &str) -> EntryId {
    EntryId::parse(id).unwrap()
}

fn framework() -> FrameworkId {
    FrameworkId::new("apa", "2006").unwrap()
}

/// The path of a command that is the whole request.
fn alone(_: usize) -> String {
    String::new()
}

/// One row: the refusal, the code and reason of the specification, the metadata beyond doubt.
type Row = (Refusal, Code, &'static str, &'static [(&'static str, &'static str)]);

#[expect(clippy::too_many_lines, reason = "a table: a row for each refusal")]
fn who_and_what() -> Vec<Row> {
    vec![
        (
            Refusal::NotPermitted { needs: &[Role::Inspector, Role::Moderator] },
            Code::PermissionDenied,
            "NOT_PERMITTED",
            &[("roles", "inspector, moderator")],
        ),
        (
            Refusal::WrongOrganisation {
                caller: organisation("ofsted"),
                organisation: organisation("csci"),
                signers: vec![organisation("csci"), organisation("ofsted")],
            },
            Code::PermissionDenied,
            "WRONG_ORGANISATION",
            &[("caller", "ofsted"), ("organisation", "csci"), ("signers", "csci, ofsted")],
        ),
        (
            Refusal::NotJudging {
                caller: organisation("estyn"),
                framework: framework(),
                signers: vec![organisation("csci"), organisation("ofsted")],
            },
            Code::PermissionDenied,
            "WRONG_ORGANISATION",
            &[
                ("caller", "estyn"),
                ("framework", "frameworks/apa/versions/2006"),
                ("signers", "csci, ofsted"),
            ],
        ),
        (
            Refusal::UnknownFramework { framework: framework() },
            Code::NotFound,
            "FRAMEWORK_NOT_FOUND",
            &[("framework", "frameworks/apa/versions/2006")],
        ),
        (
            Refusal::UnknownSubject { subject: SubjectId::parse("leicester-city").unwrap() },
            Code::NotFound,
            "SUBJECT_NOT_FOUND",
            &[("subject", "subjects/leicester-city")],
        ),
        (
            Refusal::UnknownAssessment {
                assessment: AssessmentId::parse("subjects/a/assessments/b").unwrap(),
            },
            Code::NotFound,
            "ASSESSMENT_NOT_FOUND",
            &[("assessment", "subjects/a/assessments/b")],
        ),
        (
            Refusal::UnknownEntry { entry: entry("ev-01") },
            Code::NotFound,
            "ENTRY_NOT_FOUND",
            &[("entry", "ev-01")],
        ),
        (
            Refusal::Exists { name: "subjects/a".to_owned() },
            Code::AlreadyExists,
            "EXISTS",
            &[("name", "subjects/a")],
        ),
        (
            Refusal::AlreadySigned { organisation: organisation("csci"), edition: 2 },
            Code::AlreadyExists,
            "ALREADY_SIGNED",
            &[("organisation", "csci"), ("edition", "2")],
        ),
        (
            Refusal::KeyReused { position: Position::new(7) },
            Code::AlreadyExists,
            "KEY_REUSED",
            &[("position", "7")],
        ),
    ]
}

fn under_the_framework() -> Vec<Row> {
    vec![
        (
            Refusal::AreaNotInFramework {
                area: area("education"),
                framework: framework(),
                areas: vec![area("being-healthy"), area("staying-safe")],
                named_by: NamedBy::Grade,
            },
            Code::InvalidArgument,
            "AREA_NOT_IN_FRAMEWORK",
            &[("area", "education"), ("areas", "being-healthy, staying-safe")],
        ),
        (
            Refusal::AreaNotGradable { area: area("management") },
            Code::InvalidArgument,
            "AREA_NOT_GRADABLE",
            &[("area", "management")],
        ),
        (
            Refusal::LevelNotOnScale {
                area: area("staying-safe"),
                given: Grade::Word(Label::parse("satisfactory").unwrap()),
                valid: vec!["good".to_owned(), "adequate".to_owned()],
            },
            Code::InvalidArgument,
            "LEVEL_NOT_ON_SCALE",
            &[("area", "staying-safe"), ("given", "satisfactory"), ("valid", "good, adequate")],
        ),
        (
            Refusal::LevelInWords {
                area: area("staying-safe"),
                level: LevelCode::parse("outstanding").unwrap(),
                words: vec![
                    Label::parse("outstanding").unwrap(),
                    Label::parse("excellent").unwrap(),
                ],
            },
            Code::InvalidArgument,
            "LEVEL_NOT_ON_SCALE",
            &[("given", "outstanding"), ("valid", "outstanding, excellent")],
        ),
        (
            Refusal::ScaleNotOfArea {
                area: area("staying-safe"),
                scale: ScaleId::parse("nope").unwrap(),
                scales: vec![ScaleId::parse("apa-words").unwrap()],
            },
            Code::InvalidArgument,
            "LEVEL_NOT_ON_SCALE",
            &[("area", "staying-safe"), ("given", "nope"), ("valid", "apa-words")],
        ),
        (
            Refusal::ReasonNotInFramework {
                reason: ReasonCode::parse("WHIM").unwrap(),
                reasons: vec![ReasonCode::parse("INITIAL").unwrap()],
            },
            Code::InvalidArgument,
            "REASON_NOT_IN_FRAMEWORK",
            &[("reason", "WHIM"), ("reasons", "INITIAL")],
        ),
    ]
}

fn of_an_entry() -> Vec<Row> {
    vec![
        (
            Refusal::KindNotAllowed { kind: Kind::Tension },
            Code::InvalidArgument,
            "KIND_NOT_ALLOWED",
            &[("kind", "TENSION")],
        ),
        (
            Refusal::KindChanged { entry: entry("s-1"), was: Kind::Strength },
            Code::InvalidArgument,
            "KIND_CHANGED",
            &[("entry", "s-1"), ("kind", "STRENGTH")],
        ),
        (
            Refusal::SectionNotInFramework {
                section: SectionId::parse("annex").unwrap(),
                sections: vec![SectionId::parse("summary").unwrap()],
            },
            Code::InvalidArgument,
            "SECTION_NOT_IN_FRAMEWORK",
            &[("section", "annex"), ("sections", "summary")],
        ),
        (
            Refusal::EntryEmpty { kind: Kind::Narrative, needs: "a text" },
            Code::InvalidArgument,
            "ENTRY_EMPTY",
            &[("kind", "NARRATIVE"), ("needs", "a text")],
        ),
        (
            Refusal::DanglingReference {
                references: [("ev-99", 0), ("ev-98", 1), ("ev-99", 2)]
                    .map(|(id, index)| Dangling {
                        place: Place::RelatesTo(index),
                        entry: entry(id),
                        lack: Lack::Entry,
                    })
                    .to_vec(),
            },
            Code::InvalidArgument,
            "DANGLING_REFERENCE",
            &[("entries", "ev-98, ev-99")],
        ),
    ]
}

fn what_is_not_said() -> Vec<Row> {
    vec![
        (
            Refusal::RationaleRequired { needs: "a reason" },
            Code::InvalidArgument,
            "RATIONALE_REQUIRED",
            &[("needs", "a reason")],
        ),
        (
            Refusal::DateInFuture { field: "decided_on" },
            Code::InvalidArgument,
            "DATE_IN_FUTURE",
            &[("field", "decided_on")],
        ),
        (Refusal::PeriodReversed, Code::InvalidArgument, "PERIOD_REVERSED", &[]),
        (Refusal::TranscriptionUndated, Code::InvalidArgument, "TRANSCRIPTION_UNDATED", &[]),
        (
            Refusal::ExpectationRequired { last: Some(Position::new(41)) },
            Code::InvalidArgument,
            "EXPECTATION_REQUIRED",
            &[("position", "41")],
        ),
        (
            Refusal::RevisionRequired { revision: Revision::new(9) },
            Code::InvalidArgument,
            "EXPECTATION_REQUIRED",
            &[("revision", "9")],
        ),
    ]
}

fn in_this_state() -> Vec<Row> {
    vec![
        (
            Refusal::NotOpen { edition: 1, phase: "LOCKED" },
            Code::FailedPrecondition,
            "NOT_OPEN",
            &[("edition", "1"), ("state", "LOCKED")],
        ),
        (
            Refusal::NotLocked { edition: 1, phase: "OPEN" },
            Code::FailedPrecondition,
            "NOT_LOCKED",
            &[("edition", "1"), ("state", "OPEN")],
        ),
        (
            Refusal::OtherEdition { given: 1, working: 2 },
            Code::FailedPrecondition,
            "OTHER_EDITION",
            &[("given", "1"), ("working", "2")],
        ),
        (
            Refusal::EntryStruck { entry: entry("ev-01") },
            Code::FailedPrecondition,
            "ENTRY_STRUCK",
            &[("entry", "ev-01")],
        ),
        (
            Refusal::Incomplete { missing: vec!["no addressee".to_owned()] },
            Code::FailedPrecondition,
            "INCOMPLETE",
            &[("missing", "no addressee")],
        ),
        (
            Refusal::Unsigned { missing: vec![organisation("csci")] },
            Code::FailedPrecondition,
            "UNSIGNED",
            &[("missing", "csci")],
        ),
        (
            Refusal::StaleExpectation {
                item: "area social-care".to_owned(),
                last: Some(Position::new(12)),
                record: Some(RecordId::parse(RECORD).unwrap()),
            },
            Code::Aborted,
            "STALE_EXPECTATION",
            &[("item", "area social-care"), ("position", "12"), ("record_id", RECORD)],
        ),
        (
            Refusal::StaleRevision { revision: Revision::new(3), last: Position::new(12) },
            Code::Aborted,
            "STALE_EXPECTATION",
            &[("revision", "3"), ("position", "12")],
        ),
        (
            Refusal::OtherDigest { digest: sha256(&[]) },
            Code::Aborted,
            "OTHER_DIGEST",
            &[("digest", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")],
        ),
        (
            Refusal::SelfModeration { area: area("social-care") },
            Code::PermissionDenied,
            "SELF_MODERATION",
            &[("area", "social-care")],
        ),
    ]
}

fn table() -> Vec<Row> {
    [
        who_and_what(),
        under_the_framework(),
        of_an_entry(),
        what_is_not_said(),
        in_this_state(),
        noted::rows(),
    ]
    .concat()
}

#[test]
fn every_refusal_has_the_code_reason_and_metadata_of_the_specification() {
    for (refusal, code, reason, metadata) in table() {
        let message = refusal.to_string();
        let status = of_submit(&SubmitError::Refused { command: 0, refusal }, 1, &alone);
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!((status.code(), status.message()), (code, message.as_str()));
        assert_eq!((info.reason.as_str(), info.domain.as_str()), (reason, DOMAIN));
        for (key, value) in metadata {
            assert_eq!(info.metadata.get(*key).map(String::as_str), Some(*value), "{reason}");
        }
        let told = details.bad_request().is_some_and(|it| !it.field_violations.is_empty());
        assert_eq!(told, code == Code::InvalidArgument, "{reason}");
        let unmet = details.precondition_failure().is_some();
        assert_eq!(unmet, code == Code::FailedPrecondition, "{reason}");
    }
}

#[test]
fn only_what_the_specification_calls_by_one_word_shares_a_reason() {
    let reasons: Vec<_> = table().iter().map(|row| refusal::reason_of(&row.0)).collect();
    let distinct: BTreeSet<_> = reasons.iter().collect();
    assert_eq!((reasons.len(), distinct.len()), (56, 50));
}

#[test]
fn a_refusal_in_a_batch_says_which_command() {
    let error = SubmitError::Refused { command: 3, refusal: Refusal::PeriodReversed };
    let status = of_submit(&error, 5, &|command| format!("commands[{command}].open_assessment"));
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.metadata.get("command").map(String::as_str), Some("3"));
    let violations = status.get_details_bad_request().unwrap().field_violations;
    let fields: Vec<_> = violations.iter().map(|it| it.field.as_str()).collect();
    assert_eq!(fields, ["commands[3].open_assessment.periods"]);
}

#[test]
fn what_was_not_recorded_says_whether_to_try_again() {
    let rows = [
        (SubmitError::DirectoryMoved, Code::Aborted, "DIRECTORY_MOVED", true),
        (SubmitError::Busy, Code::ResourceExhausted, "BUSY", true),
        (
            SubmitError::TooLarge { what: "the record", bytes: 9, bytes_max: 8 },
            Code::InvalidArgument,
            "RECORD_TOO_LARGE",
            false,
        ),
        (SubmitError::Full, Code::ResourceExhausted, "DISK_FULL", false),
        (
            SubmitError::ClockUntrusted(ClockUntrusted { ahead_s: 61 }),
            Code::Unavailable,
            "CLOCK_UNTRUSTED",
            false,
        ),
        (
            SubmitError::ReadOnly(ReadOnly { signed: 9, head: 7, how: Contradiction::Behind }),
            Code::FailedPrecondition,
            "READ_ONLY",
            false,
        ),
        (SubmitError::Unavailable, Code::Unavailable, "JOURNAL_UNAVAILABLE", true),
        (SubmitError::OutcomeUnknown, Code::Unavailable, "OUTCOME_UNKNOWN", true),
        (SubmitError::Stopped, Code::Unavailable, "STOPPED", false),
    ];
    for (error, code, reason, retried) in rows {
        let status = of_submit(&error, 1, &alone);
        let details = status.get_error_details();
        assert_eq!(status.code(), code, "{reason}");
        assert_eq!(details.error_info().unwrap().reason, reason);
        assert_eq!(details.retry_info().is_some(), retried, "{reason}");
    }
}

#[test]
fn what_cannot_be_read_says_why_without_the_cause() {
    let what = "secret".to_owned();
    let io = std::io::Error::other("secret");
    let at = Position::new(4);
    let rows = [
        (ReadError::NoRecord(at), Code::NotFound, "RECORD_NOT_FOUND"),
        (
            ReadError::NotReached { asked: at, head: Position::new(3) },
            Code::Unavailable,
            "POSITION_NOT_REACHED",
        ),
        (ReadError::NotCovered { asked: at, covered: 3 }, Code::Unavailable, "NOT_COVERED"),
        (ReadError::Shrunk { from: 4, to: 3 }, Code::InvalidArgument, "INVALID_REQUEST"),
        (ReadError::Unreadable { position: at, what }, Code::DataLoss, "RECORD_UNREADABLE"),
        (
            ReadError::Journal(JournalError::Unreadable(io)),
            Code::Unavailable,
            "JOURNAL_UNAVAILABLE",
        ),
        (ReadError::Rebuilding, Code::Unavailable, "REBUILDING"),
    ];
    for (error, code, reason) in rows {
        let status = of_read(&error);
        assert_eq!((status.code(), reason_in(&status).as_str()), (code, reason));
        assert!(!status.message().contains("secret"), "{reason}");
    }
}

fn reason_in(status: &Status) -> String {
    status.get_details_error_info().unwrap().reason
}

#[test]
fn a_thousand_violations_fit_into_a_header_and_are_counted() {
    let violation = |index| (format!("commands[{index}].act"), "is required".to_owned());
    let status = bad_request((0..1_000).map(violation).collect());
    let mut headers = http::HeaderMap::new();
    status.add_header(&mut headers).unwrap();
    let bytes: usize = headers.values().map(http::HeaderValue::len).sum();
    assert!(bytes < 7_000, "{bytes}");
    let details = status.get_error_details();
    assert_eq!(details.error_info().unwrap().metadata.get("violations").unwrap(), "1000");
    assert!(details.bad_request().unwrap().field_violations.len() > 90);
}

#[test]
fn a_list_that_is_too_long_ends_at_an_item_and_is_counted() {
    let areas: Vec<_> = (0..500).map(|index| area(&format!("area-{index}"))).collect();
    let (area, framework) = (area("x"), framework());
    let named_by = NamedBy::Entry;
    let refusal = Refusal::AreaNotInFramework { area, framework, areas, named_by };
    let status = of_submit(&SubmitError::Refused { command: 0, refusal }, 1, &alone);
    let metadata = status.get_details_error_info().unwrap().metadata;
    assert_eq!(metadata.get("areas_total").unwrap(), "500");
    assert!(metadata.get("areas").unwrap().split(", ").all(|item| AreaId::parse(item).is_ok()));
    assert!(status.message().len() < 500);
}

#[test]
fn a_refusal_in_a_stream_is_the_same_message() {
    let status = of_submit(&SubmitError::Busy, 1, &alone);
    let message = rpc_status(&status);
    assert_eq!((message.code, message.message.as_str()), (8, status.message()));
    assert_eq!(message.details.len(), 2);
    let plain = rpc_status(&Status::internal("plain"));
    assert_eq!((plain.code, plain.message.as_str(), plain.details.len()), (13, "plain", 0));
}
