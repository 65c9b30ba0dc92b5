//! `signer`: the keys that sign a ledger, looked after while its server is stopped.

use std::{path::PathBuf, sync::Arc};

use clap::{Args, Subcommand};
use uuid::Uuid;

use super::{
    failure::Failure,
    output::{self, Output},
    signing::{self, SigningError},
};
use crate::{
    disk::{Disk, RealDisk},
    journal::{
        Journal, Page,
        file::{FileJournal, FileOptions},
    },
    judgement::Position,
    ledger::filing,
    merkle::{Frontier, Origin, Verifier, leaf_hash},
    signer::{self as keeper, KeyState, SignerError, Signing},
    vault::system_entropy,
};

/// What `signer` is told. The server must be stopped; it takes up changes when it starts, and its
/// ledger records them.
#[derive(Debug, Clone, Subcommand)]
pub enum SignerVerb {
    /// Show the keys, by which checkpoints are verified, and what was signed last.
    Show(SignerFlags),
    /// Add a key, which signs beside the others from the next start on.
    Add(SignerFlags),
    /// Let a key sign no more. The ledger records it at the next start; a last checkpoint that
    /// covers the record is signed by this key as well.
    Retire(Box<RetireFlags>),
    /// Begin another signer for a ledger whose signer is lost for good, where its journal says that
    /// it ended. Whoever does this believes the journal.
    Recover(RecoverFlags),
}

/// Which signer.
#[derive(Debug, Clone, Args)]
pub struct SignerFlags {
    /// The directory of the signer.
    #[arg(long, value_name = "DIR", env = "JUDGEMENT_LEDGER_SIGNER_DIR")]
    pub signer_dir: PathBuf,
    /// What the ledger is called in its checkpoints; needed where none is signed yet.
    #[arg(long, value_name = "NAME", env = "JUDGEMENT_LEDGER_ORIGIN")]
    pub origin: Option<String>,
}

/// What `signer retire` is told.
#[derive(Debug, Clone, Args)]
pub struct RetireFlags {
    /// The key, as `signer show` writes it.
    #[arg(value_name = "VKEY", value_parser = vkey)]
    pub key: Verifier,
    /// Which signer.
    #[command(flatten)]
    pub signer: SignerFlags,
}

/// What `signer recover` is told.
#[derive(Debug, Clone, Args)]
pub struct RecoverFlags {
    /// The directory that holds the ledger.
    #[arg(long, value_name = "DIR", env = "JUDGEMENT_LEDGER_DATA")]
    pub data: PathBuf,
    /// The directory of the signer to be.
    #[arg(long, value_name = "DIR", env = "JUDGEMENT_LEDGER_SIGNER_DIR")]
    pub signer_dir: PathBuf,
}

fn vkey(given: &str) -> Result<Verifier, String> {
    Verifier::parse(given).map_err(|error| error.to_string())
}

/// Does what the verb says.
pub(super) async fn run(verb: &SignerVerb, output: &mut Output) -> Result<(), Failure> {
    match verb {
        SignerVerb::Show(flags) => show(flags, output),
        SignerVerb::Add(flags) => add(flags, output),
        SignerVerb::Retire(flags) => retire(flags),
        SignerVerb::Recover(flags) => recover(flags, output).await,
    }
}

fn failed(doing: &'static str) -> impl Fn(SignerError) -> Failure {
    move |source| Failure::start(doing, source)
}

/// The directory, which is there, and as whom it signs.
fn found(flags: &SignerFlags, doing: &'static str) -> Result<(RealDisk, Origin), Failure> {
    if !flags.signer_dir.is_dir() {
        return Err(Failure::misused(format!("{} is no directory", flags.signer_dir.display())));
    }
    let failing = |source: SigningError| Failure::start(doing, source);
    let disk = signing::disk_at(&flags.signer_dir).map_err(failing)?;
    let known = keeper::origin(&disk).map_err(failed(doing))?;
    let given = flags.origin.as_deref();
    let origin = match (known, given) {
        (Some(known), None) => known,
        (None, None) => {
            let what = "nothing is signed yet: say with --origin what the ledger is to be called";
            return Err(Failure::misused(what));
        }
        (_, Some(name)) => signing::origin_of(Some(name), Uuid::nil()).map_err(failing)?,
    };
    Ok((disk, origin))
}

