//! The root of a whole tree, from its leaves.

use super::hash::{Hash, empty_root, node_hash};

/// The root of the tree whose leaves have these hashes: `MTH` of RFC 9162 §2.1.1.
///
/// It looks at every leaf: for a log that grows, keep a [`Frontier`](super::Frontier) instead.
/// The answer depends on the order and the number of the leaves.
#[must_use]
pub fn root_of(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(&root_of(left), &root_of(right))
        }
    }
}

/// The largest power of two smaller than `size`, which is at least 2: as many leaves lie to the
/// left.
fn split(size: usize) -> usize {
    size.div_ceil(2).next_power_of_two()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_splits_at_the_largest_power_of_two_below_its_size() {
        for size in 2..=1025_usize {
            let at = split(size);
            assert!(at.is_power_of_two() && at < size && size <= 2 * at, "{size} at {at}");
        }
    }
}
