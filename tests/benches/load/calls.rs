//! The calls that are measured, and what must stand in the ledger before.

use std::{
    collections::{HashSet, VecDeque},
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;
use judgement_ledger::{
    judgement::{OrganisationId, Role, Text},
    pb::{
        self, apply_stream_response::Outcome, assessment_service_client::AssessmentServiceClient,
        audit_service_client::AuditServiceClient, command::Order,
        framework_service_client::FrameworkServiceClient,
    },
    rpc::{Credentials, Identity},
};
use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Request, Status, Streaming,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};
use uuid::Uuid;

use crate::{is_record, measure::Call, server::KEY, write_message};

/// As many assessments as callers at most, so that no two grade the same.
const ASSESSMENTS: usize = 256;
const IN_FLIGHT: usize = 64;
const RECORDS_A_CALL: u64 = 256;
const AREA: &str = "capacity-to-improve";
/// All areas of the framework that have a scale.
const AREAS: [(&str, &str); 8] = [
    ("childrens-services", "3"),
    ("social-care", "3"),
    ("being-healthy", "good"),
    ("staying-safe", "good"),
    ("enjoying-and-achieving", "good"),
    ("making-a-positive-contribution", "good"),
    ("achieving-economic-well-being", "adequate"),
    (AREA, "2"),
];
pub const RATIONALE: &str = "The council showed that the figure for care leavers in education counted \
    one cohort twice; corrected, it is above average.";

#[derive(Clone)]
pub struct Bearer(MetadataValue<Ascii>);

