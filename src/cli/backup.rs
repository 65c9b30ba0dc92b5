//! `backup`: what a running ledger holds, as files to keep elsewhere.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use tonic::Streaming;

use super::{
    admin::{self, AdminFlags},
    failure::Failure,
    first,
    output::{self, Format, Output},
    wiring,
};
use crate::{
    backup::{Chain, KeyringWriter, LOCK, Next, PartHead, PartWriter, is_keyring, part_name},
    disk::{Disk, RealDisk},
    journal::{Entry, Stored},
    judgement::Position,
    merkle::Hash,
    pb::{self, backup_piece::Piece},
};

pub(super) const AFTER_HELP: &str = "\
The server goes on meanwhile, and nobody waits. The first time all records are written, as a first part;
each further time those that came since, as a further part; nothing, if nothing is new. All parts are
needed to restore. They hold grades in clear: keep them on a disk that is encrypted.

  judgement-ledger backup --data ledger --to /mnt/backup/ledger
  judgement-ledger backup --data ledger --keyring /mnt/elsewhere/ledger.keyring
  judgement-ledger verify /mnt/backup/ledger --key NAME+ID+KEY

What was written before is not read again: `verify` does that, and finds what has rotten on the disk. Run
it now and then, once a day say, with a key that `info` showed and that is kept elsewhere.

The keys of texts are not among the records. Keep their file elsewhere, few and not for long: together
with the records and the master key it gives every text that was not erased when it was made.";

/// What `backup` is told.
#[derive(Debug, Clone, Args)]
pub struct BackupFlags {
    /// The directory of the backup, to which a part is added; made if it is not there.
    #[arg(
        long,
        value_name = "DIR",
        env = "JUDGEMENT_LEDGER_BACKUP_TO",
        required_unless_present = "keyring"
    )]
    pub to: Option<PathBuf>,
    /// Write the keyring as well, into this file, which takes the place of an older one.
    #[arg(long, value_name = "FILE", env = "JUDGEMENT_LEDGER_BACKUP_KEYRING")]
    pub keyring: Option<PathBuf>,
    /// Which server.
    #[command(flatten)]
    pub admin: AdminFlags,
    /// How the result is shown.
    #[arg(long, env = "JUDGEMENT_LEDGER_FORMAT", default_value = "table")]
    pub format: Format,
}

/// Makes a backup.
pub(super) async fn run(flags: &BackupFlags, output: &mut Output) -> Result<(), Failure> {
    apart(flags)?;
    for path in flags.to.iter().chain(&flags.keyring) {
        outside_ledgers(path)?;
    }
    flags.keyring.as_deref().map_or(Ok(()), replaceable)?;
    if let Some(to) = &flags.to {
        let is_new = !to.exists();
        let made = records(flags, to).await;
        if made.is_err() && is_new {
            // Goes only if nothing else is in it: who looks for a backup must not find a folder without
            // one.
            drop(fs::remove_file(to.join(LOCK)).and_then(|()| fs::remove_dir(to)));
        }
        tell(flags, &made?, to, output)?;
    }
    // After the records: so there is a key for every text among them.
    if let Some(file) = &flags.keyring {
        let files = keyring(flags, file).await?;
        match flags.format {
            Format::Json => output.line(
                &serde_json::json!({ "keyring": file.display().to_string(), "files": files })
                    .to_string(),
            )?,
            Format::Table => {
                output.line(&format!("{}: the keyring, {files} blocks", file.display()))?;
            }
        }
    }
    Ok(())
}

/// The keyring never lies where the records do.
fn apart(flags: &BackupFlags) -> Result<(), Failure> {
    let (Some(to), Some(keyring)) = (&flags.to, &flags.keyring) else { return Ok(()) };
    if !wiring::real(keyring).starts_with(wiring::real(to)) {
        return Ok(());
    }
    Err(Failure::misused(format!(
        "{} lies within the backup of the records: whoever has both and the master key reads every \
         text, and a text that is erased later stays readable in them. Keep the keyring elsewhere, few \
         and not for long",
        keyring.display()
    )))
}

/// What lies with the ledger is lost with it; and whoever puts that back would put the backup back, too.
fn outside_ledgers(path: &Path) -> Result<(), Failure> {
    let real = wiring::real(path);
    let Some(ledger) = real.ancestors().find(|it| first::is_ledger(it)) else { return Ok(()) };
    Err(Failure::misused(format!(
        "{} lies within {}, which is the directory of a ledger: a backup in it is lost with the ledger; \
         name another place, on another disk",
        path.display(),
        ledger.display()
    )))
}

/// The keyring takes the place of an older one, and of nothing else.
fn replaceable(file: &Path) -> Result<(), Failure> {
    if !file.exists() {
        return Ok(());
    }
    let (disk, name) = disk_of(file)?;
    let found = is_keyring(&*disk, &name);
    match found.map_err(|source| Failure::start("back up the keyring", source))? {
        None | Some(true) => Ok(()),
        Some(false) => Err(Failure::misused(format!(
            "{} is there and is no keyring: nothing else is ever replaced; name another file",
            file.display()
        ))),
    }
}

/// What was made.
struct Made {
    /// The name of the part and its size in bytes; none if nothing was new.
    part: Option<(String, u64)>,
    from: u64,
    size: u64,
    root: Hash,
}

