//! The sled database of the views: four trees, each look and each write contained.
//!
//! | tree | key | value |
//! |---|---|---|
//! | `postings` | term ‖ first position | a [block](super::block) of positions |
//! | `assessments` | assessment ‖ position | the assessment after its record at that position |
//! | `tiles` | [tile](super::tiles) | the root of that full tile |
//! | `saved` | `saved` | how far the other trees are whole, their sum, and the tree of hashes up to there |
//!
//! **What lies past `written` is not there.** A part is written in several transactions, and only
//! the last of them moves `written` to the end of the part. Until then, or for ever if the process
//! ends first, blocks and snapshots may speak of later positions. Every look therefore names the
//! `written` it relies on and sees nothing past it: blocks that begin later are not looked at,
//! blocks that reach further are cut there, newer snapshots and tiles are passed over. What lies up
//! to `written` never changes: blocks are only extended at their end, of a snapshot the newest one
//! up to `written` is never deleted, and the root of a full tile stays what it is.

use std::{path::Path, sync::Arc};

use sled::{IVec, Transactional, Tree, transaction::TransactionError};

use crate::{
    judgement::Position,
    merkle::{Frontier, Hash},
};

use super::{
    Reason, block,
    contain::{Escape, contained},
    frame, part,
    sum::{SUM_BYTES, Sum},
    tiles::FullTile,
};

/// How often sled flushes in the background, in milliseconds. Nothing rests on the flush, but
/// without it sled never cleans its segments either.
const FLUSH_EVERY_MS: u64 = 500;

const POSTINGS: &str = "postings";
const ASSESSMENTS: &str = "assessments";
const TILES: &str = "tiles";
const SAVED: &str = "saved";

/// The format of the trees. Another one is rebuilt, never read.
const FORMAT: u8 = 4;

/// An open database.
#[derive(Debug)]
pub(super) struct Store {
    postings: Tree,
    assessments: Tree,
    tiles: Tree,
    saved: Tree,
}

/// Which tree a change is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum In {
    Postings,
    Assessments,
    Tiles,
}

impl In {
    const ALL: [Self; 3] = [Self::Postings, Self::Assessments, Self::Tiles];
}

/// One key that a transaction writes or deletes.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) tree: In,
    pub(super) key: Vec<u8>,
    /// What lies there now.
    pub(super) old: Option<IVec>,
    /// What shall lie there; nothing deletes it.
    pub(super) new: Option<Vec<u8>>,
}

/// How far the store is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Saved {
    /// Whose records these are.
    pub(super) ledger: Arc<[u8]>,
    /// The tree of hashes over the records up to the last one of the last part that is all in.
    pub(super) tree: Frontier,
    /// The leaf hash of that record.
    pub(super) hash: Option<Hash>,
    /// Over all keys and values of the other trees, those past `written` included.
    pub(super) sum: Sum,
}

impl Saved {
    /// An empty store.
    pub(super) fn nothing(ledger: Arc<[u8]>) -> Self {
        Self { ledger, tree: Frontier::empty(), hash: None, sum: Sum::EMPTY }
    }

    /// The last record of the last part that is all in.
    pub(super) fn written(&self) -> Position {
        Position::new(self.tree.size())
    }

    fn encode(&self) -> Vec<u8> {
        let mut body = vec![FORMAT];
        frame::push_bytes(&mut body, &self.tree.to_bytes());
        body.extend(self.sum.to_bytes());
        match &self.hash {
            Some(hash) => {
                body.push(1);
                body.extend(hash.as_bytes());
            }
            None => body.push(0),
        }
        body.extend_from_slice(&self.ledger);
        frame::seal(SAVED.as_bytes(), &body)
    }

