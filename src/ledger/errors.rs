//! Why the ledger did not do what it was asked.

use crate::{
    journal::JournalError,
    judgement::{Position, Refusal},
};

/// Why a submission was not recorded, or may not have been.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// A rule forbids it. Of a batch, the number of the command that broke it, from 0.
    #[error("{refusal}")]
    Refused {
        /// Which command of the batch.
        command: usize,
        /// Which rule.
        #[source]
        refusal: Refusal,
    },
    /// Somebody else introduced one of the same persons meanwhile: resolve the names again.
    #[error("the directory of persons has moved on")]
    DirectoryMoved,
    /// The queue is full; surely not recorded. Try again a little later.
    #[error("the ledger has more to do than it can queue")]
    Busy,
    /// What is to be stored is too large.
    #[error("{what} has {bytes} bytes; at most {bytes_max} are taken")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        bytes_max: usize,
    },
    /// The disk is full; surely not recorded. Reads go on.
    #[error("the disk is full: nothing can be recorded until there is room")]
    Full,
    /// The clock jumped ahead; surely not recorded. (Spec §4.5)
    #[error("the clock cannot be trusted: it jumped ahead by {ahead_s} s")]
    ClockUntrusted {
        /// By how many seconds.
        ahead_s: u64,
    },
    /// The store cannot be written to just now; surely not recorded.
    #[error("the journal cannot be written to just now")]
    Unavailable,
    /// It may or may not have been recorded: a retry with the same request id tells which.
    #[error("it may or may not have been recorded; send it again with the same request id")]
    OutcomeUnknown,
    /// The sequencer has stopped; surely not recorded.
    #[error("the ledger has stopped taking commands")]
    Stopped,
}

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no such record.
    #[error("there is no record at position {0}")]
    NoRecord(Position),
    /// The position asked for has not been reached in time.
    #[error("position {asked} is not reached yet: the ledger is at {head}")]
    NotReached {
        /// The position asked for.
        asked: Position,
        /// Where the ledger is.
        head: Position,
    },
    /// Stored bytes cannot be understood.
    #[error("the record at position {position} cannot be read: {what}")]
    Unreadable {
        /// Where it stands.
        position: Position,
        /// What is wrong with it.
        what: String,
    },
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The views are being rebuilt.
    #[error("the views are being rebuilt: try again a little later")]
    Rebuilding,
}
