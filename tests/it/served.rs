//! A real server for tests: every store on a real disk, a port of its own, a hand-turned clock.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::{Timestamp, tz::TimeZone};
use judgement_ledger::{
    cli::{
        engine::{Engine, EngineError, EngineOptions, JournalAt},
        signing::SignerOptions,
    },
    console::{self, Spoken},
    journal::postgres,
    judgement::{OrganisationId, Role, Text},
    ledger::{Reading, Stop, Vitals},
    metrics::Metrics,
    pb::{
        self, assessment_service_client::AssessmentServiceClient,
        audit_service_client::AuditServiceClient, framework_service_client::FrameworkServiceClient,
        report_service_client::ReportServiceClient,
        transparency_service_client::TransparencyServiceClient,
    },
    rpc::{self, Credentials, Identity, Limits, Now, Reflection, ServeOptions, WentDown},
    signer::Witness,
    vault::system_entropy,
};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tonic::{
    Request, Status, Streaming,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt;
use uuid::Uuid;

use crate::cluster::{Cluster, SERVICE};

pub const SUBJECT: &str = "subjects/leicester-city";
const APA_2006: &str = "frameworks/apa/versions/2006";

/// The key under which the credentials of tests are signed.
pub const KEY: [u8; 32] = [42; 32];

/// The hands of a clock: one shows the time, the other how much of it has passed. The second is
/// turned first and read last, so that who reads in between sees no jump ahead.
pub struct Hands {
    wall: AtomicI64,
    monotonic: AtomicU64,
}

impl Hands {
    /// A clock that shows `time`.
    pub fn at(time: &str) -> Arc<Self> {
        let hands = Self { wall: AtomicI64::new(0), monotonic: AtomicU64::new(0) };
        hands.set(time);
        Arc::new(hands)
    }

    /// Lets time pass until `time`.
    pub fn set(&self, time: &str) {
        self.monotonic.store(micros(time).unsigned_abs(), Ordering::SeqCst);
        self.wall.store(micros(time), Ordering::SeqCst);
    }

    /// Lets `time` pass, in microseconds, on each hand; the wall clock may also run back.
    pub fn turn(&self, wall: i64, monotonic: u64) {
        self.monotonic.fetch_add(monotonic, Ordering::SeqCst);
        self.wall.fetch_add(wall, Ordering::SeqCst);
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.wall.load(Ordering::SeqCst)).unwrap()
    }

    fn read(&self) -> Reading {
        let wall = self.now();
        let monotonic = Duration::from_micros(self.monotonic.load(Ordering::SeqCst));
        Reading { wall, monotonic }
    }
}

/// Where a server stands: its files, its clock and its sizes.
#[derive(Clone)]
pub struct Ground {
    /// Holds the ledger in `data`, and the master key.
    pub path: PathBuf,
    /// Deletes `path` with the last one who stands on it.
    _directory: Option<Arc<TempDir>>,
    pub hands: Arc<Hands>,
    pub segment_bytes: u64,
    pub limits: Limits,
    /// Who signs beside it.
    pub witnesses: Vec<Witness>,
    /// Where its journal lies.
    pub journal: JournalAt,
    /// What its pages believe that browsers speak.
    pub spoken: Spoken,
}

impl Ground {
    /// An empty directory that vanishes; October 2006; segments of 1 MiB.
    pub fn new() -> Self {
        let directory = Arc::new(TempDir::new().unwrap());
        let ground =
            Self { _directory: Some(Arc::clone(&directory)), ..Self::at(directory.path()) };
        match std::env::var("JUDGEMENT_LEDGER_TESTS_ON") {
            Ok(store) if store == "postgres" => ground.in_postgres(),
            Ok(store) => panic!("there is no store {store:?} to test on"),
            Err(_) => ground,
        }
    }

