//! The first start of a ledger: whether it is meant, and what is said of it.
//!
//! A path with a slip in it, or a volume that is not mounted, looks like a ledger that is to be made.
//! Where somebody says that there must be one, none is made; where a signer is that has signed another,
//! neither; and where one is made, the log says so loudly.

use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::{failure::Failure, signing};
use crate::signer;

/// Whether a directory holds a ledger: the journal's last file of its making is there.
pub(super) fn is_ledger(data: &Path) -> bool {
    data.join("journal").join("FORMAT").is_file()
}

/// Whether a ledger may be made where none is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Making {
    /// It may.
    Allowed,
    /// There must be one.
    Forbidden,
}

/// Looks before anything is made.
///
/// # Errors
/// Misuse, if there is no ledger and none may be made.
pub(super) fn check(data: &Path, signer: &Path, making: Making) -> Result<(), Failure> {
    if is_ledger(data) {
        return Ok(());
    }
    let data = data.display();
    if making == Making::Forbidden {
        return Err(Failure::misused(format!(
            "{data} holds no ledger, and none is made since --must-exist says so: is the path right, and \
             its volume mounted?"
        )));
    }
    let Some(origin) = signed(signer)? else { return Ok(()) };
    Err(Failure::misused(format!(
        "{data} holds no ledger, and the signer in {} has signed one, {origin}: a new one cannot begin \
         under it. Is the path right, and its volume mounted? Bring that ledger back with \
         `judgement-ledger restore`, or begin another with another --signer-dir",
        signer.display()
    )))
}

/// As whom a signer has signed; nobody if it has signed nothing, or is not there.
fn signed(directory: &Path) -> Result<Option<String>, Failure> {
    if !directory.is_dir() {
        return Ok(None);
    }
    let doing = "look at the signer";
    let disk = signing::disk_at(directory).map_err(|error| Failure::start(doing, error))?;
    let origin = signer::origin(&disk).map_err(|error| Failure::start(doing, error))?;
    Ok(origin.map(|origin| origin.to_string()))
}

/// What a start makes that was not there before.
#[derive(Debug)]
pub(super) struct Made {
    ledger: Option<PathBuf>,
    master_key: PathBuf,
    master_key_is_new: bool,
}

impl Made {
    /// Looks before anything is made.
    pub(super) fn by_opening(data: &Path, master_key: &Path) -> Self {
        Self {
            ledger: (!is_ledger(data)).then(|| data.to_owned()),
            master_key: master_key.to_owned(),
            master_key_is_new: !master_key.exists(),
        }
    }

    /// Says it, once it is made.
    pub(super) fn tell(&self, id: Uuid) {
        let Some(ledger) = &self.ledger else { return };
        let (ledger, key) = (ledger.display(), self.master_key.display());
        if self.master_key_is_new {
            tracing::warn!(
                %id,
                "a new ledger was made in {ledger}, with a new master key in {key}: back the key up, \
                 apart from the ledger; without it no text can be read again"
            );
        } else {
            tracing::warn!(%id, "a new ledger was made in {ledger}, under the master key in {key}");
        }
    }
}
