//! `verify` as an auditor runs it, on its own and without a server.

use std::{path::Path, process::Command};

use judgement_ledger::merkle::{Checkpoint, Hash, Origin, Signer, TreeHead};
use serde_json::Value;
use tempfile::TempDir;

use super::{Copied, read, told::told};
use crate::{
    binary::{Ended, digest, ended},
    served::{Ground, Served},
};

fn verify(path: &Path, more: &[&str]) -> Ended {
    let mut command = Command::new(crate::binary::program());
    command.arg("verify").arg(path).args(more);
    ended(command)
}

fn json(path: &Path, more: &[&str]) -> (Option<i32>, Value) {
    let Ended { code, stdout, stderr } = verify(path, &[more, &["--format", "json"]].concat());
    let value = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stdout}{stderr}"));
    (code, value)
}

fn counts(verified: u64, redacted: u64, sealed: u64, withheld: u64) -> Value {
    serde_json::json!({
        "verified": verified, "redacted": redacted, "sealed": sealed, "withheld": withheld,
    })
}

#[test]
fn a_ledgers_directory_verifies_with_its_texts_sealed_or_opened_and_stays_as_it_is() {
    let data = told().home().join("data");
    let before = digest(&told().home());
    let sealed = verify(&data, &[]);
    assert_eq!((sealed.code, sealed.stderr.as_str()), (Some(0), ""), "{}", sealed.stdout);
    assert!(sealed.stdout.ends_with("VERIFIED\n"), "{}", sealed.stdout);
    // A table breaks its lines where the terminal ends.
    let words = |told: &str| told.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in ["sealed, not opened", "as the ledger names it itself", "none missing"] {
        assert!(words(&sealed.stdout).contains(said), "{said} is not in {}", sealed.stdout);
    }
    assert!(sealed.stdout.contains("no part of the evidence"), "{}", sealed.stdout);

    let master = told().home().join("master.key");
    let key = told().key.to_string();
    let opening = ["--master-key-file", master.to_str().unwrap(), "--key", &key];
    let opened = verify(&data, &opening);
    assert_eq!(opened.code, Some(0), "{}", opened.stderr);
    for said in ["2 redacted by order", "which you trust"] {
        assert!(words(&opened.stdout).contains(said), "{said} is not in {}", opened.stdout);
    }

    let (code, without) = json(&data, &[]);
    let (also, with) = json(&data, &opening);
    assert_eq!((code, also), (Some(0), Some(0)));
    assert_eq!((&without["verified"], &with["verified"]), (&true.into(), &true.into()));
    let all = without["report"]["texts"]["sealed"].as_u64().unwrap();
    assert_eq!(without["report"]["texts"], counts(0, 0, all, 0));
    assert_eq!(with["report"]["texts"], counts(all - 2, 2, 0, 0));
    assert_eq!(with["report"]["checkpoints"][0]["trusted"], true);
    let beside: Vec<_> =
        with["not_checked"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    assert!(beside.contains(&"views"), "{beside:?}");
    assert!(!beside.contains(&"journal") && !beside.contains(&"keys"), "{beside:?}");

    // The journal alone is enough, and its keyring may lie elsewhere.
    let (code, alone) = json(&data.join("journal"), &[]);
    assert_eq!((code, &alone["report"]["root"]), (Some(0), &with["report"]["root"]));
    let keys = data.join("keys");
    let elsewhere = [&opening[..], &["--keyring", keys.to_str().unwrap()]].concat();
    let (code, elsewhere) = json(&data.join("journal"), &elsewhere);
    assert_eq!((code, &elsewhere["report"]["texts"]), (Some(0), &with["report"]["texts"]));
    assert_eq!(digest(&told().home()), before, "verifying changes nothing");
}

#[test]
fn what_is_no_part_of_the_evidence_is_said_to_be_none() {
    let data = Copied::of(&told().home().join("data"));
    let view = digest(data.path()).into_keys().find(|it| {
        it.starts_with("views")
            && data.path().join(it).metadata().is_ok_and(|it| it.is_file() && it.len() > 0)
    });
    let view = view.unwrap().to_str().unwrap().to_owned();
    data.write(&view, b"another");
    data.write("notes.txt", b"remember the milk");
    let (code, found) = json(data.path(), &[]);
    assert_eq!(code, Some(0), "{found}");
    let beside = found["not_checked"].to_string();
    assert!(beside.contains("\"views\"") && beside.contains("\"notes.txt\""), "{beside}");
    data.write("journal/notes.txt", b"remember the milk");
    let (code, found) = json(data.path(), &[]);
    assert_eq!(code, Some(0), "{found}");
    let remarks = found["report"]["remarks"].to_string();
    assert!(remarks.contains("notes.txt: no file of the journal"), "{remarks}");
}

#[test]
fn what_does_not_hold_is_named_and_ends_with_one() {
    let folder = Copied::of(&told().court());
    let at = told().story.open.0;
    let record = format!("records/{at}.record");
    let mut bytes = std::fs::read(folder.file(&record)).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    folder.write(&record, bytes);
    let said = format!("NOT VERIFIED: record {at}: it is not the record that the proof is of");
    let refused = verify(folder.path(), &[]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""));
    assert!(refused.stderr.contains(&said), "{}", refused.stderr);
    let (code, told) = json(folder.path(), &[]);
    let expected = serde_json::json!({
        "verified": false,
        "place": format!("record {at}"),
        "what": "it is not the record that the proof is of",
    });
    assert_eq!((code, told), (Some(1), expected));
}

