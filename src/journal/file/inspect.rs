//! A journal looked at from end to end by somebody who changes nothing: every byte of its files is
//! accounted for, those too that opening never reads.
//!
//! It takes no lock and writes nothing, so that it can look at a copy, at a read-only mount, or at
//! the directory of a ledger that is being served. It holds one segment in memory at a time.

use std::ops::ControlFlow;

use bytes::Bytes;

use super::{
    LedgerId, OpenError,
    bloom::Bloom,
    footer::{self, FIXED_BYTES, Footer},
    frame::{self, Chain, Frame},
    header::{FRAMES_START, HEADER_BYTES, Header, segment_name, segment_number},
    layout::{is_zero, narrow, wide},
    note::{CHECKPOINT, CLEAN, FORMAT},
    open::{Opening, Segment, check_numbers, damage, format, is_temporary, segment_numbers},
    recover::{self, Recovered},
    transfer,
};
use crate::{
    disk::{Access, Disk},
    journal::{Damage, Filing, Mark, Stored},
    judgement::Position,
};

/// What an inspection comes by, in the order of positions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// A segment of so many bytes begins; told before anything in it.
    Segment {
        /// Its file, as a person would name it.
        file: String,
        /// The bytes of the file.
        bytes: u64,
    },
    /// A mark that is kept: told before the first entry that the segment it was kept for has.
    Mark(Mark),
    /// An entry, and where the append that it came with begins, in bytes of the segment's file.
    Entry(Stored, u64),
}

/// What an inspection found beside the entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// Whose journal it is.
    pub ledger: LedgerId,
    /// The position of the last entry.
    pub head: Position,
    /// The newest checkpoint kept in it, if any.
    pub checkpoint: Option<Bytes>,
    /// What is not as a journal in use leaves it and harms nothing: a sentence each, with the file.
    pub remarks: Vec<String>,
}

/// Reads the journal in `disk` whole and shows it to `visit`, until that breaks off.
///
/// # Errors
/// `Newer`, `Damaged` with the first byte that is not what was stored, `Disk`. What `visit` was
/// shown before that stands.
pub fn inspect(
    disk: &dyn Disk,
    filing: &Filing,
    visit: &mut dyn FnMut(Seen) -> ControlFlow<()>,
) -> Result<Inspected, OpenError> {
    let no_journal = || damage(disk, FORMAT.name, "the file is missing: this is no journal");
    let ledger = format(disk)?.ok_or_else(no_journal)?;
    let opening = Opening { disk, filing, ledger };
    let mut inspected = Inspected {
        ledger,
        head: Position::START,
        checkpoint: opening.checkpoint()?,
        remarks: others(disk)?,
    };
    let stop = opening.stop()?;
    let numbers = segment_numbers(disk)?;
    check_numbers(disk, &numbers)?;

    let mut look = Look { opening, visit, before: None, remarks: Vec::new() };
    for number in &numbers {
        let (segment, bytes) = look.segment(*number)?;
        let name = disk.describe(&segment_name(*number));
        let shown = look.show(Seen::Segment { file: name, bytes: wide(bytes.len()) });
        let last = Some(number) == numbers.last();
        let sealed = if last { None } else { look.footer(&segment, &bytes)? };
        let mark = sealed.as_ref().and_then(|sealed| sealed.mark.clone());
        // A mark of a clean stop is the newest of all.
        let of_stop = stop.as_ref().filter(|_| last).and_then(|stop| stop.head.mark.clone());
        let marked = mark.or(of_stop).map_or(shown, |mark| look.show(Seen::Mark(mark)));
        if marked.is_break() {
            return Ok(inspected);
        }
        let (found, broken_off) = look.frames(&segment, &bytes)?;
        inspected.head = found.last;
        if broken_off.is_break() {
            return Ok(inspected);
        }
        look.check_rest(&segment, &bytes, &found, last)?;
        match sealed {
            Some(sealed) => look.check_footer(&segment.header, &found, &sealed)?,
            None if last => {
                if let Some(stop) = &stop {
                    let checkpoint = inspected.checkpoint.as_ref();
                    look.opening.check_stop(stop, &segment.header, &found, checkpoint)?;
                }
            }
            None => look.unsealed(&segment, &found),
        }
        look.before = Some((found.last, found.chain));
    }
    inspected.remarks.append(&mut look.remarks);
    Ok(inspected)
}

