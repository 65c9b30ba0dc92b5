//! The task behind a stream: reads pages, feeds them, and waits for more.
//!
//! No record is lost between reading and waiting: the head is marked as seen before the pages up
//! to it are read, so whatever is recorded meanwhile wakes the pump again.
//!
//! Messages go to the transport in bundles: it is woken once for each, and writes it at once.

use std::{collections::VecDeque, future::Future, sync::Arc, time::Duration};

use prost::Message as _;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    time::{sleep, timeout},
};
use tonic::Status;

use super::{
    Ends,
    feed::{self, Feed, Told},
};
use crate::{
    journal::Page,
    judgement::Position,
    ledger::{Moment, ReadError, Streamed},
    metrics::Reader,
    pb,
    rpc::{
        served::{SplicedMessage, StreamRecordsAnswer},
        show::{self, Open},
        status::{self, Problem, Reason},
    },
};

/// How many bundles wait for a reader: enough to keep the transport busy while the next page is
/// read.
pub(super) const QUEUE: usize = 64;

/// How many bytes wait for a reader who takes much, if it is not one message alone: of usual records
/// some hundreds, and of the largest (megabytes with their texts) only one.
const QUEUE_BYTES: u32 = 256 * 1024;

/// The same for a reader who has taken nothing yet: so a thousand who never do cost some megabytes
/// until they are cut off.
const FIRST_BYTES: u32 = 16 * 1024;

/// What may wait is this part of what was taken: a second's reading for who reads for seconds.
const PART: u64 = 8;

/// Where a reader is told this part of a page or less, it wants little.
const LITTLE: usize = 8;

/// How many bytes of messages are bundled: as many as the transport writes at once.
const BUNDLE_BYTES: u32 = 32 * 1024;

/// How many records are read at once: no more than may be filtered out between two checkpoints.
pub(super) const ENTRIES_MAX: usize = feed::CHECKPOINT_EVERY;

/// After how long without a message a reader is told where it stands: so it knows that the
/// connection lives, and never has an old checkpoint.
const IDLE: Duration = Duration::from_secs(5);

/// How long a stream goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rpc) enum Until {
    /// Until the reader has all there is.
    CaughtUp,
    /// Until the reader or the server ends it.
    Cancelled,
}

/// Reads for one reader.
pub(super) struct Pump {
    /// Where the reader stands.
    pub(super) feed: Feed,
    /// The ledger's head.
    pub(super) heads: watch::Receiver<Moment>,
    /// Where messages go.
    pub(super) outlet: Outlet,
    /// How long it goes on.
    pub(super) until: Until,
}

/// Why a stream ends before its time.
#[derive(Debug)]
enum Cut {
    /// The reader went away: nobody is left to be told.
    Gone,
    /// The reader takes nothing.
    Slow,
    /// The server stops.
    Stopping,
    /// The reader is no more who it was.
    Expired,
    /// The ledger cannot be read.
    Unreadable(ReadError),
}

