//! Who follows the ledger's records by a stream, and how far behind the slowest of them is.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use prometheus::IntGauge;

use super::{MetricsError, Told, count};

/// The streams of records that are open.
#[derive(Debug, Clone)]
pub struct Readers {
    open: Arc<Mutex<Open>>,
    streams: IntGauge,
    lag: IntGauge,
}

/// Held while a stream begins or ends, and while the page is made: for some hundred streams at most.
#[derive(Debug, Default)]
struct Open {
    begun: u64,
    readers: HashMap<u64, Arc<AtomicU64>>,
}

impl Readers {
    pub(super) fn new(told: &Told<'_>) -> Result<Self, MetricsError> {
        Ok(Self {
            open: Arc::default(),
            streams: told.gauge(
                "judgement_ledger_streams",
                "How many streams of records or scores are open.",
            )?,
            lag: told.gauge(
                "judgement_ledger_streams_lag_records",
                "How many published records the stream that is furthest behind was not told yet.",
            )?,
        })
    }

    /// A stream begins whose reader has everything up to a position.
    #[must_use]
    pub fn begin(&self, position: u64) -> Reader {
        let at = Arc::new(AtomicU64::new(position));
        let mut open = self.open();
        open.begun = open.begun.saturating_add(1);
        let number = open.begun;
        open.readers.insert(number, Arc::clone(&at));
        Reader { number, at, readers: self.clone() }
    }

    pub(super) fn measure(&self, head: u64) {
        let open = self.open();
        let furthest = open.readers.values().map(|at| at.load(Ordering::Relaxed)).min();
        self.streams.set(i64::try_from(open.readers.len()).unwrap_or(i64::MAX));
        self.lag.set(furthest.map_or(0, |at| count(head.saturating_sub(at))));
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream that is open; it ends when this is dropped.
#[derive(Debug)]
pub struct Reader {
    number: u64,
    at: Arc<AtomicU64>,
    readers: Readers,
}

impl Reader {
    /// The reader was told of everything up to a position.
    pub fn told(&self, position: u64) {
        self.at.store(position, Ordering::Relaxed);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.readers.open().readers.remove(&self.number);
    }
}
