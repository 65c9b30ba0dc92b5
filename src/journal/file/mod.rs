//! The file store: segments in a directory, one write and one sync an append.
//!
//! It owns the directory, the order of its I/O calls and the format of its files. It does not know
//! what entries, marks and checkpoints mean. Every call goes through the [`Disk`] port.
//!
//! # The directory
//!
//! | file | what it is |
//! |---|---|
//! | `LOCK` | empty; locked while a process has the journal open |
//! | `FORMAT` | note: the ledger's id. Written last when the journal is created |
//! | `CHECKPOINT` | note: empty, or the byte 1 and the newest checkpoint |
//! | `CLEAN` | note: how the journal ended; stands from a clean stop to the first change after it |
//! | `segment-0000000001.log` … | the segments, without a gap; only the last one takes appends |
//! | `*.tmp` | half-written files: removed when the journal is opened |
//!
//! # The format, to the byte
//!
//! Integers are little-endian; a varint is LEB128; a CRC is CRC32C; bytes not named are zero.
//!
//! A **note** is replaced as a whole (temporary file, sync, rename, sync of the directory):
//!
//! | at | bytes | |
//! |---:|---:|---|
//! | 0 | 8 | `fb 4a 4c` and `FORM\n`, `CHKP\n` or `CLEA\n` |
//! | 8 | 4 | format version: 1. These twelve bytes stay as they are in every version to come |
//! | 12 | 4 | length of the payload |
//! | 16 | 4 | CRC of bytes 0–15 and the payload |
//! | 20 | | payload. `FORMAT`: the id, 16 bytes. `CLEAN`: last position (8), chain (32), CRC of the checkpoint or 0 (4), position of the mark or 0 (8), mark |
//!
//! A **segment** is a header, frames, and once it is sealed a footer:
//!
//! | at | bytes | header |
//! |---:|---:|---|
//! | 0 | 8 | `fb 4a 4c` `SEGM\n` |
//! | 8 | 4 | format version: 1 |
//! | 16 | 16 | the ledger's id |
//! | 32 | 8 | number of the segment, as in its name |
//! | 40 | 8 | *S*: bytes of the header and the room for frames; the footer begins at *S* |
//! | 48 | 8 | position of its first entry |
//! | 56 | 32 | chain of all frames before it |
//! | 124 | 4 | CRC of bytes 0–123 |
//! | 512 | *S* − 512 | frames; zero where none is yet |
//!
//! A **frame** is one append. It begins at a multiple of 8 with the whole head in one sector of
//! 512 bytes, else at the next sector. At most min(4 MiB, (*S* − 512) / 2) bytes:
//!
//! | at | bytes | frame |
//! |---:|---:|---|
//! | 0 | 4 | `fb 4a 4c fe` |
//! | 4 | 4 | *L*: bytes of the whole frame, a multiple of 8 |
//! | 8 | 4 | number of entries |
//! | 12 | 4 | how many sectors of it are zero because its entries say so |
//! | 16 | 8 | position of its first entry |
//! | 24 | 4 | CRC of bytes 32 to *L* − 1 |
//! | 28 | 4 | CRC of bytes 0–27 |
//! | 32 | | each entry: record's length (varint), sealed texts' length (varint), record, sealed texts |
//! | *L* − 8 | 8 | `fe` `append\n` |
//!
//! The **chain** is SHA-256(chain before ‖ bytes 0–31 of the frame), 32 zeros before the first.
//!
//! | at *S* + | bytes | footer |
//! |---:|---:|---|
//! | 0 | 8 | `fb 4a 4c` `FOOT\n` |
//! | 8 | 8 | number of the segment |
//! | 16 | 8 + 8 | positions of its first and its last entry |
//! | 32 | 32 | chain with its last frame |
//! | 64 | 8 | where its last frame ends |
//! | 72 | 4 | number of frames |
//! | 76 | 4 + 4 | bloom filter: *B* bytes, CRC |
//! | 84 | 4 + 4 | mark: *M* bytes, CRC |
//! | 92 | 4 + 4 | index: *I* bytes, CRC |
//! | 100 | 4 | *R*: blocks of filing rows |
//! | 104 | 8 | position of the mark; 0 for none |
//! | 124 | 4 | CRC of bytes 0–123 |
//! | 128 | *B* | bloom filter: 20 bits a distinct key as it is written, any number as it is read; 7 probes; probe *i* is bit (*a* + *i* · *b*) mod 8 *B*, with *a* the key's bytes 0–7 and *b* its bytes 8–11 with the lowest bit set |
//! | | *M* | mark: of the last group, or the newest that was known |
//! | | *I* | index: each frame's start less the start before, in units of 8 (varint), and the entries between (varint) |
//! | | 512 *R* | rows, sorted by key and slot; a slot is an entry's number in the segment, from 0 |
//!
//! A block of rows: bytes of pairs (2), pairs, zeros, CRC of bytes 0–507 (4, at 508). A pair is
//! `slot << 1` (varint) and the key (12), or `distance << 1 | 1` (varint) for a further slot of the
//! same key. Every pair is kept, so a lookup is exact.
//!
//! # What it costs
//!
//! A frame costs 40 to 47 bytes, an entry two varints, its first key 17 bytes of footer, a further
//! entry of the same key 2 or 3. In memory stay 1.25 bytes for each distinct key of a sealed
//! segment (1.25 to 2.5 bytes a record), and 300 bytes for the segment; of the active one about 30
//! bytes for each key and 8 for each frame. Opening holds one segment in memory for a moment.
//!
//! # Each call, and what its failure means
//!
//! | call | outcome | afterwards |
//! |---|---|---|
//! | removing `CLEAN` before the first change | `NotApplied` | tried again with the next change |
//! | preparing or heading the next segment | `NotApplied` | the file is given up; the next append prepares another |
//! | syncing it | `Unknown` | poisoned, though nothing was stored: the disk cannot be trusted |
//! | renaming it to its name | `NotApplied` | the active segment takes no more frames; the next append prepares another and renames again |
//! | writing the footer | `NotApplied` | written again, as it was, by the next append |
//! | syncing the directory, or the footer | `Unknown` | poisoned |
//! | writing or syncing the frame | `Unknown` | poisoned |
//! | writing the new `CHECKPOINT` or `CLEAN` | `NotApplied` | the file is given up; the next call writes another |
//! | syncing or renaming these, syncing the directory | `Unknown` | poisoned |
//! | any read | `Unreadable` | nothing changes |
//! | any call while opening | `OpenError` | open again |
//!
//! `NotApplied` says [`Full`](super::NotApplied::Full) where the disk is, a sync that found it full
//! before the frame is written among them; and before any call, where [`Disk::has_room`] says that
//! there is no room. No sync of a file is ever tried again: the journal is poisoned, or for a full
//! disk the file is given up. A poisoned journal still reads.
//!
//! # Opening
//!
//! After an unclean stop the last frame is written and synced again, since it may have been read
//! out of a cache that never reached the disk; zeros follow it as far as an append could reach.
//! The last append is *torn*, and discarded, only if exactly that is seen which a power cut leaves:
//! it never was answered `Ok`. (A disk is taken to write sectors of 512 bytes whole or not at all,
//! in any order, and may leave out any of them.) Whatever else is not valid is [`Damage`], naming
//! file, offset and position: a complete append whose checksum does not match, an invalid one
//! before another, bytes where no append can have been, a segment or note that is missing,
//! exchanged or cut short.
//!
//! What cannot be seen from within, after an **unclean** stop only: sectors at the end of the log
//! that were zeroed later (that is what a torn append looks like), and an older copy of the active
//! segment or of `CHECKPOINT` put back. A checkpoint kept outside covers these; after a clean
//! stop, `CLEAN` does.

