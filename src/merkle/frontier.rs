//! The right edge of a tree: all that is needed to make it grow.

use super::hash::{Hash, empty_root, node_hash};

/// The first byte of [`Frontier::to_bytes`].
const FORMAT: u8 = 1;

/// No log reaches so many leaves: at a million a second it takes 292,000 years.
const SIZE_MAX: u64 = u64::MAX >> 1;

/// The roots of the perfect subtrees that a tree consists of, from left to right: one for each
/// bit set in the size, the largest first.
///
/// With these O(log n) hashes a log of n leaves is extended and its root stated, without a look
/// at any older leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The frontier of the tree without a leaf.
    #[must_use]
    pub const fn empty() -> Self {
        Self { size: 0, peaks: Vec::new() }
    }

    /// How many leaves the tree has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf at the right end, given its [`leaf_hash`](super::leaf_hash).
    pub fn push(&mut self, leaf: Hash) {
        self.push_noting(leaf, |_, _, _| {});
    }

    /// As [`Frontier::push`], and tells `completed` of every perfect subtree of two leaves or more
    /// that the leaf completes, the smaller first: its level (it has 2^level leaves), its index
    /// among those of its level, from 0, and its root. Each is told once, and never changes.
    pub fn push_noting(&mut self, leaf: Hash, mut completed: impl FnMut(u32, u64, Hash)) {
        // Each bit that the count carries over joins two perfect subtrees of one size.
        let mut joined = leaf;
        for below in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                joined = node_hash(&left, &joined);
                let level = below.saturating_add(1);
                completed(level, self.size.unbounded_shr(level), joined);
            }
        }
        self.peaks.push(joined);
        self.size = self.size.saturating_add(1);
    }

    /// Whether this tree may have grown from an earlier one, as far as both edges tell: every
    /// perfect subtree that still stands at this edge is what it was. It takes the hashes between
    /// to be sure; see [`ConsistencyProof`](super::ConsistencyProof).
    #[must_use]
    pub fn may_follow(&self, earlier: &Self) -> bool {
        let above = (self.size ^ earlier.size).checked_ilog2().map_or(0, |it| it.saturating_add(1));
        let same = self.size.unbounded_shr(above).count_ones();
        let same = usize::try_from(same).unwrap_or(usize::MAX);
        self.size >= earlier.size && self.peaks.get(..same) == earlier.peaks.get(..same)
    }

    /// The root of the tree, as RFC 9162 §2.1.1 defines it.
    #[must_use]
    pub fn root(&self) -> Hash {
        let rightmost_first = self.peaks.iter().rev().copied();
        rightmost_first.reduce(|right, left| node_hash(&left, &right)).unwrap_or_else(empty_root)
    }

    /// The frontier as bytes: a format byte (1), the size (u64, big-endian) and the hashes of 32
    /// bytes, the largest subtree's first. Their number follows from the size.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        bytes.extend_from_slice(&self.size.to_be_bytes());
        for peak in &self.peaks {
            bytes.extend_from_slice(peak.as_bytes());
        }
        bytes
    }

    /// Reads what [`Frontier::to_bytes`] wrote, and nothing else.
    ///
    /// The shape is checked, not the hashes: whether they belong to a log, only its root tells.
    ///
    /// # Errors
    /// `NewerFormat` for bytes of a later program, `Malformed` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FrontierError> {
        let (&format, rest) = bytes.split_first().ok_or(FrontierError::Malformed)?;
        if format > FORMAT {
            return Err(FrontierError::NewerFormat { format });
        }
        let (size, rest) = rest.split_first_chunk().ok_or(FrontierError::Malformed)?;
        let size = u64::from_be_bytes(*size);
        let (hashes, left_over) = rest.as_chunks();
        let expected = usize::try_from(size.count_ones()).map_err(|_| FrontierError::Malformed)?;
        let well_formed = format == FORMAT
            && size <= SIZE_MAX
            && hashes.len() == expected
            && left_over.is_empty();
        if !well_formed {
            return Err(FrontierError::Malformed);
        }
        Ok(Self { size, peaks: hashes.iter().copied().map(Hash::new).collect() })
    }
}

