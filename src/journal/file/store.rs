//! What the writer and the readers of an open journal share.

use std::{
    any::Any,
    io,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use lru::LruCache;

use super::{
    FileOptions,
    contents::{Contents, FrameIndex},
    frame::{Chain, Frame},
    header::{Header, segment_name},
    note::{CHECKPOINT, CLEAN, Note, PAYLOAD_BYTES_MAX, ReplaceError, remove_if_there},
    sealed::{FetchError, Sealed, Source},
    stop::Stop,
};
use crate::{
    disk::{Access, Disk, DiskFile, FlushFailed},
    journal::{Filing, Head, JournalError, NotApplied},
    judgement::Position,
};

/// How many sealed segments are kept open for reading: few descriptors, and a reader of old
/// entries stays within one or two segments at a time.
const FILES_MAX: NonZeroUsize = NonZeroUsize::new(32).unwrap();

/// How many indexes of sealed segments are kept: at most 1.2 MB each (150,000 appends of one
/// entry in a segment of 64 MiB), mostly far less.
const INDEXES_MAX: NonZeroUsize = NonZeroUsize::new(16).unwrap();

/// How many appends that were read alone are kept, verified: who reads the entries of one append
/// one by one reads it once. With [`FRAME_KEPT_BYTES_MAX`] they take 16 MiB at most.
const FRAMES_MAX: NonZeroUsize = NonZeroUsize::new(16).unwrap();

/// The largest append that is kept.
const FRAME_KEPT_BYTES_MAX: usize = 1 << 20;

/// An open journal, as its writer and its readers see it.
pub(super) struct Store {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) filing: Filing,
    pub(super) options: FileOptions,
    /// Guards what is durable. Readers copy what they need of it and let go before they read from
    /// the disk; the writer holds it to publish what it has synced, not while it syncs.
    view: RwLock<View>,
    /// Guards the open files of sealed segments; never held during I/O, as the next.
    files: Mutex<LruCache<u64, Arc<dyn DiskFile>>>,
    indexes: Mutex<LruCache<u64, Arc<FrameIndex>>>,
    /// By the position of the first entry.
    frames: Mutex<LruCache<Position, Arc<Frame>>>,
    /// Guards the newest checkpoint and its file: held while it is replaced, so that one
    /// replacement follows the other.
    checkpoint: Mutex<Option<Bytes>>,
    /// Guards whether the note of a clean stop stands; held while it is removed. It may be taken
    /// while `checkpoint` is held, not the other way round.
    clean: Mutex<bool>,
    poisoned: AtomicBool,
    closed: AtomicBool,
    /// Keeps other processes out until the last reader is done.
    _lock: Box<dyn Any + Send + Sync>,
}

/// What is durable.
pub(super) struct View {
    pub(super) head: Head,
    /// Oldest first.
    pub(super) sealed: Vec<Arc<Sealed>>,
    pub(super) active: Active,
}

impl View {
    /// The sealed segment that holds a position, if one does.
    pub(super) fn sealed_at(&self, position: Position) -> Option<&Arc<Sealed>> {
        let after = self.sealed.partition_point(|sealed| sealed.header.first <= position);
        self.sealed.get(after.checked_sub(1)?)
    }
}

/// The segment that takes appends.
pub(super) struct Active {
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) header: Header,
    pub(super) contents: Contents,
    /// The chain up to and with its last frame.
    pub(super) chain: Chain,
}

/// What opening found, to make a [`Store`] of.
pub(super) struct Found {
    pub(super) view: View,
    pub(super) checkpoint: Option<Bytes>,
    /// Whether the note of a clean stop stands.
    pub(super) clean: bool,
}

