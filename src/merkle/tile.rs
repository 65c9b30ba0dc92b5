//! Tiles: the hashes of the tree in files that never change. (C2SP tlog-tiles "Merkle Tree")
//!
//! A tile holds up to 256 neighbouring nodes of one level of eight; the levels between are hashed
//! anew by whoever reads it. This file owns the coordinates, and which node lies where; the paths
//! are those of [`TilePath`](super::TilePath), the entries those of
//! [`EntryBundle`](super::EntryBundle).

use std::ops::Range;

use super::{
    hash::{Hash, node_hash},
    node::Node,
};

/// How many levels of the tree one tile spans.
const HEIGHT: u8 = 8;

/// [`Tile::FULL`] as indices are counted: 2^[`HEIGHT`].
const FULL: u64 = 256;

/// Where a tile lies and how many hashes it has: the nodes of level 8 · `level` from index
/// 256 · `index`, `width` of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    level: u8,
    index: u64,
    width: u16,
}

impl Tile {
    /// The number of hashes in a full tile.
    pub const FULL: u16 = 256;

    /// The tile at a level and index, with a width of 1 to 256 hashes.
    ///
    /// `None` for another width, and if the tile lies in no tree whose size is a u64: of the 64
    /// levels that the format knows, such trees have eight.
    #[must_use]
    pub fn new(level: u8, index: u64, width: u16) -> Option<Self> {
        let last_row = index.checked_mul(FULL)?;
        let last = last_row.checked_add(u64::from(width))?.checked_sub(1)?;
        Node::new(level.checked_mul(HEIGHT)?, last)?;
        (1..=Self::FULL).contains(&width).then_some(Self { level, index, width })
    }

    /// The level of the tile: 0 for the leaf hashes.
    #[must_use]
    pub const fn level(self) -> u8 {
        self.level
    }

    /// How many tiles of the level lie to the left.
    #[must_use]
    pub const fn index(self) -> u64 {
        self.index
    }

    /// How many hashes the tile has: 1 to 256.
    #[must_use]
    pub const fn width(self) -> u16 {
        self.width
    }

    /// Whether the tile has all its 256 hashes.
    #[must_use]
    pub const fn is_full(self) -> bool {
        self.width == Self::FULL
    }

    /// The indices of the leaves below the tile's hashes.
    #[must_use]
    pub fn leaves(self) -> Range<u64> {
        let span = 1_u64.unbounded_shl(u32::from(self.row_level()));
        let first = self.first();
        let end = first.saturating_add(u64::from(self.width));
        first.saturating_mul(span)..end.saturating_mul(span)
    }

    /// Whether a tree of `size` leaves has all the tile's hashes.
    #[must_use]
    pub fn is_within(self, size: u64) -> bool {
        self.leaves().end <= size
    }

    /// The nodes whose hashes make up the tile, from left to right.
    pub fn nodes(self) -> impl Iterator<Item = Node> {
        let (level, first) = (self.row_level(), self.first());
        (0..u64::from(self.width)).filter_map(move |at| Node::new(level, first.checked_add(at)?))
    }

    /// All tiles of a tree of `size` leaves: the levels from the leaves upwards, each from left to
    /// right, its partial tile last.
    pub fn all(size: u64) -> impl Iterator<Item = Self> {
        Self::new_between(0, size)
    }

    /// The tiles that a tree of `new` leaves has and one of `old` leaves has not: what must be
    /// written when a log grows. The order is that of [`Tile::all`].
    pub fn new_between(old: u64, new: u64) -> impl Iterator<Item = Self> {
        (0..HEIGHT).flat_map(move |level| {
            let (before, after) = (row_of(level, old), row_of(level, new));
            // Nothing is new on a level that did not grow.
            let tiles = if before == after { 0..0 } else { before / FULL..after.div_ceil(FULL) };
            tiles.filter_map(move |index| Self::in_row(level, index, after))
        })
    }

    /// The partial tile at a level of a tree of `size` leaves, of width
    /// ⌊size / 256^level⌋ mod 256; `None` where that is 0. (C2SP tlog-tiles "Partial Tiles")
    #[must_use]
    pub fn partial(level: u8, size: u64) -> Option<Self> {
        if level >= HEIGHT {
            return None;
        }
        let row = row_of(level, size);
        Self::in_row(level, row / FULL, row)
    }

