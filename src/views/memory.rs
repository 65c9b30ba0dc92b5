//! What of the views is in memory: the records that the store does not have yet.

use std::{collections::VecDeque, sync::Arc};

use crate::{
    judgement::{Assessment, AssessmentId, Position},
    merkle::{Frontier, Hash},
};

use super::{
    Applied, Direction, Reason, ViewsError,
    part::{Keys, Part},
    store::Store,
    tiles::FullTile,
};

/// How many sealed parts may wait for the indexer. One is being written; the other lets folding go
/// on meanwhile. With the filling one, at most three parts are in memory.
pub(super) const WAITING_MAX: usize = 2;

/// The room that the first part is made with; those after it get what the one before them took. A
/// few megabytes, which are touched only when they are used.
const FIRST_TERMS: usize = 100_000;
const FIRST_ASSESSMENTS: usize = 4_000;

/// The records after `written`, in order: first the sealed parts, then the filling one. Together
/// with the store, which answers for the records up to `written`, they are the views.
///
/// Every position lies on one side of `written`, and there is no moment at which one lies on
/// neither or on both: who reads both sides takes `written` and the store in one look.
#[derive(Debug)]
pub(super) struct Memory {
    /// The last record that the store answers for.
    written: Position,
    /// The store; when it broke, why.
    store: Result<Arc<Store>, Reason>,
    /// A store that was taken out of use, until somebody closes it.
    condemned: Option<Arc<Store>>,
    /// Sealed parts, oldest first; at most [`WAITING_MAX`].
    waiting: VecDeque<Arc<Part>>,
    /// Takes what is applied.
    filling: Part,
    /// How many records seal a part.
    part_records: u64,
}

/// Where to look on, when memory has given its answer.
#[derive(Debug)]
pub(super) enum Found<T> {
    /// Here it is.
    Here(T),
    /// Not in memory: the store answers for what it has up to this position.
    AskStore(Arc<Store>, Position),
}

impl Memory {
    /// Nothing in memory yet; the store answers for the records of this tree.
    pub(super) fn new(store: Arc<Store>, tree: Frontier, part_records: u64) -> Self {
        let filling = Part::after(tree, FIRST_TERMS, FIRST_ASSESSMENTS);
        let written = filling.after;
        let (store, condemned, waiting) = (Ok(store), None, VecDeque::new());
        Self { written, store, condemned, waiting, filling, part_records }
    }

    /// The last record folded in.
    pub(super) fn head(&self) -> Position {
        self.filling.last
    }

    /// The tree of all records folded in.
    pub(super) fn tree(&self) -> &Frontier {
        &self.filling.tree.frontier
    }

    /// The root of a full tile that is in memory, because the store lacks some record of it.
    pub(super) fn tile_root(&self, tile: FullTile) -> Option<Hash> {
        self.parts().find_map(|part| part.tile_root(tile))
    }

    /// The last record that the store answers for.
    pub(super) fn written(&self) -> Position {
        self.written
    }

    /// The store, unless it broke.
    pub(super) fn store(&self) -> Result<Arc<Store>, Reason> {
        self.store.as_ref().map(Arc::clone).map_err(Clone::clone)
    }

    /// Whether nothing has room any more: neither the filling part nor the queue of sealed ones.
    pub(super) fn is_full(&self) -> bool {
        self.filling.records() >= self.part_records && self.waiting.len() >= WAITING_MAX
    }

    /// Folds a batch in: all or none of it.
    pub(super) fn apply(&mut self, keys: &Keys, batch: &[Applied]) -> Result<(), ViewsError> {
        self.store.as_ref().map_err(|reason| ViewsError::Broken(reason.clone()))?;
        let mut expected = self.head();
        for applied in batch {
            expected = expected.next();
            let given = applied.record.position;
            if given != expected {
                return Err(ViewsError::OutOfOrder { expected, given });
            }
        }
        if self.is_full() {
            return Err(ViewsError::Lag);
        }
        self.filling.fold(keys, batch);
        Ok(())
    }

    /// Seals the filling part if it is large enough and may wait. Whether it was sealed.
    pub(super) fn seal_full(&mut self) -> bool {
        self.filling.records() >= self.part_records && self.seal()
    }

    /// Seals the filling part, if there is something in it and it may wait. Whether it was.
    pub(super) fn seal(&mut self) -> bool {
        if !self.can_seal(self.head()) {
            return false;
        }
        let next = self.filling.next();
        self.waiting.push_back(Arc::new(std::mem::replace(&mut self.filling, next)));
        true
    }

    /// The oldest sealed part: the next for the indexer.
    pub(super) fn next_part(&self) -> Option<Arc<Part>> {
        self.waiting.front().cloned()
    }

    /// Forgets the oldest sealed part: from now on the store answers for its records.
    pub(super) fn retire(&mut self) {
        if let Some(part) = self.waiting.pop_front() {
            self.written = part.last;
        }
    }

    /// Takes the store out of use for this reason; the first reason stays.
    pub(super) fn condemn(&mut self, reason: Reason) {
        if self.store.is_ok() {
            self.condemned = std::mem::replace(&mut self.store, Err(reason)).ok();
        }
    }

    /// The store that was taken out of use, for the one caller who closes it.
    pub(super) fn take_condemned(&mut self) -> Option<Arc<Store>> {
        self.condemned.take()
    }

    /// Whether the filling part holds `position` or something before it, and may be sealed.
    pub(super) fn can_seal(&self, position: Position) -> bool {
        self.filling.after < position && self.waiting.len() < WAITING_MAX
    }

    /// The parts, oldest first.
    fn parts(&self) -> impl DoubleEndedIterator<Item = &Part> {
        self.waiting.iter().map(Arc::as_ref).chain(std::iter::once(&self.filling))
    }

    /// The assessment as the records in memory leave it.
    pub(super) fn assessment(
        &self,
        id: &AssessmentId,
    ) -> Result<Found<Arc<Assessment>>, ViewsError> {
        let store = self.store().map_err(ViewsError::Broken)?;
        let found = self.parts().rev().find_map(|part| part.assessments.get(id));
        Ok(match found {
            Some((_, assessment)) => Found::Here(Arc::clone(assessment)),
            None => Found::AskStore(store, self.written),
        })
    }

    /// The nearest position in memory that carries the term, from `from` on.
    ///
    /// Backwards, what is in memory comes first, so that the store is asked only once nothing is
    /// found. Forwards, the store comes first: it is asked as long as `from` lies in it.
    pub(super) fn seek(
        &self,
        key: &[u8],
        from: Position,
        towards: Direction,
    ) -> Result<Found<Option<Position>>, ViewsError> {
        let store = self.store().map_err(ViewsError::Broken)?;
        let found = match towards {
            Direction::Forwards if from <= self.written => None,
            Direction::Forwards => {
                Some(self.parts().find_map(|part| part.seek(key, from, towards)))
            }
            Direction::Backwards => {
                let found = self.parts().rev().find_map(|part| part.seek(key, from, towards));
                found.map(Some)
            }
        };
        Ok(found.map_or_else(|| Found::AskStore(store, self.written), Found::Here))
    }
}
