//! Where a hash lies in the tree.

use std::ops::Range;

/// The root of a perfect subtree: of the 2^`level` leaves that begin at leaf `index` · 2^`level`.
///
/// Every hash of a proof, and every root, is folded out of such nodes. A log that only grows never
/// changes one of them, which is why they, and nothing else, lie in tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    level: u8,
    index: u64,
}

impl Node {
    /// The node at a level, counted from the leaves (0), and an index, counted from the left (0).
    ///
    /// `None` if it lies in no tree whose size is a u64.
    #[must_use]
    pub fn new(level: u8, index: u64) -> Option<Self> {
        let width = 1_u64.checked_shl(u32::from(level))?;
        index.checked_add(1)?.checked_mul(width)?;
        Some(Self { level, index })
    }

    /// How many levels lie below: 0 for a leaf.
    #[must_use]
    pub const fn level(self) -> u8 {
        self.level
    }

    /// How many nodes of the level lie to the left.
    #[must_use]
    pub const fn index(self) -> u64 {
        self.index
    }

    /// The indices of the leaves below.
    #[must_use]
    pub fn leaves(self) -> Range<u64> {
        let width = 1_u64.unbounded_shl(u32::from(self.level));
        let begin = self.index.saturating_mul(width);
        begin..begin.saturating_add(width)
    }

    /// Whether a tree of `size` leaves has this node.
    #[must_use]
    pub fn is_within(self, size: u64) -> bool {
        self.leaves().end <= size
    }

    /// The nodes that cover the leaves of `range`, which begins where a subtree of a tree begins:
    /// one for each bit set in its length, the largest first.
    pub(super) fn covering(range: Range<u64>) -> impl Iterator<Item = Self> {
        let length = range.end.saturating_sub(range.start);
        (0..64_u8).rev().filter_map(move |level| {
            let level_bits = u32::from(level);
            // The wider nodes come first and fill the length down to this level's bit.
            let wider = length.unbounded_shr(level_bits);
            let offset = wider.wrapping_sub(1).unbounded_shl(level_bits);
            let index = range.start.saturating_add(offset).unbounded_shr(level_bits);
            (wider & 1 == 1).then_some(Self { level, index })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_cover_a_range_without_gap_or_overlap() {
        for (begin, lengths) in [(0, 0..300), (256, 0..256), (1 << 40, 0..300)] {
            for length in lengths {
                let mut at = begin;
                let mut widest = u8::MAX;
                for node in Node::covering(begin..begin + length) {
                    assert_eq!(node.leaves().start, at);
                    assert!(node.level() < widest);
                    (at, widest) = (node.leaves().end, node.level());
                }
                assert_eq!(at, begin + length);
            }
        }
        assert_eq!(Node::covering(0..u64::MAX).count(), 64);
    }

    #[test]
    fn a_node_lies_in_a_tree_that_can_be() {
        assert_eq!(Node::new(0, u64::MAX), None);
        assert_eq!(Node::new(64, 0), None);
        assert_eq!(Node::new(63, 1), None);
        assert_eq!(Node::new(63, 0).unwrap().leaves(), 0..1 << 63);
        let node = Node::new(3, 5).unwrap();
        assert_eq!((node.level(), node.index(), node.leaves()), (3, 5, 40..48));
        assert!(node.is_within(48) && !node.is_within(47));
    }
}
