//! The footer of a sealed segment. It begins where the room for frames ends, so that it is found
//! without a search, and says where everything else is.

use bytes::BufMut;

use super::{
    bloom::Bloom,
    contents::Contents,
    frame::Chain,
    header::Header,
    layout::{array_at, u32_at, u64_at, wide},
    rows::{self, BLOCK_BYTES, Slot},
};
use crate::{journal::Mark, judgement::Position};

/// The bytes of the fixed part.
pub(super) const FIXED_BYTES: usize = 128;

const MAGIC: [u8; 8] = *b"\xfbJLFOOT\n";
const CHECKSUM_AT: usize = 124;

/// The fixed part of a footer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Footer {
    /// The segment's number.
    pub(super) number: u64,
    /// The position of its first entry.
    pub(super) first: Position,
    /// The position of its last entry.
    pub(super) last: Position,
    /// The chain up to and with the segment's last frame.
    pub(super) chain: Chain,
    /// Where the last frame ends, in bytes.
    pub(super) frames_end: u64,
    /// How many frames there are.
    pub(super) frames: u32,
    /// The bloom filter over the keys.
    pub(super) bloom: Section,
    /// The kept mark's bytes.
    pub(super) mark: Section,
    /// Where the kept mark stands; [`Position::START`] if there is none.
    pub(super) mark_at: Position,
    /// The index of the frames.
    pub(super) index: Section,
    /// How many blocks of filing rows there are, each with its own checksum.
    pub(super) row_blocks: u32,
}

/// A part of the footer with a checksum of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Section {
    /// Its length in bytes.
    pub(super) bytes: u32,
    checksum: u32,
}

impl Section {
    fn of(content: &[u8]) -> Self {
        let bytes = u32::try_from(content.len()).unwrap_or(u32::MAX);
        Self { bytes, checksum: crc32c::crc32c(content) }
    }

    /// Whether `content` is what was written.
    pub(super) fn is(self, content: &[u8]) -> bool {
        self == Self::of(content)
    }

    pub(super) fn length(self) -> usize {
        usize::try_from(self.bytes).unwrap_or(usize::MAX)
    }
}

/// The footer of the segment with that `header` and these `contents`, and its bytes. It is a pure
/// function of them, so a footer that a crash cut short is written again as it was.
pub(super) fn encode(
    header: &Header,
    contents: &Contents,
    chain: Chain,
    mark: Option<&Mark>,
) -> (Footer, Bloom, Vec<u8>) {
    let filed = contents.filed.sorted();
    let bloom = Bloom::of(filed.iter().map(|(key, _)| *key));
    let mark_bytes = mark.map(|mark| mark.bytes.clone()).unwrap_or_default();
    let index = contents.frames.encode();
    let blocks = rows::encode(filed.into_iter());
    let entries = u64::from(contents.frames.entries());
    let footer = Footer {
        number: header.number,
        first: header.first,
        last: Position::new(header.first.get().saturating_add(entries).saturating_sub(1)),
        chain,
        frames_end: contents.frames.end(),
        frames: u32::try_from(contents.frames.frames()).unwrap_or(u32::MAX),
        bloom: Section::of(bloom.as_bytes()),
        mark: Section::of(&mark_bytes),
        mark_at: mark.map_or(Position::START, |mark| mark.at),
        index: Section::of(&index),
        row_blocks: u32::try_from(blocks.len() / BLOCK_BYTES).unwrap_or(u32::MAX),
    };
    let mut bytes = footer.encode_fixed();
    bytes.put_slice(bloom.as_bytes());
    bytes.put_slice(&mark_bytes);
    bytes.put_slice(&index);
    bytes.put_slice(&blocks);
    (footer, bloom, bytes)
}

impl Footer {
    /// Where the bloom filter begins, counted from the footer, as all of these.
    pub(super) const BLOOM_AT: u64 = 128;

    /// Where the mark begins.
    pub(super) fn mark_start(&self) -> u64 {
        Self::BLOOM_AT.saturating_add(u64::from(self.bloom.bytes))
    }

    /// Where the index of the frames begins.
    pub(super) fn index_start(&self) -> u64 {
        self.mark_start().saturating_add(u64::from(self.mark.bytes))
    }