#[test]
fn folders_of_evidence_verify_with_the_key_that_is_given() {
    let stranger = Signer::new(told().key.name().clone(), &[7; 32]).verifier().to_string();
    let key = told().key.to_string();
    for folder in [told().whole(), told().court(), told().withheld()] {
        let (code, found) = json(&folder, &["--key", &key]);
        assert_eq!((code, &found["report"]["checkpoints"][0]["trusted"]), (Some(0), &true.into()));
        // One of the keys that are given is enough.
        let (code, _) = json(&folder, &["--key", &key, "--key", &stranger]);
        assert_eq!(code, Some(0));
        let refused = verify(&folder, &["--key", &stranger]);
        assert_eq!(refused.code, Some(1));
        assert!(refused.stderr.contains("no key that you trust has signed it"), "{refused:?}");
    }
    for bad in ["", "key", &key.to_lowercase(), &format!("{key} ")] {
        assert_eq!(verify(&told().court(), &["--key", bad]).code, Some(2), "{bad:?}");
    }
}

#[test]
fn a_checkpoint_that_somebody_kept_must_be_one_of_this_ledger() {
    let kept = TempDir::new().unwrap();
    let path = |name: &str| kept.path().join(name).to_str().unwrap().to_owned();
    let write = |name: &str, note: &[u8]| std::fs::write(path(name), note).unwrap();
    let midst = &told().story.midst;
    write("older", midst.to_string().as_bytes());
    let origin = |name: &str| Origin::parse(name).unwrap();
    let (name, head) = (read(midst).origin().to_string(), *read(midst).head());
    let stranger = Signer::new(told().key.name().clone(), &[7; 32]);
    let sign = |origin: Origin, size: u64, root: Hash| {
        let checkpoint = Checkpoint::new(origin, TreeHead { size, root });
        checkpoint.sign(std::slice::from_ref(&stranger)).unwrap().to_string()
    };
    write("other", sign(origin(&name), head.size, Hash::new([3; 32])).as_bytes());
    write("larger", sign(origin(&name), 1_000_000, Hash::new([3; 32])).as_bytes());
    write("stranger's", sign(origin(&name), head.size, head.root).as_bytes());
    write("nothing", b"remember the milk");

    let data = told().home().join("data");
    for target in [data.clone(), told().whole()] {
        let (code, found) = json(&target, &["--checkpoint", &path("older")]);
        assert_eq!(code, Some(0), "{found}");
        let checkpoints = found["report"]["checkpoints"].as_array().unwrap();
        assert_eq!(checkpoints.len(), 2);
        let sizes: Vec<_> = checkpoints.iter().map(|it| it["size"].as_u64().unwrap()).collect();
        assert_eq!((sizes[1], sizes[1] < sizes[0]), (head.size, true));
        for (kept, said) in [
            ("other", format!("the first {} records have the root ", head.size)),
            ("larger", "covers 1000000: records are missing at the end".to_owned()),
            ("stranger's", "no key that the ledger names has signed it".to_owned()),
            ("nothing", format!("{}: ", path("nothing"))),
        ] {
            let refused = verify(&target, &["--checkpoint", &path(kept)]);
            assert_eq!(refused.code, Some(1), "{kept}: {refused:?}");
            assert!(refused.stderr.contains(&said), "{kept}: {}", refused.stderr);
        }
        let missing = verify(&target, &["--checkpoint", &path("none")]);
        assert_ne!(missing.code, Some(0));
        assert!(missing.stderr.contains(&path("none")), "{missing:?}");
    }
    // Of a case not all records are there: what cannot be looked at is not passed over in silence.
    let refused = verify(&told().court(), &["--checkpoint", &path("older")]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("--checkpoint"), "{}", refused.stderr);
}

#[test]
fn what_cannot_be_verified_is_misused_and_says_what_was_looked_for() {
    let empty = TempDir::new().unwrap();
    for path in [empty.path(), Path::new("/nowhere/at/all")] {
        let misused = verify(path, &[]);
        assert_eq!((misused.code, misused.stdout.as_str()), (Some(2), ""));
        for said in ["journal/FORMAT", "evidence.json", "case.json", path.to_str().unwrap()] {
            assert!(misused.stderr.contains(said), "{said} is not in {}", misused.stderr);
        }
    }
    let master = told().home().join("master.key");
    let with_key = ["--master-key-file", master.to_str().unwrap()];
    let journal = told().home().join("data/journal");
    for path in [journal, told().whole(), told().court()] {
        let misused = verify(&path, &with_key);
        assert_eq!(misused.code, Some(2), "{misused:?}");
        assert!(misused.stderr.contains("master key") || misused.stderr.contains("--master-key"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_is_verified_while_it_is_served() {
    let ground = Ground::new();
    let served = Served::start_on(ground.clone()).await;
    let name = served.open("apa-2006").await;
    served.award(&name, "staying-safe", "good").await;
    let data = ground.path.join("data");
    let master = ground.path.join("master.key").to_str().unwrap().to_owned();
    let run = async || {
        let (data, master) = (data.clone(), master.clone());
        let run = move || json(&data, &["--master-key-file", &master]);
        tokio::task::spawn_blocking(run).await.unwrap()
    };
    let (code, found) = run().await;
    assert_eq!(code, Some(0), "{found}");
    assert_eq!(found["report"]["records"], served.head().await);
    // It goes on, and so may whoever verifies.
    served.award(&name, "being-healthy", "good").await;
    let (code, found) = run().await;
    assert_eq!((code, &found["report"]["records"]), (Some(0), &served.head().await.into()));
    served.stop().await;
}
