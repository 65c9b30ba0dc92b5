//! Under which keys the journal files a record: its stream, its request, its cycle, its subject, the
//! text that it redacts, the stream that evidence was taken of, and whether it registers somebody or
//! something that commands are decided with, erases a text, or tells of a key that the ledger signs
//! with.
//!
//! What decides is found through these keys, which the journal keeps in its checksummed footers,
//! and never through a view alone. A key is a short hash and may collide: whoever finds a record
//! checks that it is the one meant.

use crate::{
    journal::Key,
    judgement::{
        Cycle, FieldPath, FrameworkId, PersonId, Position, RequestId, StreamId, SubjectId,
    },
    merkle::sha256,
    record::Headline,
};

const STREAM: &[u8] = b"judgement-ledger/key/stream\0";
const REQUEST: &[u8] = b"judgement-ledger/key/request\0";
const CYCLE: &[u8] = b"judgement-ledger/key/cycle\0";
const OPENED: &[u8] = b"judgement-ledger/key/opened\0";
const ROTATIONS: &[u8] = b"judgement-ledger/key/rotations\0";
const REGISTRATIONS: &[u8] = b"judgement-ledger/key/registrations\0";
const REDACTED: &[u8] = b"judgement-ledger/key/redacted\0";
const TAKEN: &[u8] = b"judgement-ledger/key/taken\0";
const ERASURES: &[u8] = b"judgement-ledger/key/erasures\0";

/// The key of a stream: every record of it is filed there.
pub(super) fn of_stream(stream: &StreamId) -> Key {
    key(&[STREAM, stream.to_string().as_bytes()])
}

/// The key of a request of a person. (Spec §4.3)
pub(super) fn of_request(person: PersonId, request: RequestId) -> Key {
    key(&[REQUEST, person.uuid().as_bytes(), request.uuid().as_bytes()])
}

/// The key of what may be opened once: a subject under a framework in a cycle.
pub(super) fn of_cycle(subject: &SubjectId, framework: &FrameworkId, cycle: &Cycle) -> Key {
    let opened = format!("subjects/{subject}\0{framework}\0{cycle}");
    key(&[CYCLE, opened.as_bytes()])
}

/// The key of a subject: every opening of an assessment of it is filed there.
pub(super) fn of_opened(subject: &SubjectId) -> Key {
    key(&[OPENED, format!("subjects/{subject}").as_bytes()])
}

/// The key of all records that register a person or a framework.
pub(super) fn of_registrations() -> Key {
    key(&[REGISTRATIONS])
}

/// The key of a text: every record of its redaction is filed there.
pub(super) fn of_text(record: Position, field: &FieldPath) -> Key {
    of_redacted(record.get(), field.as_str())
}

/// The key of all records that order the erasure of a text, or say that its key is destroyed.
pub(super) fn of_erasures() -> Key {
    key(&[ERASURES])
}

fn of_redacted(position: u64, field: &str) -> Key {
    key(&[REDACTED, &position.to_be_bytes(), field.as_bytes()])
}

/// The key of what was taken out of a stream; without one, of the whole ledger.
pub(super) fn of_access(stream: Option<&StreamId>) -> Key {
    of_taken(&stream.map(ToString::to_string).unwrap_or_default())
}

fn of_taken(stream: &str) -> Key {
    key(&[TAKEN, stream.as_bytes()])
}

/// The key of all records that tell of a key which the ledger signs with.
pub(super) fn of_rotations() -> Key {
    key(&[ROTATIONS])
}

/// The keys of a stored record; none if its header cannot be read.
pub(super) fn of_record(record: &[u8]) -> Vec<Key> {
    let Some(headline) = Headline::of(record) else { return Vec::new() };
    let mut keys = vec![
        key(&[STREAM, headline.stream.as_bytes()]),
        key(&[REQUEST, &headline.person, &headline.request]),
    ];
    if let Some(opened) = &headline.opened {
        let cycle = format!("{}\0{}\0{}", opened.subject, opened.framework, opened.cycle);
        keys.push(key(&[CYCLE, cycle.as_bytes()]));
        keys.push(key(&[OPENED, opened.subject.as_bytes()]));
    }
    if headline.registers() {
        keys.push(of_registrations());
    }
    if let Some(redacted) = &headline.redacted {
        keys.push(of_redacted(redacted.position, redacted.field));
    }
    if headline.erases() {
        keys.push(of_erasures());
    }
    if let Some(stream) = headline.taken_of {
        keys.push(of_taken(stream));
    }
    if headline.rotates() {
        keys.push(of_rotations());
    }
    keys
}

fn key(parts: &[&[u8]]) -> Key {
    let mut short = [0; 12];
    for (to, from) in short.iter_mut().zip(sha256(parts).as_bytes()) {
        *to = *from;
    }
    Key(short)
}
