//! The one task that orders all writes.
//!
//! It takes what waits, decides each command against what the ones before it leave, appends the
//! whole group with one flush, lets readers see it and answers. There is no timer: an idle ledger
//! answers after one flush, a busy one fills its next group while the disk works on this one.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use foldhash::HashMap;
use jiff::tz::TimeZone;
use tokio::sync::{mpsc, oneshot};

use super::{
    Keep, Moment, OpenError, ReadError, Receipt, Shared, Submission, SubmitError,
    catching_up::{Begun, LOOK_EVERY},
    clock::{Clock, Now, RecordedTime},
    fold::Stream,
    mark::Summary,
    staging::{Desk, Outlook, Stage, Staged, Taken},
    standing::Took,
};
use crate::{
    journal::{Entry, Group, Journal, JournalError, Turn},
    judgement::{Position, StreamId},
    metrics::GroupSize,
    vault::VaultError,
    views::{Applied, ViewsError},
};

/// How many submissions may wait: at some 20,000 a second, the last waits a tenth of a second.
pub(crate) const QUEUE_MAX: usize = 2_048;

/// How many submissions one group takes: more than gather during one flush at the highest rate.
const GROUP_SUBMISSIONS_MAX: usize = 1_024;

/// For how long a group of a journal that others share is decided: they wait meanwhile, and the database
/// takes the turn back from who says nothing for two seconds.
const DECIDING_MAX: Duration = Duration::from_millis(500);

/// How many bytes of records and texts one group takes, so that one flush stays short.
const GROUP_BYTES_MAX: usize = 1 << 20;

/// A submission and where its answer goes. A caller that has gone away drops the other end; the
/// submission is decided all the same.
pub(super) struct Pending {
    pub(super) submission: Submission,
    pub(super) answer: Answer,
    /// Since when it waits, for the metrics alone.
    pub(super) since: Instant,
}

pub(super) type Answer = oneshot::Sender<Result<Vec<Receipt>, SubmitError>>;