/// Remarks on files that are none of the journal's, or not yet.
fn others(disk: &dyn Disk) -> Result<Vec<String>, OpenError> {
    let mut remarks = Vec::new();
    for name in disk.list()? {
        let known = [FORMAT.name, CHECKPOINT.name, CLEAN.name].contains(&name.as_str());
        if known || segment_number(&name).is_some() {
            continue;
        }
        let file = disk.describe(&name);
        if is_temporary(&name) {
            remarks.push(format!("{file}: prepared and not used, removed at the next start"));
        } else if name != super::open::LOCK {
            remarks.push(format!("{file}: no file of the journal"));
        } else if disk.open(&name, Access::Read)?.len()? > 0 {
            remarks.push(format!("{file}: the lock file is not empty, which harms nothing"));
        }
    }
    Ok(remarks)
}

/// A footer as it stands in its file.
struct Sealed {
    footer: Footer,
    mark: Option<Mark>,
    /// All bytes of the file from the footer on.
    bytes: Bytes,
}

struct Look<'a> {
    opening: Opening<'a>,
    visit: &'a mut dyn FnMut(Seen) -> ControlFlow<()>,
    /// The last entry and the chain of the segment before.
    before: Option<(Position, Chain)>,
    remarks: Vec<String>,
}

impl Look<'_> {
    fn show(&mut self, seen: Seen) -> ControlFlow<()> {
        (self.visit)(seen)
    }

    /// A segment that begins where the one before ends, and all bytes of its file.
    fn segment(&mut self, number: u64) -> Result<(Segment, Bytes), OpenError> {
        let segment = self.opening.segment(number, Access::Read)?;
        let length = narrow(segment.file.len()?);
        let bytes = Bytes::from(transfer::read(segment.file.as_ref(), 0, length)?);
        let (first, previous) = self
            .before
            .map_or((Position::START.next(), Chain::START), |(last, chain)| (last.next(), chain));
        let header = &segment.header;
        if header.first != first || header.previous != previous {
            let what = "the segment does not begin where the one before ends";
            return Err(self.damage(header, 0, first, what));
        }
        if wide(bytes.len()) < header.segment_bytes {
            return Err(self.damage(header, wide(bytes.len()), first, "the segment is cut short"));
        }
        let unused = bytes.get(HEADER_BYTES..narrow(FRAMES_START)).unwrap_or_default();
        self.check_zero(header, unused, wide(HEADER_BYTES), first)?;
        let written = header.encode();
        match bytes.iter().zip(&written).position(|(found, meant)| found != meant) {
            Some(at) => {
                let what = "the segment's header is not as it is written";
                Err(self.damage(header, wide(at), first, what))
            }
            None => Ok((segment, bytes)),
        }
    }

    /// Shows the entries of a segment.
    fn frames(
        &mut self,
        segment: &Segment,
        bytes: &Bytes,
    ) -> Result<(Recovered, ControlFlow<()>), OpenError> {
        let name = self.opening.disk.describe(&segment_name(segment.header.number));
        let mut flow = ControlFlow::Continue(());
        let (mut end, mut gap) = (FRAMES_START, None);
        let visit = &mut self.visit;
        let mut show = |offset: u64, frame: &Frame| {
            let between = bytes.get(narrow(end)..narrow(offset)).unwrap_or_default();
            if !is_zero(between) {
                gap = gap.or(Some((end, frame.head.first)));
            }
            end = offset.saturating_add(wide(frame.head.bytes()));
            let mut position = frame.head.first;
            for entry in &frame.entries {
                if flow.is_continue() {
                    flow = visit(Seen::Entry(Stored { position, entry: entry.clone() }, offset));
                }
                position = position.next();
            }
        };
        let found = recover::scan(&name, &segment.header, bytes, self.opening.filing, &mut show)?;
        match gap {
            Some((from, position)) => {
                let what = "there are bytes between two appends";
                Err(self.damage(&segment.header, from, position, what))
            }
            None => Ok((found, flow)),
        }
    }

    /// After the last frame is nothing; but for an append that was cut off, in the newest segment.
    fn check_rest(
        &mut self,
        segment: &Segment,
        bytes: &Bytes,
        found: &Recovered,
        newest: bool,
    ) -> Result<(), OpenError> {
        let header = &segment.header;
        let (end, next) = (found.contents.frames.end(), found.last.next());
        if newest && wide(bytes.len()) > header.segment_bytes {
            let what = "there are bytes where no footer can be yet";
            return Err(self.damage(header, header.segment_bytes, next, what));
        }
        if found.torn_bytes == 0 || !newest {
            let rest = bytes.get(narrow(end)..narrow(header.segment_bytes)).unwrap_or_default();
            return self.check_zero(header, rest, end, next);
        }
        self.remarks.push(format!(
            "{}: at byte {}, after record {}, lies an append that was cut off before it was \
             answered; the next start clears it away",
            self.opening.disk.describe(&segment_name(header.number)),
            frame::start_at(end),
            found.last,
        ));
        Ok(())
    }

    /// The footer in a segment's file, checked in itself; none where a crash kept it from being
    /// written, which only the segment before the newest may lack.
    fn footer(&self, segment: &Segment, bytes: &Bytes) -> Result<Option<Sealed>, OpenError> {
        let header = &segment.header;
        let after = bytes.get(narrow(header.segment_bytes)..).unwrap_or_default();
        let bytes = bytes.slice_ref(after);
        let newest = segment_numbers(self.opening.disk)?.last().copied();
        let what = "the footer of the sealed segment is not what was written";
        let damaged = || self.damage(header, header.segment_bytes, header.first, what);
        let footer = bytes.get(..FIXED_BYTES).and_then(Footer::decode);
        let Some(footer) = footer.filter(|it| it.bytes() == wide(bytes.len())) else {
            let successor = header.number.saturating_add(1);
            let begun = newest != Some(successor)
                || super::open::holds_frames(self.opening.disk, successor)?;
            return if begun { Err(damaged()) } else { Ok(None) };
        };
        let part = |from: u64, to: u64| bytes.get(narrow(from)..narrow(to)).unwrap_or_default();
        let mark = part(footer.mark_start(), footer.index_start());
        if !footer.mark.is(mark) {
            return Err(damaged());
        }
        let mark = (footer.mark_at != Position::START)
            .then(|| Mark { at: footer.mark_at, bytes: bytes.slice_ref(mark) });
        Ok(Some(Sealed { footer, mark, bytes }))
    }

    /// A footer says of its segment what the segment's frames say. The filter alone may be of
    /// another size than is written now: then it must hold every key.
    fn check_footer(
        &self,
        header: &Header,
        found: &Recovered,
        sealed: &Sealed,
    ) -> Result<(), OpenError> {
        let Sealed { footer, mark, bytes } = sealed;
        let (meant, filter, written) =
            footer::encode(header, &found.contents, found.chain, mark.as_ref());
        let held = bytes.get(narrow(Footer::BLOOM_AT)..narrow(footer.mark_start()));
        let held = held.unwrap_or_default();
        let filters = if held.len() == filter.as_bytes().len() {
            held == filter.as_bytes()
        } else {
            let held = Bloom::from_bytes(held.to_vec());
            found.contents.filed.sorted().iter().all(|(key, _)| held.may_hold(*key))
        };
        let rest_meant = written.get(narrow(meant.mark_start())..);
        let rest = bytes.get(narrow(footer.mark_start())..);
        let says = Footer { bloom: footer.bloom, ..meant } == *footer && footer.bloom.is(held);
        if filters && says && rest == rest_meant {
            return Ok(());
        }
        let differs = bytes.iter().zip(&written).position(|(here, there)| here != there);
        let offset = header.segment_bytes.saturating_add(wide(differs.unwrap_or_default()));
        let what = "the footer does not say what the segment holds";
        Err(self.damage(header, offset, header.first, what))
    }

    /// A rotation that a crash cut short: the next start seals the segment again.
    fn unsealed(&mut self, segment: &Segment, found: &Recovered) {
        let file = self.opening.disk.describe(&segment_name(segment.header.number));
        self.remarks.push(format!(
            "{file}: not sealed after record {}; the next start seals it",
            found.last
        ));
    }

    fn check_zero(
        &self,
        header: &Header,
        bytes: &[u8],
        from: u64,
        position: Position,
    ) -> Result<(), OpenError> {
        if is_zero(bytes) {
            return Ok(());
        }
        let at = bytes.iter().position(|byte| *byte != 0).unwrap_or_default();
        let what = "there are bytes where nothing was written";
        Err(self.damage(header, from.saturating_add(wide(at)), position, what))
    }

    fn damage(
        &self,
        header: &Header,
        offset: u64,
        position: Position,
        what: &'static str,
    ) -> OpenError {
        let file = self.opening.disk.describe(&segment_name(header.number));
        OpenError::Damaged(Damage { file, offset, position, what })
    }
}
