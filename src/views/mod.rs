//! The views: what the records add up to, kept ready for reading.
//!
//! A view is a fold of the journal: the state of every [`Assessment`], for each [`Term`] the
//! positions of the records that carry it, and of the [tree](tiles) of hashes over all records the
//! root of every full tile. Views are never the only copy of anything. They may be
//! deleted at any time, and where they are missing, damaged or of another ledger they are rebuilt:
//! [`Views::open`] says up to which record they go, and the ledger applies the rest.
//!
//! # Two halves
//!
//! What is applied is folded into *memory* at once, so that a reader sees every record for which a
//! receipt was given; that takes a few microseconds and never waits for the store. The *indexer*, a
//! thread of its own, writes sealed *parts* of it into sled. `written` is the border: sled answers
//! for the records up to it, memory for those after it. It moves only when a part is all in, and
//! then in one step, so that no position is ever found twice or out of order, and none is missed:
//!
//! - Sled may hold blocks that reach past `written`: of the part being written, or of one that a
//!   crash cut short. Nobody looks past `written`, and what is left over is swept when the same
//!   records, applied again, are written again.
//! - What lies up to `written` never changes, so that reading need not stop while a part comes in.
//!
//! # What is believed
//!
//! Every value in sled carries a checksum over itself and its key. That finds what was changed,
//! but not what was lost or came back in an older state. So a clean stop seals the files, each by
//! its checksum; and where there is no seal, opening reads everything and compares its sum with
//! the one that every transaction brought up to date. Sled's panics and hangs are contained. A
//! store that breaks is deleted, and from then on every call answers [`ViewsError::Broken`]: the
//! views would rather know nothing than something wrong.
//!
//! All that takes the longer the more there is. So beside the database lies a small note of how far
//! it goes, [`Known`], by which a journal that was put back or exchanged shows at once.
//!
//! # What bounds the memory
//!
//! | structure | bound |
//! |---|---|
//! | memory | three parts of [`ViewsOptions::part_records`] records, and one batch |
//! | sled's pages | [`ViewsOptions::pages_bytes`]; sled takes about twice as much |
//! | cache of assessments | [`ViewsOptions::assessments_bytes`], as encoded |
//! | a reader | one block of 512 positions for each term |
//! | the indexer | the keys of one part, and one transaction of 256 |
//!
//! sled keeps a small entry in memory for every page, a few bytes for each record: the one thing
//! that grows with the ledger.

mod block;
mod cache;
mod contain;
mod days;
mod directory;
mod frame;
mod indexer;
mod known;
mod memory;
mod opening;
mod part;
mod postings;
mod search;
mod store;
mod sum;
mod term;
mod tiles;
mod writing;

#[cfg(test)]
#[expect(
    clippy::arithmetic_side_effects,
    clippy::shadow_unrelated,
    reason = "a test that overflows fails, and views are opened again under their old name"
)]
mod tests;

use std::{fmt, io, ops::Range as Indices, path::Path, sync::Arc, thread, time::Duration};

use crate::{
    judgement::{Assessment, AssessmentId, Position},
    merkle::{Frontier, Hash},
    record::Record,
};

use cache::Cache;
use indexer::Shared;
use memory::{Found, Memory};
use opening::Open;
use store::{In, Store};
use tiles::FullTile;

pub use days::{Days, Lateness, days_late, effective_within};
pub use known::Known;
pub use postings::{Postings, Range};
pub use search::{Page, Search};
pub use term::{Term, Topic, Topics, terms_of};

/// How the views are kept.
#[derive(Debug, Clone)]
pub struct ViewsOptions {
    /// What names the ledger. Views of another one are rebuilt.
    pub ledger: Arc<[u8]>,
    /// How an assessment becomes bytes.
    pub codec: SnapshotCodec,
    /// After how many records memory is written out. More take more memory; fewer make more and
    /// smaller writes.
    pub part_records: u64,
    /// The size of sled's cache of pages, in bytes.
    pub pages_bytes: u64,
    /// The size of the cache of assessments, in bytes as encoded.
    pub assessments_bytes: usize,
}

impl ViewsOptions {
    /// The options for a ledger: parts of 32,768 records, 64 MiB of pages, 32 MiB of assessments.
    #[must_use]
    pub fn new(ledger: Arc<[u8]>, codec: SnapshotCodec) -> Self {
        Self {
            ledger,
            codec,
            part_records: 32_768,
            pages_bytes: 64 * 1024 * 1024,
            assessments_bytes: 32 * 1024 * 1024,
        }
    }
}