async fn records(flags: &BackupFlags, to: &Path) -> Result<Made, Failure> {
    let doing = "make the backup";
    let failing = |source| Failure::start(doing, source);
    let mut client = flags.admin.connect().await?;
    let disk = disk_at(to)?;
    let chain = Chain::open(disk).map_err(failing)?;
    let from = chain.tree().size;
    let request = pb::BackupRequest { from_size: from };
    let refused = |status| Failure::refused("a backup", status);
    let mut pieces = client.backup(request).await.map_err(refused)?.into_inner();
    let first = pieces.message().await.map_err(refused)?.and_then(|it| it.piece);
    let Some(Piece::Head(sent)) = first else {
        return Err(Failure::Unexpected { what: "head of a backup" });
    };
    let head = head(sent)?;
    let (size, root) = (head.tree().size, head.tree().root);
    let part = match chain.begin(head).map_err(failing)? {
        Next::Nothing => None,
        Next::Part(part) => {
            let number = u64::try_from(chain.heads().len()).unwrap_or(u64::MAX).saturating_add(1);
            Some((part_name(number), fill(*part, pieces, size.saturating_sub(from)).await?))
        }
    };
    Ok(Made { part, from, size, root })
}

fn head(sent: pb::BackupHead) -> Result<PartHead, Failure> {
    let what = "checkpoint that can be read";
    let ledger = admin::ledger_id(&sent.ledger_id)?;
    let hashes = sent.consistency.iter().map(|hash| Some(Hash::new((**hash).try_into().ok()?)));
    let hashes: Option<Vec<_>> = hashes.collect();
    hashes
        .and_then(|hashes| PartHead::new(ledger, sent.from_size, sent.checkpoint, hashes))
        .ok_or(Failure::Unexpected { what })
}

/// Writes what comes, until it is all there. The size of the part, in bytes.
async fn fill(
    mut part: PartWriter,
    mut pieces: Streaming<pb::BackupPiece>,
    total: u64,
) -> Result<u64, Failure> {
    let doing = "make the backup";
    let bar = output::records_bar("backing up");
    bar.set_length(total);
    while let Some(piece) =
        pieces.message().await.map_err(|status| Failure::refused("a backup", status))?
    {
        let Some(Piece::Entries(sent)) = piece.piece else {
            return Err(Failure::Unexpected { what: "entries after its head" });
        };
        let count = u64::try_from(sent.entries.len()).unwrap_or(u64::MAX);
        for pb::BackupEntry { position, record, beside } in sent.entries {
            let entry = Entry { record, sealed: beside };
            let stored = Stored { position: Position::new(position), entry };
            part.add(&stored).map_err(|source| Failure::start(doing, source))?;
        }
        bar.inc(count);
    }
    let written = part.finish().map_err(|source| Failure::start(doing, source))?;
    bar.finish_and_clear();
    Ok(written)
}

/// Writes the keyring; how many files it has.
async fn keyring(flags: &BackupFlags, file: &Path) -> Result<u64, Failure> {
    let doing = "back up the keyring";
    let failing = |source| Failure::start(doing, source);
    let refused = |status| Failure::refused("the keyring", status);
    let (disk, name) = disk_of(file)?;
    let mut client = flags.admin.connect().await?;
    let request = pb::BackupKeyringRequest {};
    let mut files = client.backup_keyring(request).await.map_err(refused)?.into_inner();
    let mut begun: Option<KeyringWriter> = None;
    let mut count = 0_u64;
    while let Some(sent) = files.message().await.map_err(refused)? {
        let ledger = admin::ledger_id(&sent.ledger_id)?;
        let mut writer = match begun.take() {
            Some(writer) => writer,
            None => KeyringWriter::begin(&disk, &name, ledger).map_err(failing)?,
        };
        writer.add(&sent.name, &sent.content).map_err(failing)?;
        count = count.saturating_add(1);
        begun = Some(writer);
    }
    let Some(writer) = begun else { return Err(Failure::Unexpected { what: "file of a keyring" }) };
    writer.finish().map_err(failing)?;
    Ok(count)
}

fn disk_at(path: &Path) -> Result<Arc<dyn Disk>, Failure> {
    let failed = |source| Failure::File { doing: "open", path: path.to_owned(), source };
    Ok(Arc::new(RealDisk::at(path).map_err(failed)?))
}

/// The directory of a file, and its name in there.
pub(super) fn disk_of(file: &Path) -> Result<(Arc<dyn Disk>, String), Failure> {
    let name = file.file_name().and_then(|name| name.to_str());
    let odd = || Failure::misused(format!("{}: say the name of a file", file.display()));
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    let disk = disk_at(parent.unwrap_or(Path::new(".")))?;
    Ok((disk, name.ok_or_else(odd)?.to_owned()))
}

fn tell(flags: &BackupFlags, made: &Made, to: &Path, output: &mut Output) -> Result<(), Failure> {
    let Made { part, from, size, root } = made;
    if let Format::Json = flags.format {
        let (name, bytes) = part.clone().unzip();
        let told = serde_json::json!({
            "to": to.display().to_string(), "part": name, "bytes": bytes,
            "from": from, "size": size, "root": root.to_string(),
        });
        return output.line(&told.to_string());
    }
    let line = match part {
        None => format!("{}: nothing is new; {size} records", to.display()),
        Some((name, bytes)) => {
            let count = size.saturating_sub(*from);
            let path = to.join(name);
            format!("{}: {count} records, {bytes} bytes; {size} records in all", path.display())
        }
    };
    output.line(&line)?;
    output.line(&format!("root {root}"))
}
