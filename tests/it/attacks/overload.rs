//! More work than can be done: what is accepted is durable and answered, what is refused says when to
//! come back, memory stays bounded, and the server is well again at once.
//!
//! Some seconds; `JUDGEMENT_LEDGER_OVERLOAD=600` is the long form, in seconds.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use judgement_ledger::pb::{self, apply_stream_response::Outcome, command::Order};
use prost::Message as _;
use tokio::{task::JoinSet, time::interval};
use tokio_stream::StreamExt as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::{
    hoards,
    honest::{Asking, call},
    line::Manner::Deaf,
    siege::{Siege, memory, within},
};
use crate::{
    account::records,
    binary::{Home, Running},
    killed::rounds,
    served::{Clients, act},
};

/// How many callers there are, each with this many calls that are not answered yet.
const CALLERS: usize = 32;
const IN_FLIGHT: usize = 64;

/// How much more is sent than was done when nobody was refused.
const TIMES: u32 = 5;

/// How much more memory there may be under any load.
const GROWTH_MAX: u64 = 512 << 20;

/// How soon a server must be well again.
const WELL_WITHIN: Duration = Duration::from_secs(10);

/// What callers were told.
#[derive(Default)]
struct Told {
    receipts: Mutex<Vec<pb::Receipt>>,
    /// Refusals that do not say when to come back, or say something else.
    unclear: Mutex<Vec<String>>,
    refused: AtomicUsize,
    /// Calls that were not made: the caller had as many as it may.
    left_out: AtomicUsize,
}

impl Told {
    fn add(&self, answer: Result<pb::Receipt, Status>) {
        match answer {
            Ok(receipt) => self.receipts.lock().unwrap().push(receipt),
            Err(status) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                let details = status.get_error_details();
                let reason = details.error_info().map(|it| it.reason.clone());
                let clear = status.code() == Code::ResourceExhausted
                    && reason.as_deref() == Some("BUSY")
                    && details.retry_info().is_some_and(|it| it.retry_delay.is_some());
                if !clear {
                    self.unclear.lock().unwrap().push(format!("{status:?}"));
                }
            }
        }
    }

    fn accepted(&self) -> usize {
        self.receipts.lock().unwrap().len()
    }

    /// Every record that was acknowledged is there after a kill, and once.
    async fn is_durable(&self, clients: &Clients) {
        let (found, end) = records(clients).await;
        end.unwrap();
        let ids: Vec<_> = found.into_iter().map(|it| it.record.unwrap().record_id).collect();
        let there: HashSet<_> = ids.iter().map(|it| it.to_vec()).collect();
        assert_eq!(there.len(), ids.len(), "no record is there twice");
        for receipt in &*self.receipts.lock().unwrap() {
            let id = uuid::Uuid::parse_str(&receipt.record_id).unwrap();
            assert!(there.contains(id.as_bytes().as_slice()), "{} is lost", receipt.position);
        }
    }
}

fn registration() -> pb::RegisterSubjectRequest {
    pb::RegisterSubjectRequest {
        act: Some(act()),
        subject: format!("subjects/s-{}", uuid::Uuid::new_v4().simple()),
        display_name: "A council".to_owned(),
        kind: "local authority".to_owned(),
        ..pb::RegisterSubjectRequest::default()
    }
}

