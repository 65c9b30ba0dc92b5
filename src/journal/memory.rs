//! The memory store: the model that the other stores are compared with.
//!
//! It owns its entries and loses them with the process; nothing in it can fail but a group
//! without entries. The mark of every group is kept, so the head's mark always stands at the head.

use std::{
    collections::BTreeSet,
    fmt, io,
    sync::{PoisonError, RwLock, RwLockReadGuard},
};

use bytes::Bytes;
use tokio::sync::{Mutex, MutexGuard};

use super::{
    Answer, Entry, Filing, Group, Head, Journal, JournalError, Key, Mark, NotApplied, Page, Stored,
    Turn,
};
use crate::judgement::Position;

/// A journal in memory, for tests, trials and as the model of the contract.
pub struct MemoryJournal {
    filing: Filing,
    /// Serves one turn after the other.
    turns: Mutex<()>,
    shared: bool,
    /// Guards the entries; held for a copy of a page or for one insertion, never while waiting.
    content: RwLock<Content>,
}

#[derive(Default)]
struct Content {
    entries: Vec<Entry>,
    filed: BTreeSet<(Key, Position)>,
    mark: Option<Mark>,
    checkpoint: Option<Bytes>,
}

impl MemoryJournal {
    /// An empty journal that files its entries by `filing`.
    #[must_use]
    pub fn new(filing: Filing) -> Self {
        let content = RwLock::new(Content::default());
        Self { filing, turns: Mutex::new(()), shared: false, content }
    }

    /// The same, for several ledgers at once: each may append.
    #[must_use]
    pub fn shared(filing: Filing) -> Self {
        Self { shared: true, ..Self::new(filing) }
    }

    fn content(&self) -> RwLockReadGuard<'_, Content> {
        self.content.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, group: Group) -> Result<Head, JournalError> {
        if group.entries.is_empty() {
            return Err(JournalError::NotApplied(NotApplied::Unavailable(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a group has at least one entry",
            ))));
        }
        let mut content = self.content.write().unwrap_or_else(PoisonError::into_inner);
        let mut position = content.head().position;
        for entry in group.entries {
            position = position.next();
            for key in (self.filing)(&entry.record) {
                content.filed.insert((key, position));
            }
            content.entries.push(entry);
        }
        content.mark = Some(Mark { at: position, bytes: group.mark });
        Ok(content.head())
    }
}

impl Content {
    fn head(&self) -> Head {
        let entries = u64::try_from(self.entries.len()).unwrap_or(u64::MAX);
        Head { position: Position::new(entries), mark: self.mark.clone() }
    }

    fn page(&self, after: Position, page: Page) -> Vec<Stored> {
        let mut stored = Vec::new();
        let mut bytes = 0_usize;
        let mut position = after;
        let skipped = usize::try_from(after.get()).unwrap_or(usize::MAX);
        for entry in self.entries.iter().skip(skipped) {
            bytes = bytes.saturating_add(entry.record.len()).saturating_add(entry.sealed.len());
            let full = stored.len() >= page.entries_max || bytes > page.bytes_max;
            if full && !stored.is_empty() {
                break;
            }
            position = position.next();
            stored.push(Stored { position, entry: entry.clone() });
        }
        stored
    }

    fn latest(&self, key: Key, before: Position) -> Option<Position> {
        let older = self.filed.range((key, Position::START)..(key, before));
        older.last().map(|(_, position)| *position)
    }
}

impl Journal for MemoryJournal {
    fn is_shared(&self) -> bool {
        self.shared
    }

    fn turn(&self) -> Answer<'_, Box<dyn Turn + '_>> {
        Box::pin(async move {
            let exclusive = self.turns.lock().await;
            let head = self.content().head();
            let turn: Box<dyn Turn + '_> =
                Box::new(MemoryTurn { journal: self, _exclusive: exclusive, head });
            Ok(turn)
        })
    }

    fn head(&self) -> Answer<'_, Head> {
        Box::pin(async move { Ok(self.content().head()) })
    }

    fn read(&self, after: Position, page: Page) -> Answer<'_, Vec<Stored>> {
        Box::pin(async move { Ok(self.content().page(after, page)) })
    }

    fn latest(&self, key: Key, before: Position) -> Answer<'_, Option<Position>> {
        Box::pin(async move { Ok(self.content().latest(key, before)) })
    }

    fn checkpoint(&self) -> Answer<'_, Option<Bytes>> {
        Box::pin(async move { Ok(self.content().checkpoint.clone()) })
    }

    fn keep_checkpoint(&self, checkpoint: Bytes) -> Answer<'_, ()> {
        Box::pin(async move {
            let mut content = self.content.write().unwrap_or_else(PoisonError::into_inner);
            content.checkpoint = Some(checkpoint);
            Ok(())
        })
    }
}

impl fmt::Debug for MemoryJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryJournal").field("head", &self.content().head()).finish()
    }
}

struct MemoryTurn<'a> {
    journal: &'a MemoryJournal,
    _exclusive: MutexGuard<'a, ()>,
    head: Head,
}

impl Turn for MemoryTurn<'_> {
    fn head(&self) -> &Head {
        &self.head
    }

    fn append<'a>(self: Box<Self>, group: Group) -> Answer<'a, Head>
    where
        Self: 'a,
    {
        Box::pin(async move { self.journal.append(group) })
    }
}
