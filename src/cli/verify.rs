//! `verify`: a ledger, evidence of one or a backup, without a server.

mod backup;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{
    engine,
    failure::Failure,
    output::{self, Format, Output},
    tables,
};
use crate::{
    disk::{Disk, RealDisk},
    evidence::{
        CASE, Directory, MANIFEST, Report, Trust, Wrong, verify_case, verify_directory,
        verify_whole,
    },
    merkle::Verifier,
};

pub(super) const AFTER_HELP: &str = "\
Nothing is changed, and no server is asked. DIR is one of
  the data directory of a ledger, or a copy of it (also while it is served)
  the journal in it
  a folder that `export` or `case` wrote
  a directory that `backup` wrote: all parts are read and folded against their checkpoints
Exit code 0: all of it holds. 1: something does not, and the first place is named. 2: misused.";

/// What `verify` is told.
#[derive(Debug, Clone, Args)]
pub struct VerifyFlags {
    /// What is verified.
    #[arg(value_name = "DIR")]
    pub path: PathBuf,
    /// A key of the log that you trust, as `name+id+base64`; may be repeated. Without one, the keys
    /// count that the ledger itself names.
    #[arg(long = "key", value_name = "VKEY", env = "JUDGEMENT_LEDGER_KEY", value_delimiter = ',', value_parser = key)]
    pub keys: Vec<Verifier>,
    /// A checkpoint kept elsewhere that the ledger must be consistent with; may be repeated.
    #[arg(
        long = "checkpoint",
        value_name = "FILE",
        env = "JUDGEMENT_LEDGER_CHECKPOINT",
        value_delimiter = ','
    )]
    pub checkpoints: Vec<PathBuf>,
    /// The file of the master key: with it, texts are opened and checked. Without, they are counted.
    #[arg(long, value_name = "FILE", env = "JUDGEMENT_LEDGER_MASTER_KEY_FILE")]
    pub master_key_file: Option<PathBuf>,
    /// The directory of the keyring. Default: `keys` in DIR.
    #[arg(long, value_name = "DIR", env = "JUDGEMENT_LEDGER_KEYRING")]
    pub keyring: Option<PathBuf>,
    /// How the result is shown.
    #[arg(long, env = "JUDGEMENT_LEDGER_FORMAT", default_value = "table")]
    pub format: Format,
}

fn key(vkey: &str) -> Result<Verifier, String> {
    Verifier::parse(vkey).map_err(|error| error.to_string())
}

/// Verifies, and says what was found.
pub(super) fn run(flags: &VerifyFlags, output: &mut Output) -> Result<(), Failure> {
    let trust = Trust { keys: flags.keys.clone() };
    let path = &flags.path;
    let bar = bar();
    if backup::is_one(path) {
        without_keyring(flags)?;
        return backup::run(flags, &trust, &bar, output);
    }
    let found = if path.join(CASE).is_file() {
        if !flags.checkpoints.is_empty() {
            return Err(Failure::misused(
                "--checkpoint is of no use for a case, which has not all records: compare it with \
                 evidence of the whole ledger",
            ));
        }
        without_keyring(flags)?;
        let found = verify_case(path, &trust, &mut |count| bar.inc(count));
        Verified { found, unchecked: Vec::new() }
    } else if path.join(MANIFEST).is_file() {
        without_keyring(flags)?;
        let kept = kept(flags)?;
        let found = verify_whole(path, &trust, &kept, &mut |count| bar.inc(count));
        Verified { found, unchecked: Vec::new() }
    } else {
        directory(flags, &trust, &bar)?
    };
    bar.finish_and_clear();
    tell(flags, found, output)
}

/// What was found, and what is no part of the evidence.
struct Verified {
    found: Result<Report, Wrong>,
    unchecked: Vec<String>,
}

/// Refuses keys of texts for a folder of evidence, in which no text is sealed, and for a backup, whose
/// keys are elsewhere.
fn without_keyring(flags: &VerifyFlags) -> Result<(), Failure> {
    if flags.master_key_file.is_none() && flags.keyring.is_none() {
        return Ok(());
    }
    Err(Failure::misused(
        "--master-key-file and --keyring are for the directory of a ledger: a folder of evidence has \
         its texts open, and a backup's are tried by restoring it",
    ))
}

