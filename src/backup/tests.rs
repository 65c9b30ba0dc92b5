//! Backups of small ledgers: what is written is read again to the byte, and whatever differs is
//! refused.

use std::{fs, path::Path, sync::Arc};

use bytes::Bytes;
use jiff::Timestamp;
use tempfile::TempDir;
use uuid::Uuid;

use super::{
    BackupError, Chain, KeyringWriter, Next, PartHead, Proofs, Restored,
    chain::part_name,
    file::FileWriter,
    frame::Kind,
    part::{MAGIC, PartReader, entry_parts},
    read_keyring, restore,
};
use crate::{
    disk::{Disk, RealDisk},
    evidence::Trust,
    journal::{Entry, Journal, MemoryJournal, Page, Stored},
    judgement::{
        Event, Label, Position, RecordId, Revision, StreamId, SubjectId, SubjectRegistered, Text,
    },
    ledger::{Summary, filing},
    merkle::{
        Checkpoint, ConsistencyPlan, Frontier, Hash, KeyName, Node, Origin, Signer, TreeHead,
        leaf_hash, root_of,
    },
    record::{Record, samples::sample_of},
};

const LEDGER: [u8; 16] = *b"a ledger's id...";

fn signer(name: &str) -> Signer {
    Signer::new(KeyName::parse(name).unwrap(), &[7; 32])
}

fn record(position: u64) -> Bytes {
    let subject = SubjectId::parse(&format!("city-{position}")).unwrap();
    let label = Label::parse("A city council").unwrap();
    let event: Event<Text> = Event::SubjectRegistered(SubjectRegistered {
        subject: subject.clone(),
        name: label.clone(),
        kind: label,
    });
    let record = Record {
        stream: StreamId::Subject(subject),
        position: Position::new(position),
        revision: Revision::new(1),
        id: RecordId::new(Uuid::from_u128(u128::from(position))),
        ..sample_of(event).record
    };
    record.encode().unwrap()
}

/// The first entries of a ledger; every third has something beside it.
fn entries(count: u64) -> Vec<Stored> {
    let entry = |position| {
        let document = Bytes::from(vec![position as u8; 40]);
        let beside = crate::record::Beside { texts: Bytes::new(), document };
        let sealed = if position % 3 == 0 { beside.encode() } else { Bytes::new() };
        Stored {
            position: Position::new(position),
            entry: Entry { record: record(position), sealed },
        }
    };
    (1..=count).map(entry).collect()
}

fn leaves(entries: &[Stored]) -> Vec<Hash> {
    entries.iter().map(|it| leaf_hash(&it.entry.record)).collect()
}

fn tree(entries: &[Stored]) -> TreeHead {
    TreeHead { size: entries.len() as u64, root: root_of(&leaves(entries)) }
}

/// The note of the checkpoint over these entries.
fn note(entries: &[Stored], name: &str) -> Bytes {
    let origin = Origin::from(KeyName::parse(name).unwrap());
    let note = Checkpoint::new(origin, tree(entries)).sign(&[signer(name)]).unwrap();
    Bytes::from(note.to_string())
}

/// Proves that the tree over all these entries begins with that over the first `from`.
fn grown(entries: &[Stored], from: u64) -> Vec<Hash> {
    if from == 0 || from == entries.len() as u64 {
        return Vec::new();
    }
    let leaves = leaves(entries);
    let plan = ConsistencyPlan::new(from, leaves.len() as u64).unwrap();
    let hash = |node: &Node| {
        let covered = node.leaves();
        root_of(&leaves[covered.start as usize..covered.end as usize])
    };
    let hashes: Vec<_> = plan.nodes().iter().map(hash).collect();
    plan.fold(&hashes).unwrap().hashes().to_vec()
}

fn head(entries: &[Stored], from: u64) -> PartHead {
    PartHead::new(LEDGER, from, note(entries, "log"), grown(entries, from)).unwrap()
}

fn disk(path: &Path) -> Arc<dyn Disk> {
    Arc::new(RealDisk::at(path).unwrap())
}

fn chain(path: &Path) -> Result<Chain, BackupError> {
    Chain::read(disk(path))
}

