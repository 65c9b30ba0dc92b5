//! The layers and standard services against real sockets, around a service that only echoes.

mod doorway;
mod ending;
mod reflected;
mod running;
mod spoken;
mod tls;
mod told;

use tokio::{net::TcpStream, sync::mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Status, Streaming, client::Grpc, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus as Answered,
    health_client::HealthClient,
};
use tonic_prost::ProstCodec;
use tonic_types::StatusExt;

use super::*;
use crate::{
    ledger::Contradiction,
    pb::{
        self, assessment_service_client::AssessmentServiceClient,
        framework_service_client::FrameworkServiceClient,
    },
    rpc::Limits,
};
use prost::Message as _;
use running::{APPLY, GET, LIMITS, Running, running};

fn told<T: std::fmt::Debug>(answer: Result<T, Status>) -> (Code, String) {
    let status = answer.unwrap_err();
    let reason = status.get_details_error_info().map_or_else(String::new, |info| info.reason);
    (status.code(), reason)
}

fn is(code: Code, reason: &str) -> (Code, String) {
    (code, reason.to_owned())
}

/// Its first field is a number, where every method has a message or a string.
fn malformed() -> pb::ReadToken {
    pb::ReadToken { position: 7, recorded_at: None }
}

fn oversize() -> pb::GetFrameworkRequest {
    pb::GetFrameworkRequest { name: "x".repeat(2_000) }
}

#[tokio::test]
async fn a_call_with_a_credential_is_answered() {
    let server = running(LIMITS).await;
    assert_eq!(server.get("").await.unwrap(), "j.smith");
}

#[tokio::test]
async fn a_call_without_a_credential_is_not() {
    let server = running(LIMITS).await;
    let mut client = FrameworkServiceClient::new(server.channel.clone());
    let answer = client.get_framework(pb::GetFrameworkRequest::default()).await;
    assert_eq!(told(answer), is(Code::Unauthenticated, "CREDENTIAL_MISSING"));
    // Nor is it told whether a method exists.
    let mut anybody = Grpc::new(server.channel.clone());
    anybody.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/judgement.ledger.v1.Nothing/AtAll");
    let codec = ProstCodec::<pb::ReadToken, pb::ReadToken>::default();
    let made_up = anybody.unary(Request::new(malformed()), path, codec).await;
    assert_eq!(told(made_up), is(Code::Unauthenticated, "CREDENTIAL_MISSING"));
}

#[tokio::test]
async fn bytes_that_are_no_message_are_an_invalid_argument() {
    let server = running(LIMITS).await;
    let unary = server.send(GET, malformed()).await;
    assert_eq!(told(unary), is(Code::InvalidArgument, "MALFORMED"));
    let streamed = server.stream(APPLY, vec![malformed()]).await;
    assert_eq!(told(streamed), is(Code::InvalidArgument, "MALFORMED"));
}

#[tokio::test]
async fn no_message_at_all_is_an_invalid_argument() {
    let server = running(LIMITS).await;
    // A stream without a message, to a method that takes exactly one.
    let answer = server.stream::<pb::ReadToken>(GET, vec![]).await;
    assert_eq!(told(answer), is(Code::InvalidArgument, "MALFORMED"));
}

#[tokio::test]
async fn a_message_that_is_too_large_exhausts_a_resource() {
    let server = running(LIMITS).await;
    let too_large = is(Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
    assert_eq!(told(server.send(GET, oversize()).await), too_large);
    assert_eq!(told(server.stream(APPLY, vec![oversize()]).await), too_large);
}

#[tokio::test]
async fn a_message_that_is_too_large_once_decompressed_is_refused_alike() {
    let server = running(LIMITS).await;
    for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Zstd] {
        let mut client = FrameworkServiceClient::new(server.channel.clone())
            .send_compressed(encoding)
            .accept_compressed(encoding);
        let answer = client.get_framework(server.request(oversize())).await;
        assert_eq!(told(answer), is(Code::ResourceExhausted, "MESSAGE_TOO_LARGE"));
        let small = pb::GetFrameworkRequest { name: "x".repeat(900) };
        let taken = client.get_framework(server.request(small)).await.unwrap();
        assert_eq!(taken.get_ref().title, "j.smith");
    }
}

#[tokio::test]
async fn an_unknown_method_is_named_as_such() {
    let server = running(LIMITS).await;
    let path = "/judgement.ledger.v1.FrameworkService/Forget";
    let answer = server.send(path, malformed()).await;
    assert_eq!(told(answer), is(Code::Unimplemented, "METHOD_UNKNOWN"));
    let elsewhere = server.send("/no.such.Service/Method", malformed()).await;
    assert_eq!(told(elsewhere), is(Code::Unimplemented, "METHOD_UNKNOWN"));
}

