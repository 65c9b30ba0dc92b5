//! The texts that lie sealed beside a record, opened for those who may read them.

use bytes::Bytes;

use super::{Keep, Shown};
use crate::{
    record::{Beside, Commitment, Opening, Record},
    vault::{Binding, Unsealed, Vault, VaultError},
};

/// Every text of a record with the path of its field, in the record's order.
pub(super) fn shown(vault: &Vault, record: &Record, sealed: &Bytes) -> Vec<(String, Shown)> {
    let fields = record.fields();
    let opened = unseal(vault, (record, sealed), &fields);
    let states = opened.into_iter().map(|text| match text {
        Some(Unsealed::Present { text, .. }) => Shown::Present(text),
        Some(Unsealed::Destroyed) => Shown::Erased,
        None => Shown::Missing,
    });
    fields.into_iter().map(|(field, _)| field).zip(states).collect()
}

/// The first text of a record.
///
/// # Errors
/// Why it cannot be opened, if it should be there.
pub(super) fn first(vault: &Vault, keep: &Keep) -> Result<Shown, VaultError> {
    let fields = keep.record.fields();
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
    let opened = unseal(vault, (&keep.record, &keep.entry.sealed), &keep.record.fields());
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
fn unseal(
    vault: &Vault,
    (record, sealed): (&Record, &Bytes),
    fields: &[(String, Commitment)],
) -> Vec<Option<Unsealed>> {
    if fields.is_empty() {
        return Vec::new();
    }
    let record_id = record.id.uuid();
    let mut bindings = Vec::with_capacity(fields.len());
    for (field, commitment) in fields {
        bindings.push(Binding { record_id, field, commitment: *commitment });
    }
    let sealed = Beside::decode(sealed.clone()).unwrap_or_default().texts;
    match vault.unseal_all(&sealed, &bindings) {
        Ok(opened) => {
            let open =
                |text: Result<_, _>| text.inspect_err(|error| log_missing(record, error)).ok();
            opened.into_iter().map(open).collect()
        }
        Err(error) => {
            log_missing(record, &error);
            fields.iter().map(|_| None).collect()
        }
    }
}

fn log_missing(record: &Record, error: &VaultError) {
    tracing::error!(position = %record.position, %error, "a text cannot be opened");
}
