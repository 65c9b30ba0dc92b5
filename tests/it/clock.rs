//! Clocks that run back, jump ahead, stand still or do all of it: order is by position, time never
//! runs back, an unbelievable jump is refused, and what had expired stays expired.
//!
//! `JUDGEMENT_LEDGER_CLOCK_RUNS=100` runs the long form; `JUDGEMENT_LEDGER_CLOCK_SEED` is the first
//! seed. The tests of the real binary need `libfaketime`; where it is missing they say so aloud,
//! and fail if `JUDGEMENT_LEDGER_ALL_TOOLS` is set, as `tests/run` does.

use std::{env, fs, path::Path, time::Duration};

use jiff::Timestamp;
use judgement_ledger::{pb, rpc::Credentials};
use prost::Message as _;
use tonic::{Code, Status};

use crate::{
    account::records,
    binary::{Home, Running},
    served::{
        Bearer, Clients, Ground, KEY, SUBJECT, Served, act, assessment, explained, identity, last,
        reason_of,
    },
    sim_disk::Seeded,
    story::{Telling, assessment_of, tell},
};

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
const YEAR: i64 = 365 * DAY + DAY / 4;

const AREA: &str = "capacity-to-improve";

fn number(variable: &str, usual: u64) -> u64 {
    env::var(variable).ok().map_or(usual, |given| given.parse().unwrap())
}

/// What every clock must leave as it is: no gap in positions, no time before the one before.
async fn check_order(clients: &Clients) -> Vec<pb::Record> {
    let (streamed, end) = records(clients).await;
    end.unwrap();
    let found: Vec<_> = streamed.into_iter().map(|it| it.record.unwrap()).collect();
    let mut before = (0, (0, 0));
    for record in &found {
        let time = record.recorded_at.as_ref().unwrap();
        let time = (time.seconds, time.nanos);
        assert_eq!(record.position, before.0 + 1, "no gap");
        assert!(time >= before.1, "record {} is before the one before it", record.position);
        before = (record.position, time);
    }
    found
}

/// An assessment as of a position, as bytes.
async fn as_of(clients: &Clients, name: &str, position: u64) -> Vec<u8> {
    let known = pb::get_assessment_request::KnownAt::KnownAtPosition(position);
    let request = pb::GetAssessmentRequest {
        known_at: Some(known),
        content: pb::AssessmentContent::Full.into(),
        ..assessment(name)
    };
    let read = clients.assessments("auditor").get_assessment(request).await.unwrap();
    read.into_inner().encode_to_vec()
}

/// Whether a credential is taken.
async fn calls_with(clients: &Clients, token: &str) -> Result<(), Status> {
    let mut audits = pb::audit_service_client::AuditServiceClient::with_interceptor(
        clients.channel.clone(),
        Bearer::new(token),
    );
    audits.query_audit(pb::QueryAuditRequest::default()).await.map(drop)
}

async fn refused_as_expired(clients: &Clients, token: &str) {
    let status = calls_with(clients, token).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated, "{status:?}");
    assert!(status.message().contains("expired"), "{status:?}");
}

