//! The keys that the ledger signs with, and the evidence that was taken out of it.

use super::value::{optional_name, optional_text};
use crate::{
    judgement::{AccessRecorded, KeyRotated},
    ledger::Shown,
    pb,
    record::Numbered,
};

/// A key that the ledger signs with from now on, or no more.
pub(super) fn key(rotated: &KeyRotated) -> pb::SigningKey {
    pb::SigningKey { vkey: rotated.key.to_string(), change: rotated.change.number() }
}

/// What was taken out of the ledger.
pub(super) fn access(recorded: &AccessRecorded<Shown>) -> pb::Access {
    pb::Access {
        kind: recorded.kind.number(),
        of: optional_name(recorded.of.as_ref()),
        first_position: recorded.records.map_or(0, |run| run.first.get()),
        last_position: recorded.records.map_or(0, |run| run.last.get()),
        purpose: optional_text(recorded.purpose.as_ref()),
    }
}
