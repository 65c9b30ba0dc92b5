//! The shell round the rules: one sequencer that orders all writes, and readers that follow.
//!
//! A [`Ledger`] is a cheap handle. What is written goes through a bounded queue to the
//! [`Sequencer`], the one task that decides, encodes, appends and answers; what is read comes
//! from the views and from the journal and never waits for the sequencer.
//!
//! Invariants:
//! - Durable, then published, then answered: who holds a receipt can read what it is for.
//! - A refused command appends nothing and burns no position. (Spec §4.6)
//! - When an append has an unknown outcome or a flush has failed, the sequencer stops for good;
//!   opening the ledger again tells what became of it. Where several processes share the journal, it
//!   asks instead, and answers what became of it.
//! - What other processes appended to a journal that they share is folded in before anything is decided:
//!   see [`catching_up`].
//! - A text whose erasure is recorded is read no more, from that record on. An [`Eraser`] destroys
//!   its key, after every crash until a record says that it is done.
//! - A [`Notary`] signs what is published, soon after; a journal that is not the one that was signed
//!   is served read-only.
//! - The sequencer never waits for the views. A [`Follower`] brings them up to the journal after a
//!   start, and anew where they break; who reads them waits meanwhile, or is refused.

mod access;
mod as_of;
mod built_in;
mod catalogue;
mod catching_up;
mod clock;
mod condition;
mod copies;
mod copying;
mod decoding;
mod directory;
mod earlier;
mod eraser;
mod erasures;
mod errors;
mod evidence;
mod filing;
mod fold;
mod follower;
mod found;
mod lineage;
mod mark;
mod moment;
mod notary;
mod passing_on;
mod peers;
mod proven;
mod query;
mod random;
mod reading;
mod receipt;
mod recovery;
mod redactable;
mod registry;
mod replay;
mod sequencer;
mod sieve;
mod signing_in_turn;
mod staging;
mod standing;
mod subject;
mod texts;
mod told;
mod topics;
mod trail;
mod tree;
mod turns;
mod vitals;
mod witnessing;

use std::{sync::Arc, time::Instant};

use arc_swap::ArcSwap;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    journal::{Entry, Filing, Journal},
    judgement::{Command, Text},
    merkle::{Frontier, Hash},
    metrics::Metrics,
    record::Record,
    vault::Vault,
    views::{Views, ViewsError},
};

use standing::Standing;

pub use access::Taker;
pub use built_in::BuiltInError;
pub use catalogue::Registered;
pub use clock::{Clock, ClockUntrusted, Reading, system_clock};
pub use condition::{Condition, Test, Within};
pub use copies::KeyringFile;
pub use copying::{Copied, CopyError, copy};
pub use directory::{Introduction, Introductions};
pub use eraser::{Covering, Eraser};
pub use erasures::Erasure;
pub use errors::{ReadError, SubmitError};
pub use evidence::{Contradiction, Published, ReadOnly};
pub use follower::Follower;
pub use mark::{BadMark, Summary};
pub use moment::Moment;
pub use notary::{Notary, NotaryError};
pub use passing_on::{PassedOn, PassedText, Streamed};
pub use proven::{Proven, ProvenText};
pub use reading::{
    AsOf, AssessmentRead, DatedName, Found, Holds, KnownAt, Order, ReadRecord, Shown, SubjectRead,
    View,
};
pub use receipt::{Outcome, Receipt};
pub use recovery::{OpenError, OpenViews, Parts, Progress};
pub(crate) use sequencer::QUEUE_MAX;
pub use sequencer::{Sequencer, Stop};
pub use signing_in_turn::SigningInTurn;
pub use standing::Reads;
pub use trail::TrailRecord;
pub use tree::{Grown, Included};
pub use turns::Turn;
#[cfg(test)]
pub(crate) use vitals::Shown as ShownVitals;
pub use vitals::Vitals;

/// A handle on the ledger: cheap to clone, used from any task.
#[derive(Clone)]
pub struct Ledger {
    shared: Arc<Shared>,
    submissions: mpsc::Sender<sequencer::Pending>,
}

