//! What the admin port tells of a server that starts, serves and goes down.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::ledger::{Contradiction, ReadOnly, ShownVitals};

const ANY: &str = "127.0.0.1:0";

/// The admin port of a server that is about to open its ledger.
async fn port() -> (Probes, AdminPort) {
    let probes = Probes::new().unwrap();
    let port = probes.listen(ANY.parse().unwrap()).await.unwrap();
    (probes, port)
}

/// Status and body of an answer.
async fn get(port: &AdminPort, path: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let answer = said(port, &request).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// All that is answered to some bytes until the connection ends.
async fn said(port: &AdminPort, bytes: &str) -> String {
    let mut connection = TcpStream::connect(port.address).await.unwrap();
    connection.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

fn is(status: u16, body: &str) -> (u16, String) {
    (status, format!("{body}\n"))
}

#[tokio::test]
async fn a_server_lives_before_its_ledger_is_open_and_says_how_far_that_is() {
    let (probes, port) = port().await;
    assert_eq!(get(&port, "/livez").await, is(200, "alive"));
    let opening = is(503, "the ledger is being opened");
    assert_eq!(get(&port, "/startupz").await, opening);
    assert_eq!(get(&port, "/readyz").await, opening);
    probes.opening(12, 90);
    let folding = is(503, "the ledger is being opened: 12 of 90 records are folded");
    assert_eq!(get(&port, "/startupz").await, folding);
    assert_eq!(get(&port, "/readyz").await, folding);
    let ledger = ShownVitals::ledger_of(90);
    probes.open(ledger.vitals());
    assert_eq!(get(&port, "/startupz").await, is(200, "started"));
    assert_eq!(get(&port, "/readyz").await, is(200, "ready"));
}

#[tokio::test]
async fn readiness_says_what_is_refused() {
    let (probes, port) = port().await;
    let ledger = ShownVitals::ledger_of(9);
    probes.open(ledger.vitals());
    for (reads, expected) in [
        (Reads::Refused, is(503, "the views are being rebuilt: no readings")),
        (Reads::Waiting, is(200, "ready")),
        (Reads::Answered, is(200, "ready")),
    ] {
        ledger.reads.send_replace(reads);
        assert_eq!(get(&port, "/readyz").await, expected);
    }
    probes.metrics().disk_full.set(true);
    let full = is(200, "ready for readings; commands are refused: DISK_FULL");
    assert_eq!(get(&port, "/readyz").await, full);
    probes.metrics().disk_full.set(false);
    probes.metrics().journal_unreachable.set(true);
    let stale =
        is(200, "ready for readings of before; commands are refused: the database takes none");
    assert_eq!(get(&port, "/readyz").await, stale);
    let read_only = ReadOnly { signed: 10, head: 9, how: Contradiction::Behind };
    ledger.read_only.send_replace(Some(read_only));
    let closed = is(200, "ready for readings; commands are refused: READ_ONLY");
    assert_eq!(get(&port, "/readyz").await, closed);
    ledger.stopped.cancel();
    assert_eq!(get(&port, "/readyz").await, is(503, "the ledger has stopped"));
    probes.draining();
    assert_eq!(get(&port, "/readyz").await, is(503, "the server is going down"));
    assert_eq!(get(&port, "/livez").await, is(200, "alive"), "it lives until it is gone");
    assert_eq!(get(&port, "/startupz").await, is(200, "started"), "and was started");
}

#[tokio::test]
async fn metrics_say_where_the_ledger_stands_once_it_is_open() {
    let (probes, port) = port().await;
    let head = "judgement_ledger_head_position 9\n";
    let (status, before) = get(&port, "/metrics").await;
    assert!(status == 200 && !before.contains(head), "{before}");
    let ledger = ShownVitals::ledger_of(9);
    ledger.covered.send_replace(7);
    probes.open(ledger.vitals());
    let (_, page) = get(&port, "/metrics").await;
    assert!(page.contains(head), "{page}");
    assert!(page.contains("judgement_ledger_covered_position 7\n"), "{page}");
}

#[tokio::test]
async fn the_version_is_told_as_json() {
    let (_probes, port) = port().await;
    let (status, body) = get(&port, "/version").await;
    let told: serde_json::Value = serde_json::from_str(&body).unwrap();
    let expected = serde_json::json!({"name": "judgement-ledger", "version": "0.1.0"});
    assert_eq!((status, told), (200, expected));
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_nothing_is_taken() {
    let (_probes, port) = port().await;
    assert_eq!(get(&port, "/").await.0, 404);
    let sent = "POST /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    assert!(said(&port, sent).await.starts_with("HTTP/1.1 405 "));
    // Headers have a limit.
    let long = format!("GET /livez HTTP/1.1\r\nHost: a\r\nX-A: {}\r\n\r\n", "a".repeat(20_000));
    let mut connection = TcpStream::connect(port.address).await.unwrap();
    // It may be cut off before all is sent.
    drop(connection.write_all(long.as_bytes()).await);
    let mut answer = Vec::new();
    drop(connection.read_to_end(&mut answer).await);
    assert!(!String::from_utf8_lossy(&answer).contains(" 200 "), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_loses_the_place() {
    let (_probes, port) = port().await;
    // All places are taken by clients who begin and do not go on.
    let mut taken = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        let mut connection = TcpStream::connect(port.address).await.unwrap();
        connection.write_all(b"GET /livez").await.unwrap();
        taken.push(connection);
    }
    let began = tokio::time::Instant::now();
    assert_eq!(get(&port, "/livez").await, is(200, "alive"));
    let waited = began.elapsed();
    assert!((HEADERS_WAIT..HEADERS_WAIT * 2).contains(&waited), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn no_connection_lasts_for_ever() {
    let (_probes, port) = port().await;
    let mut connection = TcpStream::connect(port.address).await.unwrap();
    let began = tokio::time::Instant::now();
    let mut answer = [0; 1_024];
    loop {
        let sent = connection.write_all(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").await;
        if sent.is_err() || connection.read(&mut answer).await.unwrap_or(0) == 0 {
            break;
        }
        tokio::time::sleep(HEADERS_WAIT / 2).await;
    }
    let lasted = began.elapsed();
    assert!((CONNECTION_AGE_MAX..CONNECTION_AGE_MAX * 2).contains(&lasted), "{lasted:?}");
}

#[tokio::test]
async fn the_port_is_closed_with_its_handle() {
    let (_probes, port) = port().await;
    let address = port.address;
    drop(port);
    while TcpStream::connect(address).await.is_ok() {}
}

#[tokio::test]
async fn a_port_that_is_taken_says_what_to_do() {
    let (probes, port) = port().await;
    let Err(failure) = probes.listen(port.address).await else { panic!("it was taken") };
    assert!(failure.to_string().contains("--admin-listen"), "{failure}");
}
