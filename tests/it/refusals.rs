//! What the real binary refuses to start on: it says which file and where, ends with code 1, says
//! nothing on stdout, and leaves every byte as it was.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    binary::{Ended, Home, Running, ended},
    served::Served,
    story::{Telling, tell},
};

/// Small segments, so that there are sealed ones.
const SEGMENT_BYTES: u64 = 64 << 10;

/// A ledger of several segments, written in two lives, that was stopped in order.
async fn stopped() -> Home {
    let home = Home::new();
    for life in 0..2 {
        let mut ground = home.ground();
        ground.segment_bytes = SEGMENT_BYTES;
        let served = Served::on(ground).await.unwrap();
        let telling = Telling { long_text_bytes: 30_000, evidence: 20 };
        tell(&served.clients(), life, telling).await;
        served.stop().await;
    }
    assert!(segments(&home).len() > 2, "{:?}", segments(&home));
    home
}

fn segments(home: &Home) -> Vec<PathBuf> {
    let mut found = files(&home.path("data/journal"), "segment-");
    found.retain(|path| path.extension().is_some_and(|ending| ending == "log"));
    found
}

/// The files of that beginning, in the order of their names.
fn files(directory: &Path, beginning: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = entries
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(beginning))
        .collect();
    found.sort();
    found
}

/// Removes a segment that was being prepared when the ledger stopped: the journal does so when it is
/// opened.
fn remove_spare(home: &Home) {
    files(&home.path("data/journal"), "segment-")
        .into_iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "tmp"))
        .for_each(|path| fs::remove_file(path).unwrap());
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// Starts the binary, which refuses; everything that it must say is in `named`.
fn refused(home: &Home, named: &[&str]) -> Ended {
    let before = home.digest();
    let ended = ended(home.serve());
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert_eq!(ended.stdout, "", "nothing but data goes to stdout");
    for name in named {
        assert!(ended.stderr.contains(name), "{name} is not said in: {}", ended.stderr);
    }
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    assert_eq!(home.digest(), before, "not one byte is changed: {}", ended.stderr);
    ended
}

/// The negative control of all that follows: a start that goes well does change the directory.
#[test]
fn a_digest_sees_a_start() {
    let home = Home::new();
    Running::start(home.serve()).kill();
    let before = home.digest();
    Running::start(home.serve()).kill();
    assert_ne!(home.digest(), before);
}

