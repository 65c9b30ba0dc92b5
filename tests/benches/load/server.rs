//! The two servers, each in a process of its own that ends when its stdin is closed.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    pin::Pin,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use futures_util::{Stream, StreamExt, stream};
use jiff::{Timestamp, tz::TimeZone};
use judgement_ledger::{
    cli::{
        engine::{Engine, EngineError, EngineOptions, JournalAt},
        signing::SignerOptions,
    },
    ledger::Reading,
    metrics::Metrics,
    pb::{
        self, apply_stream_response::Outcome, assessment_service_server as assessments,
        audit_service_server as audits,
    },
    rpc::{self, Credentials, Limits, ServeOptions},
    vault::system_entropy,
};
use tokio::{io::AsyncReadExt, net::TcpListener};
use tonic::{
    Request, Response, Status, Streaming,
    transport::{Server, server::TcpIncoming},
};

/// The key of the credentials: these servers listen on the loopback device only.
pub const KEY: [u8; 32] = [42; 32];

/// A server in a process of its own.
pub struct Child {
    child: std::process::Child,
    pub process: u32,
    pub address: SocketAddr,
}

impl Child {
    pub fn start(mode: &str, directory: &Path) -> Self {
        Self::run(Command::new(std::env::current_exe().unwrap()).arg(mode).arg(directory))
    }

    fn run(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { process: child.id(), address: line.trim().parse().expect("an address"), child }
    }

    /// One of several servers of a ledger.
    pub fn share(directory: &Path, shared: &Shared) -> Self {
        std::fs::create_dir_all(directory).unwrap();
        std::fs::write(directory.join("master.key"), KEY).unwrap();
        Self::run(
            Command::new(std::env::current_exe().unwrap())
                .arg("serve-shared")
                .arg(directory)
                .args([&shared.url, &shared.ledger])
                .args([&shared.keys, &shared.signer]),
        )
    }

    /// Ends it at once, as a crash would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Closes its stdin and waits until it has ended.
    pub fn stop(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

async fn listen() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    listener
}

async fn told() {
    let mut rest = Vec::new();
    drop(tokio::io::stdin().read_to_end(&mut rest).await);
}

/// What servers of one ledger share.
pub struct Shared {
    pub url: String,
    pub ledger: String,
    pub keys: PathBuf,
    pub signer: PathBuf,
}

impl Shared {
    /// As a server is told it.
    pub fn of(told: &[String]) -> Self {
        let [url, ledger, keys, signer] = told else { panic!("{told:?}") };
        let (url, ledger) = (url.clone(), ledger.clone());
        Self { url, ledger, keys: keys.into(), signer: signer.into() }
    }
}

/// The real server, on a new ledger or on one that others serve as well.
pub async fn ledger(directory: &Path, shared: Option<Shared>) -> Result<(), EngineError> {
    let began = std::time::Instant::now();
    let clock = move || Reading { wall: Timestamp::now(), monotonic: began.elapsed() };
    let options = EngineOptions {
        data: directory.join("data"),
        journal: match &shared {
            None => JournalAt::Directory,
            Some(shared) => JournalAt::Postgres(crate::replicas::options(shared)),
        },
        keys: shared.as_ref().map_or_else(|| directory.join("data/keys"), |it| it.keys.clone()),
        master_key: directory.join("master.key"),
        signer: match &shared {
            None => SignerOptions::beside(&directory.join("master.key")),
            Some(shared) => SignerOptions {
                directory: shared.signer.clone(),
                origin: None,
                witnesses: Vec::new(),
            },
        },
        clock: Arc::new(clock),
        entropy: system_entropy(),
        zone: TimeZone::UTC,
        segment_bytes: 64 << 20, // as `serve` does
        cache_bytes: 256 << 20,
        metrics: Metrics::new(0).unwrap(),
    };
    let engine = Engine::open(options, &|_, _| {}).await?;
    let limits = Limits {
        // What the ledger can do is asked, not how often one caller may.
        caller_calls_per_second: None,
        drain_delay: Duration::ZERO,
        drain_max: Duration::from_secs(2),
        ..Limits::STANDARD
    };
    let credentials = Arc::new(Credentials::new(&KEY).unwrap());
    let options =
        ServeOptions { limits, ..ServeOptions::new(credentials, Arc::new(Timestamp::now)) };
    let handle = engine.ledger().clone();
    rpc::serve(listen().await, handle, options, told()).await.unwrap();
    engine.close().await.map(drop)
}

/// A server that answers at once, always the same.
pub async fn noop(directory: &Path) {
    fn read<M: prost::Message + Default>(directory: &Path, name: &str) -> M {
        M::decode(std::fs::read(directory.join(name)).unwrap().as_slice()).unwrap()
    }
    let constant = Arc::new(Constant {
        receipt: read(directory, "receipt"),
        assessment: read(directory, "assessment"),
        record: read(directory, "record"),
    });
    let incoming = TcpIncoming::from(listen().await).with_nodelay(Some(true));
    // The windows of the real server, and none of its layers.
    let serving = Server::builder()
        .max_concurrent_streams(512)
        .initial_stream_window_size(64 * 1024)
        .initial_connection_window_size(1024 * 1024)
        .add_service(assessments::AssessmentServiceServer::from_arc(Arc::clone(&constant)))
        .add_service(audits::AuditServiceServer::from_arc(constant))
        .serve_with_incoming(incoming);
    tokio::select! {
        served = serving => served.unwrap(),
        () = told() => {}
    }
}

struct Constant {
    receipt: pb::Receipt,
    assessment: pb::Assessment,
    record: pb::StreamRecordsResponse,
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;
type Answer<T> = Result<Response<T>, Status>;

fn not_measured<T>() -> Answer<T> {
    Err(Status::unimplemented("not measured"))
}

/// Calls that nothing measures, as the trait of the service has them.
macro_rules! not_measured {
    ($($call:ident($request:ident) -> $answer:ident;)+) => {
        $(
            fn $call<'s, 'f>(
                &'s self,
                _: Request<pb::$request>,
            ) -> Pin<Box<dyn Future<Output = Answer<pb::$answer>> + Send + 'f>>
            where
                's: 'f,
                Self: 'f,
            {
                Box::pin(async { not_measured() })
            }
        )+
    };
}

#[tonic::async_trait]
impl assessments::AssessmentService for Constant {
    type ApplyStreamStream = Answers<pb::ApplyStreamResponse>;
    type GetFeedStream = Answers<pb::GetFeedResponse>;

