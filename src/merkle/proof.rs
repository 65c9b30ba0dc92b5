//! Proofs that a leaf is in a tree, and that a tree only grew; and how they are verified.
//!
//! Verification follows RFC 9162 step by step. How proofs are made is said in
//! [`plan`](super::InclusionPlan).

use super::{
    hash::{Hash, empty_root, node_hash},
    head::TreeHead,
};

/// The hashes that lead from a leaf to the root: its sibling first, the root's child last.
/// (RFC 9162 §2.1.3)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionProof(Vec<Hash>);

impl InclusionProof {
    /// The proof of these hashes. Whether it proves anything, only
    /// [`InclusionProof::verify`] tells.
    #[must_use]
    pub const fn new(hashes: Vec<Hash>) -> Self {
        Self(hashes)
    }

    /// The hashes, from the leaf's sibling to the root's child.
    #[must_use]
    pub fn hashes(&self) -> &[Hash] {
        &self.0
    }

    /// Checks that the leaf with this [`leaf_hash`](super::leaf_hash) is the one at `index` in the
    /// tree of this head. (RFC 9162 §2.1.3.2)
    ///
    /// # Errors
    /// What is wrong first: `NotInTree`, `WrongLength`, `OtherRoot`.
    pub fn verify(&self, leaf: &Hash, index: u64, head: &TreeHead) -> Result<(), ProofError> {
        // 1. "If leaf_index is greater than or equal to tree_size, then fail".
        let last = match head.size.checked_sub(1) {
            Some(last) if index <= last => last,
            Some(_) | None => return Err(ProofError::NotInTree { index, size: head.size }),
        };
        // 2. and 3.
        let mut walk = Walk { at: index, last };
        let mut root = *leaf;
        // 4.
        for sibling in &self.0 {
            match walk.step()? {
                Side::Left => root = node_hash(sibling, &root),
                Side::Right => root = node_hash(&root, sibling),
            }
        }
        // 5. "Compare sn to 0. Compare r against the root_hash."
        walk.arrived()?;
        if root == head.root { Ok(()) } else { Err(ProofError::OtherRoot) }
    }
}

/// The hashes that make the roots of two trees, of which the one begins with the other.
/// (RFC 9162 §2.1.4)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsistencyProof(Vec<Hash>);

impl ConsistencyProof {
    /// The proof of these hashes. Whether it proves anything, only
    /// [`ConsistencyProof::verify`] tells.
    #[must_use]
    pub const fn new(hashes: Vec<Hash>) -> Self {
        Self(hashes)
    }

    /// The hashes, in the order of the standard.
    #[must_use]
    pub fn hashes(&self) -> &[Hash] {
        &self.0
    }

    /// Checks that the `new` tree begins with all leaves of the `old` one. (RFC 9162 §2.1.4.2)
    ///
    /// Every tree begins with the tree without a leaf, and each with itself: there the proof is
    /// empty, and the roots alone are checked. (C2SP tlog-witness "add-checkpoint")
    ///
    /// # Errors
    /// What is wrong first: `Shrunk`, `WrongLength`, `OtherOldRoot`, `OtherRoot`.
    pub fn verify(&self, old: &TreeHead, new: &TreeHead) -> Result<(), ProofError> {
        if old.size > new.size {
            return Err(ProofError::Shrunk { old: old.size, new: new.size });
        }
        let (Some(old_last), false) = (old.size.checked_sub(1), old.size == new.size) else {
            return self.verify_without_hashes(old, new);
        };
        // 1. "If consistency_path is an empty array, stop and fail".
        let (first, rest) = self.0.split_first().ok_or(ProofError::WrongLength)?;
        // 2. "If first is an exact power of 2, then prepend first_hash".
        let (begin, rest) =
            if old.size.is_power_of_two() { (&old.root, self.0.as_slice()) } else { (first, rest) };
        // 3. and 4. "Right-shift both fn and sn equally until LSB(fn) is not set".
        let ones = old_last.trailing_ones();
        let last = new.size.saturating_sub(1).unbounded_shr(ones);
        let mut walk = Walk { at: old_last.unbounded_shr(ones), last };
        // 5. and 6.
        let (mut old_root, mut new_root) = (*begin, *begin);
        for sibling in rest {
            match walk.step()? {
                Side::Left => {
                    old_root = node_hash(sibling, &old_root);
                    new_root = node_hash(sibling, &new_root);
                }
                Side::Right => new_root = node_hash(&new_root, sibling),
            }
        }
        // 7.
        walk.arrived()?;
        if old_root != old.root {
            return Err(ProofError::OtherOldRoot);
        }
        if new_root == new.root { Ok(()) } else { Err(ProofError::OtherRoot) }
    }

    /// From no leaf to any tree, and from a tree to itself.
    fn verify_without_hashes(&self, old: &TreeHead, new: &TreeHead) -> Result<(), ProofError> {
        if !self.0.is_empty() {
            return Err(ProofError::WrongLength);
        }
        if old.size == 0 && old.root != empty_root() {
            return Err(ProofError::OtherOldRoot);
        }
        if old.size == new.size && old.root != new.root {
            return Err(ProofError::OtherRoot);
        }
        Ok(())
    }
}

/// On which side of the path a hash of the proof lies.
enum Side {
    Left,
    Right,
}

/// The way up from a node: `fn` and `sn` of RFC 9162 §2.1.3.2 and §2.1.4.2.
struct Walk {
    at: u64,
    last: u64,
}

impl Walk {
    /// One hash further up: step 4 of §2.1.3.2, step 6 of §2.1.4.2.
    fn step(&mut self) -> Result<Side, ProofError> {
        // "If sn is 0, then stop the iteration and fail the proof verification."
        if self.last == 0 {
            return Err(ProofError::WrongLength);
        }
        // "If LSB(fn) is set, or if fn is equal to sn".
        let side = if self.at & 1 == 1 || self.at == self.last {
            // "If LSB(fn) is not set, then right-shift both fn and sn equally until either LSB(fn)
            // is set or fn is 0."
            while self.at & 1 == 0 && self.at != 0 {
                self.up();
            }
            Side::Left
        } else {
            Side::Right
        };
        // "Finally, right-shift both fn and sn one time."
        self.up();
        Ok(side)
    }

    fn up(&mut self) {
        self.at >>= 1;
        self.last >>= 1;
    }

    /// "Compare sn to 0": whether the path ends at the root.
    fn arrived(&self) -> Result<(), ProofError> {
        if self.last == 0 { Ok(()) } else { Err(ProofError::WrongLength) }
    }
}

/// Why a proof proves nothing, or cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// No tree of this size has such a leaf.
    #[error("a tree of {size} leaves has none at index {index}")]
    NotInTree {
        /// The index of the leaf asked for.
        index: u64,
        /// The size of the tree.
        size: u64,
    },
    /// A log grows: a smaller tree never follows a larger one.
    #[error("a tree of {new} leaves cannot follow one of {old}")]
    Shrunk {
        /// The size of the tree said to be older.
        old: u64,
        /// The size of the tree said to be newer.
        new: u64,
    },
    /// The proof has more or fewer hashes than a proof between these places has.
    #[error("the proof has another number of hashes than it must have")]
    WrongLength,
    /// The proof leads to another root than that of the older tree.
    #[error("the proof does not lead to the root of the older tree")]
    OtherOldRoot,
    /// The proof leads to another root than that of the tree.
    #[error("the proof does not lead to the root of the tree")]
    OtherRoot,
}
