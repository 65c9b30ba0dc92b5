//! Reading a segment frame by frame, and telling a torn append from damage.
//!
//! At most one append is under way at a time, and it is on disk wholly, not at all, or without
//! some of its sectors, which then still are zero as they were before. Only what looks exactly
//! like that is *torn*; everything else that is not valid is *damaged*.

use bytes::Bytes;

use super::{
    contents::Contents,
    frame::{self, ALIGN_BYTES, Chain, Frame, HEAD_BYTES, Head},
    header::{FRAMES_START, Header},
    layout::{is_zero, narrow, used, wide},
    sealed::append_bytes_max,
};
use crate::{
    journal::{Damage, Entry, Filing},
    judgement::Position,
};

/// A segment as read from its first frame to its last.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) contents: Contents,
    /// The chain up to and with the last frame.
    pub(super) chain: Chain,
    /// The position of the last entry; of the last one before the segment, if it has none.
    pub(super) last: Position,
    /// The last frame and its offset in bytes.
    pub(super) last_frame: Option<(u64, Bytes)>,
    /// How many bytes a torn append left after the last frame; 0 if there is none.
    pub(super) torn_bytes: usize,
}

/// Reads all frames of the segment that `header` describes, out of `area`: the header and the
/// room for frames, at least. `visit` is shown each, with its offset.
///
/// # Errors
/// Where the damage is. `file` is the name to put there.
pub(super) fn scan(
    file: &str,
    header: &Header,
    area: &Bytes,
    filing: &Filing,
    visit: &mut dyn FnMut(u64, &Frame),
) -> Result<Recovered, Damage> {
    let append_bytes_max = append_bytes_max(header.segment_bytes);
    let mut found = Recovered {
        contents: Contents::starting_at(FRAMES_START),
        chain: header.previous,
        last: Position::new(header.first.get().saturating_sub(1)),
        last_frame: None,
        torn_bytes: 0,
    };
    let area =
        area.get(..narrow(header.segment_bytes)).map_or_else(Bytes::new, |a| area.slice_ref(a));
    loop {
        let offset = frame::start_at(found.contents.frames.end());
        let rest = area.get(narrow(offset)..).map_or_else(Bytes::new, |rest| area.slice_ref(rest));
        let expected = found.last.next();
        match Frame::decode(&rest) {
            Ok(frame) if frame.head.first == expected => {
                visit(offset, &frame);
                found.add(offset, &rest, &frame, filing);
            }
            Ok(_) => {
                let what = "an append stands out of its place";
                return Err(Damage { file: file.to_owned(), offset, position: expected, what });
            }
            Err(_) => {
                found.torn_bytes =
                    torn_bytes(&rest, offset, expected, append_bytes_max).map_err(|what| {
                        Damage { file: file.to_owned(), offset, position: expected, what }
                    })?;
                return Ok(found);
            }
        }
    }
}

impl Recovered {
    fn add(&mut self, offset: u64, rest: &Bytes, frame: &Frame, filing: &Filing) {
        let bytes = rest.get(..frame.head.bytes()).unwrap_or(rest);
        let entries: &[Entry] = &frame.entries;
        let filed = self.contents.file(filing, entries);
        self.contents.add((offset, bytes.len()), entries.len(), filed);
        self.chain = self.chain.link(bytes);
        self.last = frame.head.last();
        self.last_frame = Some((offset, rest.slice_ref(bytes)));
    }
}

/// How many bytes, from the start of `rest` on, a torn append left; 0 if there is none. `rest`
/// begins at `offset` and holds no valid frame there; the append would begin with `expected`.
///
/// # Errors
/// What is damaged, if this is not what a torn append looks like.
fn torn_bytes(
    rest: &[u8],
    offset: u64,
    expected: Position,
    append_bytes_max: usize,
) -> Result<usize, &'static str> {
    let left = used(rest);
    if left == 0 {
        return Ok(0);
    }
    if left > append_bytes_max {
        return Err("there are bytes farther on than one append reaches");
    }
    let left_bytes = rest.get(..left).unwrap_or(rest);
    match Head::decode(rest) {
        Some(head) => {
            let append = rest.get(..head.bytes()).ok_or("an append is longer than its segment")?;
            if head.first != expected {
                return Err("an append stands out of its place");
            }
            if left > append.len() {
                return Err("there are bytes behind an append that is not valid");
            }
            let zero_by_content = usize::try_from(head.zero_sectors).unwrap_or(usize::MAX);
            let lost = frame::zero_sectors(append, offset) > zero_by_content;
            if !lost && !frame::lacks_end(append) {
                return Err("an append is complete but its checksum does not match");
            }
        }
        None if left < HEAD_BYTES => {} // A write that ended within the head.
        None if !is_zero(rest.get(..HEAD_BYTES).unwrap_or(rest)) => {
            return Err("the head of an append is not valid");
        }
        None if head_follows(left_bytes, expected) => {
            return Err("an append is missing before another one");
        }
        None => {}
    }
    Ok(left)
}

/// Whether the head of an append at or after `expected` stands anywhere in `bytes`. Only what
/// claims such a position counts, so that bytes within a record are hardly ever taken for one.
fn head_follows(bytes: &[u8], expected: Position) -> bool {
    (0..bytes.len())
        .step_by(ALIGN_BYTES)
        .filter_map(|at| Head::decode(bytes.get(at..)?))
        .any(|head| head.first >= expected)
}

