//! A frame: one whole append as it stands in a segment.
//!
//! The head has a checksum of its own, so that the extent of an append whose body never reached
//! the disk is known for sure; the checksum of the body covers everything after the head. A head
//! never straddles two sectors: it is there or missing as a whole.

use bytes::{BufMut, Bytes};
use sha2::{Digest as _, Sha256};

use super::layout::{
    SECTOR_BYTES, array_at, is_zero, put_varint, take, take_varint, u32_at, u64_at, varint_bytes,
    wide,
};
use crate::{
    journal::{Entry, Group},
    judgement::Position,
};

/// The bytes of a frame's head.
pub(super) const HEAD_BYTES: usize = 32;

/// Frames begin at multiples of this, in bytes.
pub(super) const ALIGN_BYTES: usize = 8;

/// Not UTF-8, so that no text in a record can look like a head.
const MAGIC: [u8; 4] = *b"\xfbJL\xfe";

/// The end of every frame. Its last byte is not zero: where it is missing, so is the end.
const TRAILER: [u8; 8] = *b"\xfeappend\n";

/// The head of a frame, valid in itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// The whole frame, in bytes: a multiple of [`ALIGN_BYTES`].
    pub(super) length: u32,
    /// How many entries it holds.
    pub(super) count: u32,
    /// How many sectors' worth of it are zero because the entries say so.
    pub(super) zero_sectors: u32,
    /// The position of its first entry.
    pub(super) first: Position,
    /// CRC32C of everything after the head.
    body_checksum: u32,
}

/// A frame as read, verified.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) head: Head,
    pub(super) entries: Vec<Entry>,
}

/// What chains all frames of a journal: SHA-256 over the digest before and a frame's head, which
/// holds the checksum of its body. It finds files that were swapped or put back, by accident or
/// by hand. That records were not forged is for the Merkle tree to show, not for this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chain(pub(super) [u8; 32]);

impl Chain {
    /// Before the first frame of a journal.
    pub(super) const START: Self = Self([0; 32]);

    /// The chain with `frame` at its end.
    pub(super) fn link(self, frame: &[u8]) -> Self {
        let head = frame.get(..HEAD_BYTES).unwrap_or(frame);
        Self(Sha256::new().chain_update(self.0).chain_update(head).finalize().into())
    }
}

/// The first offset at or after `offset` where a frame may begin: aligned, and with room for the
/// whole head in its sector.
pub(super) fn start_at(offset: u64) -> u64 {
    let aligned = offset.next_multiple_of(wide(ALIGN_BYTES));
    let sector = wide(SECTOR_BYTES);
    let sector_end = aligned.saturating_add(1).next_multiple_of(sector);
    let room = sector_end.saturating_sub(aligned);
    if room < wide(HEAD_BYTES) { sector_end } else { aligned }
}

/// How many bytes the frame of `entries` has.
pub(super) fn bytes_of(entries: &[Entry]) -> usize {
    let entries = entries.iter().fold(0_usize, |sum, entry| sum.saturating_add(entry_bytes(entry)));
    let unpadded = HEAD_BYTES.saturating_add(entries).saturating_add(TRAILER.len());
    unpadded.checked_next_multiple_of(ALIGN_BYTES).unwrap_or(usize::MAX)
}

fn entry_bytes(entry: &Entry) -> usize {
    let [record, sealed] = [entry.record.len(), entry.sealed.len()];
    varint_bytes(wide(record))
        .saturating_add(varint_bytes(wide(sealed)))
        .saturating_add(record)
        .saturating_add(sealed)
}

/// The frame of `group` for `offset`, with `first` as the position of its first entry. The group
/// has passed the limits: its [`bytes_of`] fits a `u32`.
pub(super) fn encode(group: &Group, first: Position, offset: u64) -> Vec<u8> {
    let length = bytes_of(&group.entries);
    let mut frame = Vec::with_capacity(length);
    frame.put_bytes(0, HEAD_BYTES);
    for entry in &group.entries {
        put_varint(&mut frame, wide(entry.record.len()));
        put_varint(&mut frame, wide(entry.sealed.len()));
        frame.put_slice(&entry.record);
        frame.put_slice(&entry.sealed);
    }
    frame.resize(length.saturating_sub(TRAILER.len()), 0);
    frame.put_slice(&TRAILER);

    let mut head = Vec::with_capacity(HEAD_BYTES);
    head.put_slice(&MAGIC);
    head.put_u32_le(u32::try_from(length).unwrap_or(u32::MAX));
    head.put_u32_le(u32::try_from(group.entries.len()).unwrap_or(u32::MAX));
    // The sector of the head is not zero, whatever the head will hold.
    let head_sector = usize::from(part_before_boundary(&frame, offset).is_some_and(is_zero));
    let zeros = zero_sectors(&frame, offset).saturating_sub(head_sector);
    head.put_u32_le(u32::try_from(zeros).unwrap_or(u32::MAX));
    head.put_u64_le(first.get());
    head.put_u32_le(crc32c::crc32c(frame.get(HEAD_BYTES..).unwrap_or_default()));
    head.put_u32_le(crc32c::crc32c(&head));
    if let Some(place) = frame.first_chunk_mut::<HEAD_BYTES>()
        && let Some(head) = head.first_chunk::<HEAD_BYTES>()
    {
        *place = *head;
    }
    frame
}

/// In how many sectors all that `frame`, which begins at `offset`, has there is zero.
pub(super) fn zero_sectors(frame: &[u8], offset: u64) -> usize {
    let start = part_before_boundary(frame, offset).unwrap_or_default();
    let rest = frame.get(start.len()..).unwrap_or_default();
    let whole = rest.chunks(SECTOR_BYTES).filter(|sector| is_zero(sector)).count();
    whole.saturating_add(usize::from(!start.is_empty() && is_zero(start)))
}

