//! The next segment, zeroed and synced ahead of use: an append into it then changes no length and
//! allocates nothing, which halves the time of its sync.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use super::{Prepare, header::temporary_name, layout::narrow, note::remove_if_there, transfer};
use crate::disk::{Disk, DiskFile, FlushFailed};

/// One write of zeros, in bytes.
const CHUNK_BYTES: u64 = 1 << 20;

/// The zeros are synced every so many bytes, so that no append waits behind a whole segment.
const SYNC_BYTES: u64 = 8 << 20;

/// A file of zeros that will become a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The number of the segment that it will be.
    pub(super) number: u64,
    /// The header and the room for frames, in bytes.
    pub(super) segment_bytes: u64,
}

/// Prepares the next segment, on a thread of its own or where it is taken.
pub(super) struct Spare {
    disk: Arc<dyn Disk>,
    prepare: Prepare,
    under_way: Option<UnderWay>,
}

struct UnderWay {
    wanted: Wanted,
    cancelled: Arc<AtomicBool>,
    work: Work,
}

type Prepared = io::Result<Arc<dyn DiskFile>>;

enum Work {
    OnThread(JoinHandle<Prepared>),
    Done(Prepared),
}

impl Work {
    /// What came of it; waits for the thread.
    fn end(self) -> Prepared {
        let gone = |_| Err(io::Error::other("the thread that prepared a segment is gone"));
        match self {
            Self::OnThread(thread) => thread.join().unwrap_or_else(gone),
            Self::Done(prepared) => prepared,
        }
    }
}

impl Spare {
    pub(super) fn new(disk: Arc<dyn Disk>, prepare: Prepare) -> Self {
        Self { disk, prepare, under_way: None }
    }

    /// Begins to prepare, unless that is under way or not done in the background. That a thread
    /// cannot be had is no failure: the segment is then prepared where it is taken.
    pub(super) fn begin(&mut self, wanted: Wanted) {
        if self.under_way.is_some() || self.prepare == Prepare::Inline {
            return;
        }
        let disk = Arc::clone(&self.disk);
        let cancelled = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&cancelled);
        let prepared = move || prepare(disk.as_ref(), wanted, &flag);
        match thread::Builder::new().name("journal-spare".to_owned()).spawn(prepared) {
            Ok(thread) => {
                self.under_way = Some(UnderWay { wanted, cancelled, work: Work::OnThread(thread) });
            }
            Err(error) => tracing::warn!(%error, "no thread to prepare a segment ahead of use"),
        }
    }

    /// The prepared file, under its temporary name; waits for it or prepares it now.
    ///
    /// # Errors
    /// Why it could not be prepared. The next call prepares another one.
    pub(super) fn take(&mut self, wanted: Wanted) -> io::Result<Arc<dyn DiskFile>> {
        match self.under_way.take() {
            Some(under_way) if under_way.wanted == wanted => under_way.work.end(),
            Some(_) | None => prepare_now(self.disk.as_ref(), wanted),
        }
    }
}

impl Spare {
    /// The failed flush of a file that is prepared, if that has come about: told once. Any other
    /// failure waits until the file is taken, since another one may be had by then.
    pub(super) fn flush_failure(&mut self) -> Option<io::Error> {
        let UnderWay { wanted, cancelled, work } = self.under_way.take()?;
        let work = match work {
            Work::OnThread(thread) if thread.is_finished() => {
                Work::Done(Work::OnThread(thread).end())
            }
            still @ (Work::OnThread(_) | Work::Done(_)) => still,
        };
        match work {
            Work::Done(Err(failed)) if FlushFailed::is(&failed) => Some(failed),
            work @ (Work::OnThread(_) | Work::Done(_)) => {
                self.under_way = Some(UnderWay { wanted, cancelled, work });
                None
            }
        }
    }
}

impl Drop for Spare {
    /// Waits for the thread: it must not write once the directory's lock is given up.
    fn drop(&mut self) {
        if let Some(under_way) = self.under_way.take() {
            under_way.cancelled.store(true, Ordering::Relaxed);
            if let Err(error) = under_way.work.end() {
                tracing::debug!(%error, "preparing a segment was given up");
            }
        }
    }
}

/// Prepares the file where the caller stands.
///
/// # Errors
/// Why it could not be prepared.
pub(super) fn prepare_now(disk: &dyn Disk, wanted: Wanted) -> io::Result<Arc<dyn DiskFile>> {
    prepare(disk, wanted, &AtomicBool::new(false))
}

fn prepare(
    disk: &dyn Disk,
    wanted: Wanted,
    cancelled: &AtomicBool,
) -> io::Result<Arc<dyn DiskFile>> {
    let name = temporary_name(wanted.number);
    remove_if_there(disk, &name)?;
    let file = disk.create(&name)?;
    match write_zeros(file.as_ref(), wanted.segment_bytes, cancelled) {
        Ok(()) => Ok(file),
        Err(error) => {
            // A full disk should not be held full by half a spare.
            if let Err(removal) = disk.remove(&name) {
                tracing::debug!(%removal, name, "an unfinished segment could not be removed");
            }
            Err(error)
        }
    }
}

fn write_zeros(file: &dyn DiskFile, length: u64, cancelled: &AtomicBool) -> io::Result<()> {
    let zeros = vec![0; narrow(CHUNK_BYTES.min(length))];
    let mut done = 0_u64;
    while done < length {
        if cancelled.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let count = length.saturating_sub(done).min(CHUNK_BYTES);
        transfer::write(file, zeros.get(..narrow(count)).unwrap_or(&zeros), done)?;
        done = done.saturating_add(count);
        if done.is_multiple_of(SYNC_BYTES) && done < length {
            file.sync()?;
        }
    }
    file.sync()
}
