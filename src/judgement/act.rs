//! What every command states about itself, whatever it orders.

use jiff::civil::Date;

use super::{Decider, EntryId, Position, ReasonCode, RequestId};

/// The circumstances of one command: by whom decided, when, why, on what. (Spec §4)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act<T> {
    /// The key of idempotency.
    pub request: RequestId,
    /// Who decided; absent means the recorder did, or where history was entered later, that its
    /// source does not say.
    pub decided_by: Option<Decider<T>>,
    /// The day on which it was decided.
    pub decided_on: Option<Date>,
    /// The day from which it holds; absent means the day of recording. (Spec §4.5)
    pub effective_on: Option<Date>,
    /// On what the decision rests.
    pub basis: Option<Basis>,
    /// Who told the decider to.
    pub instructed_by: Option<Decider<T>>,
    /// Why, as the framework lists reasons.
    pub reason: Option<ReasonCode>,
    /// Why, in words.
    pub rationale: Option<T>,
    /// The entries that it rests on.
    pub evidence: Vec<EvidenceRef>,
    /// Recorded as it happened, or entered later from a source.
    pub origin: Origin<T>,
}

/// An entry at a moment of its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidenceRef {
    /// The entry, in the same assessment.
    pub entry: EntryId,
    /// The record that gave the entry the wording that is meant; [`Position::START`] in a command
    /// means its last.
    pub at: Position,
}

impl EvidenceRef {
    /// Whether the entry's last record is meant, whichever that is when it is recorded.
    #[must_use]
    pub fn is_of_last(&self) -> bool {
        self.at == Position::START
    }
}

impl<T: Clone> Act<T> {
    /// The same act, where it names the last record of an entry, naming the record that `recorded`
    /// names: that was the last when it was recorded.
    #[must_use]
    pub fn with_evidence_of<U>(&self, recorded: &Act<U>) -> Self {
        let mut act = self.clone();
        for (cited, then) in act.evidence.iter_mut().zip(&recorded.evidence) {
            if cited.is_of_last() {
                cited.at = then.at;
            }
        }
        act
    }
}

impl<T> Act<T> {
    /// An act of the service itself: nothing is stated about it.
    #[must_use]
    pub const fn of_service(request: RequestId) -> Self {
        Self {
            request,
            decided_by: None,
            decided_on: None,
            effective_on: None,
            basis: None,
            instructed_by: None,
            reason: None,
            rationale: None,
            evidence: Vec::new(),
            origin: Origin::Witnessed,
        }
    }
}

/// On what a decision rests. (Spec §4)
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Basis {
    /// Evidence that was not known before.
    NewEvidence,
    /// The same evidence, read differently.
    SameEvidence,
    /// Data that turned out wrong.
    DataCorrected,
    /// The framework demands it.
    Framework,
    /// A slip.
    Error,
}

/// How a record came into the ledger. (Spec §2)
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin<T> {
    /// Recorded as it happened.
    Witnessed,
    /// History entered later, from a source.
    Transcribed {
        /// What was read.
        source: T,
        /// The SHA-256 of what was read, where there is a file of it.
        sha256: Option<[u8; 32]>,
    },
}

impl<T> Origin<T> {
    /// Whether it was entered later.
    #[must_use]
    pub const fn is_transcribed(&self) -> bool {
        match self {
            Self::Witnessed => false,
            Self::Transcribed { .. } => true,
        }
    }
}

/// What the client believes to be the last record of an item. (Spec §4.2)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Nothing was recorded of it yet.
    NoneYet,
    /// This record was the last.
    At(Position),
    /// The last is the one earlier in the same batch.
    PreviousInBatch,
    /// Whatever it is: asked for explicitly.
    Any,
}

/// Which revision the client believes a whole assessment to have. (Spec §4.2)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedRevision {
    /// This one.
    At(super::Revision),
    /// Whatever it is: asked for explicitly.
    Any,
}
