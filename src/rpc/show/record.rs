//! Records as they are stored.

use prost::Message;

use super::value::text;
use crate::{
    judgement::StreamId,
    ledger::{PassedOn, Streamed},
    pb,
};

/// A record with its texts, or the bytes of one that a newer version wrote.
pub(crate) fn streamed(streamed: Streamed) -> pb::StreamedRecord {
    match streamed {
        Streamed::Newer(_, bytes) => {
            pb::StreamedRecord { newer_record: bytes, ..pb::StreamedRecord::default() }
        }
        Streamed::Record(passed_on) => {
            let PassedOn { message, texts, .. } = *passed_on;
            let field = |(field, shown)| pb::FieldText { field, text: Some(text(&shown)) };
            pb::StreamedRecord {
                record: Some(message),
                texts: texts.into_iter().map(field).collect(),
                ..pb::StreamedRecord::default()
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
    use bytes::Bytes;

    use super::super::fixture::{self, act, record_of, said, shown};
    use super::*;
    use crate::judgement::{Event, Position, SubjectRegistered};

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
        let read = record_of(3, "subjects/leicester-city", stated, event);
        let stored = pb::Record::decode(read.stored.clone()).unwrap();
        let expected = pb::StreamedRecord {
            record: Some(stored),
            texts: vec![pb::FieldText { field: "rationale".to_owned(), text: shown("because") }],
            newer_record: Bytes::new(),
        };
        assert_eq!(streamed(fixture::passed_on(read)), expected);
    }

    #[test]
    fn a_newer_record_is_passed_on_byte_for_byte_and_its_stream_is_still_told() {
        // Field 99, which this version does not know, behind a stream that it does.
        let header = pb::Record { stream: fixture::ASSESSMENT.to_owned(), ..Default::default() };
        let mut bytes = header.encode_to_vec();
        bytes.extend([0x9a, 0x06, 0x01, 0x2a]);
        let newer = Streamed::Newer(Position::new(4), Bytes::from(bytes.clone()));
        let shown = streamed(newer);
        assert_eq!((shown.record, shown.newer_record), (None, Bytes::from(bytes.clone())));
        assert_eq!(newer_stream(&bytes), StreamId::parse(fixture::ASSESSMENT).ok());
        assert_eq!(newer_stream(b"\xff"), None);
    }
}