    /// The same, with a journal of its own in the cluster that tests share.
    fn in_postgres(self) -> Self {
        std::fs::write(self.path.join("master.key"), [7; 32]).unwrap();
        let primary = Cluster::shared().primary();
        let ledger = format!("ground-{}", Uuid::new_v4().simple());
        let owner = primary.owner(&ledger);
        let begun = async move {
            postgres::migrate(&owner, Some(SERVICE)).await.unwrap();
            assert!(postgres::begin_ledger(&owner, Uuid::new_v4()).await.unwrap());
        };
        // Apart: the test may be about to begin a runtime of its own.
        let apart = || tokio::runtime::Runtime::new().unwrap().block_on(begun);
        std::thread::scope(|scope| scope.spawn(apart).join().unwrap());
        Self { journal: JournalAt::Postgres(primary.options(SERVICE, &ledger)), ..self }
    }

    /// The same, in a directory of the caller's.
    pub fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            _directory: None,
            hands: Hands::at("2006-10-01T08:00:00Z"),
            segment_bytes: 1 << 20,
            limits: Limits {
                drain_delay: Duration::ZERO,
                caller_calls_per_second: None,
                ..Limits::STANDARD
            },
            witnesses: Vec::new(),
            journal: JournalAt::Directory,
            spoken: Spoken::PlainText,
        }
    }
}

/// Who calls a server: credentials minted by a clock, and a connection.
#[derive(Clone)]
pub struct Clients {
    pub channel: Channel,
    pub now: Now,
    /// How long their credentials are valid.
    pub valid: Duration,
}

/// Long enough for tests that move the clock by months.
const VALID: Duration = Duration::from_hours(24 * 400);

impl Clients {
    /// Callers of the server at `address`, whose clock is the machine's.
    pub fn of(address: &str) -> Self {
        let endpoint = Endpoint::from_shared(address.to_owned()).unwrap();
        Self { channel: endpoint.connect_lazy(), now: Arc::new(Timestamp::now), valid: VALID }
    }

    /// The credential of a login, as its token file holds it.
    pub fn token(&self, login: &str) -> String {
        let credentials = Credentials::new(&KEY).unwrap();
        credentials.mint(&identity(login), (self.now)(), self.valid).unwrap()
    }

    fn bearer(&self, login: &str) -> Bearer {
        Bearer::new(&self.token(login))
    }

    pub fn assessments(&self, login: &str) -> AssessmentServiceClient<Authorised> {
        AssessmentServiceClient::with_interceptor(self.channel.clone(), self.bearer(login))
    }

    pub fn reports(&self, login: &str) -> ReportServiceClient<Authorised> {
        ReportServiceClient::with_interceptor(self.channel.clone(), self.bearer(login))
    }

    pub fn audits(&self) -> AuditServiceClient<Authorised> {
        AuditServiceClient::with_interceptor(self.channel.clone(), self.bearer("auditor"))
    }

    pub fn frameworks(&self, login: &str) -> FrameworkServiceClient<Authorised> {
        FrameworkServiceClient::with_interceptor(self.channel.clone(), self.bearer(login))
    }

    pub fn transparency(&self, login: &str) -> TransparencyServiceClient<Authorised> {
        TransparencyServiceClient::with_interceptor(self.channel.clone(), self.bearer(login))
    }
}

