//! Where a ledger's journal lies, and how it is closed there.

use std::sync::Arc;

use uuid::Uuid;

use super::{EngineError, EngineOptions, blocking, disk_at, room};
use crate::{
    disk::{OnFlush, Reserve},
    journal::{
        Journal, JournalError,
        file::{FileJournal, FileOptions},
        postgres::{PostgresJournal, PostgresOptions},
    },
    ledger::filing,
    metrics::Metrics,
    vault::VaultError,
};

/// Where a ledger's journal lies.
#[derive(Clone)]
pub enum JournalAt {
    /// In files of the ledger's directory, which one process has for itself.
    Directory,
    /// In PostgreSQL, where several servers share it.
    Postgres(PostgresOptions),
}

/// An open journal.
pub(super) enum Store {
    File(Arc<FileJournal>),
    Postgres(Arc<PostgresJournal>),
}

impl Store {
    pub(super) async fn open(
        options: &EngineOptions,
        reserve: &Arc<Reserve>,
    ) -> Result<Self, EngineError> {
        match &options.journal {
            JournalAt::Directory => Self::in_files(options, reserve).await,
            JournalAt::Postgres(postgres) => {
                let journal = PostgresJournal::open(postgres, filing()).await?;
                Ok(Self::Postgres(Arc::new(journal)))
            }
        }
    }

    async fn in_files(
        options: &EngineOptions,
        reserve: &Arc<Reserve>,
    ) -> Result<Self, EngineError> {
        let EngineOptions { data, entropy, metrics, segment_bytes, .. } = options;
        let disk = disk_at(&data.join("journal"))?.with_reserve(Arc::clone(reserve));
        let disk = Arc::new(disk.timed(flushes_of(metrics)));
        let mut ledger_id = [0; 16];
        entropy(&mut ledger_id).map_err(VaultError::Entropy)?;
        let file_options =
            FileOptions { segment_bytes: *segment_bytes, ..FileOptions::new(ledger_id) };
        let journal = blocking(move || FileJournal::open(disk, filing(), file_options)).await?;
        let journal = journal.map_err(|error| room::explained(error, data, *segment_bytes))?;
        if let Some(discarded) = &journal.recovery().discarded {
            tracing::warn!(?discarded, "an append that was never answered was cut off by a crash");
        }
        Ok(Self::File(Arc::new(journal)))
    }

    pub(super) fn journal(&self) -> Arc<dyn Journal> {
        match self {
            Self::File(journal) => Arc::<FileJournal>::clone(journal),
            Self::Postgres(journal) => Arc::<PostgresJournal>::clone(journal),
        }
    }

    /// The ledger's id.
    pub(super) fn id(&self) -> Uuid {
        match self {
            Self::File(journal) => Uuid::from_bytes(journal.ledger_id()),
            Self::Postgres(journal) => journal.id(),
        }
    }

    /// Closes what this process has for itself.
    pub(super) async fn close(self) -> Result<(), JournalError> {
        match self {
            Self::File(journal) => journal.close().await,
            Self::Postgres(_) => Ok(()),
        }
    }
}

/// Measures each flush of a disk.
fn flushes_of(metrics: &Arc<Metrics>) -> OnFlush {
    let metrics = Arc::clone(metrics);
    Arc::new(move |took| metrics.flow.flushed(took))
}
