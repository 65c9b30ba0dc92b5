//! A part: consecutive records folded in memory, on their way into the store.

use std::{ops::Range, sync::Arc};

use foldhash::{HashMap, fast::RandomState};

use crate::{
    judgement::{Assessment, AssessmentId, Position},
    merkle::{Frontier, Hash},
};

use super::{
    Applied, Direction, terms_of,
    tiles::{FullTile, Growth},
};

/// The positions at which the terms of some records stand, and the assessments as those records
/// leave them.
///
/// Its size is bounded by the number of its records, and that by the options of the views.
#[derive(Debug)]
pub(super) struct Part {
    /// The last record before the part.
    pub(super) after: Position,
    /// The last record of the part; `after` while it is empty.
    pub(super) last: Position,
    /// The leaf hash of the last record; none while the part is empty.
    pub(super) hash: Option<Hash>,
    /// Per term, by its key, the positions that carry it.
    pub(super) postings: HashMap<Box<[u8]>, Postings>,
    /// Per assessment, its last record in the part and the state after it.
    pub(super) assessments: HashMap<AssessmentId, (Position, Arc<Assessment>)>,
    /// The tree up to the last record, and the tiles that the part's records fill.
    pub(super) tree: Growth,
}

/// The positions of one term in a part, ascending. Most terms of a part stand at one record: they
/// cost no allocation of their own.
#[derive(Debug)]
pub(super) enum Postings {
    One(Position),
    Many(Vec<Position>),
}

impl Postings {
    pub(super) fn as_slice(&self) -> &[Position] {
        match self {
            Self::One(position) => std::slice::from_ref(position),
            Self::Many(positions) => positions,
        }
    }

    fn push(&mut self, position: Position) {
        match self {
            Self::One(first) => *self = Self::Many(vec![*first, position]),
            Self::Many(positions) => positions.push(position),
        }
    }
}

/// How many terms a record has, and how many bytes their keys, about: what room is made for.
const KEYS: usize = 16;
const KEYS_BYTES: usize = 384;

/// The keys of the terms of some records, made before the lock is taken under which a part grows.
#[derive(Debug)]
pub(super) struct Keys {
    bytes: Vec<u8>,
    filed: Vec<(Position, Range<usize>)>,
}

impl Keys {
    /// The keys of all terms of `batch`.
    pub(super) fn of(batch: &[Applied]) -> Self {
        let mut keys = Self {
            bytes: Vec::with_capacity(batch.len().saturating_mul(KEYS_BYTES)),
            filed: Vec::with_capacity(batch.len().saturating_mul(KEYS)),
        };
        for applied in batch {
            for term in terms_of(&applied.record, &applied.topics) {
                let start = keys.bytes.len();
                term.write_key(&mut keys.bytes);
                keys.filed.push((applied.record.position, start..keys.bytes.len()));
            }
        }
        keys
    }

    fn iter(&self) -> impl Iterator<Item = (Position, &[u8])> {
        let key = |range: &Range<usize>| self.bytes.get(range.clone()).unwrap_or_default();
        self.filed.iter().map(move |(position, range)| (*position, key(range)))
    }
}

impl Part {
    /// An empty part that continues after the records of a tree, with room for `terms` and
    /// `assessments`: making more of it while a batch is folded takes milliseconds.
    pub(super) fn after(tree: Frontier, terms: usize, assessments: usize) -> Self {
        let after = Position::new(tree.size());
        Self {
            after,
            last: after,
            hash: None,
            postings: HashMap::with_capacity_and_hasher(terms, RandomState::default()),
            assessments: HashMap::with_capacity_and_hasher(assessments, RandomState::default()),
            tree: Growth::on(tree),
        }
    }

    /// An empty part that continues after this one, with as much room as this one took.
    pub(super) fn next(&self) -> Self {
        let tree = self.tree.frontier.clone();
        Self::after(tree, self.postings.len(), self.assessments.len())
    }

    /// How many records were folded in.
    pub(super) fn records(&self) -> u64 {
        self.last.since(self.after)
    }

    /// Folds `batch` in; its positions must go on where the part ends.
    pub(super) fn fold(&mut self, keys: &Keys, batch: &[Applied]) {
        for (position, key) in keys.iter() {
            if let Some(postings) = self.postings.get_mut(key) {
                postings.push(position);
            } else {
                self.postings.insert(Box::from(key), Postings::One(position));
            }
        }
        for applied in batch {
            self.last = applied.record.position;
            self.hash = Some(applied.hash);
            self.tree.push(applied.hash);
            if let Some(assessment) = &applied.assessment {
                let state = (applied.record.position, Arc::clone(assessment));
                self.assessments.insert(assessment.id.clone(), state);
            }
        }
    }

    /// The root of a tile that the part's records fill.
    pub(super) fn tile_root(&self, tile: FullTile) -> Option<Hash> {
        self.tree.filled.get(&tile).copied()
    }

    /// The nearest position that carries the term, from `from` on in this direction.
    pub(super) fn seek(&self, key: &[u8], from: Position, towards: Direction) -> Option<Position> {
        seek(self.postings.get(key)?.as_slice(), from, towards)
    }
}

/// The nearest of ascending `positions` from `from` on, itself included, in this direction.
pub(super) fn seek(positions: &[Position], from: Position, towards: Direction) -> Option<Position> {
    match towards {
        Direction::Forwards => {
            let before = positions.partition_point(|position| *position < from);
            positions.get(before).copied()
        }
        Direction::Backwards => {
            let reached = positions.partition_point(|position| *position <= from);
            positions.get(reached.checked_sub(1)?).copied()
        }
    }
}