impl Pump {
    /// Runs until the stream ends; answers how. `read` reads the page after a position of at most so
    /// many bytes, `open` opens the texts of a record.
    pub(super) async fn run<R, F>(mut self, read: R, open: Open<'_>) -> Result<(), Status>
    where
        R: Fn(Position, Page) -> F,
        F: Future<Output = Result<Vec<Streamed>, ReadError>>,
    {
        let outcome = self.pump(read, open).await;
        outcome.or_else(|cut| self.outlet.status(&cut))
    }

    async fn pump<R, F>(&mut self, read: R, open: Open<'_>) -> Result<(), Cut>
    where
        R: Fn(Position, Page) -> F,
        F: Future<Output = Result<Vec<Streamed>, ReadError>>,
    {
        loop {
            // Marked as seen before it is read up to: see the module.
            let head = self.heads.borrow_and_update().position;
            loop {
                let asked = self.outlet.page().await?;
                let page = read(self.feed.after(), asked).await.map_err(Cut::Unreadable)?;
                let (found, told) = (page.len(), self.feed.take(page, head));
                // Who wants little is looked for in large pages, and little is kept of them.
                if found > 0 && told.len() <= found / LITTLE {
                    self.outlet.passed_over(asked);
                }
                self.outlet.tell(told, open).await?;
                if self.feed.is_live() {
                    break;
                }
            }
            match self.until {
                Until::CaughtUp => return Ok(()),
                Until::Cancelled => self.wait(open).await?,
            }
        }
    }

    /// Waits for the head to move, with a sign of life now and then.
    async fn wait(&mut self, open: Open<'_>) -> Result<(), Cut> {
        loop {
            tokio::select! {
                biased;
                cut = self.outlet.cut() => return Err(cut),
                moved = self.heads.changed() => return moved.map_err(|_| Cut::Stopping),
                () = sleep(IDLE) => self.outlet.tell(vec![self.feed.idle()], open).await?,
            }
        }
    }
}

/// Messages that wait for their reader together.
#[derive(Debug)]
pub(super) struct Bundle {
    pub(super) messages: VecDeque<StreamRecordsAnswer>,
    /// Their size, as far as it counts.
    bytes: u32,
    /// What the reader has been told of who has taken them.
    last: Position,
}

/// A bundle in the queue, and the room that it takes up until it is taken.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) bundle: Bundle,
    _room: OwnedSemaphorePermit,
}

impl Bundle {
    /// A bundle without a message.
    pub(super) const EMPTY: Self =
        Self { messages: VecDeque::new(), bytes: 0, last: Position::START };

