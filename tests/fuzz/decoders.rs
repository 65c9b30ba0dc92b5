//! What must hold of every decoder, whatever bytes it is given: each function panics where it does
//! not. Fuzzers call them with bytes of their own making (`tests/fuzz`), and `cargo test` with all
//! bytes that are kept in `tests/fuzz/corpus` (`tests/it/fuzzed.rs`).

use std::{
    borrow::Cow,
    pin::pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use judgement_ledger::{
    backup::{PartReader, read_keyring},
    fuzzing,
    journal::{
        Entry, Group, Journal as _, Key, Page, Stored,
        file::{FileJournal, FileOptions, Prepare},
    },
    judgement::Position,
    merkle::{
        AddCheckpoint, Checkpoint, Cosignatures, CosignedSize, EntryBundle, Policy, Signature,
        SignedNote, Tile, TilePath, TlogProof, Verifier, sha256,
    },
    record::{Outline, Record, Unreadable, framework_from_json, framework_of, framework_to_json},
    rpc::Credentials,
};

use super::sim_disk::SimDisk;

/// A decoder under test.
pub type Decoder = fn(&[u8]);

/// All decoders, by the names of their corpora.
pub const DECODERS: [(&str, Decoder); 12] = [
    ("record", record),
    ("frame", frame),
    ("segment", segment),
    ("framework", framework),
    ("import_file", import_file),
    ("page_token", page_token),
    ("filter", filter),
    ("expression", expression),
    ("credential", credential),
    ("issuers", issuers),
    ("evidence", evidence),
    ("backup", backup),
];

/// No two byte strings are the same record, and what is passed on undecoded is what is decoded.
pub fn record(bytes: &[u8]) {
    let outline = Outline::of(bytes);
    match Record::decode(bytes) {
        Ok(record) => {
            assert_eq!(record.encode().unwrap(), bytes, "another record was written than was read");
            let outline = outline.expect("what is decoded has an outline");
            assert_eq!(outline.stream, record.stream.to_string());
            assert_eq!((outline.id, outline.event), (record.id.uuid(), record.event.name()));
            let fields = record.fields().into_iter();
            let texts: Vec<_> = fields.map(|(field, of)| (Cow::Owned(field), of)).collect();
            assert_eq!(outline.texts, texts);
        }
        // What a field means is not asked of what is passed on, but whether it is known.
        Err(error @ Unreadable::Newer { .. }) => assert_eq!(outline, Err(error)),
        Err(error @ Unreadable::Malformed { .. }) => {
            assert!(outline.is_ok() || outline == Err(error));
        }
    }
}

/// What was read is what is written again, with and without a checksum that fits.
pub fn frame(bytes: &[u8]) {
    for bytes in [bytes.to_vec(), with_fitting_checksums(bytes)] {
        let Some((entries, written)) = fuzzing::frame(&bytes) else { continue };
        let again = fuzzing::frame(&written).expect("what is written can be read");
        assert_eq!(again.0, entries);
    }
}

/// The bytes as a frame whose magic, length, end and checksums are right: what a fuzzer would not
/// find by chance.
fn with_fitting_checksums(bytes: &[u8]) -> Vec<u8> {
    let mut frame = bytes.to_vec();
    frame.truncate(bytes.len() / 8 * 8);
    let length = frame.len();
    if length < 48 {
        return frame;
    }
    frame[..4].copy_from_slice(b"\xfbJL\xfe");
    frame[4..8].copy_from_slice(&u32::try_from(length).unwrap().to_le_bytes());
    frame[length - 8..].copy_from_slice(b"\xfeappend\n");
    let body = crc32c::crc32c(&frame[32..]);
    frame[24..28].copy_from_slice(&body.to_le_bytes());
    let head = crc32c::crc32c(&frame[..28]);
    frame[28..32].copy_from_slice(&head.to_le_bytes());
    frame
}

/// The name and bytes of a small journal's segment, and what it holds.
struct Whole {
    files: std::collections::BTreeMap<String, Vec<u8>>,
    stored: Vec<Stored>,
}

fn whole() -> &'static Whole {
    static WHOLE: OnceLock<Whole> = OnceLock::new();
    WHOLE.get_or_init(|| {
        let disk = SimDisk::new();
        let journal = open(&disk).unwrap();
        for number in 0..12_u8 {
            let entry = |part: u8| Entry {
                record: Bytes::from(vec![number ^ part; 20 + usize::from(number) * 30]),
                sealed: Bytes::from(vec![part; usize::from(part) * 40]),
            };
            let group = Group { entries: (0..3).map(entry).collect(), mark: Bytes::new() };
            now(async { journal.turn().await.unwrap().append(group).await }).unwrap();
        }
        let stored = all(&journal).unwrap();
        drop(journal);
        Whole { files: disk.files(), stored }
    })
}

