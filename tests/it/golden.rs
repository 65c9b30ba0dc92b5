//! Ledgers that earlier versions left: they open, and say of themselves what they said then. A
//! ledger of a later version is refused, with not one byte changed.
//!
//! Each folder of `tests/ledgers` is one, written once by the version whose name it bears, and
//! never again. When the format changes, the build before the change adds its own:
//! `JUDGEMENT_LEDGER_GOLDEN=v2 cargo test golden::write -- --ignored`. Where an answer is meant to
//! differ, `cargo test golden::ask_again -- --ignored` keeps the new ones, and the difference is
//! there to be read: what is recorded stays.
//!
//! | file | what it is |
//! |---|---|
//! | `files.json` | each file's name and length |
//! | `files/…` | the journal and the keyring, without the zeros at the end of each file, and the master key. Not the views: they are rebuilt |
//! | `answers.json` | the root of the tree over all records, and what the ledger said of itself |

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use judgement_ledger::{
    disk::RealDisk,
    journal::{
        Journal as _, Page,
        file::{FileJournal, FileOptions},
    },
    judgement::Position,
    ledger::filing,
    merkle::{Frontier, leaf_hash, sha256},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    account::{Said, account},
    binary::{Home, Running, ended},
    editions::Editing,
    served::{Clients, Ground, Served},
    story::{Telling, assessment_of, tell},
};

/// Some segments, and the largest appends about half as large as one.
const SEGMENT_BYTES: u64 = 48 << 10;

/// The chapters of the story: a text whose length takes three bytes, and one for which there is
/// just room in an append, of one entry.
const CHAPTERS: [Telling; 3] = [
    Telling { long_text_bytes: 23_000, evidence: 4 },
    Telling { long_text_bytes: 300, evidence: 12 },
    Telling { long_text_bytes: 300, evidence: 12 },
];

/// Strings of more bytes are kept as their digest.
const STRING_BYTES_MAX: usize = 200;

/// What a ledger says of itself, as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Golden {
    root: String,
    records: u64,
    answers: BTreeMap<String, Value>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ledgers")
}

/// All that are kept.
fn kept() -> Vec<PathBuf> {
    let mut found: Vec<_> =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    assert!(!found.is_empty());
    found
}

/// Puts the files of a kept ledger back as they were.
fn restore(golden: &Path, target: &Path) {
    let lengths: BTreeMap<PathBuf, usize> =
        serde_json::from_slice(&fs::read(golden.join("files.json")).unwrap()).unwrap();
    for (name, length) in lengths {
        let mut bytes = fs::read(golden.join("files").join(&name)).unwrap();
        bytes.resize(length, 0);
        let file = target.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }
}

fn ground(path: &Path) -> Ground {
    let mut ground = Ground::at(path);
    ground.segment_bytes = SEGMENT_BYTES;
    ground
}

/// The root of the tree over all records as they are stored, and how many there are.
async fn root(path: &Path) -> (String, u64) {
    let disk = Arc::new(RealDisk::at(path.join("data/journal")).unwrap());
    let journal = FileJournal::open(disk, filing(), FileOptions::new([0; 16])).unwrap();
    let page = Page { entries_max: 10_000, bytes_max: 64 << 20 };
    let records = journal.read(Position::START, page).await.unwrap();
    let mut frontier = Frontier::empty();
    for stored in &records {
        frontier.push(leaf_hash(&stored.entry.record));
    }
    journal.close().await.unwrap();
    (format!("{:?}", frontier.root()), records.len() as u64)
}

/// The questions whose answers are kept, so that they stay few; the root covers every record.
fn is_kept(question: &str) -> bool {
    let of_one = ["now", "at ", "stated", "history"];
    let one = question
        .strip_prefix("subjects/council-0/assessments/apa-2006 ")
        .is_some_and(|asked| of_one.iter().any(|it| asked.starts_with(it)));
    let subject = question.starts_with("subjects/") && !question.contains("/assessments/");
    let listed = question == "assessments of subjects/council-1";
    let audits = ["VACATED", "concept", "SignedOff", "effectiveFrom"];
    let audit = question.starts_with("audit") && audits.iter().any(|it| question.contains(it));
    one || subject || listed || audit
}

/// What the ledger says now, as it is kept.
async fn told(clients: &Clients, head: u64) -> BTreeMap<String, Value> {
    let names: Vec<_> = (0..CHAPTERS.len()).map(assessment_of).collect();
    let said = account(clients, &names, head).await;
    said.into_iter()
        .filter(|it| is_kept(&it.question))
        .map(|Said { question, answer }| (question, abridged(answer.json())))
        .collect()
}

