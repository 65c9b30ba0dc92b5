//! The journal: the append-only truth, and the contract that every store of it keeps.
//!
//! A journal is a sequence of *entries* at positions 1, 2, 3 … without a gap. An entry is a
//! record's bytes and, beside them, the sealed texts of that record. Both are opaque here: the
//! journal knows bytes and positions, neither events nor versions nor trees.
//!
//! # The contract
//!
//! - **Order.** Positions are given by the store, in the order of appends. No position is ever
//!   skipped, given twice or taken back.
//! - **Turn.** Who wants to append takes a [`Turn`] first: the exclusive right to append, across
//!   every process that shares the store. A turn shows the head and lasts until it appends or is
//!   dropped; a dropped turn changes nothing.
//! - **All or none, durable on return.** [`Turn::append`] stores a whole [`Group`] or nothing, and
//!   when it answers `Ok`, the group survives the loss of power.
//! - **Two failures.** [`JournalError::NotApplied`]: surely nothing was stored, the journal may be
//!   used on. [`JournalError::Unknown`]: the group may or may not be stored. A store of this process's
//!   own then refuses every further append ([`JournalError::Poisoned`]), and only opening it again tells
//!   which: a flush is never tried again. A store that several processes share goes on, and the head of
//!   the next turn tells.
//! - **Reads see durable entries only**, whole groups at a time, and never past the head.
//! - **Marks.** A group comes with a *mark*: opaque bytes that sum up the ledger at its end. The
//!   store keeps at least one recent mark, so that opening need not fold every entry:
//!   [`Head::mark`] says where the newest kept one stands.
//! - **Filing.** Each entry is filed under the [`Key`]s that the store's [`Filing`] function finds
//!   in its record bytes. [`Journal::latest`] finds the newest entry under a key. Keys may
//!   collide: who looks something up reads the entry, checks that it is meant and otherwise asks
//!   for the next older one.
//! - **Checkpoints.** The newest checkpoint given to [`Journal::keep_checkpoint`] is durable on
//!   return and given back by [`Journal::checkpoint`]. Its bytes are opaque.
//!
//! `append` may block the thread that awaits it (the embedded store writes and flushes right
//! there): the sequencer therefore has a thread of its own. Reads never block the caller's thread
//! for a flush.

pub mod file;
mod memory;
pub mod postgres;

use std::{future::Future, io, pin::Pin, sync::Arc};

use bytes::Bytes;

use crate::judgement::Position;

pub use memory::MemoryJournal;

/// What every call of a journal answers, later.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, JournalError>> + Send + 'a>>;

/// An append-only store of entries. The contract stands at the [module](self).
pub trait Journal: Send + Sync + 'static {
    /// Whether other processes may append as well: then the head moves between two turns.
    fn is_shared(&self) -> bool {
        false
    }

    /// What it takes until an append is answered.
    fn durability(&self) -> Durability {
        Durability::Disk
    }

    /// Takes the exclusive right to append, waiting for it where another has it.
    fn turn(&self) -> Answer<'_, Box<dyn Turn + '_>>;

    /// The end of the journal, as far as it is durable.
    fn head(&self) -> Answer<'_, Head>;

    /// The same, asked of who takes appends now, and durable as far as it says.
    fn confirmed_head(&self) -> Answer<'_, Head> {
        self.head()
    }

    /// Waits until all that was ever seen of the journal is durable: before a signature vouches for it.
    fn confirm(&self) -> Answer<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    /// The same journal for who decides and appends, whose look-ups wait for no other reader; nothing if
    /// this one is that.
    fn for_deciding(&self) -> Option<Arc<dyn Journal>> {
        None
    }

    /// Entries after `after`, oldest first, within `page`: empty only at the head.
    fn read(&self, after: Position, page: Page) -> Answer<'_, Vec<Stored>>;

    /// The newest entry before `before` that is filed under `key`.
    fn latest(&self, key: Key, before: Position) -> Answer<'_, Option<Position>>;

    /// For each of `keys`, in their order, the newest entry before `before` that is filed under it.
    fn latest_of_each<'a>(
        &'a self,
        keys: &'a [Key],
        before: Position,
    ) -> Answer<'a, Vec<Option<Position>>> {
        Box::pin(async move {
            let mut found = Vec::with_capacity(keys.len());
            for key in keys {
                found.push(self.latest(*key, before).await?);
            }
            Ok(found)
        })
    }

    /// The newest checkpoint kept, if any.
    fn checkpoint(&self) -> Answer<'_, Option<Bytes>>;

    /// Keeps `checkpoint` instead of the one before: durable on return. In a journal that several
    /// processes share it is [`Overtaken`](NotApplied::Overtaken) where another has kept one since this
    /// one kept one or read it.
    fn keep_checkpoint(&self, checkpoint: Bytes) -> Answer<'_, ()>;

    /// The right to sign for the ledger; nothing while another process has it. It spares several processes
    /// the same work, and nothing rests on it.
    fn right_to_sign(&self) -> Answer<'_, Option<Box<dyn RightToSign>>> {
        Box::pin(async {
            let right: Box<dyn RightToSign> = Box::new(Sole);
            Ok(Some(right))
        })
    }
}

