//! What a stored record says of itself, read from its bytes without decoding them: enough to pass
//! it on with its texts.
//!
//! The proto itself says how: its descriptors are turned once into a plan of every message that a
//! record can hold, and the bytes are walked along that plan. A walk takes only what is written as
//! this ledger writes, field for field, so that no field of a newer one slips through; whatever it
//! does not take is left to [`Record::decode`], which says why. What a field *means*, whether an id
//! is well formed say, is not asked here: it stands in the record as it stands.

mod plan;

use std::borrow::Cow;

use prost::encoding::{encoded_len_varint, key_len};
use uuid::Uuid;

use super::{
    Commitment, Record, Unreadable,
    wire::{Fields, Value},
};
use plan::{Field, Kind, PLAN, Plan, Role, Shape};

/// How deep messages may lie in each other: far deeper than those of a record do, so that bytes
/// cannot make the walk overflow its stack.
const DEPTH_MAX: usize = 16;

/// How a commitment begins: field 1, of 32 bytes.
const COMMITMENT_HEAD: [u8; 2] = [0x0a, 0x20];

/// What must be known of a record to pass it on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline<'a> {
    /// The resource name of the stream.
    pub stream: Cow<'a, str>,
    /// Its id.
    pub id: Uuid,
    /// What happened, by the event's name.
    pub event: &'static str,
    /// The path of every field that holds a commitment, and the commitment, in the order of
    /// [`Record::fields`].
    pub texts: Vec<(Cow<'static, str>, Commitment)>,
}

impl<'a> Outline<'a> {
    /// The outline of a record.
    ///
    /// # Errors
    /// [`Unreadable`], as [`Record::decode`] says it.
    pub fn of(record: &'a [u8]) -> Result<Self, Unreadable> {
        match Self::walked(record) {
            Some(outline) => Ok(outline),
            None => Record::decode(record).map(|record| Self::of_decoded(&record)),
        }
    }

    /// The outline of bytes that are written as this ledger writes; `None` for any others.
    fn walked(record: &'a [u8]) -> Option<Self> {
        let plan = PLAN.as_ref()?;
        let mut walk = Walk::of(plan);
        walk.message(plan.record()?, record, DEPTH_MAX)?;
        let Walk { stream, id, event, texts, .. } = walk;
        Some(Self {
            stream: Cow::Borrowed(stream?),
            id: Uuid::from_slice(id?).ok()?,
            event: event?,
            texts,
        })
    }

    fn of_decoded(record: &Record) -> Self {
        let texts = record.fields().into_iter();
        Self {
            stream: Cow::Owned(record.stream.to_string()),
            id: record.id.uuid(),
            event: record.event.name(),
            texts: texts.map(|(field, commitment)| (Cow::Owned(field), commitment)).collect(),
        }
    }
}

/// A walk over a record, and what it has come by.
struct Walk<'a> {
    plan: &'static Plan,
    stream: Option<&'a str>,
    id: Option<&'a [u8]>,
    event: Option<&'static str>,
    texts: Vec<(Cow<'static, str>, Commitment)>,
    /// The names of the messages that are being walked.
    path: Vec<Step>,
}

/// What the path of a text is made of.
#[derive(Debug, Clone, Copy)]
enum Step {
    Name(&'static str),
    /// The place among those of the same field, from 0.
    Index(usize),
}

impl<'a> Walk<'a> {
    const fn of(plan: &'static Plan) -> Self {
        Self { plan, stream: None, id: None, event: None, texts: Vec::new(), path: Vec::new() }
    }

