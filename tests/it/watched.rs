//! What a supervisor sees of the real binary: probes, metrics, notifications, and how it stops.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    os::unix::net::UnixDatagram,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use judgement_ledger::pb;
use tempfile::TempDir;
use tonic::{Code, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_types::StatusExt as _;

use crate::{
    binary::{Home, Running},
    served::{KEY, SUBJECT, act},
};

/// How long anything may take on a machine that has more to do.
const PATIENCE: Duration = Duration::from_mins(1);

/// Status and body of a page of the admin port at `address`, which is a URL.
pub fn page(address: &str, path: &str) -> (u16, String) {
    let host = address.strip_prefix("http://").unwrap();
    let mut connection = TcpStream::connect(host).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    let asked = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    connection.write_all(asked.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn is(status: u16, body: &str) -> (u16, String) {
    (status, format!("{body}\n"))
}

/// Waits until something is so; fails if it never is.
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let over = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < over, "{what}");
        std::thread::yield_now();
    }
}

fn tell(process: u32, signal: &str) {
    let status = Command::new("kill").args([&format!("-{signal}"), &process.to_string()]).status();
    assert!(status.unwrap().success());
}

/// Registers a subject; the position of its record.
async fn register(server: &Running, subject: &str) -> u64 {
    let request = pb::RegisterSubjectRequest {
        act: Some(act()),
        subject: subject.to_owned(),
        display_name: "A council".to_owned(),
        kind: "local authority".to_owned(),
        ..pb::RegisterSubjectRequest::default()
    };
    let mut client = server.clients().frameworks("admin");
    client.register_subject(request).await.unwrap().into_inner().position
}

/// The position of a subject's record, if it is there.
async fn registered(server: &Running, subject: &str) -> Option<String> {
    let request = pb::GetSubjectRequest { name: subject.to_owned(), ..Default::default() };
    let found = server.clients().frameworks("auditor").get_subject(request).await;
    found.ok().map(|found| found.into_inner().name)
}

async fn health(channel: &Channel) -> ServingStatus {
    let asked = HealthCheckRequest::default();
    HealthClient::new(channel.clone()).check(asked).await.unwrap().into_inner().status()
}

#[test]
fn a_server_is_watched_before_its_ledger_is_open() {
    let home = Home::new();
    // Its key comes late: the server waits for it before it opens the ledger.
    let key = home.path("token.key");
    fs::remove_file(&key).unwrap();
    assert!(Command::new("mkfifo").arg(&key).status().unwrap().success());
    let mut child = home.serve().stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let said = |line: &String| line.starts_with("metrics and probes on ");
    let line = lines.find(said).unwrap();
    let admin = line.strip_prefix("metrics and probes on ").unwrap();
    assert_eq!(page(admin, "/livez"), is(200, "alive"));
    assert_eq!(page(admin, "/startupz"), is(503, "the ledger is being opened"));
    assert_eq!(page(admin, "/readyz"), is(503, "the ledger is being opened"));
    let (status, metrics) = page(admin, "/metrics");
    assert!(status == 200 && metrics.contains("process_start_time_seconds"), "{metrics}");
    assert!(!home.path("data").join("journal").exists(), "it is not open yet");

    fs::write(&key, KEY).unwrap();
    lines.find(|line| line.starts_with("serving on ")).unwrap();
    assert_eq!(page(admin, "/startupz"), is(200, "started"));
    wait_until("it is ready", || page(admin, "/readyz") == is(200, "ready"));
    assert_eq!(page(admin, "/version").0, 200);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test]
async fn a_server_goes_down_in_order() {
    let home = Home::new();
    let server = Running::start(home.serve());
    let subject = SUBJECT;
    let position = register(&server, subject).await;
    let request = pb::StreamRecordsRequest::default();
    let mut audits = server.clients().audits();
    let mut records = audits.stream_records(request).await.unwrap().into_inner();
    let channel = server.clients().channel;
    assert_eq!(health(&channel).await, ServingStatus::Serving);

    tell(server.id(), "TERM");
    while health(&channel).await == ServingStatus::Serving {}
    assert_eq!(page(&server.admin, "/readyz"), is(503, "the server is going down"));
    assert_eq!(page(&server.admin, "/livez"), is(200, "alive"));
    // It still answers, so that whoever spreads load can turn to others first.
    assert_eq!(registered(&server, subject).await.as_deref(), Some(subject));
    let status = loop {
        match records.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("a stream ends with a word on where to go on"),
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.reason, "DRAINING");
    assert!(info.metadata["resume_after"].parse::<u64>().unwrap() >= position);
    drop((records, audits, channel));
    let admin = server.admin.clone();
    assert_eq!(server.end().code(), Some(0));
    assert!(TcpStream::connect(admin.strip_prefix("http://").unwrap()).is_err());

    let again = Running::start(home.serve());
    assert_eq!(registered(&again, subject).await.as_deref(), Some(subject));
    again.kill();
}

#[tokio::test]
async fn a_second_signal_ends_at_once_and_loses_nothing() {
    let home = Home::new();
    for (first, second) in [("TERM", "TERM"), ("INT", "TERM"), ("TERM", "INT")] {
        let mut server = Running::start(home.serve());
        let subject = format!("subjects/{}-{}", first.to_lowercase(), second.to_lowercase());
        register(&server, &subject).await;
        tell(server.id(), first);
        wait_until("it is stopping", || server.said().contains("stopping: "));
        // Long before connections are refused, which takes five seconds: it is told until it counts.
        let over = Instant::now() + Duration::from_secs(4);
        while server.runs() {
            assert!(Instant::now() < over, "it goes down in order though it is told to hurry");
            tell(server.id(), second);
            std::thread::sleep(Duration::from_millis(100));
        }
        let (status, said) = server.end_and_say();
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(said.contains("told to stop twice"), "{said}");
        let again = Running::start(home.serve());
        assert_eq!(registered(&again, &subject).await.as_deref(), Some(&*subject));
        again.kill();
    }
}

/// As `timeout` tells it: the process, and then its group.
#[test]
fn a_signal_that_comes_twice_at_once_counts_once() {
    let home = Home::new();
    let server = Running::start(home.serve());
    tell(server.id(), "TERM");
    wait_until("it is stopping", || server.said().contains("stopping: "));
    tell(server.id(), "TERM");
    let (status, said) = server.end_and_say();
    assert_eq!(status.code(), Some(0), "{said}");
}

#[test]
fn a_supervisor_that_asks_is_told() {
    let home = Home::new();
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = home.serve();
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "200000");
    let server = Running::start(command);
    let next = || {
        let mut told = [0; 256];
        let count = socket.recv(&mut told).unwrap();
        String::from_utf8_lossy(&told[..count]).trim_end().to_owned()
    };
    assert_eq!(next(), "READY=1");
    // Twice, so it is not only said once at the start.
    assert_eq!([next(), next()], ["WATCHDOG=1", "WATCHDOG=1"]);
    tell(server.id(), "TERM");
    let mut told = next();
    while told == "WATCHDOG=1" {
        told = next();
    }
    assert_eq!(told, "STOPPING=1");
    assert_eq!(next(), "WATCHDOG=1", "it lives until it has stopped");
    server.kill();
}