fn is_untrusted(status: &Status) -> bool {
    status.code() == Code::Unavailable && reason_of(status).0 == "CLOCK_UNTRUSTED"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_set_back_400_days_changes_neither_order_nor_what_was_known() {
    let ground = Ground::new();
    let served = Served::on(ground.clone()).await.unwrap();
    let telling = Telling { long_text_bytes: 100, evidence: 2 };
    tell(&served.clients(), 0, telling).await;
    let head = served.head().await;
    let known = as_of(&served.clients(), &assessment_of(0), head).await;
    let time = ground.hands.now();

    ground.hands.turn(-400 * DAY, 1_000_000);
    tell(&served.clients(), 1, telling).await;
    let found = check_order(&served.clients()).await;
    for record in found.iter().skip(usize::try_from(head).unwrap()) {
        let at = record.recorded_at.as_ref().unwrap();
        assert_eq!(at.seconds, time.as_second(), "time stands still until the clock is right");
        let raw = record.clock.as_ref().expect("what the clock said is written down");
        assert_eq!(raw.seconds, ground.hands.now().as_second());
    }
    assert_eq!(as_of(&served.clients(), &assessment_of(0), head).await, known);

    // Right again, which is no jump: it was the clock that had been away.
    ground.hands.turn(400 * DAY, 1_000_000);
    tell(&served.clients(), 2, telling).await;

    // The same after a start under a clock that is behind; now setting it right is a jump, which
    // whoever did it confirms by another start.
    ground.hands.turn(-400 * DAY, 0);
    let served = served.restart().await;
    assert_eq!(as_of(&served.clients(), &assessment_of(0), head).await, known);
    tell(&served.clients(), 3, telling).await;
    ground.hands.turn(400 * DAY, 1_000_000);
    let refused = served.frameworks("admin").register_subject(subject("too-early")).await;
    let status = refused.unwrap_err();
    assert!(is_untrusted(&status), "{status:?}");
    let served = served.restart().await;
    tell(&served.clients(), 4, telling).await;
    check_order(&served.clients()).await;
    assert_eq!(as_of(&served.clients(), &assessment_of(0), head).await, known);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_had_expired_stays_expired_when_the_clock_is_set_back() {
    let ground = Ground::new();
    let served = Served::on(ground.clone()).await.unwrap();
    let credentials = Credentials::new(&KEY).unwrap();
    let hour = Duration::from_hours(1);
    let token = credentials.mint(&identity("auditor"), ground.hands.now(), hour).unwrap();
    calls_with(&served.clients(), &token).await.unwrap();
    ground.hands.turn(7_200 * SECOND, 7_200_000_000);
    refused_as_expired(&served.clients(), &token).await;
    let telling = Telling { long_text_bytes: 10, evidence: 0 };
    tell(&served.clients(), 0, telling).await;

    ground.hands.turn(-400 * DAY, 1_000_000);
    refused_as_expired(&served.clients(), &token).await;
    let served = served.restart().await;
    refused_as_expired(&served.clients(), &token).await;
    // The negative control: by the clock alone it would be valid again.
    assert!(credentials.verify(&token, ground.hands.now()).is_ok());
    served.stop().await;
}

/// A token of a login that is valid for an hour.
fn for_an_hour(ground: &Ground, login: &str) -> Bearer {
    let credentials = Credentials::new(&KEY).unwrap();
    let hour = Duration::from_hours(1);
    Bearer::new(&credentials.mint(&identity(login), ground.hands.now(), hour).unwrap())
}

/// How a stream ended, and after which position it is to go on.
fn expired(status: &Status) -> Option<u64> {
    assert_eq!(status.code(), Code::Unauthenticated, "{status:?}");
    let (reason, metadata) = reason_of(status);
    assert_eq!(reason, "CREDENTIAL_EXPIRED");
    metadata.get("resume_after").map(|after| after.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_records_or_scores_ends_with_the_credential_that_began_it() {
    let ground = Ground::new();
    let served = Served::start_on(ground.clone()).await;
    let head = served.head().await;
    let mut audits = pb::audit_service_client::AuditServiceClient::with_interceptor(
        served.channel.clone(),
        for_an_hour(&ground, "auditor"),
    );
    let records = audits.stream_records(pb::StreamRecordsRequest::default()).await;
    let mut records = records.unwrap().into_inner();
    let mut scores = pb::assessment_service_client::AssessmentServiceClient::with_interceptor(
        served.channel.clone(),
        for_an_hour(&ground, "consumer"),
    );
    let scores = scores
        .get_feed(pb::GetFeedRequest { scheme: "CPA".to_owned(), ..Default::default() })
        .await;
    let mut scores = scores.unwrap().into_inner();
    // To the last second, by which clocks may differ.
    ground.hands.turn(3_629 * SECOND, 3_629 * SECOND.unsigned_abs());
    served.open("in-time").await;
    let mut last = 0;
    while last <= head {
        if let Some(pb::stream_records_response::Message::Record(it)) =
            records.message().await.unwrap().unwrap().message
        {
            last = it.record.unwrap().position;
        }
    }
    ground.hands.turn(SECOND, SECOND.unsigned_abs());
    let ended = async {
        let records = loop {
            match records.message().await {
                Ok(message) => assert!(message.is_some(), "it is not over in order"),
                Err(status) => break status,
            }
        };
        let scores = loop {
            match scores.message().await {
                Ok(message) => assert!(message.is_some(), "it is not over in order"),
                Err(status) => break status,
            }
        };
        (expired(&records), expired(&scores))
    };
    let (records, scores) = tokio::time::timeout(Duration::from_secs(9), ended).await.unwrap();
    assert!(records >= Some(last), "{records:?}");
    assert!(scores.is_some());
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_takes_no_command_once_its_credential_has_ended_and_answers_those_it_took() {
    let ground = Ground::new();
    let served = Served::start_on(ground.clone()).await;
    let (sender, commands) = tokio::sync::mpsc::channel(8);
    let mut client = pb::assessment_service_client::AssessmentServiceClient::with_interceptor(
        served.channel.clone(),
        for_an_hour(&ground, "lead"),
    );
    let commands = tokio_stream::wrappers::ReceiverStream::new(commands);
    let mut answers = client.apply_stream(commands).await.unwrap().into_inner();
    let open = |id: &str| pb::ApplyStreamRequest {
        command: Some(pb::Command {
            order: Some(pb::command::Order::OpenAssessment(pb::OpenAssessmentRequest {
                assessment: format!("{SUBJECT}/assessments/{id}"),
                act: Some(act()),
                framework: "frameworks/apa/versions/2006".to_owned(),
                cycle: id.to_owned(),
                ..pb::OpenAssessmentRequest::default()
            })),
        }),
    };
    sender.send(open("first")).await.unwrap();
    let first = answers.message().await.unwrap().unwrap().outcome.unwrap();
    assert!(matches!(first, pb::apply_stream_response::Outcome::Receipt(_)), "{first:?}");
    let head = served.head().await;

    ground.hands.turn(7_200 * SECOND, 7_200 * SECOND.unsigned_abs());
    // What comes now is not taken, however soon it comes.
    drop(sender.send(open("too-late")).await);
    let ended = tokio::time::timeout(Duration::from_secs(9), answers.message()).await.unwrap();
    assert_eq!(expired(&ended.unwrap_err()), None);
    assert_eq!(served.head().await, head, "nothing was recorded");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_ahead_ten_years_is_not_believed_until_it_is_right_or_confirmed() {
    let ground = Ground::new();
    let served = Served::on(ground.clone()).await.unwrap();
    let telling = Telling { long_text_bytes: 100, evidence: 2 };
    tell(&served.clients(), 0, telling).await;
    let name = assessment_of(0);
    let head = served.head().await;
    let known = as_of(&served.clients(), &name, head).await;

    let open = |cycle: &str| pb::OpenAssessmentRequest {
        assessment: format!("subjects/council-0/assessments/{cycle}"),
        act: Some(act()),
        framework: "frameworks/apa/versions/2005".to_owned(),
        cycle: cycle.to_owned(),
        ..pb::OpenAssessmentRequest::default()
    };
    ground.hands.turn(10 * YEAR, 1_000_000);
    let mut lead = served.assessments("lead");
    let status = lead.open_assessment(open("too-early")).await.unwrap_err();
    assert!(is_untrusted(&status), "{status:?}");
    let ahead: i64 = reason_of(&status).1["ahead_s"].parse().unwrap();
    assert_eq!(ahead, 10 * YEAR / SECOND - 1);
    assert_eq!(served.head().await, head, "nothing is recorded");
    assert_eq!(as_of(&served.clients(), &name, head).await, known, "reads go on");

    // A minute ahead is still believed, a second more is not. (The one second that passed on the
    // monotonic clock has passed for both.)
    ground.hands.turn(-10 * YEAR + 62 * SECOND, 0);
    let status = lead.open_assessment(open("too-early")).await.unwrap_err();
    assert!(is_untrusted(&status), "{status:?}");
    ground.hands.turn(-SECOND, 0);
    lead.open_assessment(open("in-time")).await.unwrap();

    // Who starts the ledger under a clock confirms it.
    ground.hands.turn(10 * YEAR, 0);
    let served = served.restart().await;
    served.assessments("lead").open_assessment(open("confirmed")).await.unwrap();
    let future = ground.hands.now();
    ground.hands.turn(-10 * YEAR, 1_000_000);
    // The ledger's time does not run back; credentials are judged by it.
    let clients = Clients { valid: Duration::from_hours(24 * 366 * 11), ..served.clients() };
    clients.assessments("lead").open_assessment(open("afterwards")).await.unwrap();
    let found = check_order(&clients).await;
    let at = found.last().unwrap().recorded_at.as_ref().unwrap();
    assert_eq!(at.seconds, future.as_second());
    assert_eq!(as_of(&clients, &name, head).await, known);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_a_frozen_clock_positions_decide() {
    let ground = Ground::new();
    let served = Served::on(ground.clone()).await.unwrap();
    for chapter in 0..2 {
        ground.hands.turn(0, 3_600_000_000);
        tell(&served.clients(), chapter, Telling { long_text_bytes: 100, evidence: 2 }).await;
    }
    let found = check_order(&served.clients()).await;
    let frozen = ground.hands.now().as_second();
    assert!(found.iter().all(|it| it.recorded_at.as_ref().unwrap().seconds == frozen));
    // Of records at one time, the moment knows them all.
    let time = prost_types::Timestamp { seconds: frozen, nanos: 0 };
    let request = pb::GetAssessmentRequest {
        known_at: Some(pb::get_assessment_request::KnownAt::KnownAtTime(time)),
        ..assessment(&assessment_of(1))
    };
    let read = served.get(request).await;
    assert_eq!(read.read.unwrap().position, found.len() as u64);
    served.stop().await;
}

/// A clock that does all of it, at random, with restarts in between. What is refused is known
/// beforehand: the rule of the specification, told a second time.
async fn jump(seed: u64) {
    let ground = Ground::new();
    let mut served = Served::on(ground.clone()).await.unwrap();
    let request = pb::RegisterSubjectRequest {
        act: Some(act()),
        subject: SUBJECT.to_owned(),
        display_name: "Leicester City Council".to_owned(),
        kind: "local authority".to_owned(),
        ..pb::RegisterSubjectRequest::default()
    };
    served.frameworks("admin").register_subject(request).await.unwrap();
    let name = served.open("apa-2006").await;
    let mut seeded = Seeded(seed);
    let (mut behind, mut refusals) = (0_i64, 0);
    let mut known: Vec<(u64, Vec<u8>)> = Vec::new();
    let mut before = None;
    for step in 0..40 {
        // How far the wall clock is from where the monotonic one has it.
        let days = i64::try_from(seeded.below(400)).unwrap();
        let offset = match seeded.below(6) {
            0 => -days * DAY,
            1 => 10 * YEAR - days * DAY,
            2 => i64::try_from(seeded.below(60)).unwrap() * SECOND,
            3 => 61 * SECOND,
            _ => 0,
        };
        ground.hands.turn(offset - behind + SECOND, 1_000_000);
        behind = offset;
        if seeded.below(12) == 0 && offset <= 0 {
            served = served.restart().await;
            behind = 0;
        }
        let level = if step % 2 == 0 { "2" } else { "3" };
        let act = explained("FACTUAL_ACCURACY");
        // A bearer whose credential outlasts every jump.
        let clients = Clients { valid: Duration::from_hours(24 * 366 * 40), ..served.clients() };
        let set = served.set_request(&name, AREA, level, act, before.map(last));
        match clients.assessments("inspector").set_grade(set).await {
            Ok(receipt) => {
                // Drift that was believed is where the clock is now.
                if behind.abs() <= 60 * SECOND {
                    behind = 0;
                }
                assert!(behind <= 0, "seed {seed}, step {step}: {behind} µs ahead");
                let at = receipt.into_inner().position;
                before = Some(at);
                known.push((at, as_of(&clients, &name, at).await));
            }
            Err(status) => {
                assert!(is_untrusted(&status), "seed {seed}, step {step}: {status:?}");
                assert!(behind > 60 * SECOND, "seed {seed}, step {step}: {behind} µs ahead");
                refusals += 1;
            }
        }
    }
    let clients = Clients { valid: Duration::from_hours(24 * 366 * 40), ..served.clients() };
    check_order(&clients).await;
    for (position, read) in &known {
        let again = as_of(&clients, &name, *position).await;
        assert_eq!(&again, read, "seed {seed}: as of position {position}");
    }
    assert!(refusals > 0 && known.len() > 10, "seed {seed}: {refusals}, {}", known.len());
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_about_changes_nothing_that_was_known() {
    let first = number("JUDGEMENT_LEDGER_CLOCK_SEED", 1);
    let runs = number("JUDGEMENT_LEDGER_CLOCK_RUNS", 5);
    println!("{runs} runs from seed {first} on");
    for seed in first..first + runs {
        jump(seed).await;
    }
}

/// Where Debian, Fedora and Arch put it.
const LIBRARIES: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
];

/// The real binary under a clock that is read from a file and can be set while it runs; its
/// monotonic clock stays true.
struct FalseClock {
    home: Home,
    library: &'static str,
}

impl FalseClock {
    /// None, said aloud, where the library is not installed.
    fn new() -> Option<Self> {
        let library = LIBRARIES.into_iter().find(|path| Path::new(path).exists());
        if library.is_none() {
            let said = "libfaketime is not installed (Debian: apt-get install faketime)";
            assert!(env::var_os("JUDGEMENT_LEDGER_ALL_TOOLS").is_none(), "{said}");
            println!("SKIPPED: {said}: clocks are turned through the port of the engine only");
        }
        let library = library?;
        let home = Home::new();
        let clock = Self { home, library };
        clock.set("+0");
        Some(clock)
    }

    fn set(&self, time: &str) {
        // In one step: the server reads it at every look at the clock.
        let (new, file) = (self.home.path("clock.new"), self.home.path("clock"));
        fs::write(&new, format!("{time}\n")).unwrap();
        fs::rename(new, file).unwrap();
    }

    fn start(&self) -> Running {
        let mut command = self.home.serve();
        command
            .env("LD_PRELOAD", self.library)
            .env("FAKETIME_TIMESTAMP_FILE", self.home.path("clock"))
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1");
        Running::start(command)
    }
}

/// Callers whose credentials outlast every jump.
fn patient(running: &Running) -> Clients {
    Clients { valid: Duration::from_hours(24 * 366 * 40), ..running.clients() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_real_binary_keeps_order_under_a_false_clock() {
    let Some(clock) = FalseClock::new() else { return };
    let telling = Telling { long_text_bytes: 100, evidence: 2 };
    let running = clock.start();
    let clients = patient(&running);
    tell(&clients, 0, telling).await;
    let head = check_order(&clients).await.len() as u64;
    let known = as_of(&clients, &assessment_of(0), head).await;
    let credentials = Credentials::new(&KEY).unwrap();
    let two_hours_ago = Timestamp::now() - Duration::from_hours(2);
    let hour = Duration::from_hours(1);
    let token = credentials.mint(&identity("auditor"), two_hours_ago, hour).unwrap();
    refused_as_expired(&clients, &token).await;

    // Back while it runs.
    clock.set("-400d");
    tell(&clients, 1, telling).await;
    let found = check_order(&clients).await;
    let raw = found.last().unwrap().clock.as_ref().expect("the false clock is read");
    let days = (Timestamp::now().as_second() - raw.seconds) / 86_400;
    assert!((399..=401).contains(&days), "{days} days");
    refused_as_expired(&clients, &token).await;

    // Ahead while it runs.
    clock.set("+3650d");
    let refused = clients.frameworks("admin").register_subject(subject("too-early")).await;
    let status = refused.unwrap_err();
    assert!(is_untrusted(&status), "{status:?}");
    clock.set("+0");
    clients.frameworks("admin").register_subject(subject("in-time")).await.unwrap();
    running.kill();

    // Started under a clock that is behind, then under one that stands still.
    for (time, id) in [("-400d", "behind"), ("2020-01-01 00:00:00", "frozen")] {
        clock.set(time);
        let running = clock.start();
        let clients = patient(&running);
        refused_as_expired(&clients, &token).await;
        clients.frameworks("admin").register_subject(subject(id)).await.unwrap();
        assert_eq!(as_of(&clients, &assessment_of(0), head).await, known);
        check_order(&clients).await;
        running.kill();
    }

    // Started ten years ahead, which confirms it.
    clock.set("+3650d");
    let running = clock.start();
    let clients = patient(&running);
    clients.frameworks("admin").register_subject(subject("confirmed")).await.unwrap();
    assert_eq!(as_of(&clients, &assessment_of(0), head).await, known);
    let found = check_order(&clients).await;
    let last = found.last().unwrap().recorded_at.as_ref().unwrap();
    assert!(last.seconds > Timestamp::now().as_second() + 3_600 * 86_400);
    running.kill();
}

fn subject(id: &str) -> pb::RegisterSubjectRequest {
    pb::RegisterSubjectRequest {
        act: Some(act()),
        subject: format!("subjects/{id}"),
        display_name: id.to_owned(),
        kind: "local authority".to_owned(),
        ..pb::RegisterSubjectRequest::default()
    }
}
