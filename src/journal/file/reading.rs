//! Pages of entries, and the newest entry under a key. Every frame that is read is verified.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    contents::{FrameIndex, Run, Start, slot_of},
    frame::Frame,
    header::{Header, segment_name},
    layout::narrow,
    rows::Slot,
    sealed::{FetchError, Sealed, Source},
    store::Store,
    transfer,
};
use crate::{
    disk::DiskFile,
    journal::{Damage, Entry, JournalError, Key, Page, Stored},
    judgement::Position,
};

/// Frames are read together up to so many bytes: enough that a long scan makes few calls, little
/// enough that an entry which is kept does not keep much else in memory with it.
const CHUNK_BYTES: usize = 256 << 10;

/// Frames of one segment to be read at once.
struct Chunk {
    file: Arc<dyn DiskFile>,
    header: Header,
    run: Run,
}

/// A page as it fills.
struct Filling {
    page: Page,
    stored: Vec<Stored>,
    bytes: usize,
    full: bool,
}

/// Entries after `after` within `page`, none past the durable head.
///
/// # Errors
/// `Damaged`, or `Unreadable` with what the disk says.
pub(super) fn page(
    store: &Store,
    after: Position,
    page: Page,
) -> Result<Vec<Stored>, JournalError> {
    let head = store.view().head.position;
    let mut filling = Filling { page, stored: Vec::new(), bytes: 0, full: false };
    let mut last = after;
    while last < head && !filling.full {
        let chunk = locate(store, last.next(), &filling.room())?;
        let read = read_chunk(store, &chunk, last, &mut filling)?;
        if read == last && !filling.full {
            let (offset, what) = (chunk.run.end, "entries are missing");
            return Err(damage(store, &chunk.header, offset, last.next(), what).into());
        }
        last = read;
    }
    Ok(filling.stored)
}

/// The one entry after `after` that `page` asks for, if it is at hand without a look at the disk.
pub(super) fn at_hand(store: &Store, after: Position, page: Page) -> Option<Vec<Stored>> {
    let position = after.next();
    let view = store.view();
    if page.entries_max != 1 || position > view.head.position {
        return None;
    }
    let run_in = |index: &FrameIndex, first: Position| {
        let slot = slot_of(position.get(), first.get());
        index.run(slot, slot.saturating_add(1), 0)
    };
    let first = view.active.header.first;
    let (first, run) = if position >= first {
        (first, run_in(&view.active.contents.frames, first)?)
    } else {
        let header = view.sealed_at(position)?.header;
        (header.first, run_in(&*store.kept_index(header.number)?, header.first)?)
    };
    let frame = store.kept_frame(first.plus(u64::from(run.frames.first()?.slot)))?;
    let entry = frame.entries.get(narrow(position.since(frame.head.first)))?.clone();
    Some(vec![Stored { position, entry }])
}

/// The chunk that begins with the frame of `position`, which is not past the head.
fn locate(store: &Store, position: Position, room: &Page) -> Result<Chunk, JournalError> {
    let run_in = |index: &FrameIndex, first: Position| {
        let slot = slot_of(position.get(), first.get());
        let wanted = Slot::try_from(room.entries_max).unwrap_or(Slot::MAX);
        index.run(slot, slot.saturating_add(wanted), room.bytes_max)
    };
    let view = store.view();
    let active = &view.active;
    let beyond = |header: &Header| damage(store, header, 0, position, "the entry is not indexed");
    if position >= active.header.first {
        let run = run_in(&active.contents.frames, active.header.first);
        let run = run.ok_or_else(|| beyond(&active.header))?;
        return Ok(Chunk { file: Arc::clone(&active.file), header: active.header, run });
    }
    let sealed = view.sealed_at(position).map(Arc::clone);
    let sealed = sealed.ok_or_else(|| beyond(&active.header))?;
    drop(view);
    let index = store.index(&sealed).map_err(fetch_failed)?;
    let run = run_in(&index, sealed.header.first).ok_or_else(|| beyond(&sealed.header))?;
    let file = store.file(sealed.header.number).map_err(JournalError::Unreadable)?;
    Ok(Chunk { file, header: sealed.header, run })
}

/// Puts the chunk's entries after `after` on the page; the last position put there.
fn read_chunk(
    store: &Store,
    chunk: &Chunk,
    after: Position,
    filling: &mut Filling,
) -> Result<Position, JournalError> {
    let mut last = after;
    for frame in frames(store, chunk)? {
        let skipped = narrow(last.next().since(frame.head.first));
        for entry in frame.entries.iter().skip(skipped) {
            filling.put(last.next(), entry.clone());
            if filling.full {
                return Ok(filling.stored.last().map_or(after, |stored| stored.position));
            }
            last = last.next();
        }
    }
    Ok(last)
}