    /// Where the block of rows `number` begins; as the count of blocks, where the footer ends.
    pub(super) fn block_start(&self, number: u32) -> u64 {
        let rows = self.index_start().saturating_add(u64::from(self.index.bytes));
        rows.saturating_add(u64::from(number).saturating_mul(wide(BLOCK_BYTES)))
    }

    /// The bytes of the whole footer.
    pub(super) fn bytes(&self) -> u64 {
        self.block_start(self.row_blocks)
    }

    /// How many entries the segment holds.
    pub(super) fn entries(&self) -> Slot {
        let entries = self.last.since(self.first).saturating_add(1);
        Slot::try_from(entries).unwrap_or(Slot::MAX)
    }

    fn encode_fixed(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FIXED_BYTES);
        bytes.put_slice(&MAGIC);
        bytes.put_u64_le(self.number);
        bytes.put_u64_le(self.first.get());
        bytes.put_u64_le(self.last.get());
        bytes.put_slice(&self.chain.0);
        bytes.put_u64_le(self.frames_end);
        bytes.put_u32_le(self.frames);
        for section in [self.bloom, self.mark, self.index] {
            bytes.put_u32_le(section.bytes);
            bytes.put_u32_le(section.checksum);
        }
        bytes.put_u32_le(self.row_blocks);
        bytes.put_u64_le(self.mark_at.get());
        bytes.resize(CHECKSUM_AT, 0);
        bytes.put_u32_le(crc32c::crc32c(&bytes));
        bytes
    }

    /// The fixed part in `bytes`; `None` if it is not there as it was written.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let covered = bytes.get(..CHECKSUM_AT)?;
        let sealed = array_at(bytes, 0)? == MAGIC;
        if !sealed || u32_at(bytes, CHECKSUM_AT)? != crc32c::crc32c(covered) {
            return None;
        }
        let section = |at: usize| {
            let checksum_at = at.checked_add(4)?;
            Some(Section { bytes: u32_at(bytes, at)?, checksum: u32_at(bytes, checksum_at)? })
        };
        Some(Self {
            number: u64_at(bytes, 8)?,
            first: Position::new(u64_at(bytes, 16)?),
            last: Position::new(u64_at(bytes, 24)?),
            chain: Chain(array_at(bytes, 32)?),
            frames_end: u64_at(bytes, 64)?,
            frames: u32_at(bytes, 72)?,
            bloom: section(76)?,
            mark: section(84)?,
            index: section(92)?,
            row_blocks: u32_at(bytes, 100)?,
            mark_at: Position::new(u64_at(bytes, 104)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::journal::{Key, file::layout::narrow};

    fn sealed() -> (Footer, Bloom, Vec<u8>) {
        let mut contents = Contents::starting_at(512);
        contents.add((512, 48), 2, vec![(Key([1; 12]), 0), (Key([2; 12]), 1)]);
        contents.add((560, 48), 1, vec![(Key([1; 12]), 2)]);
        let header = Header {
            ledger: [7; 16],
            number: 2,
            segment_bytes: 4096,
            first: Position::new(10),
            previous: Chain([3; 32]),
        };
        let mark = Mark { at: Position::new(12), bytes: Bytes::from_static(b"mark") };
        encode(&header, &contents, Chain([4; 32]), Some(&mark))
    }

    #[test]
    fn a_footer_says_where_its_parts_are() {
        let (footer, bloom, bytes) = sealed();
        assert_eq!(Footer::decode(&bytes), Some(footer.clone()));
        assert_eq!(footer.last, Position::new(12));
        assert_eq!(footer.entries(), 3);
        assert_eq!(footer.bytes(), wide(bytes.len()));
        let part = |from: u64, to: u64| &bytes[narrow(from)..narrow(to)];
        assert!(footer.bloom.is(part(Footer::BLOOM_AT, footer.mark_start())));
        assert_eq!(part(Footer::BLOOM_AT, footer.mark_start()), bloom.as_bytes());
        assert_eq!(part(footer.mark_start(), footer.index_start()), b"mark");
        assert!(footer.index.is(part(footer.index_start(), footer.block_start(0))));
    }

    #[test]
    fn any_flipped_bit_of_the_fixed_part_is_noticed() {
        let (_, _, bytes) = sealed();
        for at in 0..FIXED_BYTES {
            let mut flipped = bytes.clone();
            flipped[at] ^= 16;
            assert_eq!(Footer::decode(&flipped), None, "byte {at}");
        }
    }
}
