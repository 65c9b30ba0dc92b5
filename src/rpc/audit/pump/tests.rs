//! A stream from its feed to its reader, under a paused clock.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use bytes::Bytes;
use tokio::{sync::oneshot, time::Instant};
use tokio_stream::StreamExt;
use tokio_util::sync::CancellationToken;
use tonic::Code;
use tonic_types::StatusExt;

use super::{super::readout::Readout, *};
use crate::{
    judgement::{AssessmentLocked, Event},
    merkle::Hash,
    metrics::Metrics,
    rpc::{
        audit::wanted::Wanted,
        lasting::{Expiry, Lasting},
        served::SplicedMessage as Message,
        show::fixture::{ASSESSMENT, act, passed_on, record_of, recorded_at},
    },
};

/// How many records one read of the test's ledger answers.
const PAGE: u64 = 3;

/// A ledger of `head` records, of a kind that streams carry as they are.
#[derive(Clone)]
struct Source {
    head: Arc<watch::Sender<Moment>>,
    reads: Arc<AtomicU64>,
    /// Positions that are recorded while a page is being read.
    during_reads: Arc<Mutex<Vec<u64>>>,
    /// How many bytes each record has.
    record_bytes: usize,
    /// How many records one read answers at most.
    page: usize,
    /// Whether its records are of a kind that can be told.
    known: bool,
    /// How long its reader is who it is.
    lasting: Lasting,
}

impl Source {
    fn new(head: u64) -> Self {
        let (head, _) = watch::channel(moment(head));
        Self {
            head: Arc::new(head),
            reads: Arc::default(),
            during_reads: Arc::default(),
            record_bytes: 1,
            page: usize::try_from(PAGE).unwrap(),
            known: false,
            lasting: Lasting::of(&tonic::Request::new(())),
        }
    }

    fn record_up_to(&self, head: u64) {
        self.head.send_replace(moment(head));
    }

    /// The page after a position, as of the beginning of the read.
    fn read(&self, after: Position, page: Page) -> Vec<Streamed> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let head = self.head.borrow().position.get();
        let meanwhile = self.during_reads.lock().unwrap().pop();
        if let Some(position) = meanwhile {
            self.record_up_to(position);
        }
        let fit = page.bytes_max.checked_div(self.record_bytes).unwrap().clamp(1, self.page);
        let found = (after.next().get()..=head).take(fit);
        let record = Bytes::from(vec![0xff; self.record_bytes]);
        let streamed = |at| {
            if self.known { locked(at) } else { Streamed::Newer(Position::new(at), record.clone()) }
        };
        found.map(streamed).collect()
    }

    /// Begins a stream with a queue of `queue` bundles. A page of small records is one bundle.
    fn stream(&self, after: u64, until: Until, queue: usize) -> (Readout, CancellationToken) {
        self.stream_of(Wanted::default(), after, until, queue)
    }

    /// The same of what is wanted.
    fn stream_of(
        &self,
        wanted: Wanted,
        after: u64,
        until: Until,
        queue: usize,
    ) -> (Readout, CancellationToken) {
        let (messages, queued) = mpsc::channel(queue);
        let (end, ended) = oneshot::channel();
        let cancel = CancellationToken::new();
        let after = Position::new(after);
        let ends = Ends {
            patience: Duration::from_secs(10),
            cancel: cancel.clone(),
            lasting: self.lasting.clone(),
        };
        let reader = Metrics::new(0).unwrap().readers.begin(after.get());
        let pump = Pump {
            feed: Feed::new(wanted, after),
            heads: self.head.subscribe(),
            outlet: Outlet::new(messages, ends, after, reader),
            until,
        };
        let source = self.clone();
        tokio::spawn(async move {
            let read = |from, page| std::future::ready(Ok(source.read(from, page)));
            let outcome = pump.run(read, &|_| Vec::new()).await;
            end.send(outcome)
        });
        (Readout::new(queued, ended), cancel)
    }
}

/// A record of a kind that can be told.
fn locked(position: u64) -> Streamed {
    let locked = AssessmentLocked { edition: 1, digest: Hash::new([7; 32]) };
    let event = Event::AssessmentLocked(locked);
    passed_on(&record_of(position, ASSESSMENT, act(), event))
}

fn moment(position: u64) -> Moment {
    Moment { position: Position::new(position), recorded_at: recorded_at(position) }
}

/// What a reader is told, in short. A record does not carry its position here: it counts.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Record,
    CaughtUp(u64),
    Checkpoint(u64),
    Cut(Code, String, String),
    End,
}
use Heard::{CaughtUp, Checkpoint, Cut, End, Record};

async fn next(stream: &mut Readout) -> Heard {
    match stream.next().await {
        None => End,
        Some(Ok(message)) => match message.message.unwrap() {
            Message::Record(_) => Record,
            Message::CaughtUp(it) => CaughtUp(it.position),
            Message::Checkpoint(it) => Checkpoint(it.position),
        },
        Some(Err(status)) => {
            let info = status.get_details_error_info().unwrap();
            assert_promised(&info.reason, info.metadata.keys());
            let resume_after = info.metadata.get("resume_after").cloned().unwrap_or_default();
            Cut(status.code(), info.reason, resume_after)
        }
    }
}