/// Bytes that are not a frontier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrontierError {
    /// A later version of this program wrote them.
    #[error("the frontier has format {format}; this program knows up to {FORMAT}")]
    NewerFormat {
        /// The format byte found.
        format: u8,
    },
    /// Nobody wrote them.
    #[error("the bytes are not a frontier")]
    Malformed,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::{leaf_hash, root_of};

    fn leaves(count: u32) -> Vec<Hash> {
        (0..count).map(|number| leaf_hash(&number.to_be_bytes())).collect()
    }

    fn frontier(leaves: &[Hash]) -> Frontier {
        let mut frontier = Frontier::empty();
        for leaf in leaves {
            frontier.push(*leaf);
        }
        frontier
    }

    #[test]
    fn the_frontier_has_the_root_of_the_whole_tree() {
        let leaves = leaves(300);
        let mut growing = Frontier::empty();
        for size in 0..=leaves.len() {
            assert_eq!(growing.size(), u64::try_from(size).unwrap());
            assert_eq!(growing.root(), root_of(&leaves[..size]), "size {size}");
            assert_eq!(growing.peaks.len(), usize::try_from(size.count_ones()).unwrap());
            if let Some(next) = leaves.get(size) {
                growing.push(*next);
            }
        }
    }

    #[test]
    fn each_perfect_subtree_is_told_once_with_its_root() {
        let leaves = leaves(300);
        let mut growing = Frontier::empty();
        let mut told = std::collections::BTreeMap::new();
        for (size, leaf) in (1_usize..).zip(&leaves) {
            growing.push_noting(*leaf, |level, index, root| {
                let index = usize::try_from(index).unwrap();
                assert_eq!((index + 1) << level, size, "told when it is complete");
                assert_eq!(told.insert((level, index), root), None, "told twice");
            });
        }
        assert_eq!(growing, frontier(&leaves));
        for level in 1..=8 {
            let width = 1_usize << level;
            for (index, below) in leaves.chunks_exact(width).enumerate() {
                assert_eq!(told.remove(&(level, index)), Some(root_of(below)), "{level}/{index}");
            }
        }
        assert!(told.is_empty());
    }

    #[test]
    fn a_tree_may_follow_what_it_grew_from_and_not_what_its_edge_contradicts() {
        let leaves = leaves(40);
        for size in 0..=leaves.len() {
            for earlier in 0..=size {
                let (now, then) = (frontier(&leaves[..size]), frontier(&leaves[..earlier]));
                assert!(now.may_follow(&then), "{size} after {earlier}");
                assert!(size == earlier || !then.may_follow(&now), "{earlier} after {size}");
            }
        }
        let mut other = leaves.clone();
        other[3] = leaf_hash(b"another");
        assert!(!frontier(&other[..20]).may_follow(&frontier(&leaves[..17])));
        assert!(!frontier(&other[..20]).may_follow(&frontier(&leaves[..20])));
    }

    #[test]
    fn a_frontier_read_back_grows_on() {
        let leaves = leaves(300);
        for size in 0..leaves.len() {
            let before = frontier(&leaves[..size]);
            let mut read = Frontier::from_bytes(&before.to_bytes()).unwrap();
            assert_eq!(read, before);
            for leaf in &leaves[size..] {
                read.push(*leaf);
            }
            assert_eq!(read, frontier(&leaves));
        }
    }

    #[test]
    fn malformed_bytes_are_refused() {
        let good = frontier(&leaves(7)).to_bytes();
        for end in 0..good.len() {
            assert_eq!(Frontier::from_bytes(&good[..end]), Err(FrontierError::Malformed), "{end}");
        }
        let mut long = good.clone();
        long.push(0);
        assert_eq!(Frontier::from_bytes(&long), Err(FrontierError::Malformed));
        long.extend([0; 31]);
        assert_eq!(Frontier::from_bytes(&long), Err(FrontierError::Malformed), "a hash too many");

        let mut other_size = good.clone();
        other_size[8] = 8;
        assert_eq!(Frontier::from_bytes(&other_size), Err(FrontierError::Malformed));
        let mut no_format = good.clone();
        no_format[0] = 0;
        assert_eq!(Frontier::from_bytes(&no_format), Err(FrontierError::Malformed));
        let mut newer = good;
        newer[0] = 2;
        assert_eq!(
            Frontier::from_bytes(&newer),
            Err(FrontierError::NewerFormat { format: 2 }),
            "a later program's frontier"
        );

        let mut beyond = vec![FORMAT];
        beyond.extend((1_u64 << 63).to_be_bytes());
        beyond.extend([0; 32]);
        assert_eq!(Frontier::from_bytes(&beyond), Err(FrontierError::Malformed));
    }
}
