//! Records as they are stored.

use prost::Message;

use super::value::given_text;
use crate::{
    judgement::StreamId,
    ledger::{PassedOn, PassedText, Streamed},
    pb,
    rpc::served::SplicedRecord,
};

/// Opens the texts of a record.
pub(crate) type Open<'a> = &'a (dyn Fn(&PassedOn) -> Vec<PassedText> + Sync);

/// A record with its texts, or the bytes of one that a newer version wrote.
pub(crate) fn streamed(streamed: Streamed, open: Open<'_>) -> SplicedRecord {
    match streamed {
        Streamed::Newer(_, bytes) => {
            SplicedRecord { newer_record: bytes, ..SplicedRecord::default() }
        }
        Streamed::Record(passed_on) => {
            let field = |(field, shown): PassedText| pb::FieldText {
                field: field.into_owned(),
                text: Some(given_text(shown)),
            };
            SplicedRecord {
                texts: open(&passed_on).into_iter().map(field).collect(),
                record: passed_on.entry.record,
                ..SplicedRecord::default()
            }
        }
    }
}

/// The stream of a record that a newer version wrote, where it can still be told.
pub(crate) fn newer_stream(bytes: &[u8]) -> Option<StreamId> {
    let record = pb::Record::decode(bytes).ok()?;
    StreamId::parse(&record.stream).ok()
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use bytes::Bytes;

    use super::super::fixture::{self, act, record_of, said, shown, texts_of};
    use super::*;
    use crate::{
        journal::Entry,
        judgement::{Event, Position, SubjectRegistered},
        ledger::Shown,
        pb::stream_records_response::Message as Told,
        rpc::served::{SplicedMessage, StreamRecordsAnswer},
    };

    /// What a client reads in what goes out.
    fn read(record: &SplicedRecord) -> pb::StreamedRecord {
        pb::StreamedRecord::decode(record.encode_to_vec().as_slice()).unwrap()
    }

    #[test]
    fn a_record_is_streamed_as_stored_with_its_texts_beside_it() {
        let subject = crate::judgement::SubjectId::parse("leicester-city").unwrap();
        let label = |given| crate::judgement::Label::parse(given).unwrap();
        let event = Event::SubjectRegistered(SubjectRegistered {
            subject,
            name: label("Leicester City Council"),
            kind: label("local authority"),
        });
        let mut stated = act();
        stated.rationale = Some(said("because"));
        let record = record_of(3, "subjects/leicester-city", stated, event);
        let stored = pb::Record::decode(record.stored.clone()).unwrap();
        let expected = pb::StreamedRecord {
            record: Some(stored),
            texts: vec![pb::FieldText { field: "rationale".to_owned(), text: shown("because") }],
            newer_record: Bytes::new(),
        };
        let spliced = streamed(fixture::passed_on(&record), &|_| texts_of(&record));
        assert_eq!(read(&spliced), expected);
    }

    #[test]
    fn a_newer_record_is_passed_on_byte_for_byte_and_its_stream_is_still_told() {
        // Field 99, which this version does not know, behind a stream that it does.
        let header = pb::Record { stream: fixture::ASSESSMENT.to_owned(), ..Default::default() };
        let mut bytes = header.encode_to_vec();
        bytes.extend([0x9a, 0x06, 0x01, 0x2a]);
        let newer = Streamed::Newer(Position::new(4), Bytes::from(bytes.clone()));
        let shown = read(&streamed(newer, &|_| Vec::new()));
        assert_eq!((shown.record, shown.newer_record), (None, Bytes::from(bytes.clone())));
        assert_eq!(newer_stream(&bytes), StreamId::parse(fixture::ASSESSMENT).ok());
        assert_eq!(newer_stream(b"\xff"), None);
    }

    /// The bytes of every shape of a record that was ever written.
    fn golden() -> Vec<Bytes> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/records");
        let mut records = Vec::new();
        for version in fs::read_dir(folder).unwrap() {
            for file in fs::read_dir(version.unwrap().path()).unwrap() {
                let path = file.unwrap().path();
                if path.extension().is_some_and(|ending| ending == "hex") {
                    let hex = fs::read_to_string(path).unwrap().replace('\n', "");
                    let byte = |pair: &[u8]| {
                        u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()
                    };
                    records.push(hex.as_bytes().chunks(2).map(byte).collect());
                }
            }
        }
        assert!(records.len() > 10, "the golden records were not found");
        records
    }

    /// What prost makes of the same record and texts as a message.
    fn as_a_message(record: &[u8], texts: &[PassedText]) -> Vec<u8> {
        let field = |(field, shown): &PassedText| pb::FieldText {
            field: field.to_string(),
            text: Some(given_text(shown.clone())),
        };
        let streamed = pb::StreamedRecord {
            record: Some(pb::Record::decode(record).unwrap()),
            texts: texts.iter().map(field).collect(),
            newer_record: Bytes::new(),
        };
        pb::StreamRecordsResponse { message: Some(Told::Record(streamed)) }.encode_to_vec()
    }

    #[test]
    fn what_is_spliced_is_the_message_to_the_byte_for_every_record_ever_written() {
        let texts: Vec<PassedText> = vec![
            ("rationale".into(), said("because")),
            ("figures/0/measure".into(), fixture::erased()),
            ("source".into(), Shown::Missing),
            ("text".into(), said("")),
        ];
        for record in golden() {
            let entry = Entry { record: record.clone(), sealed: Bytes::new() };
            let passed_on = PassedOn::of(Position::new(1), entry).unwrap();
            for some in [&texts[..], &[]] {
                let spliced = |given: PassedOn| {
                    let spliced = streamed(Streamed::Record(given), &|_| some.to_vec());
                    let message = Some(SplicedMessage::Record(spliced));
                    StreamRecordsAnswer { message }.encode_to_vec()
                };
                assert_eq!(spliced(passed_on.clone()), as_a_message(&record, some));
                // A byte more would be seen.
                let mut longer = passed_on.clone();
                longer.entry.record = [record.as_ref(), &[0]].concat().into();
                assert_ne!(spliced(longer), as_a_message(&record, some));
            }
        }
    }
}
