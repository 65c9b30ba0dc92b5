//! The follower: brings the views up to the journal, and anew where they broke, while the
//! sequencer goes on.
//!
//! After a crash a ledger takes commands long before its views are there: whatever decides comes
//! from the journal. Opening the database of the views and checking it takes the longer the more
//! there is in it, and then the records are folded in that it does not have yet. Until that is done
//! nobody reads the views; who would, waits or is refused: see [`Reads`](super::Reads). Under one
//! lock with the publishing of groups the views are declared whole, and from then on the sequencer
//! folds in what it records.
//!
//! Views that break later are folded anew in the same way. They are never the only copy of
//! anything, so their loss is nobody's end.

use std::{io, sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{
    OpenError, OpenViews, Progress, ReadError, Reads, Shared,
    decoding::Decoding,
    fold,
    replay::{PAGE, Replay},
};
use crate::{
    journal::{Journal, Stored},
    judgement::Position,
    merkle::Hash,
    views::{Health, Views, ViewsError},
};

/// How often it looks whether the views are well: readers are refused about so long at most until
/// somebody begins to fold them anew.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long after a try that failed the next one begins: a full disk does not get room sooner.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Up to so many records are folded in while readers wait: about a second's. With more to fold they
/// are refused.
const NEAR_RECORDS: u64 = 200_000;

/// Brings the views up to the journal as long as the ledger is open.
pub struct Follower {
    pub(super) shared: Arc<Shared>,
    pub(super) open_views: OpenViews,
}

/// How an attempt to bring the views up ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The views are whole.
    Whole,
    /// The ledger was closed first.
    Closed,
    /// The views were discarded: they must be folded anew.
    Again,
}

impl Follower {
    /// Follows until the ledger is closed. Where the views show that the journal is not theirs, or
    /// cannot be folded from it, the ledger is closed: it would have refused to open, had it waited
    /// for them. What may pass, such as a full disk, is tried again, and readers are refused
    /// meanwhile.
    ///
    /// # Errors
    /// [`OpenError`]: why.
    pub async fn run(self) -> Result<(), OpenError> {
        // Apart, since opening the views blocks.
        let patience = tokio::spawn(self.shared.standing.patience());
        let ended = self.follow().await;
        patience.abort();
        if let Err(error) = &ended {
            tracing::error!(%error, "the ledger is closed");
            self.shared.closing.cancel();
        }
        ended
    }

