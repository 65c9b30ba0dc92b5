//! Plain SHA-256, for digests that are no leaves and no nodes.

use sha2::{Digest as _, Sha256};

use super::Hash;

/// SHA-256 over the parts, one after the other. The first part is a domain string, so that no
/// digest can be taken for one of another kind.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    Hash::new(hasher.finalize().into())
}
