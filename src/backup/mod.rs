//! Backups: a ledger's records as files that verify by themselves, and a ledger made of them again.
//!
//! This room owns the format of a backup's parts and of the file that a keyring is kept in, and what
//! must hold before a restored ledger may be served. It works with any [`Journal`] and knows no
//! network: where records come from is the caller's business.
//!
//! # What a backup is
//!
//! A directory of parts: `part-0001.backup` begins with the first record, and each further part where
//! the one before ends, at a checkpoint that was signed. All parts are needed. A part is written under
//! a name that does not count ([`UNFINISHED`](crate::disk::whole::UNFINISHED)), flushed, and only then
//! renamed: so a part that is there is whole. What it holds is what the journal holds, byte for byte:
//! records as they are hashed, and what lies sealed beside them. Nothing is encoded anew.
//!
//! The root of the tree is folded while a part is written, from the edge that the part before ends
//! with, and a part whose records do not make the root that its checkpoint states is never finished:
//! a backup that lacks a record is found out on the day it is made, not on the day it is needed.
//!
//! # What restoring proves
//!
//! [`restore`] folds the tree anew from the first record on. At the end of every part the root must be
//! the one of the part's checkpoint, which keys of the log signed; so it must be at every checkpoint
//! that was kept elsewhere. Each text's key must be in the keyring. Whether any of that ever becomes a
//! ledger is the caller's last step: until then the files lie where nobody serves them.
//!
//! [`verify`] proves the same of the parts where they lie, and writes nothing: a part is read again by
//! nobody else, and disks rot.
//!
//! What it does not prove: that nothing was recorded after the last part. Only the signer's memory and
//! checkpoints kept elsewhere tell that.
//!
//! # What is secret
//!
//! Texts are sealed, and their keys are not in here: a backup without the keyring gives no text away.
//! But grades and who set them are in clear, so keep it on a disk that is encrypted. That a backup is no
//! encrypted container is a decision, and leaves that to the disk: what encrypts disks and objects does
//! it better, and a second key to lose would be one more way to lose the ledger. The keyring goes into a
//! file of its own ([`KeyringWriter`]), wrapped by the master key, which is in neither; to be kept
//! elsewhere and not for long: as long as it is kept, a text that was erased since can be brought back
//! from it, the journal's backup and the master key. What is made after an erasure brings nothing back.
//!
//! # The format, to the byte
//!
//! Integers are big-endian. A file is eight bytes of magic (`jl-bkup` or `jl-ring`, and a line feed),
//! four of the format's version, 1, which stay as they are in every version to come; then frames; then
//! the length of the last frame, 4 bytes, by which it is found from the end.
//!
//! | bytes | a frame |
//! |---:|---|
//! | 1 | what it is |
//! | 4 | length of the payload, 16 MiB at most |
//! | | payload |
//! | 4 | CRC32C of all of the frame before it, so that damage has a place |
//!
//! | what | payload |
//! |---|---|
//! | `H` | head of a part: the ledger's id (16), how many records come before (8), length (4) of the checkpoint's signed note, the note, the hashes of the consistency proof from there (32 each) |
//! | `E` | an entry: position (8), length (4) of the record, the record, what lies beside it |
//! | `R` | head of a keyring: the ledger's id (16) |
//! | `K` | a file of the keyring: length of its name (4), the name, its bytes |
//! | `T` | the end, the last frame: number of `E` or `K` frames (8), offset of this frame (8), SHA-256 of all bytes before it (32); in a part, the edge of the tree after it ([`Frontier::to_bytes`](crate::merkle::Frontier::to_bytes)) |
//!
//! The checkpoint stands in front, though it covers what follows: whoever reads knows from the first
//! frame what the records must make, and how many there will be. The proof is for those who have the
//! checkpoints alone; who has the parts has the records, which prove more.
//!
//! [`Journal`]: crate::journal::Journal

mod chain;
mod error;
mod file;
mod frame;
mod keyring;
mod part;
mod restore;

pub use chain::{Chain, LOCK, Next, PartWriter, is_part, part_name};
pub use error::BackupError;
pub use keyring::{KeyringWriter, is_keyring, read_keyring};
pub use part::{PartHead, PartReader};
pub use restore::{Proofs, Restored, restore, verify};

/// The version of the format of both kinds of files; a newer one is refused.
pub const FORMAT_VERSION: u32 = 1;

#[cfg(test)]
#[expect(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::shadow_unrelated,
    reason = "an overflow fails the test, its numbers are small, and one refusal follows another"
)]
mod tests;