/// Bytes written over the first segment, at the place that the first two say, are found to be
/// damage, or cut off the end: nothing is ever read that was not written.
pub fn segment(bytes: &[u8]) {
    let [low, high, over @ ..] = bytes else { return };
    let Whole { files, stored } = whole();
    let mut files = files.clone();
    let segment = files.values_mut().max_by_key(|content| content.len()).unwrap();
    let at = usize::from(u16::from_le_bytes([*low, *high])) % segment.len();
    let end = (at + over.len()).min(segment.len());
    segment[at..end].copy_from_slice(&over[..end - at]);
    let disk = SimDisk::holding(&files);
    let Ok(journal) = open(&disk) else { return };
    let Ok(found) = all(&journal) else { return };
    assert!(stored.starts_with(&found), "what is read was not written");
    drop(journal);
    let again = open(&disk).expect("what opened once opens again");
    assert_eq!(all(&again).unwrap(), found);
}

fn open(disk: &SimDisk) -> Result<FileJournal, judgement_ledger::journal::file::OpenError> {
    let mut options = FileOptions::new([7; 16]);
    (options.segment_bytes, options.prepare) = (32 << 10, Prepare::Inline);
    let filing = Arc::new(|record: &[u8]| vec![Key([record.len() as u8; 12])]);
    FileJournal::open(disk.shared(), filing, options)
}

fn all(journal: &FileJournal) -> Result<Vec<Stored>, judgement_ledger::journal::JournalError> {
    now(journal.read(Position::START, Page { entries_max: 1_000, bytes_max: 1 << 20 }))
}

/// What a future answers that waits for nothing.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the journal waits outside of a runtime"),
    }
}

/// What a part of a backup and the file of a keyring are read as, with and without checksums that fit,
/// is read again; entries come by rising position, and where the end is reached all are there.
pub fn backup(bytes: &[u8]) {
    for bytes in [bytes.to_vec(), with_fitting_frames(bytes)] {
        let name = "part-0001.backup";
        let disk = SimDisk::holding(&[(name.to_owned(), bytes)].into()).shared();
        let into = SimDisk::new().shared();
        let ring = read_keyring(&*disk, name, [7; 16], &*into);
        assert_eq!(ring.is_ok(), read_keyring(&*disk, name, [7; 16], &*into).is_ok());
        let Ok(mut part) = PartReader::open(&*disk, name) else { continue };
        assert!(ring.is_err(), "a part is no keyring");
        let (mut after, until) = (part.head().from(), part.head().tree().size);
        loop {
            match part.next_entry() {
                Ok(Some(stored)) => {
                    after += 1;
                    assert_eq!(stored.position.get(), after);
                }
                Ok(None) => break assert_eq!(after, until),
                Err(_) => break assert!(after <= until),
            }
        }
    }
}

/// The bytes as a file of a backup whose version, lengths, checksums and end are right.
fn with_fitting_frames(bytes: &[u8]) -> Vec<u8> {
    let magic: &[u8] = if bytes.first() == Some(&b'r') { b"jl-ring\n" } else { b"jl-bkup\n" };
    let mut file = [magic, &[0, 0, 0, 1]].concat();
    let mut rest = bytes.get(12..).unwrap_or_default();
    let (mut frames, mut edge) = (0_u64, &[][..]);
    while let Some(([kind, length @ ..], after)) = rest.split_first_chunk::<5>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap().min(after.len());
        let payload = &after[..length];
        if *kind == b'T' {
            edge = payload.get(48..).unwrap_or_default();
            break;
        }
        frames += u64::from(matches!(kind, b'E' | b'K'));
        frame_of_backup(*kind, payload, &mut file);
        rest = after.get(length + 4..).unwrap_or_default();
    }
    let at = u64::try_from(file.len()).unwrap();
    let digest = sha256(&[&file]);
    let end = [&frames.to_be_bytes()[..], &at.to_be_bytes(), digest.as_bytes(), edge].concat();
    frame_of_backup(b'T', &end, &mut file);
    let last = u32::try_from(file.len()).unwrap() - u32::try_from(at).unwrap();
    [file, last.to_be_bytes().to_vec()].concat()
}

fn frame_of_backup(kind: u8, payload: &[u8], file: &mut Vec<u8>) {
    let begins = file.len();
    file.push(kind);
    file.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
    file.extend(payload);
    let checksum = crc32c::crc32c(&file[begins..]);
    file.extend(checksum.to_be_bytes());
}

