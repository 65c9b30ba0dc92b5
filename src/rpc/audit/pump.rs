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
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::feed::{Feed, Told};
use crate::{
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

/// How many bytes wait for a reader, if it is not one message alone: of usual records some
/// hundreds, and of the largest (megabytes with their texts) only one. So readers who take nothing
/// cost little until they are cut off.
const QUEUE_BYTES: u32 = 256 * 1024;

/// How many bytes of messages are bundled: as many as the transport writes at once.
const BUNDLE_BYTES: u32 = 32 * 1024;

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
    /// The ledger cannot be read.
    Unreadable(ReadError),
}

impl Pump {
    /// Runs until the stream ends; answers how. `read` reads the page after a position, `open`
    /// opens the texts of a record.
    pub(super) async fn run<R, F>(mut self, read: R, open: Open<'_>) -> Result<(), Status>
    where
        R: Fn(Position) -> F,
        F: Future<Output = Result<Vec<Streamed>, ReadError>>,
    {
        let outcome = self.pump(read, open).await;
        outcome.or_else(|cut| self.outlet.status(&cut))
    }

    async fn pump<R, F>(&mut self, read: R, open: Open<'_>) -> Result<(), Cut>
    where
        R: Fn(Position) -> F,
        F: Future<Output = Result<Vec<Streamed>, ReadError>>,
    {
        loop {
            // Marked as seen before it is read up to: see the module.
            let head = self.heads.borrow_and_update().position;
            loop {
                let page = read(self.feed.after()).await.map_err(Cut::Unreadable)?;
                self.outlet.tell(self.feed.take(page, head), open).await?;
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
                () = self.outlet.cancel.cancelled() => return Err(Cut::Stopping),
                () = self.outlet.bundles.closed() => return Err(Cut::Gone),
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
    patience: Duration,
    cancel: CancellationToken,
    /// What the reader has been told of, once it has taken what is queued: where it goes on.
    resume_after: Position,
    /// The same, for the metrics.
    reader: Reader,
}

impl Outlet {
    /// An outlet to a reader who has everything up to `resume_after`.
    pub(super) fn new(
        bundles: mpsc::Sender<Queued>,
        patience: Duration,
        cancel: CancellationToken,
        resume_after: Position,
        reader: Reader,
    ) -> Self {
        let bytes = usize::try_from(QUEUE_BYTES).unwrap_or(usize::MAX);
        let room = Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS)));
        Self { bundles, room, patience, cancel, resume_after, reader }
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
        let last = bundle.last;
        let Some(bundle) = self.queue_at_once(bundle)? else {
            self.queued_up_to(last);
            return Ok(());
        };
        // A server that stops does not wait until everybody has caught up.
        let queued = tokio::select! {
            biased;
            () = self.cancel.cancelled() => return Err(Cut::Stopping),
            queued = timeout(self.patience, self.queue(bundle)) => queued,
        };
        queued.map_err(|_| Cut::Slow)?.ok_or(Cut::Gone)?;
        self.queued_up_to(last);
        Ok(())
    }

    fn queued_up_to(&mut self, last: Position) {
        self.resume_after = last;
        self.reader.told(last.get());
    }

    /// Queues a bundle if there is room for it right now, as there mostly is; else gives it back.
    fn queue_at_once(&self, bundle: Bundle) -> Result<Option<Bundle>, Cut> {
        if self.cancel.is_cancelled() {
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
