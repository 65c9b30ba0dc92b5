//! Room on the disk: what is kept of it, who looks after that, and what is said where there is none.

use std::{
    convert::Infallible,
    error::Error,
    io,
    path::Path,
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError, Sender},
    },
    time::Duration,
};

use super::EngineError;
use crate::{disk::Reserve, journal::file::OpenError, metrics::Metrics};

/// How often the disk is looked at: views that are behind may run into a full disk within half a
/// second, and the reserve must be given up before.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The least that is kept, in bytes: room for the views to open.
const RESERVE_BYTES_MIN: u64 = 4 << 20;

/// What is kept free: the views of a segment's records take about half of its bytes.
pub(super) fn reserve_bytes(segment_bytes: u64) -> u64 {
    (segment_bytes / 2).max(RESERVE_BYTES_MIN)
}

/// A thread that looks after a reserve until this is dropped.
pub(super) struct Watch(
    #[expect(dead_code, reason = "the thread ends when it is dropped")] Sender<Infallible>,
);

impl Watch {
    /// Looks at once, so that a full disk is known before anything is begun.
    ///
    /// # Errors
    /// `Thread`.
    pub(super) fn over(
        reserve: &Arc<Reserve>,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, EngineError> {
        let (reserve, metrics) = (Arc::clone(reserve), Arc::clone(metrics));
        let look = move || {
            metrics.disk_full.set(!reserve.look());
            reserve.free().into_iter().for_each(|free| metrics.disk_has(free));
        };
        look();
        let (ends, told) = mpsc::channel::<Infallible>();
        let looks = move || {
            while let Err(RecvTimeoutError::Timeout) = told.recv_timeout(LOOK_EVERY) {
                look();
            }
        };
        let thread = std::thread::Builder::new().name("disk-room".to_owned());
        thread.spawn(looks).map_err(|_| EngineError::Thread)?;
        Ok(Self(ends))
    }
}

const MIB: u64 = 1 << 20;

/// Why a journal cannot be opened; where the disk is too small for it, with what would do. A segment is
/// taken as a whole before it is used, and so is the next one.
pub(super) fn explained(error: OpenError, data: &Path, segment_bytes: u64) -> EngineError {
    if !is_full(&error) {
        return error.into();
    }
    let needed = segment_bytes.saturating_mul(2).saturating_add(reserve_bytes(segment_bytes));
    EngineError::NoRoom {
        path: data.display().to_string(),
        segment_mib: segment_bytes / MIB,
        needed_mib: needed.div_ceil(MIB),
        source: error,
    }
}

fn is_full(error: &OpenError) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    let first: &(dyn Error + 'static) = error;
    let mut causes = std::iter::successors(Some(first), |cause| (*cause).source());
    causes.any(|cause| {
        let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        kind.is_some_and(|kind| [StorageFull, QuotaExceeded, FileTooLarge].contains(&kind))
    })
}
