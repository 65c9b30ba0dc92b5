//! Records and bytes, there and back.

use jiff::Timestamp;
use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::DescriptorPool;

use super::*;
use crate::{
    judgement::{EntryId, EvidenceRef},
    record::samples::{MARK, any_sample, bare_frame, bytes_of},
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_record_is_read_as_it_was_written(sample in any_sample()) {
        let bytes = bytes_of(&sample.record);
        prop_assert_eq!(Record::decode(&bytes), Ok(sample.record));
    }

    #[test]
    fn a_record_holds_no_text(sample in any_sample()) {
        let bytes = bytes_of(&sample.record);
        let found = bytes.windows(MARK.len()).any(|window| window == MARK.as_bytes());
        prop_assert!(!found);
    }

    #[test]
    fn cut_or_altered_bytes_never_pass_for_the_record(
        sample in any_sample(),
        cut in any::<prop::sample::Index>(),
        flip in 1_u8..,
    ) {
        let mut bytes = bytes_of(&sample.record).to_vec();
        let at = cut.index(bytes.len());
        prop_assert_ne!(Record::decode(&bytes[..at]).ok(), Some(sample.record.clone()));
        bytes[at] ^= flip;
        prop_assert_ne!(Record::decode(&bytes).ok(), Some(sample.record));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in any::<Vec<u8>>()) {
        drop(Record::decode(&bytes));
    }
}

#[test]
fn what_a_newer_ledger_wrote_is_named_not_skipped() {
    let bare = bytes_of(&bare_frame());
    let mut message = pb::Record::decode(bare.clone()).unwrap();
    message.event = None;
    let without_event = message.encode_to_vec();
    // Field 99, a message of one byte: an arm that does not exist yet.
    let of_newer_arm = [without_event.as_slice(), &[0x9a, 0x06, 0x01, 0x00]].concat();
    assert_eq!(Record::decode(&of_newer_arm), Err(Unreadable::Newer { field: 99 }));
    // Field 20, a number: provenance that does not exist yet.
    let of_newer_field = [&[0xa0, 0x01, 0x01], bare.as_ref()].concat();
    assert_eq!(Record::decode(&of_newer_field), Err(Unreadable::Newer { field: 20 }));
    let none = Err(Unreadable::Malformed { what: "Record.event" });
    assert_eq!(Record::decode(&without_event), none);
    assert_eq!(
        Record::decode(&of_newer_arm).unwrap_err().to_string(),
        "the record was written by a newer ledger: its field 99 is not known here"
    );
}

#[test]
fn the_known_fields_are_those_of_the_proto() {
    let pool = DescriptorPool::decode(pb::DESCRIPTORS).unwrap();
    let record = pool.get_message_by_name("judgement.ledger.v1.Record").unwrap();
    for number in 1..1000 {
        assert_eq!(is_known(number), record.get_field(number).is_some(), "{number}");
    }
}

