//! A record and its bytes: the newest shape is written, every shape ever written is read.
//!
//! A record carries no version number: each arm of its `event` oneof *is* a version. A shape that
//! was ever written is frozen; a changed one is a new arm (`GradeSetV2`), written from then on,
//! while the old arm is read for ever. What a newer ledger wrote is reported as
//! [`Unreadable::Newer`], never skipped: its bytes can still be copied, hashed and proven.

mod act;
mod correction;
mod custody;
mod edition;
mod entry;
mod enums;
mod event;
mod fields;
mod marks;
mod redaction;

use bytes::Bytes;
use jiff::Timestamp;
use prost::Message as _;

use super::{Previous, Record, wire};
use crate::{
    judgement::{
        Act, OrganisationId, PersonId, Position, ReasonCode, RecordId, Recorder, RequestId,
        Revision, StreamId,
    },
    merkle::Hash,
    pb,
};
use fields::{Read, array, date, malformed, name, optional_name, required, store_date, uuid};

pub use enums::Numbered;

/// The longest record, in bytes. (Spec §4.10)
pub const RECORD_BYTES_MAX: usize = 32 * 1024;

/// A record of more than [`RECORD_BYTES_MAX`] bytes: too many figures, references or lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the record would have {bytes} bytes; at most {RECORD_BYTES_MAX} are kept")]
pub struct TooLarge {
    /// How many bytes it would have.
    pub bytes: usize,
}

/// Bytes that this version of the ledger does not take for a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// They are no record.
    #[error("the record is malformed: {what} is missing or wrong")]
    Malformed {
        /// The message and field of `record.proto` that is missing or has a wrong value.
        what: &'static str,
    },
    /// They are the record of a newer ledger.
    #[error("the record was written by a newer ledger: its field {field} is not known here")]
    Newer {
        /// The number of the first field of `Record` that is not known: mostly an event's arm.
        field: u32,
    },
}

/// A domain shape that is stored as a message: both ways stand side by side.
trait Stored: Sized {
    /// The message, in its newest shape.
    type Message;

    fn store(&self) -> Self::Message;

    fn read(message: &Self::Message) -> Read<Self>;
}

fn store_all<S: Stored>(shapes: &[S]) -> Vec<S::Message> {
    shapes.iter().map(Stored::store).collect()
}

fn store_optional<S: Stored>(shape: Option<&S>) -> Option<S::Message> {
    shape.map(Stored::store)
}

fn read_all<S: Stored>(messages: &[S::Message]) -> Read<Vec<S>> {
    messages.iter().map(S::read).collect()
}

fn read_optional<S: Stored>(message: Option<&S::Message>) -> Read<Option<S>> {
    message.map(S::read).transpose()
}

fn read_required<S: Stored>(message: Option<&S::Message>, what: &'static str) -> Read<S> {
    S::read(required(message, what)?)
}

impl Record {
    /// The record's bytes: no text in them, equal records give equal bytes, and they are hashed
    /// as they are. Times keep their microseconds and lose what is finer.
    ///
    /// # Errors
    /// [`TooLarge`] past [`RECORD_BYTES_MAX`].
    pub fn encode(&self) -> Result<Bytes, TooLarge> {
        let message = self.store();
        let bytes = message.encoded_len();
        if bytes > RECORD_BYTES_MAX {
            return Err(TooLarge { bytes });
        }
        Ok(message.encode_to_vec().into())
    }

    /// The record that `bytes` are, whichever version wrote them: no two records have the same
    /// bytes, and no two byte strings are the same record.
    ///
    /// # Errors
    /// [`Unreadable`], which tells a newer record from one that is none.
    pub fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        let whole = malformed("Record");
        let message = pb::Record::decode(bytes).map_err(|_| whole.clone())?;
        // A record has one encoding. Any other bytes hold what prost dropped because it does not
        // know it, or say the same in a way in which no ledger says it.
        if message.encode_to_vec() != bytes {
            let newer = wire::first_field(bytes, |field| !is_known(field));
            return Err(newer.map_or(whole, |field| Unreadable::Newer { field }));
        }
        Self::read(&message)
    }
}

/// Whether a field of `Record` has this number. The descriptors are asked in a test.
const fn is_known(field: u32) -> bool {
    matches!(field, 1..=19 | 32..=58)
}

impl Stored for Record {
    type Message = pb::Record;

