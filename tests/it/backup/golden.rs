//! Backups that earlier versions made: they are restored to the tree of their time. A backup of a
//! later version is refused by its name.
//!
//! Each folder of `tests/backups` is one, written once by the version whose name it bears, and never
//! again. When the format changes, the build before the change adds its own:
//! `JUDGEMENT_LEDGER_GOLDEN=v2 cargo test backup::golden::write -- --ignored`.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use judgement_ledger::pb;
use serde::{Deserialize, Serialize};

use super::{Restoring, back_up, elsewhere, nothing_serves, part, stored, telling};
use crate::{
    binary::{Home, Running, copy},
    story::tell,
};

/// What a backup must become.
#[derive(Serialize, Deserialize)]
struct Told {
    /// The line by which keys of the log are told.
    key: String,
    /// How many records there are.
    size: u64,
    /// The root over them, as it is printed.
    root: String,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/backups")
}

/// A home with such a backup, and what it must become.
fn golden(version: &Path) -> (Home, Told) {
    let home = Home::new();
    copy(&version.join("backup"), &home.path("backup"));
    for file in ["keyring", "master.key"] {
        fs::copy(version.join(file), home.path(file)).unwrap();
    }
    (home, serde_json::from_slice(&fs::read(version.join("told.json")).unwrap()).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backups_of_earlier_versions_are_restored_to_the_tree_of_their_time() {
    let versions: Vec<_> = fs::read_dir(folder()).unwrap().map(|it| it.unwrap().path()).collect();
    assert!(!versions.is_empty());
    for version in versions {
        let (home, told) = golden(&version);
        let other = Home::new();
        let master = home.path("master.key");
        fs::copy(&master, other.path("master.key")).unwrap();
        let restored = Restoring::of(&home, &other).with("--key", &told.key).succeeds();
        assert!(restored.stdout.contains(&format!("root {}", told.root)), "{}", restored.stdout);
        assert_eq!(stored(&other).await.len() as u64, told.size);
    }
}

#[test]
fn a_backup_of_a_later_version_is_refused_by_its_name() {
    let (home, _) = golden(&folder().join("v1"));
    let other = Home::new();
    for (file, magic) in [(part(&home, 1), b"jl-bkup\n"), (home.path("keyring"), b"jl-ring\n")] {
        let whole = fs::read(&file).unwrap();
        assert!(whole.starts_with(magic));
        let mut newer = whole.clone();
        newer[11] = 2;
        fs::write(&file, newer).unwrap();
        let refused = Restoring::of(&home, &other).run();
        let name = file.file_name().unwrap().to_str().unwrap();
        assert_eq!(refused.code, Some(1), "{}", refused.stdout);
        assert!(refused.stderr.contains(name), "{}", refused.stderr);
        assert!(refused.stderr.contains("newer"), "{}", refused.stderr);
        nothing_serves(&other);
        fs::write(&file, whole).unwrap();
    }
    // With its own version it is taken.
    Restoring::of(&home, &other).succeeds();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "writes a folder of tests/backups"]
async fn write() {
    let version = folder().join(env::var("JUDGEMENT_LEDGER_GOLDEN").expect("the version's name"));
    assert!(!version.exists(), "what was written once stays");
    let home = Home::new();
    let running = Running::start(home.serve());
    for chapter in 0..2 {
        tell(&running.clients(), chapter, telling()).await;
        back_up(&home);
    }
    let request = pb::GetCheckpointRequest::default();
    let signed = running.clients().transparency("auditor").get_checkpoint(request).await.unwrap();
    let signed = signed.into_inner();
    assert!(running.stop().success());
    copy(&home.path("backup"), &version.join("backup"));
    fs::remove_file(version.join("backup/backup.lock")).unwrap();
    for file in ["keyring", "master.key"] {
        fs::copy(home.path(file), version.join(file)).unwrap();
    }
    let other = elsewhere(&home);
    let restored = Restoring::of(&home, &other).succeeds();
    let (_, after) = restored.stdout.split_once("root ").unwrap();
    let root = after.split_whitespace().next().unwrap().to_owned();
    let size = stored(&other).await.len() as u64;
    let told = Told { key: signed.keys[0].clone(), size, root };
    fs::write(version.join("told.json"), serde_json::to_string_pretty(&told).unwrap()).unwrap();
}
