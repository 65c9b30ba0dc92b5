//! Whose word is believed: signed checkpoints, and the keys that vouch for them.

use super::{Wrong, examination::Expected};
use crate::merkle::{Checkpoint, SignedNote, TreeHead, Verifier};

/// The keys that a verifier trusts: those of the log, and witnesses'.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// Keys that the verifier was given. Without any, those are taken that the ledger itself names:
    /// then the signatures show who signed, and not that it was whom you expect.
    pub keys: Vec<Verifier>,
}

/// A checkpoint that was checked: who vouches for it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CheckedCheckpoint {
    /// Where it was found.
    pub found: String,
    /// Which log it is of.
    pub origin: String,
    /// How many records it covers.
    pub size: u64,
    /// The keys that vouch for it, as `name+id`.
    pub signed_by: Vec<String>,
    /// Whether they are keys that the verifier was given, and not only the ledger's own word.
    pub trusted: bool,
}

/// A checkpoint as it was found, not believed yet.
pub(crate) struct Signed {
    found: String,
    note: SignedNote,
    checkpoint: Checkpoint,
}

impl Signed {
    /// Reads a note.
    ///
    /// # Errors
    /// [`Wrong`] if it is no checkpoint.
    pub(crate) fn read(found: &str, note: &[u8]) -> Result<Self, Wrong> {
        let wrong = |error: &dyn std::fmt::Display| Wrong::in_file(found, error.to_string());
        let note = SignedNote::parse(note).map_err(|error| wrong(&error))?;
        let checkpoint =
            Checkpoint::parse(note.unverified_text()).map_err(|error| wrong(&error))?;
        Ok(Self { found: found.to_owned(), note, checkpoint })
    }

    /// The size and the root that it states.
    pub(crate) fn head(&self) -> &TreeHead {
        self.checkpoint.head()
    }

    /// Where it was found.
    pub(crate) fn found(&self) -> &str {
        &self.found
    }

    /// Which log it is of.
    pub(super) fn origin(&self) -> &str {
        self.checkpoint.origin().as_str()
    }

    /// What it lets expect of the tree.
    pub(super) fn expected(&self) -> Expected {
        Expected { root: self.head().root, who: self.found.clone() }
    }
}

impl Trust {
    /// Whether each checkpoint is vouched for: by the keys that are trusted, or else by those that
    /// the ledger names.
    ///
    /// # Errors
    /// [`Wrong`] if none of them has signed one, or a signature is not good.
    pub(crate) fn check(
        &self,
        signed: &[Signed],
        named: &[String],
    ) -> Result<Vec<CheckedCheckpoint>, Wrong> {
        let trusted = !self.keys.is_empty();
        let named: Vec<Verifier> =
            named.iter().filter_map(|key| Verifier::parse(key).ok()).collect();
        let keys = if trusted { &self.keys } else { &named };
        let check = |it: &Signed| {
            let wrong = |what: String| Wrong::in_file(&it.found, what);
            let vouching = it.note.verify(keys).map_err(|error| wrong(error.to_string()))?;
            if vouching.is_empty() {
                let whose = if trusted { "that you trust" } else { "that the ledger names" };
                return Err(wrong(format!("no key {whose} has signed it")));
            }
            Ok(CheckedCheckpoint {
                found: it.found.clone(),
                origin: it.checkpoint.origin().to_string(),
                size: it.head().size,
                signed_by: vouching.iter().map(|by| format!("{}+{}", by.name, by.id)).collect(),
                trusted,
            })
        };
        signed.iter().map(check).collect()
    }
}