    fn store(&self) -> pb::Record {
        let Act {
            request,
            decided_by,
            decided_on,
            effective_on,
            basis,
            instructed_by,
            reason,
            rationale,
            evidence,
            origin,
        } = &self.act;
        pb::Record {
            stream: self.stream.to_string(),
            position: self.position.get(),
            revision: self.revision.get(),
            record_id: fields::store_uuid(self.id.uuid()),
            recorded_at: Some(store_time(self.recorded_at)),
            clock: self.clock.map(store_time),
            recorded_on: Some(store_date(self.recorded_on)),
            recorded_by: Some(self.recorded_by.store()),
            request_id: fields::store_uuid(request.uuid()),
            previous: store_optional(self.previous.as_ref()),
            decided_by: store_optional(decided_by.as_ref()),
            decided_on: decided_on.map(store_date),
            effective_on: effective_on.map(store_date),
            basis: Numbered::store_optional(*basis),
            instructed_by: store_optional(instructed_by.as_ref()),
            reason: fields::store_name(reason.as_ref()),
            rationale: store_optional(rationale.as_ref()),
            evidence: store_all(evidence),
            transcription: act::store_origin(origin),
            event: Some(event::store(&self.event)),
        }
    }

    fn read(message: &pb::Record) -> Read<Self> {
        Ok(Self {
            stream: name(&message.stream, StreamId::parse, "Record.stream")?,
            position: Position::new(counted(message.position, "Record.position")?),
            revision: Revision::new(counted(message.revision, "Record.revision")?),
            id: RecordId::new(uuid(&message.record_id, "Record.record_id")?),
            recorded_at: required(message.recorded_at.as_ref(), "Record.recorded_at")
                .and_then(|time| read_time(time, "Record.recorded_at"))?,
            clock: message
                .clock
                .as_ref()
                .map(|time| read_time(time, "Record.clock"))
                .transpose()?,
            recorded_on: required(
                date(message.recorded_on.as_ref(), "Record.recorded_on")?,
                "Record.recorded_on",
            )?,
            recorded_by: read_required(message.recorded_by.as_ref(), "Record.recorded_by")?,
            previous: read_optional(message.previous.as_ref())?,
            act: read_act(message)?,
            event: event::read(required(message.event.as_ref(), "Record.event")?)?,
        })
    }
}

fn read_act(message: &pb::Record) -> Read<Act<super::Commitment>> {
    Ok(Act {
        request: RequestId::new(uuid(&message.request_id, "Record.request_id")?),
        decided_by: read_optional(message.decided_by.as_ref())?,
        decided_on: date(message.decided_on.as_ref(), "Record.decided_on")?,
        effective_on: date(message.effective_on.as_ref(), "Record.effective_on")?,
        basis: fields::optional_number(message.basis, "Record.basis")?,
        instructed_by: read_optional(message.instructed_by.as_ref())?,
        reason: optional_name(&message.reason, ReasonCode::parse, "Record.reason")?,
        rationale: read_optional(message.rationale.as_ref())?,
        evidence: read_all(&message.evidence)?,
        origin: act::read_origin(message.transcription.as_ref())?,
    })
}

impl Stored for Recorder {
    type Message = pb::Recorder;

    fn store(&self) -> pb::Recorder {
        pb::Recorder {
            person: fields::store_uuid(self.person.uuid()),
            role: self.role.number(),
            organisation: self.organisation.to_string(),
        }
    }

    fn read(message: &pb::Recorder) -> Read<Self> {
        Ok(Self {
            person: PersonId::new(uuid(&message.person, "Recorder.person")?),
            role: fields::number(message.role, "Recorder.role")?,
            organisation: name(
                &message.organisation,
                OrganisationId::parse,
                "Recorder.organisation",
            )?,
        })
    }
}

impl Stored for Previous {
    type Message = pb::Previous;

    fn store(&self) -> pb::Previous {
        pb::Previous {
            position: self.position.get(),
            hash: fields::store_bytes(self.hash.as_bytes()),
        }
    }

    fn read(message: &pb::Previous) -> Read<Self> {
        Ok(Self {
            position: Position::new(counted(message.position, "Previous.position")?),
            hash: Hash::new(array(&message.hash, "Previous.hash")?),
        })
    }
}

/// A place that is counted from 1.
fn counted(number: u64, what: &'static str) -> Read<u64> {
    if number == 0 { Err(malformed(what)) } else { Ok(number) }
}

const MICROSECONDS: i64 = 1_000_000;

/// Protobuf counts nanoseconds forward from the second, before 1970 too.
fn store_time(time: Timestamp) -> prost_types::Timestamp {
    let microseconds = time.as_microsecond();
    let fraction = i32::try_from(microseconds.rem_euclid(MICROSECONDS)).unwrap_or(0);
    prost_types::Timestamp {
        seconds: microseconds.div_euclid(MICROSECONDS),
        nanos: fraction.saturating_mul(1_000),
    }
}

fn read_time(time: &prost_types::Timestamp, what: &'static str) -> Read<Timestamp> {
    let whole = (0..1_000_000_000).contains(&time.nanos);
    let read = Timestamp::new(time.seconds, time.nanos).ok();
    required(read.filter(|_| whole), what)
}

#[cfg(test)]
mod tests;
