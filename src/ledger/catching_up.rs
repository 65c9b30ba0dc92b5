//! What other processes appended to a journal that they share, folded in.
//!
//! The sequencer alone moves what is published, here too: it learns of others' records when it takes its
//! turn, and looks for them while it has nothing to do. Each is folded as one of its own would be, from
//! its bytes in the journal. What comes out must be the edge of the tree that the other left as its mark:
//! two processes that fold the same records to different trees are found out with the first.
//!
//! Whole groups are published, never half of one. Where a page of the journal ends within one is told by
//! the time of recording: it is the same for all of a group, and a group after it has no earlier one.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{
    Keep, OpenError, ReadError, SubmitError, Summary, erasures, fold, registry,
    replay::PAGE,
    sequencer::{Callers, Sequencer, Stop, parted},
    staging::{Outlook, Staged},
    texts::Opener,
};
use crate::{
    journal::{Head, JournalError, Turn},
    judgement::{Event, Item, Position, StreamId},
    merkle::Frontier,
    vault::VaultError,
};

/// How often an idle sequencer looks whether others appended.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(50);

/// So many records of others are folded while the turn is held, so that nobody waits for it long: with
/// more, it is given back first.
const UNDER_TURN_MAX: u64 = 4_096;

/// How long it is tried to find out what became of a group: as long as another primary takes to come.
const RESOLVE_MAX: Duration = Duration::from_secs(30);

/// How long after a try that failed the next one begins.
const TRY_AGAIN: Duration = Duration::from_millis(200);

/// Whether everything that others appended is folded in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Abreast {
    Yes,
    /// The journal could not be read: what is missing is folded in another time.
    NotYet,
}

/// What became of a turn before anything was decided in it.
pub(super) enum Begun<'j> {
    /// It goes on: everything before it is folded in.
    Turn(Box<dyn Turn + 'j>),
    /// It was given back, since so much had to be folded in. That is done.
    GivenBack,
    /// It was given back: what others appended cannot be read.
    Unreadable,
}