/// The region to make surely durable before a journal that was not stopped cleanly goes on, and
/// what to write there: the last frame once more, and zeros as far as a torn append may reach.
///
/// The frame may have been read out of a cache that never reached the disk, when the process was
/// killed or its sync had failed; only after a new write and a new sync it may be relied upon.
pub(super) fn rewrite(
    found: &Recovered,
    header: &Header,
    append_bytes_max: usize,
) -> (u64, Vec<u8>) {
    let end = found.contents.frames.end();
    let (start, mut bytes) = match &found.last_frame {
        Some((offset, frame)) => (*offset, frame.to_vec()),
        None => (end, Vec::new()),
    };
    let torn_end = frame::start_at(end).saturating_add(wide(append_bytes_max));
    let until = torn_end.min(header.segment_bytes).saturating_sub(start);
    bytes.resize(narrow(until).max(bytes.len()), 0);
    (start, bytes)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::journal::Group;

    const SEGMENT_BYTES: usize = 16 * 1024;
    fn header() -> Header {
        Header {
            ledger: [0; 16],
            number: 1,
            segment_bytes: wide(SEGMENT_BYTES),
            first: Position::new(1),
            previous: Chain::START,
        }
    }

    /// A segment with frames of one entry each of these lengths; where each frame lies.
    fn segment(lengths: &[usize]) -> (Vec<u8>, Vec<(usize, usize)>) {
        let (mut area, mut at, mut first) =
            (vec![0; SEGMENT_BYTES], FRAMES_START, Position::new(1));
        let mut frames = Vec::new();
        for length in lengths {
            let record = Bytes::from(vec![0x5a; *length]);
            let group =
                Group { entries: vec![Entry { record, sealed: Bytes::new() }], mark: Bytes::new() };
            let start = frame::start_at(at);
            let bytes = frame::encode(&group, first, start);
            let place = narrow(start)..narrow(start).saturating_add(bytes.len());
            area[place.clone()].copy_from_slice(&bytes);
            (at, first) = (wide(place.end), first.next());
            frames.push((place.start, place.end));
        }
        (area, frames)
    }

    fn scanned(area: Vec<u8>) -> Result<(Position, usize), Damage> {
        let filing: Filing = Arc::new(|_: &[u8]| vec![]);
        scan("segment", &header(), &area.into(), &filing, &mut |_, _| ())
            .map(|found| (found.last, found.torn_bytes))
    }

    #[test]
    fn whole_frames_are_found() {
        let (area, _) = segment(&[100, 900, 20]);
        assert_eq!(scanned(area), Ok((Position::new(3), 0)));
    }

    #[test]
    fn a_last_frame_without_some_of_its_sectors_is_torn() {
        let (area, frames) = segment(&[100, 900, 1800]);
        let (start, end) = frames[2];
        for sector in start / 512..=(end - 1) / 512 {
            let mut torn = area.clone();
            torn[(sector * 512).max(start)..((sector + 1) * 512).min(end)].fill(0);
            let (last, bytes) = scanned(torn).unwrap();
            assert_eq!(last, Position::new(2), "sector {sector}");
            assert!(bytes > 0 && bytes <= end - start);
        }
    }

    #[test]
    fn a_last_frame_cut_off_anywhere_is_torn() {
        let (area, frames) = segment(&[100, 900, 1800]);
        let (start, end) = frames[2];
        for cut in start..end {
            let mut torn = area.clone();
            torn[cut..end].fill(0);
            assert_eq!(scanned(torn).map(|(last, _)| last), Ok(Position::new(2)), "cut at {cut}");
        }
    }

    #[test]
    fn a_flipped_bit_in_any_frame_is_damage() {
        let (area, frames) = segment(&[100, 900, 1800]);
        for (start, end) in frames {
            for at in (start..end).step_by(3) {
                let mut flipped = area.clone();
                flipped[at] ^= 0x20;
                assert!(scanned(flipped).is_err(), "byte {at}");
            }
        }
    }

    #[test]
    fn a_missing_frame_before_another_is_damage() {
        let (area, frames) = segment(&[100, 900, 1800]);
        let mut missing = area;
        missing[frames[1].0..frames[1].1].fill(0);
        assert_eq!(scanned(missing).unwrap_err().what, "an append is missing before another one");
    }

    #[test]
    fn a_frame_out_of_its_place_is_damage() {
        let (mut area, frames) = segment(&[100, 100, 100]);
        let third = frames[2].0..frames[2].1;
        area.copy_within(third.clone(), frames[1].0);
        area[third].fill(0);
        assert_eq!(scanned(area).unwrap_err().what, "an append stands out of its place");
    }

    #[test]
    fn bytes_far_behind_the_last_frame_are_damage() {
        let (mut area, frames) = segment(&[100]);
        area[frames[0].1 + 8000] = 1;
        assert!(scanned(area).is_err());
    }

    #[test]
    fn zeros_that_belong_to_a_record_do_not_make_it_torn() {
        let group = Group {
            entries: vec![Entry { record: vec![0; 3000].into(), sealed: Bytes::new() }],
            mark: Bytes::new(),
        };
        let bytes = frame::encode(&group, Position::new(1), FRAMES_START);
        let mut area = vec![0; SEGMENT_BYTES];
        area[512..512 + bytes.len()].copy_from_slice(&bytes);
        area[512 + 40] ^= 1;
        let what = "an append is complete but its checksum does not match";
        assert_eq!(scanned(area).unwrap_err().what, what);
    }
}
