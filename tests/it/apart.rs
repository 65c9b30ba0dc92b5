//! Organisations do not learn of each other's work: two ledgers that differ only in what another
//! organisation did privately give the same answers to every question. (Spec §5.3)
//!
//! What is left out of the comparison is said in the docs of the rights: positions, times of recording,
//! tokens, sizes and proofs tell how much was recorded.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use judgement_ledger::{
    judgement::{OrganisationId, Role, Text},
    rpc::{Credentials, Identity},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    calls::call,
    served::{KEY, SUBJECT, Served},
    sim_disk::Seeded,
};

/// Whose framework is whose: of the second nothing may be learnt by the first.
const OURS: &str = "frameworks/ours/versions/1";
const THEIRS: &str = "frameworks/theirs/versions/1";

/// The fields that tell how much was recorded, and when.
const VOLUME: [&str; 22] = [
    "position",
    "recordedAt",
    "firstPosition",
    "lastPosition",
    "nextPageToken",
    "clock",
    "checkpoint",
    "caughtUp",
    "hashes",
    "treeSize",
    "proof",
    "tlogProof",
    "previous",
    "previousPosition",
    "previousHash",
    "read",
    "readBefore",
    "readAfter",
    "digest",
    "record",
    "revisionToken",
    "root",
];

fn token(login: &str, organisation: &str, roles: &[Role]) -> String {
    let identity = Identity {
        login: Text::parse(format!("{login}@{organisation}")).unwrap(),
        organisation: OrganisationId::parse(organisation).unwrap(),
        roles: roles.to_vec(),
    };
    let now = "2006-10-01T08:00:00Z".parse().unwrap();
    Credentials::new(&KEY).unwrap().mint(&identity, now, Duration::from_hours(9_000)).unwrap()
}

const WRITING: [Role; 6] = [
    Role::LeadInspector,
    Role::Inspector,
    Role::Signatory,
    Role::Publisher,
    Role::RecordsOfficer,
    Role::FrameworkAdmin,
];

/// A ledger, and what was done in it so far.
struct World {
    served: Served,
    opened: BTreeMap<&'static str, Vec<String>>,
    /// The last record of each area that was graded.
    last: BTreeMap<(String, &'static str), u64>,
}

/// One thing that an organisation does.
#[derive(Debug, Clone)]
enum Step {
    Open(u64),
    Grade { assessment: usize, area: &'static str, word: &'static str },
    Narrate { assessment: usize, number: u64 },
    Lock { assessment: usize },
}

const AREAS: [&str; 2] = ["help-and-protection", "adoption"];

fn step(random: &mut Seeded) -> Step {
    let assessment = usize::try_from(random.below(5)).unwrap();
    let either = |random: &mut Seeded| usize::try_from(random.below(2)).unwrap();
    match random.below(8) {
        0 | 1 => Step::Open(random.next()),
        2 => Step::Narrate { assessment, number: random.next() },
        3 => Step::Lock { assessment },
        _ => Step::Grade {
            assessment,
            area: AREAS[either(random)],
            word: ["good", "inadequate"][either(random)],
        },
    }
}

impl World {
    async fn new() -> Self {
        let served = Served::start().await;
        let world = Self { served, opened: BTreeMap::new(), last: BTreeMap::new() };
        for (name, signer) in [(OURS, "ofsted"), (THEIRS, "csci")] {
            let request = json!({"name": "frameworks/sif/versions/2013"});
            let admin = token("admin", "ofsted", &[Role::FrameworkAdmin]);
            let sif = call(&world.served.channel, &admin, "GetFramework", &request).await.unwrap();
            let mut framework = sif[0].clone();
            framework["name"] = name.into();
            framework["signedBy"] = json!([signer]);
            framework["comparableWith"] = json!([]);
            let request = json!({"framework": framework, "act": act()});
            call(&world.served.channel, &admin, "RegisterFramework", &request).await.unwrap();
        }
        world
    }