/// The part of a frame in the sector where it begins; all of it if it ends there.
fn part_before_boundary(frame: &[u8], offset: u64) -> Option<&[u8]> {
    let end = offset.saturating_add(1).next_multiple_of(wide(SECTOR_BYTES));
    let room = usize::try_from(end.saturating_sub(offset)).ok()?;
    Some(frame.get(..room).unwrap_or(frame))
}

/// Whether the end of a frame is missing, seen by the zero in the place of its last byte.
pub(super) fn lacks_end(frame: &[u8]) -> bool {
    frame.last().is_none_or(|byte| *byte == 0)
}

impl Head {
    /// The head that `bytes` begin with; `None` if they do not begin with a valid one.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        if array_at(bytes, 0)? != MAGIC {
            return None;
        }
        let covered = bytes.get(..28)?;
        if u32_at(bytes, 28)? != crc32c::crc32c(covered) {
            return None;
        }
        Some(Self {
            length: u32_at(bytes, 4)?,
            count: u32_at(bytes, 8)?,
            zero_sectors: u32_at(bytes, 12)?,
            first: Position::new(u64_at(bytes, 16)?),
            body_checksum: u32_at(bytes, 24)?,
        })
    }

    /// The position of the frame's last entry.
    pub(super) fn last(&self) -> Position {
        Position::new(self.first.get().saturating_add(u64::from(self.count)).saturating_sub(1))
    }

    /// The whole frame's length in bytes.
    pub(super) fn bytes(&self) -> usize {
        usize::try_from(self.length).unwrap_or(usize::MAX)
    }
}

impl Frame {
    /// The frame that `bytes` begin with; what follows it is not looked at.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn decode(bytes: &Bytes) -> Result<Self, &'static str> {
        let head = Head::decode(bytes).ok_or("there is no valid head of an append")?;
        let frame = bytes.get(..head.bytes()).ok_or("an append is cut short")?;
        let body = frame.get(HEAD_BYTES..).ok_or("an append is shorter than its head")?;
        if crc32c::crc32c(body) != head.body_checksum {
            return Err("the checksum of an append does not match");
        }
        let entries = decode_entries(bytes, body, head.count).ok_or("an append makes no sense")?;
        Ok(Self { head, entries })
    }
}

/// Entries share the memory of `bytes`, of which `body` is a part.
fn decode_entries(bytes: &Bytes, body: &[u8], count: u32) -> Option<Vec<Entry>> {
    let mut rest = body.strip_suffix(&TRAILER)?;
    // An entry has two bytes at least: a checksum that matches by chance must not cost memory.
    let count_max = rest.len() / 2;
    let count = usize::try_from(count).ok().filter(|count| (1..=count_max).contains(count))?;
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        let record_bytes = usize::try_from(take_varint(&mut rest)?).ok()?;
        let sealed_bytes = usize::try_from(take_varint(&mut rest)?).ok()?;
        let record = bytes.slice_ref(take(&mut rest, record_bytes)?);
        let sealed = bytes.slice_ref(take(&mut rest, sealed_bytes)?);
        entries.push(Entry { record, sealed });
    }
    (rest.len() < ALIGN_BYTES && is_zero(rest)).then_some(entries)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn group(entries: Vec<(Vec<u8>, Vec<u8>)>) -> Group {
        let entry = |(record, sealed): (Vec<u8>, Vec<u8>)| Entry {
            record: record.into(),
            sealed: sealed.into(),
        };
        Group { entries: entries.into_iter().map(entry).collect(), mark: Bytes::new() }
    }

    proptest! {
        #[test]
        fn a_frame_comes_back(
            entries in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..700), prop::collection::vec(any::<u8>(), 0..9)), 1..6),
            offset in 0_u64..2000,
        ) {
            let (group, offset) = (group(entries), start_at(offset));
            let frame = encode(&group, Position::new(7), offset);
            prop_assert_eq!(frame.len(), bytes_of(&group.entries));
            prop_assert_eq!(frame.len() % ALIGN_BYTES, 0);
            prop_assert!(!lacks_end(&frame));
            let decoded = Frame::decode(&frame.clone().into()).unwrap();
            prop_assert_eq!(decoded.entries, group.entries);
            prop_assert_eq!(decoded.head.first, Position::new(7));
            prop_assert_eq!(usize::try_from(decoded.head.zero_sectors).unwrap(), zero_sectors(&frame, offset));
        }

        #[test]
        fn a_head_lies_in_one_sector(offset in 0_u64..5000) {
            let start = start_at(offset);
            prop_assert!((offset..offset.saturating_add(40)).contains(&start) && start.is_multiple_of(8));
            prop_assert_eq!(start / 512, start.saturating_add(31) / 512);
        }

        #[test]
        fn any_bytes_are_a_frame_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(Frame::decode(&bytes.into()).is_err());
        }
    }

    #[test]
    fn any_flipped_bit_is_noticed() {
        let frame =
            encode(&group(vec![(b"record".to_vec(), b"sealed".to_vec())]), Position::new(1), 512);
        for at in 0..frame.len() {
            for bit in 0..8 {
                let mut flipped = frame.clone();
                flipped[at] ^= 1 << bit;
                assert!(Frame::decode(&flipped.into()).is_err(), "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn sectors_that_are_zero_by_content_are_counted() {
        let frame = encode(&group(vec![(vec![0; 2000], vec![])]), Position::new(1), 512 + 400);
        // 112 bytes in the first sector, then three whole sectors of zeros, then the rest.
        assert_eq!(Head::decode(&frame).unwrap().zero_sectors, 3);
    }
}