/// Adds the part of all entries after the first `from`.
fn add(path: &Path, entries: &[Stored], from: u64) -> Result<u64, BackupError> {
    let Next::Part(mut part) = Chain::open(disk(path))?.begin(head(entries, from))? else {
        panic!("nothing is new")
    };
    for stored in &entries[from as usize..] {
        part.add(stored)?;
    }
    part.finish()
}

/// A backup of a hundred entries in two parts.
fn backed_up() -> (TempDir, Vec<Stored>) {
    let (directory, all) = (TempDir::new().unwrap(), entries(100));
    add(directory.path(), &all[..37], 0).unwrap();
    add(directory.path(), &all, 37).unwrap();
    (directory, all)
}

async fn restored(path: &Path, proofs: &Proofs) -> Result<(Restored, MemoryJournal), BackupError> {
    let journal = MemoryJournal::new(filing());
    let restored = restore(&chain(path)?, &journal, proofs, &mut |_| {}).await?;
    Ok((restored, journal))
}

fn trusting() -> Proofs {
    Proofs { trust: Trust { keys: vec![signer("log").verifier()] }, kept: Vec::new() }
}

#[tokio::test]
async fn what_was_backed_up_is_restored_to_the_byte() {
    let (directory, all) = backed_up();
    let (restored, journal) = restored(directory.path(), &trusting()).await.unwrap();
    assert_eq!((restored.tree, restored.parts), (tree(&all), 2));
    let page = Page { entries_max: 1_000, bytes_max: 1 << 20 };
    assert_eq!(journal.read(Position::START, page).await.unwrap(), all);
    assert_eq!(journal.checkpoint().await.unwrap(), Some(note(&all, "log")));
    let mark = journal.head().await.unwrap().mark.unwrap();
    let summary = Summary::from_bytes(&mark.bytes).unwrap();
    let mut frontier = Frontier::empty();
    for leaf in leaves(&all) {
        frontier.push(leaf);
    }
    let recorded_at = Timestamp::from_microsecond(1_162_382_400_000_123).unwrap();
    assert_eq!((summary, mark.at.get()), (Summary { frontier, recorded_at }, 100));
}

#[test]
fn nothing_new_adds_no_part() {
    let (directory, all) = backed_up();
    let chain = Chain::open(disk(directory.path())).unwrap();
    assert!(matches!(chain.begin(head(&all, 100)).unwrap(), Next::Nothing));
    assert_eq!(chain.tree(), tree(&all));
}

#[test]
fn two_processes_do_not_add_parts_at_once() {
    let (directory, _) = backed_up();
    let first = Chain::open(disk(directory.path())).unwrap();
    let refused = Chain::open(disk(directory.path())).err().unwrap();
    assert!(matches!(refused, BackupError::InUse { .. }), "{refused}");
    drop(first);
    Chain::open(disk(directory.path())).unwrap();
}

/// Every byte is under a checksum: whichever is another, nothing is restored.
#[tokio::test]
async fn a_changed_byte_anywhere_is_refused() {
    let (directory, all) = (TempDir::new().unwrap(), entries(7));
    add(directory.path(), &all[..4], 0).unwrap();
    add(directory.path(), &all, 4).unwrap();
    for number in [1, 2] {
        let path = directory.path().join(part_name(number));
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1 << (at % 8);
            fs::write(&path, changed).unwrap();
            let refused = restored(directory.path(), &trusting()).await.err();
            let refused = refused.unwrap_or_else(|| panic!("byte {at} of part {number}"));
            assert!(refused.to_string().contains(&part_name(number)), "{at}: {refused}");
        }
        fs::write(&path, whole).unwrap();
    }
    restored(directory.path(), &trusting()).await.unwrap();
}

/// Where each frame of a file begins and ends.
fn frames(bytes: &[u8]) -> Vec<(usize, usize)> {
    let (mut found, mut at) = (Vec::new(), 12);
    while at + 4 < bytes.len() {
        let length = u32::from_be_bytes(bytes[at + 1..at + 5].try_into().unwrap()) as usize;
        found.push((at, at + 5 + length + 4));
        at += 5 + length + 4;
    }
    found
}

