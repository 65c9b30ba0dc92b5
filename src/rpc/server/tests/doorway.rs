//! The way in: connections that do not begin, or do not go on.

use std::num::NonZeroU32;

use futures_util::StreamExt as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixListener,
    time::{Instant, timeout},
};
use tonic::transport::{Channel, Endpoint};

use super::*;
use crate::{
    judgement::Text,
    rpc::{Credentials, Identity, doorway::Doorway},
};

/// The preface of HTTP/2, and settings that change nothing. (RFC 9113 §3.4)
const GREETING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const PING: &[u8] = b"\0\0\x08\x06\0\0\0\0\0abcdefgh";

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// Waits until a peer has closed a connection, whatever it says before.
async fn closed(mut connection: TcpStream) {
    let mut said = [0; 1_024];
    let over = async { while connection.read(&mut said).await.is_ok_and(|read| read > 0) {} };
    timeout(PATIENCE, over).await.expect("it is closed");
}

#[tokio::test]
async fn who_connects_and_does_not_begin_is_closed() {
    let server = running(LIMITS).await;
    for words in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r"] {
        let mut connection = TcpStream::connect(server.address).await.unwrap();
        connection.write_all(words).await.unwrap();
        let began = Instant::now();
        closed(connection).await;
        assert!(began.elapsed() >= Duration::from_secs(2), "not before it could have begun");
    }
    assert_eq!(server.get("").await.unwrap(), "j.smith");
}

#[tokio::test]
async fn the_places_of_those_who_do_not_begin_are_few_for_each_address_and_come_free() {
    let server = running(LIMITS).await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(TcpStream::connect(server.address).await.unwrap());
    }
    // All but 64 are closed at once, those soon; an honest one from there comes in again.
    for connection in silent {
        closed(connection).await;
    }
    assert_eq!(server.get("").await.unwrap(), "j.smith");
}

#[tokio::test]
async fn there_are_no_more_connections_than_there_may_be() {
    let server = running(Limits { connections_max: 3, ..LIMITS }).await;
    assert_eq!(server.get("").await.unwrap(), "j.smith");
    let mut others = Vec::new();
    for _ in 0..2 {
        let mut connection = TcpStream::connect(server.address).await.unwrap();
        connection.write_all(GREETING).await.unwrap();
        connection.read_exact(&mut [0; 9]).await.unwrap();
        others.push(connection);
    }
    let mut one_more = TcpStream::connect(server.address).await.unwrap();
    drop(one_more.write_all(GREETING).await);
    closed(one_more).await;
    drop(others.pop());
    let again = async {
        loop {
            let mut connection = TcpStream::connect(server.address).await.unwrap();
            drop(connection.write_all(GREETING).await);
            if connection.read_exact(&mut [0; 9]).await.is_ok() {
                break;
            }
        }
    };
    timeout(PATIENCE, again).await.expect("a place that came free is given again");
    assert_eq!(server.get("").await.unwrap(), "j.smith");
}

#[tokio::test]
async fn who_pings_without_end_is_closed_and_who_pings_now_and_then_is_not() {
    let server = running(LIMITS).await;
    let mut connection = TcpStream::connect(server.address).await.unwrap();
    connection.write_all(GREETING).await.unwrap();
    connection.write_all(&PING.repeat(900)).await.unwrap();
    let mut said = Vec::new();
    let answered = async {
        while said.len() < 900 * PING.len() {
            let read = connection.read_buf(&mut said).await.unwrap();
            assert!(read > 0, "900 pings are taken");
        }
    };
    timeout(PATIENCE, answered).await.unwrap();
    drop(connection.write_all(&PING.repeat(1_000)).await);
    closed(connection).await;
    assert_eq!(server.get("").await.unwrap(), "j.smith");
}

#[tokio::test]
async fn a_server_listens_under_a_path_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let mut doorway = Doorway::open(listener.into(), None, 10, Metrics::new(0).unwrap());
    let mut client = tokio::net::UnixStream::connect(&path).await.unwrap();
    client.write_all(b"GET /checkpoint HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut connection = doorway.next().await.unwrap().unwrap();
    let mut said = [0; 15];
    connection.read_exact(&mut said).await.unwrap();
    assert_eq!(&said, b"GET /checkpoint");
}

#[tokio::test]
async fn who_calls_too_often_is_told_when_to_come_back() {
    let often = NonZeroU32::new(3).unwrap();
    let server = running(Limits { caller_calls_per_second: Some(often), ..LIMITS }).await;
    let mut refused = None;
    for _ in 0..100 {
        if let Err(status) = server.get("").await {
            refused = Some(status);
            break;
        }
    }
    let status = refused.expect("a hundred calls take less than thirty seconds");
    let back = status.get_details_retry_info().unwrap().retry_delay.unwrap();
    assert!(back <= Duration::from_millis(334), "{back:?}");
    assert_eq!(told(Err::<(), _>(status)), is(Code::ResourceExhausted, "TOO_FREQUENT"));
    // Another caller is another matter.
    let other = Identity { login: Text::parse("a.jones").unwrap(), ..running::caller() };
    let credentials = Credentials::new(&running::SEED).unwrap();
    let token = credentials.mint(&other, running::began(), Duration::from_mins(1)).unwrap();
    let another = Running { token, ..server };
    assert_eq!(another.get("").await.unwrap(), "a.jones");
}

#[tokio::test]
async fn one_caller_has_at_most_half_of_all_streams_and_another_has_the_rest() {
    let often = NonZeroU32::new(1_000);
    let limits = Limits { streams_max: 2, caller_calls_per_second: often, ..LIMITS };
    let server = running(limits).await;
    let first = open_stream(&server, None).await.unwrap();
    let second = open_stream(&server, None).await.map(drop);
    assert_eq!(told(second), is(Code::ResourceExhausted, "BUSY"));
    let other = Identity { login: Text::parse("a.jones").unwrap(), ..running::caller() };
    let credentials = Credentials::new(&running::SEED).unwrap();
    let token = credentials.mint(&other, running::began(), Duration::from_mins(1)).unwrap();
    let another = Running { token, ..server };
    let _theirs = open_stream(&another, None).await.unwrap();
    drop(first);
}

/// Opens a stream over a connection, which stays open as long as the sender lives.
async fn open_over(
    server: &Running,
    channel: &Channel,
) -> Result<(mpsc::Sender<pb::ApplyStreamRequest>, Streaming<pb::ApplyStreamResponse>), Status> {
    let (sender, commands) = mpsc::channel(1);
    let request = server.request(ReceiverStream::new(commands));
    let opened = AssessmentServiceClient::new(channel.clone()).apply_stream(request).await;
    opened.map(|answers| (sender, answers.into_inner()))
}

#[tokio::test]
async fn the_257th_call_on_one_connection_is_refused_and_the_256th_is_not() {
    let server = running(Limits { streams_max: 1_000, ..LIMITS }).await;
    let endpoint = Endpoint::from_shared(format!("http://{}", server.address)).unwrap();
    let (one, other) = (endpoint.connect().await.unwrap(), endpoint.connect().await.unwrap());
    let mut open = Vec::new();
    for _ in 0..256 {
        open.push(open_over(&server, &one).await.unwrap());
    }
    let refused = open_over(&server, &one).await.map(drop);
    assert_eq!(told(refused), is(Code::ResourceExhausted, "BUSY"));
    open_over(&server, &other).await.unwrap();
    open.pop();
    // The place is free once the server has seen the stream end; until then it says so.
    let again = async { while open_over(&server, &one).await.is_err() {} };
    timeout(PATIENCE, again).await.expect("a place that came free is given again");
}
