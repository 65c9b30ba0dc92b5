//! What callers learn when something is refused or fails: the only place that chooses gRPC codes.
//!
//! Each [`Reason`] has one code. Every answer carries `google.rpc.ErrorInfo` with the reason and
//! all that varies in the message, beside what fits: `BadRequest`, `PreconditionFailure`,
//! `RetryInfo`. Causes go to the log, never to the caller.
//!
//! How the codes were chosen, where `google.rpc.Code` leaves a choice (AIP-193, AIP-194: clients
//! retry `UNAVAILABLE` by themselves, and nothing else):
//! - An unknown outcome is `UNAVAILABLE`. A request id is required of every command, so that
//!   sending it again is both safe and the one way to learn what happened; `UNKNOWN` would be
//!   retried by nobody.
//! - A full disk is `RESOURCE_EXHAUSTED`, as the code's own definition says ("perhaps the entire
//!   file system is out of space"): a loop of retries would not make room.
//! - A full queue is `RESOURCE_EXHAUSTED` with `RetryInfo`: back off as told, not at once.
//! - A position that is not reached is `UNAVAILABLE`: another try, or another replica, has it.

mod problem;
mod reason;
mod refusal;
mod transport;

use std::time::Duration;

use tonic::Status;

pub use reason::Reason;

pub(crate) use problem::{Problem, rpc_status};
pub(crate) use transport::{Answered, clarify, reason, reason_of};

use crate::{
    journal::JournalError,
    judgement::Position,
    ledger::{ClockUntrusted, ReadError, SubmitError},
};

/// The domain of every reason. (Spec §5.1)
pub const DOMAIN: &str = "judgement.ledger.v1";

/// When to come back to a full queue: a group commit or a few later.
const QUEUE_RETRY: Duration = Duration::from_millis(50);

/// When to come back for views that are being rebuilt, or for a journal that does not answer.
const STORE_RETRY: Duration = Duration::from_secs(1);

/// What became of a submission of `commands` commands that was not recorded. `path` says where in
/// the request a command stands; nothing where it is the whole request.
pub(crate) fn of_submit(
    error: &SubmitError,
    commands: usize,
    path: &dyn Fn(usize) -> String,
) -> Status {
    let message = error.to_string();
    match error {
        SubmitError::Refused { command, refusal } => {
            let problem = refusal::problem_of(refusal).below(&path(*command));
            let numbered = if commands > 1 { problem.with("command", command) } else { problem };
            numbered.status()
        }
        SubmitError::DirectoryMoved => {
            Problem::new(Reason::DirectoryMoved, message).retry_after(QUEUE_RETRY).status()
        }
        SubmitError::Busy => Problem::new(Reason::Busy, message).retry_after(QUEUE_RETRY).status(),
        SubmitError::TooLarge { what, bytes, bytes_max } => {
            Problem::new(Reason::RecordTooLarge, message)
                .with("what", what)
                .with("bytes", bytes)
                .with("bytes_max", bytes_max)
                .status()
        }
        SubmitError::Full => Problem::new(Reason::DiskFull, message).status(),
        SubmitError::ClockUntrusted(ClockUntrusted { ahead_s }) => {
            Problem::new(Reason::ClockUntrusted, message).with("ahead_s", ahead_s).status()
        }
        SubmitError::ReadOnly(read_only) => Problem::new(Reason::ReadOnly, message)
            .with("signed", read_only.signed)
            .with("head", read_only.head)
            .status(),
        SubmitError::Unavailable => {
            Problem::new(Reason::JournalUnavailable, message).retry_after(STORE_RETRY).status()
        }
        SubmitError::OutcomeUnknown => {
            Problem::new(Reason::OutcomeUnknown, message).retry_after(STORE_RETRY).status()
        }
        SubmitError::Stopped => Problem::new(Reason::Stopped, message).status(),
    }
}

/// Why something could not be read. A cause that callers cannot mend goes to the log here.
pub(crate) fn of_read(error: &ReadError) -> Status {
    let message = error.to_string();
    match error {
        ReadError::NoRecord(position) => {
            Problem::new(Reason::RecordNotFound, message).with("position", position).status()
        }
        ReadError::NotReached { asked, head } => Problem::new(Reason::PositionNotReached, message)
            .with("position", asked)
            .with("head", head)
            .retry_after(STORE_RETRY)
            .status(),
        ReadError::NotCovered { asked, covered } => Problem::new(Reason::NotCovered, message)
            .with("position", asked)
            .with("covered", covered)
            .retry_after(STORE_RETRY)
            .status(),
        ReadError::Shrunk { .. } => bad_request(vec![("from_size".to_owned(), message)]),
        ReadError::Unreadable { position, what } => {
            tracing::error!(%position, what, "a stored record cannot be read");
            unreadable(Some(*position)).status()
        }
        ReadError::Journal(JournalError::Damaged(damage)) => {
            tracing::error!(%damage, "the journal is damaged");
            unreadable(None).status()
        }
        ReadError::Journal(
            cause @ (JournalError::NotApplied(_)
            | JournalError::Unknown(_)
            | JournalError::Poisoned
            | JournalError::Unreadable(_)),
        ) => {
            tracing::error!(cause = %Causes(cause), "the journal cannot be read");
            Problem::new(Reason::JournalUnavailable, "the journal cannot be read just now")
                .retry_after(STORE_RETRY)
                .status()
        }
        ReadError::Rebuilding => {
            Problem::new(Reason::Rebuilding, message).retry_after(STORE_RETRY).status()
        }
    }
}

