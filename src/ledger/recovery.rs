//! Opening a ledger: the views are brought up to the journal's head, the tree's edge and the
//! directory are folded again, and only then is anything answered.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use imbl::HashMap as SharedMap;
use jiff::tz::TimeZone;
use lru::LruCache;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{
    Keep, Ledger, Moment, ReadError, Registered, Sequencer, Shared,
    clock::{Clock, RecordedTime},
    directory::{Directory, PersonIds},
    fold::{self, Fold, STREAMS_KEPT},
    mark::{BadMark, Summary},
    random::Random,
    sequencer::QUEUE_MAX,
    staging::{Catalogue, Desk},
    texts, topics,
};
use crate::{
    journal::{Journal, JournalError, Page},
    judgement::{Assessment, AssessmentId, Event, Position, RegisterFramework, StreamId},
    record::read_framework,
    vault::{Entropy, EntropyError, Vault, VaultError},
    views::{Applied, Direction, Opened, Range, Search, Term, Views, ViewsError},
};

/// What a ledger is made of: everything that reaches outside is passed in.
pub struct Parts {
    /// Where records are kept.
    pub journal: Arc<dyn Journal>,
    /// Where the keys of texts are kept.
    pub vault: Arc<Vault>,
    /// Opens the read models.
    pub views: OpenViews,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub entropy: Entropy,
    /// In which time zone days begin.
    pub zone: TimeZone,
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

/// How many records one step of opening reads.
const PAGE: Page = Page { entries_max: 4_096, bytes_max: 4 << 20 };

impl Ledger {
    /// Opens a ledger: folds what the views lack, and gives the handle and the sequencer, whose
    /// [`Sequencer::run`] takes commands until the last handle is gone.
    ///
    /// # Errors
    /// [`OpenError`]; nothing was changed but the views.
    pub async fn open(
        parts: Parts,
        progress: Progress<'_>,
    ) -> Result<(Self, Sequencer), OpenError> {
        let Parts { journal, vault, views: open_views, clock, entropy, zone } = parts;
        let head = journal.head().await?;
        let (views, applied) = matching_views(&*journal, head.position, &open_views).await?;
        let (mut summary, marked) = match &head.mark {
            Some(mark) => (Summary::from_bytes(&mark.bytes)?, mark.at),
            None => (Summary::empty(), Position::START),
        };
        let mut replay = Replay::begin(&*journal, &vault, Arc::clone(&views), applied).await?;
        let mut at = marked.min(applied);
        while at < head.position {
            for stored in journal.read(at, PAGE).await? {
                at = stored.position;
                let keep = Keep::of(stored)?;
                if at > marked {
                    summary.frontier.push(keep.hash);
                    summary.recorded_at = keep.record.recorded_at;
                }
                if at > applied {
                    replay.apply(&vault, keep)?;
                }
            }
            progress(at, head.position);
        }
        let (directory, catalogue) = replay.end()?;
        let moment = Moment { position: head.position, recorded_at: summary.recorded_at };
        let (submissions, queue) = mpsc::channel(QUEUE_MAX);
        let shared = Arc::new(Shared {
            head: watch::Sender::new(moment),
            closing: CancellationToken::new(),
            stopped: CancellationToken::new(),
            catalogue: ArcSwap::from_pointee(catalogue),
            directory: ArcSwap::from_pointee(directory),
            persons: Arc::new(PersonIds::new(&entropy)?),
            journal: Arc::clone(&journal),
            vault: Arc::clone(&vault),
            views: ArcSwap::new(Arc::clone(&views)),
        });
        let fold = Fold::new(Arc::clone(&journal), views);
        let sequencer = Sequencer {
            shared: Arc::clone(&shared),
            queue,
            held: VecDeque::new(),
            journal,
            time: RecordedTime::after(summary.recorded_at, clock()),
            clock,
            zone,
            desk: Desk { fold, vault, random: Random::new(entropy) },
            frontier: summary.frontier,
            open_views,
            look: super::healing::looks(),
        };
        Ok((Self { shared, submissions }, sequencer))
    }
}

/// Views of all that the journal holds: those that are there and believed, brought up to its
/// head, or new ones.
pub(super) async fn views_of(
    journal: &dyn Journal,
    vault: &Vault,
    open: &OpenViews,
) -> Result<Arc<Views>, OpenError> {
    let head = journal.head().await?.position;
    let (views, applied) = matching_views(journal, head, open).await?;
    let mut replay = Replay::begin(journal, vault, Arc::clone(&views), applied).await?;
    let mut at = applied;
    while at < head {
        for stored in journal.read(at, PAGE).await? {
            at = stored.position;
            replay.apply(vault, Keep::of(stored)?)?;
        }
    }
    replay.end()?;
    Ok(views)
}

/// The views, and up to where they are folded: from this very journal.
///
/// They follow the journal and are never ahead of it. Where those of this ledger are, it is the
/// journal that is not what it was. (Views of another ledger are rebuilt when they are opened.)
async fn matching_views(
    journal: &dyn Journal,
    head: Position,
    open: &OpenViews,
) -> Result<(Arc<Views>, Position), OpenError> {
    let (views, opened) = open()?;
    if let Some(reason) = &opened.rebuilt {
        tracing::info!(%reason, "the views are rebuilt from the journal");
    }
    let position = opened.applied;
    if position > head {
        return Err(OpenError::RolledBack { head, known: position });
    }
    if position > Position::START && opened.hash != Some(fold::keep(journal, position).await?.hash)
    {
        return Err(OpenError::Exchanged { position });
    }
    Ok((Arc::new(views), position))
}

/// How many records are given to the views at once.
const PENDING_MAX: usize = 1_024;

/// Folds records into the views, in their order. While that lasts the views are the only ones
/// who know the state of a stream at the record in hand, so they are asked, not the journal.
struct Replay {
    views: Arc<Views>,
    pending: Vec<Applied>,
    assessments: LruCache<AssessmentId, Assessment>,
    directory: Directory,
    catalogue: Catalogue,
}

impl Replay {
    /// Goes on after `applied`; who and what was registered until then is known to the views.
    async fn begin(
        journal: &dyn Journal,
        vault: &Vault,
        views: Arc<Views>,
        applied: Position,
    ) -> Result<Self, OpenError> {
        let mut replay = Self {
            views,
            pending: Vec::new(),
            assessments: LruCache::new(STREAMS_KEPT),
            directory: Directory::default(),
            catalogue: SharedMap::new(),
        };
        for event in ["PersonRegistered", "FrameworkRegistered"] {
            for at in replay.all(event, applied)? {
                replay.register(vault, &fold::keep(journal, at).await?)?;
            }
        }
        Ok(replay)
    }

