//! The messages that a record can hold, as the walk over its bytes needs them.

use std::{collections::HashMap, sync::LazyLock};

use prost_reflect::{
    DescriptorPool, FieldDescriptor, Kind as Reflected, MessageDescriptor, OneofDescriptor,
};

use crate::pb;

/// The plan of the protos that were compiled in; none if they cannot be read.
pub(super) static PLAN: LazyLock<Option<Plan>> = LazyLock::new(Plan::of_protos);

const RECORD: &str = "judgement.ledger.v1.Record";
const STREAM: &str = "judgement.ledger.v1.Record.stream";
const ID: &str = "judgement.ledger.v1.Record.record_id";
const EVENT: &str = "judgement.ledger.v1.Record.event";
const COMMITMENT: &str = "judgement.ledger.v1.TextCommitment";

/// Where the path of a text is not made of the names in the proto: messages that the ledger's own
/// shapes do not have, and fields that are called otherwise there. The paths are part of every
/// commitment, so both sides are frozen.
const CALLED: [(&str, &str, Option<&str>); 7] = [
    ("Record", "transcription", Some("origin")),
    ("EntryRecorded", "content", None),
    ("EntryRevised", "content", None),
    ("CommittedValue", "words", None),
    ("CommittedFollowUp", "cited_kind", Some("kind")),
    ("RecordCorrected", "decided_by", Some("to")),
    ("RecordCorrected", "transcription", Some("to")),
];

/// The one field whose texts come before those of the fields with smaller numbers.
const FIRST: (&str, &str) = ("CommittedEntryContent", "follow_up");

/// Every message that a record can hold; a record is the first.
#[derive(Debug)]
pub(super) struct Plan {
    shapes: Vec<Shape>,
}

/// The fields of a message by their numbers.
#[derive(Debug)]
pub(super) struct Shape {
    fields: Vec<Option<Field>>,
}

/// How a field is written, and what it is to the outline.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) kind: Kind,
    /// Whether it may come several times.
    pub(super) repeated: bool,
    /// Whether it is written although it is zero or empty.
    pub(super) has_presence: bool,
    /// Which oneof of its message it belongs to: a bit for each; none if it belongs to none.
    pub(super) oneof: u64,
    /// What it adds to the paths of the texts in it.
    pub(super) called: Option<String>,
    /// Whether its texts come before those of the fields before it.
    pub(super) goes_first: bool,
    pub(super) role: Role,
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A number from 0 up to this one.
    Unsigned(u64),
    /// A number of 32 bits, or a member of a closed set, with its sign drawn out to 64.
    Signed32,
    /// A number of 64 bits with its sign.
    Signed64,
    /// UTF-8.
    String,
    /// Any bytes.
    Bytes,
    /// The message of the plan with this index.
    Message(usize),
    /// A commitment in the place of a text.
    Commitment,
}

/// What a field of the record itself is to the outline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// The name of the stream.
    Stream,
    /// The record's id.
    Id,
    /// What happened, by the event's name.
    Event(String),
    /// Nothing.
    None,
}

impl Plan {
    fn of_protos() -> Option<Self> {
        let pool = DescriptorPool::decode(pb::DESCRIPTORS).ok()?;
        let mut messages = vec![pool.get_message_by_name(RECORD)?];
        let mut known = HashMap::from([(RECORD.to_owned(), 0)]);
        let mut shapes = Vec::new();
        while let Some(message) = messages.get(shapes.len()).cloned() {
            let mut index = |of: &MessageDescriptor| {
                *known.entry(of.full_name().to_owned()).or_insert_with(|| {
                    messages.push(of.clone());
                    messages.len().saturating_sub(1)
                })
            };
            shapes.push(Shape::of(&message, &mut index));
        }
        Some(Self { shapes })
    }

    /// The shape of a record.
    pub(super) fn record(&self) -> Option<&Shape> {
        self.shape(0)
    }

    pub(super) fn shape(&self, index: usize) -> Option<&Shape> {
        self.shapes.get(index)
    }
}

impl Shape {
    /// The shape of a message. A field of a kind that no record has yet is left out: what has one
    /// is not walked.
    fn of(
        message: &MessageDescriptor,
        index: &mut impl FnMut(&MessageDescriptor) -> usize,
    ) -> Self {
        let last = message.fields().map(|field| field.number()).max().unwrap_or(0);
        let field = |number| Field::of(&message.get_field(number)?, index);
        Self { fields: (0..=last).map(field).collect() }
    }

    pub(super) fn field(&self, number: u32) -> Option<&Field> {
        self.fields.get(usize::try_from(number).ok()?)?.as_ref()
    }
}

impl Field {
    fn of(
        field: &FieldDescriptor,
        index: &mut impl FnMut(&MessageDescriptor) -> usize,
    ) -> Option<Self> {
        let is_event = |oneof: &OneofDescriptor| oneof.full_name() == EVENT;
        let role = match (field.full_name(), field.containing_oneof(), field.kind()) {
            (STREAM, _, _) => Role::Stream,
            (ID, _, _) => Role::Id,
            (_, Some(oneof), Reflected::Message(event)) if is_event(&oneof) => {
                Role::Event(event.name().to_owned())
            }
            (_, _, _) => Role::None,
        };
        let at = (field.parent_message().name().to_owned(), field.name().to_owned());
        let at = (at.0.as_str(), at.1.as_str());
        let renamed = CALLED.iter().find(|(message, name, _)| (*message, *name) == at);
        let called = match (renamed, &role) {
            (Some((_, _, called)), _) => called.map(ToOwned::to_owned),
            // An event's fields are those of the record.
            (None, Role::Event(_)) => None,
            (None, Role::Stream | Role::Id | Role::None) => Some(field.name().to_owned()),
        };
        Some(Self {
            kind: Kind::of(field, index)?,
            repeated: field.is_list(),
            has_presence: field.supports_presence() || field.is_list(),
            oneof: field.containing_oneof().map_or(Some(0), |it| bit_of(field, &it))?,
            called,
            goes_first: at == FIRST,
            role,
        })
    }
}

/// The bit of a oneof among those of its message.
fn bit_of(field: &FieldDescriptor, of: &OneofDescriptor) -> Option<u64> {
    let index = field.parent_message().oneofs().position(|oneof| oneof == *of)?;
    1_u64.checked_shl(u32::try_from(index).ok()?)
}

impl Kind {
    fn of(
        field: &FieldDescriptor,
        index: &mut impl FnMut(&MessageDescriptor) -> usize,
    ) -> Option<Self> {
        // Packed numbers are written together, which no field of a record does yet.
        if field.is_map() || field.is_group() || field.is_packed() {
            return None;
        }
        match field.kind() {
            Reflected::Uint64 => Some(Self::Unsigned(u64::MAX)),
            Reflected::Uint32 => Some(Self::Unsigned(u64::from(u32::MAX))),
            Reflected::Bool => Some(Self::Unsigned(1)),
            Reflected::Int32 | Reflected::Enum(_) => Some(Self::Signed32),
            Reflected::Int64 => Some(Self::Signed64),
            Reflected::String => Some(Self::String),
            Reflected::Bytes => Some(Self::Bytes),
            Reflected::Message(message) if message.full_name() == COMMITMENT => {
                Some(Self::Commitment)
            }
            Reflected::Message(message) => Some(Self::Message(index(&message))),
            Reflected::Double
            | Reflected::Float
            | Reflected::Sint32
            | Reflected::Sint64
            | Reflected::Fixed32
            | Reflected::Fixed64
            | Reflected::Sfixed32
            | Reflected::Sfixed64 => None,
        }
    }
}
