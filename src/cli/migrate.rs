//! `migrate`: the schema of a database that keeps ledgers, made or brought up to this version, and a ledger
//! begun in it.

use clap::Args;
use uuid::Uuid;

use super::{
    failure::Failure,
    journal_flags::{DatabaseFlags, DurabilityFlag},
    output::Output,
};
use crate::journal::postgres::{PostgresOptions, begin_ledger, migrate};

/// What an operator must know.
pub(super) const AFTER_HELP: &str = "\
Run it as the role that owns the database's objects, before servers of a new version are started: those of
the version before go on beside the new schema. It may be run again at any time, and does what is left to
be done. The role that servers run as gets no right to change or delete a record.

  judgement-ledger migrate --journal postgres://owner@db.example/ledgers --role ledger --begin apa";

/// What `migrate` is told.
#[derive(Debug, Clone, Args)]
pub struct MigrateFlags {
    /// The database.
    #[command(flatten)]
    pub database: DatabaseFlags,
    /// The role that servers run as: it may record and read from now on.
    #[arg(long, value_name = "NAME", env = "JUDGEMENT_LEDGER_ROLE")]
    pub role: Option<String>,
    /// A ledger to begin in the database, if it is not there: with it, servers can run. One that is to be
    /// copied into the database is begun by `copy`.
    #[arg(long, value_name = "NAME", env = "JUDGEMENT_LEDGER_BEGIN")]
    pub begin: Option<String>,
}

/// Migrates.
pub(super) async fn run(flags: &MigrateFlags, output: &mut Output) -> Result<(), Failure> {
    // What a commit promises is the servers' business: a schema can be made before there are standbys.
    let Some(owner) = flags.database.database(DurabilityFlag::Local)? else {
        return Err(Failure::misused("say which database with --journal postgres://…"));
    };
    let failed = |error| Failure::start("migrate the database", error);
    let applied = migrate(&owner, flags.role.as_deref()).await.map_err(failed)?;
    output.line(&match applied {
        0 => "the schema is of this version".to_owned(),
        1 => "1 migration was applied".to_owned(),
        more => format!("{more} migrations were applied"),
    })?;
    if let Some(role) = &flags.role {
        output.line(&format!("{role} may run servers"))?;
    }
    let Some(ledger) = &flags.begin else { return Ok(()) };
    let (owner, id) = (PostgresOptions { ledger: ledger.clone(), ..owner }, Uuid::new_v4());
    if begin_ledger(&owner, id).await.map_err(failed)? {
        output.line(&format!("ledger {ledger} is begun: its id is {id}"))
    } else {
        output.line(&format!("ledger {ledger} is there"))
    }
}
