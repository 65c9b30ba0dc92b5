//! Where the frames of a segment begin, and under which keys its entries are filed.

use super::{
    filed::Filed,
    layout::{narrow, put_varint, take_varint, wide},
    rows::Slot,
};
use crate::journal::{Entry, Filing, Key};

/// The frames of one segment in order: 8 bytes of memory each.
///
/// Entries have no offsets of their own: the checksum is the frame's, so the frame is what is
/// read and verified, whichever entry is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FrameIndex {
    starts: Vec<Start>,
    /// Where the last frame ends, in bytes.
    end: u64,
    /// How many entries all frames hold.
    entries: Slot,
}

/// Where a frame begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Start {
    /// In the file, in bytes; below the largest segment's size.
    pub(super) offset: u32,
    /// The slot of its first entry.
    pub(super) slot: Slot,
}

/// Frames that stand one after the other, to be read at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) frames: Vec<Start>,
    /// Where the last of them ends at the latest, in bytes.
    pub(super) end: u64,
}

impl FrameIndex {
    /// No frame yet; the first may begin at `start`.
    pub(super) fn starting_at(start: u64) -> Self {
        Self { starts: Vec::new(), end: start, entries: 0 }
    }

    /// Adds the frame that begins at `offset`, ends at `end` and holds `entries` entries.
    pub(super) fn push(&mut self, offset: u64, end: u64, entries: Slot) {
        let offset = u32::try_from(offset).unwrap_or(u32::MAX);
        self.starts.push(Start { offset, slot: self.entries });
        self.entries = self.entries.saturating_add(entries);
        self.end = end;
    }

    /// How many frames there are.
    pub(super) fn frames(&self) -> usize {
        self.starts.len()
    }

    /// How many entries they hold.
    pub(super) fn entries(&self) -> Slot {
        self.entries
    }

    /// Where the last frame ends, in bytes.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// The frames from the one that holds `slot` on: at least that, and more while they begin
    /// before `until` and all have at most `bytes_max` bytes. `None` past the last entry.
    pub(super) fn run(&self, slot: Slot, until: Slot, bytes_max: usize) -> Option<Run> {
        if slot >= self.entries {
            return None;
        }
        let from = self.starts.partition_point(|start| start.slot <= slot).checked_sub(1)?;
        let rest = self.starts.get(from..)?;
        let limit = u64::from(rest.first()?.offset).saturating_add(wide(bytes_max));
        let ends = rest.iter().skip(1).map(|next| u64::from(next.offset)).chain([self.end]);
        let wanted = rest.partition_point(|start| start.slot < until);
        let fitting = ends.clone().take(wanted).take_while(|end| *end <= limit).count().max(1);
        let end = ends.take(fitting).last()?;
        Some(Run { frames: rest.iter().copied().take(fitting).collect(), end })
    }

    /// The index in the footer: for each frame the distance from the start before, in units of
    /// eight bytes, and the number of entries between, both as varints.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut before = Start { offset: 0, slot: 0 };
        for start in &self.starts {
            put_varint(&mut bytes, u64::from(start.offset.saturating_sub(before.offset)) / 8);
            put_varint(&mut bytes, u64::from(start.slot.saturating_sub(before.slot)));
            before = *start;
        }
        bytes
    }

    /// The index of `frames` frames in `bytes`; the last ends at `end` and the whole holds
    /// `entries` entries. `None` if that makes no sense.
    pub(super) fn decode(bytes: &[u8], frames: u32, end: u64, entries: Slot) -> Option<Self> {
        let mut rest = bytes;
        // A start has two bytes at least.
        let frames_max = bytes.len() / 2;
        let frames = usize::try_from(frames).ok().filter(|frames| *frames <= frames_max)?;
        let mut starts = Vec::with_capacity(frames);
        let mut before = Start { offset: 0, slot: 0 };
        for _ in 0..frames {
            let distance = u32::try_from(take_varint(&mut rest)?.checked_mul(8)?).ok()?;
            let skipped = Slot::try_from(take_varint(&mut rest)?).ok()?;
            before = Start {
                offset: before.offset.checked_add(distance)?,
                slot: before.slot.checked_add(skipped)?,
            };
            starts.push(before);
        }
        let sound = rest.is_empty() && u64::from(before.offset) < end && before.slot < entries;
        sound.then_some(Self { starts, end, entries })
    }
}

/// What is known of a segment that still takes frames, or was read as a whole.
#[derive(Debug, Clone)]
pub(super) struct Contents {
    pub(super) frames: FrameIndex,
    /// Every key of every entry.
    pub(super) filed: Filed,
}

impl Contents {
    /// Of a segment without frames, of which the first may begin at `start`.
    pub(super) fn starting_at(start: u64) -> Self {
        Self { frames: FrameIndex::starting_at(start), filed: Filed::empty() }
    }

    /// What `entries` would be filed under, if they came next.
    pub(super) fn file(&self, filing: &Filing, entries: &[Entry]) -> Vec<(Key, Slot)> {
        let mut filed = Vec::new();
        let mut slot = self.frames.entries();
        for entry in entries {
            filed.extend(filing(&entry.record).into_iter().map(|key| (key, slot)));
            slot = slot.saturating_add(1);
        }
        filed
    }

    /// Adds the frame at `offset` of `bytes` bytes and `entries` entries, filed as said.
    pub(super) fn add(
        &mut self,
        (offset, bytes): (u64, usize),
        entries: usize,
        filed: Vec<(Key, Slot)>,
    ) {
        let entries = Slot::try_from(entries).unwrap_or(Slot::MAX);
        self.frames.push(offset, offset.saturating_add(wide(bytes)), entries);
        self.filed.extend(filed);
    }

    /// The newest slot before `before` under `key`.
    pub(super) fn latest(&self, key: Key, before: Slot) -> Option<Slot> {
        self.filed.latest(key, before)
    }
}

/// The slot of the entry at `position` in a segment that begins with `first`; what lies beyond
/// any slot is the largest.
pub(super) fn slot_of(position: u64, first: u64) -> Slot {
    Slot::try_from(narrow(position.saturating_sub(first))).unwrap_or(Slot::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> FrameIndex {
        let mut index = FrameIndex::starting_at(512);
        index.push(512, 560, 2);
        index.push(560, 700, 1);
        index.push(704, 1200, 300);
        index
    }

    #[test]
    fn an_index_comes_back() {
        let bytes = index().encode();
        assert_eq!(bytes.len(), 6);
        assert_eq!(FrameIndex::decode(&bytes, 3, 1200, 303), Some(index()));
        assert_eq!(FrameIndex::decode(&bytes, 4, 1200, 303), None);
        assert_eq!(FrameIndex::decode(&bytes, 3, 1200, 3), None);
    }

    #[test]
    fn a_run_begins_with_the_frame_that_holds_the_slot() {
        let run = |slot, bytes| {
            index().run(slot, 300, bytes).map(|run| (run.frames.len(), run.frames[0].slot, run.end))
        };
        assert_eq!(run(0, 0), Some((1, 0, 560)));
        assert_eq!(run(1, 192), Some((2, 0, 704)));
        assert_eq!(run(1, 10_000), Some((3, 0, 1200)));
        assert_eq!(run(2, 100), Some((1, 2, 704)));
        assert_eq!(run(302, 100), Some((1, 3, 1200)));
        assert_eq!(run(303, 100), None);
        assert_eq!(index().run(0, 2, 10_000).map(|found| found.end), Some(560));
    }
}
