//! Evidence of a whole ledger: handed out by the service, and found whole without it.

use std::{fs, path::Path};

use judgement_ledger::{
    evidence::{CheckedCheckpoint, Place},
    merkle::{SignedNote, Signer},
    pb,
};
use serde_json::Value;
use tempfile::TempDir;

use super::{
    Copied, Folder, evidence, export_whole, key_of, read,
    told::{Story, records_of, told},
};
use crate::served::{Ground, Served, reason_of, text};

fn json(folder: &Path, name: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.join(name)).unwrap()).unwrap()
}

/// Another key under the log's name.
fn stranger() -> judgement_ledger::merkle::Verifier {
    Signer::new(told().key.name().clone(), &[7; 32]).verifier()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_ledger_hands_out_of_itself_verifies_and_names_its_own_handing_out() {
    let (ground, directory) = (Ground::new(), TempDir::new().unwrap());
    let served = Served::start_on(ground.clone()).await;
    let clients = served.clients();
    let story = Story::tell(&clients, &ground.path).await;
    let before = served.head().await;
    export_whole(&clients, "the audit of 2006", directory.path()).await;

    // It is recorded: who, when, what and for what.
    let taken = records_of(&clients, &["AccessRecorded"]).await;
    let [pb::StreamedRecord { record: Some(record), texts, .. }] = taken.as_slice() else {
        panic!("{taken:?}")
    };
    let at = record.position;
    assert_eq!(at, before + 1, "nothing else came");
    let by = record.recorded_by.clone().unwrap();
    assert_eq!((by.role(), by.organisation.as_str()), (pb::Role::Auditor, "audit-office"));
    let Some(pb::record::Event::AccessRecorded(access)) = &record.event else {
        panic!("{record:?}")
    };
    let [purpose] = texts.as_slice() else { panic!("{texts:?}") };
    assert_eq!((purpose.field.as_str(), text(&purpose.text)), ("purpose", "the audit of 2006"));
    assert_eq!((access.first_position, access.last_position), (1, before));

    // It is in what was handed out.
    let manifest = json(directory.path(), "evidence.json");
    let size = manifest["size"].as_u64().unwrap();
    assert_eq!(manifest["handed_out_at"], at);
    assert!(size >= at);
    let key = key_of(&ground.path);
    let report = Folder::Whole.verify(directory.path(), std::slice::from_ref(&key)).unwrap();
    assert_eq!(report.records, size);
    assert_eq!(report.remarks, Vec::<String>::new());
    assert_eq!(report.keys, [key.to_string()]);
    let signed = SignedNote::parse(&fs::read(directory.path().join("checkpoint")).unwrap());
    let head = read(&signed.unwrap());
    let expected = CheckedCheckpoint {
        found: "checkpoint".to_owned(),
        origin: head.origin().to_string(),
        size,
        signed_by: vec![format!("{}+{}", key.name(), key.id())],
        trusted: true,
    };
    assert_eq!(report.checkpoints, [expected]);
    assert_eq!(report.root, head.head().root.to_string());

    // Of all texts two were erased; no text is missing, and none is there twice.
    let lines = fs::read_to_string(directory.path().join("texts.jsonl")).unwrap();
    let counts = report.texts;
    assert_eq!((counts.redacted, counts.sealed, counts.withheld), (2, 0, 0));
    assert_eq!(counts.verified, lines.lines().count() as u64);
    let all = records_of(&clients, &[]).await;
    let all = all.iter().filter(|it| it.record.as_ref().unwrap().position <= size);
    let committed: usize = all.map(|it| it.texts.len()).sum();
    assert_eq!(counts.verified + counts.redacted, committed as u64);
    for (gone, field) in [(story.redacted, "rationale"), (story.named, "name")] {
        let line = format!("{{\"position\":{gone},\"field\":\"{field}\"");
        assert!(!lines.contains(&line), "{field} of record {gone}");
    }

    // What the ledger says of its own key is not trusted, another key has not signed it.
    let own = Folder::Whole.verify(directory.path(), &[]).unwrap();
    assert!(!own.checkpoints[0].trusted);
    let wrong = Folder::Whole.verify(directory.path(), &[stranger()]).unwrap_err();
    assert_eq!(wrong.place, Place::File("checkpoint".to_owned()));
    assert_eq!(wrong.what, "no key that you trust has signed it");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_is_handed_out_to_an_auditor_who_says_for_what() {
    let served = Served::start().await;
    let clients = served.clients();
    let asked = |purpose: &str| pb::ExportEvidenceRequest { purpose: purpose.to_owned() };
    for login in ["inspector", "lead", "officer", "publisher", "admin", "consumer", "newspaper"] {
        let refused = evidence(&clients, login).export_evidence(asked("to see")).await.unwrap_err();
        let (reason, metadata) = reason_of(&refused);
        assert_eq!((reason.as_str(), metadata["roles"].as_str()), ("NOT_PERMITTED", "auditor"));
    }
    for purpose in ["", " \n", &"x".repeat(70_000)] {
        let refused = evidence(&clients, "auditor").export_evidence(asked(purpose)).await;
        let refused = refused.unwrap_err();
        assert_eq!(reason_of(&refused).0, "INVALID_REQUEST", "{}", purpose.len());
        assert!(refused.message().starts_with("purpose"), "{}", refused.message());
    }
    assert!(records_of(&clients, &["AccessRecorded"]).await.is_empty(), "nothing left the ledger");
    served.stop().await;
}

#[test]
fn the_record_that_evidence_names_is_that_of_its_handing_out() {
    let told = told();
    let whole = Copied::of(&told.whole());
    let at = json(whole.path(), "evidence.json")["handed_out_at"].as_u64().unwrap();
    for (other, said) in [
        (at - 1, format!("record {}: ", at - 1)),
        (0, "evidence.json: the record of its being handed out is missing".to_owned()),
        (at + 1_000, "evidence.json: the record of its being handed out is missing".to_owned()),
    ] {
        let manifest = whole.text("evidence.json");
        let forged = manifest
            .replace(&format!("\"handed_out_at\": {at}"), &format!("\"handed_out_at\": {other}"));
        assert_ne!(forged, manifest);
        whole.write("evidence.json", forged);
        let wrong =
            Folder::Whole.verify(whole.path(), std::slice::from_ref(&told.key)).unwrap_err();
        assert!(wrong.to_string().starts_with(&said), "{wrong}");
        whole.write("evidence.json", manifest);
    }
}
