//! The rows of what undoes a step, is noted beside grades, or corrects a record.

use super::*;
use crate::judgement::{AudienceId, ChallengeId, CorrectedField, FieldPath, HoldId};

fn hold() -> HoldId {
    HoldId::parse("court-1").unwrap()
}

fn challenge() -> ChallengeId {
    ChallengeId::parse("council-1").unwrap()
}

pub(super) fn rows() -> Vec<Row> {
    [beside_grades(), undone(), redacted()].concat()
}

fn beside_grades() -> Vec<Row> {
    vec![
        (
            Refusal::UnknownHold { hold: hold() },
            Code::NotFound,
            "HOLD_NOT_FOUND",
            &[("hold", "court-1")],
        ),
        (
            Refusal::HoldReleased { hold: hold() },
            Code::FailedPrecondition,
            "HOLD_RELEASED",
            &[("hold", "court-1")],
        ),
        (
            Refusal::OnHold { what: "publication", holds: vec![hold()] },
            Code::FailedPrecondition,
            "ON_HOLD",
            &[("holds", "court-1")],
        ),
        (
            Refusal::UnknownChallenge { challenge: challenge() },
            Code::NotFound,
            "CHALLENGE_NOT_FOUND",
            &[("challenge", "council-1")],
        ),
        (
            Refusal::UnknownPoint { challenge: challenge(), point: 3, points: 2 },
            Code::NotFound,
            "POINT_NOT_FOUND",
            &[("challenge", "council-1"), ("point", "3"), ("points", "2")],
        ),
        (
            Refusal::AudienceNotInFramework {
                audience: AudienceId::parse("a-newspaper").unwrap(),
                audiences: vec![AudienceId::parse("csci").unwrap()],
            },
            Code::InvalidArgument,
            "AUDIENCE_NOT_IN_FRAMEWORK",
            &[("audience", "a-newspaper"), ("audiences", "csci")],
        ),
        (
            Refusal::NotThereAt { position: Some(Position::new(3)), opened: Position::new(8) },
            Code::InvalidArgument,
            "POSITION_OUTSIDE_ASSESSMENT",
            &[("position", "3"), ("opened", "8")],
        ),
        (
            Refusal::UnknownRecord { position: Position::new(3) },
            Code::NotFound,
            "RECORD_NOT_FOUND",
            &[("position", "3")],
        ),
        (
            Refusal::NotCorrectable { field: CorrectedField::Transcription, event: "GradeSet" },
            Code::InvalidArgument,
            "NOT_CORRECTABLE",
            &[("field", "transcription"), ("event", "GradeSet")],
        ),
    ]
}

fn undone() -> Vec<Row> {
    vec![
        (
            Refusal::AlreadyOpen { edition: 2 },
            Code::FailedPrecondition,
            "ALREADY_OPEN",
            &[("edition", "2")],
        ),
        (
            Refusal::NotPublished { edition: 3, state: "it was withdrawn" },
            Code::FailedPrecondition,
            "NOT_PUBLISHED",
            &[("edition", "3"), ("state", "it was withdrawn")],
        ),
        (
            Refusal::FallbackNotPublished {
                fallback: AssessmentId::parse("subjects/a/assessments/b").unwrap(),
            },
            Code::FailedPrecondition,
            "FALLBACK_NOT_PUBLISHED",
            &[("fallback", "subjects/a/assessments/b")],
        ),
    ]
}

fn redacted() -> Vec<Row> {
    let (request, position) = (Position::new(8), Position::new(9));
    let field = |path: &str| FieldPath::parse(path).unwrap();
    vec![
        (
            Refusal::NoRecord { position: Position::new(3) },
            Code::NotFound,
            "RECORD_NOT_FOUND",
            &[("position", "3")],
        ),
        (
            Refusal::NotErasable {
                field: field("area"),
                event: "GradeSet",
                fields: vec![field("rationale"), field("qualifier")],
            },
            Code::InvalidArgument,
            "NOT_ERASABLE",
            &[("field", "area"), ("event", "GradeSet"), ("fields", "rationale, qualifier")],
        ),
        (
            Refusal::RedactionPending { request },
            Code::FailedPrecondition,
            "REDACTION_PENDING",
            &[("request_position", "8")],
        ),
        (
            Refusal::AlreadyRedacted { position },
            Code::FailedPrecondition,
            "ALREADY_REDACTED",
            &[("position", "9")],
        ),
        (
            Refusal::UnknownRedaction { position },
            Code::NotFound,
            "REDACTION_NOT_FOUND",
            &[("position", "9")],
        ),
        (
            Refusal::RedactionDecided { request, last: position },
            Code::FailedPrecondition,
            "REDACTION_DECIDED",
            &[("request_position", "8"), ("position", "9")],
        ),
        (
            Refusal::SelfApproval { request },
            Code::PermissionDenied,
            "SELF_APPROVAL",
            &[("request_position", "8")],
        ),
    ]
}