/// The persons of the tests.
pub fn identity(login: &str) -> Identity {
    let (organisation, roles): (&str, &[Role]) = match login {
        "inspector" => ("ofsted", &[Role::Inspector]),
        "csci-inspector" => ("csci", &[Role::Inspector]),
        "moderator" | "moderator-2" => ("ofsted", &[Role::Moderator]),
        "lead" => ("ofsted", &[Role::LeadInspector]),
        "ofsted" => ("ofsted", &[Role::Signatory]),
        "csci" => ("csci", &[Role::Signatory]),
        "publisher" => ("ofsted", &[Role::Publisher]),
        "officer" | "officer-2" => ("ofsted", &[Role::RecordsOfficer]),
        "csci-officer" | "csci-officer-2" => ("csci", &[Role::RecordsOfficer]),
        "admin" => ("ofsted", &[Role::FrameworkAdmin]),
        "auditor" => ("audit-office", &[Role::Auditor]),
        "consumer" => ("audit-commission", &[Role::Consumer]),
        "csci-consumer" => ("csci", &[Role::Consumer]),
        "council" => ("leicester-city", &[Role::Consumer]),
        "other-council" => ("nottingham-city", &[Role::Consumer]),
        "newspaper" => ("a-newspaper", &[Role::Consumer]),
        other => panic!("{other} is nobody here"),
    };
    Identity {
        login: Text::parse(format!("{login}@{organisation}")).unwrap(),
        organisation: OrganisationId::parse(organisation).unwrap(),
        roles: roles.to_vec(),
    }
}

/// A server that runs until it is stopped.
pub struct Served {
    ground: Ground,
    pub channel: Channel,
    pub address: std::net::SocketAddr,
    pub metrics: Arc<Metrics>,
    pub vitals: Vitals,
    shutdown: oneshot::Sender<()>,
    ended: JoinHandle<Result<Stop, EngineError>>,
}

/// Sends a credential with every call.
#[derive(Clone)]
pub struct Bearer(MetadataValue<Ascii>);

