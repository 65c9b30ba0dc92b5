//! More work than can be done: what is accepted is durable and answered, what is refused says when to
//! come back, memory stays bounded, and the server is well again at once.
//!
//! Some seconds of five times what can be done, and 200 subscribers. `JUDGEMENT_LEDGER_OVERLOAD=600`, in
//! seconds, `JUDGEMENT_LEDGER_TIMES=10` and `JUDGEMENT_LEDGER_SUBSCRIBERS=1000` are the long form.
//!
//! Calls are sent when they are due, whatever became of those before; how long they took is counted from
//! there. Who sends shares the machine with the server, and may fall behind: by how much, is printed.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use judgement_ledger::{
    pb::{self, apply_stream_response::Outcome, command::Order},
    rpc::Limits,
};
use prost::Message as _;
use tokio::{task::JoinSet, time::interval};
use tokio_stream::StreamExt as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::{
    hoards,
    honest::{Asking, Seen, call},
    line::Manner::Deaf,
    siege::{Sampler, Siege, memory, processor_ms, within},
};
use crate::{
    account::records,
    binary::{Home, Running},
    killed::rounds,
    served::{Clients, act},
    web::fetch,
};

/// How many callers there are, each on a connection of its own with at most this many calls that are not
/// answered yet: as many as a connection may have.
const CALLERS: usize = 64;
const IN_FLIGHT: usize = 256;

/// How many callers find out what can be done, each with at most this many calls: the server takes them
/// all.
const PEAK_CALLERS: usize = 8;
const PEAK_IN_FLIGHT: usize = 32;

/// How much more is sent than was done when nobody was refused.
const TIMES: u64 = 5;

/// How many subscribers take nothing.
const SUBSCRIBERS: u64 = 200;

/// What the first of them take once and for all is no matter of each.
const FIRST_SUBSCRIBERS: usize = 8;

/// How many streams there may be; of one caller too, where it may call as often as it likes.
const SUBSCRIBERS_MAX: usize = Limits::STANDARD.streams_max;

/// How much more memory there may be under any load.
const GROWTH_MAX: u64 = 256 << 20;

/// How much more for each subscriber who takes nothing.
const SUBSCRIBER_BYTES_MAX: u64 = 64 << 10;

/// How soon a server must be well again.
const WELL_WITHIN: Duration = Duration::from_secs(10);

/// What callers were told.
#[derive(Default)]
struct Told {
    receipts: Mutex<Vec<pb::Receipt>>,
    /// How long accepted calls took since they were due, and since they were sent.
    took: Mutex<(Vec<Duration>, Vec<Duration>)>,
    /// Refusals that do not say when to come back, or say something else.
    unclear: Mutex<Vec<String>>,
    refused: AtomicUsize,
    /// Calls that were due.
    due: AtomicUsize,
    /// Those of them that were not made: the caller had as many as it may.
    left_out: AtomicUsize,
    /// How long it went on.
    lasted: Mutex<Duration>,
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

    fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }

    /// How many of something there were in a second.
    fn a_second(&self, many: usize) -> u64 {
        let lasted = self.lasted.lock().unwrap().as_millis().max(1);
        u64::try_from(many as u128 * 1_000 / lasted).unwrap()
    }

    fn sent(&self) -> usize {
        self.accepted() + self.refused()
    }

    /// What is printed of it.
    fn says(&self) -> String {
        let (due, sent) = self.took.lock().unwrap().clone();
        let [due, sent] = [due, sent].map(|took| Seen { took, failed: Vec::new() });
        format!(
            "{} a second accepted (since due p50 {:?}, p99 {:?}; since sent p50 {:?}, p99 {:?}), {} a \
             second refused; {} calls were due, {} sent, {} left out",
            self.a_second(self.accepted()),
            due.within(50),
            due.within(99),
            sent.within(50),
            sent.within(99),
            self.a_second(self.refused()),
            self.due.load(Ordering::Relaxed),
            self.sent(),
            self.left_out.load(Ordering::Relaxed)
        )
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

/// Callers who send.
struct Load {
    callers: usize,
    /// How many of its calls may be unanswered, by caller.
    in_flight: usize,
    /// How many calls are due in a second, of all callers; so many more than can be made where nobody
    /// is to wait.
    a_second: u64,
}

impl Load {
    /// As many calls as are answered.
    fn peak() -> Self {
        Self { callers: PEAK_CALLERS, in_flight: PEAK_IN_FLIGHT, a_second: 20_000 }
    }

    /// What writers send beside others.
    fn some() -> Self {
        Self { callers: 4, in_flight: 64, a_second: 20_000 }
    }

    /// Sends for so long.
    async fn send(self, siege: &Siege, long: Duration) -> Arc<Told> {
        let told = Arc::<Told>::default();
        let begun = Instant::now();
        let pace = Duration::from_secs(self.callers as u64) / u32::try_from(self.a_second).unwrap();
        let mut sending = JoinSet::new();
        for _ in 0..self.callers {
            let told = Arc::clone(&told);
            let clients =
                Clients { channel: siege.target.endpoint.connect_lazy(), ..siege.clients.clone() };
            sending.spawn(async move {
                let (mut calls, mut ticks) = (JoinSet::new(), interval(pace));
                while begun.elapsed() < long {
                    let due = ticks.tick().await;
                    told.due.fetch_add(1, Ordering::Relaxed);
                    while calls.try_join_next().is_some() {}
                    if calls.len() >= self.in_flight {
                        told.left_out.fetch_add(1, Ordering::Relaxed);
                        continue;
                    }
                    let (told, mut client) = (Arc::clone(&told), clients.frameworks("admin"));
                    calls.spawn(async move {
                        let sent = Instant::now();
                        let answer = client.register_subject(registration()).await;
                        if answer.is_ok() {
                            let mut took = told.took.lock().unwrap();
                            took.0.push(due.elapsed());
                            took.1.push(sent.elapsed());
                        }
                        told.add(answer.map(tonic::Response::into_inner));
                    });
                }
                while calls.join_next().await.is_some() {}
            });
        }
        while let Some(sent) = sending.join_next().await {
            sent.unwrap();
        }
        *told.lasted.lock().unwrap() = begun.elapsed();
        told
    }
}

fn start(home: &Home) -> Running {
    let mut command = home.serve();
    command.args(["--cache-mib", "16", "--caller-rate", "0"]);
    Running::start(command)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_work_than_can_be_done_is_refused_in_time_and_the_rest_is_done() {
    let long = Duration::from_secs(rounds("JUDGEMENT_LEDGER_OVERLOAD", 5));
    let times = rounds("JUDGEMENT_LEDGER_TIMES", TIMES);
    let home = Home::new();
    let mut running = start(&home);
    let siege = Siege::of(&running, None).await;
    let before = memory(running.id());

    let worked = processor_ms(running.id());
    let at_peak = Load::peak().send(&siege, Duration::from_secs(3)).await;
    let busy = at_peak.a_second(usize::try_from(processor_ms(running.id()) - worked).unwrap());
    println!("at the peak: {}; the server works {busy} ms a second", at_peak.says());
    assert_eq!(at_peak.refused(), 0, "{:?}", at_peak.unclear.lock().unwrap());
    let peak = at_peak.a_second(at_peak.accepted()).max(1);
    let (sampler, worked) = (Sampler::begin(running.id()), processor_ms(running.id()));
    let a_second = peak * times;
    let told = Load { callers: CALLERS, in_flight: IN_FLIGHT, a_second }.send(&siege, long).await;
    let looked = sampler.end();
    let busy = told.a_second(usize::try_from(processor_ms(running.id()) - worked).unwrap());
    let grown = looked.most.saturating_sub(before);
    let goodput = told.a_second(told.accepted());
    println!(
        "of {times} times as many: {}; the server works {busy} ms a second; goodput {} of a hundred; {} MiB more at most, in {} looks",
        told.says(),
        goodput * 100 / peak,
        grown >> 20,
        looked.looks
    );
    let sent = told.sent() as u64 * 100 / (long.as_secs() * peak);
    let due = told.due.load(Ordering::Relaxed) as u64 * 100 / (long.as_secs() * peak);
    println!(
        "of a hundred at the peak {due} were due and {sent} sent, of {}: {} short",
        times * 100,
        (times * 100).saturating_sub(sent)
    );
    // Where more is sent than can be done, somebody is refused: else there was no such load.
    assert!(told.refused() > 0, "nothing was refused");
    assert!(looked.looks as u64 > long.as_secs(), "{looked:?}");
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
    let name = opened(&siege.clients, 1).await.remove(0);
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

/// So many assessments that are open.
pub async fn opened(clients: &Clients, many: u64) -> Vec<String> {
    let request = pb::RegisterSubjectRequest {
        subject: "subjects/leicester-city".to_owned(),
        ..registration()
    };
    clients.frameworks("admin").register_subject(request).await.unwrap();
    let mut names = Vec::new();
    for number in 0..many {
        let name = format!("subjects/leicester-city/assessments/apa-{}", 2006 + number);
        let request = pb::OpenAssessmentRequest {
            assessment: name.clone(),
            act: Some(act()),
            framework: "frameworks/apa/versions/2006".to_owned(),
            cycle: (2006 + number).to_string(),
            ..pb::OpenAssessmentRequest::default()
        };
        clients.assessments("lead").open_assessment(request).await.unwrap();
        names.push(name);
    }
    names
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

/// How many streams the server says are open.
async fn streams(running: &Running) -> usize {
    let admin = running.admin.strip_prefix("http://").unwrap().parse().unwrap();
    let page = String::from_utf8(fetch(admin, "/metrics", None).await.body).unwrap();
    let line = page.lines().find_map(|line| line.strip_prefix("judgement_ledger_streams "));
    line.unwrap().parse().unwrap()
}

/// Lets so many subscribe who take nothing, until so many in all are let in.
async fn subscribe(siege: &Siege, running: &Running, many: usize, all: usize) {
    hoards::so_many_subscribers(siege.target.clone(), Deaf, many).await.unwrap();
    within(WELL_WITHIN, "subscribers are let in", async {
        while streams(running).await < all {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribers_who_read_nothing_stop_no_writer() {
    let many = usize::try_from(rounds("JUDGEMENT_LEDGER_SUBSCRIBERS", SUBSCRIBERS)).unwrap();
    let home = Home::new();
    let running = start(&home);
    let siege = Siege::of(&running, None).await;
    let long = Duration::from_secs(2);
    // The second time, all that a load takes at first is there.
    let mut grown_alone = 0;
    for _ in 0..2 {
        let (before, sampler) = (memory(running.id()), Sampler::begin(running.id()));
        let alone = Load::some().send(&siege, long).await;
        grown_alone = sampler.end().most.saturating_sub(before);
        println!("alone: {}, {} KiB more", alone.says(), grown_alone >> 10);
    }
    subscribe(&siege, &running, FIRST_SUBSCRIBERS, FIRST_SUBSCRIBERS).await;
    let (before, sampler) = (memory(running.id()), Sampler::begin(running.id()));
    // More than there may be are refused.
    let all = (FIRST_SUBSCRIBERS + many).min(SUBSCRIBERS_MAX);
    let let_in = all - FIRST_SUBSCRIBERS;
    subscribe(&siege, &running, many, all).await;
    let subscribed = memory(running.id()).saturating_sub(before);
    let told = Load::some().send(&siege, long).await;
    let grown = sampler.end().most.saturating_sub(before);
    let for_each = grown.saturating_sub(grown_alone) / let_in as u64;
    println!(
        "beside {let_in} of {many} subscribers: {}; {} KiB more at most, {} of which before any write; \
         for each {} KiB more than without them",
        told.says(),
        grown >> 10,
        subscribed >> 10,
        for_each >> 10
    );
    assert_eq!(streams(&running).await, all, "they are there to the end");
    assert_eq!(told.refused(), 0, "{:?}", told.unclear.lock().unwrap());
    assert!(told.accepted() > 0);
    assert!(for_each <= SUBSCRIBER_BYTES_MAX, "{} KiB for each", for_each >> 10);
    siege.lift();
    call(&siege.clients, Asking::Ledger).await.unwrap();
    assert!(running.stop().success());
}