    async fn get_feed(&self, _: Request<pb::GetFeedRequest>) -> Answer<Self::GetFeedStream> {
        not_measured()
    }

    async fn set_grade(&self, _: Request<pb::SetGradeRequest>) -> Answer<pb::Receipt> {
        Ok(Response::new(self.receipt.clone()))
    }

    async fn apply_stream(
        &self,
        request: Request<Streaming<pb::ApplyStreamRequest>>,
    ) -> Answer<Self::ApplyStreamStream> {
        let receipt = self.receipt.clone();
        let answer =
            move |_| pb::ApplyStreamResponse { outcome: Some(Outcome::Receipt(receipt.clone())) };
        let answers = request.into_inner().map(move |command| command.map(&answer));
        Ok(Response::new(Box::pin(answers)))
    }

    async fn get_assessment(&self, _: Request<pb::GetAssessmentRequest>) -> Answer<pb::Assessment> {
        Ok(Response::new(self.assessment.clone()))
    }

    not_measured! {
        open_assessment(OpenAssessmentRequest) -> Receipt;
        set_addressee(SetAddresseeRequest) -> Receipt;
        record_entry(RecordEntryRequest) -> Receipt;
        revise_entry(ReviseEntryRequest) -> Receipt;
        lock_assessment(LockAssessmentRequest) -> Receipt;
        sign_off_assessment(SignOffAssessmentRequest) -> Receipt;
        publish_assessment(PublishAssessmentRequest) -> Receipt;
        refuse_sign_off(RefuseSignOffRequest) -> Receipt;
        reopen_assessment(ReopenAssessmentRequest) -> Receipt;
        withdraw_assessment(WithdrawAssessmentRequest) -> Receipt;
        place_hold(PlaceHoldRequest) -> Receipt;
        release_hold(ReleaseHoldRequest) -> Receipt;
        receive_challenge(ReceiveChallengeRequest) -> Receipt;
        decide_challenge(DecideChallengeRequest) -> Receipt;
        share_draft(ShareDraftRequest) -> Receipt;
        correct_record(CorrectRecordRequest) -> Receipt;
        request_redaction(RequestRedactionRequest) -> Receipt;
        approve_redaction(ApproveRedactionRequest) -> Receipt;
        refuse_redaction(RefuseRedactionRequest) -> Receipt;
        publish_assessments(PublishAssessmentsRequest) -> PublishAssessmentsResponse;
        apply_batch(ApplyBatchRequest) -> ApplyBatchResponse;
        list_assessments(ListAssessmentsRequest) -> ListAssessmentsResponse;
        render_letter(RenderLetterRequest) -> RenderLetterResponse;
        get_disclosure(GetDisclosureRequest) -> Disclosure;
    }
}

#[tonic::async_trait]
impl audits::AuditService for Constant {
    type StreamRecordsStream = Answers<pb::StreamRecordsResponse>;

    async fn stream_records(
        &self,
        _: Request<pb::StreamRecordsRequest>,
    ) -> Answer<Self::StreamRecordsStream> {
        let record = self.record.clone();
        let records = stream::iter(std::iter::repeat_with(move || Ok(record.clone())));
        Ok(Response::new(Box::pin(records)))
    }

    async fn get_grade_history(
        &self,
        _: Request<pb::GetGradeHistoryRequest>,
    ) -> Answer<pb::GetGradeHistoryResponse> {
        not_measured()
    }

    async fn query_audit(
        &self,
        _: Request<pb::QueryAuditRequest>,
    ) -> Answer<pb::QueryAuditResponse> {
        not_measured()
    }
}
