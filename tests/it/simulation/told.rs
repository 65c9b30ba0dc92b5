//! What the clients were told, to be held against what the disk keeps.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard},
};

use judgement_ledger::pb;

use super::subscriber::Subscription;
use crate::linear::Tape;

/// The notebook of all clients. Clones are the same one.
#[derive(Clone, Default)]
pub(super) struct Notebook(Arc<Mutex<Notes>>);

#[derive(Default)]
pub(super) struct Notes {
    /// What was asked and told of assessments, for the checker of linearizability.
    pub(super) tape: Tape,
    /// Receipts since the last look, each with the id of its request.
    pub(super) receipts: Vec<(Vec<u8>, pb::Receipt)>,
    /// Answers about assessments since the last look.
    pub(super) assessments: Vec<pb::Assessment>,
    /// Histories since the last look.
    pub(super) histories: Vec<History>,
    /// Records sent to a subscriber since the last look.
    pub(super) streamed: Vec<pb::Record>,
    /// Up to where subscribers and others were told that records are there.
    pub(super) told_until: u64,
    /// The requests of each batch that was sent.
    pub(super) batches: Vec<Vec<Vec<u8>>>,
    /// Requests of which every sending was answered, and always with "surely not recorded".
    pub(super) refused: Vec<Vec<u8>>,
    /// How many commands were acknowledged.
    pub(super) acknowledged: usize,
    /// How many writers are done.
    pub(super) writers_done: usize,
    /// The ledger is furnished: writers may begin.
    pub(super) furnished: bool,
    /// Where subscribers end, once that is known.
    pub(super) ends_at: Option<u64>,
    pub(super) subscriptions: Vec<Subscription>,
    /// What stands in all assessments at the end: as told by views that grew with the records, and
    /// by views that were built from the journal.
    pub(super) finals: Vec<Vec<pb::Assessment>>,
    /// Everything that was seen from outside, in order, with its time.
    pub(super) trace: String,
    /// The first thing that must not be.
    pub(super) violation: Option<String>,
}

/// The positions of an area's grades, newest first, as an answer had them.
pub(super) struct History {
    pub(super) assessment: String,
    pub(super) area: String,
    pub(super) until: u64,
    pub(super) positions: Vec<u64>,
}

impl Notebook {
    pub(super) fn open(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap()
    }

    /// Writes down what was seen, and when.
    pub(super) fn trace(&self, at: std::time::Duration, who: &str, what: &str) {
        writeln!(self.open().trace, "{:>9} {who}: {what}", at.as_micros()).unwrap();
    }

    /// Writes down what must not be; the first counts.
    pub(super) fn violated(&self, what: impl Into<String>) {
        self.open().violation.get_or_insert(what.into());
    }
}