    fn decode(value: &[u8]) -> Result<Self, Reason> {
        let damaged = || Reason::Damaged("the record of what is written");
        let body = frame::open(SAVED.as_bytes(), value).ok_or_else(damaged)?;
        let (format, mut rest) = body.split_first().ok_or_else(damaged)?;
        if *format != FORMAT {
            return Err(Reason::OtherFormat { found: *format });
        }
        let tree = frame::take_bytes(&mut rest).and_then(|it| Frontier::from_bytes(it).ok());
        let (sum, rest) = rest.split_first_chunk::<SUM_BYTES>().ok_or_else(damaged)?;
        let (hash, ledger) = match rest.split_first().ok_or_else(damaged)? {
            (0, rest) => (None, rest),
            (_, rest) => {
                let (hash, rest) = rest.split_first_chunk().ok_or_else(damaged)?;
                (Some(Hash::new(*hash)), rest)
            }
        };
        Ok(Self {
            ledger: Arc::from(ledger),
            tree: tree.ok_or_else(damaged)?,
            hash,
            sum: Sum::from_bytes(*sum),
        })
    }
}

impl From<sled::Error> for Reason {
    fn from(error: sled::Error) -> Self {
        Self::Store(Arc::new(error))
    }
}

impl From<Escape> for Reason {
    fn from(escape: Escape) -> Self {
        match escape {
            Escape::Panicked(said) => Self::Panicked(Arc::from(said)),
            Escape::Hung | Escape::NoThread => Self::Hung,
        }
    }
}

impl Store {
    /// Opens the database in this directory, making both if there are none. `cache_bytes` bounds
    /// sled's cache of pages, not its memory: measured, it takes about twice as much.
    pub(super) fn open(directory: &Path, cache_bytes: u64) -> Result<Self, Reason> {
        contained(|| {
            let db = sled::Config::new()
                .path(directory)
                .cache_capacity(cache_bytes)
                .flush_every_ms(Some(FLUSH_EVERY_MS))
                .open()?;
            let postings = db.open_tree(POSTINGS)?;
            let assessments = db.open_tree(ASSESSMENTS)?;
            let tiles = db.open_tree(TILES)?;
            let saved = db.open_tree(SAVED)?;
            Ok(Self { postings, assessments, tiles, saved })
        })?
    }

    fn tree(&self, tree: In) -> (&Tree, &'static str) {
        match tree {
            In::Postings => (&self.postings, POSTINGS),
            In::Assessments => (&self.assessments, ASSESSMENTS),
            In::Tiles => (&self.tiles, TILES),
        }
    }

    /// How far the store is whole; nothing if it is new.
    pub(super) fn saved(&self) -> Result<Option<Saved>, Reason> {
        contained(|| match self.saved.get(SAVED)? {
            Some(value) => Saved::decode(&value).map(Some),
            None if In::ALL.iter().all(|tree| self.tree(*tree).0.is_empty()) => Ok(None),
            None => Err(Reason::Damaged("there is no record of what is written")),
        })?
    }

    /// Reads everything and sums it: the answer must be [`Saved::sum`].
    pub(super) fn sum(&self) -> Result<Sum, Reason> {
        contained(|| {
            let mut sum = Sum::EMPTY;
            for (tree, name) in In::ALL.map(|tree| self.tree(tree)) {
                for pair in tree {
                    let (key, value) = pair?;
                    sum = sum.with(name, &key, &value);
                }
            }
            Ok(sum)
        })?
    }

    /// The last key and value in `tree` under `name` and a position up to `until`.
    pub(super) fn last(
        &self,
        tree: In,
        name: &[u8],
        until: Position,
    ) -> Result<Option<(IVec, IVec)>, Reason> {
        let range = block::key_at(name, Position::START)..=block::key_at(name, until);
        contained(|| Ok(self.tree(tree).0.range(range).next_back().transpose()?))?
    }

    /// The keys and values in `tree` under `name`, latest first, up to and with the first that is
    /// not after `after`. Only a handful can lie past what is written.
    pub(super) fn down_to(
        &self,
        tree: In,
        name: &[u8],
        after: Position,
    ) -> Result<Vec<(IVec, IVec)>, Reason> {
        let last = Position::new(u64::MAX);
        let range = block::key_at(name, Position::START)..=block::key_at(name, last);
        contained(|| {
            let mut pairs = Vec::new();
            for pair in self.tree(tree).0.range(range).rev() {
                let pair = pair?;
                let reached = block::position_of(&pair.0).is_none_or(|at| at <= after);
                pairs.push(pair);
                if reached {
                    break;
                }
            }
            Ok(pairs)
        })?
    }

