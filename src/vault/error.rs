//! Why the vault did not do what it was asked.

use std::io;

use uuid::Uuid;

use super::{entropy::EntropyError, slot::Slot};

/// Why a call of the vault failed. No variant holds a text, an opening or a key.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// No randomness: no key, nonce or opening can be drawn.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The file system refused, and surely nothing has changed: try again once it does not.
    #[error("{file}: the file system refused")]
    Io {
        /// The file as a person would name it.
        file: String,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
    /// The file system failed in a flush or a renaming: it may or may not have happened. Only
    /// opening the vault again tells.
    #[error("{file}: written, but perhaps not durable; open the vault again")]
    Unknown {
        /// The file as a person would name it.
        file: String,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
    /// An earlier call ended as [`VaultError::Unknown`], or its thread died: this vault seals and
    /// destroys no more; it still reads.
    #[error("an earlier write of the keyring had an unknown outcome; open the vault again")]
    Poisoned,
    /// The slots are destroyed for good, but the replaced file's bytes could not be overwritten
    /// and may linger where the disk freed them.
    #[error("{file}: destroyed, but the bytes it had before could not be overwritten")]
    Remnant {
        /// The file as a person would name it.
        file: String,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
    /// A file of the keyring is not what was written.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// A later version of this program wrote the file; it was not touched.
    #[error("{file}: format {version} is newer than this program; use the program that wrote it")]
    NewerFormat {
        /// The file as a person would name it.
        file: String,
        /// The format version found.
        version: u32,
    },
    /// The file is whole, but this master key does not open it.
    #[error("{file}: the master key is not the one this keyring was made with")]
    WrongMasterKey {
        /// The block file as a person would name it.
        file: String,
    },
    /// There is a keyring, but not the master key that it was made with. Nothing was written.
    #[error("{file}: there is no master key; bring back the one this keyring was made with")]
    MasterKeyMissing {
        /// The key file as a person would name it.
        file: String,
    },
    /// The file is not a master key.
    #[error(
        "{file}: a master key is 64 hexadecimal digits or 32 raw bytes; the file has {bytes} bytes"
    )]
    MasterKeyMalformed {
        /// The key file as a person would name it.
        file: String,
        /// The size of the file.
        bytes: u64,
    },
    /// The keyring belongs to another ledger.
    #[error("{file}: the keyring belongs to ledger {found}")]
    OtherLedger {
        /// The block file as a person would name it.
        file: String,
        /// The ledger it belongs to.
        found: Uuid,
    },
    /// Another process has the keyring open.
    #[error("{file}: another process has the keyring open")]
    InUse {
        /// The lock file as a person would name it.
        file: String,
    },
    /// The journal names a slot that this keyring does not reach: an older keyring was restored
    /// beside a newer journal. Nothing was written.
    #[error(
        "{file}: the keyring ends here, but the journal names slot {slot}; restore a newer one"
    )]
    OlderThanJournal {
        /// The newest block file as a person would name it.
        file: String,
        /// The slot named.
        slot: Slot,
    },
    /// The block file of a slot is gone, and no destruction explains it.
    #[error("{file}: the block with the key of slot {slot} is missing")]
    Missing {
        /// The block file as a person would name it.
        file: String,
        /// The slot whose key was sought.
        slot: Slot,
    },
    /// The slot has not been handed out yet, so no text lies under it: destroying it would make
    /// the next text unreadable.
    #[error("slot {slot} has sealed no text yet")]
    NotUsed {
        /// The slot named.
        slot: Slot,
    },
    /// Sealed bytes that no vault wrote.
    #[error("the sealed texts are malformed at byte {offset}: {what}")]
    Malformed {
        /// The offset in the sealed bytes.
        offset: usize,
        /// What was found.
        what: &'static str,
    },
    /// The sealed text was altered, or belongs to another record, field or commitment.
    #[error("the text sealed under slot {slot} is not authentic here")]
    NotAuthentic {
        /// The slot it names.
        slot: Slot,
    },
    /// The record has fewer texts, or more, than the caller expects.
    #[error("{sought} texts are expected; {found} are sealed")]
    OtherCount {
        /// How many are needed.
        sought: usize,
        /// How many there are.
        found: usize,
    },
    /// All slots that a 64-bit number can name are used up, or a text is longer than the cipher
    /// takes: neither can come about.
    #[error("the limit of the cipher or of the slots is reached")]
    Exhausted,
}

/// A file of the keyring that is not what was written: where, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: damaged at byte {offset}: {what}")]
pub struct Damage {
    /// The file as a person would name it.
    pub file: String,
    /// The offset in that file, in bytes, of the part that cannot be trusted.
    pub offset: usize,
    /// What was found.
    pub what: &'static str,
}
