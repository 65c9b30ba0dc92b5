//! Redactions of texts, as records hold them.

use super::{
    Read, Stored, counted,
    fields::{array, name, number, store_bytes, store_uuid, uuid},
    read_optional, read_required, store_optional,
};
use crate::{
    judgement::{
        FieldPath, Position, RecordId, RedactionCompleted, RedactionRefused, RedactionRequested,
        TextRedacted,
    },
    merkle::Hash,
    pb,
    record::{Commitment, encoding::Numbered},
};

impl Stored for RedactionRequested<Commitment> {
    type Message = pb::RedactionRequested;

    fn store(&self) -> pb::RedactionRequested {
        pb::RedactionRequested {
            position: self.record.get(),
            record_hash: store_bytes(self.record_hash.as_bytes()),
            field: self.field.to_string(),
            legal_basis: self.basis.number(),
            reference: store_optional(self.reference.as_ref()),
            replacement: Some(self.replacement.store()),
        }
    }

    fn read(message: &pb::RedactionRequested) -> Read<Self> {
        let replacement = message.replacement.as_ref();
        Ok(Self {
            record: Position::new(counted(message.position, "RedactionRequested.position")?),
            record_hash: Hash::new(array(&message.record_hash, "RedactionRequested.record_hash")?),
            field: name(&message.field, FieldPath::parse, "RedactionRequested.field")?,
            basis: number(message.legal_basis, "RedactionRequested.legal_basis")?,
            reference: read_optional(message.reference.as_ref())?,
            replacement: read_required(replacement, "RedactionRequested.replacement")?,
        })
    }
}

impl Stored for TextRedacted {
    type Message = pb::TextRedacted;

    fn store(&self) -> pb::TextRedacted {
        pb::TextRedacted {
            request_position: self.request.get(),
            position: self.record.get(),
            record_hash: store_bytes(self.record_hash.as_bytes()),
            record_id: store_uuid(self.record_id.uuid()),
            field: self.field.to_string(),
            commitment: store_bytes(&self.commitment),
            legal_basis: self.basis.number(),
        }
    }

    fn read(message: &pb::TextRedacted) -> Read<Self> {
        let request = counted(message.request_position, "TextRedacted.request_position")?;
        Ok(Self {
            request: Position::new(request),
            record: Position::new(counted(message.position, "TextRedacted.position")?),
            record_hash: Hash::new(array(&message.record_hash, "TextRedacted.record_hash")?),
            record_id: RecordId::new(uuid(&message.record_id, "TextRedacted.record_id")?),
            field: name(&message.field, FieldPath::parse, "TextRedacted.field")?,
            commitment: array(&message.commitment, "TextRedacted.commitment")?,
            basis: number(message.legal_basis, "TextRedacted.legal_basis")?,
        })
    }
}

impl Stored for RedactionRefused<Commitment> {
    type Message = pb::RedactionRefused;

    fn store(&self) -> pb::RedactionRefused {
        pb::RedactionRefused {
            request_position: self.request.get(),
            position: self.record.get(),
            field: self.field.to_string(),
            ground: Some(self.ground.store()),
        }
    }

    fn read(message: &pb::RedactionRefused) -> Read<Self> {
        let request = counted(message.request_position, "RedactionRefused.request_position")?;
        Ok(Self {
            request: Position::new(request),
            record: Position::new(counted(message.position, "RedactionRefused.position")?),
            field: name(&message.field, FieldPath::parse, "RedactionRefused.field")?,
            ground: read_required(message.ground.as_ref(), "RedactionRefused.ground")?,
        })
    }
}

impl Stored for RedactionCompleted {
    type Message = pb::RedactionCompleted;

    fn store(&self) -> pb::RedactionCompleted {
        pb::RedactionCompleted {
            order_position: self.order.get(),
            position: self.record.get(),
            field: self.field.to_string(),
            checkpoint_size: self.checkpoint_size,
        }
    }

    fn read(message: &pb::RedactionCompleted) -> Read<Self> {
        let order = counted(message.order_position, "RedactionCompleted.order_position")?;
        Ok(Self {
            order: Position::new(order),
            record: Position::new(counted(message.position, "RedactionCompleted.position")?),
            field: name(&message.field, FieldPath::parse, "RedactionCompleted.field")?,
            checkpoint_size: message.checkpoint_size,
        })
    }
}