/// The same, with long strings as their digest, and without how far the ledger was read: a later
/// version registers more built-in frameworks at its first start.
fn abridged(value: Value) -> Value {
    match value {
        Value::String(said) if said.len() > STRING_BYTES_MAX => {
            json!(format!("{} bytes, {:?}", said.len(), sha256(&[said.as_bytes()])))
        }
        Value::Array(values) => values.into_iter().map(abridged).collect(),
        Value::Object(fields) => {
            let said = fields.into_iter().filter(|(name, _)| name != "read");
            said.map(|(name, value)| (name, abridged(value))).collect()
        }
        other => other,
    }
}

/// What differs. A later version may say more than an earlier one, never less or otherwise.
fn differences(at: &str, kept: &Value, told: &Value, found: &mut Vec<String>) {
    match (kept, told) {
        (Value::Object(kept), Value::Object(told)) => {
            for (name, kept) in kept {
                let told = told.get(name).unwrap_or(&Value::Null);
                differences(&format!("{at}/{name}"), kept, told, found);
            }
        }
        (Value::Array(kept), Value::Array(told)) if kept.len() == told.len() => {
            for (number, (kept, told)) in kept.iter().zip(told).enumerate() {
                differences(&format!("{at}/{number}"), kept, told, found);
            }
        }
        (kept, told) if kept == told => {}
        (kept, told) => found.push(format!("{at}: {told} where {kept} is expected")),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ledgers_of_earlier_versions_open_and_say_what_they_said() {
    for golden in kept() {
        println!("{}", golden.display());
        let kept: Golden =
            serde_json::from_slice(&fs::read(golden.join("answers.json")).unwrap()).unwrap();
        let home = Home::new();
        restore(&golden, &home.path(""));
        assert_eq!(root(&home.path("")).await, (kept.root, kept.records));

        let served = Served::on(ground(&home.path(""))).await.unwrap();
        let told = told(&served.clients(), kept.records).await;
        let mut found = Vec::new();
        for (question, answer) in &kept.answers {
            let told = told.get(question).unwrap_or(&Value::Null);
            differences(question, answer, told, &mut found);
        }
        assert!(found.is_empty(), "{found:#?}");

        // It goes on from there.
        let telling = Telling { long_text_bytes: 10, evidence: 0 };
        let receipts = tell(&served.clients(), CHAPTERS.len(), telling).await;
        assert!(receipts[0].position > kept.records);
        served.stop().await;
        Running::start(home.serve()).kill();
    }
}

/// Openings that an earlier version stored are not filed under their subject. A withdrawal finds
/// what it falls back to all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_earlier_version_published_can_be_fallen_back_to() {
    let home = Home::new();
    restore(&kept()[0], &home.path(""));
    let served = Served::on(ground(&home.path(""))).await.unwrap();
    let earlier = assessment_of(0);
    let name = earlier.replace("apa-2006", "apa-2007");
    let request = judgement_ledger::pb::OpenAssessmentRequest {
        assessment: name.clone(),
        act: Some(crate::served::act()),
        framework: "frameworks/apa/versions/2007".to_owned(),
        cycle: "2007".to_owned(),
        addressee: Some(judgement_ledger::pb::Addressee {
            name: Some(crate::served::present("the director")),
            ..Default::default()
        }),
        ..Default::default()
    };
    served.assessments("lead").open_assessment(request).await.unwrap();
    let editing = Editing::of(&served, &name);
    editing.award_demanded().await;
    editing.published(1, crate::served::date(2007, 11, 1)).await;
    editing.withdraw(1).await.unwrap();
    let read = served.get(crate::served::assessment(&name)).await;
    assert_eq!(read.editions[0].withdrawn.as_ref().unwrap().fallback, earlier);
    served.stop().await;
}

/// The negative control: whatever is changed in what is kept, is seen.
#[test]
fn an_answer_that_differs_is_seen() {
    for golden in kept() {
        let kept: Golden =
            serde_json::from_slice(&fs::read(golden.join("answers.json")).unwrap()).unwrap();
        for (question, answer) in &kept.answers {
            let mut found = Vec::new();
            differences(question, answer, answer, &mut found);
            assert!(found.is_empty());
            differences(question, answer, &changed(answer), &mut found);
            assert_eq!(found.len(), 1, "{question}");
        }
    }
}

/// The same value with its first scalar changed.
fn changed(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields = fields.clone();
            let first = fields.values_mut().next().unwrap();
            *first = changed(first);
            Value::Object(fields)
        }
        Value::Array(values) => {
            let mut values = values.clone();
            values[0] = changed(&values[0]);
            Value::Array(values)
        }
        other => json!([other]),
    }
}

