//! What a command is answered with.

use jiff::Timestamp;

use super::Keep;
use crate::judgement::{ChangeKind, Event, Position, RecordId, Revision, StreamId};

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

impl Receipt {
    pub(super) fn of(keep: &Keep, outcome: Outcome) -> Self {
        let record = &keep.record;
        Self {
            stream: record.stream.clone(),
            position: record.position,
            revision: record.revision,
            record: record.id,
            recorded_at: record.recorded_at,
            change: match &record.event {
                Event::GradeSet(event) => Some(event.change),
                Event::PersonRegistered(_)
                | Event::FrameworkRegistered(_)
                | Event::SubjectRegistered(_)
                | Event::AssessmentOpened(_)
                | Event::AddresseeSet(_)
                | Event::EntryRecorded(_)
                | Event::EntryRevised(_)
                | Event::AssessmentLocked(_)
                | Event::SignedOff(_)
                | Event::AssessmentPublished(_)
                | Event::HoldPlaced(_)
                | Event::HoldReleased(_)
                | Event::ChallengeReceived(_)
                | Event::ChallengeDecided(_)
                | Event::DraftShared(_)
                | Event::RecordCorrected(_)
                | Event::SubjectRenamed(_)
                | Event::RedactionRequested(_)
                | Event::TextRedacted(_)
                | Event::RedactionRefused(_)
                | Event::RedactionCompleted(_)
                | Event::KeyRotated(_)
                | Event::AccessRecorded(_)
                | Event::SignOffRefused(_)
                | Event::AssessmentReopened(_)
                | Event::AssessmentWithdrawn(_) => None,
            },
            outcome,
        }
    }

    /// The same, of a command that was only checked.
    pub(super) fn validated(self) -> Self {
        Self { position: Position::START, outcome: Outcome::Validated, ..self }
    }
}
