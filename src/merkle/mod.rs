//! The Merkle tree over the ledger's records, and what can be proven of it to those who do not
//! trust the ledger.
//!
//! This module owns the hashes and the tree, as RFC 6962 §2.1 and RFC 9162 §2.1 define them, and
//! the formats of C2SP in which logs, witnesses and auditors speak of it, so that tools that are
//! not ours verify the ledger unchanged. It does no I/O, takes no lock, reads no clock and is
//! never async: who needs hashes from a disk asks a plan which ones, and brings them. It does not
//! know what a leaf says: a leaf is bytes, hashed as they are stored.
//!
//! | what | where | source |
//! |---|---|---|
//! | hashes, roots, the edge that grows | [`leaf_hash`], [`root_of`], [`Frontier`] | RFC 9162 §2.1.1 |
//! | proofs, verified and made | [`InclusionProof`], [`InclusionPlan`], … | RFC 9162 §2.1.3, §2.1.4 |
//! | the tree in files | [`Tile`], [`EntryBundle`], [`TilePath`] | C2SP tlog-tiles |
//! | keys and signed texts | [`Signer`], [`Verifier`], [`SignedNote`] | C2SP signed-note |
//! | what a log says of itself | [`Checkpoint`] | C2SP tlog-checkpoint |
//! | what a witness says of a log | [`Cosigner`] | C2SP tlog-cosignature |
//! | what log and witness say to each other | [`AddCheckpoint`], [`Cosignatures`], … | C2SP tlog-witness |
//! | proofs in files | [`TlogProof`] | C2SP tlog-proof |
//! | whom an auditor trusts | [`Policy`] | C2SP tlog-policy |
//!
//! All readers are strict: what they take has one way to be written, and displays as the same
//! bytes; policies alone, which people write, may be laid out freely.
//!
//! Signatures are Ed25519, which every verifier knows. ML-DSA-44 (type `0x06`), which C2SP now
//! recommends for new logs, is not written yet: all that signs takes several signers and all that
//! verifies ignores what it does not know, so that it can come to stand beside Ed25519, and so
//! that keys change without a gap.

mod checkpoint;
mod cosignature;
mod decimal;
mod digest;
mod entry_bundle;
mod frontier;
mod hash;
mod head;
mod key;
mod node;
mod note;
mod plan;
mod policy;
mod proof;
mod tile;
mod tile_path;
mod tlog_proof;
mod tree;
mod witness;

pub use checkpoint::{Checkpoint, CheckpointError, Origin};
pub use cosignature::{Cosigner, PosixTime};
pub use digest::sha256;
pub use entry_bundle::{EntryBundle, EntryBundleError};
pub use frontier::{Frontier, FrontierError};
pub use hash::{Hash, HashError, empty_root, leaf_hash, node_hash};
pub use head::TreeHead;
pub use key::{KeyError, KeyId, KeyName, SignatureType, Signer, Verified, Verifier};
pub use node::Node;
pub use note::{NoteError, Signature, SignedNote};
pub use plan::{ConsistencyPlan, FoldError, InclusionPlan, RootPlan};
pub use policy::{Distrust, Policy, PolicyError, PolicyFault, PolicyLog, PolicyWitness};
pub use proof::{ConsistencyProof, InclusionProof, ProofError};
pub use tile::{Tile, TileError};
pub use tile_path::{TilePath, TilePathError};
pub use tlog_proof::{Proven, TlogProof, TlogProofError};
pub use tree::root_of;
pub use witness::{AddCheckpoint, Cosignatures, CosignedSize, WitnessError, monitoring_path};

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
