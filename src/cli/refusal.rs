//! Refusals of the server as lines to be read: the reason, what it is about, the next step.

use std::error::Error as _;

use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::client::Broken;
use crate::pb;

/// Where the server says by which id its log names a call.
pub(super) const CALL_ID: &str = "x-request-id";

/// The stable reason and the sentence.
pub(super) fn headline(status: &Status) -> String {
    if let Some(broken) = broken(status) {
        return broken.to_string();
    }
    let message = status.message();
    match status.get_details_error_info() {
        Some(info) if message.is_empty() => info.reason,
        Some(info) => format!("{}: {message}", info.reason),
        None if message.is_empty() => status.code().description().to_owned(),
        None => message.to_owned(),
    }
}

/// How the connection broke, if it did: then nobody refused anything.
pub(super) fn broken(status: &Status) -> Option<&Broken> {
    status.source().and_then(|source| Broken::among(source))
}

/// By which id the server's log names the call that was refused.
pub(super) fn request_id(status: &Status) -> Option<String> {
    let id = status.metadata().get(CALL_ID)?.to_str().ok()?;
    Some(format!("  request id: {id}"))
}

/// What to do, as a line.
pub(super) fn next(step: &str) -> String {
    format!("  next: {step}")
}

/// What the details say, a line each, by which id the server knows the call, and what to do about it.
pub(super) fn details(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let mut lines = Vec::new();
    if let Some(info) = details.error_info() {
        let mut metadata: Vec<_> = info.metadata.iter().collect();
        metadata.sort_unstable();
        let width = metadata.iter().map(|(key, _)| key.len()).max().unwrap_or_default();
        lines.extend(metadata.iter().map(|(key, value)| format!("  {key:width$}  {value}")));
    }
    if let Some(request) = details.bad_request() {
        let violations = request.field_violations.iter();
        lines.extend(violations.map(|it| format!("  {}: {}", it.field, it.description)));
    }
    if let Some(precondition) = details.precondition_failure() {
        let violations = precondition.violations.iter();
        lines.extend(violations.map(|it| format!("  {} {}", it.subject, it.description)));
    }
    let pause = details.retry_info().and_then(|retry| retry.retry_delay);
    let next = match pause {
        Some(pause) => Some(format!("try again in {} ms", pause.as_millis())),
        None => next_step(status).map(str::to_owned),
    };
    lines.extend(request_id(status));
    lines.extend(next.as_deref().map(self::next));
    lines
}

/// What a caller can do about an answer.
fn next_step(status: &Status) -> Option<&'static str> {
    match status.code() {
        Code::Unauthenticated if reason(status) == "CREDENTIAL_INVALID" => Some(
            "the credential that was given is not taken: see whether it is whole, for this ledger, by an \
             issuer whom this server believes, and of the client certificate's organisation",
        ),
        Code::Unauthenticated if reason(status) == "CREDENTIAL_EXPIRED" => {
            Some("get a new credential: the time of the one that was given is over")
        }
        Code::Unauthenticated => Some(
            "give a credential with --token-file FILE or JUDGEMENT_LEDGER_TOKEN, or a certificate with --certificate",
        ),
        Code::PermissionDenied => Some("use the credential of somebody who may"),
        Code::NotFound => {
            Some("check the name or the position; with --known-at, whether it was known by then")
        }
        Code::Aborted => Some("read it again, then decide anew"),
        Code::Unavailable => Some("try again: the same request id records nothing twice"),
        Code::DeadlineExceeded | Code::Cancelled | Code::Unknown => {
            Some("ask again; of a command, with the same request id: that records nothing twice")
        }
        Code::Unimplemented => Some("the server is of another version: compare `--version`"),
        Code::Ok
        | Code::InvalidArgument
        | Code::AlreadyExists
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Internal
        | Code::DataLoss => None,
    }
}

/// The stable reason.
fn reason(status: &Status) -> String {
    status.get_details_error_info().map_or_else(String::new, |info| info.reason)
}

/// A refusal inside an answer as the status that the command's own call would have had.
pub(super) fn status_of(refusal: &pb::google::rpc::Status) -> Status {
    let details = refusal.encode_to_vec().into();
    Status::with_details(Code::from_i32(refusal.code), refusal.message.clone(), details)
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, time::Duration};

    use tonic_types::ErrorDetails;

    use super::*;
    use crate::cli::failure::Failure;

    fn off_scale() -> Status {
        let mut details = ErrorDetails::new();
        let metadata = HashMap::from([
            ("area".to_owned(), "staying-safe".to_owned()),
            ("valid_levels".to_owned(), "outstanding, good, adequate, inadequate".to_owned()),
        ]);
        details.set_error_info("LEVEL_NOT_ON_SCALE", "judgement.ledger.v1", metadata);
        details.add_bad_request_violation("grade.word", "is not on the scale");
        Status::with_error_details(
            Code::InvalidArgument,
            "\"satisfactory\" is not on the scale of staying-safe",
            details,
        )
    }

    #[test]
    fn a_refusal_reads_as_reason_sentence_details() {
        let failure = Failure::refused("setting the grade of staying-safe", off_scale());
        assert_eq!(
            failure.lines(),
            [
                "error: setting the grade of staying-safe was refused: LEVEL_NOT_ON_SCALE: \
                 \"satisfactory\" is not on the scale of staying-safe",
                "  area          staying-safe",
                "  valid_levels  outstanding, good, adequate, inadequate",
                "  grade.word: is not on the scale",
            ]
        );
    }

    #[test]
    fn a_refusal_names_the_next_step() {
        let denied = Failure::refused("reading", Status::unauthenticated("no credential"));
        assert_eq!(
            denied.lines(),
            [
                "error: reading was refused: no credential",
                "  next: give a credential with --token-file FILE or JUDGEMENT_LEDGER_TOKEN, or a certificate with --certificate",
            ]
        );
        let pause = ErrorDetails::with_retry_info(Some(Duration::from_millis(250)));
        let full = Status::with_error_details(Code::ResourceExhausted, "the queue is full", pause);
        assert_eq!(details(&full), ["  next: try again in 250 ms"]);
    }

    #[test]
    fn who_gave_a_credential_is_not_told_to_give_one() {
        let refused = |reason: &str| {
            let details = ErrorDetails::with_error_info(reason, "judgement.ledger.v1", []);
            let mut status = Status::with_error_details(Code::Unauthenticated, "no", details);
            status.metadata_mut().insert(CALL_ID, "a-1".parse().unwrap());
            super::details(&status).join("\n")
        };
        assert!(refused("CREDENTIAL_INVALID").contains("is not taken"));
        assert!(refused("CREDENTIAL_EXPIRED").contains("get a new credential"));
        assert!(refused("CREDENTIAL_MISSING").contains("give a credential with"));
        assert!(refused("CREDENTIAL_MISSING").starts_with("  request id: a-1\n"));
    }

    #[test]
    fn a_refusal_in_a_stream_keeps_its_details() {
        let any = tonic_types::pb::Status::decode(off_scale().details()).unwrap();
        let refusal = pb::google::rpc::Status::decode(any.encode_to_vec().as_slice()).unwrap();
        let status = status_of(&refusal);
        assert_eq!(headline(&status), headline(&off_scale()));
        assert_eq!(details(&status), details(&off_scale()));
    }
}
