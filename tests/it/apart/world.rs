//! A ledger in which two organisations work: the one who asks, and the one of which nothing is to be
//! learnt.

use std::{collections::BTreeMap, time::Duration};

use judgement_ledger::{
    judgement::{OrganisationId, Role, Text},
    pb,
    rpc::{Credentials, Identity},
};
use prost_reflect::{DynamicMessage, prost::Message as _};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::plain::{self, record};
use crate::{
    calls::{begin, call, method},
    editions::Editing,
    served::{KEY, SUBJECT, Served, date},
    sim_disk::Seeded,
};

/// Whose framework is whose: of the second nothing may be learnt by the first.
pub const OURS: &str = "frameworks/ours/versions/1";
pub const THEIRS: &str = "frameworks/theirs/versions/1";

/// The organisation that asks, and the other.
pub const US: &str = "ofsted";
pub const THEM: &str = "estyn";

pub fn token(login: &str, organisation: &str, roles: &[Role]) -> String {
    let identity = Identity {
        login: Text::parse(format!("{login}@{organisation}")).unwrap(),
        organisation: OrganisationId::parse(organisation).unwrap(),
        roles: roles.to_vec(),
    };
    let now = "2006-10-01T08:00:00Z".parse().unwrap();
    Credentials::new(&KEY).unwrap().mint(&identity, now, Duration::from_hours(9_000)).unwrap()
}

pub const WRITING: [Role; 6] = [
    Role::LeadInspector,
    Role::Inspector,
    Role::Signatory,
    Role::Publisher,
    Role::RecordsOfficer,
    Role::FrameworkAdmin,
];

/// A ledger, and what was done in it so far.
pub struct World {
    pub served: Served,
    pub opened: BTreeMap<&'static str, Vec<String>>,
    /// An assessment that both organisations and the public may see.
    pub published: String,
    /// The last record of each area that was graded.
    last: BTreeMap<(String, &'static str), u64>,
    /// What an insider is told by a stream that goes on since the world began.
    live: JoinHandle<Vec<Value>>,
}

/// One thing that an organisation does.
#[derive(Debug, Clone)]
pub enum Step {
    Open(u64),
    Grade {
        assessment: usize,
        area: &'static str,
        word: &'static str,
    },
    Narrate {
        assessment: usize,
        number: u64,
    },
    Lock {
        assessment: usize,
    },
    Hold {
        assessment: usize,
        number: u64,
    },
    /// Reads all that it may.
    Look {
        assessment: usize,
    },
}

const AREAS: [&str; 2] = ["help-and-protection", "adoption"];

/// What the last assessment is called, by which a stream knows that it has seen all.
const LAST: &str = "the-last";

pub fn step(random: &mut Seeded) -> Step {
    let assessment = usize::try_from(random.below(5)).unwrap();
    let either = |random: &mut Seeded| usize::try_from(random.below(2)).unwrap();
    match random.below(10) {
        0 | 1 => Step::Open(random.next()),
        2 => Step::Narrate { assessment, number: random.next() },
        3 => Step::Lock { assessment },
        4 => Step::Hold { assessment, number: random.next() },
        5 => Step::Look { assessment },
        _ => Step::Grade {
            assessment,
            area: AREAS[either(random)],
            word: ["good", "inadequate"][either(random)],
        },
    }
}

pub fn act() -> Value {
    json!({"requestId": Uuid::new_v4().to_string(), "reason": "DATA_CORRECTED",
        "rationale": "weighed again"})
}

impl World {
    pub async fn new() -> Self {
        let served = Served::start().await;
        for (name, signer) in [(OURS, US), (THEIRS, THEM)] {
            let request = json!({"name": "frameworks/sif/versions/2013"});
            let admin = token("admin", US, &[Role::FrameworkAdmin]);
            let sif = call(&served.channel, &admin, "GetFramework", &request).await.unwrap();
            let mut framework = sif[0].clone();
            framework["name"] = name.into();
            framework["signedBy"] = json!([signer]);
            framework["comparableWith"] = json!([]);
            let request = json!({"framework": framework,
                "act": {"requestId": Uuid::new_v4().to_string()}});
            call(&served.channel, &admin, "RegisterFramework", &request).await.unwrap();
        }
        // Under a framework that feeds scores to a consumer.
        let editing = Editing::graded(&served).await;
        editing.published(1, date(2006, 10, 1)).await;
        let published = editing.name;
        let live = follow(&served).await;
        Self { served, opened: BTreeMap::new(), published, last: BTreeMap::new(), live }
    }