/// The frames of the chunk, verified. One that is read alone is kept, for whoever wants its other
/// entries next.
fn frames(store: &Store, chunk: &Chunk) -> Result<Vec<Arc<Frame>>, JournalError> {
    let first_of = |start: &Start| chunk.header.first.plus(u64::from(start.slot));
    if let [alone] = chunk.run.frames.as_slice()
        && let Some(kept) = store.kept_frame(first_of(alone))
    {
        return Ok(vec![kept]);
    }
    let start = chunk.run.frames.first().map_or(0, |frame| u64::from(frame.offset));
    let length = narrow(chunk.run.end.saturating_sub(start));
    let read =
        transfer::read(chunk.file.as_ref(), start, length).map_err(JournalError::Unreadable)?;
    let read = Bytes::from(read);
    let mut frames = Vec::with_capacity(chunk.run.frames.len());
    for frame_start in &chunk.run.frames {
        let (offset, first) = (u64::from(frame_start.offset), first_of(frame_start));
        let fault = |what| damage(store, &chunk.header, offset, first, what);
        let bytes = read.get(narrow(offset.saturating_sub(start))..).unwrap_or_default();
        let frame = Frame::decode(&read.slice_ref(bytes)).map_err(fault)?;
        if frame.head.first != first {
            return Err(fault("an append stands out of its place").into());
        }
        frames.push(Arc::new(frame));
    }
    if let [alone] = frames.as_slice() {
        store.keep_frame(alone);
    }
    Ok(frames)
}

impl Filling {
    /// What may still be read for the page at once.
    fn room(&self) -> Page {
        Page {
            entries_max: self.page.entries_max.saturating_sub(self.stored.len()),
            bytes_max: self.page.bytes_max.saturating_sub(self.bytes).min(CHUNK_BYTES),
        }
    }

    /// Puts an entry on the page if it fits; the first one always does.
    fn put(&mut self, position: Position, entry: Entry) {
        let bytes = entry.record.len().saturating_add(entry.sealed.len());
        let sum = self.bytes.saturating_add(bytes);
        if sum > self.page.bytes_max && !self.stored.is_empty() {
            self.full = true;
            return;
        }
        self.bytes = sum;
        self.stored.push(Stored { position, entry });
        self.full = self.stored.len() >= self.page.entries_max || sum >= self.page.bytes_max;
    }
}

/// The answer to [`latest`] from memory, or where on disk to look for it.
pub(super) enum Whereabouts {
    /// This is the answer.
    Known(Option<Position>),
    /// One of these sealed segments may hold it: newest first.
    Among(Vec<Arc<Sealed>>),
}

/// Looks for the newest entry before `before` under `key` as far as memory goes.
pub(super) fn whereabouts(store: &Store, key: Key, before: Position) -> Whereabouts {
    let view = store.view();
    let first = view.active.header.first;
    let slot = view.active.contents.latest(key, slot_of(before.get(), first.get()));
    if let Some(slot) = slot {
        return Whereabouts::Known(Some(first.plus(u64::from(slot))));
    }
    let possible =
        |sealed: &&Arc<Sealed>| sealed.header.first < before && sealed.bloom.may_hold(key);
    let among: Vec<_> = view.sealed.iter().rev().filter(possible).map(Arc::clone).collect();
    if among.is_empty() { Whereabouts::Known(None) } else { Whereabouts::Among(among) }
}

/// The newest entry before `before` under `key` in `among`, newest first.
///
/// # Errors
/// `Damaged`, or `Unreadable` with what the disk says.
pub(super) fn latest(
    store: &Store,
    among: &[Arc<Sealed>],
    key: Key,
    before: Position,
) -> Result<Option<Position>, JournalError> {
    for sealed in among {
        let first = sealed.header.first;
        let limit = slot_of(before.get(), first.get());
        let file = store.file(sealed.header.number).map_err(JournalError::Unreadable)?;
        let source = Source { disk: store.disk.as_ref(), file: file.as_ref() };
        let slot = sealed.latest(source, key, limit);
        if let Some(slot) = slot.map_err(fetch_failed)? {
            return Ok(Some(first.plus(u64::from(slot))));
        }
    }
    Ok(None)
}

fn fetch_failed(error: FetchError) -> JournalError {
    match error {
        FetchError::Damaged(damage) => damage.into(),
        FetchError::Disk(error) => JournalError::Unreadable(error),
    }
}

fn damage(
    store: &Store,
    header: &Header,
    offset: u64,
    position: Position,
    what: &'static str,
) -> Damage {
    Damage { file: store.disk.describe(&segment_name(header.number)), offset, position, what }
}
