//! What an organisation does by itself, of which nobody outside of it learns: every command that makes
//! nothing public, and every reading that is recorded.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::sim_disk::Seeded;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Open,
    Address,
    Grade,
    Narrate,
    Revise,
    Strike,
    /// With every grade that is demanded, and the right digest.
    Lock,
    /// With a digest of nothing, which fits never.
    LockUnseen,
    Sign,
    Object,
    Reopen,
    Hold,
    Release,
    Challenge,
    Answer,
    Draft,
    Correct,
    AskErasure,
    Erase,
    KeepText,
    Batch,
    Stream,
    /// One assessment is taken out for a court.
    Case,
    /// The letter is read as a draft showed it.
    Letter,
    Trail,
    /// All records that are to be seen.
    Records,
}

impl Kind {
    pub const ALL: [Self; 26] = [
        Self::Open,
        Self::Address,
        Self::Grade,
        Self::Narrate,
        Self::Revise,
        Self::Strike,
        Self::Lock,
        Self::LockUnseen,
        Self::Sign,
        Self::Object,
        Self::Reopen,
        Self::Hold,
        Self::Release,
        Self::Challenge,
        Self::Answer,
        Self::Draft,
        Self::Correct,
        Self::AskErasure,
        Self::Erase,
        Self::KeepText,
        Self::Batch,
        Self::Stream,
        Self::Case,
        Self::Letter,
        Self::Trail,
        Self::Records,
    ];

    /// The call by which it is done.
    pub const fn method(self) -> &'static str {
        match self {
            Self::Open => "OpenAssessment",
            Self::Address => "SetAddressee",
            Self::Grade => "SetGrade",
            Self::Narrate => "RecordEntry",
            Self::Revise | Self::Strike => "ReviseEntry",
            Self::Lock | Self::LockUnseen => "LockAssessment",
            Self::Sign => "SignOffAssessment",
            Self::Object => "RefuseSignOff",
            Self::Reopen => "ReopenAssessment",
            Self::Hold => "PlaceHold",
            Self::Release => "ReleaseHold",
            Self::Challenge => "ReceiveChallenge",
            Self::Answer => "DecideChallenge",
            Self::Draft => "ShareDraft",
            Self::Correct => "CorrectRecord",
            Self::AskErasure => "RequestRedaction",
            Self::Erase => "ApproveRedaction",
            Self::KeepText => "RefuseRedaction",
            Self::Batch => "ApplyBatch",
            Self::Stream => "ApplyStream",
            Self::Case => "ExportCase",
            Self::Letter => "RenderLetter",
            Self::Trail => "GetTrail",
            Self::Records => "StreamRecords",
        }
    }
}

/// One thing that an organisation does, with one of its assessments; the number says which entry, hold
/// or point, which area and which grade.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    pub kind: Kind,
    /// One of those that are worked on, the last by [`LAST`]; none means that with which everything is
    /// done.
    pub assessment: Option<usize>,
    pub number: u64,
}

/// The last assessment that was opened.
pub const LAST: usize = usize::MAX;

/// Any step: grades and openings more often than others, what waits for a signature seldom.
pub fn step(random: &mut Seeded) -> Step {
    let assessment = Some(usize::try_from(random.below(5)).unwrap());
    let kind = match random.below(40) {
        0..=3 => Kind::Open,
        4..=11 => Kind::Grade,
        _ => one_of(&Kind::ALL, random.next()).unwrap(),
    };
    let waits = matches!(kind, Kind::Erase | Kind::Case | Kind::Trail);
    let kind = if waits && random.below(4) != 0 { Kind::Narrate } else { kind };
    Step { kind, assessment, number: random.next() }
}

/// Everything in an order in which it succeeds, each at least once, with an assessment of its own.
pub const EVERYTHING: [Kind; 34] = [
    Kind::Open,
    Kind::Address,
    Kind::Grade,
    Kind::Grade,
    Kind::Narrate,
    Kind::Revise,
    Kind::Narrate,
    Kind::Strike,
    Kind::Hold,
    Kind::Release,
    Kind::Draft,
    Kind::Letter,
    Kind::Challenge,
    Kind::Answer,
    Kind::Correct,
    Kind::AskErasure,
    Kind::KeepText,
    Kind::AskErasure,
    Kind::Erase,
    Kind::Batch,
    Kind::Stream,
    Kind::Lock,
    Kind::Object,
    Kind::Lock,
    Kind::Sign,
    Kind::Reopen,
    Kind::Grade,
    Kind::Correct,
    Kind::Draft,
    Kind::Lock,
    Kind::Sign,
    Kind::Case,
    Kind::Trail,
    Kind::Records,
];