    /// The positions up to `written` in the block of the term that decides about `from` in this
    /// direction: the nearest position is among them, or there is none.
    pub(super) fn block(
        &self,
        term: &[u8],
        from: Position,
        towards: super::Direction,
        written: Position,
    ) -> Result<Vec<Position>, Reason> {
        let begun = self.last(In::Postings, term, from.min(written))?;
        let begun = begun
            .map(|(key, value)| block::read(&key, &value, written))
            .transpose()?
            .unwrap_or_default();
        if part::seek(&begun, from, towards).is_some() {
            return Ok(begun);
        }
        match towards {
            // Only blocks that begin later can hold it.
            super::Direction::Forwards => {
                let from = block::key_at(term, from);
                let range = from..=block::key_at(term, written);
                if range.is_empty() {
                    return Ok(Vec::new());
                }
                let next = contained(|| self.postings.range(range).next().transpose())??;
                next.map_or(Ok(Vec::new()), |(key, value)| block::read(&key, &value, written))
            }
            super::Direction::Backwards => Ok(Vec::new()),
        }
    }

    /// What lies under the key of a tile.
    pub(super) fn tile(&self, key: &[u8]) -> Result<Option<IVec>, Reason> {
        contained(|| Ok(self.tiles.get(key)?))?
    }

    /// The roots of neighbouring tiles from `first` up to `last`, all of which are written.
    pub(super) fn tile_roots(&self, first: FullTile, last: FullTile) -> Result<Vec<Hash>, Reason> {
        let damaged = || Reason::Damaged("the root of a tile");
        contained(|| {
            let mut roots = Vec::new();
            let mut tile = first;
            for pair in self.tiles.range(first.key()..=last.key()) {
                let (key, value) = pair?;
                // Every tile in its place: none is missing, none is passed over.
                if *key != tile.key() {
                    return Err(damaged());
                }
                let root = frame::open(&key, &value).and_then(|root| root.try_into().ok());
                roots.push(Hash::new(root.ok_or_else(damaged)?));
                tile.index = tile.index.saturating_add(1);
            }
            let all = last.index.checked_sub(first.index).and_then(|it| it.checked_add(1));
            let found = u64::try_from(roots.len()).ok();
            if found == all { Ok(roots) } else { Err(damaged()) }
        })?
    }

    /// Makes all changes and moves on to `saved`, or none of it. Its sum must already be that
    /// after the changes; see [`Self::summed`].
    pub(super) fn commit(&self, changes: &[Change], saved: &Saved) -> Result<(), Reason> {
        let saved = saved.encode();
        let trees = (&self.postings, &self.assessments, &self.tiles, &self.saved);
        let done = contained(|| {
            trees.transaction(|(postings, assessments, tiles, state)| {
                for change in changes {
                    let tree = match change.tree {
                        In::Postings => postings,
                        In::Assessments => assessments,
                        In::Tiles => tiles,
                    };
                    match &change.new {
                        Some(value) => tree.insert(change.key.as_slice(), value.as_slice())?,
                        None => tree.remove(change.key.as_slice())?,
                    };
                }
                state.insert(SAVED, saved.as_slice())?;
                Ok(())
            })
        })?;
        done.map_err(|error: TransactionError<()>| match error {
            TransactionError::Storage(error) => Reason::from(error),
            TransactionError::Abort(()) => Reason::Damaged("a transaction was given up"),
        })
    }

    /// What `sum` becomes by `changes`.
    pub(super) fn summed(&self, sum: Sum, changes: &[Change]) -> Sum {
        changes.iter().fold(sum, |sum, change| {
            let (_, tree) = self.tree(change.tree);
            let without = match &change.old {
                Some(old) => sum.without(tree, &change.key, old),
                None => sum,
            };
            match &change.new {
                Some(new) => without.with(tree, &change.key, new),
                None => without,
            }
        })
    }

    /// Hands everything to the operating system.
    #[cfg(test)]
    pub(super) fn flush(&self) {
        self.saved.flush().unwrap();
    }
}
