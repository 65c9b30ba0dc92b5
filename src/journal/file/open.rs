//! Opening a directory: creating it, or finding out how its last user left it.
//!
//! Read are the notes, the headers, the fixed parts and bloom filters of the footers, and the
//! newest segment (and the one before, if a rotation was cut short): never the whole log.

use std::{io, sync::Arc};

use bytes::Bytes;

use super::{
    Discarded, FileOptions, LedgerId, OpenError, Recovery, SEGMENT_BYTES_MAX, Start, create,
    footer,
    frame::{self, Chain},
    header::{FRAMES_START, HEADER_BYTES, Header, segment_name, segment_number},
    layout::narrow,
    note::{CHECKPOINT, CLEAN, FORMAT, Note, Unusable},
    recover::{self, Recovered},
    sealed::{FetchError, Sealed, Source, append_bytes_max},
    stop::Stop,
    store::{Active, Found, Store, View, decode_checkpoint},
    transfer,
};
use crate::{
    disk::{Access, Disk, DiskFile},
    journal::{Damage, Filing, Head, Mark},
    judgement::Position,
};

pub(super) const LOCK: &str = "LOCK";

/// Opens the journal in `disk`, or creates it there.
///
/// # Errors
/// As [`super::FileJournal::open`].
pub(super) fn open(
    disk: Arc<dyn Disk>,
    filing: Filing,
    options: FileOptions,
) -> Result<(Store, Recovery), OpenError> {
    // Before the lock, which may create a file: of a newer format not a byte is touched.
    format(disk.as_ref())?;
    let lock = disk.lock(LOCK)?.ok_or_else(|| OpenError::Locked { file: disk.describe(LOCK) })?;
    let known = format(disk.as_ref())?;
    if known.is_none() {
        create::create(disk.as_ref(), &options)?;
    }
    let ledger = known.unwrap_or(options.ledger_id);
    let opening = Opening { disk: disk.as_ref(), filing: &filing, ledger };
    let (found, mut recovery) = opening.find()?;
    // Not before: what is refused is left as it is.
    remove_temporaries(disk.as_ref())?;
    if known.is_none() {
        recovery.start = Start::Created;
    }
    Ok((Store::new(disk, filing, options, found, lock), recovery))
}

/// Whose journal it is; `None` if there is none yet.
pub(super) fn format(disk: &dyn Disk) -> Result<Option<LedgerId>, OpenError> {
    let Some(payload) = note(disk, FORMAT)? else {
        return Ok(None);
    };
    let what = "the ledger's id is not 16 bytes long";
    let ledger =
        LedgerId::try_from(payload.as_ref()).map_err(|_| damage(disk, FORMAT.name, what))?;
    Ok(Some(ledger))
}

/// The payload of a note, `None` if there is no such file.
pub(super) fn note(disk: &dyn Disk, note: Note) -> Result<Option<Bytes>, OpenError> {
    let Some(bytes) = note.load(disk)? else {
        return Ok(None);
    };
    note.decode(&bytes).map(Some).map_err(|why| unusable(disk, note.name, &why))
}

fn unusable(disk: &dyn Disk, name: &str, why: &Unusable) -> OpenError {
    let file = disk.describe(name);
    match *why {
        Unusable::Newer(found) => OpenError::Newer { file, found, known: super::FORMAT_VERSION },
        Unusable::Damaged(offset, what) => {
            OpenError::Damaged(Damage { file, offset, position: Position::START.next(), what })
        }
    }
}

/// What was half written when the last user stopped; nothing refers to it.
fn remove_temporaries(disk: &dyn Disk) -> io::Result<()> {
    for name in disk.list()?.iter().filter(|name| is_temporary(name)) {
        disk.remove(name)?;
    }
    Ok(())
}

pub(super) fn is_temporary(name: &str) -> bool {
    name.starts_with("segment-") && name.strip_suffix(".tmp").is_some()
        || [FORMAT, CHECKPOINT, CLEAN].iter().any(|note| note.temporary == name)
}

/// Damage of a whole file, after which no position can be trusted.
pub(super) fn damage(disk: &dyn Disk, name: &str, what: &'static str) -> OpenError {
    let position = Position::START.next();
    Damage { file: disk.describe(name), offset: 0, position, what }.into()
}

/// The numbers of all segments, ascending.
pub(super) fn segment_numbers(disk: &dyn Disk) -> io::Result<Vec<u64>> {
    let mut numbers: Vec<_> = disk.list()?.iter().filter_map(|name| segment_number(name)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// The segments are there from the first on, without a gap.
pub(super) fn check_numbers(disk: &dyn Disk, numbers: &[u64]) -> Result<(), OpenError> {
    let missing = (1_u64..).zip(numbers).find(|(number, found)| number != *found);
    let first = numbers.is_empty().then_some(1);
    match missing.map(|(number, _)| number).or(first) {
        Some(number) => Err(damage(disk, &segment_name(number), "the segment is missing")),
        None => Ok(()),
    }
}

/// A directory that is being looked at.
pub(super) struct Opening<'a> {
    pub(super) disk: &'a dyn Disk,
    pub(super) filing: &'a Filing,
    pub(super) ledger: LedgerId,
}

/// A segment's file and what its header says.
pub(super) struct Segment {
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) header: Header,
}