    /// Does one thing for an organisation; whether it may be done does not matter.
    pub async fn take(&mut self, organisation: &'static str, framework: &str, step: &Step) {
        let login = token("somebody", organisation, &WRITING);
        let opened = self.opened.entry(organisation).or_default();
        let named = |at: usize| opened.get(at % opened.len().max(1)).cloned();
        let (method, message, area) = match step {
            Step::Open(number) => {
                let name = format!("{SUBJECT}/assessments/{organisation}-{number}");
                opened.push(name.clone());
                let message = json!({"assessment": name, "framework": framework,
                    "cycle": number.to_string(), "act": act()});
                ("OpenAssessment", message, None)
            }
            Step::Grade { assessment, area, word } => {
                let Some(name) = named(*assessment) else { return };
                let mut message = json!({"assessment": name, "area": area, "act": act(),
                    "grade": {"word": word}});
                let key = (name, *area);
                if let Some(last) = self.last.get(&key) {
                    message["expected"] = json!({"position": last.to_string()});
                }
                ("SetGrade", message, Some(key))
            }
            Step::Narrate { assessment, number } => {
                let Some(name) = named(*assessment) else { return };
                let message = json!({"assessment": name, "entryId": format!("e-{number}"),
                    "act": act(), "content": {"kind": "ENTRY_KIND_NARRATIVE",
                    "section": "help-and-protection", "order": 1,
                    "text": {"present": format!("secret {number}")}}});
                ("RecordEntry", message, None)
            }
            Step::Lock { assessment } => {
                let Some(name) = named(*assessment) else { return };
                let message = json!({"assessment": name, "act": act(), "expected": {"any": true},
                    "digest": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="});
                ("LockAssessment", message, None)
            }
            Step::Hold { assessment, number } => {
                let Some(name) = named(*assessment) else { return };
                let message = json!({"assessment": name, "act": act(),
                    "holdId": format!("h-{number}"), "kind": "HOLD_KIND_COURT",
                    "stops": "HOLD_STOPS_ERASURE"});
                ("PlaceHold", message, None)
            }
            Step::Look { assessment } => {
                let Some(name) = named(*assessment) else { return };
                let all = json!({"catchUpOnly": true});
                call(&self.served.channel, &login, "StreamRecords", &all).await.unwrap();
                ("GetTrail", json!({"assessment": name}), None)
            }
        };
        if let (Ok(receipt), Some(key)) =
            (call(&self.served.channel, &login, method, &message).await, area)
        {
            let position = receipt[0]["position"].as_str().unwrap().parse().unwrap();
            self.last.insert(key, position);
        }
    }

    /// What the stream told that went on all the while, up to a last assessment of ours.
    pub async fn told_live(self) -> (Served, Vec<Value>) {
        let login = token("somebody", US, &WRITING);
        let message = json!({"assessment": format!("{SUBJECT}/assessments/{LAST}"),
            "framework": OURS, "cycle": LAST, "act": act()});
        call(&self.served.channel, &login, "OpenAssessment", &message).await.unwrap();
        (self.served, self.live.await.unwrap())
    }
}

/// Follows the records as an insider of ours, until the last of them.
async fn follow(served: &Served) -> JoinHandle<Vec<Value>> {
    let login = token("reader", US, &WRITING);
    let begun = begin(&served.channel, &login, "StreamRecords", &json!({})).await;
    let mut coming = begun.unwrap().into_inner();
    tokio::spawn(async move {
        let mut told = Vec::new();
        loop {
            let bytes = coming.message().await.unwrap().expect("the stream goes on");
            let message = pb::StreamRecordsResponse::decode(bytes.as_slice()).unwrap();
            let Some(pb::stream_records_response::Message::Record(of)) = message.message else {
                // Signs of life and of where a reader stands.
                continue;
            };
            let answer = method("StreamRecords").output();
            told.push(plain::message(&DynamicMessage::decode(answer, bytes.as_slice()).unwrap()));
            if record(&of).stream.ends_with(LAST) {
                return told;
            }
        }
    })
}