/// The checkpoints that were kept elsewhere, by the names of their files.
fn kept(flags: &VerifyFlags) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let mut checkpoints = Vec::new();
    for path in &flags.checkpoints {
        let failed = |source| Failure::File { doing: "read", path: path.clone(), source };
        checkpoints.push((path.display().to_string(), fs::read(path).map_err(failed)?));
    }
    Ok(checkpoints)
}

fn directory(flags: &VerifyFlags, trust: &Trust, bar: &ProgressBar) -> Result<Verified, Failure> {
    let (journal, home) = place(&flags.path)?;
    let keys = flags.keyring.clone().or_else(|| home.as_ref().map(|home| home.join("keys")));
    let keys = keys.filter(|keys| keys.is_dir());
    let master = flags.master_key_file.as_deref().map(engine::read_master_key).transpose();
    let master = master.map_err(|error| Failure::start("read the master key", error))?;
    if master.is_some() && keys.is_none() {
        return Err(Failure::misused(
            "a master key is of no use without the keyring: name its directory with --keyring",
        ));
    }
    let checkpoints = kept(flags)?;
    let keys_disk = keys.as_deref().map(disk_at).transpose()?;
    let directory = Directory { journal: disk_at(&journal)?, keys: keys_disk, master, checkpoints };
    bar.set_length(bytes_in(&journal));
    let found = verify_directory(&directory, trust, &mut |bytes| bar.inc(bytes));
    let unchecked = home.map(|home| beside(&home)).transpose()?.unwrap_or_default();
    Ok(Verified { found, unchecked })
}

/// Where the journal is, and the data directory that it lies in, if that is what was named.
fn place(path: &Path) -> Result<(PathBuf, Option<PathBuf>), Failure> {
    let home = path.join("journal");
    if home.join("FORMAT").is_file() {
        return Ok((home, Some(path.to_owned())));
    }
    if path.join("FORMAT").is_file() {
        return Ok((path.to_owned(), None));
    }
    Err(Failure::misused(format!(
        "{} is neither the directory of a ledger nor a folder of evidence nor a backup: there is no \
         journal/FORMAT, no {MANIFEST}, no {CASE} and no part-0001.backup in it",
        path.display()
    )))
}

fn disk_at(path: &Path) -> Result<Arc<dyn Disk>, Failure> {
    let failed = |source| Failure::File { doing: "open", path: path.to_owned(), source };
    Ok(Arc::new(RealDisk::at(path).map_err(failed)?))
}

/// What lies in the data directory that is no part of the evidence.
fn beside(home: &Path) -> Result<Vec<String>, Failure> {
    let failed = |source| Failure::File { doing: "list", path: home.to_owned(), source };
    let mut others = Vec::new();
    for entry in fs::read_dir(home).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        if !["journal", "keys"].contains(&name.as_str()) {
            others.push(name);
        }
    }
    others.sort();
    Ok(others)
}

fn bytes_in(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let lengths = entries.filter_map(|entry| entry.metadata().ok()).map(|it| it.len());
    lengths.fold(0, u64::saturating_add)
}

/// A bar that shows itself where somebody watches.
fn bar() -> ProgressBar {
    let bar = ProgressBar::hidden();
    if output::is_watched() {
        if let Ok(style) =
            ProgressStyle::with_template("verifying {wide_bar} {percent} %, {eta} left")
        {
            bar.set_style(style);
        }
        bar.set_draw_target(ProgressDrawTarget::stderr());
    }
    bar
}

fn tell(flags: &VerifyFlags, verified: Verified, output: &mut Output) -> Result<(), Failure> {
    let Verified { found, unchecked } = verified;
    let Format::Json = flags.format else {
        return match found {
            Ok(report) => output.lines(&tables::verified(output.width(), &report, &unchecked)),
            Err(wrong) => Err(Failure::Incomplete { what: format!("NOT VERIFIED: {wrong}") }),
        };
    };
    let value = match &found {
        Ok(report) => serde_json::json!({
            "verified": true, "report": report, "not_checked": unchecked,
        }),
        Err(wrong) => serde_json::json!({
            "verified": false, "place": wrong.place.to_string(), "what": wrong.what,
        }),
    };
    output.line(&value.to_string())?;
    match found {
        Ok(_) => Ok(()),
        Err(wrong) => Err(Failure::Incomplete { what: format!("NOT VERIFIED: {wrong}") }),
    }
}
