//! The port to the file system: all that the journal and the keyring ask of a disk.
//!
//! Every I/O call of a run passes through [`Disk`] and [`DiskFile`], so that a test double can
//! keep only what was synced and can crash, fail or shorten each call, one after the other.
//! Names are plain file names inside one directory; this module knows nothing of their content.

pub mod contend;
mod flush;
mod real;
mod reserve;
pub mod whole;

use std::{any::Any, io, sync::Arc};

pub use flush::FlushFailed;
pub use real::{OnFlush, RealDisk};
pub use reserve::Reserve;
pub use whole::ReplaceError;

/// One directory of a file system.
pub trait Disk: Send + Sync + 'static {
    /// The names of all files in the directory, sorted.
    ///
    /// # Errors
    /// Whatever the file system says.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Creates a file that must not exist yet. It is durable only after [`Disk::sync`].
    ///
    /// # Errors
    /// `AlreadyExists`, or whatever the file system says.
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens a file that must exist.
    ///
    /// # Errors
    /// `NotFound`, or whatever the file system says.
    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn DiskFile>>;

    /// Gives a file another name, replacing what bears it. Durable after [`Disk::sync`].
    ///
    /// # Errors
    /// Whatever the file system says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file. Durable after [`Disk::sync`].
    ///
    /// # Errors
    /// Whatever the file system says.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes creations, renames and removals durable.
    ///
    /// # Errors
    /// [`FlushFailed`] with whatever the file system says; the caller must not try again.
    fn sync(&self) -> io::Result<()>;

    /// Whether there is room for more. Where there is not, what is already there may still be
    /// finished, but nothing new should be begun.
    fn has_room(&self) -> bool {
        true
    }

    /// Holds the named lock file until the answer is dropped; `None` if another process has it.
    ///
    /// # Errors
    /// Whatever the file system says.
    fn lock(&self, name: &str) -> io::Result<Option<Box<dyn Any + Send + Sync>>>;

    /// The path or label by which messages to people name `name`.
    fn describe(&self, name: &str) -> String;
}

/// One open file. Offsets and lengths are in bytes.
pub trait DiskFile: Send + Sync + 'static {
    /// Reads up to `buffer.len()` bytes at `offset`; fewer at the end of the file, 0 past it.
    ///
    /// # Errors
    /// Whatever the file system says.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes some bytes of `data` at `offset`, growing the file where needed; how many.
    ///
    /// # Errors
    /// Whatever the file system says; some bytes may have been written.
    fn write_at(&self, data: &[u8], offset: u64) -> io::Result<usize>;

    /// Makes the written bytes durable (`fdatasync`).
    ///
    /// # Errors
    /// [`FlushFailed`] with whatever the file system says; the caller must not try again: the
    /// kernel marks the pages clean all the same.
    fn sync(&self) -> io::Result<()>;

    /// The length of the file.
    ///
    /// # Errors
    /// Whatever the file system says.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file holds no byte.
    ///
    /// # Errors
    /// As [`DiskFile::len`].
    fn is_empty(&self) -> io::Result<bool> {
        self.len().map(|bytes| bytes == 0)
    }
}

/// What an open file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading only; a write is an error.
    Read,
    /// Reading and writing.
    Write,
}
