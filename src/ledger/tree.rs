//! The tree of hashes over all records, at any size that it has had: roots, proofs, tiles.
//!
//! Leaf `i` is the record at position `i + 1`. The leaves lie in the journal and are hashed as they
//! lie; of every full tile of 256 nodes the views keep the root; what lies between is folded when
//! it is asked for. The root of the newest tree comes from the sequencer, and is known without
//! either: **nothing is given here that was not checked against it.** A root of an earlier size is
//! given with the two trees proven consistent, a proof once it was verified as its receiver will.
//! So views that broke can make an answer fail, never wrong; they are folded anew then.

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use lru::LruCache;
use tokio::sync::watch;

use super::{Ledger, ReadError, Shared};
use crate::{
    journal::Page,
    judgement::Position,
    merkle::{
        ConsistencyPlan, ConsistencyProof, EntryBundle, Frontier, Hash, InclusionPlan,
        InclusionProof, Node, RootPlan, Tile, TreeHead, leaf_hash,
    },
};

/// How many tiles of leaf hashes are kept, 8 KiB each: the newest are asked for again and again.
const TILES_KEPT: NonZeroUsize = match NonZeroUsize::new(64) {
    Some(kept) => kept,
    None => NonZeroUsize::MIN,
};

/// How many bytes of records are read at once: no tile of records has more.
const TILE_BYTES_MAX: usize = 16 << 20;

/// The leaf hashes of tiles that were asked for lately, by index. A tile that is not full has those
/// that it had when it was last asked for; more may have come since.
pub(super) struct KeptLeaves(Mutex<LruCache<u64, Arc<[Hash]>>>);

impl KeptLeaves {
    pub(super) fn none() -> Self {
        Self(Mutex::new(LruCache::new(TILES_KEPT)))
    }

    fn get(&self, index: u64) -> Arc<[Hash]> {
        // The lock is held for one look-up or one change of the cache.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&index).cloned().unwrap_or_default()
    }

    fn keep(&self, index: u64, leaves: Arc<[Hash]>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.peek(&index).is_none_or(|before| before.len() < leaves.len()) {
            kept.put(index, leaves);
        }
    }
}

/// A record in the tree, and the proof that it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Included {
    /// Which leaf it is, from 0: its position less one.
    pub index: u64,
    /// Its leaf hash.
    pub leaf: Hash,
    /// Leads from the leaf to the root.
    pub proof: InclusionProof,
    /// The tree.
    pub tree: TreeHead,
}

/// Two trees, and the proof that the later one begins with the earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grown {
    /// The earlier tree.
    pub from: TreeHead,
    /// The later tree.
    pub to: TreeHead,
    /// Makes the roots of both.
    pub proof: ConsistencyProof,
}

impl Ledger {
    /// The tree over all records that readers can see, at least.
    #[must_use]
    pub fn tree(&self) -> TreeHead {
        head_of(&self.shared.tree.borrow())
    }

    /// Follows the edge of the tree: it changes just before the head does, and needs no record to
    /// be looked at.
    #[must_use]
    pub fn follow_tree(&self) -> watch::Receiver<Arc<Frontier>> {
        self.shared.tree.subscribe()
    }

    /// The tree as it was when it had so many leaves.
    ///
    /// # Errors
    /// `NotReached` if it never had, `Rebuilding` while the views are not there or where they turn
    /// out to be broken; else [`ReadError`].
    pub async fn root_at(&self, size: u64) -> Result<TreeHead, ReadError> {
        self.trace(size)?.root_at(size).await
    }

    /// The proof that the leaf at `index` is in the tree of the first `size` leaves.
    ///
    /// # Errors
    /// `NoRecord` if that tree has no such leaf; else as [`Ledger::root_at`].
    pub async fn inclusion(&self, index: u64, size: u64) -> Result<Included, ReadError> {
        let mut trace = self.trace(size)?;
        let plan = InclusionPlan::new(index, size)
            .map_err(|_| ReadError::NoRecord(Position::new(index.saturating_add(1))))?;
        let tree = trace.root_at(size).await?;
        let leaf = trace.hash(Node::new(0, index), size).await?;
        let hashes = trace.hashes(plan.nodes(), size).await?;
        let proof = plan.fold(&hashes).map_err(|_| self.shared.broken_tree())?;
        proof.verify(&leaf, index, &tree).map_err(|_| self.shared.broken_tree())?;
        Ok(Included { index, leaf, proof, tree })
    }

