//! A sum over everything in the store, which does not depend on the order of writing.

use crate::merkle::sha256;

const DOMAIN: &[u8] = b"judgement-ledger/views/sum/v1";

/// The sum of a digest of each key and value, kept up with every transaction. Whatever the store
/// loses, brings back or changes, the sum over what it has is no longer the sum it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sum(u128);

/// The bytes of a stored sum.
pub(super) const SUM_BYTES: usize = 16;

impl Sum {
    /// Over nothing.
    pub(super) const EMPTY: Self = Self(0);

    /// With one more key in the tree of this name.
    pub(super) fn with(self, tree: &str, key: &[u8], value: &[u8]) -> Self {
        Self(self.0.wrapping_add(digest(tree, key, value)))
    }

    /// Without a key that was summed before.
    pub(super) fn without(self, tree: &str, key: &[u8], value: &[u8]) -> Self {
        Self(self.0.wrapping_sub(digest(tree, key, value)))
    }

    pub(super) const fn to_bytes(self) -> [u8; SUM_BYTES] {
        self.0.to_be_bytes()
    }

    pub(super) const fn from_bytes(bytes: [u8; SUM_BYTES]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }
}

/// Sixteen bytes of a SHA-256; the lengths keep name, key and value apart.
fn digest(tree: &str, key: &[u8], value: &[u8]) -> u128 {
    let length = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes();
    let (tree_bytes, key_bytes) = (length(tree.as_bytes()), length(key));
    let hash = sha256(&[DOMAIN, &tree_bytes, tree.as_bytes(), &key_bytes, key, value]);
    let (first, _) = hash.as_bytes().split_first_chunk().unwrap_or((&[0; SUM_BYTES], &[]));
    u128::from_be_bytes(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_forgets_the_order_but_nothing_else() {
        let both = Sum::EMPTY.with("a", b"k", b"1").with("b", b"k", b"2");
        assert_eq!(both, Sum::EMPTY.with("b", b"k", b"2").with("a", b"k", b"1"));
        assert_eq!(both.without("a", b"k", b"1").without("b", b"k", b"2"), Sum::EMPTY);
        for other in [("a", "k", "2"), ("b", "k", "1"), ("a", "k1", ""), ("ak", "", "1")] {
            let (tree, key, value) = other;
            let sum = Sum::EMPTY.with(tree, key.as_bytes(), value.as_bytes());
            assert_ne!(sum, Sum::EMPTY.with("a", b"k", b"1"), "{other:?}");
        }
        assert_eq!(Sum::from_bytes(both.to_bytes()), both);
    }
}
