//! Opening the texts beside records with a keyring, and finding each what its record commits to.

use uuid::Uuid;

use super::{Wrong, texts::Found};
use crate::{
    record::{Commitment, Record},
    vault::{Binding, Reader, Unsealed, VaultError, slots_of},
};

/// The texts of a ledger: with its keyring they are opened, without they are counted.
pub(super) enum Keyring {
    /// The keys are at hand.
    Open(Reader),
    /// They are not.
    None,
}

impl Keyring {
    /// What became of each text of a record, `fields` being all that it has; `sealed` is what lies
    /// beside it.
    ///
    /// # Errors
    /// [`Wrong`] if what lies there is not what was sealed for this record.
    pub(super) fn find(
        &self,
        record: &Record,
        fields: &[(String, Commitment)],
        sealed: &[u8],
    ) -> Result<Vec<Found>, Wrong> {
        let wrong = |error: &VaultError| Wrong::at(record.position, error.to_string());
        match self {
            Self::None => {
                let there = slots_of(sealed).map_err(|error| wrong(&error))?.len();
                if there == fields.len() {
                    return Ok(vec![Found::Sealed; there]);
                }
                let what = format!("it has {} texts; {there} are sealed beside it", fields.len());
                Err(Wrong::at(record.position, what))
            }
            Self::Open(reader) => {
                let record_id = record.id.uuid();
                let mut bindings = Vec::with_capacity(fields.len());
                for (field, commitment) in fields {
                    bindings.push(Binding { record_id, field, commitment: *commitment });
                }
                let unsealed = reader.unseal_all(sealed, &bindings);
                let unsealed = unsealed.map_err(|error| wrong(&error))?.into_iter().zip(fields);
                unsealed.map(|(opened, of)| found_as(opened, record_id, of, &wrong)).collect()
            }
        }
    }
}

fn found_as(
    opened: Result<Unsealed, VaultError>,
    record_id: Uuid,
    (field, commitment): &(String, Commitment),
    wrong: &dyn Fn(&VaultError) -> Wrong,
) -> Result<Found, Wrong> {
    match opened {
        Ok(Unsealed::Present { opening, text }) => {
            if commitment.admits(&opening, record_id, field, &text) {
                Ok(Found::Verified)
            } else {
                Ok(Found::Gone("another text lies in its place".to_owned()))
            }
        }
        Ok(Unsealed::Destroyed) => Ok(Found::Gone("its key was destroyed".to_owned())),
        Err(error @ VaultError::Missing { .. }) => Ok(Found::Gone(error.to_string())),
        Err(error) => Err(wrong(&error)),
    }
}
