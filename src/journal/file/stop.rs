//! The note of a clean stop: where the journal ends, written when it is closed and removed before
//! the first change of the next run. While it stands, nothing may be missing and nothing torn.

use bytes::{BufMut, Bytes};

use super::{
    frame::Chain,
    layout::{array_at, u32_at, u64_at},
};
use crate::{
    journal::{Head, Mark},
    judgement::Position,
};

/// The bytes before the mark.
const HEAD_BYTES: usize = 52;

/// How the journal stood when it was closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stop {
    /// The head, with the mark of the last group: opening after a clean stop folds nothing.
    pub(super) head: Head,
    /// The chain of all frames.
    pub(super) chain: Chain,
    /// CRC32C of the checkpoint kept; 0 if there is none.
    pub(super) checkpoint_checksum: u32,
}

impl Stop {
    pub(super) fn of(head: &Head, chain: Chain, checkpoint: Option<&Bytes>) -> Self {
        let checkpoint_checksum = checkpoint.map_or(0, |bytes| crc32c::crc32c(bytes));
        Self { head: head.clone(), chain, checkpoint_checksum }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mark = self.head.mark.as_ref();
        let mut bytes = Vec::with_capacity(HEAD_BYTES);
        bytes.put_u64_le(self.head.position.get());
        bytes.put_slice(&self.chain.0);
        bytes.put_u32_le(self.checkpoint_checksum);
        bytes.put_u64_le(mark.map_or(0, |mark| mark.at.get()));
        bytes.put_slice(mark.map(|mark| mark.bytes.as_ref()).unwrap_or_default());
        bytes
    }

    /// The stop in `bytes`, whose checksum has matched; `None` if it makes no sense all the same.
    pub(super) fn decode(bytes: &Bytes) -> Option<Self> {
        let mark = bytes.get(HEAD_BYTES..)?;
        let mark_at = Position::new(u64_at(bytes, 44)?);
        let mark = (mark_at != Position::START)
            .then(|| Mark { at: mark_at, bytes: bytes.slice_ref(mark) });
        Some(Self {
            head: Head { position: Position::new(u64_at(bytes, 0)?), mark },
            chain: Chain(array_at(bytes, 8)?),
            checkpoint_checksum: u32_at(bytes, 40)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_comes_back() {
        let kept = Some(Mark { at: Position::new(8), bytes: Bytes::from_static(b"mark") });
        for mark in [kept, None] {
            let head = Head { position: Position::new(9), mark };
            let stop = Stop::of(&head, Chain([1; 32]), Some(&Bytes::from_static(b"checkpoint")));
            assert_eq!(Stop::decode(&stop.encode().into()), Some(stop));
        }
    }
}
