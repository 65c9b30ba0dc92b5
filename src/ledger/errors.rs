//! Why the ledger did not do what it was asked.

use std::io;

use super::{ClockUntrusted, ReadOnly};
use crate::{
    journal::{JournalError, NotApplied},
    judgement::{Position, Refusal},
    record::{RECORD_BYTES_MAX, Record, TooLarge},
    vault::{EntropyError, VaultError},
    views::ViewsError,
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
    #[error(transparent)]
    ClockUntrusted(ClockUntrusted),
    /// The journal is not the one that was signed; surely not recorded.
    #[error("{0}")]
    ReadOnly(ReadOnly),
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
    /// No checkpoint covers the position in time.
    #[error("position {asked} is not covered by a checkpoint yet: the newest covers {covered}")]
    NotCovered {
        /// The position asked for.
        asked: Position,
        /// How many records the newest checkpoint covers; 0 if there is none.
        covered: u64,
    },
    /// A tree never becomes smaller.
    #[error("a tree of {to} records cannot have grown from one of {from}")]
    Shrunk {
        /// The size of the tree that was to be the earlier one.
        from: u64,
        /// The size of the other.
        to: u64,
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

impl SubmitError {
    /// Says which command of a batch a refusal is about.
    pub(super) fn of_command(self, number: usize) -> Self {
        match self {
            Self::Refused { refusal, .. } => Self::Refused { command: number, refusal },
            Self::DirectoryMoved
            | Self::Busy
            | Self::TooLarge { .. }
            | Self::Full
            | Self::ClockUntrusted(_)
            | Self::ReadOnly(_)
            | Self::Unavailable
            | Self::OutcomeUnknown
            | Self::Stopped => self,
        }
    }

    pub(super) fn not_applied(cause: &NotApplied) -> Self {
        match cause {
            NotApplied::Full(_) => Self::Full,
            NotApplied::TooLarge { bytes, bytes_max } => {
                Self::TooLarge { what: "the group", bytes: *bytes, bytes_max: *bytes_max }
            }
            NotApplied::Unavailable(_) | NotApplied::Overtaken => Self::Unavailable,
        }
    }
}

// What hinders a command before anything is appended is logged here, where it is turned into
// what the caller may know: surely not recorded.
impl From<ReadError> for SubmitError {
    fn from(error: ReadError) -> Self {
        tracing::error!(%error, "a command cannot be decided");
        Self::Unavailable
    }
}

impl From<VaultError> for SubmitError {
    fn from(error: VaultError) -> Self {
        tracing::error!(%error, "a text cannot be sealed");
        if let VaultError::Io { source, .. } = &error
            && source.kind() == io::ErrorKind::StorageFull
        {
            return Self::Full;
        }
        Self::Unavailable
    }
}

impl From<EntropyError> for SubmitError {
    fn from(error: EntropyError) -> Self {
        tracing::error!(%error, "there is no randomness");
        Self::Unavailable
    }
}

impl From<TooLarge> for SubmitError {
    fn from(error: TooLarge) -> Self {
        Self::TooLarge { what: "the record", bytes: error.bytes, bytes_max: RECORD_BYTES_MAX }
    }
}

impl From<ViewsError> for ReadError {
    fn from(error: ViewsError) -> Self {
        tracing::error!(%error, "the views cannot be read");
        Self::Rebuilding
    }
}

impl ReadError {
    /// The fold says that a record tells of one thing, and it tells of another.
    #[must_use]
    pub fn other(record: &Record, expected: &str) -> Self {
        let what = format!("{} stands where {expected} is expected", record.event.name());
        Self::Unreadable { position: record.position, what }
    }
}
