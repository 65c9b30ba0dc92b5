//! What somebody sees of a ledger who only watches over it: never the store.
//!
//! A [`Vitals`] holds no part of the ledger open: it may outlive it, and whoever closes a ledger need
//! not wait for those who watch.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Ledger, Moment, ReadOnly, Reads};
use crate::{
    journal::Durability,
    metrics::{Levels, Metrics},
};

/// What a ledger shows of itself to whoever watches over it.
#[derive(Clone)]
pub struct Vitals {
    head: watch::Receiver<Moment>,
    covered: watch::Receiver<u64>,
    reads: watch::Receiver<Reads>,
    read_only: watch::Receiver<Option<ReadOnly>>,
    stopped: CancellationToken,
    durability: Durability,
}

impl Ledger {
    /// Watches over the ledger.
    #[must_use]
    pub fn vitals(&self) -> Vitals {
        Vitals {
            head: self.follow(),
            covered: self.covered(),
            reads: self.reads(),
            read_only: self.follow_read_only(),
            stopped: self.stopped(),
            durability: self.durability(),
        }
    }

    /// What it takes until a command is answered.
    #[must_use]
    pub fn durability(&self) -> Durability {
        self.shared.journal.durability()
    }

    /// Where is counted and measured what the ledger does, and what is done for its callers.
    #[must_use]
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.shared.metrics
    }
}

impl Vitals {
    /// Where the ledger stands, for the metrics.
    #[must_use]
    pub fn levels(&self) -> Levels {
        Levels {
            head: self.head.borrow().position.get(),
            covered: *self.covered.borrow(),
            read_only: self.read_only().is_some(),
        }
    }

    /// What it takes until a command is answered.
    #[must_use]
    pub fn durability(&self) -> Durability {
        self.durability
    }

    /// What becomes of readings that need the views.
    #[must_use]
    pub fn reads(&self) -> Reads {
        *self.reads.borrow()
    }

    /// Why nothing may be recorded, if that is so.
    #[must_use]
    pub fn read_only(&self) -> Option<ReadOnly> {
        *self.read_only.borrow()
    }

    /// Whether the sequencer has stopped: then nothing more is recorded.
    #[must_use]
    pub fn has_stopped(&self) -> bool {
        self.stopped.is_cancelled()
    }
}

/// What a test's ledger shows.
#[cfg(test)]
pub(crate) struct Shown {
    pub(crate) head: watch::Sender<Moment>,
    pub(crate) covered: watch::Sender<u64>,
    pub(crate) reads: watch::Sender<Reads>,
    pub(crate) read_only: watch::Sender<Option<ReadOnly>>,
    pub(crate) stopped: CancellationToken,
}

#[cfg(test)]
impl Shown {
    /// A ledger of `head` records that takes commands and answers readings.
    pub(crate) fn ledger_of(head: u64) -> Self {
        let position = crate::judgement::Position::new(head);
        let moment = Moment { position, recorded_at: jiff::Timestamp::UNIX_EPOCH };
        Self {
            head: watch::Sender::new(moment),
            covered: watch::Sender::new(0),
            reads: watch::Sender::new(Reads::Answered),
            read_only: watch::Sender::new(None),
            stopped: CancellationToken::new(),
        }
    }

    pub(crate) fn vitals(&self) -> Vitals {
        Vitals {
            durability: Durability::Disk,
            head: self.head.subscribe(),
            covered: self.covered.subscribe(),
            reads: self.reads.subscribe(),
            read_only: self.read_only.subscribe(),
            stopped: self.stopped.clone(),
        }
    }
}
