//! Recording who takes records out, where that happens by reading: trails, bundles and streams.
//!
//! Unlike a case or an export such a reading goes on for days, page by page. So it is recorded once a
//! day for each person, kind and stream: enough to answer who received a text. Where nothing can be
//! recorded, on a full disk say, the reading goes on, and the log says so.

use jiff::SignedDuration;

use super::Identity;
use crate::{
    judgement::{AccessKind, AccessRecorded, Event, Position, Run, StreamId, Text},
    ledger::{Ledger, ReadError, Taker},
};

/// How long one record stands for all readings of its kind.
const STANDS_FOR: SignedDuration = SignedDuration::from_hours(24);

/// How many accesses are looked through for one of the same person: so many persons may read one
/// assessment within a day before somebody is recorded twice.
const LOOKED_AT_MAX: usize = 100;

/// Records that the caller takes records after a position, up to the head, of one stream or of all.
pub(super) async fn note(
    ledger: &Ledger,
    who: &Identity,
    (kind, of): (AccessKind, Option<StreamId>),
    after: Position,
) {
    match is_noted(ledger, who, kind, of.as_ref()).await {
        Ok(true) => return,
        Ok(false) => {}
        Err(error) => tracing::warn!(%error, "it cannot be seen whether an access is recorded"),
    }
    let taker = Taker {
        login: who.login.clone(),
        organisation: who.organisation.clone(),
        roles: who.roles.clone(),
    };
    let run = Run { first: after.next(), last: ledger.head().position };
    let records = (run.first <= run.last).then_some(run);
    let access: AccessRecorded<Text> = AccessRecorded { kind, of, records, purpose: None };
    if let Err(error) = ledger.record_access(&taker, &access).await {
        tracing::warn!(%error, "records are taken out, which cannot be recorded");
    }
}

/// Whether the same was recorded of the caller within the last day.
async fn is_noted(
    ledger: &Ledger,
    who: &Identity,
    kind: AccessKind,
    of: Option<&StreamId>,
) -> Result<bool, ReadError> {
    let Some(person) = ledger.person(&who.organisation, who.login.as_str()) else {
        return Ok(false);
    };
    let head = ledger.head();
    for record in ledger.last_accesses(of, head.position, LOOKED_AT_MAX).await? {
        if head.recorded_at.duration_since(record.recorded_at) > STANDS_FOR {
            return Ok(false);
        }
        if let Event::AccessRecorded(access) = &record.event
            && record.recorded_by.person == person
            && access.kind == kind
        {
            return Ok(true);
        }
    }
    Ok(false)
}