fn unreadable(position: Option<Position>) -> Problem {
    let problem = Problem::new(Reason::RecordUnreadable, "stored bytes cannot be understood");
    match position {
        Some(position) => problem.with("position", position),
        None => problem,
    }
}

/// The fields of a request that are malformed, all at once: (path, what is wrong with it).
pub(crate) fn bad_request(violations: Vec<(String, String)>) -> Status {
    Problem::of_fields(violations).status()
}

/// A call that nobody is known to have made.
pub(crate) fn no_credential() -> Status {
    let message = "this call needs a credential: authorization: Bearer <token>";
    Problem::new(Reason::CredentialMissing, message).status()
}

/// The credential under which a stream was begun has ended.
pub(crate) fn credential_expired() -> Status {
    let message = "the credential has expired or was withdrawn: send what was not answered again, with another";
    Problem::new(Reason::CredentialExpired, message).status()
}

/// The server is going down.
pub(crate) fn draining() -> Status {
    let message = "the server is going down: send what was not answered again, elsewhere or later";
    Problem::new(Reason::Draining, message).retry_after(STORE_RETRY).status()
}

/// More calls at once than the server answers.
pub(crate) fn too_many_calls() -> Status {
    let message = "the server answers as many calls as it can: try again a little later";
    Problem::new(Reason::Busy, message).retry_after(QUEUE_RETRY).status()
}

/// More calls of one caller at once than leave room for others.
pub(crate) fn too_many_of_one() -> Status {
    let message =
        "half of all calls that the server answers at once are yours: wait for some of them";
    Problem::new(Reason::Busy, message).retry_after(QUEUE_RETRY).status()
}

/// More bytes of answers wait for their readers than memory is there for.
pub(crate) fn too_much_unread() -> Status {
    let message = "too many bytes of answers wait to be taken, on your connection or on all: take them, \
                   or ask for fewer rows, and try again";
    Problem::new(Reason::Busy, message).retry_after(QUEUE_RETRY).status()
}

/// More commands of one caller waiting to be recorded than leave room for others.
pub(crate) fn too_many_waiting_of_one() -> Status {
    let message =
        "half of all commands that may wait to be recorded are yours: wait for some answers";
    Problem::new(Reason::Busy, message).retry_after(QUEUE_RETRY).status()
}

/// One caller calls too often; when it may again.
pub(crate) fn too_frequent(again_in: Duration) -> Status {
    let message = "you call more often than one caller may: slow down, or send many commands in one \
                   batch or stream";
    Problem::new(Reason::TooFrequent, message).retry_after(again_in).status()
}

/// The deadline of a call passed.
pub(crate) fn deadline_exceeded() -> Status {
    let message = "the deadline passed; a command may have been recorded all the same: send it \
                   again with the same request id; a question can be asked again";
    Problem::new(Reason::DeadlineExceeded, message).status()
}

/// A defect of the server; what it was stands in the log.
pub(crate) fn defect() -> Status {
    Problem::new(Reason::Internal, "a defect of the server: its log says more").status()
}

/// A message of more parts than are read.
pub(crate) fn message_too_wide() -> Status {
    let message = "the message has more parts than are taken: send fewer at once";
    Problem::new(Reason::MessageTooLarge, message).status()
}

/// A command of more bytes than a command may have. (Spec §4.10)
pub(crate) fn command_too_large(bytes: usize, bytes_max: usize, command: Option<usize>) -> Status {
    let message = format!("the command has {bytes} bytes; at most {bytes_max} are taken");
    let problem = Problem::new(Reason::CommandTooLarge, message)
        .with("bytes", bytes)
        .with("bytes_max", bytes_max);
    match command {
        Some(command) => problem.with("command", command).status(),
        None => problem.status(),
    }
}

/// An error with the errors that caused it.
struct Causes<'e>(&'e dyn std::error::Error);

impl std::fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