    /// The tile of a tree of `size` leaves from which a node's hash can be computed; `None` if the
    /// tree has no such node.
    #[must_use]
    pub fn holding(node: Node, size: u64) -> Option<Self> {
        if !node.is_within(size) {
            return None;
        }
        let level = node.level() / HEIGHT;
        let first = node.leaves().start.unbounded_shr(u32::from(level.saturating_mul(HEIGHT)));
        Self::in_row(level, first / FULL, row_of(level, size))
    }

    /// The hash of a node, given the hashes of the tile that is [`holding`](Tile::holding) it.
    ///
    /// # Errors
    /// `WrongWidth` for another number of hashes than the tile has, `Elsewhere` for a node that
    /// another tile holds.
    pub fn hash_of(self, node: Node, hashes: &[Hash]) -> Result<Hash, TileError> {
        if hashes.len() != usize::from(self.width) {
            return Err(TileError::WrongWidth);
        }
        let below = node.level().checked_sub(self.row_level()).ok_or(TileError::Elsewhere)?;
        if below >= HEIGHT {
            return Err(TileError::Elsewhere);
        }
        let count = 1_u64.unbounded_shl(u32::from(below));
        let at = node.index().checked_mul(count).and_then(|row| row.checked_sub(self.first()));
        let end = at.and_then(|at| at.checked_add(count));
        let (at, end) = (place(at)?, place(end)?);
        perfect_root(hashes.get(at..end).ok_or(TileError::Elsewhere)?)
    }

    /// The tile's hashes, one after the other. (C2SP tlog-tiles "Merkle Tree")
    ///
    /// # Errors
    /// `WrongWidth` for another number of hashes than the tile has.
    pub fn encode(self, hashes: &[Hash]) -> Result<Vec<u8>, TileError> {
        if hashes.len() != usize::from(self.width) {
            return Err(TileError::WrongWidth);
        }
        Ok(hashes.iter().flat_map(|hash| *hash.as_bytes()).collect())
    }

    /// Reads what [`Tile::encode`] wrote, and nothing else.
    ///
    /// # Errors
    /// `WrongWidth` for another number of bytes than the tile has.
    pub fn decode(self, bytes: &[u8]) -> Result<Vec<Hash>, TileError> {
        let (hashes, rest) = bytes.as_chunks::<{ Hash::BYTES }>();
        if !rest.is_empty() || hashes.len() != usize::from(self.width) {
            return Err(TileError::WrongWidth);
        }
        Ok(hashes.iter().copied().map(Hash::new).collect())
    }

    /// The level in the tree of the tile's hashes.
    const fn row_level(self) -> u8 {
        self.level.saturating_mul(HEIGHT)
    }

    /// The index in its level of the tile's first hash.
    const fn first(self) -> u64 {
        self.index.saturating_mul(FULL)
    }

    /// The tile at `index`, as wide as a row of `row` hashes makes it.
    fn in_row(level: u8, index: u64, row: u64) -> Option<Self> {
        let width = row.checked_sub(index.checked_mul(FULL)?)?.min(FULL);
        Self::new(level, index, u16::try_from(width).ok()?)
    }
}

/// How many hashes the tiles of a level have together in a tree of `size` leaves.
fn row_of(level: u8, size: u64) -> u64 {
    size.unbounded_shr(u32::from(level.saturating_mul(HEIGHT)))
}

fn place(row: Option<u64>) -> Result<usize, TileError> {
    row.and_then(|row| usize::try_from(row).ok()).ok_or(TileError::Elsewhere)
}

/// The root over a power of two of hashes.
fn perfect_root(hashes: &[Hash]) -> Result<Hash, TileError> {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        let (pairs, _) = row.as_chunks::<2>();
        row = pairs.iter().map(|[left, right]| node_hash(left, right)).collect();
    }
    row.first().copied().ok_or(TileError::Elsewhere)
}