/// How the next edition of what is published is begun.
pub const AMENDED: [Kind; 6] =
    [Kind::Reopen, Kind::Grade, Kind::Narrate, Kind::Draft, Kind::Challenge, Kind::Hold];

/// The areas that are graded, all of which must be before an assessment is locked.
const AREAS: [&str; 6] = [
    "overall-effectiveness",
    "help-and-protection",
    "looked-after-and-permanence",
    "adoption",
    "care-leavers",
    "leadership",
];

const WORDS: [&str; 3] = ["good", "inadequate", "requires improvement"];

/// Of nothing that is there.
pub const NO_DIGEST: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

pub fn act() -> Value {
    json!({"requestId": Uuid::new_v4().to_string(), "reason": "DATA_CORRECTED",
        "rationale": "weighed again"})
}

fn one_of<T: Copy>(all: &[T], number: u64) -> Option<T> {
    let bound = u64::try_from(all.len()).unwrap();
    (bound > 0).then(|| all[usize::try_from(number % bound).unwrap()])
}

/// An assessment as who works on it remembers it. Only what was recorded since the public saw it last
/// is remembered: what is public is not changed in private.
#[derive(Debug, Default)]
pub struct Assessed {
    pub name: String,
    pub edition: u32,
    /// The digest that is locked, as JSON.
    pub digest: Value,
    graded: BTreeSet<&'static str>,
    entries: Vec<u64>,
    holds: Vec<u64>,
    challenges: Vec<u64>,
    drafts: u32,
    /// Records with a rationale, and grades among them.
    records: Vec<u64>,
    grades: Vec<u64>,
    requests: Vec<u64>,
}

impl Assessed {
    pub fn new(name: String) -> Self {
        Self { name, edition: 1, ..Self::default() }
    }

    /// It was published: what is recorded from here on is of the next edition.
    pub fn published(&mut self) {
        *self = Self {
            name: self.name.clone(),
            edition: self.edition + 1,
            graded: self.graded.clone(),
            ..Self::default()
        };
    }

    /// The grades that are demanded and not there yet, as one batch.
    pub fn missing_grades(&self) -> Option<Value> {
        let missing = AREAS.iter().filter(|area| !self.graded.contains(*area));
        let commands: Vec<_> =
            missing.map(|area| json!({"setGrade": self.grade(area, 0)})).collect();
        (!commands.is_empty()).then(|| json!({"commands": commands}))
    }

    /// What `missing_grades` asked for is recorded.
    pub fn graded(&mut self) {
        self.graded.extend(AREAS);
    }

    fn grade(&self, area: &str, number: u64) -> Value {
        json!({"assessment": self.name, "area": area, "act": act(), "expected": {"any": true},
            "grade": {"word": one_of(&WORDS, number)}})
    }

    fn entry(&self, number: u64) -> Value {
        json!({"assessment": self.name, "entryId": format!("e-{number}"), "act": act(),
            "content": content(number)})
    }

