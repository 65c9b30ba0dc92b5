//! What is counted and logged of calls.

use std::sync::Mutex;

use serde_json::Value;
use tracing::{
    Dispatch,
    subscriber::{DefaultGuard, NoSubscriber},
};

use super::*;
use crate::rpc::status::Reason;

/// The lines that are logged on this thread, on which a test's server runs, too.
#[derive(Clone, Default)]
pub(super) struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// Keeps what is logged from now on, of all levels. With one subscriber alone the library asks that of
    /// whatever thread comes first by a place in the code whether it logs, and believes it for all: so
    /// there are two.
    pub(super) fn keep() -> (Self, (DefaultGuard, Dispatch)) {
        let second = Dispatch::new(NoSubscriber::default());
        let lines = Self::default();
        let written = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || written.clone())
            .finish();
        (lines, (tracing::subscriber::set_default(subscriber), second))
    }

    /// The events of a target.
    pub(super) fn of(&self, target: &str) -> Vec<Value> {
        let all = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let events = all.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        events.filter(|event| event["target"] == target).collect()
    }
}

/// A request with ids of the caller's own.
fn named<T>(server: &Running, message: T, id: &str) -> Request<T> {
    let mut request = server.request(message);
    request.metadata_mut().insert("x-request-id", id.parse().unwrap());
    request
}

fn asked(name: &str) -> pb::GetFrameworkRequest {
    pb::GetFrameworkRequest { name: name.to_owned() }
}

