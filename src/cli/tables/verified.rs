//! What a verification found, in lines.

use super::{lines, plain};
use crate::evidence::{CheckedCheckpoint, Report, TextCounts};

/// A verification that found nothing wrong. `unchecked` lies in the directory and is no part of the
/// evidence.
pub(in crate::cli) fn verified(width: u16, report: &Report, unchecked: &[String]) -> Vec<String> {
    let mut table = plain(width);
    let streams = if report.streams == 1 {
        "1 stream".to_owned()
    } else {
        format!("{} streams", report.streams)
    };
    table.add_row([
        "records",
        &format!("{}, in {streams}: none missing, none changed", report.records),
    ]);
    table.add_row(["root", &report.root]);
    for checkpoint in &report.checkpoints {
        table.add_row(["checkpoint", &checkpoint_line(checkpoint)]);
    }
    if report.checkpoints.is_empty() {
        let nobody = "none: nothing outside this directory vouches for it";
        table.add_row(["checkpoint", nobody]);
    }
    table.add_row(["texts", &texts(report.texts)]);
    for remark in &report.remarks {
        table.add_row(["remark", remark]);
    }
    if !unchecked.is_empty() {
        let line = format!("{}: no part of the evidence", unchecked.join(", "));
        table.add_row(["not checked", &line]);
    }
    let mut told = lines(&table);
    told.push("VERIFIED".to_owned());
    told
}

fn checkpoint_line(checkpoint: &CheckedCheckpoint) -> String {
    let CheckedCheckpoint { found, size, signed_by, trusted, .. } = checkpoint;
    let whose = if *trusted { "which you trust" } else { "as the ledger names it itself" };
    format!("{found}: {size} records, signed by {}, {whose}", signed_by.join(" and "))
}

fn texts(counts: TextCounts) -> String {
    let TextCounts { verified, redacted, sealed, withheld } = counts;
    let parts = [
        (verified, "verified"),
        (redacted, "redacted by order"),
        (withheld, "withheld"),
        (sealed, "sealed, not opened"),
    ];
    let some: Vec<_> = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if some.is_empty() { "none".to_owned() } else { some.join(", ") }
}
