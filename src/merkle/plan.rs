//! Which nodes a proof or a root is made of, before any of them is at hand.
//!
//! Making a proof takes two steps, so that this module never waits for a disk: a plan says which
//! [`Node`]s it needs, and folds their hashes, once someone has fetched them, into the proof. A
//! hash of a proof is either such a node, or the root of the ragged right edge of the tree, which
//! is folded out of several. All plans take O(log n) nodes, steps and bytes.

use std::ops::Range;

use super::{
    hash::{Hash, empty_root, node_hash},
    head::TreeHead,
    node::Node,
    proof::{ConsistencyProof, InclusionProof, ProofError},
};

/// Nodes, and how many of them each hash is folded out of.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Groups {
    nodes: Vec<Node>,
    lengths: Vec<usize>,
}

impl Groups {
    /// The nodes that cover each of the ranges.
    fn of(ranges: impl Iterator<Item = Range<u64>>) -> Self {
        let mut groups = Self { nodes: Vec::new(), lengths: Vec::new() };
        for range in ranges {
            let before = groups.nodes.len();
            groups.nodes.extend(Node::covering(range));
            groups.lengths.push(groups.nodes.len().saturating_sub(before));
        }
        groups
    }

    /// The root of each range.
    fn fold(&self, hashes: &[Hash]) -> Result<Vec<Hash>, FoldError> {
        let wrong = FoldError { needed: self.nodes.len(), given: hashes.len() };
        if wrong.needed != wrong.given {
            return Err(wrong);
        }
        let mut rest = hashes;
        let mut roots = Vec::with_capacity(self.lengths.len());
        for length in &self.lengths {
            let (group, others) = rest.split_at_checked(*length).ok_or(wrong)?;
            rest = others;
            roots.push(folded(group).ok_or(wrong)?);
        }
        Ok(roots)
    }
}

/// The root over perfect subtrees, the largest first, as they hang below a tree's right edge.
fn folded(peaks: &[Hash]) -> Option<Hash> {
    peaks.iter().rev().copied().reduce(|right, left| node_hash(&left, &right))
}

/// Where the tree over a range of at least two leaves splits: the largest power of two smaller
/// than its length lies to the left. (RFC 9162 §2.1.1)
fn middle(range: &Range<u64>) -> u64 {
    let length = range.end.saturating_sub(range.start);
    let left = length.div_ceil(2).checked_next_power_of_two().unwrap_or(length);
    range.start.saturating_add(left)
}

/// A number of hashes other than the plan asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the plan needs {needed} hashes, not {given}")]
pub struct FoldError {
    /// How many nodes the plan names.
    pub needed: usize,
    /// How many hashes came.
    pub given: usize,
}

/// How to prove that a leaf is in a tree. (`PATH` of RFC 9162 §2.1.3.1)
///
/// # Examples
/// ```
/// use judgement_ledger::merkle::{InclusionPlan, Node, TreeHead, leaf_hash, node_hash};
///
/// let [a, b, c] = ["a", "b", "c"].map(|leaf| leaf_hash(leaf.as_bytes()));
/// let plan = InclusionPlan::new(2, 3)?;
/// assert_eq!(plan.nodes(), [Node::new(1, 0).unwrap()]);
///
/// let fetched = node_hash(&a, &b);
/// let head = TreeHead { size: 3, root: node_hash(&fetched, &c) };
/// plan.fold(&[fetched])?.verify(&c, 2, &head)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionPlan(Groups);

impl InclusionPlan {
    /// The plan for the leaf at `index` of the first `size` leaves.
    ///
    /// # Errors
    /// `NotInTree` if the tree has no such leaf.
    pub fn new(index: u64, size: u64) -> Result<Self, ProofError> {
        if index >= size {
            return Err(ProofError::NotInTree { index, size });
        }
        let mut tree = 0..size;
        let mut siblings = Vec::new();
        while tree.end.saturating_sub(tree.start) > 1 {
            let middle = middle(&tree);
            if index < middle {
                siblings.push(middle..tree.end);
                tree.end = middle;
            } else {
                siblings.push(tree.start..middle);
                tree.start = middle;
            }
        }
        Ok(Self(Groups::of(siblings.into_iter().rev())))
    }

    /// The nodes whose hashes [`InclusionPlan::fold`] takes, in this order.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.0.nodes
    }

    /// The proof, given the hash of each node.
    ///
    /// # Errors
    /// [`FoldError`] if their number is another.
    pub fn fold(&self, hashes: &[Hash]) -> Result<InclusionProof, FoldError> {
        self.0.fold(hashes).map(InclusionProof::new)
    }
}

/// How to prove that a tree is the beginning of another. (`PROOF` of RFC 9162 §2.1.4.1)
///
/// Nothing is needed, and the proof is empty, where there is nothing to prove: from the tree
/// without a leaf, and between trees of one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsistencyPlan(Groups);

impl ConsistencyPlan {
    /// The plan from the first `old` leaves to the first `new` leaves.
    ///
    /// # Errors
    /// `Shrunk` if the new tree is the smaller one.
    pub fn new(old: u64, new: u64) -> Result<Self, ProofError> {
        if old > new {
            return Err(ProofError::Shrunk { old, new });
        }
        let mut hashes = Vec::new();
        if old > 0 && old < new {
            // SUBPROOF of RFC 9162 §2.1.4.1, without recursion: `tree` is its list of leaves.
            let mut tree = 0..new;
            while old != tree.end {
                let middle = middle(&tree);
                if old <= middle {
                    hashes.push(middle..tree.end);
                    tree.end = middle;
                } else {
                    hashes.push(tree.start..middle);
                    tree.start = middle;
                }
            }
            // Where all that is left is the old tree itself, its root is known to the verifier.
            if tree.start > 0 {
                hashes.push(tree);
            }
        }
        Ok(Self(Groups::of(hashes.into_iter().rev())))
    }

    /// The nodes whose hashes [`ConsistencyPlan::fold`] takes, in this order.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.0.nodes
    }

    /// The proof, given the hash of each node.
    ///
    /// # Errors
    /// [`FoldError`] if their number is another.
    pub fn fold(&self, hashes: &[Hash]) -> Result<ConsistencyProof, FoldError> {
        self.0.fold(hashes).map(ConsistencyProof::new)
    }
}

/// How to find the root of a tree of any size that the log has passed. (RFC 9162 §2.1.1)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootPlan {
    size: u64,
    nodes: Vec<Node>,
}

impl RootPlan {
    /// The plan for the first `size` leaves.
    #[must_use]
    pub fn new(size: u64) -> Self {
        Self { size, nodes: Node::covering(0..size).collect() }
    }

    /// The perfect subtrees that the tree consists of, from left to right: those of its
    /// [`Frontier`](super::Frontier).
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The head of the tree, given the hash of each node.
    ///
    /// # Errors
    /// [`FoldError`] if their number is another.
    pub fn fold(&self, hashes: &[Hash]) -> Result<TreeHead, FoldError> {
        if self.nodes.len() != hashes.len() {
            return Err(FoldError { needed: self.nodes.len(), given: hashes.len() });
        }
        Ok(TreeHead { size: self.size, root: folded(hashes).unwrap_or_else(empty_root) })
    }
}