/// What it takes until an append is answered: what it survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// It is on this machine's disk: it survives a loss of power.
    Disk,
    /// It is on the disk of the database's primary, and may be lost with that machine.
    Local,
    /// It is on the primary's disk and on that of a standby at least: it survives the loss of a machine.
    Quorum,
}

impl Durability {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disk => "disk",
            Self::Local => "local",
            Self::Quorum => "quorum",
        }
    }
}

/// The right to sign for a ledger, had until it is dropped or lost.
pub trait RightToSign: Send + Sync {
    /// Waits until it is not sure any more that it is had.
    fn lost(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The right of the only process that has the journal.
struct Sole;

impl RightToSign for Sole {
    fn lost(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::pending())
    }
}

/// The exclusive right to append one group.
pub trait Turn: Send {
    /// The end of the journal while this turn lasts. Where it lies past what the caller has
    /// folded, another process has appended: read that first.
    fn head(&self) -> &Head;

    /// Stores `group` after the head: all or none, durable on return. The new head.
    fn append<'a>(self: Box<Self>, group: Group) -> Answer<'a, Head>
    where
        Self: 'a;
}

/// What is appended in one go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The entries, in order; at least one.
    pub entries: Vec<Entry>,
    /// Sums up the ledger at the end of this group.
    pub mark: Bytes,
}

/// A record's bytes and the sealed texts beside them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The record as encoded: hashed as it is, never encoded again.
    pub record: Bytes,
    /// The sealed texts of the record; empty if it has none.
    pub sealed: Bytes,
}

/// An entry where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its place in the ledger.
    pub position: Position,
    /// What is stored there.
    pub entry: Entry,
}

/// The end of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The position of the last entry; [`Position::START`] in an empty journal.
    pub position: Position,
    /// The newest mark kept, at or before `position`; none until one is kept.
    pub mark: Option<Mark>,
}

/// A kept mark and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The position of the last entry of the mark's group.
    pub at: Position,
    /// The bytes given with that group.
    pub bytes: Bytes,
}

/// How much one read may return. Both limits hold, but one entry is always returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// At most so many entries.
    pub entries_max: usize,
    /// At most so many bytes of records and sealed texts.
    pub bytes_max: usize,
}

/// What an entry is filed under: twelve bytes of a SHA-256 (so that engineered collisions cost
/// 2⁴⁸ tries and, being checked by the caller, gain nothing).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub [u8; 12]);

/// Finds the keys under which an entry is filed, in its record bytes. It must answer the same
/// for the same bytes for ever.
pub type Filing = Arc<dyn Fn(&[u8]) -> Vec<Key> + Send + Sync>;

/// Why a call of the journal failed.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Surely nothing was stored; the journal may be used on.
    #[error("nothing was stored: {0}")]
    NotApplied(#[source] NotApplied),
    /// The append may or may not be stored. Opening the journal again tells, or the next turn.
    #[error("the append may or may not be stored")]
    Unknown(#[source] io::Error),
    /// An earlier append ended as [`JournalError::Unknown`]: this journal takes no more.
    #[error("an earlier append had an unknown outcome; open the journal again")]
    Poisoned,
    /// Stored bytes are not what was stored.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// Reading failed.
    #[error("the journal cannot be read")]
    Unreadable(#[source] io::Error),
}

/// Why nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum NotApplied {
    /// The disk has no room. Reads go on; appends go on once there is room.
    #[error("the disk is full")]
    Full(#[source] io::Error),
    /// The group is larger than the store takes.
    #[error("the group has {bytes} bytes; at most {bytes_max} fit into one append")]
    TooLarge {
        /// The size of the group as stored.
        bytes: usize,
        /// The largest size.
        bytes_max: usize,
    },
    /// Another process has kept a checkpoint that this one has not read.
    #[error("another process has kept a newer checkpoint")]
    Overtaken,
    /// The store could not be asked to append.
    #[error("the store is not available")]
    Unavailable(#[source] io::Error),
}

/// Stored bytes that are not what was stored: where, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: damaged at byte {offset} (position {position}): {what}")]
pub struct Damage {
    /// The file as a person would name it.
    pub file: String,
    /// The offset in that file, in bytes.
    pub offset: u64,
    /// The first position that cannot be trusted.
    pub position: Position,
    /// What was found.
    pub what: &'static str,
}
