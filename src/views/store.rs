//! The sled database of the views: three trees, each look and each write contained.
//!
//! | tree | key | value |
//! |---|---|---|
//! | `postings` | term ‖ first position | a [block](super::block) of positions |
//! | `assessments` | assessment ‖ position | the assessment after its record at that position |
//! | `saved` | `saved` | how far the other two trees are whole, and their sum |
//!
//! **What lies past `written` is not there.** A part is written in several transactions, and only
//! the last of them moves `written` to the end of the part. Until then, or for ever if the process
//! ends first, blocks and snapshots may speak of later positions. Every look therefore names the
//! `written` it relies on and sees nothing past it: blocks that begin later are not looked at,
//! blocks that reach further are cut there, newer snapshots are passed over. What lies up to
//! `written` never changes: blocks are only extended at their end, and of a snapshot the newest
//! one up to `written` is never deleted.

use std::{path::Path, sync::Arc};

use sled::{IVec, Transactional, Tree, transaction::TransactionError};

use crate::{judgement::Position, merkle::Hash};

use super::{
    Reason, block,
    contain::{Escape, contained},
    frame, part,
    sum::{SUM_BYTES, Sum},
};

/// How often sled flushes in the background, in milliseconds. Nothing rests on the flush, but
/// without it sled never cleans its segments either.
const FLUSH_EVERY_MS: u64 = 500;

const POSTINGS: &str = "postings";
const ASSESSMENTS: &str = "assessments";
const SAVED: &str = "saved";

/// The format of the trees. Another one is rebuilt, never read.
const FORMAT: u8 = 3;

/// An open database.
#[derive(Debug)]
pub(super) struct Store {
    postings: Tree,
    assessments: Tree,
    saved: Tree,
}

/// Which tree a change is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum In {
    Postings,
    Assessments,
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
    /// The last record of the last part that is all in.
    pub(super) written: Position,
    /// The leaf hash of that record.
    pub(super) hash: Option<Hash>,
    /// Over all keys and values of both trees, those past `written` included.
    pub(super) sum: Sum,
}

impl Saved {
    /// An empty store.
    pub(super) fn nothing(ledger: Arc<[u8]>) -> Self {
        Self { ledger, written: Position::START, hash: None, sum: Sum::EMPTY }
    }

    fn encode(&self) -> Vec<u8> {
        let mut body = vec![FORMAT];
        body.extend(self.written.get().to_be_bytes());
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
        let (format, rest) = body.split_first().ok_or_else(damaged)?;
        if *format != FORMAT {
            return Err(Reason::OtherFormat { found: *format });
        }
        let (written, rest) = rest.split_first_chunk::<8>().ok_or_else(damaged)?;
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
            written: Position::new(u64::from_be_bytes(*written)),
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
            let saved = db.open_tree(SAVED)?;
            Ok(Self { postings, assessments, saved })
        })?
    }

    fn tree(&self, tree: In) -> (&Tree, &'static str) {
        match tree {
            In::Postings => (&self.postings, POSTINGS),
            In::Assessments => (&self.assessments, ASSESSMENTS),
        }
    }

    /// How far the store is whole; nothing if it is new.
    pub(super) fn saved(&self) -> Result<Option<Saved>, Reason> {
        contained(|| match self.saved.get(SAVED)? {
            Some(value) => Saved::decode(&value).map(Some),
            None if self.postings.is_empty() && self.assessments.is_empty() => Ok(None),
            None => Err(Reason::Damaged("there is no record of what is written")),
        })?
    }

    /// Reads everything and sums it: the answer must be [`Saved::sum`].
    pub(super) fn sum(&self) -> Result<Sum, Reason> {
        contained(|| {
            let mut sum = Sum::EMPTY;
            for (tree, name) in [In::Postings, In::Assessments].map(|tree| self.tree(tree)) {
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

    /// Makes all changes and moves on to `saved`, or none of it. Its sum must already be that
    /// after the changes; see [`Self::summed`].
    pub(super) fn commit(&self, changes: &[Change], saved: &Saved) -> Result<(), Reason> {
        let saved = saved.encode();
        let trees = (&self.postings, &self.assessments, &self.saved);
        let done = contained(|| {
            trees.transaction(|(postings, assessments, state)| {
                for change in changes {
                    let tree = match change.tree {
                        In::Postings => postings,
                        In::Assessments => assessments,
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
