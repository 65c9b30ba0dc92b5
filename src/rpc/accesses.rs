//! Recording who takes records out, where that happens by reading: trails, bundles and streams.
//!
//! Unlike a case or an export such a reading goes on for days, page by page. So it is recorded once a
//! day for each person, kind and stream: enough to answer who received a text. The record stands for
//! all that is read from its first position on within a day, what is recorded meanwhile included; who
//! reads from further back, or longer, is recorded again, before anything of that is told. Where
//! nothing can be recorded, on a full disk say, the reading goes on, and the log says so.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::Identity;
use crate::{
    judgement::{AccessKind, AccessRecorded, Event, Position, Run, StreamId, Text},
    ledger::{KnownAt, Ledger, ReadError, Taker},
    record::Record,
};

/// How long one record stands for all readings of its kind.
const STANDS_FOR: SignedDuration = SignedDuration::from_hours(24);

/// How many accesses are looked through for one of the same person: so many persons may read one
/// assessment within a day before somebody is recorded twice.
const LOOKED_AT_MAX: usize = 100;

/// The reading of a stream of all records, for as long as it goes on.
pub(super) struct Reading {
    ledger: Ledger,
    who: Arc<Identity>,
    /// Until when what was recorded of it stands. Held for a look.
    stands_until: Mutex<Timestamp>,
}

impl Reading {
    /// Records that the caller begins to read after a position.
    pub(super) async fn begin(ledger: &Ledger, who: Arc<Identity>, after: Position) -> Self {
        let until = note(ledger, &who, (AccessKind::Stream, None), after).await;
        Self { ledger: ledger.clone(), who, stands_until: Mutex::new(until) }
    }

    /// Records that it goes on after a position, where what was recorded does not stand any more: once
    /// a page is read, and before it is told. So no page has a record that is newer than the head which
    /// is looked at here.
    pub(super) async fn goes_on(&self, after: Position) {
        let stood_until = *self.stands_until.lock().unwrap_or_else(PoisonError::into_inner);
        if self.ledger.head().recorded_at <= stood_until {
            return;
        }
        let until = note(&self.ledger, &self.who, (AccessKind::Stream, None), after).await;
        *self.stands_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}

/// Records that the caller takes records after a position, of one stream or of all; answers until when
/// that stands.
pub(super) async fn note(
    ledger: &Ledger,
    who: &Identity,
    (kind, of): (AccessKind, Option<StreamId>),
    after: Position,
) -> Timestamp {
    let first = after.next();
    match noted(ledger, who, (kind, of.as_ref()), first).await {
        Ok(Some(at)) => return stands_until(at),
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "it cannot be seen whether an access is recorded"),
    }
    let taker = Taker {
        login: who.login.clone(),
        organisation: who.organisation.clone(),
        roles: who.roles.clone(),
    };
    // Where nothing is to be had yet, the next record is the first: this one, if no other is.
    let records = Some(Run { first, last: ledger.head().position.max(first) });
    let access: AccessRecorded<Text> = AccessRecorded { kind, of, records, purpose: None };
    match ledger.record_access(&taker, &access).await {
        Ok(receipt) => stands_until(receipt.recorded_at),
        Err(error) => {
            tracing::warn!(%error, "records are taken out, which cannot be recorded");
            // The next page tries again.
            Timestamp::MIN
        }
    }
}

/// When the same was recorded of the caller, if it still stands: within the last day, from a record on
/// that is not after `first`.
async fn noted(
    ledger: &Ledger,
    who: &Identity,
    (kind, of): (AccessKind, Option<&StreamId>),
    first: Position,
) -> Result<Option<Timestamp>, ReadError> {
    let Some(person) = ledger.person(&who.organisation, who.login.as_str()) else {
        return Ok(None);
    };
    let head = ledger.head();
    for record in ledger.last_accesses(of, head.position, LOOKED_AT_MAX).await? {
        if head.recorded_at > stands_until(record.recorded_at) {
            return Ok(None);
        }
        if let Event::AccessRecorded(access) = &record.event
            && record.recorded_by.person == person
            && access.kind == kind
            && begins(&record, access) <= first
        {
            return Ok(Some(record.recorded_at));
        }
    }
    Ok(None)
}

/// The records that could be seen in what was taken; nothing where it was no run of records. A reading
/// goes on for as long as its record stands.
///
/// # Errors
/// [`ReadError`] if the journal cannot be read.
pub(super) async fn run<T: Sync>(
    ledger: &Ledger,
    record: &Record,
    access: &AccessRecorded<T>,
) -> Result<Option<Run>, ReadError> {
    match access.kind {
        AccessKind::Trail | AccessKind::EntryBundles | AccessKind::Stream => {
            let until = KnownAt::Time(stands_until(record.recorded_at));
            let last = ledger.moment(until).await?.position;
            Ok(Some(Run { first: begins(record, access), last }))
        }
        AccessKind::Case | AccessKind::Evidence | AccessKind::Openings | AccessKind::Letter => {
            Ok(access.records)
        }
    }
}

/// The first record of a reading. One without any began at the head.
fn begins<T>(record: &Record, access: &AccessRecorded<T>) -> Position {
    access.records.map_or(record.position, |run| run.first)
}

fn stands_until(recorded_at: Timestamp) -> Timestamp {
    recorded_at.checked_add(STANDS_FOR).unwrap_or(Timestamp::MAX)
}