/// Changes a byte of a frame and makes its checksum right again.
fn change(bytes: &mut [u8], (begins, ends): (usize, usize), at: usize) {
    bytes[begins + 5 + at] ^= 1;
    let checksum = crc32c::crc32c(&bytes[begins..ends - 4]).to_be_bytes();
    bytes[ends - 4..ends].copy_from_slice(&checksum);
}

/// What lies beside a record is no part of its hash: the digest of the file tells.
#[tokio::test]
async fn what_no_root_covers_is_under_the_digest() {
    let (directory, all) = (TempDir::new().unwrap(), entries(3));
    add(directory.path(), &all, 0).unwrap();
    let path = directory.path().join(part_name(1));
    let whole = fs::read(&path).unwrap();
    let said = async || restored(directory.path(), &trusting()).await.err().unwrap().to_string();
    let mut changed = whole.clone();
    let [.., last, trailer] = frames(&whole)[..] else { panic!("there is an entry") };
    // The last byte of what lies beside the last record.
    change(&mut changed, last, last.1 - last.0 - 10);
    fs::write(&path, &changed).unwrap();
    assert!(said().await.contains("the digest is not that of the file"), "{}", said().await);
    // The trailer is not under its own digest: how many entries there are is counted.
    let mut changed = whole.clone();
    change(&mut changed, trailer, 7);
    fs::write(&path, &changed).unwrap();
    assert!(said().await.contains("the number of frames is another"), "{}", said().await);
}

#[tokio::test]
async fn a_part_that_is_cut_off_or_goes_on_is_refused() {
    let (directory, _) = backed_up();
    let path = directory.path().join(part_name(2));
    let whole = fs::read(&path).unwrap();
    for length in (0..whole.len()).step_by(7).chain([whole.len() - 1]) {
        fs::write(&path, &whole[..length]).unwrap();
        let refused = restored(directory.path(), &trusting()).await.err().unwrap();
        assert!(matches!(refused, BackupError::Damaged { .. }), "{length}: {refused}");
    }
    fs::write(&path, [&whole[..], &whole[whole.len() - 4..]].concat()).unwrap();
    let refused = restored(directory.path(), &trusting()).await.err().unwrap();
    assert!(matches!(refused, BackupError::Damaged { .. }), "{refused}");
}

#[tokio::test]
async fn parts_that_are_missing_or_out_of_order_are_refused_by_name() {
    let (directory, all) = backed_up();
    let path = |number| directory.path().join(part_name(number));
    let said = async || restored(directory.path(), &trusting()).await.err().unwrap().to_string();
    fs::rename(path(1), path(3)).unwrap();
    assert!(said().await.contains("part-0001.backup: this part is missing"), "{}", said().await);
    fs::rename(path(2), path(1)).unwrap();
    fs::rename(path(3), path(2)).unwrap();
    let begins = "part-0001.backup: it begins after record 37";
    assert!(said().await.contains(begins), "{}", said().await);
    fs::remove_file(path(2)).unwrap();
    fs::remove_file(path(1)).unwrap();
    assert!(said().await.contains("there is no backup in it"), "{}", said().await);
    // The same part twice.
    add(directory.path(), &all, 0).unwrap();
    fs::copy(path(1), path(2)).unwrap();
    let begins_again = "part-0002.backup: it begins after record 0";
    assert!(said().await.contains(begins_again), "{}", said().await);
}

#[tokio::test]
async fn a_part_of_another_ledger_is_refused_by_name() {
    let (directory, all) = backed_up();
    let path = directory.path().join(part_name(2));
    fs::remove_file(&path).unwrap();
    let chain = Chain::open(disk(directory.path())).unwrap();
    let refused = |head: PartHead| chain.begin(head).err().unwrap();
    let other = PartHead::new([9; 16], 37, note(&all, "log"), grown(&all, 37)).unwrap();
    assert!(matches!(refused(other), BackupError::OtherLedger { .. }));
    let other = PartHead::new(LEDGER, 37, note(&all, "other"), grown(&all, 37)).unwrap();
    assert!(matches!(refused(other), BackupError::OtherHistory { .. }));
    let mut exchanged = all.clone();
    exchanged[3] = Stored { position: Position::new(4), entry: all[5].entry.clone() };
    let other = PartHead::new(LEDGER, 37, note(&exchanged, "log"), grown(&exchanged, 37)).unwrap();
    assert!(matches!(refused(other), BackupError::OtherHistory { .. }));
    assert!(matches!(refused(head(&all, 36)), BackupError::OutOfPlace { .. }));
}

