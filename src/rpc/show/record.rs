//! Records as they are stored.

use prost::Message;

use super::value::text;
use crate::{
    judgement::StreamId,
    ledger::{ReadError, ReadRecord, Streamed},
    pb,
};

/// A record with its texts, or the bytes of one that a newer version wrote.
///
/// # Errors
/// [`ReadError::Unreadable`] if the stored bytes are no record.
pub(crate) fn streamed(streamed: &Streamed) -> Result<pb::StreamedRecord, ReadError> {
    match streamed {
        Streamed::Newer(_, bytes) => {
            Ok(pb::StreamedRecord { newer_record: bytes.clone(), ..pb::StreamedRecord::default() })
        }
        Streamed::Record(read) => {
            let texts = read.texts.iter().map(|(field, shown)| pb::FieldText {
                field: field.clone(),
                text: Some(text(shown)),
            });
            Ok(pb::StreamedRecord {
                record: Some(stored_message(read)?),
                texts: texts.collect(),
                ..pb::StreamedRecord::default()
            })
        }
    }
}

/// The record as the message that it is stored as: read from the bytes stored, never made anew
/// from what was understood of them.
fn stored_message(read: &ReadRecord) -> Result<pb::Record, ReadError> {
    pb::Record::decode(read.stored.clone()).map_err(|error| ReadError::Unreadable {
        position: read.record.position,
        what: error.to_string(),
    })
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
        assert_eq!(streamed(&Streamed::Record(Box::new(read))).unwrap(), expected);
    }

    #[test]
    fn a_newer_record_is_passed_on_byte_for_byte_and_its_stream_is_still_told() {
        // Field 99, which this version does not know, behind a stream that it does.
        let header = pb::Record { stream: fixture::ASSESSMENT.to_owned(), ..Default::default() };
        let mut bytes = header.encode_to_vec();
        bytes.extend([0x9a, 0x06, 0x01, 0x2a]);
        let newer = Streamed::Newer(Position::new(4), Bytes::from(bytes.clone()));
        let shown = streamed(&newer).unwrap();
        assert_eq!((shown.record, shown.newer_record), (None, Bytes::from(bytes.clone())));
        assert_eq!(newer_stream(&bytes), StreamId::parse(fixture::ASSESSMENT).ok());
        assert_eq!(newer_stream(b"\xff"), None);
    }
}
