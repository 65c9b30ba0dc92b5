//! The answer to a command.

use jiff::Timestamp;

use crate::{
    judgement::ChangeKind,
    ledger::{Outcome, Receipt},
    pb,
};

/// A receipt as clients get it.
pub(in crate::rpc) fn receipt(receipt: &Receipt) -> pb::Receipt {
    pb::Receipt {
        stream: receipt.stream.to_string(),
        position: receipt.position.get(),
        revision: receipt.revision.get(),
        record_id: receipt.record.to_string(),
        recorded_at: Some(timestamp(receipt.recorded_at)),
        change: i32::from(change(receipt.change)),
        replayed: receipt.outcome == Outcome::Replayed,
        validated_only: receipt.outcome == Outcome::Validated,
    }
}

/// Seconds and nanoseconds, the latter never negative.
fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    let nanos = i128::from(NANOS_PER_SECOND);
    let (seconds, rest) =
        (at.as_nanosecond().div_euclid(nanos), at.as_nanosecond().rem_euclid(nanos));
    // Every timestamp lies within the years -9999 and 9999: both always fit.
    prost_types::Timestamp {
        seconds: i64::try_from(seconds).unwrap_or_default(),
        nanos: i32::try_from(rest).unwrap_or_default(),
    }
}

const NANOS_PER_SECOND: i64 = 1_000_000_000;

const fn change(change: Option<ChangeKind>) -> pb::ChangeKind {
    match change {
        None => pb::ChangeKind::Unspecified,
        Some(ChangeKind::Awarded) => pb::ChangeKind::Awarded,
        Some(ChangeKind::Raised) => pb::ChangeKind::Raised,
        Some(ChangeKind::Lowered) => pb::ChangeKind::Lowered,
        Some(ChangeKind::Reaffirmed) => pb::ChangeKind::Reaffirmed,
        Some(ChangeKind::Vacated) => pb::ChangeKind::Vacated,
    }
}