    /// Does one thing for an organisation; whether it may be done does not matter.
    async fn take(&mut self, organisation: &'static str, framework: &str, step: &Step) {
        let login = token("somebody", organisation, &WRITING);
        let opened = self.opened.entry(organisation).or_default();
        let named = |at: usize| opened.get(at % opened.len().max(1)).cloned();
        let (method, message, area) = match step {
            Step::Open(number) => {
                let name = format!("{SUBJECT}/assessments/{organisation}-{number}");
                opened.push(name.clone());
                let cycle = number.to_string();
                let message = json!({"assessment": name, "framework": framework, "cycle": cycle,
                    "act": act()});
                ("OpenAssessment", message, None)
            }
            Step::Grade { assessment, area, word } => {
                let Some(name) = named(*assessment) else { return };
                let mut message = json!({"assessment": name, "area": area, "act": act(),
                    "grade": {"level": word}});
                message["act"]["reason"] = "DATA_CORRECTED".into();
                message["act"]["rationale"] = "weighed again".into();
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
                    "section": "help-and-protection", "order": 1, "text": {"present": format!("secret {number}")}}});
                ("RecordEntry", message, None)
            }
            Step::Lock { assessment } => {
                let Some(name) = named(*assessment) else { return };
                let message = json!({"assessment": name, "act": act(), "expected": {"any": true},
                    "digest": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="});
                ("LockAssessment", message, None)
            }
        };
        if let (Ok(receipt), Some(key)) =
            (call(&self.served.channel, &login, method, &message).await, area)
        {
            let position = receipt[0]["position"].as_str().unwrap().parse().unwrap();
            self.last.insert(key, position);
        }
    }

    /// Everything that somebody may ask, of what is there and of what may be.
    async fn told(&self, login: &str, names: &BTreeSet<String>) -> Vec<String> {
        let mut questions: Vec<(&str, Value)> = vec![
            ("ListAssessments", json!({})),
            ("ListAssessments", json!({"parent": SUBJECT, "pageSize": 2})),
            ("ListSubjects", json!({})),
            ("ListFrameworks", json!({})),
            ("GetSubject", json!({"name": SUBJECT})),
            ("GetSubjectTimeline", json!({"subject": SUBJECT})),
            ("SummarizeGrades", json!({"framework": OURS})),
            ("SummarizeGrades", json!({"framework": THEIRS})),
            ("SummarizeGrades", json!({"framework": THEIRS, "published": true})),
            ("QueryAudit", json!({"pageSize": 1000})),
            (
                "QueryAudit",
                json!({"filter": {"event": "GradeSet"}, "order": "AUDIT_ORDER_OLDEST_FIRST"}),
            ),
            ("QueryAudit", json!({"filter": {"recordedBy": "somebody@csci"}})),
            ("QueryAudit", json!({"expression": "framework = \"frameworks/theirs/versions/1\""})),
            ("QueryAudit", json!({"expression": "NOT event = GradeSet"})),
            ("StreamRecords", json!({"catchUpOnly": true})),
            ("StreamRecords", json!({"catchUpOnly": true, "events": ["EntryRecorded"]})),
            ("GetFeed", json!({"scheme": "CPA", "catchUpOnly": true})),
            ("GetEntryBundle", json!({"width": 1})),
            ("ExportEvidence", json!({"purpose": "a look"})),
        ];
        for name in names {
            let side = json!({"assessment": name});
            for (method, message) in [
                ("GetAssessment", json!({"name": name, "content": "ASSESSMENT_CONTENT_FULL"})),
                ("GetAssessment", json!({"name": name, "view": "ASSESSMENT_VIEW_PUBLISHED"})),
                ("GetAssessment", json!({"name": name, "edition": 1})),
                ("GetGradeHistory", json!({"assessment": name})),
                ("GetTrail", json!({"assessment": name})),
                ("GetRecipients", json!({"assessment": name})),
                ("GetDisclosure", json!({"name": name})),
                ("RenderLetter", json!({"name": name})),
                ("RenderLetter", json!({"name": name, "draft": 1})),
                ("CompareAssessments", json!({"before": side, "after": side})),
                (
                    "ExportCase",
                    json!({"assessment": name, "caseKind": "CASE_KIND_COURT", "purpose": "a"}),
                ),
                (
                    "SetGrade",
                    json!({"assessment": name, "area": "adoption", "act": act(),
                    "grade": {"level": "good"}, "expected": {"position": "1"}, "validateOnly": true}),
                ),
                (
                    "LockAssessment",
                    json!({"assessment": name, "act": act(), "validateOnly": true,
                    "digest": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "expected": {"any": true}}),
                ),
            ] {
                questions.push((method, message));
            }
        }
        // Trails go as far as is signed.
        let covered = json!({"minSize": self.served.head().await.to_string()});
        call(&self.served.channel, login, "GetCheckpoint", &covered).await.unwrap();
        let mut told = Vec::new();
        for (method, message) in questions {
            let answer = call(&self.served.channel, login, method, &message).await;
            let said = match answer {
                // Files of proofs and records.
                Ok(_) if method.starts_with("Export") => json!("handed out"),
                Ok(answers) => Value::from(answers),
                Err(status) => {
                    json!({"code": format!("{:?}", status.code()), "message": status.message()})
                }
            };
            told.push(format!("{method} {}", without_volume(said)));
        }
        told
    }
}