mod bloom;
mod contents;
mod create;
mod filed;
mod footer;
mod frame;
mod header;
mod inspect;
mod layout;
mod note;
mod open;
mod reading;
mod recover;
mod rows;
mod sealed;
mod spare;
mod stop;
mod store;
mod transfer;
mod writer;

use std::{fmt, io, sync::Arc};

use bytes::Bytes;
use tokio::{
    runtime::Handle,
    sync::{Mutex, MutexGuard},
};

pub use self::inspect::{Inspected, Seen, inspect};
use self::{reading::Whereabouts, store::Store, writer::Writer};

use super::{Answer, Damage, Filing, Group, Head, Journal, JournalError, Key, Page, Stored, Turn};
use crate::{disk::Disk, judgement::Position};

/// The version of all files; a newer one is refused untouched.
pub const FORMAT_VERSION: u32 = 1;

/// The smallest segment, in bytes: room for some small appends, for tests.
pub const SEGMENT_BYTES_MIN: u64 = 4 << 10;

/// The largest segment, in bytes: opening holds one in memory.
pub const SEGMENT_BYTES_MAX: u64 = 1 << 30;

/// The size of segments unless told otherwise, in bytes: 150,000 records of usual size, so that a
/// rotation is rare, and read within some 100 ms when the journal is opened.
const SEGMENT_BYTES_USUAL: u64 = 64 << 20;

