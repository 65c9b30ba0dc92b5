//! Views that break while the ledger runs: they are folded anew, and nothing else stops.
//!
//! Until they are whole again reads answer "rebuilding" and commands are refused; surely nothing is
//! recorded meanwhile. Whether they are well shows when a group is published, and an idle sequencer
//! looks.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep};

use super::{
    Sequencer, Stop, SubmitError,
    recovery::views_of,
    sequencer::{Pending, reply},
};
use crate::views::{Health, ViewsError};

/// How often an idle sequencer looks after the views: readers wait about so long at most until
/// somebody begins to mend them.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long after a try that failed the next one begins: a full disk does not get room sooner.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// The looks of an idle sequencer.
pub(super) fn looks() -> Interval {
    let first = Instant::now().checked_add(LOOK_EVERY).unwrap_or_else(Instant::now);
    let mut looks = interval_at(first, LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    looks
}

impl Sequencer {
    /// Folds the views anew if they broke.
    ///
    /// # Errors
    /// As [`Sequencer::heal`].
    pub(super) async fn look_after_views(&mut self) -> Result<(), Stop> {
        let health = self.shared.views.load().health();
        match health {
            Health::Well => Ok(()),
            Health::Broken(reason) => self.heal(ViewsError::Broken(reason)).await,
        }
    }

    /// Folds the views anew from the journal, all of it, until that succeeds.
    ///
    /// # Errors
    /// `Closed` if the ledger is closed first; `Views` if what broke cannot be mended by that.
    pub(super) async fn heal(&mut self, broken: ViewsError) -> Result<(), Stop> {
        match broken {
            ViewsError::Lag | ViewsError::Broken(_) => {}
            ViewsError::OutOfOrder { .. } | ViewsError::Unopened(_) => {
                return Err(Stop::Views(broken));
            }
        }
        tracing::error!(%broken, "the views are folded anew");
        // Views that only lag are given up as well: nobody knows what they wait for.
        self.shared.views.load().discard();
        loop {
            match views_of(&*self.journal, &self.desk.vault, &self.open_views).await {
                Ok(views) => {
                    self.desk.fold.ask(Arc::clone(&views));
                    self.shared.views.store(views);
                    tracing::info!("the views are whole again");
                    return Ok(());
                }
                Err(error) => tracing::error!(%error, "the views cannot be folded anew yet"),
            }
            self.refuse_for(TRY_AGAIN).await?;
        }
    }

    /// Refuses what comes for a while.
    async fn refuse_for(&mut self, pause: Duration) -> Result<(), Stop> {
        let over = sleep(pause);
        tokio::pin!(over);
        let refuse = |pending: Pending| reply(pending.answer, Err(SubmitError::Unavailable));
        self.held.drain(..).for_each(refuse);
        loop {
            tokio::select! {
                biased;
                () = self.shared.closing.cancelled() => return Err(Stop::Closed),
                () = &mut over => return Ok(()),
                next = self.queue.recv() => match next {
                    Some(pending) => refuse(pending),
                    None => return Err(Stop::Closed),
                },
            }
        }
    }
}
