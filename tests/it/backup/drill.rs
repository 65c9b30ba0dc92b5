//! The restore drill: a backup is made under load, restored elsewhere, and is the same ledger.

use std::fs;

use judgement_ledger::{merkle::Hash, pb};

use super::{Restoring, back_up, backup_words, elsewhere, path, stored, verb};
use crate::{
    account::{Said, account},
    binary::{Home, Running, copy},
    served::Clients,
    story::{Telling, assessment_of, tell},
};

const CHAPTERS: usize = 6;

/// Enough for a thousand events.
const TELLING: Telling = Telling { long_text_bytes: 2_000, evidence: 160 };

async fn all(clients: &Clients) -> Vec<Said> {
    let names: Vec<_> = (0..CHAPTERS).map(assessment_of).collect();
    account(clients, &names, u64::MAX).await
}

/// Until its views are there, a server says so: then it is asked again.
async fn answers(clients: &Clients) {
    let request = || pb::QueryAuditRequest::default();
    while clients.audits().query_audit(request()).await.is_err() {}
}

fn size_of(made: &crate::binary::Ended) -> u64 {
    let told: serde_json::Value =
        serde_json::from_str(made.stdout.lines().next().unwrap()).unwrap();
    told["size"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_made_under_load_is_the_same_ledger_elsewhere() {
    let home = Home::new();
    let running = Running::start(home.serve());
    let clients = running.clients();
    let load = tokio::spawn({
        let clients = clients.clone();
        async move {
            let (mut first, mut second) = (Vec::new(), Vec::new());
            for chapter in (0..CHAPTERS).step_by(2) {
                let (one, other) = tokio::join!(
                    tell(&clients, chapter, TELLING),
                    tell(&clients, chapter + 1, TELLING)
                );
                first.extend(one);
                second.extend(other);
            }
            first.len() + second.len()
        }
    });
    // Each is of another size, since records come meanwhile.
    let to = path(&home, "backup");
    let words = backup_words(&home, &["--to", &to, "--format", "json"]);
    let mut sizes = Vec::new();
    while sizes.len() < 3 {
        let words = words.clone();
        let made = tokio::task::spawn_blocking(move || {
            verb(&words.iter().map(String::as_str).collect::<Vec<_>>())
        });
        let made = made.await.unwrap();
        assert_eq!(made.code, Some(0), "{}", made.stderr);
        let size = size_of(&made);
        assert!(sizes.last().is_none_or(|before| size >= *before));
        if sizes.last() != Some(&size) {
            sizes.push(size);
        }
    }
    let told = load.await.unwrap();
    assert!(told > 1_000, "{told} events");
    assert!(sizes[0] < sizes[2] && sizes[2] < told as u64, "made while it wrote: {sizes:?}");

    // Whoever reads is recorded, once a day: the second account is of a ledger at rest.
    all(&clients).await;
    let said = all(&clients).await;
    back_up(&home);
    let nothing =
        verb(&backup_words(&home, &["--to", &to]).iter().map(String::as_str).collect::<Vec<_>>());
    assert!(nothing.stdout.contains("nothing is new"), "{}", nothing.stdout);
    let request = pb::GetCheckpointRequest { min_size: 1 };
    let signed = clients.transparency("auditor").get_checkpoint(request).await.unwrap();
    let signed = signed.into_inner();
    fs::write(home.path("kept"), &signed.note).unwrap();
    assert!(running.stop().success());

    let other = elsewhere(&home);
    let restored = Restoring::of(&home, &other)
        .with("--key", &signed.keys[0])
        .with("--checkpoint", &path(&home, "kept"))
        .succeeds();
    let root = Hash::new((*signed.root).try_into().unwrap());
    assert!(restored.stdout.contains(&format!("root {root}")), "{}", restored.stdout);
    assert!(!restored.stderr.contains("NO KEY WAS GIVEN"), "{}", restored.stderr);
    assert_eq!(stored(&other).await, stored(&home).await, "the same bytes");

    let master = path(&other, "master.key");
    let verified = verb(&[
        "verify",
        &path(&other, "data"),
        "--master-key-file",
        &master,
        "--key",
        &signed.keys[0],
        "--checkpoint",
        &path(&home, "kept"),
    ]);
    assert_eq!(verified.code, Some(0), "{}", verified.stderr);
    assert!(verified.stdout.contains("VERIFIED"), "{}", verified.stdout);

    let running = Running::start(other.serve());
    let clients = running.clients();
    answers(&clients).await;
    for (found, said) in all(&clients).await.into_iter().zip(&said) {
        assert_eq!(&found, said);
    }
    // It goes on, and so does its backup.
    copy(&home.path("backup"), &other.path("backup"));
    let receipts = tell(&clients, CHAPTERS, TELLING).await;
    assert_eq!(receipts[0].position, signed.size + 1);
    let made = back_up(&other);
    assert!(made.stdout.contains("part-0005.backup"), "{}", made.stdout);
    assert!(running.stop().success());
    let third = elsewhere(&other);
    Restoring::of(&other, &third).with("--checkpoint", &path(&home, "kept")).succeeds();
    assert_eq!(stored(&third).await, stored(&other).await);
}