/// One change to a message, and the field that is then named.
type Spoiling = (&'static str, fn(&mut pb::Record));

const SPOILT: &[Spoiling] = &[
    ("Record.stream", |it| it.stream = "nowhere".into()),
    ("Record.position", |it| it.position = 0),
    ("Record.revision", |it| it.revision = 0),
    ("Record.record_id", |it| it.record_id = vec![1; 15].into()),
    ("Record.recorded_at", |it| it.recorded_at = None),
    ("Record.recorded_at", |it| it.recorded_at.as_mut().unwrap().nanos = -1),
    ("Record.clock", |it| {
        it.clock = Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 });
    }),
    ("Record.recorded_on", |it| it.recorded_on = None),
    ("Record.recorded_on", |it| it.recorded_on.as_mut().unwrap().day = 31),
    ("Record.recorded_by", |it| it.recorded_by = None),
    ("Recorder.person", |it| it.recorded_by.as_mut().unwrap().person = vec![].into()),
    ("Recorder.role", |it| it.recorded_by.as_mut().unwrap().role = 0),
    ("Recorder.role", |it| it.recorded_by.as_mut().unwrap().role = 99),
    ("Recorder.organisation", |it| it.recorded_by.as_mut().unwrap().organisation = "-".into()),
    ("Record.request_id", |it| it.request_id = vec![].into()),
    ("Previous.position", |it| {
        it.previous = Some(pb::Previous { position: 0, hash: vec![1; 32].into() });
    }),
    ("Previous.hash", |it| {
        it.previous = Some(pb::Previous { position: 1, hash: vec![1; 31].into() });
    }),
    ("CommittedDecider.who", |it| it.decided_by = Some(pb::CommittedDecider::default())),
    ("Record.basis", |it| it.basis = 6),
    ("Record.reason", |it| it.reason = "lower".into()),
    ("TextCommitment.digest", |it| it.rationale = Some(pb::TextCommitment::default())),
    ("EvidenceReference.entry", |it| it.evidence = vec![pb::EvidenceReference::default()]),
    ("CommittedTranscription.source", |it| {
        it.transcription = Some(pb::CommittedTranscription::default());
    }),
    ("Record.event", |it| it.event = None),
    ("AssessmentLocked.digest", |it| {
        it.event = Some(pb::record::Event::AssessmentLocked(pb::AssessmentLocked::default()));
    }),
    ("GradeSet.area", |it| {
        it.event = Some(pb::record::Event::GradeSet(pb::GradeSet::default()));
    }),
    ("Standing.not_graded", |it| {
        let standing = pb::Standing { scale: "a".into(), not_graded: 1, ..Default::default() };
        let standing = Some(standing);
        let set = pb::GradeSet { area: "a".into(), standing, change: 1, ..Default::default() };
        it.event = Some(pb::record::Event::GradeSet(set));
    }),
    ("CommittedEntryContent.follow_up", |it| {
        it.event = Some(entry(pb::EntryKind::FollowUp, 0));
    }),
    ("CommittedEntryContent.letter_part", |it| {
        it.event = Some(entry(pb::EntryKind::Narrative, 1));
    }),
];

fn entry(kind: pb::EntryKind, letter_part: i32) -> pb::record::Event {
    let content = pb::CommittedEntryContent {
        entry_kind: kind.into(),
        section: "summary".into(),
        letter_part,
        ..Default::default()
    };
    pb::record::Event::EntryRecorded(pb::EntryRecorded {
        entry: "nar-1".into(),
        content: Some(content),
    })
}

#[test]
fn a_field_that_is_missing_or_wrong_is_named() {
    let sound = pb::Record::decode(bytes_of(&bare_frame())).unwrap();
    for (what, spoil) in SPOILT {
        let mut spoilt = sound.clone();
        spoil(&mut spoilt);
        let read = Record::decode(&spoilt.encode_to_vec());
        assert_eq!(read, Err(Unreadable::Malformed { what }));
    }
}

#[test]
fn a_record_has_at_most_32_kib() {
    let mut record = bare_frame();
    let reference =
        EvidenceRef { entry: EntryId::parse(&"e".repeat(63)).unwrap(), at: Position::new(1) };
    record.act.evidence = vec![reference; 460];
    assert!(bytes_of(&record).len() < RECORD_BYTES_MAX);
    record.act.evidence.extend(record.act.evidence.clone());
    assert_eq!(record.encode(), Err(TooLarge { bytes: record.store().encoded_len() }));
}

#[test]
fn times_keep_their_microseconds() {
    let mut record = bare_frame();
    record.recorded_at = Timestamp::new(1, 123_456_789).unwrap();
    record.clock = Some(Timestamp::new(-1, -1_000).unwrap());
    let read = Record::decode(&bytes_of(&record)).unwrap();
    assert_eq!(read.recorded_at, Timestamp::new(1, 123_456_000).unwrap());
    assert_eq!(read.clock, record.clock);
}
