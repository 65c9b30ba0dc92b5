//! Opening a ledger: the tree's edge, the directory and the catalogue are found in the journal, and
//! then commands are taken. The views are brought up to the journal meanwhile.

use std::{collections::VecDeque, io, sync::Arc};

use arc_swap::ArcSwap;
use jiff::tz::TimeZone;
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{
    Covering, Eraser, Follower, Ledger, Moment, ReadError, Sequencer, Shared,
    clock::{Clock, RecordedTime},
    directory::PersonIds,
    eraser::Cover,
    erasures::Erasures,
    evidence::Evidence,
    fold::{self, Fold},
    follower::{End, must_have},
    mark::{BadMark, Summary},
    random::Random,
    registry,
    replay::PAGE,
    sequencer::QUEUE_MAX,
    staging::Desk,
    standing::Standing,
    texts::Opener,
    tree::KeptLeaves,
    turns::Turns,
};
use crate::{
    journal::{Head, Journal, JournalError},
    judgement::Position,
    merkle::leaf_hash,
    metrics::Metrics,
    vault::{Entropy, EntropyError, Vault, VaultError},
    views::{Known, Opened, Views, ViewsError},
};

/// What a ledger is made of: everything that reaches outside is passed in.
pub struct Parts {
    /// Where records are kept.
    pub journal: Arc<dyn Journal>,
    /// Where the keys of texts are kept.
    pub vault: Arc<Vault>,
    /// Opens the read models.
    pub views: OpenViews,
    /// What they note of how far they go; nothing if it is not known before they are open.
    pub known: Option<Known>,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub entropy: Entropy,
    /// In which time zone days begin.
    pub zone: TimeZone,
    /// What covers the order of an erasure before its text's key is destroyed.
    pub covering: Covering,
    /// Where it counts and measures what it does.
    pub metrics: Arc<Metrics>,
}

/// Opens the views; called again after those of the time before were discarded or broke.
pub type OpenViews = Box<dyn Fn() -> Result<(Views, Opened), ViewsError> + Send + Sync>;

/// Told how far opening has come: the position folded last and the head.
pub type Progress<'a> = &'a (dyn Fn(Position, Position) + Sync);

/// Why a ledger could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The journal's mark cannot be read.
    #[error(transparent)]
    Mark(#[from] BadMark),
    /// The views cannot be used, though they were rebuilt.
    #[error("the views cannot be rebuilt")]
    Views(#[from] ViewsError),
    /// There is no randomness to draw ids from.
    #[error("there is no randomness")]
    Entropy(#[from] EntropyError),
    /// The views know records of this ledger that the journal does not have.
    #[error(
        "the journal ends at position {head}, but its views know record {known}: an older journal \
         was put back; bring back the newer one, or remove the views if this is meant"
    )]
    RolledBack {
        /// Where the journal ends.
        head: Position,
        /// What the views know.
        known: Position,
    },
    /// The views were folded from another record of this ledger than the journal has.
    #[error(
        "the record at position {position} is not the one that the views know: the journal was \
         exchanged; bring back the right one, or remove the views if this is meant"
    )]
    Exchanged {
        /// Where the two differ, or after.
        position: Position,
    },
    /// The records do not make the tree that the journal's mark sums up.
    #[error(
        "the {size} records of the journal do not make the tree that its mark sums up: some of \
         them are not what was recorded; bring back a journal that is whole"
    )]
    OtherTree {
        /// How many records there are.
        size: u64,
    },
    /// There is no thread to decode records.
    #[error("there is no thread to decode records")]
    Thread(#[source] io::Error),
    /// A person's name cannot be read.
    #[error("the name registered at position {position} cannot be read")]
    Name {
        /// The record that registered it.
        position: Position,
        /// Why not.
        #[source]
        source: VaultError,
    },
    /// A framework that was registered cannot be read.
    #[error("the framework registered at position {position} cannot be read: {fault}")]
    Framework {
        /// The record that registered it.
        position: Position,
        /// What is wrong with it, first.
        fault: String,
    },
}

impl From<JournalError> for OpenError {
    fn from(error: JournalError) -> Self {
        Self::Read(ReadError::Journal(error))
    }
}

