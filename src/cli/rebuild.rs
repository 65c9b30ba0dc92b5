//! `rebuild`: the views of a stopped ledger, folded anew from its journal.
//!
//! A start does that by itself where views are missing or broken; here it is done without serving
//! meanwhile, and seen to be done.

use std::{path::PathBuf, sync::Arc};

use clap::Args;
use jiff::tz::TimeZone;
use uuid::Uuid;

use super::{
    engine::{
        self, EngineError, blocking, check_keys, disk_at, last_slot, read_master_key, views_options,
    },
    failure::Failure,
    output::{self, Output},
};
use crate::{
    journal::file::{FileJournal, FileOptions},
    judgement::Position,
    ledger::{Covering, Ledger, Parts, Progress, filing, system_clock},
    metrics::Metrics,
    vault::{self, Setup, Vault, system_entropy},
    views::Views,
};

/// What `rebuild` is told.
#[derive(Debug, Clone, Args)]
pub struct RebuildFlags {
    /// The directory that holds the ledger, which no server may have open.
    #[arg(long, value_name = "DIR", env = "JUDGEMENT_LEDGER_DATA")]
    pub data: PathBuf,
    /// The file of the master key: names of persons and frameworks are read with it.
    #[arg(long, value_name = "FILE", env = "JUDGEMENT_LEDGER_MASTER_KEY_FILE")]
    pub master_key_file: PathBuf,
    /// How much memory the caches of the views may take.
    #[arg(
        long,
        value_name = "MIB",
        env = "JUDGEMENT_LEDGER_CACHE_MIB",
        default_value_t = 256,
        value_parser = clap::value_parser!(u32).range(16..=65_536)
    )]
    pub cache_mib: u32,
}

/// Folds the views anew.
pub(super) async fn run(flags: &RebuildFlags, output: &mut Output) -> Result<(), Failure> {
    if !flags.data.join("journal").join("FORMAT").is_file() {
        return Err(Failure::misused(format!("{} holds no ledger", flags.data.display())));
    }
    let rebuilding = output::rebuilding();
    // Nobody looks at what is counted here.
    let metrics = Metrics::new(0).map_err(|error| Failure::start("count anything", error))?;
    let show = |at: Position, head: Position| rebuilding.show(at.get(), head.get());
    let head = fold(flags, metrics, &show).await;
    let head = head.map_err(|source| Failure::start("rebuild the views", source))?;
    rebuilding.done();
    output.line(&format!("{}: views of {head} records", flags.data.display()))
}

/// Opens the ledger without its views, which are folded before it is open, and closes it again.
async fn fold(
    flags: &RebuildFlags,
    metrics: Arc<Metrics>,
    progress: Progress<'_>,
) -> Result<Position, EngineError> {
    let (data, entropy) = (&flags.data, system_entropy());
    let keys = disk_at(&data.join("keys"))?;
    check_keys(&keys, &flags.master_key_file, &entropy)?;
    let disk = Arc::new(disk_at(&data.join("journal"))?);
    // It is there: no id is given to it.
    let options = FileOptions::new(Uuid::nil().into_bytes());
    let journal = blocking(move || FileJournal::open(disk, filing(), options)).await??;
    let journal = Arc::new(journal);
    let id = Uuid::from_bytes(journal.ledger_id());
    let vault = {
        let last_slot = last_slot(&*journal).await?;
        let setup = Setup { ledger: id, prepare: vault::Prepare::Inline, last_slot };
        let (keys, master) = (Arc::new(keys), read_master_key(&flags.master_key_file)?);
        let entropy = Arc::clone(&entropy);
        blocking(move || Vault::open(keys, master, entropy, setup)).await??
    };
    let path = data.join("views");
    // Past this line the old views are gone. No server has them: the journal is locked.
    engine::remove(&path)?;
    let views_options = views_options(id, u64::from(flags.cache_mib) << 20);
    let parts = Parts {
        journal: Arc::<FileJournal>::clone(&journal),
        vault: Arc::new(vault),
        views: Box::new(move || Views::open(&path, &views_options)),
        known: None,
        clock: system_clock(),
        entropy,
        zone: TimeZone::UTC,
        covering: Covering::Notary,
        metrics,
    };
    let (ledger, sequencer, follower, eraser) = Ledger::open(parts, progress).await?;
    // Nobody writes: the views are all that this was opened for.
    drop((sequencer, follower, eraser));
    let head = ledger.head().position;
    ledger.close();
    blocking(move || ledger.close_views()).await??;
    journal.close().await?;
    Ok(head)
}
