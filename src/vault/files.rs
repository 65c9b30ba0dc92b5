//! Whole files of the keyring, with the vault's errors.

use std::io;

use crate::disk::{Disk, ReplaceError, contend::Contender, whole};

use super::error::VaultError;

pub(super) use whole::{UNFINISHED, remove_if_there, write_all};

/// The content of a file, if it is there; of a larger one, `bytes_max` + 1 bytes.
pub(super) fn read(
    disk: &dyn Disk,
    name: &str,
    bytes_max: usize,
) -> Result<Option<Vec<u8>>, VaultError> {
    let refused = |source| VaultError::Io { file: disk.describe(name), source };
    whole::read(disk, name, bytes_max).map_err(refused)
}

/// Gives the file `name` this content, for good: see [`whole::replace`].
///
/// # Errors
/// `Io` if surely nothing changed, but for an unfinished file that the next call removes;
/// `Unknown` from the first flush on: a failed flush is never tried again.
pub(super) fn replace(disk: &dyn Disk, name: &str, content: &[u8]) -> Result<(), VaultError> {
    whole::replace(disk, name, content).map_err(|error| of(error, disk, name))
}

/// The same of a file that other processes replace as well: only if it is `still` what it was once the new
/// content is there.
///
/// # Errors
/// As [`replace`], and what `still` says; `Io` if another process contends for the file.
pub(super) fn replace_among(
    disk: &dyn Disk,
    name: &str,
    content: &[u8],
    still: impl FnOnce() -> Result<bool, VaultError>,
) -> Result<(), VaultError> {
    let contender = Contender::enter(disk, name, content).map_err(|error| of(error, disk, name))?;
    if !still()? {
        let refused = |source| VaultError::Io { file: disk.describe(name), source };
        contender.withdraw().map_err(refused)?;
        return Err(refused(io::Error::other("another process has changed it meanwhile")));
    }
    contender.replace().map_err(|error| of(error, disk, name))
}

fn of(error: ReplaceError, disk: &dyn Disk, name: &str) -> VaultError {
    match error {
        ReplaceError::NotBegun(source) => {
            VaultError::Io { file: disk.describe(&format!("{name}{UNFINISHED}")), source }
        }
        ReplaceError::Unknown(source) => VaultError::Unknown { file: disk.describe(name), source },
    }
}