/// Why a tile does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// There are more or fewer hashes than the tile has, or bytes that are no hashes.
    #[error("these are not as many hashes as the tile has")]
    WrongWidth,
    /// Another tile holds the node.
    #[error("the tile does not hold this node")]
    Elsewhere,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::{leaf_hash, root_of};

    fn tile(level: u8, index: u64, width: u16) -> Tile {
        Tile::new(level, index, width).unwrap()
    }

    /// The example of C2SP tlog-tiles "Partial Tiles".
    #[test]
    fn the_tiles_of_a_tree_of_70000_leaves_are_those_of_the_specification() {
        let tiles: Vec<_> = Tile::all(70_000).collect();
        let mut expected: Vec<_> = (0..273).map(|index| tile(0, index, 256)).collect();
        expected.extend([tile(0, 273, 112), tile(1, 0, 256), tile(1, 1, 17), tile(2, 0, 1)]);
        assert_eq!(tiles, expected);
        let partial: Vec<_> = (0..9).filter_map(|level| Tile::partial(level, 70_000)).collect();
        assert_eq!(partial, [tile(0, 273, 112), tile(1, 1, 17), tile(2, 0, 1)]);
        assert_eq!(Tile::all(256).collect::<Vec<_>>(), [tile(0, 0, 256), tile(1, 0, 1)]);
        assert_eq!(Tile::all(0).count(), 0);
    }

    #[test]
    fn a_log_that_grows_adds_the_tiles_that_its_tree_did_not_have() {
        for old in (0..1_000).step_by(7) {
            let before: Vec<_> = Tile::all(old).collect();
            for new in [old, old + 1, old + 255, old + 256, old + 70_000] {
                let added: Vec<_> = Tile::new_between(old, new).collect();
                let fresh: Vec<_> = Tile::all(new).filter(|it| !before.contains(it)).collect();
                assert_eq!(added, fresh, "{old} to {new}");
            }
        }
    }

    #[test]
    fn a_tile_lies_in_a_tree_that_can_be() {
        for (level, index, width) in [
            (0, 0, 0),
            (0, 0, 257),
            (8, 0, 1),
            (7, 0, 256),
            (0, 1 << 56, 1),
            (32, 0, 1),
            (63, 0, 1),
        ] {
            assert_eq!(Tile::new(level, index, width), None, "{level} {index} {width}");
        }
        assert_eq!(tile(7, 0, 255).leaves(), 0..255 << 56);
        assert_eq!(tile(1, 2, 3).leaves(), 131_072..131_840);
        assert!(tile(1, 2, 3).is_within(131_840) && !tile(1, 2, 3).is_within(131_839));
        assert!(Tile::partial(7, u64::MAX).is_some() && Tile::partial(8, u64::MAX).is_none());
        let widest = Tile::new_between(u64::MAX - 1, u64::MAX).collect::<Vec<_>>();
        assert_eq!(widest, [tile(0, (1 << 56) - 1, 255)]);
    }

    #[test]
    fn every_node_is_computed_from_the_tile_that_holds_it() {
        let leaves: Vec<_> = (0..700_u32).map(|leaf| leaf_hash(&leaf.to_be_bytes())).collect();
        let size = 700;
        let root = |node: Node| {
            let range = node.leaves();
            let place = |at| usize::try_from(at).unwrap();
            root_of(&leaves[place(range.start)..place(range.end)])
        };
        for level in 0..11 {
            for index in 0..=700 {
                let Some(node) = Node::new(level, index) else { continue };
                let Some(tile) = Tile::holding(node, size) else {
                    assert!(!node.is_within(size));
                    continue;
                };
                assert!(Tile::all(size).any(|it| it == tile));
                let hashes: Vec<_> = tile.nodes().map(root).collect();
                assert_eq!(tile.hash_of(node, &hashes), Ok(root(node)), "{node:?} in {tile:?}");
                assert_eq!(tile.decode(&tile.encode(&hashes).unwrap()), Ok(hashes.clone()));
                assert_eq!(tile.hash_of(node, &hashes[1..]), Err(TileError::WrongWidth));
            }
        }
    }

    #[test]
    fn a_node_elsewhere_is_not_computed() {
        let hashes = vec![leaf_hash(b""); 112];
        let tile = tile(0, 273, 112);
        for (level, index) in [(0, 69_887), (0, 70_000), (8, 273), (5, 2_187), (16, 1)] {
            let node = Node::new(level, index).unwrap();
            assert_eq!(tile.hash_of(node, &hashes), Err(TileError::Elsewhere), "{node:?}");
        }
        assert!(tile.hash_of(Node::new(0, 69_999).unwrap(), &hashes).is_ok());
        assert_eq!(tile.encode(&hashes[1..]), Err(TileError::WrongWidth));
        assert_eq!(tile.decode(&[0; 111 * 32]), Err(TileError::WrongWidth));
        assert_eq!(tile.decode(&[0; 112 * 32 + 1]), Err(TileError::WrongWidth));
    }
}