fn act() -> Value {
    json!({"requestId": Uuid::new_v4().to_string()})
}

/// An answer without what tells how much was recorded; ids that were drawn are numbered as they come.
fn without_volume(mut said: Value) -> String {
    strip(&mut said);
    let mut text = said.to_string();
    let mut ids: Vec<String> = Vec::new();
    for word in text.split(|c: char| !c.is_ascii_hexdigit() && c != '-') {
        if word.len() == 36 && Uuid::parse_str(word).is_ok() && !ids.iter().any(|it| it == word) {
            ids.push(word.to_owned());
        }
    }
    for (number, id) in ids.iter().enumerate() {
        text = text.replace(id.as_str(), &format!("id-{number}"));
    }
    // Messages name records by their positions.
    let mut plain = String::new();
    let mut words = text.split(' ').peekable();
    while let Some(word) = words.next() {
        plain.push_str(word);
        plain.push(' ');
        if word.ends_with("record")
            && words.peek().is_some_and(|it| it.starts_with(|c: char| c.is_ascii_digit()))
        {
            words.next();
        }
    }
    plain
}

fn strip(said: &mut Value) {
    match said {
        Value::Object(fields) => {
            fields.retain(|name, _| !VOLUME.contains(&name.as_str()) && !name.ends_with("At"));
            fields.values_mut().for_each(strip);
        }
        Value::Array(items) => {
            items.iter_mut().for_each(strip);
            // Signs of life and of where a reader stands.
            items.retain(|item| !matches!(item, Value::Object(fields) if fields.is_empty()));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// As many rounds as `JUDGEMENT_LEDGER_WORLDS` says, begun with `JUDGEMENT_LEDGER_WORLDS_SEED`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_organisation_does_privately_changes_no_answer() {
    let rounds = std::env::var("JUDGEMENT_LEDGER_WORLDS").map_or(12, |it| it.parse().unwrap());
    let seed = std::env::var("JUDGEMENT_LEDGER_WORLDS_SEED")
        .map_or_else(|_| u64::from(std::process::id()), |it| it.parse().unwrap());
    println!("JUDGEMENT_LEDGER_WORLDS_SEED={seed}");
    let mut random = Seeded(seed);
    let (mut alone, mut beside) = (World::new().await, World::new().await);
    let insider = token("somebody", "ofsted", &WRITING);
    let outsider = token("somebody", "audit-commission", &[Role::Consumer]);
    let auditor = token("auditor", "audit-office", &[Role::Auditor]);
    for round in 0..rounds {
        for _ in 0..6 {
            let ours = step(&mut random);
            alone.take("ofsted", OURS, &ours).await;
            beside.take("ofsted", OURS, &ours).await;
            let theirs = step(&mut random);
            beside.take("csci", THEIRS, &theirs).await;
        }
        let opened = beside.opened.values().flatten().rev().take(6).cloned();
        let mut names: BTreeSet<String> = opened.collect();
        names.insert(format!("{SUBJECT}/assessments/never"));
        for (who, login) in [("insider", &insider), ("outsider", &outsider)] {
            let (one, other) = (alone.told(login, &names).await, beside.told(login, &names).await);
            for (one, other) in one.iter().zip(&other) {
                assert_eq!(one, other, "to the {who} in round {round}");
            }
        }
    }
    // The negative control: to who sees all, the two differ.
    let names = BTreeSet::new();
    let differ = alone.told(&auditor, &names).await != beside.told(&auditor, &names).await;
    assert!(differ, "what the other organisation did would be seen");
    alone.served.stop().await;
    beside.served.stop().await;
}
