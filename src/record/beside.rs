//! What lies beside a record in the journal, outside its hash.

use bytes::Bytes;
use prost::Message as _;

use crate::pb;

/// The sealed texts of a record and, where it registers a framework, that framework's document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beside {
    /// The texts as the vault sealed them; empty if there are none.
    pub texts: Bytes,
    /// The document; empty if there is none.
    pub document: Bytes,
}

/// Bytes that nobody stored beside a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what lies beside the record is malformed")]
pub struct NotBeside;

impl Beside {
    /// The bytes; none if there is nothing.
    #[must_use]
    pub fn encode(self) -> Bytes {
        let message = pb::Beside { sealed_texts: self.texts, document: self.document };
        Bytes::from(message.encode_to_vec())
    }

    /// What was stored.
    ///
    /// # Errors
    /// [`NotBeside`] if these bytes were not.
    pub fn decode(bytes: Bytes) -> Result<Self, NotBeside> {
        let message = pb::Beside::decode(bytes).map_err(|_| NotBeside)?;
        Ok(Self { texts: message.sealed_texts, document: message.document })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_beside_a_record_is_read_as_it_was_stored() {
        let beside = Beside { texts: Bytes::from_static(b"texts"), document: Bytes::new() };
        assert_eq!(Beside::decode(beside.clone().encode()), Ok(beside));
        assert_eq!(Beside::default().encode().len(), 0);
        assert_eq!(Beside::decode(Bytes::from_static(b"\xff")), Err(NotBeside));
    }
}