impl Sequencer {
    /// Folds in what others appended before this turn.
    ///
    /// # Errors
    /// [`Stop`].
    pub(super) async fn abreast<'j>(
        &mut self,
        turn: Box<dyn Turn + 'j>,
    ) -> Result<Begun<'j>, Stop> {
        let (expected, end) = (self.shared.head().position, turn.head().clone());
        let found = end.position;
        if !self.journal.is_shared() {
            let alone = found == expected;
            return alone.then_some(Begun::Turn(turn)).ok_or(Stop::Overtaken { expected, found });
        }
        let turn = (found.since(expected) <= UNDER_TURN_MAX).then_some(turn);
        match (self.catch_up(&end).await?, turn) {
            (Abreast::Yes, Some(turn)) => Ok(Begun::Turn(turn)),
            (Abreast::Yes, None) => Ok(Begun::GivenBack),
            (Abreast::NotYet, _) => Ok(Begun::Unreadable),
        }
    }

    /// Looks whether others appended, and folds that in. A journal that cannot be asked is asked again
    /// the next time.
    ///
    /// # Errors
    /// [`Stop`].
    pub(super) async fn look(&mut self) -> Result<(), Stop> {
        let mut end = self.journal.head().await;
        if end.is_ok() && self.shared.metrics.journal_unreachable.is_so() {
            // What keeps turns from being taken need not keep anybody from reading.
            end = self.next_end().await;
        }
        match end {
            Ok(end) => self.catch_up(&end).await.map(|_| ()),
            Err(error) => {
                tracing::warn!(%error, "the journal does not say where it ends");
                self.shared.metrics.journal_unreachable.set(true);
                Ok(())
            }
        }
    }

    /// Folds in what others appended, up to an end of the journal.
    ///
    /// # Errors
    /// [`Stop`].
    async fn catch_up(&mut self, end: &Head) -> Result<Abreast, Stop> {
        let expected = self.shared.head().position;
        if end.position < expected {
            return self.is_behind(expected).await;
        }
        match self.fold_up_to(end).await {
            Ok(()) => {
                self.shared.metrics.journal_unreachable.set(false);
                Ok(Abreast::Yes)
            }
            Err(OpenError::Views(wrong)) => Err(Stop::Views(wrong)),
            Err(error) if may_pass(&error) => {
                tracing::warn!(%error, "what others appended cannot be read yet");
                if let OpenError::Read(_) = error {
                    self.shared.metrics.journal_unreachable.set(true);
                }
                Ok(Abreast::NotYet)
            }
            Err(error) => Err(Stop::Others(Box::new(error))),
        }
    }

    /// Whether the journal really ends before what was published. A primary that was cut off, or has
    /// thawed, answers with what it had before another took its place.
    async fn is_behind(&self, expected: Position) -> Result<Abreast, Stop> {
        match self.journal.confirmed_head().await {
            Ok(end) if end.position < expected => {
                Err(Stop::Behind { expected, found: end.position })
            }
            Ok(_) => Ok(Abreast::NotYet),
            Err(error) => {
                tracing::warn!(%error, "the journal does not say where it ends");
                Ok(Abreast::NotYet)
            }
        }
    }

    async fn fold_up_to(&mut self, end: &Head) -> Result<(), OpenError> {
        let mut read = self.shared.head().position;
        let mut unpublished = Vec::new();
        if read == end.position {
            // As many records are not yet the same.
            return same_tree(end, &self.shared.tree());
        }
        while read < end.position {
            let page = self.journal.read(read, PAGE).await.map_err(ReadError::Journal)?;
            let known = page.into_iter().take_while(|stored| stored.position <= end.position);
            let before = read;
            for stored in known {
                read = stored.position;
                unpublished.push(Keep::of(stored)?);
            }
            if read == before {
                return Err(ReadError::NoRecord(read.next()).into());
            }
            let rest =
                if read < end.position { last_group(&unpublished) } else { unpublished.len() };
            let whole = unpublished.drain(..rest).collect();
            self.fold_groups(whole, end).await?;
        }
        Ok(())
    }

    /// Folds in whole groups, and publishes them.
    async fn fold_groups(&mut self, groups: Vec<Keep>, end: &Head) -> Result<(), OpenError> {
        let Some(recorded_at) = groups.last().map(|keep| keep.record.recorded_at) else {
            return Ok(());
        };
        let mut frontier = self.shared.tree();
        let mut outlook = self.outlook();
        let mut records = Vec::with_capacity(groups.len());
        for keep in groups {
            frontier.push(keep.hash);
            records.push(self.fold_in(&mut outlook, keep).await?);
        }
        let position = Position::new(frontier.size());
        if position == end.position {
            same_tree(end, &frontier)?;
        }
        let (_, applied) = parted(records, &outlook.streams);
        let summary = Summary { frontier, recorded_at };
        self.time.recorded(recorded_at);
        self.publish(outlook, summary, position, &applied)?;
        Ok(())
    }

    /// Folds in one record.
    async fn fold_in(&mut self, outlook: &mut Outlook, keep: Keep) -> Result<Staged, OpenError> {
        let erasures = outlook.erasures.clone();
        let opener = Opener { vault: &self.desk.vault, erasures: &erasures };
        registry::learn((&mut outlook.directory, &mut outlook.catalogue), opener, &keep)?;
        if let Event::TextRedacted(event) = &keep.record.event {
            let request = fold::keep(&*self.journal, event.request).await?;
            let replacement = erasures::replacement(opener, &request);
            if let Some(erasure) = outlook.erasures.learn(&keep.record, replacement) {
                outlook.directory.forget(event.record, erasure);
            }
        } else {
            outlook.erasures.learn(&keep.record, None);
            if let Event::RedactionCompleted(_) = &keep.record.event {
                self.desk.vault.forget();
            }
        }
        let stream = keep.record.stream.clone();
        let before = match (&stream, outlook.streams.remove(&stream)) {
            (_, Some(stream)) => stream.assessment,
            (StreamId::Assessment(id), None) => self.desk.fold.before(id, &keep.record).await?,
            (StreamId::Framework(_) | StreamId::Subject(_) | StreamId::Ledger, None) => None,
        };
        Ok(outlook.fold((stream, keep), before))
    }

    /// Finds out what became of a group whose commit was not confirmed, and answers those who wait for
    /// it. While that commit is under way nobody else has a turn, so the head of the next turn tells.
    ///
    /// # Errors
    /// [`Stop`].
    pub(super) async fn resolve(&mut self, first: Item, callers: Callers) -> Result<(), Stop> {
        match self.is_recorded(first).await {
            Ok(Some(true)) => callers.succeed(),
            Ok(Some(false)) => callers.fail(&|| SubmitError::Unavailable),
            Ok(None) => callers.fail(&|| SubmitError::OutcomeUnknown),
            Err(stop) => {
                callers.fail(&|| SubmitError::OutcomeUnknown);
                return Err(stop);
            }
        }
        Ok(())
    }

    /// Whether the group that begins with this record is recorded; nothing if that is not to be known
    /// yet.
    async fn is_recorded(&mut self, first: Item) -> Result<Option<bool>, Stop> {
        let began = Instant::now();
        while began.elapsed() < RESOLVE_MAX && !self.shared.closing.is_cancelled() {
            match self.next_end().await {
                Ok(end) => {
                    let abreast = self.catch_up(&end).await?;
                    let found = match (abreast, end.position >= first.at) {
                        (Abreast::NotYet, _) => Err(()),
                        (Abreast::Yes, false) => Ok(None),
                        (Abreast::Yes, true) => {
                            fold::keep(&*self.journal, first.at).await.map(Some).map_err(|_| ())
                        }
                    };
                    if let Ok(found) = found {
                        let recorded = found.is_some_and(|keep| keep.item() == first);
                        tracing::warn!(position = %first.at, recorded, "it is known what became of it");
                        return Ok(Some(recorded));
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "it is not known yet what became of it");
                    self.shared.metrics.journal_unreachable.set(true);
                }
            }
            sleep(TRY_AGAIN).await;
        }
        Ok(None)
    }

    /// Where the journal ends once nobody else's append is under way.
    async fn next_end(&self) -> Result<Head, JournalError> {
        Ok(self.journal.turn().await?.head().clone())
    }
}

