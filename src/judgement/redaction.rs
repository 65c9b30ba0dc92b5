//! Redaction: how a text is erased that the law wants gone. (Spec §4)
//!
//! One records officer asks for it, another one orders or refuses it, and once the text's key is
//! destroyed the service says so. All of it is recorded in the stream of the record that has the
//! text. That record stays as it is: a redaction is no record of its area or entry, and changes
//! neither a grade nor a digest. (Spec §4.2)

use super::{
    FieldPath, Position, RecordId,
    texts::{Texts, Visit, maybe, one},
};
use crate::merkle::Hash;

/// What allows by law that a text is erased. The articles are those of the UK GDPR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LegalBasis {
    /// Somebody asked to be forgotten (Article 17).
    ErasureRequest,
    /// Somebody objected, and nothing overrides that (Article 21).
    Objection,
    /// A court ordered it.
    CourtOrder,
    /// It was to be kept so long and no longer (Article 5(1)(e)).
    RetentionExpired,
    /// It should never have been recorded (Article 17(1)(d)).
    UnlawfullyRecorded,
    /// It endangers a child or an adult at risk.
    Safeguarding,
}

/// See [`super::Event::RedactionRequested`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedactionRequested<T> {
    /// The record that has the text.
    pub record: Position,
    /// Its leaf hash.
    pub record_hash: Hash,
    /// Where in it the text stands.
    pub field: FieldPath,
    /// What allows it by law.
    pub basis: LegalBasis,
    /// Under which reference it was asked for.
    pub reference: Option<T>,
    /// What is to stand in the place of the text.
    pub replacement: T,
}

/// See [`super::Event::TextRedacted`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextRedacted {
    /// The record that asked for it.
    pub request: Position,
    /// The record that has the text.
    pub record: Position,
    /// Its leaf hash.
    pub record_hash: Hash,
    /// Its id.
    pub record_id: RecordId,
    /// Where in it the text stands.
    pub field: FieldPath,
    /// The commitment that stands there.
    pub commitment: [u8; 32],
    /// What allows it by law.
    pub basis: LegalBasis,
}

/// See [`super::Event::RedactionRefused`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedactionRefused<T> {
    /// The record that asked for it.
    pub request: Position,
    /// The record that has the text.
    pub record: Position,
    /// Where in it the text stands.
    pub field: FieldPath,
    /// Why not.
    pub ground: T,
}

/// See [`super::Event::RedactionCompleted`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedactionCompleted {
    /// The record that ordered it.
    pub order: Position,
    /// The record that has the text.
    pub record: Position,
    /// Where in it the text stands.
    pub field: FieldPath,
    /// The size of the published checkpoint that covered the order before the key was destroyed;
    /// 0 if the ledger publishes none.
    pub checkpoint_size: u64,
}

impl<T> Texts<T> for RedactionRequested<T> {
    type With<U> = RedactionRequested<U>;

    fn map_texts<U, E>(
        self,
        at: &str,
        visit: Visit<'_, T, U, E>,
    ) -> Result<RedactionRequested<U>, E> {
        Ok(RedactionRequested {
            record: self.record,
            record_hash: self.record_hash,
            field: self.field,
            basis: self.basis,
            reference: maybe(self.reference, at, "reference", visit)?,
            replacement: one(self.replacement, at, "replacement", visit)?,
        })
    }
}

impl<T> Texts<T> for RedactionRefused<T> {
    type With<U> = RedactionRefused<U>;

    fn map_texts<U, E>(
        self,
        at: &str,
        visit: Visit<'_, T, U, E>,
    ) -> Result<RedactionRefused<U>, E> {
        Ok(RedactionRefused {
            request: self.request,
            record: self.record,
            field: self.field,
            ground: one(self.ground, at, "ground", visit)?,
        })
    }
}