/// A framework file that is taken is the same framework when it is written and read again.
pub fn framework(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(message) = framework_from_json(text) else { return };
    let Ok(framework) = framework_of(&message) else { return };
    let written = framework_to_json(&message).unwrap();
    let again = framework_from_json(&written).unwrap();
    assert_eq!(again, message);
    assert_eq!(framework_of(&again), Ok(framework));
}

/// The same file has the same steps with the same ids, no two of them alike, however it is laid out.
pub fn import_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some(steps) = fuzzing::import_file(text) else { return };
    assert_eq!(fuzzing::import_file(&format!("\n \n{text}\n\n")), Some(steps.clone()));
    assert!(!steps.is_empty());
}

/// There is one way to write a page token.
pub fn page_token(bytes: &[u8]) {
    let Ok(written) = std::str::from_utf8(bytes) else { return };
    if let Some(again) = fuzzing::page_token(written) {
        assert_eq!(again, written);
    }
}

/// A filter is the same each time that it is read.
pub fn filter(bytes: &[u8]) {
    assert_eq!(fuzzing::filter(bytes), fuzzing::filter(bytes));
}

/// An expression is the same each time that it is read, and in parentheses.
pub fn expression(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let taken = fuzzing::expression(text);
    assert_eq!(fuzzing::expression(text), taken);
    let grouped = format!("({text})");
    // Neither emptiness nor one more level or two more letters than there may be can be grouped.
    let fits = !text.trim().is_empty() && grouped.len() <= 4_096 && !text.contains('(');
    assert!(!taken || !fits || fuzzing::expression(&grouped), "{text}");
}

/// A credential under a key that nobody knows is not taken, however it is written.
pub fn credential(bytes: &[u8]) {
    let Ok(token) = std::str::from_utf8(bytes) else { return };
    let credentials = Credentials::new(b"thirty-two bytes nobody may know").unwrap();
    let at = jiff::Timestamp::from_second(1_162_339_200).unwrap();
    assert!(credentials.verify(token, at).is_err(), "{token}");
}

/// A document is the same each time that it is read, and never both a file of issuers and their keys.
pub fn issuers(bytes: &[u8]) {
    let read = fuzzing::issuers(bytes);
    assert_eq!(fuzzing::issuers(bytes), read);
    assert_ne!(read, (true, true));
}

/// Keys of a log and of a witness, both of which have signed one checkpoint, and nothing else.
const KEYS: [&str; 2] = [
    "audit.judgements.example/log1+5b2ad1c8+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
    "witness.example/w1+20324abe+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X",
];
const SIGNED: &str =
    "audit.judgements.example/log1\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n";

/// There is one way to write each thing that logs, witnesses and auditors tell each other: what is
/// taken is written again as the same bytes; and no key vouches for what it has not signed.
pub fn evidence(bytes: &[u8]) {
    let same = |written: String| assert_eq!(written.as_bytes(), bytes);
    let keys = KEYS.map(|key| Verifier::parse(key).unwrap());
    let believed = |note: &SignedNote| {
        if let Ok(text) = note.open(&keys) {
            assert_eq!(text, SIGNED);
        }
    };
    if let Ok(note) = SignedNote::parse(bytes) {
        same(note.to_string());
        believed(&note);
    }
    if let Ok(proof) = TlogProof::parse(bytes) {
        same(proof.to_string());
        believed(proof.checkpoint());
    }
    if let Ok(request) = AddCheckpoint::parse(bytes) {
        same(request.to_string());
    }
    if let Ok(answer) = Cosignatures::parse(bytes) {
        same(answer.to_string());
    }
    if let Ok(size) = CosignedSize::parse(bytes) {
        same(size.to_string());
    }
    if let [low, high, entries @ ..] = bytes
        && let Some(bundle) = EntryBundle::new(7, u16::from_le_bytes([*low, *high]))
        && let Ok(read) = bundle.decode(entries)
    {
        assert_eq!(bundle.encode(&read).as_deref(), Ok(entries));
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        same(checkpoint.to_string());
    }
    if let Ok(signature) = Signature::parse(text) {
        same(signature.to_string());
    }
    if let Ok(key) = Verifier::parse(text) {
        same(key.to_string());
    }
    if let Ok(path) = TilePath::parse(text) {
        same(path.to_string());
        if let TilePath::Hashes(tile) = path {
            assert!(tile.is_within(u64::MAX) && (1..=Tile::FULL).contains(&tile.width()));
        }
    }
    // People write policies: the same one may be laid out in many ways.
    if let Ok(policy) = Policy::parse(text) {
        assert_eq!(Policy::parse(&policy.to_string()), Ok(policy));
    }
}
