//! Whether the journal descends from the tree that was signed last.
//!
//! A journal may have been put back from a backup, or exchanged, and agrees with itself all the same. So
//! the records after the last signed tree are folded onto its edge, as the signer's memory has it. What
//! comes out must be the edge that the journal's own mark sums up: then, and only then, the one grew from
//! the other.

use std::sync::Arc;

use super::{Contradiction, ReadError, ReadOnly, Shared, replay::PAGE};
use crate::{
    journal::Journal,
    judgement::Position,
    merkle::{Frontier, leaf_hash},
    signer::Signed,
};

/// Up to so many records are folded at a time, and before the ledger is served: some tenths of a second.
const NEAR_RECORDS: u64 = 100_000;

/// Whether the journal descends from what was signed.
pub(super) enum Lineage {
    /// It does.
    Sure,
    /// It turns out while records are folded.
    Open(Box<Growth>),
    /// It does not: nothing is recorded or signed.
    Contradicted,
}

/// A signed tree on its way to the edge that the journal had when it was opened.
pub(super) struct Growth {
    signed: u64,
    grown: Frontier,
    until: Arc<Frontier>,
}

impl Lineage {
    /// How the journal stands to what was signed last, as far as that is told without reading it.
    pub(super) fn of(shared: &Shared, last: Option<&Signed>) -> Self {
        let until = Arc::clone(&shared.tree.borrow());
        match last {
            None => Self::Sure,
            Some(last) if until.size() < last.head.size => {
                let (signed, head) = (last.head.size, until.size());
                shared.contradicted(ReadOnly { signed, head, how: Contradiction::Behind });
                Self::Contradicted
            }
            Some(last) => {
                let (signed, grown) = (last.head.size, last.frontier.clone());
                Self::Open(Box::new(Growth { signed, grown, until }))
            }
        }
    }

    /// Whether few records are left to be folded until it is sure.
    pub(super) fn is_near(&self) -> bool {
        matches!(self, Self::Open(growth) if growth.left() <= NEAR_RECORDS)
    }

    /// Folds more of the records that lie between what was signed and what there is.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(super) async fn make_sure(&mut self, shared: &Shared) -> Result<(), ReadError> {
        let Self::Open(growth) = self else { return Ok(()) };
        let mut folded = 0_u64;
        while growth.left() > 0 && folded < NEAR_RECORDS {
            let before = growth.left();
            growth.go_on(&*shared.journal).await?;
            folded = folded.saturating_add(before.saturating_sub(growth.left()));
        }
        if growth.left() > 0 {
            return Ok(());
        }
        *self = match growth.verdict() {
            Ok(()) => Self::Sure,
            Err(read_only) => {
                shared.contradicted(read_only);
                Self::Contradicted
            }
        };
        Ok(())
    }
}

impl Growth {
    fn left(&self) -> u64 {
        self.until.size().saturating_sub(self.grown.size())
    }

    /// Folds a page of records.
    async fn go_on(&mut self, journal: &dyn Journal) -> Result<(), ReadError> {
        let at = Position::new(self.grown.size());
        let page = journal.read(at, PAGE).await?;
        if page.is_empty() {
            return Err(ReadError::NoRecord(at.next()));
        }
        let end = self.until.size();
        for stored in page.iter().take_while(|stored| stored.position.get() <= end) {
            self.grown.push(leaf_hash(&stored.entry.record));
        }
        Ok(())
    }

    /// What all records make of it.
    fn verdict(&self) -> Result<(), ReadOnly> {
        if self.grown == *self.until {
            return Ok(());
        }
        let how = Contradiction::Inconsistent;
        Err(ReadOnly { signed: self.signed, head: self.until.size(), how })
    }
}

impl Shared {
    /// Takes no more commands: the journal is not the one that was signed.
    pub(super) fn contradicted(&self, read_only: ReadOnly) {
        let ReadOnly { signed, head, .. } = read_only;
        tracing::error!(signed, head, "{read_only}");
        self.evidence.read_only.send_replace(Some(read_only));
    }
}