/// A part as nobody writes it: whatever `entries` are, with every checksum right.
fn forge(path: &Path, number: u64, head: &PartHead, entries: &[Stored], edge: &Frontier) {
    let mut file = FileWriter::begin(&disk(path), &part_name(number), MAGIC).unwrap();
    file.add(Kind::Head, &[&head.encode()]).unwrap();
    for stored in entries {
        let (position, length) = entry_parts(stored);
        let parts = [&position[..], &length, &stored.entry.record, &stored.entry.sealed];
        file.add(Kind::Entry, &parts).unwrap();
    }
    file.finish(&edge.to_bytes()).unwrap();
}

fn edge(entries: &[Stored]) -> Frontier {
    let mut frontier = Frontier::empty();
    for leaf in leaves(entries) {
        frontier.push(leaf);
    }
    frontier
}

/// The negative control of the format: a part that is forged as it was is restored.
#[tokio::test]
async fn a_backup_that_misses_or_changes_a_record_is_refused_though_every_checksum_is_right() {
    let (directory, all) = (TempDir::new().unwrap(), entries(100));
    let forged = async |changed: &[Stored]| {
        forge(directory.path(), 1, &head(&all, 0), changed, &edge(&all));
        restored(directory.path(), &trusting()).await.map(|(restored, _)| restored.tree)
    };
    assert_eq!(forged(&all).await.unwrap(), tree(&all));

    let mut missing = all.clone();
    missing.remove(41);
    let refused = forged(&missing).await.unwrap_err();
    assert!(matches!(refused, BackupError::OutOfOrder { .. }), "{refused}");
    // Numbered anew, there are too few.
    let renumbered = |entries: &[Stored]| -> Vec<Stored> {
        let entries = entries.iter().zip(1..);
        entries.map(|(it, at)| Stored { position: Position::new(at), ..it.clone() }).collect()
    };
    let refused = forged(&renumbered(&missing)).await.unwrap_err();
    assert!(matches!(refused, BackupError::RecordsMissing { size: 99, .. }), "{refused}");
    // With another in its place, they make another root.
    missing.insert(41, all[50].clone());
    let refused = forged(&renumbered(&missing)).await.unwrap_err();
    assert!(matches!(refused, BackupError::OtherRoot { size: 100, .. }), "{refused}");
    let mut swapped = all.clone();
    swapped.swap(10, 11);
    let refused = forged(&renumbered(&swapped)).await.unwrap_err();
    assert!(matches!(refused, BackupError::OtherRoot { size: 100, .. }), "{refused}");
    let beyond = entries(101);
    let refused = forged(&beyond).await.unwrap_err();
    assert!(matches!(refused, BackupError::OutOfOrder { .. }), "{refused}");
}

/// What is wrong is found out on the day it is written.
#[test]
fn a_part_whose_records_do_not_make_its_root_is_never_finished() {
    let (directory, all) = (TempDir::new().unwrap(), entries(20));
    let part = |entries: &[Stored]| {
        let chain = Chain::open(disk(directory.path())).unwrap();
        let Next::Part(mut part) = chain.begin(head(&all, 0)).unwrap() else { panic!() };
        entries.iter().try_for_each(|it| part.add(it))?;
        part.finish()
    };
    let refused = part(&all[..19]).unwrap_err();
    assert!(matches!(refused, BackupError::RecordsMissing { size: 19, .. }), "{refused}");
    let refused = part(&all[1..]).unwrap_err();
    assert!(matches!(refused, BackupError::OutOfOrder { .. }), "{refused}");
    let mut changed = all.clone();
    changed[7].entry = all[8].entry.clone();
    let refused = part(&changed).unwrap_err();
    assert!(matches!(refused, BackupError::OtherRoot { size: 20, .. }), "{refused}");
    assert!(chain(directory.path()).unwrap().heads().is_empty());
    part(&all).unwrap();
}

