//! The header of a segment, and the names of segment files.

use bytes::BufMut;

use super::{
    FORMAT_VERSION, LedgerId,
    frame::Chain,
    layout::{array_at, u32_at, u64_at},
    note::Unusable,
};
use crate::judgement::Position;

/// The bytes of a header.
pub(super) const HEADER_BYTES: usize = 128;

/// Where the first frame may begin: the header has its sector to itself, so that no later write
/// can take it along.
pub(super) const FRAMES_START: u64 = 512;

const MAGIC: [u8; 8] = *b"\xfbJLSEGM\n";
const CHECKSUM_AT: usize = 124;

/// What a segment says of itself; durable before the file takes its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// Whose journal the segment belongs to.
    pub(super) ledger: LedgerId,
    /// 1 for the first segment, one more for each.
    pub(super) number: u64,
    /// The header and the room for frames, in bytes; the footer begins there.
    pub(super) segment_bytes: u64,
    /// The position of its first entry.
    pub(super) first: Position,
    /// The chain of all frames before this segment.
    pub(super) previous: Chain,
}

impl Header {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.put_slice(&MAGIC);
        bytes.put_u32_le(FORMAT_VERSION);
        bytes.put_u32_le(0);
        bytes.put_slice(&self.ledger);
        bytes.put_u64_le(self.number);
        bytes.put_u64_le(self.segment_bytes);
        bytes.put_u64_le(self.first.get());
        bytes.put_slice(&self.previous.0);
        bytes.resize(CHECKSUM_AT, 0);
        bytes.put_u32_le(crc32c::crc32c(&bytes));
        bytes
    }

    /// The header that `bytes` begin with. Magic and version are looked at before all else: what
    /// follows them may be different in a newer format.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Unusable> {
        if array_at(bytes, 0) != Some(MAGIC) {
            return Err(Unusable::Damaged(0, "the file does not begin as a segment does"));
        }
        match u32_at(bytes, 8) {
            Some(FORMAT_VERSION) => {}
            Some(newer) if newer > FORMAT_VERSION => return Err(Unusable::Newer(newer)),
            Some(_) | None => return Err(Unusable::Damaged(8, "there is no such format version")),
        }
        let what = "the checksum of the segment's header does not match";
        Self::decode_fields(bytes).ok_or(Unusable::Damaged(0, what))
    }

    fn decode_fields(bytes: &[u8]) -> Option<Self> {
        let covered = bytes.get(..CHECKSUM_AT)?;
        if u32_at(bytes, CHECKSUM_AT)? != crc32c::crc32c(covered) {
            return None;
        }
        Some(Self {
            ledger: array_at(bytes, 16)?,
            number: u64_at(bytes, 32)?,
            segment_bytes: u64_at(bytes, 40)?,
            first: Position::new(u64_at(bytes, 48)?),
            previous: Chain(array_at(bytes, 56)?),
        })
    }
}

/// The name of segment `number`.
pub(super) fn segment_name(number: u64) -> String {
    format!("segment-{number:010}.log")
}

/// The name of segment `number` while it is being prepared.
pub(super) fn temporary_name(number: u64) -> String {
    format!("segment-{number:010}.tmp")
}

/// The number of the segment of that name; `None` if it is not exactly a segment's name.
pub(super) fn segment_number(name: &str) -> Option<u64> {
    let number = name.strip_prefix("segment-")?.strip_suffix(".log")?.parse().ok()?;
    (segment_name(number) == name).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back_and_any_flipped_bit_is_noticed() {
        let header = Header {
            ledger: [7; 16],
            number: 3,
            segment_bytes: 4096,
            first: Position::new(11),
            previous: Chain([9; 32]),
        };
        let bytes = header.encode();
        assert_eq!(bytes.len(), HEADER_BYTES);
        assert_eq!(Header::decode(&bytes), Ok(header));
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 4;
            assert!(Header::decode(&flipped).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_newer_version_is_seen_before_its_content() {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&2_u32.to_le_bytes());
        assert_eq!(Header::decode(&bytes), Err(Unusable::Newer(2)));
    }

    #[test]
    fn only_exact_names_are_segments() {
        assert_eq!(segment_number(&segment_name(1)), Some(1));
        assert_eq!(segment_number("segment-0000000001.tmp"), None);
        assert_eq!(segment_number("segment-1.log"), None);
        assert_eq!(segment_number("segment-+000000001.log"), None);
    }
}
