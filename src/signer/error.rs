//! Why the signer did not do what it was asked.

use std::io;

use crate::merkle::{KeyError, NoteError};

/// Why a call of the signer failed. No variant holds a key.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// The file system refused, and surely nothing has changed: try again once it does not.
    #[error("{file}: the file system refused")]
    Io {
        /// The file as a person would name it.
        file: String,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
    /// The file system failed in a flush or a renaming: it may or may not have happened.
    #[error("{file}: written, but perhaps not durable; start again")]
    Unknown {
        /// The file as a person would name it.
        file: String,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
    /// An earlier call ended as [`SignerError::Unknown`]: nothing more is signed.
    #[error("an earlier write of the signer's memory had an unknown outcome; start again")]
    Poisoned,
    /// Another process signs from this directory.
    #[error("{file}: another process has the signer; stop it first")]
    InUse {
        /// The lock file as a person would name it.
        file: String,
    },
    /// Another process has signed since this one looked.
    #[error("{file}: another process has signed meanwhile")]
    Overtaken {
        /// The memory as a person would name it.
        file: String,
    },
    /// There is a signer already.
    #[error("{directory}: there is a signer already")]
    Begun {
        /// The directory as a person would name it.
        directory: String,
    },
    /// No key would sign.
    #[error("{directory}: there would be no key to sign with; add one first")]
    NoKey {
        /// The directory as a person would name it.
        directory: String,
    },
    /// None of the signer's keys is this one.
    #[error("the signer has no such key")]
    UnknownKey,
    /// A file holds no key.
    #[error("{file}: a key has 64 hexadecimal digits or 32 raw bytes")]
    KeyMalformed {
        /// The file as a person would name it.
        file: String,
    },
    /// The origin can name no key.
    #[error("the origin cannot name a key")]
    Origin(#[from] KeyError),
    /// The signer signed for another log.
    #[error(
        "{file}: it signed for {signed}, not for {given}: a ledger keeps its origin; name the \
         signer's directory of this ledger, or the origin that it had"
    )]
    OtherOrigin {
        /// The memory as a person would name it.
        file: String,
        /// For which log.
        signed: String,
        /// For which it should.
        given: String,
    },
    /// A later version of this program wrote the memory; it was not touched.
    #[error("{file}: format {version} is newer than this program; use the program that wrote it")]
    NewerFormat {
        /// The file as a person would name it.
        file: String,
        /// The format found.
        version: u32,
    },
    /// The memory is not what was written.
    #[error("{file}: damaged; bring back the signer's directory from its newest backup")]
    Damaged {
        /// The file as a person would name it.
        file: String,
    },
    /// A larger tree was signed: this one is never signed.
    #[error("a tree of {signed} records was signed: one of {size} is not")]
    Smaller {
        /// The size of the tree handed in.
        size: u64,
        /// The size of the tree that was signed.
        signed: u64,
    },
    /// The tree did not grow from the one that was signed: it is never signed.
    #[error("the tree of {size} records did not grow from that of {signed} which was signed")]
    OtherTree {
        /// The size of the tree handed in.
        size: u64,
        /// The size of the tree that was signed.
        signed: u64,
    },
    /// The note is not of the checkpoint signed last.
    #[error("another checkpoint was signed meanwhile")]
    NotLast,
    /// The note is no checkpoint of the tree.
    #[error("the note is no checkpoint of this tree")]
    Malformed,
    /// The note cannot be made.
    #[error(transparent)]
    Note(#[from] NoteError),
}