impl Store {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        filing: Filing,
        options: FileOptions,
        found: Found,
        lock: Box<dyn Any + Send + Sync>,
    ) -> Self {
        Self {
            disk,
            filing,
            options,
            view: RwLock::new(found.view),
            files: Mutex::new(LruCache::new(FILES_MAX)),
            indexes: Mutex::new(LruCache::new(INDEXES_MAX)),
            frames: Mutex::new(LruCache::new(FRAMES_MAX)),
            checkpoint: Mutex::new(found.checkpoint),
            clean: Mutex::new(found.clean),
            poisoned: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            _lock: lock,
        }
    }

    pub(super) fn view(&self) -> RwLockReadGuard<'_, View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn view_mut(&self) -> RwLockWriteGuard<'_, View> {
        self.view.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// # Errors
    /// `Poisoned` after an unknown outcome, `NotApplied` once the journal is closed.
    pub(super) fn usable(&self) -> Result<(), JournalError> {
        if self.poisoned.load(Ordering::Acquire) {
            return Err(JournalError::Poisoned);
        }
        if self.closed.load(Ordering::Acquire) {
            return Err(not_applied(io::Error::other("the journal is closed")));
        }
        Ok(())
    }

    /// Takes note of an outcome that nobody knows: from here on nothing more is written.
    pub(super) fn poison(&self, source: io::Error) -> JournalError {
        self.poisoned.store(true, Ordering::Release);
        JournalError::Unknown(source)
    }

    /// Takes note of a failure before anything was stored. If it is a flush that failed the disk
    /// cannot be trusted any more, and nothing more is written; a flush that only found the disk
    /// full says so.
    pub(super) fn refused(&self, source: io::Error) -> JournalError {
        if FlushFailed::is(&source) && !is_full(&source) {
            return self.poison(source);
        }
        not_applied(source)
    }

    /// Removes the note of a clean stop, durably, before the first change of a run.
    ///
    /// # Errors
    /// `NotApplied` if it cannot be removed, `Unknown` if the removal cannot be synced.
    pub(super) fn begin_changes(&self) -> Result<(), JournalError> {
        let mut stands = self.clean.lock().unwrap_or_else(PoisonError::into_inner);
        if *stands {
            remove_if_there(self.disk.as_ref(), CLEAN.name).map_err(not_applied)?;
            self.disk.sync().map_err(|error| self.poison(error))?;
            *stands = false;
        }
        Ok(())
    }

    /// Writes the note of a clean stop and takes no more changes. The caller keeps appends out.
    ///
    /// # Errors
    /// As [`Store::usable`]; `NotApplied` or `Unknown` if the note cannot be written.
    pub(super) fn close(&self) -> Result<(), JournalError> {
        let checkpoint = self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner);
        self.usable()?;
        let mut stands = self.clean.lock().unwrap_or_else(PoisonError::into_inner);
        if !*stands {
            let view = self.view();
            let stop = Stop::of(&view.head, view.active.chain, checkpoint.as_ref());
            drop(view);
            self.replace(CLEAN, &stop.encode())?;
            *stands = true;
        }
        self.closed.store(true, Ordering::Release);
        Ok(())
    }

    pub(super) fn checkpoint(&self) -> Option<Bytes> {
        self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps `bytes` as the newest checkpoint, durably.
    ///
    /// # Errors
    /// As [`Store::usable`]; `NotApplied` while the old one surely stands, else `Unknown`.
    pub(super) fn keep_checkpoint(&self, bytes: Bytes) -> Result<(), JournalError> {
        let mut checkpoint = self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner);
        self.usable()?;
        self.begin_changes()?;
        self.replace(CHECKPOINT, &encode_checkpoint(Some(&bytes)))?;
        *checkpoint = Some(bytes);
        Ok(())
    }

    fn replace(&self, note: Note, payload: &[u8]) -> Result<(), JournalError> {
        at_most(payload.len(), PAYLOAD_BYTES_MAX)?;
        note.replace(self.disk.as_ref(), payload).map_err(|error| match error {
            ReplaceError::Before(source) => self.refused(source),
            ReplaceError::During(source) => self.poison(source),
        })
    }

    /// The file of a sealed segment, opened at most once while it is in use.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub(super) fn file(&self, number: u64) -> io::Result<Arc<dyn DiskFile>> {
        if let Some(file) = self.files.lock().unwrap_or_else(PoisonError::into_inner).get(&number) {
            return Ok(Arc::clone(file));
        }
        let file = self.disk.open(&segment_name(number), Access::Read)?;
        self.files.lock().unwrap_or_else(PoisonError::into_inner).put(number, Arc::clone(&file));
        Ok(file)
    }

    /// The index of a sealed segment, read at most once while it is in use.
    ///
    /// # Errors
    /// Damage, or whatever the disk says.
    pub(super) fn index(&self, sealed: &Sealed) -> Result<Arc<FrameIndex>, FetchError> {
        let number = sealed.header.number;
        if let Some(index) = self.kept_index(number) {
            return Ok(index);
        }
        let file = self.file(number)?;
        let index =
            Arc::new(sealed.index(Source { disk: self.disk.as_ref(), file: file.as_ref() })?);
        self.indexes.lock().unwrap_or_else(PoisonError::into_inner).put(number, Arc::clone(&index));
        Ok(index)
    }

    /// The index of a sealed segment, if it is in use.
    pub(super) fn kept_index(&self, number: u64) -> Option<Arc<FrameIndex>> {
        self.indexes.lock().unwrap_or_else(PoisonError::into_inner).get(&number).map(Arc::clone)
    }

    /// The append that begins with `first`, if it was read alone lately.
    pub(super) fn kept_frame(&self, first: Position) -> Option<Arc<Frame>> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner).get(&first).map(Arc::clone)
    }

    /// Keeps an append that was read alone, unless it is large.
    pub(super) fn keep_frame(&self, frame: &Arc<Frame>) {
        if frame.head.bytes() <= FRAME_KEPT_BYTES_MAX {
            let mut frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
            frames.put(frame.head.first, Arc::clone(frame));
        }
    }
}

/// # Errors
/// `TooLarge` for more than `bytes_max` bytes.
pub(super) fn at_most(bytes: usize, bytes_max: usize) -> Result<(), JournalError> {
    if bytes > bytes_max {
        return Err(JournalError::NotApplied(NotApplied::TooLarge { bytes, bytes_max }));
    }
    Ok(())
}

/// The outcome of a call that failed before anything was stored.
pub(super) fn not_applied(source: io::Error) -> JournalError {
    JournalError::NotApplied(if is_full(&source) {
        NotApplied::Full(source)
    } else {
        NotApplied::Unavailable(source)
    })
}

fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    [StorageFull, QuotaExceeded, FileTooLarge].contains(&error.kind())
}

/// The payload of the note: nothing for no checkpoint, else a 1 before its bytes.
pub(super) fn encode_checkpoint(checkpoint: Option<&Bytes>) -> Vec<u8> {
    checkpoint.map(|bytes| [&[1], bytes.as_ref()].concat()).unwrap_or_default()
}

/// The checkpoint in the note's payload.
///
/// # Errors
/// What is wrong with it.
pub(super) fn decode_checkpoint(payload: &Bytes) -> Result<Option<Bytes>, &'static str> {
    match payload.split_first() {
        None => Ok(None),
        Some((1, bytes)) => Ok(Some(payload.slice_ref(bytes))),
        Some(_) => Err("the checkpoint makes no sense"),
    }
}
