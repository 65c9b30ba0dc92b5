//! What is so or is not, for the page and for whoever wants to be told when it changes.

use std::mem;

use prometheus::IntGauge;
use tokio::sync::watch;

use super::{MetricsError, Told};

/// A state of the ledger: 1 on the page while it lasts, else 0.
#[derive(Debug)]
pub struct State {
    gauge: IntGauge,
    told: watch::Sender<bool>,
}

impl State {
    pub(super) fn of_disk(told: &Told<'_>) -> Result<Self, MetricsError> {
        let help = "1 while nothing is recorded since the disk is full (DISK_FULL), else 0.";
        Ok(Self::new(told.gauge("judgement_ledger_disk_full", help)?))
    }

    pub(super) fn of_journal(told: &Told<'_>) -> Result<Self, MetricsError> {
        let help = "1 while the database that holds the journal takes nothing or cannot be asked: nothing is recorded, readings \
            are of before; else 0.";
        Ok(Self::new(told.gauge("judgement_ledger_journal_unreachable", help)?))
    }

    fn new(gauge: IntGauge) -> Self {
        Self { gauge, told: watch::Sender::new(false) }
    }

    /// It is so, or is not any more.
    pub fn set(&self, is_so: bool) {
        self.gauge.set(i64::from(is_so));
        self.told.send_if_modified(|told| mem::replace(told, is_so) != is_so);
    }

    /// Whether it is so, as it was told last.
    #[must_use]
    pub fn is_so(&self) -> bool {
        *self.told.borrow()
    }

    /// The same, and when it changes.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<bool> {
        self.told.subscribe()
    }
}