    async fn follow(&self) -> Result<(), OpenError> {
        let mut was_whole = self.shared.standing.whole().is_some();
        let mut reads = self.shared.standing.follow();
        while !self.is_closed() {
            if *reads.borrow_and_update() == Reads::Answered {
                was_whole = true;
                tokio::select! {
                    biased;
                    () = self.closed() => {}
                    _ = reads.changed() => {}
                    () = sleep(LOOK_EVERY) => self.look(),
                }
                continue;
            }
            match self.bring_up(&|_, _| {}).await {
                Ok(_) => {}
                Err(error) if may_pass(&error, was_whole) => {
                    tracing::error!(%error, "the views cannot be folded anew yet");
                    self.shared.standing.is_far();
                    tokio::select! {
                        biased;
                        () = self.closed() => {}
                        () = sleep(TRY_AGAIN) => {}
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn is_closed(&self) -> bool {
        self.shared.closing.is_cancelled() || self.shared.stopped.is_cancelled()
    }

    /// Waits until the ledger is closed or has stopped.
    async fn closed(&self) {
        tokio::select! {
            () = self.shared.closing.cancelled() => {}
            () = self.shared.stopped.cancelled() => {}
        }
    }

    /// Whether the views broke.
    fn look(&self) {
        let Some(views) = self.shared.standing.whole() else { return };
        if let Health::Broken(reason) = views.health() {
            tracing::error!(%reason, "the views are folded anew");
            let _turn = self.shared.standing.turn();
            self.shared.standing.lose(&views);
        }
    }

    /// Opens the views and folds in all that is published, until they are whole.
    ///
    /// # Errors
    /// [`OpenError`].
    pub(super) async fn bring_up(&self, progress: Progress<'_>) -> Result<End, OpenError> {
        let shared = &*self.shared;
        let journal = &*shared.journal;
        let (views, begun) =
            matching_views(journal, shared.head().position, &self.open_views).await?;
        let mut at = begun;
        shared.metrics.views_are_at(at.get());
        if !is_near(at, shared.head().position) {
            shared.standing.is_far();
        }
        let mut replay = Replay::onto(Arc::clone(&views));
        let mut decoding = Decoding::begin().map_err(OpenError::Thread)?;
        let mut read = at;
        while !self.is_closed() {
            let head = shared.head().position;
            while at < head {
                while read < head && decoding.has_room() {
                    let page = page(journal, read, head).await?;
                    read = page.last().map_or(head, |stored| stored.position);
                    decoding.put(page);
                }
                let decoded = decoding.next().ok_or(OpenError::Thread(ended()))??;
                // Read after the head: whatever was published up to there is in it.
                let catalogue = shared.catalogue.load();
                for keep in decoded {
                    at = keep.record.position;
                    replay.apply(keep, &catalogue)?;
                }
                shared.metrics.views_are_at(at.get());
                progress(at, head);
                if self.is_closed() {
                    return Ok(End::Closed);
                }
            }
            replay.flush()?;
            let _turn = shared.standing.turn();
            if shared.head().position == at {
                if views.tree() != shared.tree() {
                    return other_tree(&views, begun);
                }
                tracing::info!(position = %at, "the views are whole");
                shared.standing.is_whole(views);
                return Ok(End::Whole);
            }
        }
        Ok(End::Closed)
    }
}

/// The records that the views folded do not make the tree that the sequencer left in the journal.
/// Views that were begun before are folded anew: they may be what is wrong.
///
/// # Errors
/// `OtherTree` if these were begun from nothing.
fn other_tree(views: &Views, begun: Position) -> Result<End, OpenError> {
    if begun == Position::START {
        return Err(OpenError::OtherTree { size: views.tree().size() });
    }
    tracing::error!("the views have another tree than the journal: they are folded anew");
    views.discard();
    Ok(End::Again)
}

/// Whether it may go well another time, of which one went well if the views were once whole.
fn may_pass(error: &OpenError, was_whole: bool) -> bool {
    match error {
        // As on a full disk, or where a store that broke is not closed yet.
        OpenError::Views(ViewsError::Lag | ViewsError::Broken(_) | ViewsError::Unopened(_)) => true,
        // As where descriptors or threads are short.
        OpenError::Read(_) | OpenError::Thread(_) => was_whole,
        OpenError::Views(ViewsError::OutOfOrder { .. })
        | OpenError::RolledBack { .. }
        | OpenError::Exchanged { .. }
        | OpenError::OtherTree { .. }
        | OpenError::Mark(_)
        | OpenError::Entropy(_)
        | OpenError::Name { .. }
        | OpenError::Framework { .. } => false,
    }
}

/// Whether readers wait for views that end there, or are refused.
fn is_near(end: Position, head: Position) -> bool {
    head.since(end) <= NEAR_RECORDS
}

/// The views, and up to where they are folded: from this very journal.
async fn matching_views(
    journal: &dyn Journal,
    head: Position,
    open: &OpenViews,
) -> Result<(Arc<Views>, Position), OpenError> {
    let (views, opened) = open()?;
    if let Some(reason) = &opened.rebuilt {
        tracing::info!(%reason, "the views are rebuilt from the journal");
    }
    if let Some(hash) = opened.hash {
        must_have(journal, head, (opened.applied, hash)).await?;
    }
    Ok((Arc::new(views), opened.applied))
}

/// The views follow the journal and are never ahead of it. Where those of this ledger are, it is
/// the journal that is not what it was. (Views of another ledger are rebuilt when they are opened.)
///
/// # Errors
/// `RolledBack`, `Exchanged`, or `Read`.
pub(super) async fn must_have(
    journal: &dyn Journal,
    head: Position,
    (position, hash): (Position, Hash),
) -> Result<(), OpenError> {
    if position > head {
        return Err(OpenError::RolledBack { head, known: position });
    }
    if fold::keep(journal, position).await?.hash != hash {
        return Err(OpenError::Exchanged { position });
    }
    Ok(())
}

/// Records after `after` up to `head`, which is published.
async fn page(
    journal: &dyn Journal,
    after: Position,
    head: Position,
) -> Result<Vec<Stored>, ReadError> {
    let mut page = journal.read(after, PAGE).await?;
    // A group may be durable and about to be published.
    page.truncate(page.partition_point(|stored| stored.position <= head));
    Ok(page)
}

fn ended() -> io::Error {
    io::Error::other("the thread that decodes records has ended")
}

#[cfg(test)]
#[expect(clippy::shadow_unrelated, reason = "a ledger is opened again under its old name")]
mod tests;