/// A file of the ledger and how its version is raised, its checksum made to fit.
type Raised = (&'static str, fn(&mut [u8]));

const VERSIONED: [Raised; 6] = [
    ("data/journal/FORMAT", raise_note),
    ("data/journal/CHECKPOINT", raise_note),
    ("data/journal/CLEAN", raise_note),
    ("data/journal/segment-0000000001.log", raise_segment),
    ("data/journal/segment-0000000002.log", raise_segment),
    ("data/keys/block-0000000001.keys", raise_block),
];

fn raise_note(bytes: &mut [u8]) {
    bytes[8] += 1;
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&bytes[..16]), &bytes[20..]);
    bytes[16..20].copy_from_slice(&checksum.to_le_bytes());
}

fn raise_segment(bytes: &mut [u8]) {
    bytes[8] += 1;
    let checksum = crc32c::crc32c(&bytes[..124]);
    bytes[124..128].copy_from_slice(&checksum.to_le_bytes());
}

fn raise_block(bytes: &mut [u8]) {
    bytes[11] += 1;
    let end = bytes.len() - 4;
    let checksum = crc32c::crc32c(&bytes[..end]);
    bytes[end..].copy_from_slice(&checksum.to_be_bytes());
}

#[test]
fn a_ledger_of_a_later_version_is_refused_with_not_one_byte_changed() {
    let home = Home::new();
    restore(&folder().join("v1"), &home.path(""));
    for (name, raise) in VERSIONED {
        let file = home.path(name);
        let whole = fs::read(&file).unwrap();
        let mut bytes = whole.clone();
        raise(&mut bytes);
        assert_ne!(bytes, whole);
        fs::write(&file, bytes).unwrap();
        let before = home.digest();
        let ended = ended(home.serve());
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{}", ended.stderr);
        assert!(ended.stderr.contains(&file.display().to_string()), "{}", ended.stderr);
        assert!(ended.stderr.contains("format 2 is newer"), "{name}: {}", ended.stderr);
        assert_eq!(home.digest(), before, "{name}: not one byte is changed");
        fs::write(&file, whole).unwrap();
    }
    // The negative control: as it was, it starts.
    Running::start(home.serve()).kill();
}

/// Keeps what the ledgers say of themselves now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "accepts whatever the ledgers say now"]
async fn ask_again() {
    for golden in kept() {
        let file = golden.join("answers.json");
        let kept: Golden = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let home = Home::new();
        restore(&golden, &home.path(""));
        let served = Served::on(ground(&home.path(""))).await.unwrap();
        let answers = told(&served.clients(), kept.records).await;
        served.stop().await;
        fs::write(file, format!("{}\n", json!(Golden { answers, ..kept }))).unwrap();
    }
}

/// Writes a ledger of the present version into a folder that is not there yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "writes a folder that is never written again"]
async fn write() {
    let name = env::var("JUDGEMENT_LEDGER_GOLDEN").expect("say the name of the new folder");
    let golden = folder().join(name);
    assert!(!golden.exists(), "{} is there and stays as it is", golden.display());
    let home = Home::new();
    let served = Served::on(ground(&home.path(""))).await.unwrap();
    for (chapter, telling) in CHAPTERS.into_iter().enumerate() {
        tell(&served.clients(), chapter, telling).await;
    }
    let records = served.head().await;
    let answers = told(&served.clients(), records).await;
    served.stop().await;
    let (root, found) = root(&home.path("")).await;
    assert_eq!(found, records);

    let mut lengths = BTreeMap::new();
    for file in home.digest().into_keys() {
        let path = home.path("").join(&file);
        let passing = [".tmp", "token.key"];
        let passes = passing.iter().any(|it| file.to_str().unwrap().ends_with(it));
        if !path.is_file() || passes || file.starts_with("data/views") {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let target = golden.join("files").join(&file);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(target, &bytes[..used]).unwrap();
        lengths.insert(file, bytes.len());
    }
    let write = |name: &str, value: Value| {
        fs::write(golden.join(name), format!("{value}\n")).unwrap();
    };
    write("files.json", json!(lengths));
    write("answers.json", json!(Golden { root, records, answers }));
}
