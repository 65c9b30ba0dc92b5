//! Whole reads and writes on a [`DiskFile`], which may move fewer bytes than asked.

use std::io;

use super::layout::wide;
use crate::disk::DiskFile;

/// The bytes from `offset` on, `length` of them, or fewer where the file ends before.
///
/// # Errors
/// Whatever the disk says.
pub(super) fn read(file: &dyn DiskFile, offset: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let mut done = 0_usize;
    while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset.saturating_add(wide(done))) {
            Ok(0) => break,
            Ok(count) => done = done.saturating_add(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(done);
    Ok(bytes)
}

/// Writes all of `bytes` at `offset`: with one call, unless the disk takes fewer at a time.
///
/// # Errors
/// Whatever the disk says; any part of `bytes` may have been written.
pub(super) fn write(file: &dyn DiskFile, bytes: &[u8], offset: u64) -> io::Result<()> {
    let mut done = 0_usize;
    while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
        match file.write_at(rest, offset.saturating_add(wide(done))) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => done = done.saturating_add(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
