//! Moments of the ledger.

use jiff::Timestamp;

use crate::judgement::Position;

/// A moment of the ledger: its last record, and when that was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The last record.
    pub position: Position,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// How a client names a moment. (Spec §2, known_at)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownAt {
    /// Now.
    Now,
    /// After this record.
    Position(Position),
    /// After the last record that was recorded at or before this time.
    Time(Timestamp),
}
