//! Why a backup was not made, or nothing was restored from it.

use std::io;

use uuid::Uuid;

use crate::{
    disk::ReplaceError,
    evidence::Wrong,
    journal::JournalError,
    judgement::Position,
    merkle::Hash,
    vault::{Slot, VaultError},
};

/// Why a backup was not made, or nothing was restored from it. Files are named as a person would.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The file system refused. No part was added.
    #[error("{file}: the file system refused")]
    Io {
        /// The file.
        file: String,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
    /// A part was written, but perhaps not durably: look whether it is there.
    #[error("{file}: written, but perhaps not durable")]
    Unknown {
        /// The file.
        file: String,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
    /// Another process is adding a part.
    #[error("{file}: another process is writing to this backup")]
    InUse {
        /// The lock file.
        file: String,
    },
    /// A newer program wrote the file.
    #[error("{file}: format {found} is newer than {known}, the newest that this program knows")]
    Newer {
        /// The file.
        file: String,
        /// The version found.
        found: u32,
        /// The newest version known.
        known: u32,
    },
    /// The bytes are not what was written.
    #[error("{file}: damaged at byte {offset}: {what}")]
    Damaged {
        /// The file.
        file: String,
        /// Where, in bytes.
        offset: u64,
        /// What was found.
        what: &'static str,
    },
    /// There is no part in the directory.
    #[error("{directory}: there is no backup in it: no {first}")]
    Empty {
        /// The directory.
        directory: String,
        /// What the first part is called.
        first: String,
    },
    /// A part is missing before others.
    #[error("{file}: this part is missing; all parts are needed, from the first on")]
    PartMissing {
        /// The part that should be there.
        file: String,
    },
    /// A part is of another ledger than the backup is.
    #[error("{file}: it is of the ledger {found}, and the backup is of {ledger}")]
    OtherLedger {
        /// The file.
        file: String,
        /// Whose it is.
        found: Uuid,
        /// Whose it should be.
        ledger: Uuid,
    },
    /// A part does not begin where the one before ends.
    #[error("{file}: it begins after record {from}, and the part before ends with record {size}")]
    OutOfPlace {
        /// The part.
        file: String,
        /// How many records come before it, as it says.
        from: u64,
        /// How many records the parts before it have.
        size: u64,
    },
    /// The checkpoint of a part is not of the tree that the part before ends with.
    #[error(
        "{file}: its checkpoint over {size} records does not follow from the one before, over {from}: \
         the ledger was exchanged, or the part is another ledger's; begin another backup if that is \
         meant"
    )]
    OtherHistory {
        /// The part.
        file: String,
        /// How many records the checkpoint before covers.
        from: u64,
        /// How many records the part's checkpoint covers.
        size: u64,
    },
    /// The records do not make the root that somebody states.
    #[error("the first {size} records have the root {root}; {who} says {stated}")]
    OtherRoot {
        /// How many records.
        size: u64,
        /// The root that they make.
        root: Hash,
        /// Who states another one.
        who: String,
        /// The root that is stated.
        stated: Hash,
    },
    /// There are fewer records than somebody vouches for.
    #[error("there are {size} records; {who} covers {covered}: records are missing")]
    RecordsMissing {
        /// How many there are.
        size: u64,
        /// Who vouches for more.
        who: String,
        /// For how many.
        covered: u64,
    },
    /// A record stands where another should.
    #[error("{file}: record {found} stands where record {position} should")]
    OutOfOrder {
        /// The part.
        file: String,
        /// Which record is next.
        position: Position,
        /// Which one came.
        found: Position,
    },
    /// A record cannot be read.
    #[error("{file}: record {position}: {what}")]
    Record {
        /// The part.
        file: String,
        /// Which record.
        position: Position,
        /// Why not.
        what: String,
    },
    /// A checkpoint is none, or nobody who is trusted signed it.
    #[error(transparent)]
    Checkpoint(#[from] Wrong),
    /// The keyring is not the one that the records need.
    #[error("the keyring cannot be used")]
    Keyring(#[from] VaultError),
    /// There is a text, and no keyring.
    #[error(
        "slot {slot} of the keyring is named by a text, and no keyring is given: name its backup with \
         --keyring"
    )]
    KeyringMissing {
        /// A slot that is named.
        slot: Slot,
    },
    /// The journal cannot be written or read.
    #[error("the journal cannot be restored")]
    Journal(#[from] JournalError),
}

impl BackupError {
    pub(super) fn replacing(file: String, error: ReplaceError) -> Self {
        match error {
            ReplaceError::NotBegun(source) => Self::Io { file, source },
            ReplaceError::Unknown(source) => Self::Unknown { file, source },
        }
    }
}