/// Why the sequencer stopped.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// Every handle was dropped, or the ledger was closed: nothing is left to do.
    #[error("the ledger was closed")]
    Closed,
    /// An append had an unknown outcome: only opening the ledger again tells what became of it.
    #[error("an append may or may not be stored: open the ledger again")]
    Unknown(#[source] JournalError),
    /// A flush of the keyring failed: what was recorded is whole, but no key can be had any more.
    #[error("a flush of the keyring failed: open the ledger again")]
    Keys(#[source] VaultError),
    /// The views are not where the journal is: opening the ledger again brings them up to it.
    #[error("the views are not where the journal is: open the ledger again")]
    Views(#[source] ViewsError),
    /// Another process appended to a journal that this one believed to own.
    #[error("another process appended to the journal: it is at {found}, not at {expected}")]
    Overtaken {
        /// Where this sequencer left the journal.
        expected: Position,
        /// Where it is.
        found: Position,
    },
    /// The journal ends before what was published: records that were there are gone.
    #[error(
        "the journal ends at {found}, but it was at {expected}: an older one was put in its place"
    )]
    Behind {
        /// Where the journal was.
        expected: Position,
        /// Where it is.
        found: Position,
    },
    /// What other processes appended cannot be folded in.
    #[error("what others appended cannot be folded in")]
    Others(#[source] Box<OpenError>),
}

/// The state that only the sequencer changes.
pub struct Sequencer {
    pub(super) shared: Arc<Shared>,
    pub(super) queue: mpsc::Receiver<Pending>,
    /// Submissions that were taken from the queue and are for this group or the next.
    pub(super) held: VecDeque<Pending>,
    pub(super) journal: Arc<dyn Journal>,
    pub(super) clock: Clock,
    pub(super) zone: TimeZone,
    pub(super) time: RecordedTime,
    pub(super) desk: Desk,
}

/// What the sequencer does next.
enum Next {
    /// A group that begins with this submission.
    Group(Pending),
    /// Look whether others appended.
    Look,
    /// There is to be no more.
    Closed,
}

/// A submission whose records are in the group, waiting for the flush.
struct Waiting {
    receipts: Vec<Receipt>,
    answer: Answer,
}

/// An answer that may rest on records of the group, waiting for the flush as well.
struct Supposed {
    result: Result<Vec<Receipt>, SubmitError>,
    answer: Answer,
}

/// Those who wait for a group.
pub(super) struct Callers {
    waiting: Vec<Waiting>,
    supposed: Vec<Supposed>,
}

/// A group as decided.
struct Decided {
    outlook: Outlook,
    records: Vec<Staged>,
    callers: Callers,
}

impl Callers {
    /// The group is recorded and seen.
    pub(super) fn succeed(self) {
        for Waiting { receipts, answer } in self.waiting {
            reply(answer, Ok(receipts));
        }
        for Supposed { result, answer } in self.supposed {
            reply(answer, result);
        }
    }

    /// None of the group, or nobody knows what of it, is recorded and seen. What was only supposed is
    /// surely not recorded, and may be decided otherwise when it comes again.
    pub(super) fn fail(self, why: &dyn Fn() -> SubmitError) {
        for Waiting { answer, .. } in self.waiting {
            reply(answer, Err(why()));
        }
        for Supposed { answer, .. } in self.supposed {
            reply(answer, Err(SubmitError::Unavailable));
        }
    }
}

impl Sequencer {
    /// Takes submissions until the ledger is closed or an append has an unknown outcome.
    pub async fn run(mut self) -> Stop {
        let stop = loop {
            let done = match self.next().await {
                Next::Closed => break Stop::Closed,
                Next::Group(first) => self.group(first).await,
                Next::Look => self.look().await,
            };
            if let Err(stop) = done {
                tracing::error!(error = %stop, "the sequencer stops");
                break stop;
            }
        };
        self.shared.stopped.cancel();
        stop
    }

    /// What to do next.
    async fn next(&mut self) -> Next {
        if self.shared.closing.is_cancelled() {
            return Next::Closed;
        }
        if let Some(held) = self.held.pop_front() {
            return Next::Group(held);
        }
        let shared = self.journal.is_shared();
        tokio::select! {
            biased;
            first = self.queue.recv() => first.map_or(Next::Closed, Next::Group),
            () = self.shared.closing.cancelled() => Next::Closed,
            () = tokio::time::sleep(LOOK_EVERY), if shared => Next::Look,
        }
    }

    /// One group: decide, append, publish, answer. A flush of new keys that failed meanwhile, where
    /// nobody waited for it, ends the sequencer; what this group used was durable before.
    async fn group(&mut self, first: Pending) -> Result<(), Stop> {
        self.record(first).await?;
        self.desk.vault.check_usable().map_err(Stop::Keys)
    }

    async fn record(&mut self, first: Pending) -> Result<(), Stop> {
        let read_only = *self.shared.evidence.read_only.borrow();
        if let Some(read_only) = read_only {
            reply(first.answer, Err(SubmitError::ReadOnly(read_only)));
            return Ok(());
        }
        let journal = Arc::clone(&self.journal);
        let turn = match journal.turn().await {
            Ok(turn) => turn,
            Err(error) => {
                tracing::error!(%error, "the journal gives no turn");
                self.shared.metrics.journal_unreachable.set(journal.is_shared());
                reply(first.answer, Err(SubmitError::Unavailable));
                return Ok(());
            }
        };
        let turn = match self.abreast(turn).await? {
            Begun::Turn(turn) => turn,
            Begun::GivenBack => {
                self.held.push_front(first);
                return Ok(());
            }
            Begun::Unreadable => {
                reply(first.answer, Err(SubmitError::Unavailable));
                return Ok(());
            }
        };
        self.gather();
        let now = match self.time.next((self.clock)()) {
            Ok(now) => now,
            Err(untrusted) => {
                tracing::error!(%untrusted, "refused");
                reply(first.answer, Err(SubmitError::ClockUntrusted(untrusted)));
                return Ok(());
            }
        };
        if self.journal.is_shared()
            && let Err(error) = self.foresee(&first).await
        {
            tracing::error!(%error, "the journal cannot be asked what is there");
            reply(first.answer, Err(SubmitError::Unavailable));
            return Ok(());
        }
        let decided = self.decide(first, now).await;
        self.append(turn, decided, now).await
    }

    /// Fills up what one group takes from the queue. The clock is read afterwards: what comes in
    /// later is for the next group, so that no record is older than the command that made it.
    fn gather(&mut self) {
        while self.held.len() < GROUP_SUBMISSIONS_MAX.saturating_sub(1) {
            let Ok(pending) = self.queue.try_recv() else { break };
            self.held.push_back(pending);
        }
    }

    /// Looks up at once what the gathered submissions will be decided by.
    async fn foresee(&mut self, first: &Pending) -> Result<(), ReadError> {
        let head = self.shared.head().position;
        let gathered = std::iter::once(first).chain(&self.held);
        let commands = gathered.flat_map(|pending| &pending.submission.commands);
        self.desk.fold.foresee(commands, head).await
    }

    /// The ledger as it is published.
    pub(super) fn outlook(&self) -> Outlook {
        let directory = self.shared.directory.load().as_ref().clone();
        let catalogue = self.shared.catalogue.load().as_ref().clone();
        let erasures = self.shared.erasures.load().as_ref().clone();
        Outlook::of(directory, catalogue, erasures)
    }

    /// Decides what was gathered, until the group is full.
    async fn decide(&mut self, first: Pending, now: Now) -> Decided {
        let today = self.zone.to_datetime(now.recorded_at).date();
        let (head, as_it_is) = (self.shared.head().position, self.outlook());
        let (began, shared) = (Instant::now(), self.journal.is_shared());
        let mut stage = Stage::begin(&mut self.desk, (now, today), head, as_it_is);
        let (mut waiting, mut supposed, mut later) = (Vec::new(), Vec::new(), Vec::new());
        let mut next = Some(first);
        while let Some(Pending { submission, answer, since }) = next.take() {
            self.shared.metrics.flow.waited(since.elapsed());
            match stage.take(submission).await {
                Taken::Staged(receipts) => waiting.push(Waiting { receipts, answer }),
                Taken::Answered(result) => reply(answer, result),
                Taken::Supposed(result) => supposed.push(Supposed { result, answer }),
                Taken::Later(submission) => later.push(Pending { submission, answer, since }),
            }
            // A turn that others wait for is not held for long.
            let in_time = !shared || began.elapsed() < DECIDING_MAX;
            if stage.outlook.bytes < GROUP_BYTES_MAX && in_time {
                next = self.held.pop_front();
            }
        }
        let Stage { outlook, records, .. } = stage;
        for pending in later.into_iter().rev() {
            self.held.push_front(pending);
        }
        Decided { outlook, records, callers: Callers { waiting, supposed } }
    }

    /// Appends the group. When `append` answers, the outcome is decided.
    async fn append(
        &mut self,
        turn: Box<dyn Turn + '_>,
        decided: Decided,
        now: Now,
    ) -> Result<(), Stop> {
        let Decided { outlook, records, callers } = decided;
        let Some(first) = records.first().map(|staged| staged.keep.item()) else { return Ok(()) };
        let mut frontier = self.shared.tree();
        for staged in &records {
            frontier.push(staged.keep.hash);
        }
        let summary = Summary { frontier, recorded_at: now.recorded_at };
        let mark = summary.to_bytes();
        let (commands, records_staged, bytes) =
            (callers.waiting.len(), records.len(), outlook.bytes);
        let size = GroupSize { commands, records: records_staged, bytes };
        let (entries, applied) = parted(records, &outlook.streams);
        let group = Group { entries, mark };

        let began = Instant::now();
        // The commit point: past this line the group is stored or the outcome is unknown.
        let appended = turn.append(group).await;
        self.shared.metrics.flow.appended(size, began.elapsed());
        match appended {
            Ok(head) => {
                self.time.recorded(now.recorded_at);
                if let Err(wrong) = self.publish(outlook, summary, head.position, &applied) {
                    // Recorded, but no reader here will see it: a retry elsewhere says so.
                    callers.fail(&|| SubmitError::OutcomeUnknown);
                    return Err(Stop::Views(wrong));
                }
                callers.succeed();
                Ok(())
            }
            Err(JournalError::NotApplied(cause)) => {
                tracing::error!(%cause, "nothing was recorded");
                callers.fail(&|| SubmitError::not_applied(&cause));
                Ok(())
            }
            Err(unknown @ JournalError::Unknown(_)) if self.journal.is_shared() => {
                tracing::error!(error = %unknown, "asking what became of it");
                self.resolve(first, callers).await
            }
            Err(
                unknown @ (JournalError::Unknown(_)
                | JournalError::Poisoned
                | JournalError::Damaged(_)
                | JournalError::Unreadable(_)),
            ) => {
                callers.fail(&|| SubmitError::OutcomeUnknown);
                Err(Stop::Unknown(unknown))
            }
        }
    }

    /// Lets readers see a group that is in the views, if there are any yet: so that whoever sees
    /// the head and finds views finds all that is under it.
    ///
    /// # Errors
    /// `OutOfOrder` if the views do not go on with this group; nothing is published.
    pub(super) fn publish(
        &mut self,
        outlook: Outlook,
        summary: Summary,
        head: Position,
        applied: &[Applied],
    ) -> Result<(), ViewsError> {
        let Outlook { directory, catalogue, erasures, streams, bytes: _ } = outlook;
        let _turn = self.shared.standing.turn();
        if self.shared.standing.take(applied)? == Took::Whole {
            self.shared.metrics.views_are_at(head.get());
        }
        for (id, stream) in streams {
            self.desk.fold.keep(id, stream);
        }
        self.shared.tree.send_replace(Arc::new(summary.frontier));
        self.shared.directory.store(Arc::new(directory));
        self.shared.catalogue.store(Arc::new(catalogue));
        let ordered = erasures.last_due() > self.shared.erasures.load().last_due();
        self.shared.erasures.store(Arc::new(erasures));
        if ordered {
            self.shared.erasing.notify_one();
        }
        let moment = Moment { position: head, recorded_at: summary.recorded_at };
        self.shared.head.send_replace(moment);
        Ok(())
    }
}

/// What the journal takes of the records, and what the views take. An assessment is given to the
/// views once, with the last of its records in the group.
pub(super) fn parted(
    records: Vec<Staged>,
    streams: &HashMap<StreamId, Stream>,
) -> (Vec<Entry>, Vec<Applied>) {
    let part = |Staged { keep, topics }| {
        let Keep { record, hash, entry } = keep;
        let after = streams.get(&record.stream).filter(|it| it.last.at == record.position);
        let assessment = after.and_then(|stream| stream.assessment.clone());
        (entry, Applied { record: Arc::new(record), hash, topics, assessment })
    };
    records.into_iter().map(part).unzip()
}

/// Answers a caller, who may have gone away.
pub(super) fn reply(answer: Answer, result: Result<Vec<Receipt>, SubmitError>) {
    if answer.send(result).is_err() {
        tracing::debug!("the caller went away before the answer");
    }
}

#[cfg(test)]
mod tests;
