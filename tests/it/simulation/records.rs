//! What must hold of any ledger's records, and what they add up to: an independent, slow reading of
//! the stored bytes, by which all answers are judged.

use std::collections::{BTreeMap, HashMap, HashSet};

use bytes::Bytes;
use judgement_ledger::{
    merkle::leaf_hash,
    pb::{self, record::Event},
};
use prost::Message;

use crate::linear::Stamp;

/// Records as they lie in a journal, found to be in order.
#[derive(Debug, Default, Clone)]
pub(crate) struct Records {
    stored: Vec<Bytes>,
    decoded: Vec<pb::Record>,
    ends: HashMap<String, End>,
    requests: HashMap<Request, u64>,
}

/// Where a stream ends.
#[derive(Debug, Clone)]
struct End {
    position: u64,
    revision: u64,
    hash: Bytes,
}

/// By whom a request was sent, and its id.
type Request = (Bytes, Bytes);

impl Records {
    /// The records that these bytes are.
    ///
    /// # Errors
    /// The first thing about them that must not be.
    pub(crate) fn of(stored: &[Bytes]) -> Result<Self, String> {
        let mut records = Self::default();
        for bytes in stored {
            records.push(bytes)?;
        }
        Ok(records)
    }

    /// Takes the next record.
    ///
    /// # Errors
    /// What about it must not be.
    pub(crate) fn push(&mut self, bytes: &Bytes) -> Result<(), String> {
        let record = pb::Record::decode(bytes.clone()).map_err(|error| error.to_string())?;
        let position = self.decoded.len() as u64 + 1;
        let at = format!("record {position} of {}", record.stream);
        if record.position != position {
            return Err(format!("{at} says that it is record {}", record.position));
        }
        let before = self.ends.get(&record.stream);
        let revision = before.map_or(1, |end| end.revision + 1);
        if record.revision != revision {
            return Err(format!("{at} has revision {}, not {revision}", record.revision));
        }
        let previous = record.previous.as_ref().map(|it| (it.position, it.hash.clone()));
        if previous != before.map(|end| (end.position, end.hash.clone())) {
            return Err(format!("{at} does not name the one before it in its stream"));
        }
        let time = |record: &pb::Record| record.recorded_at.map(|at| (at.seconds, at.nanos));
        if self.decoded.last().is_some_and(|last| time(last) > time(&record)) {
            return Err(format!("{at} is earlier than the one before it"));
        }
        if let Some(request) = request_of(&record)
            && let Some(first) = self.requests.insert(request, position)
        {
            return Err(format!("{at} doubles the request of record {first}"));
        }
        let hash = Bytes::copy_from_slice(leaf_hash(bytes).as_bytes());
        self.ends.insert(record.stream.clone(), End { position, revision, hash });
        self.stored.push(bytes.clone());
        self.decoded.push(record);
        Ok(())
    }

    pub(crate) fn len(&self) -> u64 {
        self.decoded.len() as u64
    }

    pub(crate) fn stored(&self) -> &[Bytes] {
        &self.stored
    }

    pub(crate) fn all(&self) -> &[pb::Record] {
        &self.decoded
    }

    /// The record at a position that is there.
    pub(crate) fn at(&self, position: u64) -> Option<&pb::Record> {
        self.decoded.get(usize::try_from(position.checked_sub(1)?).ok()?)
    }

    /// The ids of all requests that were recorded.
    pub(crate) fn requests(&self) -> HashSet<Bytes> {
        self.requests.keys().map(|(_, id)| id.clone()).collect()
    }

    /// Where a request was recorded, whoever sent it.
    pub(crate) fn stamp_of(&self, request: &[u8]) -> Option<Stamp> {
        let found = self.requests.iter().find(|((_, id), _)| id == request);
        let record = self.at(*found?.1)?;
        Some(Stamp { position: record.position, revision: record.revision })
    }

    /// Whether a receipt is that of the record that it names.
    pub(crate) fn bears_out(&self, request: &[u8], receipt: &pb::Receipt) -> bool {
        self.at(receipt.position).is_some_and(|record| {
            record.request_id == request
                && record.stream == receipt.stream
                && record.revision == receipt.revision
                && record.recorded_at == receipt.recorded_at
                && uuid::Uuid::from_slice(&record.record_id)
                    .is_ok_and(|id| id.to_string() == receipt.record_id)
        })
    }

    /// What an answer about an assessment must say, as of the position that it names.
    ///
    /// # Errors
    /// Where it says something else.
    pub(crate) fn bear_out(&self, answer: &pb::Assessment) -> Result<(), String> {
        let until = answer.read.as_ref().map_or(0, |read| read.position);
        if until > self.len() {
            return Err(format!("{} was read at {until}, which is not durable", answer.name));
        }
        let standing = self.standing(&answer.name, until);
        let told = Standing {
            revision: answer.revision,
            grades: answer.judgements.iter().filter_map(told_grade).collect(),
            entries: answer.entries.iter().map(|it| (it.entry_id.clone(), it.position)).collect(),
        };
        if standing == told {
            return Ok(());
        }
        Err(format!("{} at {until} is told as {told:?} and stands as {standing:?}", answer.name))
    }

    /// What stands in an assessment after the records up to a position.
    fn standing(&self, assessment: &str, until: u64) -> Standing {
        let mut standing = Standing::default();
        for record in self.decoded.iter().take(usize::try_from(until).unwrap()) {
            if record.stream != assessment {
                continue;
            }
            standing.revision = record.revision;
            match record.event.as_ref() {
                Some(Event::GradeSet(set)) => {
                    let award = set.standing.clone().unwrap_or_default();
                    let grade = (record.position, award.level, award.word);
                    standing.grades.insert(set.area.clone(), grade);
                }
                Some(Event::EntryRecorded(entry)) => {
                    standing.entries.insert(entry.entry.clone(), record.position);
                }
                _ => {}
            }
        }
        standing
    }

    /// The positions of all grades of an area of an assessment up to a position, newest first.
    pub(crate) fn history(&self, assessment: &str, area: &str, until: u64) -> Vec<u64> {
        let is_of = |record: &&pb::Record| match record.event.as_ref() {
            Some(Event::GradeSet(set)) => record.stream == assessment && set.area == area,
            _ => false,
        };
        let upto = self.decoded.iter().take(usize::try_from(until).unwrap());
        let mut positions: Vec<u64> = upto.filter(is_of).map(|it| it.position).collect();
        positions.reverse();
        positions
    }
}

/// What stands in an assessment: for each area the record, the level and the word; each entry.
#[derive(Debug, Default, PartialEq, Eq)]
struct Standing {
    revision: u64,
    grades: BTreeMap<String, (u64, String, String)>,
    entries: BTreeMap<String, u64>,
}

fn told_grade(judgement: &pb::Judgement) -> Option<(String, (u64, String, String))> {
    let award = judgement.award.clone()?;
    (judgement.position > 0)
        .then(|| (judgement.area.clone(), (judgement.position, award.level, award.word)))
}

/// The request that a record answers; persons are registered along with the request of another.
fn request_of(record: &pb::Record) -> Option<Request> {
    let person = record.recorded_by.as_ref().map(|by| by.person.clone()).unwrap_or_default();
    let along = matches!(record.event, Some(Event::PersonRegistered(_)));
    (!along).then(|| (person, record.request_id.clone()))
}