#[test]
fn a_second_process_on_the_same_directory_is_refused() {
    let home = Home::new();
    let first = Running::start(home.serve());
    // The views write a little in the background after a start: wait until nothing moves.
    let mut before = home.digest();
    loop {
        std::thread::sleep(std::time::Duration::from_millis(700));
        let now = home.digest();
        if now == before {
            break;
        }
        before = now;
    }
    refused(&home, &["data/journal/LOCK", "another process has the journal open"]);
    assert!(first.stop().success());
    Running::start(home.serve()).kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_sealed_segment_is_refused() {
    let home = stopped().await;
    let sealed = segments(&home)[0].clone();
    let name = sealed.display().to_string();
    let footer = usize::try_from(SEGMENT_BYTES).unwrap();
    // Headers and footers are read at every start; appends when they are asked for.
    for (at, said) in [(20, "damaged at byte 0 "), (footer + 20, "damaged at byte 65536 ")] {
        let whole = fs::read(&sealed).unwrap();
        change(&sealed, |bytes| bytes[at] ^= 0x10);
        refused(&home, &[&name, said, "(position 1)"]);
        fs::write(&sealed, whole).unwrap();
    }
    let whole = fs::read(&sealed).unwrap();
    change(&sealed, |bytes| bytes.truncate(footer / 2));
    refused(&home, &[&name, "damaged at byte"]);
    fs::write(&sealed, whole).unwrap();
    fs::remove_file(&sealed).unwrap();
    refused(&home, &[&name, "the segment is missing"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_append_is_refused_where_it_is_read() {
    let home = stopped().await;
    let newest = segments(&home).pop().unwrap();
    let whole = fs::read(&newest).unwrap();
    let used = whole.iter().rposition(|byte| *byte != 0).unwrap();
    change(&newest, |bytes| bytes[used / 2] ^= 0x10);
    refused(&home, &[&newest.display().to_string(), "damaged at byte", "(position "]);
    fs::write(&newest, whole).unwrap();

    // A sealed segment's appends are read at a start only where the views must be rebuilt. Then
    // a block of keys was begun, and views; nothing of the journal is changed, nor any key.
    let sealed = segments(&home)[0].clone();
    change(&sealed, |bytes| bytes[20_000] ^= 0x10);
    fs::remove_dir_all(home.path("data/views")).unwrap();
    remove_spare(&home);
    let before = home.digest();
    let ended = ended(home.serve());
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{}", ended.stderr);
    for said in [&*sealed.display().to_string(), "damaged at byte", "(position "] {
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
    }
    let after = home.digest();
    for (path, digest) in before {
        assert_eq!(after.get(&path), Some(&digest), "{}", path.display());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_keyring_is_refused() {
    let home = stopped().await;
    let blocks = files(&home.path("data/keys"), "block-");
    let newest = blocks.last().unwrap();
    let name = newest.display().to_string();
    let whole = fs::read(newest).unwrap();
    for at in [0, 9, 20, 60, 5_000, 33_955] {
        change(newest, |bytes| bytes[at] ^= 0x10);
        refused(&home, &[&name]);
        fs::write(newest, &whole).unwrap();
    }
    change(newest, |bytes| bytes.truncate(1_000));
    refused(&home, &[&name, "damaged at byte 1000", "cut off"]);
    fs::remove_file(newest).unwrap();
    // This shows only once the journal is open.
    remove_spare(&home);
    refused(&home, &["data/keys/block-0000000001.keys", "the journal names slot"]);
}

/// The names of persons are read at every start: without them nobody could say who acted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_block_of_keys_that_names_persons_is_missed() {
    let home = stopped().await;
    let oldest = files(&home.path("data/keys"), "block-")[0].clone();
    let whole = fs::read(&oldest).unwrap();
    let missed = |said: &str| {
        let ended = ended(home.serve());
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{}", ended.stderr);
        for said in [&*oldest.display().to_string(), "the name registered at position", said] {
            assert!(ended.stderr.contains(said), "{said}: {}", ended.stderr);
        }
    };
    change(&oldest, |bytes| bytes[5_000] ^= 0x10);
    missed("damaged at byte 33952");
    fs::remove_file(&oldest).unwrap();
    missed("is missing");
    fs::write(&oldest, whole).unwrap();
    Running::start(home.serve()).kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_or_another_master_key_is_refused() {
    let home = stopped().await;
    let key = home.path("master.key");
    let whole = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    refused(&home, &[&key.display().to_string(), "there is no master key"]);
    assert!(!key.exists(), "none is made in its place");
    fs::write(&key, [b'0'; 64]).unwrap();
    refused(&home, &["data/keys/block-", "the master key is not the one"]);
    fs::write(&key, &whole[..40]).unwrap();
    refused(&home, &[&key.display().to_string(), "the file has 40 bytes"]);
    fs::write(&key, whole).unwrap();
    Running::start(home.serve()).kill();
}

/// Where the views know more than the journal, an older journal was put back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_journal_beside_its_views_is_refused() {
    let home = Home::new();
    let served = Served::on(home.ground()).await.unwrap();
    let telling = Telling { long_text_bytes: 100, evidence: 1 };
    tell(&served.clients(), 0, telling).await;
    served.stop().await;
    let older = home.path("older");
    crate::binary::copy(&home.path("data/journal"), &older);
    let served = Served::on(home.ground()).await.unwrap();
    tell(&served.clients(), 1, telling).await;
    served.stop().await;
    fs::remove_dir_all(home.path("data/journal")).unwrap();
    crate::binary::copy(&older, &home.path("data/journal"));

    let ended = ended(home.serve());
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{}", ended.stderr);
    assert!(ended.stderr.contains("an older journal was put back"), "{}", ended.stderr);
    // Whoever means it says so, as the message tells.
    fs::remove_dir_all(home.path("data/views")).unwrap();
    Running::start(home.serve()).kill();
}

/// What only the database of the views tells, it tells once it is open: by then commands are taken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exchanged_journal_that_shows_late_ends_the_server() {
    let home = Home::new();
    let (data, views) = (home.path("data"), home.path("data/views"));
    let telling = || Telling { long_text_bytes: 100, evidence: 1 };
    let live = async |lives: &[usize]| {
        for life in lives {
            let served = Served::on(home.ground()).await.unwrap();
            tell(&served.clients(), *life, telling()).await;
            served.stop().await;
        }
    };
    live(&[0]).await;
    crate::binary::copy(&data, &home.path("before"));
    // The signer goes back with the journal: it would remember what is taken back.
    crate::binary::copy(&home.path("signer"), &home.path("signer-before"));
    live(&[1]).await;
    crate::binary::copy(&views, &home.path("other"));
    fs::remove_dir_all(&data).unwrap();
    crate::binary::copy(&home.path("before"), &data);
    fs::remove_dir_all(home.path("signer")).unwrap();
    crate::binary::copy(&home.path("signer-before"), &home.path("signer"));
    live(&[1, 2]).await;
    // The negative control: with its own views it starts.
    Running::start(home.serve()).kill();
    let known = fs::read(views.join("known")).unwrap();
    fs::remove_dir_all(&views).unwrap();
    crate::binary::copy(&home.path("other"), &views);
    fs::write(views.join("known"), known).unwrap();

    let ended = ended(home.serve());
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{}", ended.stderr);
    assert!(ended.stderr.contains("the ledger is closed"), "{}", ended.stderr);
    assert!(ended.stderr.contains("the journal was exchanged"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}
