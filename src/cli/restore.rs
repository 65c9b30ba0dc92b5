//! `restore`: a ledger made of its backup, proven before it can be served.
//!
//! Everything is written into a directory beside the one that the ledger is to have, under names that
//! nobody serves. Only once all of it holds are they renamed, the last step being that of the
//! directory itself. So whatever interrupts it, there is no ledger until there is a proven one.

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use uuid::Uuid;

use super::{
    backup,
    engine::{self, EngineError},
    failure::Failure,
    output::{self, Output},
};
use crate::{
    backup::{BackupError, Chain, PartHead, Proofs, Restored, read_keyring, restore},
    disk::{Disk, RealDisk},
    evidence::Trust,
    journal::file::{FileJournal, FileOptions},
    ledger::filing,
    merkle::Verifier,
    vault,
};

pub(super) const AFTER_HELP: &str = "\
Every record is hashed and the root of all is compared with what each part's checkpoint states, which a
key of the log signed. Only a ledger of which all that holds is put into --data. Give the key with
--key, and a checkpoint that was kept elsewhere with --checkpoint: else the backup vouches for itself.

The signer is not in a backup: it has a memory of what it signed. Where that ends with the backup, the
restored ledger goes on. Where it goes further, records are lost, and the ledger is served read-only;
if they are lost for good, move the signer away and begin another with `judgement-ledger signer recover`.";

/// What the directory is called while it is no ledger, after its own name.
const STAGING: &str = ".restoring";

/// What lies in it meanwhile, and what each is called in the end.
const JOURNAL: (&str, &str) = ("journal.restoring", "journal");
const KEYS: (&str, &str) = ("keys.restoring", "keys");

/// What `restore` is told.
#[derive(Debug, Clone, Args)]
pub struct RestoreFlags {
    /// The directory of the backup, with all its parts.
    #[arg(long, value_name = "DIR", env = "JUDGEMENT_LEDGER_BACKUP_FROM")]
    pub from: PathBuf,
    /// The directory that is to hold the ledger: it must not exist, or be empty.
    #[arg(long, value_name = "DIR", env = "JUDGEMENT_LEDGER_DATA")]
    pub data: PathBuf,
    /// The file of the master key, with which the keyring must open.
    #[arg(long, value_name = "FILE", env = "JUDGEMENT_LEDGER_MASTER_KEY_FILE")]
    pub master_key_file: PathBuf,
    /// The backup of the keyring. Needed as soon as there is a text, a person's name say.
    #[arg(long, value_name = "FILE", env = "JUDGEMENT_LEDGER_BACKUP_KEYRING")]
    pub keyring: Option<PathBuf>,
    /// A key of the log that you trust, as `name+id+base64`; may be repeated. Without one, the keys
    /// count that the ledger itself names.
    #[arg(long = "key", value_name = "VKEY", env = "JUDGEMENT_LEDGER_KEY", value_delimiter = ',', value_parser = key)]
    pub keys: Vec<Verifier>,
    /// A checkpoint kept elsewhere that the ledger must begin with; may be repeated.
    #[arg(
        long = "checkpoint",
        value_name = "FILE",
        env = "JUDGEMENT_LEDGER_CHECKPOINT",
        value_delimiter = ','
    )]
    pub checkpoints: Vec<PathBuf>,
}

fn key(vkey: &str) -> Result<Verifier, String> {
    Verifier::parse(vkey).map_err(|error| error.to_string())
}

const DOING: &str = "restore the ledger";

fn failing(source: BackupError) -> Failure {
    Failure::start(DOING, source)
}

/// Restores, and says what was proven.
pub(super) async fn run(flags: &RestoreFlags, output: &mut Output) -> Result<(), Failure> {
    if backup::is_filled(&flags.data)? {
        let what = format!("{} is not empty: name a new directory", flags.data.display());
        return Err(Failure::misused(what));
    }
    if !flags.from.is_dir() {
        return Err(Failure::misused(format!("{} is no directory", flags.from.display())));
    }
    let proofs = proofs(flags)?;
    let chain = Chain::read(disk_at(&flags.from)?).map_err(failing)?;
    let staging = Staging::begin(&flags.data)?;
    keys(flags, &chain, &staging)?;
    let restored = journal(&chain, &staging, &proofs).await?;
    reached(flags, &staging, &restored)?;
    // Past this line it is a ledger.
    staging.finish(&flags.data)?;
    tell(flags, &restored, output)
}

fn proofs(flags: &RestoreFlags) -> Result<Proofs, Failure> {
    let mut kept = Vec::new();
    for path in &flags.checkpoints {
        let failed = |source| Failure::File { doing: "read", path: path.clone(), source };
        kept.push((path.display().to_string(), fs::read(path).map_err(failed)?));
    }
    Ok(Proofs { trust: Trust { keys: flags.keys.clone() }, kept })
}

/// Puts the keyring in its place, and sees that it opens. First, since it is done soonest.
fn keys(flags: &RestoreFlags, chain: &Chain, staging: &Staging) -> Result<(), Failure> {
    let wrong = |source: EngineError| Failure::start("read the master key", source);
    let master = engine::read_master_key(&flags.master_key_file).map_err(wrong)?;
    let Some(first) = chain.heads().first() else { return Ok(()) };
    let into = disk_at(&staging.path.join(KEYS.0))?;
    let Some(file) = &flags.keyring else { return Ok(()) };
    let (disk, name) = backup::disk_of(file)?;
    read_keyring(&*disk, &name, first.ledger(), &*into).map_err(failing)?;
    let opened = vault::inspect(&*into, Uuid::from_bytes(first.ledger()), Some(&master));
    opened.map(drop).map_err(|error| failing(error.into()))
}