/// Lets callers send at this pace for so long, whatever becomes of it; how many calls a second were
/// accepted.
async fn send(siege: &Siege, callers: usize, pace: Duration, long: Duration) -> (Arc<Told>, u32) {
    let told = Arc::<Told>::default();
    let begun = Instant::now();
    let mut sending = JoinSet::new();
    for _ in 0..callers {
        let told = Arc::clone(&told);
        let clients =
            Clients { channel: siege.target.endpoint.connect_lazy(), ..siege.clients.clone() };
        sending.spawn(async move {
            let (mut calls, mut ticks) = (JoinSet::new(), interval(pace));
            while begun.elapsed() < long {
                ticks.tick().await;
                while calls.try_join_next().is_some() {}
                if calls.len() >= IN_FLIGHT {
                    told.left_out.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                let (told, mut client) = (Arc::clone(&told), clients.frameworks("admin"));
                calls.spawn(async move {
                    let answer = client.register_subject(registration()).await;
                    told.add(answer.map(tonic::Response::into_inner));
                });
            }
            while calls.join_next().await.is_some() {}
        });
    }
    while let Some(sent) = sending.join_next().await {
        sent.unwrap();
    }
    let took = begun.elapsed().as_millis() as usize;
    let a_second = (told.accepted() * 1_000 / took.max(1)) as u32;
    (told, a_second)
}

fn start(home: &Home) -> Running {
    let mut command = home.serve();
    command.args(["--cache-mib", "16", "--caller-rate", "0"]);
    Running::start(command)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_work_than_can_be_done_is_refused_in_time_and_the_rest_is_done() {
    let long = Duration::from_secs(rounds("JUDGEMENT_LEDGER_OVERLOAD", 5));
    let home = Home::new();
    let mut running = start(&home);
    let siege = Siege::of(&running, None).await;
    let before = memory(running.id());

    let (_, peak) = send(&siege, 4, Duration::from_micros(100), Duration::from_secs(3)).await;
    let pace = Duration::from_secs(1) * CALLERS as u32 / (peak.max(1) * TIMES);
    let (told, goodput) = send(&siege, CALLERS, pace, long).await;
    let grown = memory(running.id()).saturating_sub(before);
    println!(
        "{peak} a second at the peak; of {TIMES} times as many {goodput} a second were done, \
         {} in all, {} refused, {} not sent; {} MiB more",
        told.accepted(),
        told.refused.load(Ordering::Relaxed),
        told.left_out.load(Ordering::Relaxed),
        grown >> 20
    );
    assert_eq!(*told.unclear.lock().unwrap(), Vec::<String>::new());
    assert!(told.accepted() > 0);
    assert!(grown <= GROWTH_MAX, "{} MiB more", grown >> 20);
    within(WELL_WITHIN, "it is well again", call(&siege.clients, Asking::Ledger)).await.unwrap();
    assert!(running.runs());
    running.kill();
    let again = start(&home);
    told.is_durable(&again.clients()).await;
    again.kill();
}

/// Streams of commands that are all sent before any answer is read.
const STREAMS: usize = 24;
const COMMANDS: usize = 400;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_says_when_to_come_back_and_loses_nothing() {
    let home = Home::new();
    let running = start(&home);
    let siege = Siege::of(&running, None).await;
    let name = opened(&siege.clients).await;
    let told = Arc::<Told>::default();
    let mut streams = JoinSet::new();
    for _ in 0..STREAMS {
        let (told, name) = (Arc::clone(&told), name.clone());
        let mut client = siege.clients.assessments("inspector");
        streams.spawn(async move {
            let commands = tokio_stream::iter((0..COMMANDS).map(move |_| entry(&name)));
            let mut answers = client.apply_stream(commands).await.unwrap().into_inner();
            let mut answered = 0;
            while let Some(answer) = answers.next().await {
                answered += 1;
                match answer.unwrap().outcome.unwrap() {
                    Outcome::Receipt(receipt) => told.add(Ok(receipt)),
                    Outcome::Refusal(refusal) => {
                        let code = Code::from(refusal.code);
                        let details = refusal.encode_to_vec().into();
                        told.add(Err(Status::with_details(code, refusal.message, details)));
                    }
                }
            }
            assert_eq!(answered, COMMANDS, "each is answered");
        });
    }
    while let Some(stream) = streams.join_next().await {
        stream.unwrap();
    }
    let refused = told.refused.load(Ordering::Relaxed);
    println!("{} recorded, {refused} refused", told.accepted());
    assert_eq!(*told.unclear.lock().unwrap(), Vec::<String>::new());
    assert_eq!(told.accepted() + refused, STREAMS * COMMANDS);
    assert!(refused > 0, "the queue was full");
    call(&siege.clients, Asking::Ledger).await.unwrap();
    running.kill();
    let again = start(&home);
    told.is_durable(&again.clients()).await;
    again.kill();
}

/// An assessment that is open.
async fn opened(clients: &Clients) -> String {
    let request = pb::RegisterSubjectRequest {
        subject: "subjects/leicester-city".to_owned(),
        ..registration()
    };
    clients.frameworks("admin").register_subject(request).await.unwrap();
    let name = "subjects/leicester-city/assessments/apa-2006".to_owned();
    let request = pb::OpenAssessmentRequest {
        assessment: name.clone(),
        act: Some(act()),
        framework: "frameworks/apa/versions/2006".to_owned(),
        cycle: "2006".to_owned(),
        ..pb::OpenAssessmentRequest::default()
    };
    clients.assessments("lead").open_assessment(request).await.unwrap();
    name
}

fn entry(name: &str) -> pb::ApplyStreamRequest {
    let content = pb::EntryContent {
        kind: pb::EntryKind::Narrative.into(),
        section: "staying-safe".to_owned(),
        area: "staying-safe".to_owned(),
        order: 1,
        text: Some(crate::served::present("It was seen.")),
        ..pb::EntryContent::default()
    };
    let request = pb::RecordEntryRequest {
        assessment: name.to_owned(),
        act: Some(act()),
        entry_id: format!("nar-{}", uuid::Uuid::new_v4().simple()),
        content: Some(content),
        ..pb::RecordEntryRequest::default()
    };
    let command = pb::Command { order: Some(Order::RecordEntry(request)) };
    pb::ApplyStreamRequest { command: Some(command) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_subscribers_who_read_nothing_stop_no_writer() {
    let home = Home::new();
    let running = start(&home);
    let siege = Siege::of(&running, None).await;
    let long = Duration::from_secs(2);
    let alone = send(&siege, 4, Duration::from_micros(200), long).await.1;
    let before = memory(running.id());
    hoards::subscribers(siege.target.clone(), Deaf).await.unwrap();
    let (told, beside) = send(&siege, 4, Duration::from_micros(200), long).await;
    let grown = memory(running.id()).saturating_sub(before);
    println!(
        "{alone} commands a second alone, {beside} beside subscribers; {} KiB more for each",
        grown / 1_024 / 200
    );
    assert_eq!(told.refused.load(Ordering::Relaxed), 0, "{:?}", told.unclear.lock().unwrap());
    assert!(told.accepted() > 0);
    siege.lift();
    call(&siege.clients, Asking::Ledger).await.unwrap();
    assert!(running.stop().success());
}
