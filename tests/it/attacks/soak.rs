//! A long day of honest work: clients on connections of their own read, now and then change a grade, and
//! now and then come back over a new connection; memory does not grow with the time.
//!
//! A connection has its age, half an hour, and is then closed in order. The library of these clients can lose a
//! call in that moment, which never reached the server: it is made again, with its request id.
//!
//! Some seconds of 100 clients; `JUDGEMENT_LEDGER_SOAK=3600`, in seconds, and `JUDGEMENT_LEDGER_CROWD=10000`
//! are the long form, with `JUDGEMENT_LEDGER_SOAK_RATE` calls a second.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use judgement_ledger::pb;
use tokio::{
    sync::{Mutex, Semaphore},
    task::JoinSet,
    time::sleep,
};
use tonic::Status;
use tonic_types::StatusExt as _;
use uuid::Uuid;

use super::{
    honest::{Seen, said},
    overload::opened,
    serve,
    siege::{Siege, memory},
};
use crate::{
    binary::{Home, Running},
    killed::rounds,
    served::{Clients, act, assessment, date, explained, last},
};

const SECONDS: u64 = 8;
const CLIENTS: u64 = 100;

/// How many calls all clients together make in a second.
const RATE: u64 = 200;

/// Of how many calls one changes a grade, and one comes over a new connection.
const WRITES_ONE_IN: u64 = 8;
const RECONNECTS_ONE_IN: u64 = 16;

/// How many assessments there are.
const ASSESSMENTS: u64 = 64;

/// Whose grade is changed.
const AREA: &str = "social-care";

/// How many connect at once: no more may be without first words from one address.
const CONNECTING: usize = 32;

/// How much more memory there may be at the end than when a quarter of the time was over. Some it may
/// be: caches and what was read of late have their bounds, and reach them late.
const GROWTH_MAX: u64 = 48 << 20;

/// An assessment whose grade changes.
struct Seat {
    assessment: String,
    /// The changes so far, by their positions: how many, and the last.
    changed: Mutex<(u64, u64)>,
}

impl Seat {
    /// Gives the other grade, or the first.
    async fn change(&self, clients: &Clients, request_id: Uuid) -> Result<(), Status> {
        let mut changed = self.changed.lock().await;
        let (times, at) = *changed;
        let decided_by = pb::StatedDecider {
            who: Some(pb::stated_decider::Who::Person("lead.inspector@ofsted".to_owned())),
            role: pb::Role::LeadInspector.into(),
            organisation: "ofsted".to_owned(),
        };
        let why = pb::Act {
            decided_by: Some(decided_by),
            decided_on: Some(date(2006, 10, 11)),
            basis: pb::Basis::DataCorrected.into(),
            ..explained("FACTUAL_ACCURACY")
        };
        let why = if times == 0 { act() } else { why };
        let level = if times % 2 == 0 { "2" } else { "3" };
        let request = pb::SetGradeRequest {
            assessment: self.assessment.clone(),
            act: Some(pb::Act { request_id: request_id.to_string(), ..why }),
            area: AREA.to_owned(),
            grade: Some(pb::Grade {
                award: Some(pb::grade::Award::Level(level.to_owned())),
                ..pb::Grade::default()
            }),
            expected: (times > 0).then(|| last(at)),
            ..pb::SetGradeRequest::default()
        };
        let receipt = clients.assessments("inspector").set_grade(request).await?.into_inner();
        *changed = (times + 1, receipt.position);
        Ok(())
    }

    /// Reads it as it stands.
    async fn read(&self, clients: &Clients) -> Result<(), Status> {
        let request = assessment(&self.assessment);
        let found = clients.assessments("inspector").get_assessment(request).await?.into_inner();
        assert_eq!(found.name, self.assessment);
        Ok(())
    }
}

/// Clients at work, until the time is over.
struct Crowd {
    siege: Siege,
    seats: Vec<Seat>,
    clients: u64,
    /// How long a client waits between two calls.
    pause: Duration,
    until: Instant,
    connecting: Semaphore,
    made: AtomicU64,
    /// How many calls were made again.
    again: AtomicU64,
}

/// Whether the server has not said this.
fn is_of_the_transport(status: &Status) -> bool {
    status.get_details_error_info().is_none()
}

impl Crowd {
    /// A connection of its own, from some addresses of this machine: one alone has not so many ports.
    async fn connect(&self, number: u64) -> Clients {
        let turn = self.connecting.acquire().await.unwrap();
        let from = Ipv4Addr::new(127, 0, 1, 1 + u8::try_from(number % 8).unwrap());
        let endpoint = self.siege.target.endpoint.clone().local_address(Some(IpAddr::V4(from)));
        let channel = endpoint.connect().await.expect("there is room for it");
        drop(turn);
        Clients { channel, ..self.siege.clients.clone() }
    }

