//! The Merkle tree over the ledger's records, as RFC 6962 §2.1 and RFC 9162 §2.1 define it.
//!
//! This module owns the hashes, the tree and what can be said of them without a disk. It does no
//! I/O, takes no lock, reads no clock and is never async. It does not know what a leaf says: a
//! leaf is bytes, hashed as they are stored.

mod digest;
mod frontier;
mod hash;
mod tree;

pub use digest::sha256;
pub use frontier::{Frontier, FrontierError};
pub use hash::{Hash, HashError, empty_root, leaf_hash, node_hash};
pub use tree::root_of;

#[cfg(test)]
mod vectors;
