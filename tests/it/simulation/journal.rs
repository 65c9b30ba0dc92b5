//! The journal of the simulated machine: the file store, on the one thread of the simulation, on a
//! disk that takes its time.
//!
//! The file store reads on threads of the runtime's, which would make the order of events a matter
//! of luck. Where it finds no runtime it reads right there; so each read is made on a thread that
//! has none, and the simulation stands still until that is done.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use bytes::Bytes;
use judgement_ledger::{
    journal::{Answer, Group, Head, Journal, JournalError, Key, Page, Stored, Turn, file},
    judgement::Position,
};
use tokio::time::sleep;

use super::{TICK, disk::Power};
use crate::sim_disk::Seeded;

/// How slow the disk is: told by whoever makes the weather.
#[derive(Debug, Clone)]
pub(super) struct Slowness {
    pub(super) seed: u64,
    /// The longest that a call may take, in ticks.
    pub(super) ticks_max: Arc<AtomicU64>,
}

impl Slowness {
    /// How long a call takes now; `what` tells it from others of the same moment.
    fn of(&self, what: u64) -> Duration {
        let now = turmoil::sim_elapsed().map_or(0, |elapsed| elapsed.as_micros() as u64);
        let mut seeded = Seeded(self.seed ^ Seeded(now).next() ^ what);
        TICK * seeded.below(1 + self.ticks_max.load(Ordering::SeqCst)) as u32
    }
}

pub(super) struct SlowJournal {
    pub(super) inner: Arc<file::FileJournal>,
    pub(super) power: Arc<Power>,
    pub(super) slowness: Slowness,
}

/// The answer of a future that never waits.
pub(super) fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("a store without a runtime waits for nothing"),
    }
}

impl SlowJournal {
    async fn take_time(&self, what: u64) {
        sleep(self.slowness.of(what)).await;
    }

    /// Goes on only while the power is on: a machine without power answers nothing.
    async fn powered<T>(&self, answer: T) -> T {
        if self.power.is_off() {
            std::future::pending::<()>().await;
        }
        answer
    }

    async fn away<T: Send>(
        &self,
        what: u64,
        read: impl FnOnce(&file::FileJournal) -> T + Send,
    ) -> T {
        let inner = &self.inner;
        let answer = thread::scope(|scope| scope.spawn(|| read(inner)).join().unwrap());
        self.take_time(what).await;
        self.powered(answer).await
    }
}

impl Journal for SlowJournal {
    fn turn(&self) -> Answer<'_, Box<dyn Turn + '_>> {
        Box::pin(async move {
            let inner = self.inner.turn().await?;
            let turn: Box<dyn Turn + '_> = Box::new(SlowTurn { journal: self, inner });
            Ok(turn)
        })
    }

    fn head(&self) -> Answer<'_, Head> {
        self.inner.head()
    }

    fn read(&self, after: Position, page: Page) -> Answer<'_, Vec<Stored>> {
        Box::pin(self.away(after.get(), move |inner| at_once(inner.read(after, page))))
    }

    fn latest(&self, key: Key, before: Position) -> Answer<'_, Option<Position>> {
        let what = u64::from(key.0[0]);
        Box::pin(self.away(what, move |inner| at_once(inner.latest(key, before))))
    }

    fn checkpoint(&self) -> Answer<'_, Option<Bytes>> {
        Box::pin(self.away(0, |inner| at_once(inner.checkpoint())))
    }

    fn keep_checkpoint(&self, checkpoint: Bytes) -> Answer<'_, ()> {
        Box::pin(self.away(0, |inner| at_once(inner.keep_checkpoint(checkpoint))))
    }
}

struct SlowTurn<'a> {
    journal: &'a SlowJournal,
    inner: Box<dyn Turn + 'a>,
}

impl Turn for SlowTurn<'_> {
    fn head(&self) -> &Head {
        self.inner.head()
    }

    fn append<'a>(self: Box<Self>, group: Group) -> Answer<'a, Head>
    where
        Self: 'a,
    {
        Box::pin(async move {
            let Self { journal, inner } = *self;
            // Before the bytes reach the disk, and between that and the answer: the power may go
            // in either, and in between at any call.
            let at = inner.head().position.get();
            journal.take_time(at).await;
            let outcome: Result<Head, JournalError> = inner.append(group).await;
            journal.take_time(at).await;
            journal.powered(outcome).await
        })
    }
}
