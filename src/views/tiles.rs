//! The tree over the records, as far as it is kept: one root for each full tile.
//!
//! A tile is 256 neighbouring nodes of the tree, eight levels apart from the tiles above and below
//! it (C2SP tlog-tiles). The tile of level 0 and index `n` holds the leaf hashes of 256 records;
//! they are not kept, since the records themselves lie in the journal and hash to them. Of every
//! full tile the root is kept, which is one of the 256 hashes of a tile of the level above: 32
//! bytes for 256 records, and a 255th part more for the levels above. Any other node of the tree
//! is folded out of at most 255 of them.
//!
//! | key | value |
//! |---|---|
//! | level (1 byte) ‖ index (8 bytes, big-endian) | root (32 bytes) |

use std::collections::BTreeMap;

use crate::merkle::{Frontier, Hash};

/// How many levels of the tree one level of tiles spans.
const TILE_HEIGHT: u32 = 8;

/// The bytes of a key.
const KEY_BYTES: usize = 9;

/// A full tile, by its level, from 0 at the leaves, and its place in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FullTile {
    pub(super) level: u8,
    pub(super) index: u64,
}

impl FullTile {
    /// The tile whose root is the node of this level and index, if it is the root of a tile.
    fn under(level: u32, index: u64) -> Option<Self> {
        let tiles = level.checked_div(TILE_HEIGHT).filter(|_| level.is_multiple_of(TILE_HEIGHT))?;
        Some(Self { level: u8::try_from(tiles.checked_sub(1)?).ok()?, index })
    }

    /// How many records there are once the tile is full; `None` if there never are so many.
    pub(super) fn full_at(self) -> Option<u64> {
        let height = u32::from(self.level).saturating_add(1).saturating_mul(TILE_HEIGHT);
        let width = 1_u64.checked_shl(height)?;
        self.index.checked_add(1)?.checked_mul(width)
    }

    /// Under which key its root lies in the store.
    pub(super) fn key(self) -> [u8; KEY_BYTES] {
        let mut key = [self.level; KEY_BYTES];
        let (_, index) = key.split_at_mut(1);
        index.copy_from_slice(&self.index.to_be_bytes());
        key
    }
}

/// The right edge of the tree as records are folded in, and the tiles that they fill.
#[derive(Debug)]
pub(super) struct Growth {
    /// The tree of all records so far.
    pub(super) frontier: Frontier,
    /// The roots of the tiles that were filled since.
    pub(super) filled: BTreeMap<FullTile, Hash>,
}

impl Growth {
    /// Nothing has grown yet.
    pub(super) fn on(frontier: Frontier) -> Self {
        Self { frontier, filled: BTreeMap::new() }
    }

    /// Folds in the next record, given its leaf hash.
    pub(super) fn push(&mut self, leaf: Hash) {
        let Self { frontier, filled } = self;
        frontier.push_noting(leaf, |level, index, root| {
            if let Some(tile) = FullTile::under(level, index) {
                filled.insert(tile, root);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::{leaf_hash, root_of};

    #[test]
    fn every_full_tile_has_the_root_of_what_lies_below_it() {
        let leaves: Vec<_> = (0..70_000_u32).map(|leaf| leaf_hash(&leaf.to_be_bytes())).collect();
        let mut growth = Growth::on(Frontier::empty());
        for leaf in &leaves {
            growth.push(*leaf);
        }
        assert_eq!(growth.frontier.root(), root_of(&leaves));
        let below = |tile: &FullTile| {
            let end = usize::try_from(tile.full_at().unwrap()).unwrap();
            &leaves[end - (256 << (8 * tile.level))..end]
        };
        let levels = |level| growth.filled.keys().filter(|tile| tile.level == level).count();
        assert_eq!((levels(0), levels(1), growth.filled.len()), (273, 1, 274));
        for (tile, root) in &growth.filled {
            assert_eq!(*root, root_of(below(tile)), "{tile:?}");
        }
    }

    #[test]
    fn keys_lie_as_the_tiles_do() {
        let tiles = [(0, 0), (0, 1), (0, 255), (0, 256), (1, 0), (7, 0)];
        let keys = tiles.map(|(level, index)| FullTile { level, index }.key());
        assert!(keys.is_sorted());
        assert_eq!(FullTile { level: 2, index: 258 }.key(), [2, 0, 0, 0, 0, 0, 0, 1, 2]);
    }

    #[test]
    fn a_tile_that_can_never_be_full_is_none() {
        assert_eq!(FullTile { level: 0, index: 1 }.full_at(), Some(512));
        assert_eq!(FullTile { level: 6, index: 255 }.full_at(), None);
        assert_eq!(FullTile { level: 7, index: 0 }.full_at(), None);
        assert_eq!(FullTile { level: 255, index: 0 }.full_at(), None);
        assert_eq!(FullTile::under(0, 0), None);
        assert_eq!(FullTile::under(9, 0), None);
        assert_eq!(FullTile::under(16, 3), Some(FullTile { level: 1, index: 3 }));
    }
}