    /// The proof that the tree of the first `to` leaves begins with that of the first `from`.
    ///
    /// # Errors
    /// `Shrunk` if `from` is the larger; else as [`Ledger::root_at`].
    pub async fn consistency(&self, from: u64, to: u64) -> Result<Grown, ReadError> {
        let mut trace = self.trace(to)?;
        if from > to {
            return Err(ReadError::Shrunk { from, to });
        }
        let (from, to) = (trace.root_at(from).await?, trace.root_at(to).await?);
        let proof = trace.grown(from, to).await?;
        Ok(Grown { from, to, proof })
    }

    /// The hashes of a tile, one after the other. (C2SP tlog-tiles "Merkle Tree")
    ///
    /// # Errors
    /// `NotReached` if no tree has had such a tile; else as [`Ledger::root_at`].
    pub async fn tile(&self, tile: Tile) -> Result<Bytes, ReadError> {
        let size = tile.leaves().end;
        let mut trace = self.trace(size)?;
        let hashes = trace.checked(tile).await?;
        tile.encode(&hashes).map(Bytes::from).map_err(|_| self.shared.broken_tree())
    }

    /// The records of a tile of level 0 as they are stored, each after its length.
    /// (C2SP tlog-tiles "Log entries")
    ///
    /// # Errors
    /// As [`Ledger::tile`].
    pub async fn entry_bundle(&self, bundle: EntryBundle) -> Result<Bytes, ReadError> {
        let mut trace = self.trace(bundle.entries().end)?;
        let leaves = trace.checked(bundle.tile()).await?;
        let first = bundle.entries().start;
        let records = self.shared.records(first, usize::from(bundle.width())).await?;
        // What was hashed a moment ago is what is given now.
        if !records.iter().map(|record| leaf_hash(record)).eq(leaves.iter().copied()) {
            return Err(self.shared.broken_tree());
        }
        bundle.encode(&records).map(Bytes::from).map_err(|_| self.shared.broken_tree())
    }

    /// Begins to look at the tree of `size` leaves or fewer.
    fn trace(&self, size: u64) -> Result<Trace<'_>, ReadError> {
        let edge = Arc::clone(&self.shared.tree.borrow());
        if size > edge.size() {
            let (asked, head) = (Position::new(size), Position::new(edge.size()));
            return Err(ReadError::NotReached { asked, head });
        }
        Ok(Trace { shared: &self.shared, edge: head_of(&edge), tiles: BTreeMap::new() })
    }
}

/// The head of the tree that a frontier is the edge of.
pub(super) fn head_of(frontier: &Frontier) -> TreeHead {
    TreeHead { size: frontier.size(), root: frontier.root() }
}

/// One look at the tree: the newest root is that of when it began, and no tile is fetched twice.
struct Trace<'a> {
    shared: &'a Shared,
    edge: TreeHead,
    tiles: BTreeMap<Tile, Arc<[Hash]>>,
}