impl Bearer {
    pub fn new(token: &str) -> Self {
        Self(format!("Bearer {token}").parse().unwrap())
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

pub type Authorised = InterceptedService<Channel, Bearer>;

impl Served {
    /// A server on a new ledger, with the subject of the tests registered.
    pub async fn start() -> Self {
        Self::start_on(Ground::new()).await
    }

    /// The same, on a ground where nothing lies.
    pub async fn start_on(ground: Ground) -> Self {
        let served = Self::on(ground).await.unwrap();
        let request = pb::RegisterSubjectRequest {
            act: Some(act()),
            subject: SUBJECT.to_owned(),
            display_name: "Leicester City Council".to_owned(),
            kind: "local authority".to_owned(),
            ..pb::RegisterSubjectRequest::default()
        };
        served.frameworks("admin").register_subject(request).await.unwrap();
        served
    }

    /// A server on what lies in a directory, be it nothing.
    pub async fn on(ground: Ground) -> Result<Self, EngineError> {
        let (hands, walls) = (Arc::clone(&ground.hands), Arc::clone(&ground.hands));
        let metrics = Metrics::new(0).unwrap();
        let options = EngineOptions {
            data: ground.path.join("data"),
            journal: ground.journal.clone(),
            keys: ground.path.join("data/keys"),
            master_key: ground.path.join("master.key"),
            signer: SignerOptions {
                witnesses: ground.witnesses.clone(),
                ..SignerOptions::beside(&ground.path.join("master.key"))
            },
            clock: Arc::new(move || hands.read()),
            entropy: system_entropy(),
            zone: TimeZone::UTC,
            segment_bytes: ground.segment_bytes,
            cache_bytes: 16 << 20,
            metrics: Arc::clone(&metrics),
        };
        let engine = Engine::open(options, &|_, _| {}).await?;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let credentials = Arc::new(Credentials::new(&KEY).unwrap());
        let options = ServeOptions {
            reflection: Reflection::Offered,
            pages: Some(console::pages(ground.spoken)),
            limits: ground.limits,
            ..ServeOptions::new(credentials, Arc::new(move || walls.now()))
        };
        if matches!(ground.journal, JournalAt::Postgres(_)) {
            // Its keys are recorded while it serves already; tests count records.
            engine.ledger().covered().wait_for(|size| *size > 0).await.unwrap();
        }
        let vitals = engine.ledger().vitals();
        let (shutdown, told) = oneshot::channel();
        let ended = tokio::spawn(async move {
            let ledger = engine.ledger().clone();
            let until = async { drop(told.await) };
            let went_down = rpc::serve(listener, ledger, options, until).await.unwrap();
            assert_eq!(went_down, WentDown::InOrder);
            engine.close().await
        });
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let channel = endpoint.connect_lazy();
        Ok(Self { ground, channel, address, metrics, vitals, shutdown, ended })
    }

    /// Its callers, by its own clock.
    pub fn clients(&self) -> Clients {
        let hands = Arc::clone(&self.ground.hands);
        Clients { channel: self.channel.clone(), now: Arc::new(move || hands.now()), valid: VALID }
    }

    /// Stops the server in order.
    pub async fn stop(self) {
        assert!(self.address.ip().is_loopback(), "tests never leave this machine");
        drop(self.channel);
        self.shutdown.send(()).unwrap();
        let stop = self.ended.await.unwrap().unwrap();
        assert!(matches!(stop, Stop::Closed), "{stop:?}");
    }

    /// Stops a server whose files may be damaged.
    pub async fn give_up(self) {
        drop(self.channel);
        self.shutdown.send(()).unwrap();
        drop(self.ended.await.unwrap());
    }

    /// Stops the server and starts another on the same ledger.
    pub async fn restart(self) -> Self {
        let ground = self.ground.clone();
        self.stop().await;
        Self::on(ground).await.unwrap()
    }

    /// Stops the server and starts another on the same journal, whose views begin from nothing.
    pub async fn without_views(self) -> Self {
        let ground = self.ground.clone();
        self.stop().await;
        std::fs::remove_dir_all(ground.path.join("data").join("views")).unwrap();
        Self::on(ground).await.unwrap()
    }

    /// Sets the clock.
    pub fn at(&self, time: &str) {
        self.ground.hands.set(time);
    }

    /// The credential of a login, as its token file holds it.
    pub fn token(&self, login: &str) -> String {
        self.clients().token(login)
    }

    pub fn assessments(&self, login: &str) -> AssessmentServiceClient<Authorised> {
        self.clients().assessments(login)
    }

    pub fn audits(&self) -> AuditServiceClient<Authorised> {
        self.clients().audits()
    }

    pub fn frameworks(&self, login: &str) -> FrameworkServiceClient<Authorised> {
        self.clients().frameworks(login)
    }

    /// Opens an assessment under apa/2006; its name.
    pub async fn open(&self, id: &str) -> String {
        self.open_under(id, APA_2006, "2006").await
    }

    pub async fn open_under(&self, id: &str, framework: &str, cycle: &str) -> String {
        let name = format!("{SUBJECT}/assessments/{id}");
        let request = pb::OpenAssessmentRequest {
            assessment: name.clone(),
            act: Some(act()),
            framework: framework.to_owned(),
            cycle: cycle.to_owned(),
            addressee: Some(pb::Addressee {
                name: Some(present("Ms S Lock")),
                ..pb::Addressee::default()
            }),
            ..pb::OpenAssessmentRequest::default()
        };
        self.assessments("lead").open_assessment(request).await.unwrap();
        name
    }

    pub fn set_request(
        &self,
        name: &str,
        area: &str,
        grade: &str,
        act: pb::Act,
        expected: Option<pb::Expectation>,
    ) -> pb::SetGradeRequest {
        let award = if grade.bytes().all(|byte| byte.is_ascii_digit()) {
            pb::grade::Award::Level(grade.to_owned())
        } else {
            pb::grade::Award::Word(grade.to_owned())
        };
        pb::SetGradeRequest {
            assessment: name.to_owned(),
            act: Some(act),
            area: area.to_owned(),
            grade: Some(pb::Grade { award: Some(award), ..pb::Grade::default() }),
            expected,
            ..pb::SetGradeRequest::default()
        }
    }

    pub async fn set_as(
        &self,
        login: &str,
        name: &str,
        area: &str,
        grade: &str,
        act: pb::Act,
        expected: Option<pb::Expectation>,
    ) -> Result<pb::Receipt, Status> {
        let request = self.set_request(name, area, grade, act, expected);
        self.assessments(login).set_grade(request).await.map(tonic::Response::into_inner)
    }

    /// A first grade.
    pub async fn award(&self, name: &str, area: &str, grade: &str) -> pb::Receipt {
        self.set_as("inspector", name, area, grade, act(), None).await.unwrap()
    }

    /// A grade set by a panel of moderators.
    pub async fn moderate(&self, name: &str, area: &str, grade: &str, last_at: u64) -> pb::Receipt {
        let panel = pb::StatedPanel {
            display_name: "consistency panel".to_owned(),
            members: vec![member("moderator@ofsted", ""), member("second moderator", "csci")],
            ..pb::StatedPanel::default()
        };
        let decider = pb::StatedDecider {
            who: Some(pb::stated_decider::Who::Panel(panel)),
            role: pb::Role::Moderator.into(),
            ..pb::StatedDecider::default()
        };
        let act = pb::Act {
            decided_by: Some(decider),
            decided_on: Some(date(2006, 10, 11)),
            basis: pb::Basis::SameEvidence.into(),
            rationale: "the panel weighed the key stage results again".to_owned(),
            ..explained("MODERATION")
        };
        self.set_as("moderator", name, area, grade, act, Some(last(last_at))).await.unwrap()
    }

    pub async fn narrate(
        &self,
        name: &str,
        section: &str,
        said: &str,
    ) -> Result<pb::Receipt, Status> {
        let request = pb::RecordEntryRequest {
            assessment: name.to_owned(),
            act: Some(act()),
            entry_id: format!("nar-{section}"),
            content: Some(pb::EntryContent {
                kind: pb::EntryKind::Narrative.into(),
                section: section.to_owned(),
                area: section.to_owned(),
                order: 1,
                text: Some(present(said)),
                ..pb::EntryContent::default()
            }),
            ..pb::RecordEntryRequest::default()
        };
        let response = self.assessments("inspector").record_entry(request).await;
        response.map(tonic::Response::into_inner)
    }

    pub async fn get(&self, request: pb::GetAssessmentRequest) -> pb::Assessment {
        self.assessments("auditor").get_assessment(request).await.unwrap().into_inner()
    }

    pub async fn history(&self, name: &str, area: &str) -> Vec<pb::AuditRow> {
        let request = pb::GetGradeHistoryRequest {
            assessment: name.to_owned(),
            area: area.to_owned(),
            ..pb::GetGradeHistoryRequest::default()
        };
        self.audits().get_grade_history(request).await.unwrap().into_inner().rows
    }

    pub fn set_command(
        &self,
        name: &str,
        area: &str,
        grade: &str,
        act: pb::Act,
        expected: Option<pb::Expectation>,
    ) -> pb::Command {
        let request = self.set_request(name, area, grade, act, expected);
        pb::Command { order: Some(pb::command::Order::SetGrade(request)) }
    }

    pub async fn batch(&self, commands: Vec<pb::Command>) -> Result<Vec<pb::Receipt>, Status> {
        let request = pb::ApplyBatchRequest { commands, validate_only: false };
        let response = self.assessments("inspector").apply_batch(request).await?;
        Ok(response.into_inner().receipts)
    }

    async fn stream(
        &self,
        after: u64,
        catch_up_only: bool,
    ) -> Streaming<pb::StreamRecordsResponse> {
        let request = pb::StreamRecordsRequest {
            after_position: after,
            catch_up_only,
            ..pb::StreamRecordsRequest::default()
        };
        self.audits().stream_records(request).await.unwrap().into_inner()
    }

    /// The positions of all records after one.
    pub async fn stream_to_end(&self, after: u64) -> Vec<u64> {
        let mut stream = self.stream(after, true).await;
        let (mut positions, mut caught_up) = (Vec::new(), 0);
        while let Some(message) = stream.message().await.unwrap() {
            match message.message.unwrap() {
                pb::stream_records_response::Message::Record(record) => {
                    positions.push(record.record.unwrap().position);
                }
                pb::stream_records_response::Message::CaughtUp(_) => caught_up += 1,
                pb::stream_records_response::Message::Checkpoint(_) => {}
            }
        }
        assert_eq!(caught_up, 1, "caught up once, and said so");
        positions
    }

    /// A stream from the first record on that goes live.
    pub async fn stream_live(&self) -> Live {
        Live { stream: self.stream(0, false).await, seen: Vec::new() }
    }

    /// The position of the last record. Asked for by a query: who opens a stream is recorded.
    pub async fn head(&self) -> u64 {
        let request = pb::QueryAuditRequest { page_size: 1, ..pb::QueryAuditRequest::default() };
        let answer = self.audits().query_audit(request).await.unwrap().into_inner();
        answer.read.unwrap().position
    }
}

/// A stream that goes live.
pub struct Live {
    stream: Streaming<pb::StreamRecordsResponse>,
    seen: Vec<u64>,
}

impl Live {
    /// All positions seen until `position` came.
    pub async fn until(&mut self, position: u64) -> Vec<u64> {
        while self.seen.last().copied().unwrap_or(0) < position {
            let message = self.stream.message().await.unwrap().expect("the stream goes on");
            if let Some(pb::stream_records_response::Message::Record(record)) = message.message {
                self.seen.push(record.record.unwrap().position);
            }
        }
        self.seen.clone()
    }
}

fn micros(time: &str) -> i64 {
    time.parse::<Timestamp>().unwrap().as_microsecond()
}

/// An act with a request id of its own.
pub fn act() -> pb::Act {
    pb::Act { request_id: Uuid::new_v4().to_string(), ..pb::Act::default() }
}

/// An act that says why.
pub fn explained(reason: &str) -> pb::Act {
    pb::Act { reason: reason.to_owned(), rationale: "weighed again".to_owned(), ..act() }
}

/// A member of a panel; without an organisation, of the panel's.
pub fn member(person: &str, organisation: &str) -> pb::StatedMember {
    pb::StatedMember { person: person.to_owned(), organisation: organisation.to_owned() }
}

pub fn last(position: u64) -> pb::Expectation {
    pb::Expectation { last: Some(pb::expectation::Last::Position(position)) }
}

pub fn assessment(name: &str) -> pb::GetAssessmentRequest {
    pb::GetAssessmentRequest { name: name.to_owned(), ..pb::GetAssessmentRequest::default() }
}

/// The grade or word of an area.
pub fn grade(assessment: &pb::Assessment, area: &str) -> String {
    let judgement = assessment.judgements.iter().find(|it| it.area == area).unwrap();
    let award = judgement.award.as_ref().unwrap();
    if award.word.is_empty() { award.level.clone() } else { award.word.clone() }
}

pub fn date(year: i32, month: i32, day: i32) -> pb::google::r#type::Date {
    pb::google::r#type::Date { year, month, day }
}

pub fn time(time: &str) -> prost_types::Timestamp {
    let time: Timestamp = time.parse().unwrap();
    prost_types::Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() }
}

pub fn present(text: &str) -> pb::Text {
    pb::Text { state: Some(pb::text::State::Present(text.to_owned())) }
}

/// A text that is there.
pub fn text(text: &Option<pb::Text>) -> &str {
    match text.as_ref().unwrap().state.as_ref().unwrap() {
        pb::text::State::Present(text) => text,
        other => panic!("{other:?} is no text"),
    }
}

/// The reason and metadata of a refusal.
pub fn reason_of(status: &Status) -> (String, HashMap<String, String>) {
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.domain, "judgement.ledger.v1");
    (info.reason, info.metadata)
}
