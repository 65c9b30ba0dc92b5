//! Whole files through the [`Disk`] port: read in one go, replaced in one step.

use std::io;

use crate::disk::{Access, Disk, DiskFile};

use super::error::VaultError;

/// Ends the name of a file that is being written and does not count yet.
pub(super) const UNFINISHED: &str = ".new";

/// The content of a file, if it is there, and its size. No more than `bytes_max` + 1 bytes are
/// read, so that a caller learns of a larger file without loading it.
pub(super) fn read(
    disk: &dyn Disk,
    name: &str,
    bytes_max: usize,
) -> Result<Option<Vec<u8>>, VaultError> {
    let refused = |source| VaultError::Io { file: disk.describe(name), source };
    let file = match disk.open(name, Access::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(refused(error)),
    };
    read_up_to(&*file, bytes_max.saturating_add(1)).map(Some).map_err(refused)
}

fn read_up_to(file: &dyn DiskFile, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; bytes_max];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset(filled)?) {
            Ok(0) => break,
            Ok(count) => filled = filled.saturating_add(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// Gives the file `name` this content, whether it is there or not: after a crash it has either
/// its old content, or none, or all of `content`; on return it has `content` for good.
///
/// # Errors
/// `Io` if surely nothing changed, but for an unfinished file that the next call removes;
/// `Unknown` from the first flush on: a failed flush is never tried again.
pub(super) fn replace(disk: &dyn Disk, name: &str, content: &[u8]) -> Result<(), VaultError> {
    let unfinished = format!("{name}{UNFINISHED}");
    let refused = |source| VaultError::Io { file: disk.describe(&unfinished), source };
    let unknown = |source| VaultError::Unknown { file: disk.describe(name), source };
    remove_if_there(disk, &unfinished).map_err(refused)?;
    let file = disk.create(&unfinished).map_err(refused)?;
    write_all(&*file, content).map_err(refused)?;
    // From here on a failure leaves open what a power cut would leave.
    file.sync().map_err(unknown)?;
    disk.rename(&unfinished, name).map_err(unknown)?;
    disk.sync().map_err(unknown)
}

/// Removes a file that may be missing. Durable after [`Disk::sync`].
pub(super) fn remove_if_there(disk: &dyn Disk, name: &str) -> io::Result<()> {
    match disk.remove(name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes all of `content` from the start of the file.
pub(super) fn write_all(file: &dyn DiskFile, content: &[u8]) -> io::Result<()> {
    let mut written = 0;
    while let Some(rest) = content.get(written..).filter(|rest| !rest.is_empty()) {
        match file.write_at(rest, offset(written)?) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => written = written.saturating_add(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn offset(bytes: usize) -> io::Result<u64> {
    u64::try_from(bytes).map_err(io::Error::other)
}
