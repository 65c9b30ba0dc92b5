//! `FaultyJournal`: a journal that breaks before, during or after a chosen append.
//!
//! It wraps any journal. As the contract demands, it takes no more appends once one of them had an
//! unknown outcome; "opening it again" is a new `FaultyJournal` around the same journal.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use judgement_ledger::{
    journal::{Answer, Group, Head, Journal, JournalError, Key, NotApplied, Page, Stored, Turn},
    judgement::Position,
};

/// When an append breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Break {
    /// Before anything is stored: `NotApplied`.
    Before,
    /// While it is stored: `Unknown`, and it is not there.
    During,
    /// Once it is stored: `Unknown`, and it is there.
    After,
}

/// A journal that breaks where it is told to.
pub(crate) struct FaultyJournal {
    inner: Arc<dyn Journal>,
    appends: AtomicUsize,
    breaks: Mutex<Option<(usize, Break)>>,
    poisoned: AtomicBool,
}

impl FaultyJournal {
    pub(crate) fn around(inner: Arc<dyn Journal>) -> Self {
        let (appends, breaks) = (AtomicUsize::new(0), Mutex::new(None));
        Self { inner, appends, breaks, poisoned: AtomicBool::new(false) }
    }

    /// Breaks the append after `appends` more appends.
    pub(crate) fn break_after(&self, appends: usize, kind: Break) {
        let number = self.appends.load(Ordering::SeqCst) + appends;
        *self.breaks.lock().unwrap() = Some((number, kind));
    }

    fn usable(&self) -> Result<(), JournalError> {
        if self.poisoned.load(Ordering::SeqCst) { Err(JournalError::Poisoned) } else { Ok(()) }
    }

    fn unknown(&self) -> JournalError {
        self.poisoned.store(true, Ordering::SeqCst);
        JournalError::Unknown(io::Error::other("broken on purpose"))
    }
}

impl Journal for FaultyJournal {
    fn turn(&self) -> Answer<'_, Box<dyn Turn + '_>> {
        Box::pin(async move {
            self.usable()?;
            let inner = self.inner.turn().await?;
            let turn: Box<dyn Turn + '_> = Box::new(FaultyTurn { journal: self, inner });
            Ok(turn)
        })
    }

    fn head(&self) -> Answer<'_, Head> {
        self.inner.head()
    }

    fn read(&self, after: Position, page: Page) -> Answer<'_, Vec<Stored>> {
        self.inner.read(after, page)
    }

    fn latest(&self, key: Key, before: Position) -> Answer<'_, Option<Position>> {
        self.inner.latest(key, before)
    }

    fn checkpoint(&self) -> Answer<'_, Option<Bytes>> {
        self.inner.checkpoint()
    }

    fn keep_checkpoint(&self, checkpoint: Bytes) -> Answer<'_, ()> {
        self.inner.keep_checkpoint(checkpoint)
    }
}

struct FaultyTurn<'a> {
    journal: &'a FaultyJournal,
    inner: Box<dyn Turn + 'a>,
}

impl Turn for FaultyTurn<'_> {
    fn head(&self) -> &Head {
        self.inner.head()
    }

    fn append<'a>(self: Box<Self>, group: Group) -> Answer<'a, Head>
    where
        Self: 'a,
    {
        Box::pin(async move {
            self.journal.usable()?;
            let number = self.journal.appends.fetch_add(1, Ordering::SeqCst);
            let breaks = *self.journal.breaks.lock().unwrap();
            match breaks.filter(|(at, _)| *at == number).map(|(_, kind)| kind) {
                None => self.inner.append(group).await,
                Some(Break::Before) => Err(JournalError::NotApplied(NotApplied::Unavailable(
                    io::Error::other("broken on purpose"),
                ))),
                Some(Break::During) => Err(self.journal.unknown()),
                Some(Break::After) => {
                    self.inner.append(group).await?;
                    Err(self.journal.unknown())
                }
            }
        })
    }
}

mod tests {
    use judgement_ledger::journal::MemoryJournal;

    use super::*;
    use crate::journal::{append, by_name, entry, group};

    async fn broken(kind: Break) -> (Arc<MemoryJournal>, FaultyJournal, JournalError) {
        let inner = Arc::new(MemoryJournal::new(by_name()));
        let journal = FaultyJournal::around(Arc::clone(&inner) as Arc<dyn Journal>);
        append(&journal, group(&["a"])).await.unwrap();
        journal.break_after(1, kind);
        append(&journal, group(&["b"])).await.unwrap();
        let error = append(&journal, group(&["c"])).await.unwrap_err();
        (inner, journal, error)
    }

    #[tokio::test]
    async fn a_break_before_stores_nothing_and_the_journal_goes_on() {
        let (inner, journal, error) = broken(Break::Before).await;
        assert!(matches!(error, JournalError::NotApplied(_)));
        assert_eq!(inner.head().await.unwrap().position, Position::new(2));
        assert_eq!(append(&journal, group(&["d"])).await.unwrap().position, Position::new(3));
        let page = Page { entries_max: 9, bytes_max: 999 };
        assert_eq!(journal.read(Position::new(2), page).await.unwrap()[0].entry, entry("d"));
    }

    #[tokio::test]
    async fn a_break_during_stores_nothing_and_poisons() {
        let (inner, journal, error) = broken(Break::During).await;
        assert!(matches!(error, JournalError::Unknown(_)));
        assert_eq!(inner.head().await.unwrap().position, Position::new(2));
        assert!(matches!(journal.turn().await.err(), Some(JournalError::Poisoned)));
    }

    #[tokio::test]
    async fn a_break_after_stores_the_group_and_poisons() {
        let (inner, journal, error) = broken(Break::After).await;
        assert!(matches!(error, JournalError::Unknown(_)));
        assert_eq!(inner.head().await.unwrap().position, Position::new(3));
        assert!(matches!(journal.turn().await.err(), Some(JournalError::Poisoned)));
    }
}
