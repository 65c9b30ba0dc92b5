//! Spans of calls, as a collector receives them from the real binary. Only with the feature `otel`.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    process::Command,
    task::{Context, Poll},
};

use judgement_ledger::pb;
use prost::Message;
use tokio::{net::TcpListener, sync::mpsc};
use tonic::{
    Code, Request, Response, Status,
    body::Body,
    server::{Grpc, NamedService, UnaryService},
    transport::{Server, server::TcpIncoming},
};
use tonic_prost::ProstCodec;

use crate::{
    binary::{Home, Running},
    secrets::{say_all, traced},
    served::SUBJECT,
};

/// OTLP's `ExportTraceServiceRequest`, with all that is in it.
#[derive(Clone, PartialEq, Message)]
struct Export {
    #[prost(bytes = "vec", repeated, tag = "1")]
    resources: Vec<Vec<u8>>,
}

impl Export {
    /// What is read of it, by the numbers of its proto.
    fn read(&self) -> Vec<ResourceSpans> {
        let read = |resource: &Vec<u8>| ResourceSpans::decode(&**resource).unwrap();
        self.resources.iter().map(read).collect()
    }
}

#[derive(Clone, PartialEq, Message)]
struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scopes: Vec<ScopeSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct ScopeSpans {
    #[prost(message, repeated, tag = "2")]
    spans: Vec<Span>,
}

#[derive(Clone, PartialEq, Message)]
struct Span {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    parent_span_id: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(int32, tag = "6")]
    kind: i32,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<KeyValue>,
    #[prost(message, repeated, tag = "11")]
    events: Vec<Empty>,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyValue {
    #[prost(string, tag = "1")]
    string: String,
}

#[derive(Clone, PartialEq, Message)]
struct Empty {}

/// What stands under a key.
fn value<'a>(attributes: &'a [KeyValue], key: &str) -> &'a str {
    let found = attributes.iter().find(|it| it.key == key);
    found.and_then(|it| it.value.as_ref()).map_or("", |value| &value.string)
}

/// A collector that passes on what it gets.
#[derive(Clone)]
struct Collector(mpsc::UnboundedSender<Export>);

impl NamedService for Collector {
    const NAME: &'static str = "opentelemetry.proto.collector.trace.v1.TraceService";
}

impl UnaryService<Export> for Collector {
    type Response = Empty;
    type Future = Ready<Result<Response<Empty>, Status>>;

    fn call(&mut self, request: Request<Export>) -> Self::Future {
        drop(self.0.send(request.into_inner()));
        ready(Ok(Response::new(Empty {})))
    }
}

impl tower::Service<http::Request<Body>> for Collector {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = std::pin::Pin<
        Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send + 'static>,
    >;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move {
            let codec = ProstCodec::<Empty, Export>::default();
            Ok(Grpc::new(codec).unary(service, request).await)
        })
    }
}

/// Begins to listen: where, and what comes.
async fn collect() -> (String, mpsc::UnboundedReceiver<Export>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    #[expect(clippy::disallowed_methods, reason = "a test takes what comes")]
    let (sender, exports) = mpsc::unbounded_channel();
    let serving = Server::builder().add_service(Collector(sender));
    tokio::spawn(serving.serve_with_incoming(TcpIncoming::from(listener)));
    (endpoint, exports)
}

fn sending(mut command: Command, endpoint: &str) -> Command {
    command.args(["--otlp-endpoint", endpoint]).env("OTEL_BSP_SCHEDULE_DELAY", "100");
    command
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

#[tokio::test]
async fn the_span_of_a_call_joins_the_trace_of_its_caller() {
    let (endpoint, mut exports) = collect().await;
    let home = Home::new();
    let mut command = sending(home.serve(), &endpoint);
    command.env("JUDGEMENT_LEDGER_LOG", "info");
    let server = Running::start(command);
    let mut request = Request::new(pb::GetSubjectRequest {
        name: SUBJECT.to_owned(),
        ..pb::GetSubjectRequest::default()
    });
    let traceparent = format!("00-{TRACE}-{PARENT}-01").parse().unwrap();
    request.metadata_mut().insert("traceparent", traceparent);
    let refused = server.clients().frameworks("auditor").get_subject(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);

    let span = loop {
        let export = exports.recv().await.unwrap();
        let all = export.read().into_iter().flat_map(|resource| {
            let attributes = resource.resource.unwrap().attributes;
            assert_eq!(value(&attributes, "service.name"), "judgement-ledger");
            resource.scopes.into_iter().flat_map(|scope| scope.spans)
        });
        let mut ours = all.filter(|span| span.name.ends_with("/GetSubject"));
        if let Some(span) = ours.next() {
            break span;
        }
    };
    let method = "judgement.ledger.v1.FrameworkService/GetSubject";
    assert_eq!(span.name, method);
    assert_eq!((hex(&span.trace_id), hex(&span.parent_span_id)), (TRACE.into(), PARENT.into()));
    assert_eq!(span.kind, 2, "a server's");
    for (key, expected) in [
        ("rpc.system.name", "grpc"),
        ("rpc.method", method),
        ("rpc.response.status_code", "NOT_FOUND"),
    ] {
        assert_eq!(value(&span.attributes, key), expected);
    }
    assert!(span.events.is_empty(), "what is logged within it is not sent");
    // The line of the call names the trace as well.
    while !server.said().contains(&format!("trace_id=\"{TRACE}\"")) {
        tokio::task::yield_now().await;
    }
    server.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_at_their_most_talkative_name_no_secret_and_no_text() {
    let (endpoint, mut exports) = collect().await;
    let home = Home::new();
    let command = |home: &Home| sending(traced(home, "json"), &endpoint);
    // In order, so that the last spans are sent.
    let said = say_all(&home, command, |server| server.stop_and_say().1).await;
    let mut sent = String::new();
    while let Ok(export) = exports.try_recv() {
        for bytes in export.resources {
            // Bytes that are no text part the texts between them.
            sent += &String::from_utf8_lossy(&bytes);
        }
    }
    for call in ["SetGrade", "RecordEntry", "QueryAudit", "rpc.response.status_code"] {
        assert!(sent.contains(call), "{call} is not in what was sent");
    }
    assert_eq!(said.canaries.found(&sent), Vec::<&str>::new(), "{sent}");
    assert!(said.canaries.found(&format!("{sent}canary-rationale")).contains(&"a text"));
}

#[tokio::test]
async fn a_collector_that_is_not_there_stops_nobody() {
    let home = Home::new();
    let mut command = home.serve();
    // Port 9 takes nothing.
    command.args(["--otlp-endpoint", "http://127.0.0.1:9"]);
    let server = Running::start(command);
    let request = pb::GetSubjectRequest { name: SUBJECT.to_owned(), ..Default::default() };
    let refused = server.clients().frameworks("auditor").get_subject(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    assert_eq!(server.stop().code(), Some(0));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |written, byte| written + &format!("{byte:02x}"))
}