/// How an assessment becomes bytes and comes back.
#[derive(Debug, Clone, Copy)]
pub struct SnapshotCodec {
    /// The bytes of an assessment.
    pub encode: fn(&Assessment) -> Vec<u8>,
    /// The assessment of these bytes; nothing if they are not one.
    pub decode: fn(&[u8]) -> Option<Assessment>,
}

/// A record to be folded in.
#[derive(Debug, Clone)]
pub struct Applied {
    /// The record.
    pub record: Arc<Record>,
    /// Its leaf hash.
    pub hash: Hash,
    /// What it is filed under that it does not say itself.
    pub topics: Topics,
    /// The assessment after this record, if the record belongs to one.
    pub assessment: Option<Arc<Assessment>>,
}

/// In which order to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Oldest first.
    Forwards,
    /// Newest first.
    Backwards,
}

impl Direction {
    const fn opposite(self) -> Self {
        match self {
            Self::Forwards => Self::Backwards,
            Self::Backwards => Self::Forwards,
        }
    }
}

/// What opening found.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The last record that the views know. The ledger applies those after it.
    pub applied: Position,
    /// The leaf hash of that record, if there is one. If the journal has another hash there, it is
    /// not the journal that these views were folded from.
    pub hash: Option<Hash>,
    /// Why the views begin from nothing, if they do.
    pub rebuilt: Option<Reason>,
}