    /// The command of a step; nothing where there is nothing to do it with.
    pub fn message(&self, step: Step, organisation: &str) -> Option<Value> {
        let Step { kind, number, .. } = step;
        let mut message = match kind {
            Kind::Open => return None,
            Kind::Address => json!({"expected": {"any": true}, "addressee": {
                "name": {"present": format!("Ms {number}")},
                "lines": [{"present": "the town hall"}]}}),
            Kind::Grade => self.grade(one_of(&AREAS, number / 7)?, number),
            Kind::Narrate => self.entry(number),
            Kind::Revise => json!({"entryId": format!("e-{}", one_of(&self.entries, number)?),
                "expected": {"any": true}, "content": content(number)}),
            Kind::Strike => json!({"entryId": format!("e-{}", one_of(&self.entries, number)?),
                "expected": {"any": true}, "strike": true}),
            Kind::Lock => json!({"expected": {"any": true}, "digest": self.digest}),
            Kind::LockUnseen => json!({"expected": {"any": true}, "digest": NO_DIGEST}),
            Kind::Sign => json!({"organisation": organisation, "edition": self.edition,
                "digest": self.digest, "signature": {"name": {"present": "FLO HADLEY"}}}),
            Kind::Object => json!({"organisation": organisation, "edition": self.edition,
                "digest": self.digest, "objection": format!("not {number}")}),
            Kind::Reopen => json!({"authority": "the chief inspector", "expected": {"any": true},
                "reference": format!("minute {number}")}),
            Kind::Hold => json!({"holdId": format!("h-{number}"), "kind": "HOLD_KIND_COURT",
                "stops": one_of(&["HOLD_STOPS_ERASURE", "HOLD_STOPS_BOTH"], number)}),
            Kind::Release => json!({"holdId": format!("h-{}", one_of(&self.holds, number)?),
                "expected": {"any": true}}),
            Kind::Challenge => {
                let mut points = vec![json!({"area": one_of(&AREAS, number), "text": "too low"})];
                let entry = one_of(&self.entries, number);
                let about = |entry| json!({"entry": format!("e-{entry}"), "text": "never said"});
                points.extend(entry.map(about));
                json!({"challengeId": format!("c-{number}"), "points": points,
                    "kind": "CHALLENGE_KIND_ACCURACY", "receivedFrom": format!("No {number}")})
            }
            Kind::Answer => {
                let outcomes =
                    ["UPHELD", "PARTLY", "REFUSED"].map(|it| format!("POINT_OUTCOME_{it}"));
                let which = usize::try_from(number % 3).unwrap();
                json!({"challengeId": format!("c-{}", one_of(&self.challenges, number)?),
                    "point": 1, "outcome": outcomes[which], "expected": {"any": true},
                    "why": format!("because of {number}")})
            }
            Kind::Draft => json!({"recipient": format!("Mr {number}"), "audience": "addressee"}),
            Kind::Correct => json!({"position": one_of(&self.grades, number)?.to_string(),
                "expected": {"any": true},
                "to": {"decidedOn": {"year": 2006, "month": 9, "day": 1 + number % 28}}}),
            Kind::AskErasure => {
                return Some(json!({"position": one_of(&self.records, number)?.to_string(),
                    "field": "rationale", "legalBasis": "LEGAL_BASIS_SAFEGUARDING", "act": act(),
                    "replacement": format!("child {number}")}));
            }
            Kind::Erase => {
                let request = self.requests.last()?.to_string();
                return Some(json!({"requestPosition": request, "act": act()}));
            }
            Kind::KeepText => {
                let request = self.requests.last()?.to_string();
                return Some(json!({"requestPosition": request, "act": act(),
                    "ground": format!("it is needed for {number}")}));
            }
            Kind::Batch => {
                let grade = self.grade(one_of(&AREAS, number / 7)?, number);
                return Some(json!({"commands": [{"setGrade": grade},
                    {"recordEntry": self.entry(number)}]}));
            }
            Kind::Stream => return Some(json!({"command": {"recordEntry": self.entry(number)}})),
            Kind::Case => {
                return Some(json!({"assessment": self.name, "caseKind": "CASE_KIND_COURT",
                    "purpose": format!("court {number}")}));
            }
            Kind::Letter => {
                let draft = u64::from(self.drafts).checked_sub(1)?.min(number % 4) + 1;
                return Some(json!({"name": self.name, "draft": draft}));
            }
            Kind::Trail => return Some(json!({"assessment": self.name})),
            Kind::Records => return Some(json!({"catchUpOnly": true})),
        };
        message["assessment"] = self.name.as_str().into();
        message["act"] = act();
        Some(message)
    }

    /// Remembers what was recorded, and at which position if it was one record.
    pub fn remember(&mut self, step: Step, position: Option<u64>) {
        let number = step.number;
        match step.kind {
            Kind::Grade => {
                self.graded.extend(one_of(&AREAS, number / 7));
                self.grades.extend(position);
                self.records.extend(position);
            }
            Kind::Narrate | Kind::Stream => {
                self.entries.push(number);
                self.records.extend(position);
            }
            Kind::Batch => {
                self.graded.extend(one_of(&AREAS, number / 7));
                self.entries.push(number);
            }
            Kind::Hold => {
                self.holds.push(number);
                self.records.extend(position);
            }
            Kind::Challenge => {
                self.challenges.push(number);
                self.records.extend(position);
            }
            Kind::AskErasure => self.requests.extend(position),
            Kind::Draft => self.drafts += 1,
            Kind::Open
            | Kind::Address
            | Kind::Revise
            | Kind::Strike
            | Kind::Lock
            | Kind::LockUnseen
            | Kind::Sign
            | Kind::Object
            | Kind::Reopen
            | Kind::Release
            | Kind::Answer
            | Kind::Correct
            | Kind::Erase
            | Kind::KeepText
            | Kind::Case
            | Kind::Letter
            | Kind::Trail
            | Kind::Records => {}
        }
    }
}

fn content(number: u64) -> Value {
    json!({"kind": "ENTRY_KIND_NARRATIVE", "section": "help-and-protection", "order": 1,
        "text": {"present": format!("secret {number}")}})
}
