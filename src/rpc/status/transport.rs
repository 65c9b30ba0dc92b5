//! Errors that tonic makes by itself, put into our words.
//!
//! tonic answers bytes that are no message with INTERNAL, a message that is too large with
//! `OUT_OF_RANGE`, and an unknown method with no word at all. Such answers carry no details; all of
//! ours do. That, with the code and the beginning of tonic's message, tells them apart. The tests
//! of `layers` run each of them against tonic itself, so that a new version cannot drift.

use http::HeaderMap;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::{DOMAIN, Problem, Reason};

/// What an answer's headers or trailers say became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answered {
    /// Nothing yet: more is to come.
    NotYet,
    /// It ended with this code.
    With(Code),
}

impl Answered {
    /// Reads `grpc-status`.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        match headers.get(Status::GRPC_STATUS) {
            Some(code) => Self::With(Code::from_bytes(code.as_bytes())),
            None => Self::NotYet,
        }
    }
}

/// The reason that an answer's headers or trailers give, if it is one of ours.
pub(crate) fn reason_of(headers: &HeaderMap) -> Option<Reason> {
    reason(&Status::from_header_map(headers)?)
}

/// The reason that a status gives, if it is one of ours.
pub(crate) fn reason(status: &Status) -> Option<Reason> {
    let info = status.get_details_error_info()?;
    if info.domain == DOMAIN { Reason::parse(&info.reason) } else { None }
}

/// Puts an error of tonic's own into our words, in place; leaves all else as it is.
pub(crate) fn clarify(headers: &mut HeaderMap) {
    if headers.contains_key(Status::GRPC_STATUS_DETAILS) {
        return;
    }
    let Some(problem) = Status::from_header_map(headers).and_then(|status| of_tonic(&status))
    else {
        return;
    };
    // A code, a shortened message and base64 always make headers; if not, tonic's words stay.
    if problem.status().add_header(headers).is_err() {
        tracing::warn!("an error of the transport could not be put into words");
    }
}

/// What an error of tonic's own means for the caller.
fn of_tonic(status: &Status) -> Option<Problem> {
    let message = status.message();
    let begins = |beginnings: &[&str]| beginnings.iter().any(|with| message.starts_with(with));
    match status.code() {
        Code::Internal if begins(&["failed to decode Protobuf message"]) => {
            Some(Problem::new(Reason::Malformed, "the bytes are not this method's message"))
        }
        Code::Internal if begins(&["Error decompressing", "protocol error: received message"]) => {
            Some(Problem::new(Reason::Malformed, "the message is not compressed as it says"))
        }
        Code::Internal
            if begins(&["Unexpected EOF decoding stream", "Missing request message"]) =>
        {
            Some(Problem::new(Reason::Malformed, "the message is missing or cut short"))
        }
        Code::Internal if begins(&["tonic-web: "]) => Some(Problem::new(
            Reason::Malformed,
            "the body is no gRPC-Web: its base64 is malformed",
        )),
        Code::OutOfRange if begins(&["Error, decoded message length too large"]) => {
            Some(Problem::new(Reason::MessageTooLarge, "the message is larger than is taken here"))
        }
        Code::ResourceExhausted if begins(&["Error decompressing: size limit"]) => {
            let larger = "the message is larger than is taken here, once it is decompressed";
            Some(Problem::new(Reason::MessageTooLarge, larger))
        }
        Code::Unimplemented if message.is_empty() => {
            Some(Problem::new(Reason::MethodUnknown, "there is no such method"))
        }
        Code::Unimplemented if begins(&["Content is compressed with"]) => {
            Some(Problem::new(Reason::EncodingUnknown, message))
        }
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::InvalidArgument
        | Code::DeadlineExceeded
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss
        | Code::Unauthenticated => None,
    }
}
