//! What the file store promises beside the contract: its calls, its size, its stops.

use std::sync::Arc;

use bytes::Bytes;
use judgement_ledger::{
    disk::{Disk, RealDisk},
    journal::{
        Entry, Group, Journal, JournalError, Mark, NotApplied,
        file::{FileJournal, FileOptions, OpenError, Prepare, Start},
    },
    judgement::Position,
};

use super::{append, by_name, content, group, now, open, stored, tiny, usual_group};
use crate::sim_disk::{Fault, SimDisk};

#[test]
fn an_append_is_one_write_and_one_sync() {
    let disk = SimDisk::new();
    let journal = open(disk.shared()).unwrap();
    let before = disk.calls().len();
    now(append(&journal, group(&["a", "b"]))).unwrap();
    let calls = ["write segment-0000000001.tmp", "sync segment-0000000001.tmp"];
    let named: Vec<_> =
        disk.calls()[before..].iter().map(|call| call.replace(".log", ".tmp")).collect();
    assert_eq!(named, calls);
}

#[test]
fn opening_reads_little_of_sealed_segments() {
    let disk = SimDisk::new();
    let journal = open(disk.shared()).unwrap();
    for number in 0..40 {
        now(append(&journal, usual_group(number))).unwrap();
    }
    drop(journal);
    let (files, before) = (disk.files(), disk.calls().len());
    drop(open(disk.shared()).unwrap());
    let sealed: Vec<_> = files.keys().filter(|name| name.starts_with("segment-")).collect();
    assert!(sealed.len() > 5);
    for name in &sealed[..sealed.len() - 1] {
        let read = format!("read {name}");
        let reads = disk.calls()[before..].iter().filter(|call| **call == read).count();
        assert!(reads <= 4, "{name} is read {reads} times");
    }
}

#[test]
fn a_second_user_of_the_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let disk = || Arc::new(RealDisk::at(directory.path()).unwrap());
    let first = open(disk()).unwrap();
    let Err(error) = open(disk()) else { panic!("two processes have it open") };
    let lock = directory.path().join("LOCK").display().to_string();
    assert!(matches!(&error, OpenError::Locked { file } if *file == lock), "{error}");
    drop(first);
    open(disk()).unwrap();
}

#[tokio::test]
async fn a_closed_journal_reads_but_takes_nothing_more() {
    let disk = SimDisk::new();
    let journal = open(disk.shared()).unwrap();
    append(&journal, group(&["a"])).await.unwrap();
    journal.close().await.unwrap();
    let refused = append(&journal, group(&["b"])).await;
    assert!(matches!(refused, Err(JournalError::NotApplied(NotApplied::Unavailable(_)))));
    let refused = journal.keep_checkpoint(Bytes::new()).await;
    assert!(matches!(refused, Err(JournalError::NotApplied(NotApplied::Unavailable(_)))));
    assert_eq!(content(&journal).await.unwrap(), stored([&group(&["a"])]));
}

#[test]
fn the_mark_at_the_head_survives_a_clean_stop() {
    let disk = SimDisk::new();
    let journal = open(disk.shared()).unwrap();
    assert_eq!(journal.recovery().start, Start::Created);
    now(append(&journal, group(&["a"]))).unwrap();
    now(journal.close()).unwrap();
    drop(journal);
    for _ in 0..2 {
        // Opened and closed again without a change, the note stands.
        let journal = open(disk.shared()).unwrap();
        assert_eq!(journal.recovery().start, Start::AfterCleanStop);
        let mark = Mark { at: Position::new(1), bytes: group(&["a"]).mark };
        assert_eq!(now(journal.head()).unwrap().mark, Some(mark));
        now(journal.close()).unwrap();
    }
    let journal = open(disk.shared()).unwrap();
    now(append(&journal, group(&["b"]))).unwrap();
    drop(journal);
    let journal = open(disk.shared()).unwrap();
    assert_eq!(journal.recovery().start, Start::AfterUncleanStop);
    assert_eq!(now(journal.head()).unwrap().position, Position::new(2));
}

#[test]
fn a_torn_append_is_discarded_and_reported() {
    let disk = SimDisk::new();
    let journal = open(disk.shared()).unwrap();
    now(append(&journal, group(&["a"]))).unwrap();
    disk.fail_after(0, Fault::Eio); // A third of the write is done.
    assert!(matches!(now(append(&journal, group(&["b"]))), Err(JournalError::Unknown(_))));
    let disk = disk.after_kill();
    let journal = open(disk.shared()).unwrap();
    let recovery = journal.recovery();
    assert_eq!((recovery.start, recovery.position), (Start::AfterUncleanStop, Position::new(1)));
    let discarded = recovery.discarded.as_ref().unwrap();
    assert_eq!(discarded.file, "sim/segment-0000000001.log");
    assert!(discarded.offset > 512 && discarded.bytes > 0);
    assert_eq!(now(content(&journal)).unwrap(), stored([&group(&["a"])]));
    drop(journal);
    assert_eq!(open(disk.shared()).unwrap().recovery().discarded, None);
}

