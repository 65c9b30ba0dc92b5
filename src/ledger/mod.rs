//! The shell round the rules: one sequencer that orders all writes, and readers that follow.
//!
//! A [`Ledger`] is a cheap handle. What is written goes through a bounded queue to the
//! sequencer, the one task that decides, encodes, appends and answers; what is read comes from
//! the views and from the journal and never waits for the sequencer.
//!
//! Invariants:
//! - Durable, then published, then answered: who holds a receipt can read what it is for.
//! - A refused command appends nothing and burns no position. (Spec §4.6)
//! - When an append has an unknown outcome, the sequencer stops for good; opening the ledger
//!   again tells what became of it.

mod catalogue;
mod directory;
mod errors;
mod moment;
mod reading;

use std::sync::Arc;

use arc_swap::ArcSwap;
use imbl::HashMap as SharedMap;
use jiff::Timestamp;
use tokio::sync::watch;

use crate::judgement::{
    ChangeKind, Command, FrameworkId, Position, RecordId, Revision, StreamId, Text,
};

pub use catalogue::Registered;
pub use directory::{Introduction, Introductions};
pub use errors::{ReadError, SubmitError};
pub use moment::{KnownAt, Moment};
pub use reading::{
    AsOf, AssessmentRead, Filter, Found, Order, ReadRecord, Shown, Streamed, SubjectRead, View,
};

/// A handle on the ledger: cheap to clone, used from any task.
#[derive(Clone)]
pub struct Ledger {
    shared: Arc<Shared>,
}

/// What the sequencer publishes and readers see.
struct Shared {
    head: watch::Sender<Moment>,
    catalogue: ArcSwap<SharedMap<FrameworkId, Arc<Registered>>>,
    directory: ArcSwap<directory::Directory>,
}

impl Ledger {
    /// Hands in a submission and waits for its receipts, one for each command. A caller that
    /// goes away does not change what becomes of it.
    ///
    /// # Errors
    /// [`SubmitError`]: all but `OutcomeUnknown` mean that surely nothing was recorded.
    pub async fn submit(&self, submission: Submission) -> Result<Vec<Receipt>, SubmitError> {
        drop(submission);
        Err(SubmitError::Stopped)
    }
}

/// What is handed in at once: one command, or several on one assessment that are recorded all or
/// none. (Spec §4.7)
#[derive(Debug, Clone)]
pub struct Submission {
    /// The commands, all by the same caller.
    pub commands: Vec<Command<Text>>,
    /// The persons whom these commands name and the directory did not know.
    pub introductions: Vec<Introduction>,
    /// Whether it is recorded.
    pub mode: Mode,
}

/// Whether a submission is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is.
    Record,
    /// It is only checked: the same answers, nothing recorded.
    Validate,
}

/// What was recorded, or would have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The record's stream.
    pub stream: StreamId,
    /// Its place in the ledger; [`Position::START`] if only validated.
    pub position: Position,
    /// Its place in the stream.
    pub revision: Revision,
    /// Its id.
    pub record: RecordId,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// For a grade: how it differs from the one before.
    pub change: Option<ChangeKind>,
    /// New, found again, or only validated.
    pub outcome: Outcome,
}

/// How a receipt came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The command was recorded just now.
    Recorded,
    /// The request had been recorded before: this is the first receipt again. (Spec §4.3)
    Replayed,
    /// The command was only validated.
    Validated,
}
