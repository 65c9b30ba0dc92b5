//! That each stream is whole: revisions without a gap, each record naming the one before and its
//! hash, times that never fall.

use std::collections::HashMap;

use jiff::Timestamp;

use super::Wrong;
use crate::{
    judgement::{Position, Revision, StreamId},
    merkle::Hash,
    record::{Previous, Record},
};

/// How far each stream has come: some 150 bytes each.
#[derive(Debug, Default)]
pub(super) struct Streams {
    ends: HashMap<StreamId, End>,
}

/// The last record of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct End {
    revision: Revision,
    position: Position,
    hash: Hash,
    recorded_at: Timestamp,
}

impl Streams {
    /// Goes on with the next record of its stream.
    ///
    /// # Errors
    /// [`Wrong`] if it is not the next one.
    pub(super) fn follow(&mut self, record: &Record, hash: Hash) -> Result<(), Wrong> {
        let at = record.position;
        let before = self.ends.get(&record.stream);
        let expected = before.map_or(Revision::START, |end| end.revision).next();
        if record.revision != expected {
            let what = format!(
                "{}: revision {} stands where {expected} is expected",
                record.stream, record.revision
            );
            return Err(Wrong::at(at, what));
        }
        let previous = before.map(|end| Previous { position: end.position, hash: end.hash });
        if record.previous != previous {
            return Err(Wrong::at(at, misnamed(record, previous)));
        }
        if before.is_some_and(|end| record.recorded_at < end.recorded_at) {
            return Err(Wrong::at(at, "it was recorded before the record before it"));
        }
        let (revision, recorded_at) = (record.revision, record.recorded_at);
        let end = End { revision, position: at, hash, recorded_at };
        self.ends.insert(record.stream.clone(), end);
        Ok(())
    }

    /// How many streams there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }
}

/// How a record fails to name the one before it: where only the hash differs, one of the two was
/// changed, and both are said.
fn misnamed(record: &Record, before: Option<Previous>) -> String {
    let named = record.previous.filter(|it| before.is_some_and(|end| end.position == it.position));
    match named {
        Some(named) => format!(
            "{}: it names record {} before it by another hash than that has: one of the two was \
             changed",
            record.stream, named.position
        ),
        None => format!("{}: it does not name the record before it", record.stream),
    }
}