impl Segment {
    fn source<'a>(&'a self, disk: &'a dyn Disk) -> Source<'a> {
        Source { disk, file: self.file.as_ref() }
    }
}

impl Opening<'_> {
    fn find(&self) -> Result<(Found, Recovery), OpenError> {
        let checkpoint = self.checkpoint()?;
        let stop = self.stop()?;
        let numbers = segment_numbers(self.disk)?;
        check_numbers(self.disk, &numbers)?;
        let Some((newest, older)) = numbers.split_last() else {
            return Err(damage(self.disk, &segment_name(1), "the segment is missing"));
        };
        let newest = self.segment(*newest, Access::Write)?;
        let found = self.recover(&newest)?;
        if newest.file.len()? > newest.header.segment_bytes {
            // No segment gets a footer before its successor has its name.
            let successor = segment_name(newest.header.number.saturating_add(1));
            return Err(damage(self.disk, &successor, "the segment is missing"));
        }
        // Until its first frame is there, the seal of the segment before may be incomplete.
        let begun = found.last_frame.is_some();
        let mut sealed = Vec::with_capacity(older.len());
        let mut mark = None;
        for number in older {
            let last = Some(number) == older.last();
            let one = if last && !begun {
                self.sealed_again(*number, &newest.header, &mut mark)?
            } else {
                self.sealed(*number, &mut mark, last)?
            };
            sealed.push(one);
        }
        self.check_links(&sealed, &newest.header)?;

        let mut head = Head { position: found.last, mark };
        let clean = stop.is_some();
        if let Some(stop) = stop {
            self.check_stop(&stop, &newest.header, &found, checkpoint.as_ref())?;
            head.mark = stop.head.mark;
        } else {
            self.secure(&newest, &found)?;
        }
        let recovery = self.report(&newest.header, &found, clean);
        let Recovered { contents, chain, .. } = found;
        let active = Active { file: newest.file, header: newest.header, contents, chain };
        Ok((Found { view: View { head, sealed, active }, checkpoint, clean }, recovery))
    }

    pub(super) fn checkpoint(&self) -> Result<Option<Bytes>, OpenError> {
        let lost = || damage(self.disk, CHECKPOINT.name, "the file is missing");
        let payload = note(self.disk, CHECKPOINT)?.ok_or_else(lost)?;
        decode_checkpoint(&payload).map_err(|what| damage(self.disk, CHECKPOINT.name, what))
    }

    pub(super) fn stop(&self) -> Result<Option<Stop>, OpenError> {
        let Some(payload) = note(self.disk, CLEAN)? else {
            return Ok(None);
        };
        let senseless = || damage(self.disk, CLEAN.name, "the note makes no sense");
        Stop::decode(&payload).map(Some).ok_or_else(senseless)
    }

    pub(super) fn segment(&self, number: u64, access: Access) -> Result<Segment, OpenError> {
        let name = segment_name(number);
        let file = self.disk.open(&name, access)?;
        let header = Header::decode(&transfer::read(file.as_ref(), 0, HEADER_BYTES)?)
            .map_err(|why| unusable(self.disk, &name, &why))?;
        if header.ledger != self.ledger {
            return Err(damage(self.disk, &name, "the segment belongs to another journal"));
        }
        if header.number != number || header.segment_bytes > SEGMENT_BYTES_MAX {
            return Err(damage(self.disk, &name, "the segment is another one than its name says"));
        }
        Ok(Segment { file, header })
    }

    /// Reads a segment that has no footer, or whose footer does not count yet.
    fn recover(&self, segment: &Segment) -> Result<Recovered, OpenError> {
        let header = &segment.header;
        let name = self.disk.describe(&segment_name(header.number));
        let area = transfer::read(segment.file.as_ref(), 0, narrow(header.segment_bytes))?;
        let area = Bytes::from(area);
        let found = recover::scan(&name, header, &area, self.filing, &mut |_, _| ())?;
        let length = u64::try_from(area.len()).unwrap_or(u64::MAX);
        if length < header.segment_bytes {
            let what = "the segment is cut short";
            let position = found.last.next();
            return Err(Damage { file: name, offset: length, position, what }.into());
        }
        Ok(found)
    }

    /// A sealed segment; `last` if it is the last of them, whose mark is the newest one kept.
    fn sealed(
        &self,
        number: u64,
        mark: &mut Option<Mark>,
        last: bool,
    ) -> Result<Arc<Sealed>, OpenError> {
        let segment = self.segment(number, Access::Read)?;
        let sealed = Sealed::load(segment.header, segment.file.as_ref())?
            .ok_or_else(|| self.footer_damage(&segment.header))?;
        if last {
            *mark = sealed.mark(segment.source(self.disk))?;
        }
        Ok(sealed)
    }

    /// Seals segment `number` once more, before `successor`, which has no frame yet: the footer
    /// may be missing, or stand in a cache only.
    fn sealed_again(
        &self,
        number: u64,
        successor: &Header,
        mark: &mut Option<Mark>,
    ) -> Result<Arc<Sealed>, OpenError> {
        let segment = self.segment(number, Access::Write)?;
        let header = segment.header;
        let before = Sealed::load(header, segment.file.as_ref())?;
        let found = self.recover(&segment)?;
        let complete = found.last.next() == successor.first && found.torn_bytes == 0;
        if !complete || found.chain != successor.previous {
            let offset = frame::start_at(found.contents.frames.end());
            let what = "the segment does not end where its successor begins";
            let file = self.disk.describe(&segment_name(number));
            return Err(Damage { file, offset, position: found.last.next(), what }.into());
        }
        *mark = match before.map(|before| before.mark(segment.source(self.disk))) {
            Some(Ok(kept)) => kept,
            Some(Err(FetchError::Disk(error))) => return Err(error.into()),
            Some(Err(FetchError::Damaged(_))) | None => self.older_mark(number)?,
        };
        let (footer, bloom, bytes) =
            footer::encode(&header, &found.contents, found.chain, mark.as_ref());
        transfer::write(segment.file.as_ref(), &bytes, header.segment_bytes)?;
        segment.file.sync()?;
        Ok(Arc::new(Sealed { header, footer, bloom }))
    }

    /// The mark in the footer before segment `number`.
    fn older_mark(&self, number: u64) -> Result<Option<Mark>, OpenError> {
        let mut mark = None;
        if let Some(older) = number.checked_sub(1).filter(|older| *older > 0) {
            self.sealed(older, &mut mark, true)?;
        }
        Ok(mark)
    }

    /// Each segment begins where the one before ends.
    fn check_links(&self, sealed: &[Arc<Sealed>], newest: &Header) -> Result<(), OpenError> {
        let (mut first, mut previous) = (Position::START.next(), Chain::START);
        let headers = sealed.iter().map(|sealed| &sealed.header).chain([newest]);
        let ends = sealed.iter().map(|sealed| Some((sealed.last().next(), sealed.footer.chain)));
        for (header, end) in headers.zip(ends.chain([None])) {
            if header.first != first || header.previous != previous {
                let file = self.disk.describe(&segment_name(header.number));
                let what = "the segment does not begin where the one before ends";
                return Err(Damage { file, offset: 0, position: first, what }.into());
            }
            (first, previous) = end.unwrap_or((first, previous));
        }
        Ok(())
    }

    /// After a clean stop nothing is missing, torn or exchanged.
    pub(super) fn check_stop(
        &self,
        stop: &Stop,
        newest: &Header,
        found: &Recovered,
        checkpoint: Option<&Bytes>,
    ) -> Result<(), OpenError> {
        let head = Head { position: found.last, mark: stop.head.mark.clone() };
        let now = Stop::of(&head, found.chain, checkpoint);
        let (name, what) = if now.checkpoint_checksum != stop.checkpoint_checksum {
            (CHECKPOINT.name.to_owned(), "the checkpoint is not the one of the clean stop")
        } else if now != *stop || found.torn_bytes > 0 {
            let what = "the journal does not end as it did at the clean stop";
            (segment_name(newest.number), what)
        } else {
            return Ok(());
        };
        let offset = frame::start_at(found.contents.frames.end());
        let position = found.last.next();
        Err(Damage { file: self.disk.describe(&name), offset, position, what }.into())
    }

    /// Makes durable what may have been read out of a cache, and clears away a torn append.
    fn secure(&self, newest: &Segment, found: &Recovered) -> Result<(), OpenError> {
        let bytes_max = append_bytes_max(newest.header.segment_bytes);
        let (offset, bytes) = recover::rewrite(found, &newest.header, bytes_max);
        transfer::write(newest.file.as_ref(), &bytes, offset)?;
        newest.file.sync()?;
        Ok(self.disk.sync()?)
    }

    fn report(&self, newest: &Header, found: &Recovered, clean: bool) -> Recovery {
        let discarded = (found.torn_bytes > 0).then(|| Discarded {
            file: self.disk.describe(&segment_name(newest.number)),
            offset: frame::start_at(found.contents.frames.end()),
            bytes: found.torn_bytes,
        });
        let start = if clean { Start::AfterCleanStop } else { Start::AfterUncleanStop };
        Recovery { start, position: found.last, discarded }
    }

    fn footer_damage(&self, header: &Header) -> OpenError {
        OpenError::Damaged(Damage {
            file: self.disk.describe(&segment_name(header.number)),
            offset: header.segment_bytes,
            position: header.first,
            what: "the footer of the sealed segment is not what was written",
        })
    }
}

/// Whether the segment `number` was ever written to: anything but a valid header and zeros.
///
/// # Errors
/// Whatever the disk says.
pub(super) fn holds_frames(disk: &dyn Disk, number: u64) -> io::Result<bool> {
    let file = disk.open(&segment_name(number), Access::Read)?;
    let length = narrow(file.len()?.min(SEGMENT_BYTES_MAX));
    let bytes = transfer::read(file.as_ref(), 0, length)?;
    let frames = bytes.get(narrow(FRAMES_START)..).unwrap_or_default();
    Ok(!super::layout::is_zero(frames))
}
