//! The keys that the ledger signs with and the evidence taken out of it, as records hold them.

use super::{
    Read, Stored,
    fields::{name, number, optional_name, store_name},
    malformed, read_optional, store_optional,
};
use crate::{
    judgement::{AccessRecorded, KeyRotated, Position, Run, StreamId, VerifierKey},
    pb,
    record::{Commitment, encoding::Numbered},
};

impl Stored for KeyRotated {
    type Message = pb::KeyRotated;

    fn store(&self) -> pb::KeyRotated {
        pb::KeyRotated { vkey: self.key.to_string(), change: self.change.number() }
    }

    fn read(message: &pb::KeyRotated) -> Read<Self> {
        Ok(Self {
            key: name(&message.vkey, VerifierKey::parse, "KeyRotated.vkey")?,
            change: number(message.change, "KeyRotated.change")?,
        })
    }
}

impl Stored for AccessRecorded<Commitment> {
    type Message = pb::AccessRecorded;

    fn store(&self) -> pb::AccessRecorded {
        pb::AccessRecorded {
            access_kind: self.kind.number(),
            of: store_name(self.of.as_ref()),
            first_position: self.records.map_or(0, |run| run.first.get()),
            last_position: self.records.map_or(0, |run| run.last.get()),
            purpose: store_optional(self.purpose.as_ref()),
        }
    }

    fn read(message: &pb::AccessRecorded) -> Read<Self> {
        let records = match (message.first_position, message.last_position) {
            (0, 0) => None,
            (0, _) => return Err(malformed("AccessRecorded.first_position")),
            (_, 0) => return Err(malformed("AccessRecorded.last_position")),
            (first, last) => Some(Run { first: Position::new(first), last: Position::new(last) }),
        };
        Ok(Self {
            kind: number(message.access_kind, "AccessRecorded.access_kind")?,
            of: optional_name(&message.of, StreamId::parse, "AccessRecorded.of")?,
            records,
            purpose: read_optional(message.purpose.as_ref())?,
        })
    }
}
