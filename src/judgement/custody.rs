//! Who holds what proves the ledger: the keys that it signs with, and the evidence that was taken
//! out of it. (Spec §4)

use super::{
    Position, StreamId, VerifierKey,
    texts::{Texts, Visit, maybe},
};

/// What became of a key with which the ledger signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyChange {
    /// The ledger signs with it from now on.
    Added,
    /// The ledger signs with it no more; what it signed stays signed.
    Retired,
}

/// See [`super::Event::KeyRotated`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRotated {
    /// The key.
    pub key: VerifierKey,
    /// What became of it.
    pub change: KeyChange,
}

/// What was taken out of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccessKind {
    /// One assessment's records with their proofs.
    Trail,
    /// Bundles of the tree's entries.
    EntryBundles,
    /// A case for a court or an information request.
    Case,
    /// Evidence of the whole ledger.
    Evidence,
    /// Records as they come.
    Stream,
    /// A letter.
    Letter,
    /// The openings of texts, with which these can be proven for ever.
    Openings,
}

/// A run of records, from and to, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The first.
    pub first: Position,
    /// The last.
    pub last: Position,
}

/// See [`super::Event::AccessRecorded`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessRecorded<T> {
    /// What was taken.
    pub kind: AccessKind,
    /// The stream that it was taken of; `None` if it was not of one stream.
    pub of: Option<StreamId>,
    /// The records in it; `None` if it was no run of records.
    pub records: Option<Run>,
    /// For what, as stated.
    pub purpose: Option<T>,
}

impl<T> Texts<T> for AccessRecorded<T> {
    type With<U> = AccessRecorded<U>;

    fn map_texts<U, E>(self, at: &str, visit: Visit<'_, T, U, E>) -> Result<AccessRecorded<U>, E> {
        Ok(AccessRecorded {
            kind: self.kind,
            of: self.of,
            records: self.records,
            purpose: maybe(self.purpose, at, "purpose", visit)?,
        })
    }
}
