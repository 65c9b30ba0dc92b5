//! The texts that lie sealed beside a record, opened for those who may read them.

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use uuid::Uuid;

use super::{Keep, ProvenText, Shown, erasures::Erasures};
use crate::{
    judgement::Position,
    record::{Beside, Commitment, Opening, Outline},
    vault::{Binding, Unsealed, Vault, VaultError},
};

/// Whose texts are opened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner<'a> {
    /// Where the record stands.
    pub(super) position: Position,
    /// The record's id.
    pub(super) id: Uuid,
    /// What lies sealed beside it.
    pub(super) sealed: &'a Bytes,
}

impl<'a> Owner<'a> {
    fn of(keep: &'a Keep) -> Self {
        let Keep { record, entry, .. } = keep;
        Self { position: record.position, id: record.id.uuid(), sealed: &entry.sealed }
    }
}

/// Opens texts, but for those that were ordered to be erased: these nobody gets, whether their keys
/// are destroyed already or not.
#[derive(Clone, Copy)]
pub(super) struct Opener<'a> {
    pub(super) vault: &'a Vault,
    pub(super) erasures: &'a Erasures,
}

/// Every field of a record that holds a commitment, in the record's order. What was decoded has an
/// outline.
pub(super) fn fields(keep: &Keep) -> Vec<(Cow<'static, str>, Commitment)> {
    Outline::of(&keep.entry.record).map(|outline| outline.texts).unwrap_or_default()
}

impl Opener<'_> {
    /// What became of each text of a record, in the record's order.
    pub(super) fn of(self, keep: &Keep) -> Vec<Shown> {
        self.opened(Owner::of(keep), &fields(keep))
    }

    /// What became of the text of one field of a record.
    pub(super) fn named(self, keep: &Keep, field: &str) -> Shown {
        let fields = fields(keep);
        let mut shown = fields.iter().map(|(path, _)| path.as_ref()).zip(self.of(keep));
        shown.find(|(path, _)| *path == field).map_or(Shown::Missing, |(_, shown)| shown)
    }

    /// What became of each text of a record: `fields` are all that it has, in the record's order.
    ///
    /// A text whose key is destroyed although nobody ordered that should be there and is not.
    pub(super) fn opened<F: AsRef<str>>(
        self,
        owner: Owner<'_>,
        fields: &[(F, Commitment)],
    ) -> Vec<Shown> {
        let erased = self.erasures.of(owner.position);
        let shown = |(text, (field, _)): (Option<Unsealed>, &(F, Commitment))| {
            if let Some(erasure) = erased.and_then(|of| of.text(field.as_ref()).map(Arc::clone)) {
                return Shown::Erased(erasure);
            }
            match text {
                Some(Unsealed::Present { text, .. }) => Shown::Present(text),
                Some(Unsealed::Destroyed) => {
                    let (position, field) = (owner.position, field.as_ref());
                    tracing::error!(%position, field, "a text was destroyed that nobody erased");
                    Shown::Missing
                }
                None => Shown::Missing,
            }
        };
        unseal(self.vault, owner, fields).into_iter().zip(fields).map(shown).collect()
    }

    /// The first text of a record.
    ///
    /// # Errors
    /// Why it cannot be opened, if it should be there.
    pub(super) fn first(self, keep: &Keep) -> Result<Shown, VaultError> {
        let fields = fields(keep);
        let Some((field, commitment)) = fields.first() else { return Ok(Shown::Missing) };
        let erased = self.erasures.of(keep.record.position);
        if let Some(erasure) = erased.and_then(|of| of.text(field).map(Arc::clone)) {
            return Ok(Shown::Erased(erasure));
        }
        let binding = Binding { record_id: keep.record.id.uuid(), field, commitment: *commitment };
        let sealed = Beside::decode(keep.entry.sealed.clone()).unwrap_or_default().texts;
        Ok(match self.vault.unseal(&sealed, 0, &binding)? {
            Unsealed::Present { text, .. } => Shown::Present(text),
            Unsealed::Destroyed => Shown::Missing,
        })
    }

    /// The salts of a record's texts, in the record's order; none for a text that is gone.
    pub(super) fn openings(self, keep: &Keep) -> Vec<Option<Opening>> {
        let (fields, erased) = (fields(keep), self.erasures.of(keep.record.position));
        let opened = unseal(self.vault, Owner::of(keep), &fields);
        let opening = |(text, (field, _)): (Option<Unsealed>, &(Cow<'static, str>, _))| {
            let gone = erased.is_some_and(|of| of.text(field).is_some());
            match text.filter(|_| !gone) {
                Some(Unsealed::Present { opening, .. }) => Some(opening),
                Some(Unsealed::Destroyed) | None => None,
            }
        };
        opened.into_iter().zip(&fields).map(opening).collect()
    }

    /// The texts of a record by their fields, in the record's order, with what proves them.
    pub(super) fn proven(self, keep: &Keep) -> Vec<(String, ProvenText)> {
        let (fields, erased) = (fields(keep), self.erasures.of(keep.record.position));
        let opened = unseal(self.vault, Owner::of(keep), &fields);
        let proven = |(text, (field, _)): (Option<Unsealed>, (Cow<'static, str>, _))| {
            let erasure = erased.and_then(|of| of.text(&field).map(Arc::clone));
            let proven = match (erasure, text) {
                (Some(erasure), _) => ProvenText::Erased { order: erasure.position },
                (None, Some(Unsealed::Present { opening, text })) => {
                    ProvenText::Open(opening, text)
                }
                (None, Some(Unsealed::Destroyed) | None) => ProvenText::Missing,
            };
            (field.into_owned(), proven)
        };
        opened.into_iter().zip(fields).map(proven).collect()
    }
}

/// The document that lies beside a record that registers a framework.
pub(super) fn document(keep: &Keep) -> Option<Bytes> {
    let beside = Beside::decode(keep.entry.sealed.clone()).ok()?;
    (!beside.document.is_empty()).then_some(beside.document)
}

/// One result for each field: `None` for a text that should be there and cannot be opened.
fn unseal<F: AsRef<str>>(
    vault: &Vault,
    owner: Owner<'_>,
    fields: &[(F, Commitment)],
) -> Vec<Option<Unsealed>> {
    if fields.is_empty() {
        return Vec::new();
    }
    let mut bindings = Vec::with_capacity(fields.len());
    for (field, commitment) in fields {
        let (field, commitment) = (field.as_ref(), *commitment);
        bindings.push(Binding { record_id: owner.id, field, commitment });
    }
    let log = |error: &VaultError| {
        tracing::error!(position = %owner.position, %error, "a text cannot be opened");
    };
    let sealed = Beside::decode(owner.sealed.clone()).unwrap_or_default().texts;
    match vault.unseal_all(&sealed, &bindings) {
        Ok(opened) => opened.into_iter().map(|text| text.inspect_err(log).ok()).collect(),
        Err(error) => {
            log(&error);
            fields.iter().map(|_| None).collect()
        }
    }
}