/// That the edge which the last to append left as a mark is this one.
fn same_tree(end: &Head, frontier: &Frontier) -> Result<(), OpenError> {
    let Some(mark) = end.mark.as_ref().filter(|mark| mark.at.get() == frontier.size()) else {
        return Ok(());
    };
    if Summary::from_bytes(&mark.bytes)?.frontier == *frontier {
        return Ok(());
    }
    Err(OpenError::OtherTree { size: frontier.size() })
}

/// Whether it may go well another time: a database that was not reached, a page that a primary of before
/// answered, a keyring on a file system that was not there just then.
fn may_pass(error: &OpenError) -> bool {
    matches!(
        error,
        OpenError::Read(
            ReadError::Journal(JournalError::Unreadable(_) | JournalError::NotApplied(_))
                | ReadError::NoRecord(_)
        ) | OpenError::Name { source: VaultError::Io { .. } | VaultError::InUse { .. }, .. }
    )
}

/// Where the last group begins of records that may be followed by more of it.
pub(super) fn last_group(records: &[Keep]) -> usize {
    let time = |keep: &Keep| keep.record.recorded_at;
    let last = records.last().map(time);
    records.iter().rposition(|keep| Some(time(keep)) != last).map_or(0, |it| it.saturating_add(1))
}

#[cfg(test)]
mod tests;