#[tokio::test]
async fn a_deadline_that_passes_is_answered_as_one() {
    let patient = running(LIMITS).await;
    let slow = pb::GetFrameworkRequest { name: "slow".to_owned() }.encode_to_vec();
    let mut framed = vec![0, 0, 0, 0, u8::try_from(slow.len()).unwrap()];
    framed.extend(slow);
    // Stated by a client that keeps no time itself: then tonic's timer and ours race here.
    let head = format!("{}grpc-timeout: 20m\r\n", web_call(&patient.token));
    for _ in 0..6 {
        let answer = browser(&patient, &head, &framed).await;
        assert!(answer.contains("grpc-status: 4\r\n"), "{answer}");
    }
    let hasty = running(Limits { unary_max: Duration::from_millis(20), ..LIMITS }).await;
    let answer = hasty.get("slow").await;
    assert_eq!(told(answer), is(Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
}

/// Opens a stream of commands that stays open as long as the sender lives.
async fn open_stream(
    server: &Running,
    timeout: Option<&str>,
) -> Result<(mpsc::Sender<pb::ApplyStreamRequest>, Streaming<pb::ApplyStreamResponse>), Status> {
    let (sender, commands) = mpsc::channel(1);
    let commands = ReceiverStream::new(commands);
    let mut request = server.request(commands);
    if let Some(timeout) = timeout {
        request.metadata_mut().insert("grpc-timeout", timeout.parse().unwrap());
    }
    let mut client = AssessmentServiceClient::new(server.channel.clone());
    let answers = client.apply_stream(request).await?;
    Ok((sender, answers.into_inner()))
}

#[tokio::test]
async fn a_stream_ends_at_its_deadline_too() {
    let server = running(LIMITS).await;
    let (_sender, mut answers) = open_stream(&server, Some("50m")).await.unwrap();
    let answer = answers.message().await;
    assert_eq!(told(answer), is(Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
}

#[tokio::test]
async fn a_panic_is_a_defect_and_the_connection_lives_on() {
    let server = running(LIMITS).await;
    assert_eq!(told(server.get("panic").await), is(Code::Internal, "INTERNAL"));
    assert_eq!(server.get("").await.unwrap(), "j.smith");
}

#[tokio::test]
async fn one_stream_too_many_is_told_to_come_back_and_health_is_answered_all_the_same() {
    let server = running(LIMITS).await;
    let first = open_stream(&server, None).await.unwrap();
    let _second = open_stream(&server, None).await.unwrap();
    let refused = open_stream(&server, None).await.map(drop).unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    let details = refused.get_error_details();
    assert_eq!(details.error_info().unwrap().reason, "BUSY");
    assert!(details.retry_info().is_some());
    // Unary calls and health have their own room.
    assert_eq!(server.get("").await.unwrap(), "j.smith");
    assert_eq!(health(&server, "").await, Ok(Answered::Serving));

    drop(first);
    // The place is free once the server has seen the stream end; until then it says so.
    loop {
        match open_stream(&server, None).await {
            Ok(_) => break,
            Err(status) => assert_eq!(status.code(), Code::ResourceExhausted),
        }
    }
}

#[tokio::test]
async fn one_call_too_many_is_told_to_come_back() {
    let server = running(Limits { calls_max: 0, ..LIMITS }).await;
    assert_eq!(told(server.get("").await), is(Code::ResourceExhausted, "BUSY"));
    assert_eq!(health(&server, "").await, Ok(Answered::Serving));
}

async fn health(server: &Running, service: &str) -> Result<Answered, Code> {
    health_over(&server.channel, service).await
}

async fn health_over(channel: &Channel, service: &str) -> Result<Answered, Code> {
    let asked = HealthCheckRequest { service: service.to_owned() };
    let answer = HealthClient::new(channel.clone())
        .send_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Gzip)
        .check(asked)
        .await;
    answer.map(|answer| answer.into_inner().status()).map_err(|status| status.code())
}

#[tokio::test]
async fn health_is_told_to_anybody_in_gzip_for_each_service() {
    let server = running(LIMITS).await;
    assert_eq!(health(&server, "").await, Ok(Answered::Serving));
    let service = "judgement.ledger.v1.FrameworkService";
    assert_eq!(health(&server, service).await, Ok(Answered::Serving));
    assert_eq!(health(&server, "no.such.Service").await, Err(Code::NotFound));

    server.ledger_stopped.cancel();
    // Turned by another task: health itself says when.
    while health(&server, service).await == Ok(Answered::Serving) {}
    assert_eq!(health(&server, service).await, Ok(Answered::NotServing));
    assert_eq!(health(&server, "").await, Ok(Answered::NotServing));
    assert_eq!(server.get("").await.unwrap(), "j.smith", "calls are answered all the same");
}

#[tokio::test]
async fn health_says_whether_readings_are_served() {
    let server = running(LIMITS).await;
    for (reads, expected) in [
        (Reads::Refused, Answered::NotServing),
        (Reads::Waiting, Answered::Serving),
        (Reads::Refused, Answered::NotServing),
        (Reads::Answered, Answered::Serving),
    ] {
        server.reads.send_replace(reads);
        // Turned by another task: health itself says when.
        while health(&server, "").await != Ok(expected) {}
        assert_eq!(server.get("").await.unwrap(), "j.smith", "calls are answered all the same");
    }
    server.ledger_stopped.cancel();
    while health(&server, "").await == Ok(Answered::Serving) {}
    // What stopped serves no more, whatever becomes of readings.
    server.reads.send_replace(Reads::Waiting);
    server.get("").await.unwrap();
    assert_eq!(health(&server, "").await, Ok(Answered::NotServing));
}

#[tokio::test]
async fn health_says_whether_commands_are_taken() {
    let server = running(LIMITS).await;
    let behind = ReadOnly { signed: 2, head: 1, how: Contradiction::Behind };
    for (read_only, disk_full, unreachable, expected) in [
        (None, false, false, Answered::Serving),
        (None, true, false, Answered::NotServing),
        (Some(behind), true, false, Answered::NotServing),
        (Some(behind), false, false, Answered::NotServing),
        (None, false, false, Answered::Serving),
        (None, false, true, Answered::NotServing),
        (None, false, false, Answered::Serving),
        (Some(behind), false, false, Answered::NotServing),
    ] {
        server.read_only.send_replace(read_only);
        server.metrics.disk_full.set(disk_full);
        server.metrics.journal_unreachable.set(unreachable);
        while health(&server, WRITES).await != Ok(expected) {}
        assert_eq!(health(&server, "").await, Ok(Answered::Serving), "readings are answered");
    }
}

#[tokio::test]
async fn the_server_goes_down_in_order() {
    let server = running(LIMITS).await;
    let (_sender, mut answers) = open_stream(&server, None).await.unwrap();
    server.shutdown.cancel();
    // A stream that does not end by itself is ended, and told why.
    let answer = answers.message().await;
    assert_eq!(told(answer), is(Code::Unavailable, "DRAINING"));
    drop((answers, server.channel));
    assert!(matches!(server.ended.await.unwrap(), Ok(WentDown::InOrder)));
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn calls_that_do_not_end_are_cut() {
    let limits = Limits { drain_max: Duration::from_millis(50), ..LIMITS };
    let server = running(limits).await;
    let _stuck = open_stream(&server, None).await.unwrap();
    server.shutdown.cancel();
    let ended = server.ended.await.unwrap();
    assert!(matches!(ended, Ok(WentDown::Cut { calls: 1, after_s: 0 })), "{ended:?}");
}

/// The head of a call from a page.
fn web_call(token: &str) -> String {
    format!(
        "POST {GET} HTTP/1.1\r\nOrigin: https://page.example\r\n\
         Content-Type: application/grpc-web+proto\r\nX-Grpc-Web: 1\r\n\
         Authorization: Bearer {token}\r\n"
    )
}

/// One HTTP/1.1 exchange, as a browser has it.
async fn browser(server: &Running, head: &str, body: &[u8]) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut connection = TcpStream::connect(server.address).await.unwrap();
    let head = format!("{head}Host: ledger.example\r\nConnection: close\r\n");
    let head = format!("{head}Content-Length: {}\r\n\r\n", body.len());
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_may_call_and_see_details() {
    let server = running(LIMITS).await;
    let preflight = |origin: &str| {
        format!(
            "OPTIONS {GET} HTTP/1.1\r\nOrigin: {origin}\r\n\
             Access-Control-Request-Method: POST\r\n\
             Access-Control-Request-Headers: x-grpc-web,content-type,authorization\r\n"
        )
    };
    let allowed = browser(&server, &preflight("https://page.example"), b"").await;
    assert!(allowed.contains("access-control-allow-origin: https://page.example"), "{allowed}");
    let other = browser(&server, &preflight("https://other.example"), b"").await;
    assert!(!other.contains("access-control-allow-origin"), "{other}");

    let answered = browser(&server, &web_call(&server.token), &[0; 5]).await;
    assert!(answered.contains("j.smith") && answered.contains("grpc-status:0"), "{answered}");
    let refused = browser(&server, &web_call("nobody"), &[0; 5]).await;
    let exposed = "access-control-expose-headers: grpc-status,grpc-message,grpc-status-details-bin";
    assert!(refused.contains(exposed) && refused.contains("grpc-status: 16"), "{refused}");
}