/// The footer finds the disk full; the successor that is there already is used later.
#[test]
fn a_full_disk_refuses_appends_until_there_is_room() {
    let disk = SimDisk::new();
    let journal = open(disk.shared()).unwrap();
    let large = |name: &str| group(&[&format!("{name}|{}", "x".repeat(701))]);
    now(append(&journal, large("a"))).unwrap();
    now(append(&journal, large("b"))).unwrap();
    let before = disk.calls().len();
    let rotation = || disk.calls()[before..].to_vec();
    disk.fail_after(8, Fault::Full);
    let refused = now(append(&journal, large("c")));
    assert!(
        matches!(refused, Err(JournalError::NotApplied(NotApplied::Full(_)))),
        "{:?}",
        rotation()
    );
    assert_eq!(disk.calls().last().unwrap(), "write segment-0000000001.log", "{:?}", rotation());
    assert_eq!(now(content(&journal)).unwrap(), stored(&[large("a"), large("b")]));
    let before = disk.calls().len();
    now(append(&journal, large("c"))).unwrap();
    assert!(!disk.calls()[before..].iter().any(|call| call.starts_with("create")));
    assert_eq!(now(content(&journal)).unwrap(), stored(&[large("a"), large("b"), large("c")]));
}

#[test]
fn segments_of_another_size_go_on() {
    let disk = SimDisk::new();
    let groups: Vec<Group> = (0..60).map(usual_group).collect();
    for (groups, segment_bytes) in groups.chunks(12).zip([8192, 4096, 16_384, 4096, 512 << 10]) {
        let options = FileOptions { segment_bytes, ..tiny() };
        let journal = FileJournal::open(disk.shared(), by_name(), options).unwrap();
        for group in groups {
            now(append(&journal, group.clone())).unwrap();
        }
    }
    assert_eq!(
        now(content(&open(disk.after_power_cut(1).shared()).unwrap())).unwrap(),
        stored(&groups)
    );
}

#[test]
fn an_impossible_size_of_segments_is_refused() {
    for segment_bytes in [0, 4095, 4097, 2048, (1 << 30) + 512] {
        let options = FileOptions { segment_bytes, ..tiny() };
        let refused = FileJournal::open(SimDisk::new().shared(), by_name(), options);
        assert!(
            matches!(refused, Err(OpenError::SegmentBytes { bytes }) if bytes == segment_bytes)
        );
    }
}

/// Records of 434 bytes in groups of 64, each under a key of its own and in one of 200 streams.
#[test]
fn the_journal_is_at_most_six_hundredths_larger_than_what_it_holds() {
    let disk = SimDisk::new();
    let options = FileOptions { segment_bytes: 2 << 20, ..tiny() };
    let journal = FileJournal::open(disk.shared(), by_name(), options).unwrap();
    let mut payload = 0;
    for number in 0..360_usize {
        let record = |at: usize| {
            let record = format!("own-{number}-{at},stream-{}|", (number * 64 + at) % 200);
            Entry { record: format!("{record:x<434}").into(), sealed: Bytes::new() }
        };
        let entries: Vec<_> = (0..64).map(record).collect();
        now(append(&journal, Group { entries, mark: vec![7; 600].into() })).unwrap();
        payload += 434 * 64;
    }
    let files = disk.files();
    let used = |bytes: &Vec<u8>| bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
    let total: usize = files.values().map(used).sum();
    println!("{total} bytes for {payload}");
    assert!(total * 100 <= payload * 106, "{total} bytes for {payload}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn segments_are_prepared_in_the_background_while_readers_read() {
    let directory = tempfile::tempdir().unwrap();
    let open = || {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::at(directory.path()).unwrap());
        let options =
            FileOptions { segment_bytes: 32 << 10, prepare: Prepare::Background, ..tiny() };
        Arc::new(FileJournal::open(disk, by_name(), options).unwrap())
    };
    let journal = open();
    let groups: Vec<Group> = (0..250).map(usual_group).collect();
    let expected = stored(&groups);
    let reader = {
        let (journal, expected) = (Arc::clone(&journal), expected.clone());
        tokio::spawn(async move {
            loop {
                let found = content(journal.as_ref()).await.unwrap();
                assert_eq!(found, expected[..found.len()]);
                if found.len() == expected.len() {
                    break;
                }
            }
        })
    };
    for group in &groups {
        append(journal.as_ref(), group.clone()).await.unwrap();
    }
    reader.await.unwrap();
    assert!(std::fs::read_dir(directory.path()).unwrap().count() > 5);
    drop(journal);
    assert_eq!(content(open().as_ref()).await.unwrap(), expected);
}