/// What tells one ledger from another: 16 random bytes, given when the journal is created.
pub type LedgerId = [u8; 16];

/// How a file store is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileOptions {
    /// The id of a journal that is created; one that is there has its own.
    pub ledger_id: LedgerId,
    /// The size of segments from the next one on, in bytes: a multiple of 512 from
    /// [`SEGMENT_BYTES_MIN`] to [`SEGMENT_BYTES_MAX`]. A footer comes on top.
    pub segment_bytes: u64,
    /// Where the next segment is prepared.
    pub prepare: Prepare,
}

/// Where the next segment is zeroed and synced ahead of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prepare {
    /// On a thread, once the active segment is half full.
    Background,
    /// Within the append that needs it: every run makes the same calls in the same order.
    Inline,
}

impl FileOptions {
    /// Segments of 64 MiB, prepared in the background; `ledger_id` if the journal is created.
    #[must_use]
    pub fn new(ledger_id: LedgerId) -> Self {
        Self { ledger_id, segment_bytes: SEGMENT_BYTES_USUAL, prepare: Prepare::Background }
    }

    fn check(&self) -> Result<(), OpenError> {
        let possible = SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX;
        let bytes = self.segment_bytes;
        let aligned = bytes.is_multiple_of(layout::wide(layout::SECTOR_BYTES));
        if aligned && possible.contains(&bytes) {
            Ok(())
        } else {
            Err(OpenError::SegmentBytes { bytes })
        }
    }
}

/// Why a journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("{file}: another process has the journal open")]
    Locked {
        /// The lock file, in the directory of the journal.
        file: String,
    },
    /// A newer program wrote it. Nothing was touched.
    #[error("{file}: format {found} is newer than {known}, the newest that this program knows")]
    Newer {
        /// The file that says so.
        file: String,
        /// The version found.
        found: u32,
        /// The newest version known.
        known: u32,
    },
    /// Stored bytes are not what was stored.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// The size of segments is out of bounds.
    #[error("a segment of {bytes} bytes is not possible: a multiple of 512 from 4096 to 2^30 is")]
    SegmentBytes {
        /// The size asked for, in bytes.
        bytes: u64,
    },
    /// The disk failed; opening may be tried again.
    #[error("the journal's directory cannot be used")]
    Disk(#[from] io::Error),
}

/// What opening found, for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// How the journal was left.
    pub start: Start,
    /// The position of the last entry.
    pub position: Position,
    /// The torn append that was cleared away, if there was one.
    pub discarded: Option<Discarded>,
}

/// How the journal was left before it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// There was none.
    Created,
    /// It had been closed.
    AfterCleanStop,
    /// Its process or its machine had stopped without closing it.
    AfterUncleanStop,
}

/// An append that was never answered, of which only a part had reached the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discarded {
    /// The segment's file.
    pub file: String,
    /// Where the append began, in bytes.
    pub offset: u64,
    /// How many bytes there were up to the last that is not zero.
    pub bytes: usize,
}

/// A journal in a directory. The contract stands at [`crate::journal`].
pub struct FileJournal {
    /// Serves one turn after the other. Dropped before the store: the writer's thread ends before
    /// the directory's lock is given up.
    writer: Mutex<Writer>,
    store: Arc<Store>,
    recovery: Recovery,
}

impl FileJournal {
    /// Opens the journal in `disk`, or creates it there. Blocks: call it within `spawn_blocking`.
    ///
    /// # Errors
    /// `Locked` if another process has it, `Newer` if a newer program wrote it, `Damaged` if what
    /// is there is not what was stored, `Disk` if the disk fails. None of them changes anything
    /// that counts; `Locked` and `Newer` change nothing at all.
    pub fn open(
        disk: Arc<dyn Disk>,
        filing: Filing,
        options: FileOptions,
    ) -> Result<Self, OpenError> {
        options.check()?;
        let (store, recovery) = open::open(disk, filing, options)?;
        let store = Arc::new(store);
        Ok(Self { writer: Mutex::new(Writer::new(Arc::clone(&store))), store, recovery })
    }

