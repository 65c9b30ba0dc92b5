//! Room kept for hard times: a file that is only there to be given up.
//!
//! On a full disk nothing can be begun, but much must still be finished: the views write what is
//! recorded already, and a start needs a block of keys and opens the views. So a part of the disk is
//! taken beforehand. When the rest runs low, no more is recorded, the reserve is given up, and what
//! must be finished has its room. Once there is space again the reserve is taken anew, and
//! recording goes on. Nothing of this needs a restart.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io,
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

/// The file that holds the room.
const RESERVE: &str = "RESERVE";

/// Only the owner has anything to do with it.
const FILE_MODE: u32 = 0o600;

/// What a file's number of blocks counts, in bytes, whatever the file system.
const BLOCK_BYTES: u64 = 512;

/// One write of zeros, in bytes, where a file system cannot allocate without writing.
const CHUNK_BYTES: usize = 1 << 20;

/// A part of a disk that is kept free by a file, and given up when the rest of it runs low.
#[derive(Debug)]
pub struct Reserve {
    directory: PathBuf,
    bytes: u64,
    /// Held while the file is looked at, given up or taken anew.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Whether the file is there.
    kept: bool,
    /// What was said last of whether there is room; nothing yet, by a process that just started.
    said: Option<bool>,
}

impl Reserve {
    /// The reserve of `bytes` in `directory`, as an earlier process left it: nothing is touched
    /// until it is looked after.
    #[must_use]
    pub fn of(directory: impl Into<PathBuf>, bytes: u64) -> Arc<Self> {
        let state = Mutex::new(State { kept: false, said: None });
        let reserve = Self { directory: directory.into(), bytes, state };
        let whole = |found: Metadata| {
            found.len() == bytes && found.blocks().saturating_mul(BLOCK_BYTES) >= bytes
        };
        reserve.state().kept = fs::metadata(reserve.file()).is_ok_and(whole);
        Arc::new(reserve)
    }

    /// Looks at the disk: whether the reserve is kept and there is room beside it. It is given up
    /// when less is free than half of it, and taken anew when it fits twice. It costs a call of
    /// the operating system, about a microsecond.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.look()
    }

    /// The same for one who only looks after it.
    pub fn look(&self) -> bool {
        let mut state = self.state();
        // Of a disk that does not say how full it is, the next write will.
        let Ok(free) = self.free() else { return state.kept };
        if state.kept && free < self.bytes / 2 {
            self.give_up();
            state.kept = false;
        } else if !state.kept && free >= self.bytes.saturating_mul(2) {
            match self.take() {
                Ok(()) => state.kept = true,
                Err(error) => {
                    tracing::warn!(%error, "no room can be kept on the disk");
                    self.give_up();
                }
            }
        }
        if state.said != Some(state.kept) {
            state.said = Some(state.kept);
            let (free, needed) = (free, self.bytes.saturating_mul(2));
            if state.kept {
                tracing::info!(free, "there is room on the disk");
            } else {
                tracing::warn!(
                    free,
                    needed,
                    "the disk is full: nothing is recorded until there is room"
                );
            }
        }
        state.kept
    }

    /// How many bytes of the disk are free, beside the reserve.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn free(&self) -> io::Result<u64> {
        let found = statvfs(&self.directory)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }

    fn give_up(&self) {
        match fs::remove_file(self.file()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, "the reserve cannot be given up");
            }
            Ok(()) | Err(_) => {}
        }
    }

    /// Takes the room; it need not survive a power cut, as the next start takes it anew.
    fn take(&self) -> io::Result<()> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(FILE_MODE)
            .open(self.file())?;
        match fallocate(&file, FallocateFlags::empty(), 0, self.bytes) {
            Err(error) if error == rustix::io::Errno::OPNOTSUPP => self.write_zeros(&file),
            outcome => Ok(outcome?),
        }
    }

    fn write_zeros(&self, file: &File) -> io::Result<()> {
        let zeros = vec![0; CHUNK_BYTES];
        let mut done = 0_u64;
        while done < self.bytes {
            let left = usize::try_from(self.bytes.saturating_sub(done)).unwrap_or(CHUNK_BYTES);
            let chunk = zeros.get(..left.min(CHUNK_BYTES)).unwrap_or(&zeros);
            let written = file.write_at(chunk, done)?;
            done = done.saturating_add(u64::try_from(written).unwrap_or(u64::MAX));
        }
        Ok(())
    }

    fn file(&self) -> PathBuf {
        self.directory.join(RESERVE)
    }

    /// A panic while it was held leaves nothing half changed.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_takes_its_room_and_gives_it_up_on_a_full_disk() {
        let directory = tempfile::tempdir().unwrap();
        let reserve = Reserve::of(directory.path(), 1 << 20);
        assert!(reserve.is_kept());
        let file = directory.path().join(RESERVE);
        assert_eq!(fs::metadata(&file).unwrap().len(), 1 << 20);
        // More than any disk has: as if the rest were full.
        let reserve = Reserve { bytes: u64::MAX / 4, ..Arc::into_inner(reserve).unwrap() };
        assert!(!reserve.is_kept());
        assert!(!file.exists());
        let reserve = Reserve { bytes: 1 << 20, ..reserve };
        assert!(reserve.is_kept());
        assert!(file.exists());
    }

    #[test]
    fn a_file_of_zeros_holds_the_same_room() {
        let directory = tempfile::tempdir().unwrap();
        let bytes = (5 << 19) + 7;
        let state = Mutex::new(State { kept: false, said: None });
        let reserve = Reserve { directory: directory.path().to_owned(), bytes, state };
        let file = File::create(reserve.file()).unwrap();
        reserve.write_zeros(&file).unwrap();
        assert_eq!(file.metadata().unwrap().len(), bytes);
    }
}