    /// Walks a message: `Some` if its bytes are the one encoding of a message that is known whole.
    fn message(&mut self, shape: &'static Shape, bytes: &'a [u8], depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        let begin = self.texts.len();
        let (mut length, mut before, mut oneofs) = (0_usize, 0, 0_u64);
        let mut index = 0_usize;
        for read in Fields::of(bytes) {
            let (number, value) = read.ok()?;
            let field = shape.field(number)?;
            index = if number == before { index.saturating_add(1) } else { 0 };
            let in_order = number > before || (number == before && field.repeated);
            let other_arm = oneofs & field.oneof != 0;
            if !in_order || other_arm {
                return None;
            }
            before = number;
            oneofs |= field.oneof;
            length = length.saturating_add(shortest(number, value)?);
            let so_far = self.texts.len();
            self.field(field, index, value, depth)?;
            if field.goes_first {
                let added = self.texts.len().saturating_sub(so_far);
                self.texts.get_mut(begin..)?.rotate_right(added);
            }
        }
        // No number took more bytes than it needs.
        (length == bytes.len()).then_some(())
    }

    fn field(
        &mut self,
        field: &'static Field,
        index: usize,
        value: Value<'a>,
        depth: usize,
    ) -> Option<()> {
        match (field.kind, value) {
            (Kind::Commitment, Value::Bytes(bytes)) => {
                let digest = bytes.strip_prefix(&COMMITMENT_HEAD)?;
                let commitment = Commitment::new(digest.try_into().ok()?);
                let path = self.path_to(field, index);
                self.texts.push((path, commitment));
                Some(())
            }
            (Kind::Message(of), Value::Bytes(bytes)) => {
                if let Role::Event(name) = &field.role {
                    self.event = Some(name);
                }
                let steps = self.path.len();
                self.step_into(field, index);
                self.message(self.plan.shape(of)?, bytes, depth)?;
                self.path.truncate(steps);
                Some(())
            }
            (Kind::String, Value::Bytes(bytes)) => {
                let string = str::from_utf8(bytes).ok()?;
                if field.role == Role::Stream {
                    self.stream = Some(string);
                }
                (field.has_presence || !bytes.is_empty()).then_some(())
            }
            (Kind::Bytes, Value::Bytes(bytes)) => {
                if field.role == Role::Id {
                    self.id = Some(bytes);
                }
                (field.has_presence || !bytes.is_empty()).then_some(())
            }
            (kind, Value::Varint(number)) => {
                let stated = field.has_presence || number != 0;
                (stated && is_one(kind, number)).then_some(())
            }
            (_, Value::Bytes(_) | Value::Fixed) => None,
        }
    }

    fn step_into(&mut self, field: &'static Field, index: usize) {
        self.path.extend(field.called.as_deref().map(Step::Name));
        self.path.extend(field.repeated.then_some(Step::Index(index)));
    }

    /// The path of a text that is found now.
    fn path_to(&mut self, field: &'static Field, index: usize) -> Cow<'static, str> {
        let above = self.path.len();
        self.step_into(field, index);
        let path = match self.path.as_slice() {
            [Step::Name(name)] => Cow::Borrowed(*name),
            steps => {
                let step = |step: &Step| match step {
                    Step::Name(name) => (*name).to_owned(),
                    Step::Index(place) => place.to_string(),
                };
                Cow::Owned(steps.iter().map(step).collect::<Vec<_>>().join("/"))
            }
        };
        self.path.truncate(above);
        path
    }
}

/// How many bytes a field takes at least.
fn shortest(number: u32, value: Value<'_>) -> Option<usize> {
    let value = match value {
        Value::Varint(stated) => encoded_len_varint(stated),
        Value::Bytes(bytes) => {
            let length = encoded_len_varint(u64::try_from(bytes.len()).ok()?);
            length.saturating_add(bytes.len())
        }
        Value::Fixed => return None,
    };
    Some(key_len(number).saturating_add(value))
}

/// Whether a number is one of this kind, as it is written.
fn is_one(kind: Kind, number: u64) -> bool {
    match kind {
        Kind::Unsigned(most) => number <= most,
        Kind::Signed32 => i32::try_from(number.cast_signed()).is_ok(),
        Kind::Signed64 => true,
        Kind::String | Kind::Bytes | Kind::Message(_) | Kind::Commitment => false,
    }
}

#[cfg(test)]
mod tests;