    fn put(&mut self, told: Told, open: Open<'_>) {
        self.last = told.position();
        let message = message(told, open);
        let bytes = u32::try_from(message.encoded_len()).unwrap_or(u32::MAX);
        self.bytes = self.bytes.saturating_add(bytes);
        self.messages.push_back(message);
    }
}

/// The bounded queue to the transport, and how far it was filled.
pub(super) struct Outlet {
    bundles: mpsc::Sender<Queued>,
    /// A permit for each byte that may wait.
    room: Arc<Semaphore>,
    /// How many bytes were queued, or read and not wanted, since the stream began.
    offered: u64,
    ends: Ends,
    /// What the reader has been told of, once it has taken what is queued: where it goes on.
    resume_after: Position,
    /// The same, for the metrics.
    reader: Reader,
}

impl Outlet {
    /// An outlet to a reader who has everything up to `resume_after`.
    pub(super) fn new(
        bundles: mpsc::Sender<Queued>,
        ends: Ends,
        resume_after: Position,
        reader: Reader,
    ) -> Self {
        let bytes = usize::try_from(QUEUE_BYTES).unwrap_or(usize::MAX);
        let room = Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS)));
        Self { bundles, room, offered: 0, ends, resume_after, reader }
    }

    /// What ends the stream from outside, once it does.
    async fn cut(&self) -> Cut {
        tokio::select! {
            biased;
            () = self.ends.cancel.cancelled() => Cut::Stopping,
            () = self.bundles.closed() => Cut::Gone,
            () = self.ends.lasting.over() => Cut::Expired,
        }
    }

    /// What may be read for a reader now, once there is room for it: so what was read and finds no
    /// room is at most what opened texts and provenance add to it.
    async fn page(&self) -> Result<Page, Cut> {
        // Who catches up never waits, and may do so for long.
        if self.ends.lasting.is_over() {
            return Err(Cut::Expired);
        }
        let half = self.may_wait() / 2;
        if self.waiting() > half {
            let room = self.room.acquire_many(QUEUE_BYTES.saturating_sub(half));
            drop(self.in_time(async { room.await.ok() }).await?);
        }
        let bytes_max = usize::try_from(half).unwrap_or(usize::MAX);
        Ok(Page { entries_max: ENTRIES_MAX, bytes_max })
    }

    /// Of a page that was read, little was wanted.
    fn passed_over(&mut self, page: Page) {
        let bytes = u64::try_from(page.bytes_max).unwrap_or(u64::MAX);
        self.offered = self.offered.saturating_add(bytes);
    }

    /// How many bytes wait for the reader.
    fn waiting(&self) -> u32 {
        let free = u32::try_from(self.room.available_permits()).unwrap_or(u32::MAX);
        QUEUE_BYTES.saturating_sub(free)
    }

    /// How many may, after what it has taken so far.
    fn may_wait(&self) -> u32 {
        let taken = self.offered.saturating_sub(self.waiting().into());
        let part = u32::try_from(taken / PART).unwrap_or(u32::MAX);
        part.clamp(FIRST_BYTES, QUEUE_BYTES)
    }

    /// What a reader lets come about, if it does so in time.
    async fn in_time<T>(&self, comes: impl Future<Output = Option<T>>) -> Result<T, Cut> {
        // A server that stops does not wait until everybody has caught up.
        let come = tokio::select! {
            biased;
            cut = self.cut() => return Err(cut),
            come = timeout(self.ends.patience, comes) => come,
        };
        come.map_err(|_| Cut::Slow)?.ok_or(Cut::Gone)
    }

    /// Queues what the reader is told, in bundles: what is told together is queued without delay.
    async fn tell(&mut self, page: Vec<Told>, open: Open<'_>) -> Result<(), Cut> {
        let mut bundle = Bundle::EMPTY;
        for told in page {
            bundle.put(told, open);
            if bundle.bytes >= BUNDLE_BYTES {
                self.send(std::mem::replace(&mut bundle, Bundle::EMPTY)).await?;
            }
        }
        if bundle.messages.is_empty() { Ok(()) } else { self.send(bundle).await }
    }

    /// Queues a bundle, waiting for room as long as patience lasts.
    async fn send(&mut self, bundle: Bundle) -> Result<(), Cut> {
        let (last, bytes) = (bundle.last, bundle.bytes);
        if let Some(bundle) = self.queue_at_once(bundle)? {
            self.in_time(self.queue(bundle)).await?;
        }
        self.offered = self.offered.saturating_add(bytes.min(QUEUE_BYTES).into());
        self.resume_after = last;
        self.reader.told(last.get());
        Ok(())
    }

    /// Queues a bundle if there is room for it right now, as there mostly is; else gives it back.
    fn queue_at_once(&self, bundle: Bundle) -> Result<Option<Bundle>, Cut> {
        if self.ends.cancel.is_cancelled() {
            return Err(Cut::Stopping);
        }
        let Ok(place) = self.bundles.try_reserve() else { return Ok(Some(bundle)) };
        let bytes = bundle.bytes.min(QUEUE_BYTES);
        let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(bytes) else {
            return Ok(Some(bundle));
        };
        place.send(Queued { bundle, _room: room });
        Ok(None)
    }

    /// Queues a bundle once there is room for it; nothing if the reader went away.
    async fn queue(&self, bundle: Bundle) -> Option<()> {
        let bytes = bundle.bytes.min(QUEUE_BYTES);
        let room = Arc::clone(&self.room).acquire_many_owned(bytes).await.ok()?;
        self.bundles.send(Queued { bundle, _room: room }).await.ok()
    }

    /// What the reader is told of the end. Everything up to the position that it names was
    /// queued before and is taken first: so nothing is lost or doubled by going on after it.
    fn status(&self, cut: &Cut) -> Result<(), Status> {
        let (reason, why) = match cut {
            Cut::Gone => return Ok(()),
            Cut::Unreadable(error) => return Err(status::of_read(error)),
            Cut::Slow => (Reason::SlowReader, "nothing was taken for too long"),
            Cut::Stopping => (Reason::Draining, "the server is going down"),
            Cut::Expired => {
                (Reason::CredentialExpired, "the credential has expired or was withdrawn")
            }
        };
        let after = self.resume_after;
        let message = format!("{why}: go on after position {after}");
        Err(Problem::new(reason, message).with("resume_after", after).status())
    }
}

fn message(told: Told, open: Open<'_>) -> StreamRecordsAnswer {
    let message = match told {
        Told::Record(streamed) => SplicedMessage::Record(show::streamed(streamed, open)),
        Told::CaughtUp(at) => SplicedMessage::CaughtUp(pb::CaughtUp { position: at.get() }),
        Told::Checkpoint(at) => {
            SplicedMessage::Checkpoint(pb::StreamCheckpoint { position: at.get() })
        }
    };
    StreamRecordsAnswer { message: Some(message) }
}

#[cfg(test)]
mod tests;
