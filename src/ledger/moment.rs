//! Moments of the ledger.

use jiff::Timestamp;

use super::{KnownAt, Ledger, ReadError, fold};
use crate::{journal::Journal, judgement::Position};

/// A moment of the ledger: its last record, and when that was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The last record; [`Position::START`] before the first.
    pub position: Position,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

impl Moment {
    /// Before the first record.
    pub(super) const START: Self =
        Self { position: Position::START, recorded_at: Timestamp::UNIX_EPOCH };
}

impl Ledger {
    /// The moment that a client means.
    ///
    /// # Errors
    /// [`ReadError::NotReached`] for a position that the ledger has not reached; otherwise
    /// [`ReadError`] if the journal cannot be read.
    pub async fn moment(&self, known: KnownAt) -> Result<Moment, ReadError> {
        let head = self.head();
        match known {
            KnownAt::Now => Ok(head),
            KnownAt::Position(position) if position > head.position => {
                Err(ReadError::NotReached { asked: position, head: head.position })
            }
            KnownAt::Position(position) => of(&*self.shared.journal, position).await,
            KnownAt::Time(time) if time >= head.recorded_at => Ok(head),
            KnownAt::Time(time) => last_until(&*self.shared.journal, time, head.position).await,
        }
    }
}

/// The moment of a record.
pub(super) async fn of(journal: &dyn Journal, position: Position) -> Result<Moment, ReadError> {
    if position == Position::START {
        return Ok(Moment::START);
    }
    let keep = fold::keep(journal, position).await?;
    Ok(Moment { position, recorded_at: keep.record.recorded_at })
}

/// The last record up to `head` that was recorded at or before `time`: recorded times never fall
/// with the position, so bisecting finds it.
async fn last_until(
    journal: &dyn Journal,
    time: Timestamp,
    head: Position,
) -> Result<Moment, ReadError> {
    let mut found = Moment::START;
    let (mut low, mut high) = (1, head.get());
    while low <= high {
        let middle = low.midpoint(high);
        let moment = of(journal, Position::new(middle)).await?;
        if moment.recorded_at <= time {
            found = moment;
            low = middle.saturating_add(1);
        } else {
            high = middle.saturating_sub(1);
        }
    }
    Ok(found)
}
