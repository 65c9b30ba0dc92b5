//! How the views stand to the journal: whether they are there, whole, or still on their way.
//!
//! The sequencer never waits for the views. Whoever reads them does, for a moment: from a start on
//! until the [follower](super::Follower) has brought them up to the head, and where they broke.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use tokio::sync::watch;

use super::replay::apply;
use crate::views::{Applied, Views, ViewsError};

/// How long a reader waits for views that are near. As long as for a position that is awaited.
const READERS_WAIT: Duration = Duration::from_secs(5);

/// What becomes of a reading that needs the views.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// It is answered.
    Answered,
    /// It waits a moment: the views are there and are being brought up to the head.
    Waiting,
    /// It is refused until the views are folded anew.
    Refused,
}

/// What became of a group that was offered to the views.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Took {
    /// They have folded it in, and are whole.
    Whole,
    /// They are not whole, or not any more: the follower takes it from the journal.
    Not,
}

/// The views, if they are whole, and what becomes of readers.
pub(super) struct Standing {
    /// Only whole views, which hold all that is published.
    whole: ArcSwapOption<Views>,
    reads: watch::Sender<Reads>,
    /// Held while a group is published, and to declare the views whole: so that each record is
    /// folded in either by the follower or by the sequencer. Short but where the views have to
    /// make room. Guards no value of its own.
    turn: Mutex<()>,
}

impl Standing {
    /// Without views so far.
    pub(super) fn behind() -> Self {
        let reads = watch::Sender::new(Reads::Waiting);
        Self { whole: ArcSwapOption::empty(), reads, turn: Mutex::new(()) }
    }

    /// The views, if they are whole.
    pub(super) fn whole(&self) -> Option<Arc<Views>> {
        self.whole.load_full()
    }

    /// The views, waited for as long as they are near. Who waited in vain turns away those who come
    /// after.
    pub(super) async fn soon(&self) -> Option<Arc<Views>> {
        if let Some(views) = self.whole() {
            return Some(views);
        }
        near(&self.reads).await;
        self.whole()
    }

    /// Turns readers away once they would have waited in vain, though nobody reads: so that health
    /// says what is true. Holds nothing of the views.
    pub(super) fn patience(&self) -> impl Future<Output = ()> + Send + use<> {
        let reads = self.reads.clone();
        async move { near(&reads).await }
    }

    /// Follows what becomes of readers.
    pub(super) fn follow(&self) -> watch::Receiver<Reads> {
        self.reads.subscribe()
    }

    /// The turn to publish, or to declare the views whole. No panic leaves it: what is done under
    /// it is contained or cannot panic.
    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Folds in a group that is about to be published, if the views are whole; if not, the follower
    /// takes it from the journal. Views that do not take it are given up, and nothing is lost by it.
    /// Answers whether they took it.
    ///
    /// # Errors
    /// `OutOfOrder` if the group is not the next one.
    pub(super) fn take(&self, applied: &[Applied]) -> Result<Took, ViewsError> {
        let Some(views) = self.whole() else { return Ok(Took::Not) };
        match apply(&views, applied) {
            Ok(()) => Ok(Took::Whole),
            // Views that only lag are given up as well: nobody knows what they wait for.
            Err(broken @ (ViewsError::Lag | ViewsError::Broken(_))) => {
                tracing::error!(%broken, "the views do not take what was recorded");
                self.lose(&views);
                Ok(Took::Not)
            }
            Err(wrong @ (ViewsError::OutOfOrder { .. } | ViewsError::Unopened(_))) => Err(wrong),
        }
    }

    /// These views hold all that is published: they are read from now on. The caller has the turn.
    pub(super) fn is_whole(&self, views: Arc<Views>) {
        self.whole.store(Some(views));
        self.reads.send_replace(Reads::Answered);
    }

    /// The views take long: readers are refused meanwhile, unless they are whole by now.
    pub(super) fn is_far(&self) {
        turn_away(&self.reads);
    }

    /// Gives up views that broke.
    pub(super) fn lose(&self, views: &Views) {
        views.discard();
        self.whole.store(None);
        self.reads.send_replace(Reads::Refused);
    }

    /// The views, for whoever closes them.
    pub(super) fn into_views(self) -> Option<Arc<Views>> {
        self.whole.into_inner()
    }
}

/// Waits until it is decided what becomes of readers: they are turned away if that takes long.
async fn near(reads: &watch::Sender<Reads>) {
    let mut told = reads.subscribe();
    let decided = told.wait_for(|it| *it != Reads::Waiting);
    if tokio::time::timeout(READERS_WAIT, decided).await.is_err() {
        turn_away(reads);
    }
}

fn turn_away(reads: &watch::Sender<Reads>) {
    reads.send_if_modified(|it| {
        let waiting = *it == Reads::Waiting;
        if waiting {
            *it = Reads::Refused;
        }
        waiting
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_waited_in_vain_turns_away_those_who_come_after() {
        let standing = Standing::behind();
        let reads = standing.follow();
        assert_eq!(*reads.borrow(), Reads::Waiting);
        assert!(standing.soon().await.is_none());
        assert_eq!(*reads.borrow(), Reads::Refused);
        // Nobody waits any more: no time passes.
        let before = tokio::time::Instant::now();
        assert!(standing.soon().await.is_none());
        assert_eq!(tokio::time::Instant::now(), before);
    }

    #[tokio::test(start_paused = true)]
    async fn readers_are_turned_away_in_time_though_nobody_reads() {
        let standing = Standing::behind();
        let before = tokio::time::Instant::now();
        standing.patience().await;
        assert_eq!(*standing.follow().borrow(), Reads::Refused);
        assert_eq!(before.elapsed(), READERS_WAIT);
        // What is decided in time stays so.
        let whole = Standing::behind();
        let patience = tokio::spawn(whole.patience());
        whole.reads.send_replace(Reads::Answered);
        patience.await.unwrap();
        assert_eq!(*whole.follow().borrow(), Reads::Answered);
    }
}
