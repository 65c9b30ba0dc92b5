//! An answer of which the beginning is encoded already.

use bytes::{BufMut, Bytes};
use prost::{EncodeError, Message};

/// A message that goes out.
pub(crate) trait Outgoing {
    /// Writes the message.
    ///
    /// # Errors
    /// If there is no room for it.
    fn put(&self, buffer: &mut impl BufMut) -> Result<(), EncodeError>;
}

impl<M: Message> Outgoing for M {
    fn put(&self, buffer: &mut impl BufMut) -> Result<(), EncodeError> {
        self.encode(buffer)
    }
}

/// The message `M`, of which the first fields are encoded already. Protobuf puts fields one after
/// the other, so that the beginning of a message and its rest are the message.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer<M> {
    /// The fields with the smaller numbers, as they are encoded; empty if there are none.
    pub(crate) begin: Bytes,
    /// The other fields.
    pub(crate) rest: M,
}

impl<M> From<M> for Answer<M> {
    fn from(message: M) -> Self {
        Self { begin: Bytes::new(), rest: message }
    }
}

impl<M: Message> Outgoing for Answer<M> {
    fn put(&self, buffer: &mut impl BufMut) -> Result<(), EncodeError> {
        buffer.put_slice(&self.begin);
        self.rest.encode(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pb;

    #[test]
    fn a_beginning_and_its_rest_are_the_message_to_the_byte() {
        let whole = pb::Assessment {
            name: "subjects/a/assessments/b".to_owned(),
            revision: 7,
            read: Some(pb::ReadToken { position: 9, recorded_at: None }),
            ..pb::Assessment::default()
        };
        let begin = pb::Assessment { read: None, ..whole.clone() }.encode_to_vec();
        let rest = pb::Assessment { read: whole.read, ..pb::Assessment::default() };
        let mut written = Vec::new();
        Answer { begin: Bytes::from(begin), rest }.put(&mut written).unwrap();
        assert_eq!(written, whole.encode_to_vec());

        written.clear();
        Answer::from(whole.clone()).put(&mut written).unwrap();
        assert_eq!(written, whole.encode_to_vec());
    }
}