#[tokio::test]
async fn each_call_is_counted_by_method_code_and_reason() {
    let server = running(LIMITS).await;
    let lines = |of: &Running| {
        let page = of.metrics.page(None).unwrap();
        let ours = |line: &&str| {
            line.starts_with("grpc_server_started_total")
                || line.starts_with("grpc_server_handled_total")
                || line.starts_with("grpc_server_handling_seconds_count")
                || line.starts_with("judgement_ledger_refusals_total")
        };
        let above_zero = |line: &&str| !line.ends_with(" 0");
        page.lines().filter(ours).filter(above_zero).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(lines(&server), Vec::<String>::new());
    server.get("").await.unwrap();
    server.get("").await.unwrap();
    server.get("panic").await.unwrap_err();
    server.send(GET, malformed()).await.unwrap_err();
    let mut nobody = FrameworkServiceClient::new(server.channel.clone());
    nobody.get_framework(asked("")).await.unwrap_err();
    let answers = server.stream(APPLY, vec![malformed()]).await;
    answers.unwrap_err();
    // Whatever a client makes up is one series.
    for path in ["/a.b.C/D", "/judgement.ledger.v1.FrameworkService/Forget", "/nobody/Ever"] {
        server.send(path, malformed()).await.unwrap_err();
    }
    let get = r#"grpc_method="GetFramework",grpc_service="judgement.ledger.v1.FrameworkService",grpc_type="unary""#;
    let apply = r#"grpc_method="ApplyStream",grpc_service="judgement.ledger.v1.AssessmentService",grpc_type="bidi_stream""#;
    let unknown = r#"grpc_method="unknown",grpc_service="unknown",grpc_type="unary""#;
    let mut expected = Vec::new();
    for (code, method, count) in [
        ("InvalidArgument", apply, 1),
        ("Internal", get, 1),
        ("InvalidArgument", get, 1),
        ("OK", get, 2),
        ("Unauthenticated", get, 1),
        ("Unimplemented", unknown, 3),
    ] {
        expected
            .push(format!("grpc_server_handled_total{{grpc_code=\"{code}\",{method}}} {count}"));
    }
    for name in ["grpc_server_handling_seconds_count", "grpc_server_started_total"] {
        for (method, count) in [(apply, 1), (get, 5), (unknown, 3)] {
            expected.push(format!("{name}{{{method}}} {count}"));
        }
    }
    for (reason, count) in [("CREDENTIAL_MISSING", 1), ("MALFORMED", 2), ("METHOD_UNKNOWN", 3)] {
        expected.push(format!("judgement_ledger_refusals_total{{reason=\"{reason}\"}} {count}"));
    }
    assert_eq!(sorted(lines(&server)), sorted(expected));
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

/// A series that begins with the first refusal shows no growth, and nobody is told of the first.
#[tokio::test]
async fn reasons_and_faults_are_counted_from_zero() {
    let server = running(LIMITS).await;
    server.get("").await.unwrap();
    let page = server.metrics.page(None).unwrap();
    let zero = |line: &str| assert!(page.lines().any(|it| it == line), "{line} is not in\n{page}");
    for reason in Reason::ALL {
        zero(&format!("judgement_ledger_refusals_total{{reason=\"{}\"}} 0", reason.as_str()));
    }
    for code in ["Internal", "Unknown", "DataLoss"] {
        zero(&format!(
            "grpc_server_handled_total{{grpc_code=\"{code}\",grpc_method=\"SetGrade\",\
             grpc_service=\"judgement.ledger.v1.AssessmentService\",grpc_type=\"unary\"}} 0"
        ));
    }
}

#[tokio::test]
async fn a_stream_is_counted_when_it_is_over() {
    let server = running(LIMITS).await;
    let (sender, answers) = open_stream(&server, None).await.unwrap();
    let handled = |of: &Running| {
        let page = of.metrics.page(None).unwrap();
        let lines = page.lines().filter(|line| line.starts_with("grpc_server_handled_total"));
        let lines = lines.filter(|line| !line.ends_with(" 0"));
        lines.map(|line| line.split(',').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(handled(&server), Vec::<String>::new());
    drop((sender, answers));
    // The server sees the end a little later; a call gives it the time.
    while handled(&server).iter().all(|line| !line.contains("Canceled")) {
        server.get("").await.unwrap();
    }
}

#[tokio::test]
async fn a_call_has_an_id_that_is_answered_and_logged() {
    let (lines, _guard) = Lines::keep();
    let server = running(LIMITS).await;
    let mut client = FrameworkServiceClient::new(server.channel.clone());
    let answer = client.get_framework(named(&server, asked("speak"), "retry-7.a_b")).await.unwrap();
    assert_eq!(answer.metadata().get("x-request-id").unwrap(), "retry-7.a_b");
    let spoken = lines.of("judgement_ledger::rpc::server::tests::running");
    let span = &spoken.iter().find(|it| it["fields"]["message"] == "spoken").unwrap()["span"];
    assert_eq!(span["request_id"], "retry-7.a_b");
    assert_eq!(span["method"], GET);
    assert!(span["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{span}");
    let called = &lines.of("judgement_ledger::call")[0];
    assert_eq!((&called["level"], &called["fields"]["code"]), (&"DEBUG".into(), &"Ok".into()));
    assert_eq!(called["fields"]["request_id"], "retry-7.a_b");

    // One that cannot stand in a log is replaced, and a refusal tells the new one as well.
    let refused = client.get_framework(named(&server, asked("panic"), "a b")).await;
    assert_eq!(refused.unwrap_err().code(), Code::Internal);
    let unknown = client.get_framework(Request::new(asked(""))).await.unwrap_err();
    let made = unknown.metadata().get("x-request-id").unwrap().to_str().unwrap().to_owned();
    // When its server started, and that this is the second that it made.
    assert_eq!(made, format!("{:x}-1", running::began().as_microsecond()));
    let access = lines.of("judgement_ledger::access");
    assert_eq!(access[0]["fields"]["request_id"], *made);
}

#[tokio::test]
async fn who_is_turned_away_stands_in_the_log_of_accesses_alone() {
    let (lines, _guard) = Lines::keep();
    let server = running(LIMITS).await;
    let mut client = FrameworkServiceClient::new(server.channel.clone());
    client.get_framework(Request::new(asked("a text"))).await.unwrap_err();
    let mut request = Request::new(asked("a text"));
    request.metadata_mut().insert("authorization", "Bearer secret-token".parse().unwrap());
    client.get_framework(request).await.unwrap_err();
    server.get("no text").await.unwrap();
    let access = lines.of("judgement_ledger::access");
    let reasons: Vec<_> = access.iter().map(|event| &event["fields"]["reason"]).collect();
    assert_eq!(reasons, ["CREDENTIAL_MISSING", "CREDENTIAL_INVALID"]);
    for event in &access {
        let fields = &event["fields"];
        assert_eq!((&event["level"], &fields["method"]), (&"INFO".into(), &GET.into()));
        assert_eq!(fields["code"], "Unauthenticated");
        assert!(fields["peer"].is_string() && fields["ms"].is_u64(), "{fields}");
        assert!(fields["request_id"].is_string() && fields["person"].is_null(), "{fields}");
    }
    assert_eq!(lines.of("judgement_ledger::call").len(), 1, "each call has one line");
    let all = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    for never in ["secret-token", "a text", "no text", &server.token, "j.smith"] {
        let ours = all.lines().filter(|line| line.contains("judgement_ledger"));
        assert!(ours.clone().all(|line| !line.contains(never)), "{never}");
        assert!(ours.count() > 2);
    }
}

#[tokio::test]
async fn each_connection_that_is_one_too_many_is_one_line_and_counted() {
    let (lines, _guard) = Lines::keep();
    let server = running(Limits { connections_max: 0, ..LIMITS }).await;
    let mut from = Vec::new();
    for _ in 0..3 {
        let mut connection = TcpStream::connect(server.address).await.unwrap();
        from.push(connection.local_addr().unwrap().to_string());
        let closed = tokio::io::AsyncReadExt::read(&mut connection, &mut [0]).await;
        assert!(matches!(closed, Ok(0) | Err(_)));
    }
    let access = lines.of("judgement_ledger::access");
    let peers: Vec<_> = access.iter().map(|event| &event["fields"]["peer"]).collect();
    assert_eq!(peers, from.iter().collect::<Vec<_>>());
    for event in &access {
        assert_eq!((&event["level"], &event["fields"]["reason"]), (&"INFO".into(), &"BUSY".into()));
    }
    let page = server.metrics.page(None).unwrap();
    assert!(page.contains("judgement_ledger_refusals_total{reason=\"BUSY\"} 3"), "{page}");
}