    /// Every position up to `until` at which an event of this name was recorded.
    fn all(&self, event: &'static str, until: Position) -> Result<Vec<Position>, ViewsError> {
        let mut positions = Vec::new();
        let mut range = Range { after: Position::START, before: until.next() };
        loop {
            let search = Search {
                clauses: &[vec![Term::Event(event)]],
                range,
                towards: Direction::Forwards,
                limit: 1_000,
                steps_max: usize::MAX,
            };
            let page = self.views.search(&search)?;
            positions.extend(page.positions);
            match page.next {
                Some(next) => range.after = next,
                None => return Ok(positions),
            }
        }
    }

    fn apply(&mut self, vault: &Vault, keep: Keep) -> Result<(), OpenError> {
        self.register(vault, &keep)?;
        let mut left = None;
        let assessment = match &keep.record.stream {
            StreamId::Assessment(id) => {
                let before = self.assessment(id)?;
                left = topics::left(&keep.record.event, before.as_ref());
                let after = Assessment::after(before, id, &keep.record.fact(keep.hash));
                if let Some(after) = &after {
                    self.assessments.put(id.clone(), after.clone());
                }
                after
            }
            StreamId::Framework(_) | StreamId::Subject(_) | StreamId::Ledger => None,
        };
        let Keep { record, hash, .. } = keep;
        let topics = topics::of(&record.event, left.as_ref(), assessment.as_ref(), &self.catalogue);
        let assessment = assessment.map(Arc::new);
        self.pending.push(Applied { record: Arc::new(record), hash, topics, assessment });
        if self.pending.len() >= PENDING_MAX {
            self.flush()?;
        }
        Ok(())
    }

    /// An assessment as all records so far leave it.
    fn assessment(&mut self, id: &AssessmentId) -> Result<Option<Assessment>, ViewsError> {
        if let Some(known) = self.assessments.get(id) {
            return Ok(Some(known.clone()));
        }
        // What is pending may be of this assessment, forgotten here meanwhile.
        self.flush()?;
        Ok(self.views.assessment(id)?.map(|found| found.as_ref().clone()))
    }

    fn flush(&mut self) -> Result<(), ViewsError> {
        apply(&self.views, &self.pending)?;
        self.pending.clear();
        Ok(())
    }

    /// Learns who or what a record registers, if it does.
    fn register(&mut self, vault: &Vault, keep: &Keep) -> Result<(), OpenError> {
        if let Event::PersonRegistered(event) = &keep.record.event {
            // Without it nobody could say whose acts these are, and the login would become
            // another person with the next command.
            let position = keep.record.position;
            let name =
                texts::first(vault, keep).map_err(|source| OpenError::Name { position, source })?;
            self.directory.learn(event.person, event.organisation.clone(), name);
        }
        if let Event::FrameworkRegistered(_) = &keep.record.event {
            let registered = registered(keep)?;
            self.catalogue.insert(registered.framework.id.clone(), Arc::new(registered));
        }
        Ok(())
    }

    fn end(mut self) -> Result<(Directory, Catalogue), ViewsError> {
        self.flush()?;
        Ok((self.directory, self.catalogue))
    }
}

/// How long the views may take to make room: writing a part takes some tenths of a second.
const PATIENCE: Duration = Duration::from_secs(30);

/// Folds records into the views, waiting where they lag behind. Blocks.
pub(super) fn apply(views: &Views, applied: &[Applied]) -> Result<(), ViewsError> {
    if applied.is_empty() {
        return Ok(());
    }
    match views.apply(applied) {
        Err(ViewsError::Lag) if views.wait_for_room(PATIENCE) => views.apply(applied),
        outcome => outcome,
    }
}

/// The framework that a record registered, read from the document beside it.
fn registered(keep: &Keep) -> Result<Registered, OpenError> {
    let position = keep.record.position;
    let bad = |fault: String| OpenError::Framework { position, fault };
    let document =
        texts::document(keep).ok_or_else(|| bad("its document is missing".to_owned()))?;
    let framework = read_framework(&document)
        .map_err(|faults| bad(faults.first().map(ToString::to_string).unwrap_or_default()))?;
    let document = Arc::from(document.as_ref());
    let order = RegisterFramework { framework: Arc::new(framework), document };
    let registered = Registered::new(&order, keep.item());
    if let Event::FrameworkRegistered(event) = &keep.record.event
        && event.document == registered.document_sha256
    {
        return Ok(registered);
    }
    Err(bad("its document is not the one that was registered".to_owned()))
}
