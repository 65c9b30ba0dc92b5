//! The texts that lie sealed beside a record, opened for those who may read them.

use std::borrow::Cow;

use bytes::Bytes;
use uuid::Uuid;

use super::{Keep, Shown};
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

/// Every field of a record that holds a commitment, in the record's order. What was decoded has an
/// outline.
fn fields(keep: &Keep) -> Vec<(Cow<'static, str>, Commitment)> {
    Outline::of(&keep.entry.record).map(|outline| outline.texts).unwrap_or_default()
}

/// What became of each text of a record, in the record's order.
pub(super) fn of(vault: &Vault, keep: &Keep) -> Vec<Shown> {
    opened(vault, Owner::of(keep), &fields(keep))
}

/// What became of each text of a record: `fields` are all that it has, in the record's order.
pub(super) fn opened<F: AsRef<str>>(
    vault: &Vault,
    owner: Owner<'_>,
    fields: &[(F, Commitment)],
) -> Vec<Shown> {
    let shown = |text| match text {
        Some(Unsealed::Present { text, .. }) => Shown::Present(text),
        Some(Unsealed::Destroyed) => Shown::Erased,
        None => Shown::Missing,
    };
    unseal(vault, owner, fields).into_iter().map(shown).collect()
}

/// The first text of a record.
///
/// # Errors
/// Why it cannot be opened, if it should be there.
pub(super) fn first(vault: &Vault, keep: &Keep) -> Result<Shown, VaultError> {
    let fields = fields(keep);
    let Some((field, commitment)) = fields.first() else { return Ok(Shown::Missing) };
    let binding = Binding { record_id: keep.record.id.uuid(), field, commitment: *commitment };
    let sealed = Beside::decode(keep.entry.sealed.clone()).unwrap_or_default().texts;
    Ok(match vault.unseal(&sealed, 0, &binding)? {
        Unsealed::Present { text, .. } => Shown::Present(text),
        Unsealed::Destroyed => Shown::Erased,
    })
}

/// The salts of a record's texts, in the record's order; none for a text that is gone.
pub(super) fn openings(vault: &Vault, keep: &Keep) -> Vec<Option<Opening>> {
    let opened = unseal(vault, Owner::of(keep), &fields(keep));
    let opening = |text| match text {
        Some(Unsealed::Present { opening, .. }) => Some(opening),
        Some(Unsealed::Destroyed) | None => None,
    };
    opened.into_iter().map(opening).collect()
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