#[tokio::test]
async fn a_checkpoint_is_believed_only_from_a_key_that_is_trusted() {
    let (directory, _) = backed_up();
    let other = Proofs { trust: Trust { keys: vec![signer("other").verifier()] }, ..trusting() };
    let refused = restored(directory.path(), &other).await.err().unwrap();
    assert!(refused.to_string().contains("no key that you trust has signed it"), "{refused}");
    // These records name no key: without one from outside nobody vouches for them.
    let refused = restored(directory.path(), &Proofs::default()).await.err().unwrap();
    assert!(refused.to_string().contains("no key that the ledger names"), "{refused}");
}

#[tokio::test]
async fn a_checkpoint_that_was_kept_elsewhere_must_agree() {
    let (directory, all) = backed_up();
    let with = |entries: &[Stored]| {
        let kept = vec![("kept".to_owned(), note(entries, "log").to_vec())];
        Proofs { kept, ..trusting() }
    };
    for size in [1, 36, 50, 100] {
        restored(directory.path(), &with(&all[..size])).await.unwrap();
    }
    let refused = restored(directory.path(), &with(&entries(101))).await.err().unwrap();
    let missing = "there are 100 records; kept covers 101: records are missing";
    assert_eq!(refused.to_string(), missing);
    let mut exchanged = all[..50].to_vec();
    exchanged[3].entry = all[60].entry.clone();
    let refused = restored(directory.path(), &with(&exchanged)).await.err().unwrap();
    assert!(matches!(refused, BackupError::OtherRoot { size: 50, .. }), "{refused}");
}

#[test]
fn a_newer_format_is_refused_by_its_name() {
    let (directory, _) = backed_up();
    let path = directory.path().join(part_name(1));
    let mut bytes = fs::read(&path).unwrap();
    bytes[11] = 2;
    fs::write(&path, bytes).unwrap();
    let refused = PartReader::open(&*disk(directory.path()), &part_name(1)).err().unwrap();
    assert!(matches!(refused, BackupError::Newer { found: 2, known: 1, .. }), "{refused}");
}

#[test]
fn a_keyring_is_kept_as_it_lies_and_read_nowhere_else() {
    let directory = TempDir::new().unwrap();
    let (from, into) = (disk(directory.path()), disk(&directory.path().join("keys")));
    let block = "block-0000000001.keys";
    let written = |name: &str| {
        let mut writer = KeyringWriter::begin(&from, "ring", LEDGER).unwrap();
        writer.add(name, b"some keys").unwrap();
        writer.finish().unwrap();
    };
    written(block);
    assert_eq!(read_keyring(&*from, "ring", LEDGER, &*into).unwrap(), 1);
    assert_eq!(fs::read(directory.path().join("keys").join(block)).unwrap(), b"some keys");
    let refused = read_keyring(&*from, "ring", [9; 16], &*into).unwrap_err();
    assert!(matches!(refused, BackupError::OtherLedger { .. }), "{refused}");
    let path = directory.path().join("ring");
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        fs::write(&path, changed).unwrap();
        assert!(read_keyring(&*from, "ring", LEDGER, &*into).is_err(), "byte {at}");
        fs::write(&path, &whole[..at]).unwrap();
        assert!(read_keyring(&*from, "ring", LEDGER, &*into).is_err(), "{at} bytes");
    }
    fs::write(&path, [&whole[..], b"more"].concat()).unwrap();
    let refused = read_keyring(&*from, "ring", LEDGER, &*into).unwrap_err();
    assert!(refused.to_string().contains("the file goes on after its end"), "{refused}");
    for elsewhere in ["../block-0000000001.keys", "/tmp/a", "block-1.keys", ""] {
        written(elsewhere);
        assert!(read_keyring(&*from, "ring", LEDGER, &*into).is_err(), "{elsewhere}");
    }
}