/// Why views are rebuilt.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Reason {
    /// There are none.
    #[error("there are no views")]
    Absent,
    /// They are not what a clean stop left.
    #[error("a file was altered after the views were closed")]
    Altered,
    /// They do not hold what was written.
    #[error("the views are damaged: {0}")]
    Damaged(&'static str),
    /// Another process, or other views in this one, have them open. These are not deleted.
    #[error("the views are in use")]
    InUse,
    /// They belong to another ledger.
    #[error("the views are those of another ledger")]
    OtherLedger,
    /// They are in another format.
    #[error("the views are in format {found}")]
    OtherFormat {
        /// Which one.
        found: u8,
    },
    /// sled reported an error.
    #[error("the store failed")]
    Store(#[source] Arc<sled::Error>),
    /// sled panicked, saying this.
    #[error("the store panicked: {0}")]
    Panicked(Arc<str>),
    /// sled did not answer in time.
    #[error("the store hung")]
    Hung,
    /// A file could not be read or deleted.
    #[error("the directory of the views cannot be used")]
    Directory(#[source] Arc<io::Error>),
    /// The ledger said so.
    #[error("the views were discarded")]
    Discarded,
    /// They were closed.
    #[error("the views were closed")]
    Closed,
}

/// Why a call of the views failed.
#[derive(Debug, thiserror::Error)]
pub enum ViewsError {
    /// The indexer lags. Nothing was applied: wait with [`Views::wait_for_room`] and apply again.
    #[error("the views lag behind: two parts wait to be written")]
    Lag,
    /// The batch does not go on where the views end. Nothing was applied.
    #[error("the views go on with record {expected}, not {given}")]
    OutOfOrder {
        /// The next position.
        expected: Position,
        /// The position that was given.
        given: Position,
    },
    /// The views must be rebuilt: open them again and apply the journal.
    #[error("the views must be rebuilt")]
    Broken(#[source] Reason),
    /// Not even empty views can be opened.
    #[error("views cannot be made")]
    Unopened(#[source] Reason),
}

/// How the views are.
#[derive(Debug, Clone)]
pub enum Health {
    /// They answer.
    Well,
    /// They must be rebuilt, for this reason. Every call answers [`ViewsError::Broken`].
    Broken(Reason),
}

/// What reading an assessment from the store came to.
#[derive(Debug)]
enum Stored {
    /// What there is of it.
    Found(Option<Arc<Assessment>>),
    /// Parts came in meanwhile. The store keeps two snapshots of an assessment, so the one that
    /// was wanted may have been deleted before it was read: look again.
    Moved,
}

/// The views of one ledger, kept in one directory. The [module](self) says how.
pub struct Views {
    shared: Arc<Shared>,
    directory: directory::Directory,
    indexer: Option<thread::JoinHandle<()>>,
}

impl fmt::Debug for Views {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Views").field("directory", &self.directory).finish_non_exhaustive()
    }
}

impl Views {
    /// Opens the views in the directory `path`, made if need be. Views that are missing, damaged,
    /// of another ledger or in another format are deleted and begun from nothing.
    ///
    /// Blocks: after a clean stop for as long as it takes to read the files, else for as long as
    /// it takes to read every key. From the first call on, panics of sled go to the log.
    ///
    /// # Errors
    /// [`ViewsError::Unopened`] if not even empty views can be made there, as on a full disk, or
    /// if somebody has these views open: nothing of theirs was touched.
    pub fn open(path: &Path, options: &ViewsOptions) -> Result<(Self, Opened), ViewsError> {
        let (directory, Open { store, saved, database, rebuilt }) = opening::open(path, options)?;
        let opened = Opened { applied: saved.written(), hash: saved.hash, rebuilt };
        let tree = saved.tree.clone();
        let memory = Memory::new(Arc::new(store), tree, options.part_records.max(1));
        let cache = Cache::new(options.assessments_bytes, saved.written());
        let shared = Arc::new(Shared::new(memory, cache, options, database));
        let indexer = {
            let shared = Arc::clone(&shared);
            let thread = thread::Builder::new().name("views-indexer".to_owned());
            thread.spawn(move || indexer::run(&shared, saved))
        };
        let indexer = indexer.map_err(|error| {
            shared.close();
            ViewsError::Unopened(Reason::Directory(Arc::new(error)))
        })?;
        Ok((Self { shared, directory, indexer: Some(indexer) }, opened))
    }

    /// Folds records in, all or none of `batch`; on return every reader sees them. Never waits for
    /// the store: takes a few microseconds a record.
    ///
    /// # Errors
    /// [`ViewsError::Lag`], [`ViewsError::OutOfOrder`], [`ViewsError::Broken`]: nothing was folded.
    pub fn apply(&self, batch: &[Applied]) -> Result<(), ViewsError> {
        self.shared.apply(batch)
    }

    /// Waits until [`Views::apply`] has room, or until `patience` is over. Whether there is room.
    #[must_use]
    pub fn wait_for_room(&self, patience: Duration) -> bool {
        self.shared.wait(patience, |memory| !memory.is_full())
    }

    /// Has everything applied so far written into the store, and waits for it. Not for the path of
    /// an answer.
    ///
    /// # Errors
    /// [`ViewsError::Lag`] if `patience` was over first; [`ViewsError::Broken`].
    pub fn flush(&self, patience: Duration) -> Result<(), ViewsError> {
        let target = self.head();
        while self.written() < target {
            let moved = |memory: &Memory| memory.written() >= target || memory.can_seal(target);
            if !self.shared.wait(patience, moved) {
                self.shared.memory().store().map_err(ViewsError::Broken)?;
                return Err(ViewsError::Lag);
            }
            self.shared.seal();
        }
        Ok(())
    }

    /// Whether the views answer, or why they must be rebuilt.
    #[must_use]
    pub fn health(&self) -> Health {
        self.shared.memory().store().map_or_else(Health::Broken, |_| Health::Well)
    }

    /// The last record folded in.
    #[must_use]
    pub fn head(&self) -> Position {
        self.shared.memory().head()
    }

    /// The last record that is in the store: after a stop that was not clean, about here the
    /// views go on.
    #[must_use]
    pub fn written(&self) -> Position {
        self.shared.memory().written()
    }

    /// The assessment as all records folded in leave it; nothing if it was never opened.
    ///
    /// # Errors
    /// [`ViewsError::Broken`].
    pub fn assessment(&self, id: &AssessmentId) -> Result<Option<Arc<Assessment>>, ViewsError> {
        loop {
            let asked = self.shared.memory().assessment(id)?;
            let (store, written) = match asked {
                Found::Here(assessment) => return Ok(Some(assessment)),
                Found::AskStore(store, written) => (store, written),
            };
            if let Some(assessment) = self.shared.cache().get(id) {
                return Ok(Some(assessment));
            }
            match self.stored(&store, id, written) {
                Ok(Stored::Found(assessment)) => return Ok(assessment),
                Ok(Stored::Moved) => {}
                Err(reason) => {
                    self.shared.condemn(reason.clone());
                    return Err(ViewsError::Broken(reason));
                }
            }
        }
    }

    /// The assessment as the store has it after the records up to `written`.
    fn stored(
        &self,
        store: &Store,
        id: &AssessmentId,
        written: Position,
    ) -> Result<Stored, Reason> {
        let name = Term::Assessment(id.clone()).key();
        let found = store.last(In::Assessments, &name, written);
        if self.written() != written {
            return Ok(Stored::Moved);
        }
        let Some((key, value)) = found? else { return Ok(Stored::Found(None)) };
        let body = frame::open(&key, &value);
        let assessment = body.and_then(self.shared.codec.decode);
        let assessment = Arc::new(assessment.ok_or(Reason::Damaged("an assessment"))?);
        self.shared.cache().keep(&assessment, value.len(), written);
        Ok(Stored::Found(Some(assessment)))
    }

    /// The positions in `range` that carry the term.
    #[must_use]
    pub fn postings(&self, term: &Term, range: Range, towards: Direction) -> Postings<'_> {
        Postings::new(&self.shared, term, range, towards)
    }

    /// The positions that carry a term of each of several clauses.
    ///
    /// # Errors
    /// [`ViewsError::Broken`].
    pub fn search(&self, search: &Search<'_>) -> Result<Page, ViewsError> {
        search::search(&self.shared, search)
    }

    /// The tree of hashes over all records folded in.
    #[must_use]
    pub fn tree(&self) -> Frontier {
        self.shared.memory().tree().clone()
    }

    /// The roots of neighbouring full tiles of a level, from 0 at the leaves: each is the root of a
    /// perfect subtree of 256^(level + 1) records. `None` if the records folded in do not fill all
    /// of them. (C2SP tlog-tiles)
    ///
    /// # Errors
    /// [`ViewsError::Broken`].
    pub fn tile_roots(
        &self,
        level: u8,
        indices: Indices<u64>,
    ) -> Result<Option<Vec<Hash>>, ViewsError> {
        let tile = |index| FullTile { level, index };
        let (store, in_store, in_memory) = {
            let memory = self.shared.memory();
            let store = memory.store().map_err(ViewsError::Broken)?;
            let written = memory.written().get();
            let is_written = |index: &u64| tile(*index).full_at().is_some_and(|it| it <= written);
            let in_store = indices.clone().take_while(is_written).last();
            let after = in_store.map_or(indices.start, |last| last.saturating_add(1));
            let roots: Option<Vec<_>> =
                (after..indices.end).map(|index| memory.tile_root(tile(index))).collect();
            (store, in_store, roots)
        };
        let Some(in_memory) = in_memory else { return Ok(None) };
        let Some(last) = in_store else { return Ok(Some(in_memory)) };
        // What is written never changes, so that the store may be asked after the look.
        match store.tile_roots(tile(indices.start), tile(last)) {
            Ok(mut roots) => {
                roots.extend(in_memory);
                Ok(Some(roots))
            }
            Err(reason) => {
                self.shared.condemn(reason.clone());
                Err(ViewsError::Broken(reason))
            }
        }
    }

    /// Gives these views up, because the ledger found them to be wrong: they are deleted, and
    /// every call answers [`ViewsError::Broken`]. Open them again to rebuild them.
    pub fn discard(&self) {
        self.shared.condemn(Reason::Discarded);
    }

    /// Writes everything into the store, closes and seals it, so that the next opening has nothing
    /// to apply and reads no key. Blocks for no longer than about a minute; whatever does not end
    /// in time is only not sealed.
    ///
    /// # Errors
    /// [`ViewsError::Lag`] if not everything could be written; [`ViewsError::Broken`].
    pub fn close(mut self) -> Result<(), ViewsError> {
        let flushed = self.flush(Duration::from_secs(30));
        let closed = self.end();
        let database = &self.shared.database;
        if closed && directory::wait_until_closed(database) {
            let seal = self.directory.seal(database);
            if let Err(error) = seal {
                tracing::warn!(%error, "the views are not sealed: the next start reads every key");
            }
        }
        flushed
    }

    /// Ends the indexer and closes the store. Whether both went well.
    fn end(&mut self) -> bool {
        self.shared.stop();
        let ended = self.indexer.take().is_some_and(indexer::join);
        self.shared.close() && ended
    }
}

impl Drop for Views {
    /// Stops after the present transaction, without a seal.
    fn drop(&mut self) {
        if self.indexer.is_some() {
            self.end();
        }
    }
}
