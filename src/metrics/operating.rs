//! What an operator looks at beside the ledger itself: connections, room, backups.

use std::time::Instant;

use prometheus::IntGauge;

use super::{MetricsError, Told, count};

/// What an operator looks at.
#[derive(Debug)]
pub(super) struct Operating {
    disk_free: IntGauge,
    connections: IntGauge,
    backup: IntGauge,
    /// When the process started, in seconds since 1970 and by the clock that never runs back.
    started: (i64, Instant),
}

/// A connection that is open, until this is dropped.
#[derive(Debug)]
pub(crate) struct OpenConnection(IntGauge);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Operating {
    pub(super) fn new(told: &Told<'_>, started_at_s: i64) -> Result<Self, MetricsError> {
        Ok(Self {
            disk_free: told.gauge(
                "judgement_ledger_disk_free_bytes",
                "How much is free on the disk of the ledger, beside what is kept for hard times.",
            )?,
            connections: told.gauge(
                "judgement_ledger_connections",
                "How many connections of callers are open that have begun to speak.",
            )?,
            backup: told.gauge(
                "judgement_ledger_backup_timestamp_seconds",
                "When a backup was last handed out whole, since 1970; 0 if none was since the start.",
            )?,
            started: (started_at_s, Instant::now()),
        })
    }

    pub(super) fn disk_has(&self, free_bytes: u64) {
        self.disk_free.set(count(free_bytes));
    }

    pub(super) fn connection(&self) -> OpenConnection {
        self.connections.inc();
        OpenConnection(self.connections.clone())
    }

    pub(super) fn backed_up(&self) {
        let (started_at_s, started) = self.started;
        let since = i64::try_from(started.elapsed().as_secs()).unwrap_or(i64::MAX);
        self.backup.set(started_at_s.saturating_add(since));
    }
}