    async fn client(&self, number: u64) -> Seen {
        let mut clients = self.connect(number).await;
        let mut seen = Seen::default();
        // Each begins at a time of its own.
        sleep(self.pause / u32::try_from(self.clients).unwrap() * u32::try_from(number).unwrap())
            .await;
        while Instant::now() < self.until {
            let made = self.made.fetch_add(1, Ordering::Relaxed);
            if made.is_multiple_of(RECONNECTS_ONE_IN) {
                clients = self.connect(number).await;
            }
            let seat = &self.seats[(made % ASSESSMENTS) as usize];
            let (begun, request_id) = (Instant::now(), Uuid::new_v4());
            let writes = (made / ASSESSMENTS).is_multiple_of(WRITES_ONE_IN);
            let call = async |clients: &Clients| {
                if writes {
                    seat.change(clients, request_id).await
                } else {
                    seat.read(clients).await
                }
            };
            let mut answer = call(&clients).await;
            if answer.as_ref().is_err_and(is_of_the_transport) {
                self.again.fetch_add(1, Ordering::Relaxed);
                clients = self.connect(number).await;
                answer = call(&clients).await;
            }
            match answer {
                Ok(()) => seen.took.push(begun.elapsed()),
                Err(status) => seen.failed.push(said(&status)),
            }
            sleep(self.pause.saturating_sub(begun.elapsed())).await;
        }
        seen
    }
}

/// The memory of the server, a look each second.
async fn looks(process: u32, until: Instant) -> Vec<u64> {
    let mut looks = Vec::new();
    while Instant::now() < until {
        sleep(Duration::from_secs(1)).await;
        looks.push(memory(process));
        if looks.len() % 60 == 0 {
            println!("after {} s: {} MiB", looks.len(), looks[looks.len() - 1] >> 20);
        }
    }
    looks
}

/// How much more there is in the last quarter of the looks than in the second, by their medians.
fn growth(looks: &[u64]) -> u64 {
    let median = |quarter: usize| {
        let mut part = looks[looks.len() * quarter / 4..looks.len() * (quarter + 1) / 4].to_vec();
        part.sort_unstable();
        part[part.len() / 2]
    };
    median(3).saturating_sub(median(1))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_does_not_grow_with_the_time() {
    let long = Duration::from_secs(rounds("JUDGEMENT_LEDGER_SOAK", SECONDS));
    let clients = rounds("JUDGEMENT_LEDGER_CROWD", CLIENTS);
    let rate = rounds("JUDGEMENT_LEDGER_SOAK_RATE", RATE);
    let home = Home::new();
    let (mut command, authority) = serve(&home, true);
    command.args(["--connections-max", &(clients + 100).to_string(), "--caller-rate", "0"]);
    let running = Running::start(command);
    let siege = Siege::of(&running, authority.as_deref()).await;
    let mut seats = Vec::new();
    for assessment in opened(&siege.clients, ASSESSMENTS).await {
        seats.push(Seat { assessment, changed: Mutex::default() });
    }
    let until = Instant::now() + long;
    let crowd = Arc::new(Crowd {
        siege,
        seats,
        clients,
        pause: Duration::from_micros(clients * 1_000_000 / rate),
        until,
        connecting: Semaphore::new(CONNECTING),
        made: AtomicU64::new(0),
        again: AtomicU64::new(0),
    });
    let looking = tokio::spawn(looks(running.id(), until));
    let mut working = JoinSet::new();
    for number in 0..clients {
        let crowd = Arc::clone(&crowd);
        working.spawn(async move { crowd.client(number).await });
    }
    let mut all = Seen::default();
    while let Some(seen) = working.join_next().await {
        all.add(seen.unwrap());
    }
    let looks = looking.await.unwrap();
    println!(
        "{clients} clients for {long:?}: {} calls, {} of them twice, p50 {:?}, p99 {:?}; {} MiB at most, {} \
         MiB more in the last quarter than in the second",
        all.took.len(),
        crowd.again.load(Ordering::Relaxed),
        all.within(50),
        all.within(99),
        looks.iter().max().unwrap() >> 20,
        growth(&looks) >> 20
    );
    assert_eq!(all.failed, Vec::<String>::new());
    let mut written = 0;
    for seat in &crowd.seats {
        written += seat.changed.lock().await.0;
    }
    assert!(written > 0 && (all.took.len() as u64) > written, "some read and some write");
    assert!(growth(&looks) <= GROWTH_MAX, "{looks:?}");
    assert!(running.stop().success());
}

/// The negative control: a mebibyte more with each look is growth.
#[test]
fn memory_that_grows_is_seen() {
    let steady: Vec<u64> = (0..100).map(|look| (100 + look % 7) << 20).collect();
    let growing: Vec<u64> = (0..100).map(|look| (100 + look) << 20).collect();
    assert!(growth(&steady) < 8 << 20);
    assert!(growth(&growing) > GROWTH_MAX);
}