/// What the sequencer publishes and readers see.
struct Shared {
    head: watch::Sender<Moment>,
    /// The tree of hashes over all records up to the head, or a record later: it is published just
    /// before the head. Who needs its root computes that; nobody need look at a record for it.
    tree: watch::Sender<Arc<Frontier>>,
    leaves: tree::KeptLeaves,
    evidence: evidence::Evidence,
    closing: CancellationToken,
    stopped: CancellationToken,
    catalogue: ArcSwap<staging::Catalogue>,
    directory: ArcSwap<directory::Directory>,
    /// What no reading gives.
    erasures: ArcSwap<erasures::Erasures>,
    /// Told when an erasure was ordered.
    erasing: Notify,
    persons: Arc<directory::PersonIds>,
    journal: Arc<dyn Journal>,
    vault: Arc<Vault>,
    /// The views, once they are whole.
    standing: Arc<Standing>,
    /// Where is counted and measured what the ledger does.
    metrics: Arc<Metrics>,
    turns: turns::Turns,
}

/// A record, decoded, with its hash and its bytes as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Keep {
    record: Record,
    hash: Hash,
    entry: Entry,
}

/// What is handed in at once: one command, or several on one assessment that are recorded all or
/// none. (Spec §4.7)
#[derive(Debug, Clone)]
pub struct Submission {
    /// The commands, all by the same caller.
    pub commands: Vec<Command<Text>>,
    /// The persons whom these commands name and the directory did not know.
    pub introductions: Vec<Introduction>,
    /// Whether it is recorded.
    pub mode: Mode,
}

/// Whether a submission is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is.
    Record,
    /// It is only checked: the same answers, nothing recorded.
    Validate,
}

/// How the journal of a ledger files its records.
#[must_use]
pub fn filing() -> Filing {
    Arc::new(filing::of_record)
}

impl Ledger {
    /// Hands in a submission and waits for its receipts, one for each command. A caller that
    /// goes away does not change what becomes of it.
    ///
    /// # Errors
    /// [`SubmitError`]: all but `OutcomeUnknown` mean that surely nothing was recorded.
    pub async fn submit(&self, submission: Submission) -> Result<Vec<Receipt>, SubmitError> {
        let (answer, answered) = oneshot::channel();
        let pending = sequencer::Pending { submission, answer, since: Instant::now() };
        self.submissions.try_send(pending).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => SubmitError::Busy,
            mpsc::error::TrySendError::Closed(_) => SubmitError::Stopped,
        })?;
        // The sequencer answers every submission that it takes; one that was still in the queue
        // when it stopped was surely not recorded.
        answered.await.unwrap_or(Err(SubmitError::Stopped))
    }

    /// Cancelled when the sequencer has stopped: then nothing more is recorded.
    #[must_use]
    pub fn stopped(&self) -> CancellationToken {
        self.shared.stopped.clone()
    }

    /// Closes the views, so that the next opening has nothing to fold. Blocks. If this is not the
    /// last handle, they close unsealed when that one goes: the next opening takes longer.
    ///
    /// # Errors
    /// [`ViewsError`] if not everything could be written.
    pub fn close_views(self) -> Result<(), ViewsError> {
        let shared = Arc::into_inner(self.shared);
        let standing = shared.and_then(|shared| Arc::into_inner(shared.standing));
        let views = standing.and_then(Standing::into_views).and_then(Arc::into_inner);
        views.map_or(Ok(()), Views::close)
    }

    /// Follows what becomes of readings that need the views.
    #[must_use]
    pub fn reads(&self) -> watch::Receiver<Reads> {
        self.shared.standing.follow()
    }

    /// Tells the sequencer to stop after the group in hand. What waits in the queue is surely not
    /// recorded.
    pub fn close(&self) {
        self.shared.closing.cancel();
    }
}

impl Shared {
    fn head(&self) -> Moment {
        *self.head.borrow()
    }

    fn tree(&self) -> Frontier {
        self.tree.borrow().as_ref().clone()
    }

    /// The views, waited for as long as they are near.
    async fn views(&self) -> Result<Arc<Views>, ReadError> {
        match self.standing.whole() {
            Some(views) => Ok(views),
            None => Box::pin(self.standing.soon()).await.ok_or(ReadError::Rebuilding),
        }
    }
}

#[cfg(test)]
mod tests;
