//! `copy`: a stopped ledger's journal, from files into a database or back.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use clap::Args;
use uuid::Uuid;

use super::{
    engine::{EngineError, blocking, disk_at},
    failure::Failure,
    first,
    output::{self, Output},
};
use crate::{
    journal::{
        Durability, Journal, RightToSign,
        file::{FileJournal, FileOptions},
        postgres::{self, PostgresJournal, PostgresOptions, begin_ledger},
    },
    ledger::{CopyError, copy, filing},
};

/// What an operator must know.
pub(super) const AFTER_HELP: &str = "\
Positions, bytes and the root stay as they are. Stop the ledger's servers first, and start them on the copy
alone: two that go on from one beginning are two ledgers with one name. A copy that is cut short goes on
when it is made again. The keyring and the signer are not copied: servers of the copy are told where these
are with --keys-dir, --master-key-file and --signer-dir; of a directory, the keyring is `keys` in it.

  judgement-ledger copy --from /var/lib/ledger --to postgres://owner@db.example/ledgers --ledger apa
  judgement-ledger copy --from postgres://owner@db.example/ledgers --ledger apa --to /var/lib/ledger

Copy into a database as the role that owns its objects: the ledger is begun there with its id.";

/// Where a journal lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the directory of a ledger.
    Directory(PathBuf),
    /// In a database, by its address.
    Database(String),
}

impl FromStr for Place {
    type Err = String;

    fn from_str(given: &str) -> Result<Self, String> {
        if given.starts_with("postgres://") || given.starts_with("postgresql://") {
            return Ok(Self::Database(given.to_owned()));
        }
        if given.contains("://") {
            return Err(
                "say the directory of a ledger, or postgres://USER@HOST:PORT/DATABASE".into()
            );
        }
        Ok(Self::Directory(PathBuf::from(given)))
    }
}

/// What `copy` is told.
#[derive(Debug, Clone, Args)]
pub struct CopyFlags {
    /// The directory of the ledger, or the database that it is in.
    #[arg(
        long,
        value_name = "DIR|URL",
        env = "JUDGEMENT_LEDGER_COPY_FROM",
        hide_env_values = true
    )]
    pub from: Place,
    /// The directory or the database that it is copied into.
    #[arg(long, value_name = "DIR|URL", env = "JUDGEMENT_LEDGER_COPY_TO", hide_env_values = true)]
    pub to: Place,
    /// What the ledger is called in a database.
    #[arg(long, value_name = "NAME", env = "JUDGEMENT_LEDGER_NAME", default_value = "main")]
    pub ledger: String,
    /// The file of the database's password, so that it need not stand in an address.
    #[arg(long, value_name = "FILE", env = "JUDGEMENT_LEDGER_JOURNAL_PASSWORD_FILE")]
    pub journal_password_file: Option<PathBuf>,
    /// The authorities whose certificates the database may show, in PEM, where its address says
    /// sslmode=require. Default: those that browsers trust.
    #[arg(long, value_name = "FILE", env = "JUDGEMENT_LEDGER_JOURNAL_CA")]
    pub journal_ca: Option<PathBuf>,
    /// Speak in clear with a database on another machine: say that the network between is yours alone.
    #[arg(long, env = "JUDGEMENT_LEDGER_JOURNAL_INSECURE")]
    pub journal_insecure: bool,
}

const DOING: &str = "copy the ledger";

/// Copies.
pub(super) async fn run(flags: &CopyFlags, output: &mut Output) -> Result<(), Failure> {
    if flags.from == flags.to {
        return Err(Failure::misused("--from and --to are the same place"));
    }
    let from = open_source(flags).await?;
    let to = open_target(flags, from.id).await?;
    let bar = output::records_bar("copying");
    let copied = copy(&*from.journal, &*to.journal, &mut |at, of| {
        bar.set_length(of.get());
        bar.set_position(at.get());
    })
    .await;
    let closed = (to.close().await, from.close().await);
    let copied = copied.map_err(|error: CopyError| Failure::start(DOING, error))?;
    closed.0.and(closed.1)?;
    bar.finish_and_clear();
    output.line(&format!("{} records, {} of them copied now", copied.tree.size, copied.records))?;
    output.line(&format!("root {}", copied.tree.root))
}

/// An open journal that nobody else has.
struct Opened {
    journal: Arc<dyn Journal>,
    id: Uuid,
    /// There if it is in files.
    file: Option<Arc<FileJournal>>,
    /// There if it is in a database: no server of the ledger signs meanwhile, and so none runs.
    _right: Option<Box<dyn RightToSign>>,
}

impl Opened {
    async fn file(path: &Path, id_if_new: Uuid) -> Result<Self, Failure> {
        let failed = |error: EngineError| Failure::start(DOING, error);
        let disk = Arc::new(disk_at(&path.join("journal")).map_err(failed)?);
        let options = FileOptions::new(id_if_new.into_bytes());
        let file = blocking(move || FileJournal::open(disk, filing(), options)).await;
        let file = file.map_err(failed)?.map_err(|error| Failure::start(DOING, error))?;
        let file = Arc::new(file);
        Ok(Self {
            journal: Arc::<FileJournal>::clone(&file),
            id: Uuid::from_bytes(file.ledger_id()),
            file: Some(file),
            _right: None,
        })
    }

    async fn database(options: &PostgresOptions) -> Result<Self, Failure> {
        let failed = |error: postgres::OpenError| Failure::start(DOING, error);
        let journal = PostgresJournal::open(options, filing()).await.map_err(failed)?;
        let right = journal.right_to_sign().await;
        let right = right.map_err(|error| Failure::start(DOING, error))?;
        let Some(right) = right else {
            return Err(Failure::misused(format!(
                "a server serves ledger {} just now: stop all of its servers first",
                options.ledger
            )));
        };
        let id = journal.id();
        Ok(Self { journal: Arc::new(journal), id, file: None, _right: Some(right) })
    }

    async fn close(self) -> Result<(), Failure> {
        match self.file {
            Some(file) => file.close().await.map_err(|error| Failure::start(DOING, error)),
            None => Ok(()),
        }
    }
}

async fn open_source(flags: &CopyFlags) -> Result<Opened, Failure> {
    match &flags.from {
        Place::Directory(path) if first::is_ledger(path) => Opened::file(path, Uuid::nil()).await,
        Place::Directory(path) => {
            Err(Failure::misused(format!("{} holds no ledger", path.display())))
        }
        Place::Database(url) => Opened::database(&flags.database(url)).await,
    }
}

/// Opens the target, which is begun with the id of the source if it is not there.
async fn open_target(flags: &CopyFlags, id: Uuid) -> Result<Opened, Failure> {
    let opened = match &flags.to {
        Place::Directory(path) => Opened::file(path, id).await?,
        Place::Database(url) => {
            let options = flags.database(url);
            let begun = begin_ledger(&options, id).await;
            begun.map_err(|error| Failure::start(DOING, error))?;
            Opened::database(&options).await?
        }
    };
    if opened.id == id {
        return Ok(opened);
    }
    Err(Failure::misused(format!(
        "the ledger there is another, {}, and this one is {id}: name another place, or another name \
         with --ledger",
        opened.id
    )))
}

impl CopyFlags {
    fn database(&self, url: &str) -> PostgresOptions {
        PostgresOptions {
            url: url.to_owned(),
            password_file: self.journal_password_file.clone(),
            authorities: self.journal_ca.clone(),
            insecure: self.journal_insecure,
            ledger: self.ledger.clone(),
            // What a commit promises is the servers' business: the source is there until they run.
            durability: Durability::Local,
        }
    }
}