impl Trace<'_> {
    /// The tree of `size` leaves, proven to be what the newest one begins with.
    async fn root_at(&mut self, size: u64) -> Result<TreeHead, ReadError> {
        if size == self.edge.size {
            return Ok(self.edge);
        }
        let head = self.folded(size).await?;
        self.grown(head, self.edge).await?;
        Ok(head)
    }

    /// The tree of `size` leaves as its subtrees make it.
    async fn folded(&mut self, size: u64) -> Result<TreeHead, ReadError> {
        let plan = RootPlan::new(size);
        let hashes = self.hashes(plan.nodes(), size).await?;
        plan.fold(&hashes).map_err(|_| self.shared.broken_tree())
    }

    /// The proof that one tree grew from another.
    async fn grown(&mut self, from: TreeHead, to: TreeHead) -> Result<ConsistencyProof, ReadError> {
        let plan = ConsistencyPlan::new(from.size, to.size)
            .map_err(|_| ReadError::Shrunk { from: from.size, to: to.size })?;
        let hashes = self.hashes(plan.nodes(), to.size).await?;
        let proof = plan.fold(&hashes).map_err(|_| self.shared.broken_tree())?;
        proof.verify(&from, &to).map_err(|_| self.shared.broken_tree())?;
        Ok(proof)
    }

    /// The hashes of a tile, each of which was folded into a root that is known.
    async fn checked(&mut self, tile: Tile) -> Result<Arc<[Hash]>, ReadError> {
        let leaves = tile.leaves();
        let known = self.root_at(leaves.end).await?;
        if tile.is_full() {
            // The root may be folded out of the tile's own, which lies in the tile above. What
            // leads from the tree without the last of the hashes to it is all within the tile.
            let below_one = leaves.end.saturating_sub(leaves.start).checked_div(Tile::FULL.into());
            let before = leaves.end.saturating_sub(below_one.unwrap_or(0));
            let before = self.root_at(before).await?;
            self.grown(before, known).await?;
        } else if self.folded(leaves.end).await? != known {
            return Err(self.shared.broken_tree());
        }
        self.fetched(tile).await
    }

    /// The hashes of nodes of the tree of `size` leaves.
    async fn hashes(&mut self, nodes: &[Node], size: u64) -> Result<Vec<Hash>, ReadError> {
        let mut hashes = Vec::with_capacity(nodes.len());
        for node in nodes {
            hashes.push(self.hash(Some(*node), size).await?);
        }
        Ok(hashes)
    }

    async fn hash(&mut self, node: Option<Node>, size: u64) -> Result<Hash, ReadError> {
        let held = node.and_then(|it| Some((it, Tile::holding(it, size)?)));
        let (found, tile) = held.ok_or_else(|| self.shared.broken_tree())?;
        let hashes = self.fetched(tile).await?;
        tile.hash_of(found, &hashes).map_err(|_| self.shared.broken_tree())
    }

    /// The hashes of a tile.
    async fn fetched(&mut self, tile: Tile) -> Result<Arc<[Hash]>, ReadError> {
        if let Some(hashes) = self.tiles.get(&tile) {
            return Ok(Arc::clone(hashes));
        }
        let hashes = match tile.level().checked_sub(1) {
            None => self.shared.leaves(tile).await?,
            Some(below) => self.shared.roots(below, tile).await?,
        };
        self.tiles.insert(tile, Arc::clone(&hashes));
        Ok(hashes)
    }
}

impl Shared {
    /// The leaf hashes of a tile of level 0: its records, hashed as they lie.
    async fn leaves(&self, tile: Tile) -> Result<Arc<[Hash]>, ReadError> {
        let (index, width) = (tile.index(), usize::from(tile.width()));
        let kept = self.leaves.get(index);
        if let Some(enough) = kept.get(..width) {
            return Ok(Arc::from(enough));
        }
        let known = u64::try_from(kept.len()).unwrap_or(u64::MAX);
        let first = tile.leaves().start.saturating_add(known);
        let records = self.records(first, width.saturating_sub(kept.len())).await?;
        let hashed = records.iter().map(|record| leaf_hash(record));
        let leaves: Arc<[Hash]> = kept.iter().copied().chain(hashed).collect();
        self.leaves.keep(index, Arc::clone(&leaves));
        Ok(leaves)
    }

    /// Records as they are stored, from leaf `first` on.
    async fn records(&self, first: u64, count: usize) -> Result<Vec<Bytes>, ReadError> {
        let mut records = Vec::with_capacity(count);
        let mut at = Position::new(first);
        while records.len() < count {
            let left = count.saturating_sub(records.len());
            let page = Page { entries_max: left, bytes_max: TILE_BYTES_MAX };
            let read = self.journal.read(at, page).await?;
            let last = read.last().ok_or(ReadError::NoRecord(at.next()))?;
            at = last.position;
            records.extend(read.into_iter().map(|stored| stored.entry.record));
        }
        Ok(records)
    }

    /// The hashes of a tile above level 0: the roots of full tiles of the level `below` it.
    async fn roots(&self, below: u8, tile: Tile) -> Result<Arc<[Hash]>, ReadError> {
        let views = self.views().await?;
        let first = tile.index().saturating_mul(u64::from(Tile::FULL));
        let end = first.saturating_add(u64::from(tile.width()));
        let roots = views.tile_roots(below, first..end)?;
        roots.map(Arc::from).ok_or_else(|| self.broken_tree())
    }

    /// What was folded does not make the root that is known. If the views are there, it is they who
    /// are believed to be wrong: they are given up, and the follower folds them anew; that it finds
    /// out whether it is the journal.
    fn broken_tree(&self) -> ReadError {
        tracing::error!("the hashes found do not make the root of the tree");
        let _turn = self.standing.turn();
        if let Some(views) = self.standing.whole() {
            self.standing.lose(&views);
        }
        ReadError::Rebuilding
    }
}

#[cfg(test)]
#[expect(clippy::shadow_unrelated, reason = "a ledger is opened again under its old name")]
pub(super) mod tests;
