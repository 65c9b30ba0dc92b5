//! Whole files: read in one go, replaced in one step.

use std::io;

use super::{Access, Disk, DiskFile};

/// Ends the name of a file that is being written and does not count yet.
pub const UNFINISHED: &str = ".new";

/// Where replacing a file failed.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    /// Surely nothing changed, but for an unfinished file that the next call removes.
    #[error("the file system refused")]
    NotBegun(#[source] io::Error),
    /// In a flush or a renaming: the old content may stand or the new one. A failed flush is never
    /// tried again.
    #[error("written, but perhaps not durable")]
    Unknown(#[source] io::Error),
}

/// The content of a file, if it is there. No more than `bytes_max` + 1 bytes are read, so that a
/// caller learns of a larger file without loading it.
///
/// # Errors
/// Whatever the file system says.
pub fn read(disk: &dyn Disk, name: &str, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
    let file = match disk.open(name, Access::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    read_up_to(&*file, bytes_max.saturating_add(1)).map(Some)
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
/// [`ReplaceError`].
pub fn replace(disk: &dyn Disk, name: &str, content: &[u8]) -> Result<(), ReplaceError> {
    let unfinished = format!("{name}{UNFINISHED}");
    remove_if_there(disk, &unfinished).map_err(ReplaceError::NotBegun)?;
    let file = disk.create(&unfinished).map_err(ReplaceError::NotBegun)?;
    write_all(&*file, content).map_err(ReplaceError::NotBegun)?;
    // From here on a failure leaves open what a power cut would leave.
    file.sync().map_err(ReplaceError::Unknown)?;
    disk.rename(&unfinished, name).map_err(ReplaceError::Unknown)?;
    disk.sync().map_err(ReplaceError::Unknown)
}

/// Removes a file that may be missing. Durable after [`Disk::sync`].
///
/// # Errors
/// Whatever the file system says.
pub fn remove_if_there(disk: &dyn Disk, name: &str) -> io::Result<()> {
    match disk.remove(name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes all of `content` from the start of the file.
///
/// # Errors
/// Whatever the file system says; some bytes may have been written.
pub fn write_all(file: &dyn DiskFile, content: &[u8]) -> io::Result<()> {
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