impl Bearer {
    fn of(role: Role) -> Self {
        let organisation = "ofsted";
        let identity = Identity {
            login: Text::parse(format!("{role:?}@{organisation}").to_lowercase()).unwrap(),
            organisation: OrganisationId::parse(organisation).unwrap(),
            roles: vec![role],
        };
        let credentials = Credentials::new(&KEY).unwrap();
        let token = credentials.mint(&identity, Timestamp::now(), Duration::from_hours(8)).unwrap();
        Self(format!("Bearer {token}").parse().unwrap())
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

type Authorised = InterceptedService<Channel, Bearer>;
type Assessments = AssessmentServiceClient<Authorised>;

/// An assessment that one caller grades.
struct Seat {
    assessment: String,
    /// The last record of the area.
    last: AtomicU64,
    turn: AtomicU64,
}

/// A server with the connections to it.
pub struct Place {
    pub process: u32,
    connections: Vec<Channel>,
    seats: Vec<Seat>,
    /// When what was answered was recorded: what one flush made durable has one such time.
    recorded: Mutex<HashSet<(i64, i32)>>,
}

impl Place {
    async fn new(addresses: &[SocketAddr], process: u32, seats: Vec<Seat>) -> Self {
        let mut connections = Vec::new();
        for address in addresses.iter().cycle().take(4) {
            let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
            connections.push(endpoint.connect().await.unwrap());
        }
        Self { process, connections, seats, recorded: Mutex::default() }
    }

    /// A server where this was set up before. What was the last record of anything is not known.
    pub async fn again(address: SocketAddr, process: u32) -> Arc<Self> {
        let seat = |number| Seat {
            assessment: format!("subjects/authority-{number:03}/assessments/apa-2006"),
            last: AtomicU64::new(0),
            turn: AtomicU64::new(0),
        };
        Arc::new(Self::new(&[address], process, (0..ASSESSMENTS).map(seat).collect()).await)
    }

    /// Registers the subjects, opens their assessments and grades every area.
    pub async fn set_up(address: SocketAddr, process: u32) -> Arc<Self> {
        let place = Self::again(address, process).await;
        let mut frameworks = FrameworkServiceClient::with_interceptor(
            place.connections[0].clone(),
            Bearer::of(Role::FrameworkAdmin),
        );
        for seat in &place.seats {
            let subject = seat.assessment.split("/assessments").next().unwrap();
            let request = pb::RegisterSubjectRequest {
                act: Some(act()),
                subject: subject.to_owned(),
                display_name: "A council".to_owned(),
                kind: "local authority".to_owned(),
                ..pb::RegisterSubjectRequest::default()
            };
            frameworks.register_subject(request).await.unwrap();
        }
        let open = |seat: &Seat| {
            Order::OpenAssessment(pb::OpenAssessmentRequest {
                assessment: seat.assessment.clone(),
                act: Some(act()),
                framework: "frameworks/apa/versions/2006".to_owned(),
                cycle: "2006".to_owned(),
                ..pb::OpenAssessmentRequest::default()
            })
        };
        place.bulk(Role::LeadInspector, open).await;
        for (area, grade) in AREAS {
            let award = |seat: &Seat| {
                Order::SetGrade(pb::SetGradeRequest {
                    assessment: seat.assessment.clone(),
                    act: Some(act()),
                    area: area.to_owned(),
                    grade: Some(as_stated(grade)),
                    ..pb::SetGradeRequest::default()
                })
            };
            let receipts = place.bulk(Role::Inspector, award).await;
            for (seat, receipt) in place.seats.iter().zip(receipts) {
                seat.last.store(receipt.position, Relaxed); // AREA comes last
            }
        }
        place
    }

    async fn bulk(&self, role: Role, order: impl Fn(&Seat) -> Order) -> Vec<pb::Receipt> {
        let command = |seat| pb::ApplyStreamRequest {
            command: Some(pb::Command { order: Some(order(seat)) }),
        };
        let commands: Vec<_> = self.seats.iter().map(command).collect();
        let mut client = self.assessments(0, role);
        let call = client.apply_stream(tokio_stream::iter(commands)).await;
        let mut answers = call.unwrap().into_inner();
        let mut receipts = Vec::new();
        while let Some(answer) = answers.message().await.unwrap() {
            receipts.push(recorded(answer));
        }
        assert_eq!(receipts.len(), self.seats.len());
        receipts
    }

    /// Leaves examples of what the ledger answers in `directory`; their sizes, in words.
    pub async fn sample(self: &Arc<Self>, directory: &Path) -> String {
        let mut set = Set::new(self, 0, 1).await;
        let request = self.seats[0].request();
        let bytes = request.encoded_len();
        let receipt = set.client.set_grade(request).await.unwrap().into_inner();
        self.seats[0].last.store(receipt.position, Relaxed);
        write_message(&directory.join("receipt"), &receipt);
        let mut read = Read::new(self, 0, 1).await;
        let request = read.request();
        let assessment = read.client.get_assessment(request).await.unwrap().into_inner();
        assert_eq!(assessment.judgements.len(), AREAS.len());
        write_message(&directory.join("assessment"), &assessment);
        let mut stream = Records::new(self).await;
        stream.open(receipt.position - 1).await;
        let record = stream.stream.as_mut().unwrap().message().await.unwrap().unwrap();
        assert!(is_record(&record));
        write_message(&directory.join("record"), &record);
        format!(
            "SetGrade: {bytes} bytes, its receipt {}, its record {}; grades of an assessment: {}",
            receipt.encoded_len(),
            record.encoded_len(),
            assessment.encoded_len()
        )
    }

    /// The same assessments at another server.
    pub async fn elsewhere(&self, address: SocketAddr, process: u32) -> Arc<Self> {
        self.at(&[address], process).await
    }

    /// The same assessments at several servers that share them.
    pub async fn over(&self, addresses: &[SocketAddr]) -> Arc<Self> {
        self.at(addresses, self.process).await
    }

    async fn at(&self, addresses: &[SocketAddr], process: u32) -> Arc<Self> {
        let copy = |seat: &Seat| Seat {
            assessment: seat.assessment.clone(),
            last: AtomicU64::new(seat.last.load(Relaxed)),
            turn: AtomicU64::new(0),
        };
        Arc::new(Self::new(addresses, process, self.seats.iter().map(copy).collect()).await)
    }

    /// How many flushes made durable what was answered since this was last asked.
    pub fn flushes(&self) -> usize {
        std::mem::take(&mut *self.recorded.lock().unwrap()).len()
    }

    /// Takes note of an answer on a seat.
    fn answered(&self, seat: usize, receipt: &pb::Receipt) {
        self.seats[seat].last.store(receipt.position, Relaxed);
        let at = receipt.recorded_at.as_ref().unwrap();
        self.recorded.lock().unwrap().insert((at.seconds, at.nanos));
    }

    /// The last record that any caller knows of.
    pub fn head(&self) -> u64 {
        self.seats.iter().map(|seat| seat.last.load(Relaxed)).max().unwrap_or_default()
    }

    /// Sets so many grades for a reason that nobody else gives.
    pub async fn seldom(&self, reason: &str, count: usize) {
        let mut client = self.assessments(0, Role::Inspector);
        for seat in self.seats.iter().take(count) {
            let mut request = seat.request();
            reason.clone_into(&mut request.act.as_mut().unwrap().reason);
            let receipt = client.set_grade(request).await.unwrap().into_inner();
            seat.last.store(receipt.position, Relaxed);
        }
    }

    /// Sets one grade that was last set by anybody.
    pub async fn grade_once(&self) {
        let any = pb::Expectation { last: Some(pb::expectation::Last::Any(true)) };
        let request = pb::SetGradeRequest { expected: Some(any), ..self.seats[0].request() };
        self.assessments(0, Role::Inspector).set_grade(request).await.unwrap();
    }

    /// Sets a grade of every assessment that was last set by anybody.
    pub async fn grade_all(&self) {
        let any = pb::Expectation { last: Some(pb::expectation::Last::Any(true)) };
        let grade = |seat: &Seat| {
            Order::SetGrade(pb::SetGradeRequest { expected: Some(any), ..seat.request() })
        };
        let receipts = self.bulk(Role::Inspector, grade).await;
        for (seat, receipt) in self.seats.iter().zip(receipts) {
            seat.last.store(receipt.position, Relaxed);
        }
    }

    /// Reads the grades that [`Self::grade_once`] sets one of.
    pub async fn read_once(self: &Arc<Self>) {
        Read::new(self, 0, 1).await.call().await;
    }

    /// How many rows an audit query answers.
    pub async fn query(&self, request: pb::QueryAuditRequest) -> usize {
        let channel = self.connections[0].clone();
        let mut client = AuditServiceClient::with_interceptor(channel, Bearer::of(Role::Auditor));
        client.query_audit(request).await.unwrap().into_inner().rows.len()
    }

    fn assessments(&self, connection: usize, role: Role) -> Assessments {
        let channel = self.connections[connection].clone();
        AssessmentServiceClient::with_interceptor(channel, Bearer::of(role))
    }
}

impl Seat {
    /// The next change of the grade.
    fn request(&self) -> pb::SetGradeRequest {
        let level = if self.turn.fetch_add(1, Relaxed).is_multiple_of(2) { "3" } else { "2" };
        let decided_by = pb::StatedDecider {
            who: Some(pb::stated_decider::Who::Person("lead.inspector@ofsted".to_owned())),
            role: pb::Role::LeadInspector.into(),
            organisation: "ofsted".to_owned(),
        };
        let act = pb::Act {
            decided_by: Some(decided_by),
            decided_on: Some(pb::google::r#type::Date { year: 2006, month: 10, day: 11 }),
            basis: pb::Basis::DataCorrected.into(),
            reason: "FACTUAL_ACCURACY".to_owned(),
            rationale: RATIONALE.to_owned(),
            ..act()
        };
        let position = pb::expectation::Last::Position(self.last.load(Relaxed));
        pb::SetGradeRequest {
            assessment: self.assessment.clone(),
            act: Some(act),
            area: AREA.to_owned(),
            grade: Some(as_stated(level)),
            expected: Some(pb::Expectation { last: Some(position) }),
            ..pb::SetGradeRequest::default()
        }
    }
}

fn act() -> pb::Act {
    pb::Act { request_id: Uuid::new_v4().to_string(), ..pb::Act::default() }
}

fn as_stated(grade: &str) -> pb::Grade {
    let award = match grade {
        "2" | "3" => pb::grade::Award::Level(grade.to_owned()),
        word => pb::grade::Award::Word(word.to_owned()),
    };
    pb::Grade { award: Some(award), ..pb::Grade::default() }
}

fn recorded(answer: pb::ApplyStreamResponse) -> pb::Receipt {
    match answer.outcome.unwrap() {
        Outcome::Receipt(receipt) => receipt,
        Outcome::Refusal(refusal) => panic!("{refusal:?}"),
    }
}

/// One grade a call.
pub struct Set {
    client: Assessments,
    place: Arc<Place>,
    seat: usize,
}

impl Set {
    pub fn new(
        place: &Arc<Place>,
        caller: usize,
        connections: usize,
    ) -> impl Future<Output = Self> + use<> {
        let client = place.assessments(caller % connections, Role::Inspector);
        std::future::ready(Self { client, place: Arc::clone(place), seat: caller })
    }
}

impl Call for Set {
    async fn call(&mut self) -> (u64, Instant) {
        let seat = &self.place.seats[self.seat];
        let request = seat.request();
        let since = Instant::now();
        let receipt = self.client.set_grade(request).await.unwrap().into_inner();
        self.place.answered(self.seat, &receipt);
        (1, since)
    }
}

/// Many grades over one call, each sent as soon as an earlier one is answered.
pub struct Pipeline {
    place: Arc<Place>,
    commands: mpsc::Sender<pb::ApplyStreamRequest>,
    answers: Streaming<pb::ApplyStreamResponse>,
    /// The seats whose commands are under way, and since when.
    under_way: VecDeque<(usize, Instant)>,
}

impl Pipeline {
    pub fn new(place: &Arc<Place>, caller: usize) -> impl Future<Output = Self> + use<> {
        let place = Arc::clone(place);
        async move {
            let (commands, receiver) = mpsc::channel(IN_FLIGHT);
            let mut client = place.assessments(caller, Role::Inspector);
            let call = client.apply_stream(ReceiverStream::new(receiver)).await;
            let answers = call.unwrap().into_inner();
            let mut pipeline = Self { place, commands, answers, under_way: VecDeque::new() };
            for seat in caller * IN_FLIGHT..(caller + 1) * IN_FLIGHT {
                pipeline.send(seat).await;
            }
            pipeline
        }
    }

    async fn send(&mut self, seat: usize) {
        let order = Order::SetGrade(self.place.seats[seat].request());
        self.under_way.push_back((seat, Instant::now()));
        let command = Some(pb::Command { order: Some(order) });
        self.commands.send(pb::ApplyStreamRequest { command }).await.unwrap();
    }

    /// The seat that is answered next, and since when it waited.
    async fn answered(&mut self) -> (usize, Instant) {
        let answer = self.answers.message().await.unwrap().expect("an answer to each");
        let (seat, since) = self.under_way.pop_front().unwrap();
        self.place.answered(seat, &recorded(answer));
        (seat, since)
    }
}

impl Call for Pipeline {
    async fn call(&mut self) -> (u64, Instant) {
        let (seat, since) = self.answered().await;
        self.send(seat).await;
        (1, since)
    }

    async fn finish(mut self) {
        while !self.under_way.is_empty() {
            self.answered().await;
        }
    }
}

/// The grades of one assessment a call, of each in turn.
pub struct Read {
    client: Assessments,
    place: Arc<Place>,
    turn: usize,
}

impl Read {
    pub fn new(
        place: &Arc<Place>,
        caller: usize,
        connections: usize,
    ) -> impl Future<Output = Self> + use<> {
        let client = place.assessments(caller % connections, Role::Auditor);
        std::future::ready(Self { client, place: Arc::clone(place), turn: caller * 37 })
    }

    fn request(&mut self) -> pb::GetAssessmentRequest {
        self.turn += 1;
        let name = self.place.seats[self.turn % ASSESSMENTS].assessment.clone();
        pb::GetAssessmentRequest { name, ..pb::GetAssessmentRequest::default() }
    }
}

impl Call for Read {
    async fn call(&mut self) -> (u64, Instant) {
        let request = self.request();
        let since = Instant::now();
        self.client.get_assessment(request).await.unwrap();
        (1, since)
    }
}

/// A reader that catches up from the first record on, again and again.
pub struct Records {
    client: AuditServiceClient<Authorised>,
    stream: Option<Streaming<pb::StreamRecordsResponse>>,
}

impl Records {
    pub fn new(place: &Arc<Place>) -> impl Future<Output = Self> + use<> {
        let channel = place.connections[0].clone();
        let client = AuditServiceClient::with_interceptor(channel, Bearer::of(Role::Auditor));
        std::future::ready(Self { client, stream: None })
    }

    async fn open(&mut self, after_position: u64) {
        let request = pb::StreamRecordsRequest {
            after_position,
            catch_up_only: true,
            ..pb::StreamRecordsRequest::default()
        };
        self.stream = Some(self.client.stream_records(request).await.unwrap().into_inner());
    }
}

impl Call for Records {
    async fn call(&mut self) -> (u64, Instant) {
        let (since, mut records) = (Instant::now(), 0);
        while records < RECORDS_A_CALL {
            let Some(stream) = &mut self.stream else {
                self.open(0).await;
                continue;
            };
            match stream.message().await.unwrap() {
                Some(message) => records += u64::from(is_record(&message)),
                None => self.stream = None,
            }
        }
        (records, since)
    }
}
