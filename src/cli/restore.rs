//! `restore`: a ledger made of its backup, proven before it can be served.
//!
//! Everything is written where it is to lie, which may be a volume of its own, but under names that
//! nobody serves. Only once all of it holds are they renamed, the journal last: so whatever interrupts
//! it, there is no ledger until there is a proven one.

use std::{
    fs::{self, File, TryLockError},
    io,
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
    signing::SignerOptions,
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
if they are lost for good, move the signer away and begin another:

  judgement-ledger signer recover --data DIR --signer-dir DIR";

/// What lies in the directory meanwhile, and what each is called in the end.
const JOURNAL: (&str, &str) = ("journal.restoring", "journal");
const KEYS: (&str, &str) = ("keys.restoring", "keys");

/// What `restore` is told.
#[derive(Debug, Clone, Args)]
pub struct RestoreFlags {
    /// The directory of the backup, with all its parts.
    #[arg(long, value_name = "DIR", env = "JUDGEMENT_LEDGER_BACKUP_FROM")]
    pub from: PathBuf,
    /// The directory that is to hold the ledger: it must not exist, or be empty; a mounted volume, say.
    #[arg(long, value_name = "DIR", env = "JUDGEMENT_LEDGER_DATA")]
    pub data: PathBuf,
    /// The file of the master key, with which the keyring must open.
    #[arg(long, value_name = "FILE", env = "JUDGEMENT_LEDGER_MASTER_KEY_FILE")]
    pub master_key_file: PathBuf,
    /// The backup of the keyring. Needed as soon as there is a text, a person's name say.
    #[arg(long, value_name = "FILE", env = "JUDGEMENT_LEDGER_BACKUP_KEYRING")]
    pub keyring: Option<PathBuf>,
    /// A key of the log that you trust, as `name+id+base64`, which `info` of a running server shows; may
    /// be repeated. Without one, the keys count that the ledger itself names.
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
    for file in [Some(&flags.master_key_file), flags.keyring.as_ref()].into_iter().flatten() {
        if !file.is_file() {
            return Err(Failure::misused(format!("there is no file {}", file.display())));
        }
    }
    if !flags.from.is_dir() {
        return Err(Failure::misused(format!("{} is no directory", flags.from.display())));
    }
    let proofs = proofs(flags)?;
    let chain = Chain::read(disk_at(&flags.from)?).map_err(failing)?;
    let staging = Staging::begin(&flags.data)?;
    let proven = prove(flags, &chain, &proofs, &staging).await;
    let restored = match proven {
        // Past this line it is a ledger.
        Ok(restored) => staging.finish().map(|()| restored)?,
        Err(failure) => {
            staging.abandon();
            return Err(failure);
        }
    };
    tell(flags, &restored, output)
}

/// Writes everything, and sees that all of it holds.
async fn prove(
    flags: &RestoreFlags,
    chain: &Chain,
    proofs: &Proofs,
    staging: &Staging,
) -> Result<Restored, Failure> {
    keys(flags, chain, staging)?;
    let restored = journal(chain, staging, proofs).await?;
    reached(flags, staging, &restored)?;
    Ok(restored)
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

/// A directory that is to hold a ledger, and in which nobody finds one yet.
struct Staging {
    path: PathBuf,
    /// Whether it was made for this: then it goes if nothing comes of it.
    made: bool,
    /// Locked: no other process restores there. Of the directory itself, which needs no file for it.
    _lock: File,
}

impl Staging {
    /// Begins anew, whatever an earlier one left behind that was interrupted.
    fn begin(path: &Path) -> Result<Self, Failure> {
        let made = !path.exists();
        RealDisk::at(path).map_err(failed_at(path, "create"))?;
        let lock = File::open(path).map_err(failed_at(path, "open"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let what = format!("{}: another process restores a ledger there", path.display());
                return Err(Failure::Incomplete { what });
            }
            Err(TryLockError::Error(source)) => return Err(failed_at(path, "lock")(source)),
        }
        let staging = Self { path: path.to_owned(), made, _lock: lock };
        staging.check_vacant()?;
        staging.clear()?;
        Ok(staging)
    }

    /// There is nothing but what an interrupted restoring left: of a keyring that was given its name
    /// already the journal was not.
    fn check_vacant(&self) -> Result<(), Failure> {
        let failed = || failed_at(&self.path, "list");
        let interrupted = self.path.join(JOURNAL.0).exists();
        for entry in fs::read_dir(&self.path).map_err(failed())? {
            let name = entry.map_err(failed())?.file_name();
            let ours = name == JOURNAL.0 || name == KEYS.0 || (interrupted && name == KEYS.1);
            if !ours {
                let what = format!("{} is not empty: name a new directory", self.path.display());
                return Err(Failure::misused(what));
            }
        }
        Ok(())
    }

    /// Removes what is half restored. The journal last: it tells that the rest is.
    fn clear(&self) -> Result<(), Failure> {
        for name in [KEYS.0, KEYS.1, JOURNAL.0] {
            match fs::remove_dir_all(self.path.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(failed_at(&self.path, "clear")(error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Leaves nothing behind.
    fn abandon(self) {
        let cleared = self.clear();
        if let Err(failure) = cleared {
            failure.lines().iter().for_each(|line| output::note(line));
        } else if self.made && fs::remove_dir(&self.path).is_err() {
            output::note(&format!("{} is left empty", self.path.display()));
        }
    }

    /// Gives everything its name, the journal last: from then on it is a ledger.
    fn finish(self) -> Result<(), Failure> {
        let disk = RealDisk::at(&self.path).map_err(failed_at(&self.path, "open"))?;
        for (from, to) in [KEYS, JOURNAL] {
            let to = self.path.join(to);
            // Takes the place of an empty directory, and of no other.
            let renamed = fs::rename(self.path.join(from), &to);
            renamed.map_err(failed_at(&to, "put what was restored into"))?;
            disk.sync().map_err(failed_at(&self.path, "flush"))?;
        }
        Ok(())
    }
}

fn failed_at(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Failure {
    let path = path.to_owned();
    move |source| Failure::File { doing, path, source }
}

fn tell(flags: &RestoreFlags, restored: &Restored, output: &mut Output) -> Result<(), Failure> {
    output.lines(&proven(&flags.data, restored))?;
    if flags.keys.is_empty() {
        output::note(NO_KEY);
    }
    let signer = SignerOptions::beside(&flags.master_key_file).directory;
    output::note(&format!(
        "serve it with the signer that signed it. If its memory goes further than record {}, records \
         are lost and the ledger is read-only; if they are lost for good, move that signer away and \
         run `judgement-ledger signer recover --data {} --signer-dir {}`, or whichever directory the \
         server's --signer-dir is to name",
        restored.tree.size,
        flags.data.display(),
        signer.display()
    ));
    Ok(())
}

/// Said where the backup vouches for itself.
pub(super) const NO_KEY: &str = "\
NO KEY WAS GIVEN: the checkpoints are signed by keys that the backup names itself, which shows that it is \
whole, not that it is your ledger; give the log's key with --key (`info` of a running server shows it)";

/// What of a backup was proven, and by whom.
pub(super) fn proven(found: &Path, proven: &Restored) -> Vec<String> {
    let Restored { tree, parts, checkpoints, .. } = proven;
    let whole = format!("{}: {} records of {parts} parts", found.display(), tree.size);
    let checkpoints = checkpoints.iter().map(|checkpoint| {
        let (name, size) = (&checkpoint.found, checkpoint.size);
        let by = checkpoint.signed_by.join(" and ");
        format!("checkpoint  {name}: {size} records, signed by {by}")
    });
    [whole, format!("root {}", tree.root)].into_iter().chain(checkpoints).collect()
}