    /// What opening found.
    #[must_use]
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// Whose journal it is.
    #[must_use]
    pub fn ledger_id(&self) -> LedgerId {
        self.store.view().active.header.ledger
    }

    /// Stops cleanly: waits for the turn, writes down durably where the journal ends, and takes no
    /// more appends and checkpoints. Reads go on. The directory is free once the journal is
    /// dropped.
    ///
    /// # Errors
    /// `NotApplied` if the note could not be written, or the journal is closed already; `Poisoned`
    /// or `Unknown` if the outcome of an append or of this is not known. The next opening then
    /// finds an unclean stop.
    pub async fn close(&self) -> Result<(), JournalError> {
        let _exclusive = self.writer.lock().await;
        self.store.close()
    }

    /// Does blocking work on a thread for that, where there is a runtime, else right here.
    /// `lost` names the failure to do it at all.
    async fn blocking<T: Send + 'static>(
        &self,
        lost: fn(io::Error) -> JournalError,
        work: impl FnOnce(&Store) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let store = Arc::clone(&self.store);
        match Handle::try_current() {
            Ok(runtime) => {
                let done = runtime.spawn_blocking(move || work(&store)).await;
                done.unwrap_or_else(|error| Err(lost(io::Error::other(error))))
            }
            Err(_) => work(&store),
        }
    }
}

/// See [`crate::fuzzing::frame`].
pub(crate) fn fuzzed_frame(bytes: &Bytes) -> Option<(Vec<super::Entry>, Vec<u8>)> {
    let frame::Frame { head, entries } = frame::Frame::decode(bytes).ok()?;
    let group = Group { entries, mark: Bytes::new() };
    let written = frame::encode(&group, head.first, 0);
    Some((group.entries, written))
}

impl Journal for FileJournal {
    fn turn(&self) -> Answer<'_, Box<dyn Turn + '_>> {
        Box::pin(async move {
            let writer = self.writer.lock().await;
            self.store.usable()?;
            let head = self.store.view().head.clone();
            let turn: Box<dyn Turn + '_> = Box::new(FileTurn { writer, head });
            Ok(turn)
        })
    }

    fn head(&self) -> Answer<'_, Head> {
        Box::pin(async move { Ok(self.store.view().head.clone()) })
    }

    fn read(&self, after: Position, page: Page) -> Answer<'_, Vec<Stored>> {
        Box::pin(async move {
            if let Some(stored) = reading::at_hand(&self.store, after, page) {
                return Ok(stored);
            }
            let read = move |store: &Store| reading::page(store, after, page);
            self.blocking(JournalError::Unreadable, read).await
        })
    }

    fn latest(&self, key: Key, before: Position) -> Answer<'_, Option<Position>> {
        Box::pin(async move {
            match reading::whereabouts(&self.store, key, before) {
                Whereabouts::Known(position) => Ok(position),
                Whereabouts::Among(sealed) => {
                    let find = move |store: &Store| reading::latest(store, &sealed, key, before);
                    self.blocking(JournalError::Unreadable, find).await
                }
            }
        })
    }

    fn checkpoint(&self) -> Answer<'_, Option<Bytes>> {
        Box::pin(self.blocking(JournalError::Unreadable, |store| Ok(store.checkpoint())))
    }

    fn keep_checkpoint(&self, checkpoint: Bytes) -> Answer<'_, ()> {
        let keep = move |store: &Store| store.keep_checkpoint(checkpoint);
        Box::pin(self.blocking(JournalError::Unknown, keep))
    }
}

impl fmt::Debug for FileJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileJournal")
            .field("file", &self.store.disk.describe(""))
            .field("head", &self.store.view().head)
            .finish_non_exhaustive()
    }
}

struct FileTurn<'a> {
    writer: MutexGuard<'a, Writer>,
    head: Head,
}

impl Turn for FileTurn<'_> {
    fn head(&self) -> &Head {
        &self.head
    }

    fn append<'a>(mut self: Box<Self>, group: Group) -> Answer<'a, Head>
    where
        Self: 'a,
    {
        Box::pin(async move { self.writer.append(group) })
    }
}