impl Ledger {
    /// Opens a ledger: gives the handle, the sequencer, whose [`Sequencer::run`] takes commands
    /// until the last handle is gone, the follower, whose [`Follower::run`] keeps the views up with
    /// them, and the eraser, whose [`Eraser::run`] destroys the keys of erased texts.
    ///
    /// If the views are known to go far, this takes no longer the more records there are, and the
    /// follower opens them; readers wait for that. If it is not known how far they go, they are
    /// opened and brought up here, and `progress` is told.
    ///
    /// # Errors
    /// [`OpenError`]; nothing was changed but the views.
    pub async fn open(
        parts: Parts,
        progress: Progress<'_>,
    ) -> Result<(Self, Sequencer, Follower, Eraser), OpenError> {
        let Parts { journal, vault, known, clock, entropy, zone, covering, .. } = parts;
        let (open_views, metrics) = (parts.views, parts.metrics);
        let head = journal.head().await?;
        if let Some(known) = &known {
            must_have(&*journal, head.position, (known.position, known.hash)).await?;
        }
        let summary = summary(&*journal, &head).await?;
        let erasures = Erasures::read(&*journal, &vault, head.position).await?;
        let opener = Opener { vault: &vault, erasures: &erasures };
        let (directory, catalogue) = registry::read(&*journal, opener, head.position).await?;
        let moment = Moment { position: head.position, recorded_at: summary.recorded_at };
        let (submissions, queue) = mpsc::channel(QUEUE_MAX);
        let standing = Arc::new(Standing::behind());
        let shared = Arc::new(Shared {
            head: watch::Sender::new(moment),
            tree: watch::Sender::new(Arc::new(summary.frontier)),
            leaves: KeptLeaves::none(),
            evidence: Evidence::none(),
            closing: CancellationToken::new(),
            stopped: CancellationToken::new(),
            catalogue: ArcSwap::from_pointee(catalogue),
            directory: ArcSwap::from_pointee(directory),
            erasures: ArcSwap::from_pointee(erasures),
            erasing: Notify::new(),
            persons: Arc::new(PersonIds::new(&entropy)?),
            journal: Arc::clone(&journal),
            vault: Arc::clone(&vault),
            standing: Arc::clone(&standing),
            metrics,
            turns: Turns::new(),
        });
        let follower = Follower { shared: Arc::clone(&shared), open_views };
        if known.is_none() {
            while follower.bring_up(progress).await? == End::Again {}
        }
        let states = known.into_iter().flat_map(|known| known.states).collect();
        let journal = journal.for_deciding().unwrap_or(journal);
        let fold = Fold::new(Arc::clone(&journal), standing, states);
        let sequencer = Sequencer {
            shared: Arc::clone(&shared),
            queue,
            held: VecDeque::new(),
            journal,
            time: RecordedTime::after(summary.recorded_at, clock()),
            clock,
            zone,
            desk: Desk { fold, vault, random: Random::new(entropy) },
        };
        let cover = match covering {
            Covering::Journal => Cover::Journal,
            Covering::Notary => Cover::Checkpoints(shared.evidence.covered.subscribe()),
            Covering::Checkpoints(newest) => Cover::Checkpoints(newest),
        };
        let submissions_of_eraser = submissions.downgrade();
        let eraser =
            Eraser { shared: Arc::clone(&shared), submissions: submissions_of_eraser, cover };
        Ok((Self { shared, submissions }, sequencer, follower, eraser))
    }
}

/// The edge of the tree and the time at the journal's end: from its mark, and the records after.
async fn summary(journal: &dyn Journal, head: &Head) -> Result<Summary, OpenError> {
    let (mut summary, mut at) = match &head.mark {
        Some(mark) => (Summary::from_bytes(&mark.bytes)?, mark.at),
        None => (Summary::empty(), Position::START),
    };
    let marked = at;
    while at < head.position {
        for stored in journal.read(at, PAGE).await? {
            at = stored.position;
            summary.frontier.push(leaf_hash(&stored.entry.record));
        }
    }
    if at > marked {
        summary.recorded_at = fold::keep(journal, at).await?.record.recorded_at;
    }
    Ok(summary)
}
