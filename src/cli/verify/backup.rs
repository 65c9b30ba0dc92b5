//! `verify` of a backup, where it lies.

use std::{fs, path::Path};

use indicatif::ProgressBar;

use super::{VerifyFlags, disk_at, kept};
use crate::{
    backup::{BackupError, Chain, Proofs, Restored, is_part, verify},
    cli::{
        failure::Failure,
        output::{self, Format, Output},
        restore,
    },
    evidence::Trust,
};

/// Whether a directory holds parts of a backup.
pub(super) fn is_one(path: &Path) -> bool {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).any(|name| is_part(&name))
}

/// Verifies, and says what was found.
pub(super) fn run(
    flags: &VerifyFlags,
    trust: &Trust,
    bar: &ProgressBar,
    output: &mut Output,
) -> Result<(), Failure> {
    let proofs = Proofs { trust: trust.clone(), kept: kept(flags)? };
    let disk = disk_at(&flags.path)?;
    let found = Chain::read(disk).and_then(|chain| {
        bar.set_length(chain.tree().size);
        verify(&chain, &proofs, &mut |count| bar.inc(count))
    });
    bar.finish_and_clear();
    match found {
        Ok(verified) => tell(flags, &verified, output),
        Err(error) => {
            let what = with_causes(&error);
            if let Format::Json = flags.format {
                let told = serde_json::json!({
                    "verified": false, "place": "the backup", "what": what,
                });
                output.line(&told.to_string())?;
            }
            Err(Failure::Incomplete { what: format!("NOT VERIFIED: {what}") })
        }
    }
}

fn with_causes(error: &BackupError) -> String {
    let first: &(dyn std::error::Error + 'static) = error;
    let causes = std::iter::successors(Some(first), |cause| (*cause).source());
    let mut said: Vec<_> = causes.map(ToString::to_string).collect();
    said.dedup();
    said.join(": ")
}

/// What is not looked at: it is not there.
const NOT_CHECKED: &str = "whether texts open: their keys are not in a backup of the records";

fn tell(flags: &VerifyFlags, verified: &Restored, output: &mut Output) -> Result<(), Failure> {
    if let Format::Json = flags.format {
        let Restored { tree, parts, checkpoints, .. } = verified;
        let report = serde_json::json!({
            "records": tree.size, "parts": parts, "root": tree.root.to_string(),
            "checkpoints": checkpoints,
        });
        let told = serde_json::json!({
            "verified": true, "report": report, "not_checked": [NOT_CHECKED],
        });
        output.line(&told.to_string())?;
    } else {
        output.lines(&restore::proven(&flags.path, verified))?;
        output.line(&format!("not checked {NOT_CHECKED}"))?;
        output.line("VERIFIED")?;
    }
    if flags.keys.is_empty() {
        output::note(restore::NO_KEY);
    }
    Ok(())
}