/// Writes the journal and proves it.
async fn journal(chain: &Chain, staging: &Staging, proofs: &Proofs) -> Result<Restored, Failure> {
    let disk = disk_at(&staging.path.join(JOURNAL.0))?;
    let ledger = chain.heads().first().map(PartHead::ledger).unwrap_or_default();
    let options = FileOptions::new(ledger);
    let journal = FileJournal::open(disk, filing(), options);
    let journal = journal.map_err(|source| Failure::start(DOING, source))?;
    let bar = output::records_bar("restoring");
    bar.set_length(chain.tree().size);
    let restored = restore(chain, &journal, proofs, &mut |count| bar.inc(count)).await;
    let restored = restored.map_err(failing)?;
    journal.close().await.map_err(|source| Failure::start(DOING, source))?;
    bar.finish_and_clear();
    Ok(restored)
}

/// Every text that the journal names has its key in the keyring.
fn reached(flags: &RestoreFlags, staging: &Staging, restored: &Restored) -> Result<(), Failure> {
    if let (None, Some(&slot)) = (&flags.keyring, restored.slots.last()) {
        return Err(failing(BackupError::KeyringMissing { slot }));
    }
    let keys = disk_at(&staging.path.join(KEYS.0))?;
    vault::check_reached(&*keys, &restored.slots).map_err(|error| failing(error.into()))
}

fn disk_at(path: &Path) -> Result<Arc<dyn Disk>, Failure> {
    let failed = |source| Failure::File { doing: "open", path: path.to_owned(), source };
    Ok(Arc::new(RealDisk::at(path).map_err(failed)?))
}

/// A directory in which a ledger is restored that nobody serves yet.
struct Staging {
    path: PathBuf,
    /// Locked: no other process restores there. Of the directory itself, so that it goes with it.
    _lock: File,
}

impl Staging {
    /// Begins anew, whatever an earlier one left behind that was interrupted.
    fn begin(data: &Path) -> Result<Self, Failure> {
        let odd = || Failure::misused(format!("{}: name a directory", data.display()));
        let mut name = data.file_name().ok_or_else(odd)?.to_owned();
        name.push(STAGING);
        let path = data.with_file_name(name);
        RealDisk::at(&path).map_err(failed_at(&path, "create"))?;
        let lock = File::open(&path).map_err(failed_at(&path, "open"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let what = "another process restores a ledger there".to_owned();
                let what = format!("{}: {what}", path.display());
                return Err(Failure::Incomplete { what });
            }
            Err(TryLockError::Error(source)) => return Err(failed_at(&path, "lock")(source)),
        }
        let staging = Self { path, _lock: lock };
        staging.clear()?;
        Ok(staging)
    }

    /// Removes what an interrupted restoring left, and nothing else.
    fn clear(&self) -> Result<(), Failure> {
        let failed = |doing| failed_at(&self.path, doing);
        let ours = [JOURNAL.0, JOURNAL.1, KEYS.0, KEYS.1];
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(failed("list"))? {
            found.push(entry.map_err(failed("list"))?.file_name());
        }
        if let Some(other) = found.iter().find(|name| !ours.iter().any(|it| *name == *it)) {
            let other = self.path.join(other);
            return Err(Failure::misused(format!(
                "{} is none of an interrupted restoring: look what it is, and move {} away",
                other.display(),
                self.path.display()
            )));
        }
        for name in found {
            fs::remove_dir_all(self.path.join(name)).map_err(failed("clear"))?;
        }
        Ok(())
    }

    /// Gives everything its name, the directory last.
    fn finish(self, data: &Path) -> Result<(), Failure> {
        for (from, to) in [JOURNAL, KEYS] {
            let (from, to) = (self.path.join(from), self.path.join(to));
            fs::rename(&from, &to).map_err(failed_at(&from, "rename"))?;
        }
        let within = RealDisk::at(&self.path).map_err(failed_at(&self.path, "open"))?;
        within.sync().map_err(failed_at(&self.path, "flush"))?;
        // Takes the place of an empty directory, and of no other.
        fs::rename(&self.path, data).map_err(failed_at(data, "put the restored ledger into"))?;
        let above = data.parent().filter(|parent| !parent.as_os_str().is_empty());
        let above = above.unwrap_or(Path::new("."));
        let disk = RealDisk::at(above).map_err(failed_at(above, "open"))?;
        disk.sync().map_err(failed_at(above, "flush"))
    }
}

fn failed_at(path: &Path, doing: &'static str) -> impl FnOnce(std::io::Error) -> Failure {
    let path = path.to_owned();
    move |source| Failure::File { doing, path, source }
}

fn tell(flags: &RestoreFlags, restored: &Restored, output: &mut Output) -> Result<(), Failure> {
    let Restored { tree, parts, checkpoints, .. } = restored;
    let data = flags.data.display();
    output.line(&format!("{data}: {} records of {parts} parts", tree.size))?;
    output.line(&format!("root {}", tree.root))?;
    for checkpoint in checkpoints {
        let (found, size) = (&checkpoint.found, checkpoint.size);
        let by = checkpoint.signed_by.join(" and ");
        output.line(&format!("checkpoint  {found}: {size} records, signed by {by}"))?;
    }
    if flags.keys.is_empty() {
        output::note(
            "NO KEY WAS GIVEN: the checkpoints are signed by keys that the backup names itself, which \
             shows that it is whole, not that it is your ledger; give the log's key with --key",
        );
    }
    output::note(&format!(
        "serve it with the signer that signed it. If its memory goes further than record {}, records \
         are lost and the ledger is read-only; if they are lost for good, move that signer away and \
         run `judgement-ledger signer recover --data {data}`",
        tree.size
    ));
    Ok(())
}
