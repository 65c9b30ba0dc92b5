//! Writes one part into the store, a transaction at a time.
//!
//! Any transaction may be the last before the process ends. So nothing up to `written` is touched
//! but by adding behind it, and what an earlier, unfinished attempt left past `written` is removed
//! on the way: every record past `written` is applied again, so the part that holds it holds its
//! terms again, and each of those terms is swept before it is written.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use sled::IVec;

use crate::{
    judgement::{Assessment, AssessmentId, Position},
    merkle::Hash,
};

use super::{
    Reason, SnapshotCodec, Term, block, frame,
    part::{Part, Postings},
    store::{Change, In, Saved, Store},
    tiles::FullTile,
};

/// How many keys one transaction changes at most: more of them at once cost sled memory out of
/// proportion.
const TRANSACTION_KEYS_MAX: usize = 256;

/// A part on its way into the store.
#[derive(Debug)]
pub(super) struct Writing<'a> {
    store: &'a Store,
    codec: SnapshotCodec,
    part: &'a Part,
    saved: Saved,
    /// What is still to be written, in the order of keys: neighbours share the store's pages.
    postings: VecDeque<(&'a [u8], &'a Postings)>,
    assessments: VecDeque<(&'a AssessmentId, Position, &'a Arc<Assessment>)>,
    tiles: VecDeque<(FullTile, Hash)>,
    /// Changes that did not fit into the last transaction.
    over: VecDeque<Change>,
}

/// What a step came to.
#[derive(Debug)]
pub(super) enum Step {
    /// There is more to write.
    More,
    /// The part is all in.
    Done(Saved),
}

impl<'a> Writing<'a> {
    /// Begins to write `part` behind what is `saved`.
    pub(super) fn begin(
        store: &'a Store,
        codec: SnapshotCodec,
        part: &'a Part,
        saved: Saved,
    ) -> Self {
        let mut postings: Vec<_> =
            part.postings.iter().map(|(key, postings)| (key.as_ref(), postings)).collect();
        postings.sort_unstable_by_key(|(key, _)| *key);
        let mut assessments: Vec<_> =
            part.assessments.iter().map(|(id, (at, state))| (id, *at, state)).collect();
        assessments.sort_unstable_by_key(|(id, ..)| *id);
        let (postings, assessments) = (postings.into(), assessments.into());
        let tiles = part.tree.filled.iter().map(|(tile, root)| (*tile, *root)).collect();
        let over = VecDeque::new();
        Self { store, codec, part, saved, postings, assessments, tiles, over }
    }

    /// Makes the next transaction. The last one moves `written` to the end of the part.
    pub(super) fn step(&mut self) -> Result<Step, Reason> {
        while self.over.len() < TRANSACTION_KEYS_MAX {
            if let Some((term, postings)) = self.postings.pop_front() {
                self.over.extend(self.term(term, postings.as_slice())?);
            } else if let Some((id, at, state)) = self.assessments.pop_front() {
                self.over.extend(self.assessment(id, at, state)?);
            } else if let Some((tile, root)) = self.tiles.pop_front() {
                self.over.push_back(self.tile(tile, root)?);
            } else {
                break;
            }
        }
        let now = self.over.len().min(TRANSACTION_KEYS_MAX);
        let changes: Vec<Change> = self.over.drain(..now).collect();
        let done = self.over.is_empty() && self.is_all_taken();
        self.saved.sum = self.store.summed(self.saved.sum, &changes);
        if done {
            self.saved.tree = self.part.tree.frontier.clone();
            self.saved.hash = self.part.hash;
        }
        self.store.commit(&changes, &self.saved)?;
        Ok(if done { Step::Done(self.saved.clone()) } else { Step::More })
    }

    fn is_all_taken(&self) -> bool {
        self.postings.is_empty() && self.assessments.is_empty() && self.tiles.is_empty()
    }

    /// The blocks of one term: its last block is filled up, the rest goes into new ones. What an
    /// unfinished attempt left behind the last block is deleted or replaced.
    fn term(&self, term: &[u8], positions: &[Position]) -> Result<Vec<Change>, Reason> {
        let written = self.saved.written();
        let mut changes = Changes::new();
        let mut rest = positions;
        for (key, old) in self.store.down_to(In::Postings, term, written)? {
            if block::position_of(&key).is_some_and(|first| first > written) {
                changes.insert(key.to_vec(), (Some(old), None));
                continue;
            }
            let mut held = block::read(&key, &old, written)?;
            let room = block::POSITIONS_MAX.saturating_sub(held.len()).min(rest.len());
            if room > 0 {
                let (fits, over) = rest.split_at(room);
                held.extend_from_slice(fits);
                rest = over;
                let new = block::encode(&key, &held);
                changes.insert(key.to_vec(), (Some(old), Some(new)));
            }
        }
        for chunk in rest.chunks(block::POSITIONS_MAX) {
            let first = chunk.first().copied().unwrap_or(Position::START);
            let key = block::key_at(term, first);
            let new = block::encode(&key, chunk);
            changes.entry(key).or_default().1 = Some(new);
        }
        Ok(of_tree(In::Postings, changes))
    }

    /// The snapshot of one assessment. The one before it stays, in case this part is never all
    /// in; the one before that is deleted, and what an unfinished attempt left.
    fn assessment(
        &self,
        id: &AssessmentId,
        at: Position,
        state: &Assessment,
    ) -> Result<Vec<Change>, Reason> {
        let written = self.saved.written();
        let name = Term::Assessment(id.clone()).key();
        let mut changes = Changes::new();
        let mut newest = true;
        for (key, old) in self.store.down_to(In::Assessments, &name, Position::START)? {
            let counts = block::position_of(&key).is_some_and(|position| position <= written);
            if !(counts && newest) {
                changes.insert(key.to_vec(), (Some(old), None));
            }
            newest &= !counts;
        }
        let key = block::key_at(&name, at);
        let new = frame::seal(&key, &(self.codec.encode)(state));
        changes.entry(key).or_default().1 = Some(new);
        Ok(of_tree(In::Assessments, changes))
    }

    /// The root of one tile. An unfinished attempt left the same one there, if any.
    fn tile(&self, tile: FullTile, root: Hash) -> Result<Change, Reason> {
        let key = tile.key().to_vec();
        let old = self.store.tile(&key)?;
        let new = Some(frame::seal(&key, root.as_bytes()));
        Ok(Change { tree: In::Tiles, key, old, new })
    }
}

/// Per key, what lies there and what shall; one change a key.
type Changes = BTreeMap<Vec<u8>, (Option<IVec>, Option<Vec<u8>>)>;

fn of_tree(tree: In, changes: Changes) -> Vec<Change> {
    changes.into_iter().map(|(key, (old, new))| Change { tree, key, old, new }).collect()
}