fn opened(flags: &SignerFlags, doing: &'static str) -> Result<Signing, Failure> {
    let (disk, origin) = found(flags, doing)?;
    Signing::open(Arc::new(disk), origin).map_err(failed(doing))
}

fn show(flags: &SignerFlags, output: &mut Output) -> Result<(), Failure> {
    let signing = opened(flags, "show the signer")?;
    output.line(&format!("origin    {}", signing.origin()))?;
    for key in signing.keys() {
        let state = match key.state {
            KeyState::Signing => "signs",
            KeyState::Retiring => "retiring",
        };
        output.line(&format!("{state:9} {}  ({})", key.verifier, key.file))?;
    }
    match signing.last() {
        Some(last) => output.line(&format!("signed    {} records", last.head.size)),
        None => output.line("signed    nothing yet"),
    }
}

fn add(flags: &SignerFlags, output: &mut Output) -> Result<(), Failure> {
    let doing = "add a key";
    // Held while the key is added: a server that runs would not know of it.
    let held = opened(flags, doing)?;
    let seed = signing::draw(&system_entropy());
    let seed = seed.map_err(|source| Failure::start(doing, source))?;
    let (disk, origin) = found(flags, doing)?;
    let file = keeper::add_key(&disk, &seed).map_err(failed(doing))?;
    drop(held);
    let signing = Signing::open(Arc::new(disk), origin).map_err(failed(doing))?;
    let added = signing.keys().iter().find(|key| key.file == file);
    output::note("it signs from the next start on; tell who verifies checkpoints");
    added.map_or(Ok(()), |key| output.line(&key.verifier.to_string()))
}

fn retire(flags: &RetireFlags) -> Result<(), Failure> {
    let doing = "retire a key";
    let held = opened(&flags.signer, doing)?;
    let (disk, origin) = found(&flags.signer, doing)?;
    keeper::retire_key(&disk, &origin, &flags.key).map_err(failed(doing))?;
    drop(held);
    output::note("the ledger records it at the next start; until then the key signs");
    Ok(())
}

/// How much is read at once.
const PAGE: Page = Page { entries_max: 4_096, bytes_max: 4 << 20 };

async fn recover(flags: &RecoverFlags, output: &mut Output) -> Result<(), Failure> {
    let doing = "recover the signer";
    let failing = |source: SigningError| Failure::start(doing, source);
    let path = flags.data.join("journal");
    if !path.is_dir() {
        return Err(Failure::misused(format!("{} holds no ledger", flags.data.display())));
    }
    let disk: Arc<dyn Disk> = Arc::new(signing::disk_at(&path).map_err(failing)?);
    let id = Uuid::nil().into_bytes();
    let journal = FileJournal::open(disk, filing(), FileOptions::new(id));
    let journal = journal.map_err(|source| Failure::start(doing, source))?;
    let Some((note, checkpoint)) = signing::kept(&journal).await.map_err(failing)? else {
        let what = "this ledger was never signed: it begins a signer when it starts";
        return Err(Failure::misused(what));
    };
    let frontier = folded(&journal, checkpoint.head().size).await;
    let frontier = frontier.map_err(|source| Failure::start(doing, source))?;
    let seed = signing::draw(&system_entropy()).map_err(failing)?;
    let target = signing::disk_at(&flags.signer_dir).map_err(failing)?;
    keeper::begin_again(&target, &seed, note, frontier).map_err(failed(doing))?;
    let origin = checkpoint.origin().clone();
    let signing = Signing::open(Arc::new(target), origin).map_err(failed(doing))?;
    output::note("it signs from the next start on; tell who verifies checkpoints");
    for key in signing.keys() {
        output.line(&key.verifier.to_string())?;
    }
    Ok(())
}

/// The edge of the tree over the first records, or over all if there are fewer.
async fn folded(
    journal: &dyn Journal,
    size: u64,
) -> Result<Frontier, crate::journal::JournalError> {
    let mut frontier = Frontier::empty();
    loop {
        let page = journal.read(Position::new(frontier.size()), PAGE).await?;
        let wanted = page.iter().take_while(|stored| stored.position.get() <= size);
        let before = frontier.size();
        wanted.for_each(|stored| frontier.push(leaf_hash(&stored.entry.record)));
        if frontier.size() == before {
            return Ok(frontier);
        }
    }
}
