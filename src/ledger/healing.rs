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

#[cfg(test)]
mod tests {
    use jiff::{Timestamp, tz::TimeZone};
    use tempfile::TempDir;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::{
        disk::RealDisk,
        journal::MemoryJournal,
        judgement::{
            Act, Caller, Command, Label, Order, OrganisationId, Position, RegisterSubject,
            RequestId, Role, SubjectId, Text,
        },
        ledger::{
            Condition, Ledger, Mode, Order as Towards, Outcome, Parts, ReadError, Reading,
            Submission, filing,
        },
        record::{read_snapshot, snapshot_of},
        vault::{MasterKey, Prepare, Setup, Vault, system_entropy},
        views::{SnapshotCodec, Views, ViewsOptions},
    };

    /// Far longer than anything here takes.
    const PATIENCE: Duration = Duration::from_mins(1);

    async fn open(files: &TempDir) -> (Ledger, JoinHandle<Stop>) {
        let setup = Setup { ledger: uuid::Uuid::nil(), prepare: Prepare::Inline, last_slot: None };
        let keys = Arc::new(RealDisk::at(files.path().join("keys")).unwrap());
        let master = MasterKey::new([7; MasterKey::BYTES]);
        let vault = Vault::open(keys, master, system_entropy(), setup).unwrap();
        let codec = SnapshotCodec { encode: snapshot_of, decode: read_snapshot };
        let options = ViewsOptions::new(Arc::from(b"healing".as_slice()), codec);
        let views = files.path().join("views");
        let parts = Parts {
            journal: Arc::new(MemoryJournal::new(filing())),
            vault: Arc::new(vault),
            views: Box::new(move || Views::open(&views, &options)),
            clock: Arc::new(|| Reading { wall: Timestamp::UNIX_EPOCH, monotonic: Duration::ZERO }),
            entropy: system_entropy(),
            zone: TimeZone::UTC,
        };
        let (ledger, sequencer) = Ledger::open(parts, &|_, _| {}).await.unwrap();
        let sequencer = tokio::spawn(sequencer.run());
        ledger.register_built_in().await.unwrap();
        (ledger, sequencer)
    }

    /// What the views say was recorded of this event.
    async fn recorded(ledger: &Ledger, event: &'static str) -> Result<Vec<Position>, ReadError> {
        let filter = Condition::Test(crate::ledger::Test::Event(event));
        let found = ledger.find(&filter, Towards::OldestFirst, ledger.head(), None, 100).await?;
        Ok(found.records.iter().map(|read| read.record.position).collect())
    }

    async fn recorded_once_whole(ledger: &Ledger, event: &'static str) -> Vec<Position> {
        let whole = async {
            loop {
                match recorded(ledger, event).await {
                    Ok(positions) => return positions,
                    Err(ReadError::Rebuilding) => sleep(Duration::from_millis(5)).await,
                    Err(error) => panic!("{error:?}"),
                }
            }
        };
        tokio::time::timeout(PATIENCE, whole).await.unwrap()
    }

    fn register(ledger: &Ledger) -> Submission {
        let organisation = OrganisationId::parse("ofsted").unwrap();
        let mut introductions = ledger.introductions();
        let person = introductions.person(&organisation, &Text::parse("admin").unwrap());
        let order = RegisterSubject {
            subject: SubjectId::parse("leicester-city").unwrap(),
            name: Label::parse("Leicester City Council").unwrap(),
            kind: Label::parse("local authority").unwrap(),
        };
        let command = Command {
            caller: Caller { person, organisation, roles: vec![Role::FrameworkAdmin] },
            act: Act::of_service(RequestId::new(uuid::Uuid::new_v4())),
            order: Order::RegisterSubject(order),
        };
        let introductions = introductions.into_new();
        Submission { commands: vec![command], introductions, mode: Mode::Record }
    }

    #[tokio::test]
    async fn an_idle_ledger_folds_broken_views_anew() {
        let files = tempfile::tempdir().unwrap();
        let (ledger, sequencer) = open(&files).await;
        let before = recorded(&ledger, "FrameworkRegistered").await.unwrap();
        assert!(!before.is_empty());
        ledger.shared.views.load().discard();
        // Nobody looks yet: the test and the sequencer share one thread.
        let broken = recorded(&ledger, "FrameworkRegistered").await;
        assert!(matches!(broken, Err(ReadError::Rebuilding)), "{broken:?}");
        assert_eq!(recorded_once_whole(&ledger, "FrameworkRegistered").await, before);
        ledger.close();
        assert!(matches!(sequencer.await.unwrap(), Stop::Closed));
    }

    #[tokio::test]
    async fn a_group_that_broken_views_do_not_take_is_recorded_all_the_same() {
        let files = tempfile::tempdir().unwrap();
        let (ledger, sequencer) = open(&files).await;
        let submission = register(&ledger);
        ledger.shared.views.load().discard();
        let unknown = ledger.submit(submission.clone()).await;
        assert!(matches!(unknown, Err(SubmitError::OutcomeUnknown)), "{unknown:?}");
        let again = Submission { introductions: Vec::new(), ..submission };
        let receipts = ledger.submit(again).await.unwrap();
        assert_eq!(receipts[0].outcome, Outcome::Replayed);
        let found = recorded_once_whole(&ledger, "SubjectRegistered").await;
        assert_eq!(found, [receipts[0].position]);
        ledger.close();
        assert!(matches!(sequencer.await.unwrap(), Stop::Closed));
    }
}
