//! The tape: what clients asked and were told, each beginning and end as it came about.

use std::collections::BTreeMap;

/// One step of a command, which is one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A grade of an area.
    Grade { area: String, expected: Expected, level: String },
    /// Something else that is recorded of the assessment.
    Other,
}

/// What a grade was expected to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    NoneYet,
    At(u64),
    Any,
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// That these be recorded, all or none.
    Write(Vec<Step>),
    /// What stands.
    Read,
}

/// Where a record is: in the ledger, and in its assessment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    pub position: u64,
    pub revision: u64,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// All was recorded, here.
    Recorded(Vec<Stamp>),
    /// Nothing was recorded, since somebody else was first: the record at this position, or 0 for
    /// none.
    Stale(u64),
    /// This stands: the revision, and for each area with a grade its record and its level. It is
    /// what the records up to `at` add up to.
    Stands { at: u64, revision: u64, grades: BTreeMap<String, (u64, String)> },
}

/// A call, from its first sending to its answer. Without an answer nobody knows what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub assessment: String,
    pub asked: Asked,
    pub from: u64,
    pub told: Option<(u64, Told)>,
}

/// Names a call on the tape.
#[derive(Debug, Clone, Copy)]
pub struct CallId(usize);

/// Everything that clients did, in the order in which they did it.
#[derive(Debug, Clone, Default)]
pub struct Tape {
    /// Counts beginnings and ends.
    moment: u64,
    calls: Vec<Option<Call>>,
    /// The ids of the requests that a call is made of, by the call's place among all.
    requests: BTreeMap<usize, Vec<Vec<u8>>>,
    /// The records that a subscriber was sent, each with the moment.
    heard: Vec<(u64, u64)>,
}

impl Tape {
    /// The present moment, which comes once.
    pub fn moment(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }

    /// Something is asked now.
    pub fn asks(&mut self, assessment: &str, asked: Asked) -> CallId {
        let from = self.moment();
        self.calls.push(Some(Call { assessment: assessment.to_owned(), asked, from, told: None }));
        CallId(self.calls.len() - 1)
    }

    /// It is made under these request ids, one for each step.
    pub fn made_under(&mut self, call: CallId, requests: Vec<Vec<u8>>) {
        self.requests.insert(call.0, requests);
    }

    /// Whoever was never answered learns now, after everything, what became of it: `find` says where
    /// a request was recorded. This keeps the checker's search short. A batch of which only a part
    /// was recorded stays unanswered, for others to judge.
    pub fn settle(&mut self, find: impl Fn(&[u8]) -> Option<Stamp>) {
        for (place, requests) in std::mem::take(&mut self.requests) {
            if self.calls[place].as_ref().is_none_or(|call| call.told.is_some()) {
                continue;
            }
            let found: Vec<_> = requests.iter().map(|request| find(request)).collect();
            if found.iter().all(Option::is_none) {
                self.void(CallId(place));
            } else if let Some(stamps) = found.into_iter().collect() {
                self.told(CallId(place), Told::Recorded(stamps));
            }
        }
    }

    /// It is answered now.
    pub fn told(&mut self, call: CallId, told: Told) {
        let moment = self.moment();
        self.calls[call.0].as_mut().unwrap().told = Some((moment, told));
    }

    /// It surely had no effect, or was a reading without an answer.
    pub fn void(&mut self, call: CallId) {
        self.calls[call.0] = None;
    }

    /// A sending of it was refused, though an earlier one may still be recorded: this sending is a
    /// call of its own, from its own moment on.
    pub fn told_of_the_last_sending(&mut self, call: CallId, sent: u64, told: Told) {
        let moment = self.moment();
        let earlier = self.calls[call.0].clone().unwrap();
        self.calls.push(Some(Call { from: sent, told: Some((moment, told)), ..earlier }));
    }

    /// A subscriber is sent a record now.
    pub fn hears(&mut self, position: u64) {
        let moment = self.moment();
        self.heard.push((moment, position));
    }

    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        self.calls.iter().flatten()
    }

    pub fn heard(&self) -> &[(u64, u64)] {
        &self.heard
    }
}
