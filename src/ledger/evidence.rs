//! What the ledger has signed, and whether it may still be written to.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::sync::watch;

use super::{Ledger, ReadError};
use crate::{
    judgement::Position,
    merkle::{SignedNote, TreeHead, Verifier},
    signer::Signed,
};

/// How long a reader waits for a checkpoint that covers a position.
const COVERED_WAIT: Duration = Duration::from_secs(5);

/// A checkpoint that was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The size and the root of its tree.
    pub head: TreeHead,
    /// The note as it is signed, with all signature lines so far.
    pub note: SignedNote,
    /// The same, as it is written.
    pub text: Bytes,
    /// The ledger's keys that sign, by which it is verified.
    pub keys: Arc<[Verifier]>,
}

impl Published {
    pub(super) fn of(signed: &Signed, keys: Arc<[Verifier]>) -> Self {
        let (note, text) = (signed.note.clone(), Bytes::from(signed.note.to_string()));
        Self { head: signed.head, note, text, keys }
    }
}

/// Why the ledger is served read-only: its journal is not the one that was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadOnly {
    /// How many records the checkpoint covers that was signed last.
    pub signed: u64,
    /// How many records the journal has.
    pub head: u64,
    /// In which way the two disagree.
    pub how: Contradiction,
}

/// In which way a journal disagrees with what was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contradiction {
    /// It ends before what was signed: an older one was put back.
    Behind,
    /// It has other records: it was exchanged, or written to by somebody else.
    Inconsistent,
}

impl fmt::Display for ReadOnly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { signed, head, how } = self;
        match how {
            Contradiction::Behind => write!(
                f,
                "the journal ends at record {head}, but a checkpoint over {signed} records was \
                 signed: an older journal was put back. The ledger is read-only and signs nothing; \
                 bring back the journal that has those records. If they are lost for good, move the \
                 signer away and begin another with `judgement-ledger signer recover`"
            ),
            Contradiction::Inconsistent => write!(
                f,
                "the {head} records of the journal are not those that followed the checkpoint \
                 signed over {signed} records: the journal was exchanged. The ledger is read-only \
                 and signs nothing; bring back the journal that was signed"
            ),
        }
    }
}

/// What the notary publishes and readers see.
pub(super) struct Evidence {
    pub(super) checkpoint: watch::Sender<Option<Arc<Published>>>,
    pub(super) covered: watch::Sender<u64>,
    pub(super) read_only: watch::Sender<Option<ReadOnly>>,
}

impl Evidence {
    /// Nothing was signed so far, and everything may be recorded.
    pub(super) fn none() -> Self {
        Self {
            checkpoint: watch::Sender::new(None),
            covered: watch::Sender::new(0),
            read_only: watch::Sender::new(None),
        }
    }
}

impl Ledger {
    /// The newest checkpoint; `None` if none is signed.
    #[must_use]
    pub fn checkpoint(&self) -> Option<Arc<Published>> {
        self.shared.evidence.checkpoint.borrow().clone()
    }

    /// Follows the newest checkpoint: it changes with its size, and when a witness has signed it.
    #[must_use]
    pub fn follow_checkpoints(&self) -> watch::Receiver<Option<Arc<Published>>> {
        self.shared.evidence.checkpoint.subscribe()
    }

    /// Follows how many records the newest published checkpoint covers. It never falls.
    #[must_use]
    pub fn covered(&self) -> watch::Receiver<u64> {
        self.shared.evidence.covered.subscribe()
    }

    /// The newest checkpoint, waited for until it covers `size` records, for at most five seconds.
    ///
    /// # Errors
    /// [`ReadError::NotCovered`] if that takes longer.
    pub async fn checkpoint_covering(&self, size: u64) -> Result<Arc<Published>, ReadError> {
        let covers = |it: &Option<Arc<Published>>| {
            it.as_ref().is_some_and(|published| published.head.size >= size)
        };
        let mut follow = self.follow_checkpoints();
        // Beyond the head nothing comes by waiting for the notary.
        let known = size <= self.shared.tree.borrow().size();
        let wait = if known { COVERED_WAIT } else { Duration::ZERO };
        let found = match tokio::time::timeout(wait, follow.wait_for(covers)).await {
            Ok(Ok(found)) => found.clone(),
            Ok(Err(_)) | Err(_) => None,
        };
        found.ok_or_else(|| ReadError::NotCovered {
            asked: Position::new(size),
            covered: *self.shared.evidence.covered.borrow(),
        })
    }

    /// Why nothing may be recorded, if that is so.
    #[must_use]
    pub fn read_only(&self) -> Option<ReadOnly> {
        *self.shared.evidence.read_only.borrow()
    }

    /// Follows whether anything may be recorded. It becomes read-only at most once.
    #[must_use]
    pub fn follow_read_only(&self) -> watch::Receiver<Option<ReadOnly>> {
        self.shared.evidence.read_only.subscribe()
    }
}