/// The comment of `reason` in the table of reasons names every metadata key that is sent.
fn assert_promised<'a>(reason: &str, keys: impl Iterator<Item = &'a String>) {
    let table = include_str!("../../../../proto/judgement/ledger/v1/errors.proto");
    let (before, _) = table.split_once(&format!("ERROR_REASON_{reason} =")).unwrap();
    let (_, comment) = before.rsplit_once(';').unwrap();
    for key in keys {
        assert!(
            comment.contains(&format!("`{key}`")),
            "{reason} does not promise {key}: {comment}"
        );
    }
}

async fn take(stream: &mut Readout, count: usize) -> Vec<Heard> {
    let mut heard = Vec::new();
    for _ in 0..count {
        heard.push(next(stream).await);
    }
    heard
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_only_catches_up_ends_when_it_has() {
    let (mut stream, _cancel) = Source::new(4).stream(2, Until::CaughtUp, 64);
    assert_eq!(take(&mut stream, 4).await, [Record, Record, CaughtUp(4), End]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_goes_on_live_and_says_once_that_it_is() {
    let source = Source::new(4);
    let (mut stream, _cancel) = source.stream(3, Until::Cancelled, 64);
    assert_eq!(take(&mut stream, 2).await, [Record, CaughtUp(4)]);
    for head in 5..8 {
        source.record_up_to(head);
        assert_eq!(next(&mut stream).await, Record);
    }
    // A burst of more than a page: behind, and live again.
    source.record_up_to(8 + PAGE);
    assert_eq!(take(&mut stream, 5).await, [Record, Record, Record, Record, CaughtUp(8 + PAGE)]);
}

#[tokio::test(start_paused = true)]
async fn what_is_recorded_during_a_read_wakes_the_stream() {
    let source = Source::new(1);
    source.during_reads.lock().unwrap().push(2);
    let (mut stream, _cancel) = source.stream(0, Until::Cancelled, 64);
    let begun = Instant::now();
    assert_eq!(take(&mut stream, 3).await, [Record, CaughtUp(1), Record]);
    assert_eq!(begun.elapsed(), Duration::ZERO, "it was told at once, not when next it looked");
}

#[tokio::test(start_paused = true)]
async fn an_idle_stream_tells_where_it_stands_every_five_seconds() {
    let source = Source::new(1);
    let (mut stream, _cancel) = source.stream(1, Until::Cancelled, 64);
    assert_eq!(next(&mut stream).await, CaughtUp(1));
    let begun = Instant::now();
    assert_eq!(take(&mut stream, 2).await, [Checkpoint(1), Checkpoint(1)]);
    assert_eq!(begun.elapsed(), Duration::from_secs(10));
    assert_eq!(source.reads.load(Ordering::Relaxed), 1, "idle, it reads nothing");
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_nothing_is_cut_off_and_goes_on_without_loss_or_double() {
    let source = Source::new(20);
    let (mut stream, _cancel) = source.stream(0, Until::Cancelled, 2);
    sleep(Duration::from_secs(11)).await;
    let cut =
        |after: &str| Cut(Code::ResourceExhausted, "SLOW_READER".to_owned(), after.to_owned());
    // It still gets what was queued for it, and is told to go on right behind that.
    let heard = take(&mut stream, 8).await;
    assert!(heard[..6].iter().all(|it| *it == Record), "{heard:?}");
    assert_eq!(heard[6..], [cut("6"), End]);

    let (mut resumed, _owner) = source.stream(6, Until::CaughtUp, 4);
    let rest = take(&mut resumed, 16).await;
    assert_eq!(rest.iter().filter(|it| **it == Record).count(), 14);
    assert_eq!(rest[14..], [CaughtUp(20), End]);
}

#[tokio::test(start_paused = true)]
async fn of_large_records_few_wait_for_a_reader_that_takes_nothing() {
    let source = Source { record_bytes: 100 * 1024, ..Source::new(20) };
    let (mut stream, _cancel) = source.stream(0, Until::Cancelled, 64);
    sleep(Duration::from_secs(11)).await;
    let slow =
        |after: &str| Cut(Code::ResourceExhausted, "SLOW_READER".to_owned(), after.to_owned());
    assert_eq!(take(&mut stream, 3).await, [Record, slow("1"), End]);

    // One that is larger than all that may wait goes alone.
    let huge = Source { record_bytes: 1024 * 1024, ..Source::new(3) };
    let (mut alone, _owner) = huge.stream(0, Until::CaughtUp, 64);
    assert_eq!(take(&mut alone, 5).await, [Record, Record, Record, CaughtUp(3), End]);
}

/// How many records wait for a reader who has taken so many and then takes nothing more.
async fn waiting_after(taken: usize) -> usize {
    let source = Source { record_bytes: 4 * 1024, ..Source::new(4_000) };
    let (mut stream, _cancel) = source.stream(0, Until::Cancelled, 64);
    assert!(take(&mut stream, taken).await.iter().all(|it| *it == Record));
    sleep(Duration::from_secs(31)).await;
    let waiting = take(&mut stream, 100).await;
    waiting.iter().position(|it| *it != Record).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_more_a_reader_has_taken_the_more_waits_for_it() {
    let first = waiting_after(0).await;
    assert!((2..=4).contains(&first), "{first}: 16 KiB at most");
    let some = waiting_after(100).await;
    assert!((5..=20).contains(&some), "{some}: an eighth of 400 KiB at most, and a page");
    let many = waiting_after(1_000).await;
    assert!((32..=64).contains(&many), "{many}: 256 KiB at most");
}

#[tokio::test(start_paused = true)]
async fn who_wants_little_is_looked_for_in_large_pages() {
    let source = Source { record_bytes: 1024, page: 1_000, ..Source::new(10_000) };
    let source = Source { known: true, ..source };
    let nothing = Wanted { events: ["AssessmentPublished"].into(), ..Wanted::default() };
    let (mut stream, _cancel) = source.stream_of(nothing, 0, Until::CaughtUp, 64);
    while next(&mut stream).await != End {}
    let reads = source.reads.load(Ordering::Relaxed);
    assert!(reads < 250, "{reads} pages: of 8 KiB each they were 1,250");
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_slow_but_takes_is_not_cut_off() {
    let (mut stream, _cancel) = Source::new(9).stream(0, Until::CaughtUp, 1);
    for _ in 0..3 {
        sleep(Duration::from_secs(9)).await;
        assert_eq!(take(&mut stream, 3).await, [Record, Record, Record], "a bundle");
    }
    assert_eq!(take(&mut stream, 2).await, [CaughtUp(9), End]);
}

#[tokio::test(start_paused = true)]
async fn when_the_server_stops_a_reader_learns_where_to_go_on() {
    let source = Source::new(6);
    let stopping = |after: &str| Cut(Code::Unavailable, "DRAINING".to_owned(), after.to_owned());
    // Live and waiting.
    let (mut stream, cancel) = source.stream(5, Until::Cancelled, 64);
    assert_eq!(take(&mut stream, 2).await, [Record, CaughtUp(6)]);
    cancel.cancel();
    assert_eq!(take(&mut stream, 2).await, [stopping("6"), End]);
    // Waiting for room.
    let (mut full, stop) = source.stream(0, Until::Cancelled, 1);
    tokio::task::yield_now().await;
    stop.cancel();
    assert_eq!(take(&mut full, 5).await, [Record, Record, Record, stopping("3"), End]);
}

#[tokio::test(start_paused = true)]
async fn when_its_credential_ends_a_reader_learns_where_to_go_on() {
    let clock = Arc::new(AtomicI64::new(0));
    let shown = Arc::clone(&clock);
    let now = Arc::new(move || jiff::Timestamp::from_second(shown.load(Ordering::SeqCst)).unwrap());
    let lasting = Lasting::until(Expiry::at(60), now, || true);
    let source = Source { lasting, ..Source::new(6) };
    let expired =
        |after: &str| Cut(Code::Unauthenticated, "CREDENTIAL_EXPIRED".to_owned(), after.to_owned());
    // Live and waiting, and waiting for room.
    let (mut live, _cancel) = source.stream(5, Until::Cancelled, 64);
    assert_eq!(take(&mut live, 2).await, [Record, CaughtUp(6)]);
    let (mut full, _stop) = source.stream(0, Until::Cancelled, 1);
    tokio::task::yield_now().await;
    clock.store(60, Ordering::SeqCst);
    assert_eq!(take(&mut live, 2).await, [expired("6"), End]);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(take(&mut full, 5).await, [Record, Record, Record, expired("3"), End]);
    // Never waiting, since there is always more: by then nobody may begin.
    let (mut behind, _owner) = source.stream(0, Until::CaughtUp, 64);
    assert_eq!(take(&mut behind, 2).await, [expired("0"), End]);
}

#[tokio::test(start_paused = true)]
async fn when_the_reader_goes_away_the_task_ends() {
    let source = Source::new(1);
    let (mut stream, _cancel) = source.stream(0, Until::Cancelled, 64);
    assert_eq!(take(&mut stream, 2).await, [Record, CaughtUp(1)]);
    assert_eq!(source.head.receiver_count(), 1);
    drop(stream);
    source.head.closed().await;
    assert_eq!(source.head.receiver_count(), 0);
}

#[tokio::test]
async fn a_task_that_breaks_off_does_not_look_complete() {
    let (messages, queued) = mpsc::channel(1);
    let (end, ended) = oneshot::channel();
    drop((messages, end));
    let mut stream = Readout::new(queued, ended);
    let broken = Cut(Code::Internal, "INTERNAL".to_owned(), String::new());
    assert_eq!(take(&mut stream, 2).await, [broken, End]);
}
