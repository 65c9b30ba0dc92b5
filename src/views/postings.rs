//! Reading the positions of a term, a few at a time.

use crate::judgement::Position;

use super::{Direction, Term, ViewsError, indexer::Shared, memory::Found, part};

/// Positions after `after` and before `before`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// Only what comes after this position.
    pub after: Position,
    /// Only what comes before this position.
    pub before: Position,
}

impl Range {
    /// Every position.
    pub const ALL: Self = Self { after: Position::START, before: Position::new(u64::MAX) };

    /// Where reading in this direction begins; nothing if nothing is in the range.
    pub(super) fn start(self, towards: Direction) -> Option<Position> {
        let start = match towards {
            Direction::Forwards => self.after.next(),
            Direction::Backwards => previous(self.before)?,
        };
        self.contains(start).then_some(start)
    }

    pub(super) fn contains(self, position: Position) -> bool {
        self.after < position && position < self.before
    }
}

/// The position after or before `position`, in this direction; nothing past the ends.
pub(super) fn beyond(position: Position, towards: Direction) -> Option<Position> {
    match towards {
        Direction::Forwards => position.get().checked_add(1).map(Position::new),
        Direction::Backwards => previous(position),
    }
}

fn previous(position: Position) -> Option<Position> {
    position.get().checked_sub(1).map(Position::new)
}

/// The positions that carry one term, in one direction, read as they are asked for: at most one
/// block is held, whatever the term.
///
/// Positions applied while it is read are seen if they are still ahead.
#[derive(Debug)]
pub struct Postings<'a> {
    shared: &'a Shared,
    key: Vec<u8>,
    range: Range,
    towards: Direction,
    /// Where to go on; nothing at the end.
    next: Option<Position>,
    /// The block read last. All positions of the term between its first and its last are in it,
    /// and will be: a block only grows behind its last.
    block: Vec<Position>,
}

impl<'a> Postings<'a> {
    pub(super) fn new(shared: &'a Shared, term: &Term, range: Range, towards: Direction) -> Self {
        let next = range.start(towards);
        Self { shared, key: term.key(), range, towards, next, block: Vec::new() }
    }

    /// The nearest position that carries the term, from `from` on, itself included; nothing if
    /// there is none in the range. The iterator goes on behind it.
    ///
    /// # Errors
    /// [`ViewsError::Broken`].
    pub fn seek(&mut self, from: Position) -> Result<Option<Position>, ViewsError> {
        let found = self.find(from)?.filter(|found| self.range.contains(*found));
        self.next = found.and_then(|found| beyond(found, self.towards));
        Ok(found)
    }

    fn find(&mut self, mut from: Position) -> Result<Option<Position>, ViewsError> {
        loop {
            if self.in_block(from) {
                return Ok(part::seek(&self.block, from, self.towards));
            }
            let asked = self.shared.memory().seek(&self.key, from, self.towards)?;
            let (store, written) = match asked {
                Found::Here(found) => return Ok(found),
                Found::AskStore(store, written) => (store, written),
            };
            let block = store.block(&self.key, from, self.towards, written);
            drop(store);
            self.block = block.map_err(|reason| self.broken(reason))?;
            if let Some(found) = part::seek(&self.block, from, self.towards) {
                return Ok(Some(found));
            }
            match self.towards {
                // Nothing up to `written`: look behind it, in memory or, if a part was written
                // just now, in the store again.
                Direction::Forwards => from = written.next(),
                Direction::Backwards => return Ok(None),
            }
        }
    }

    fn in_block(&self, from: Position) -> bool {
        let ends = self.block.first().zip(self.block.last());
        ends.is_some_and(|(first, last)| (*first..=*last).contains(&from))
    }

    fn broken(&self, reason: super::Reason) -> ViewsError {
        self.shared.condemn(reason.clone());
        ViewsError::Broken(reason)
    }
}

impl Iterator for Postings<'_> {
    type Item = Result<Position, ViewsError>;

    fn next(&mut self) -> Option<Self::Item> {
        let from = self.next?;
        let found = self.seek(from);
        if found.is_err() {
            self.next = None;
        }
        found.transpose()
    }
}
