//! What a log says about itself at one moment: how many leaves, and which root.

use super::hash::{Hash, empty_root};

/// The size of a tree and its root: the "tree head" that a checkpoint states and that proofs lead
/// to. (RFC 9162 §4.10, C2SP tlog-checkpoint "Note text")
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TreeHead {
    /// How many leaves the tree has.
    pub size: u64,
    /// The root of the tree of that size.
    pub root: Hash,
}

impl TreeHead {
    /// The head of the tree without a leaf. (RFC 9162 §2.1.1)
    #[must_use]
    pub fn empty() -> Self {
        Self { size: 0, root: empty_root() }
    }
}
