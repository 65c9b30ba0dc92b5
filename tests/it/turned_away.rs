//! Who is refused something stands in the log: one line for each refusal, of a call or of one command
//! of a stream, with what tells the credential; and no line of what went well. What went well stands in
//! the ledger instead: one record for each command that was done, by who gave it, and no other.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use judgement_ledger::{
    judgement::{OrganisationId, Role, Text},
    merkle::sha256,
    pb::{
        self, apply_stream_response::Outcome, assessment_service_client::AssessmentServiceClient,
        command::Order, record::Event,
    },
    rpc::{Credentials, Identity},
};
use serde_json::Value;
use tonic::{Request, Status, client::Grpc};
use tonic_prost::ProstCodec;
use tracing::{
    Dispatch,
    subscriber::{DefaultGuard, NoSubscriber},
};

use crate::{
    account,
    recorder::{calls, seeded},
    served::{
        Authorised, Bearer, KEY, SUBJECT, Served, act, assessment, explained, last, present,
        reason_of, text,
    },
    sim_disk::Seeded,
};

/// What is logged on this thread, on which the server runs, too.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

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
    /// Keeps what a server logs that is told nothing else. With one subscriber alone the library asks that
    /// of whatever thread comes first by a place in the code whether it logs, and believes it for all: so
    /// there are two.
    fn keep() -> (Self, (DefaultGuard, Dispatch)) {
        let second = Dispatch::new(NoSubscriber::default());
        let lines = Self::default();
        let written = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_max_level(tracing::Level::INFO)
            .with_writer(move || written.clone())
            .finish();
        (lines, (tracing::subscriber::set_default(subscriber), second))
    }

    /// The lines on calls and accesses since this was asked last, and all that was said in them.
    fn take(&self) -> (Vec<Value>, String) {
        let said = String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap();
        let lines = said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let ours = |line: &Value| {
            ["judgement_ledger::access", "judgement_ledger::call"]
                .contains(&line["target"].as_str().unwrap())
        };
        (lines.filter(ours).collect(), said)
    }
}

/// A way to be answered. Each says what for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Read,
    Opened,
    Recorded,
    Newcomer,
    Again,
    Validated,
    NoCredential,
    NoToken,
    Forged,
    Expired,
    Malformed,
    UnknownMethod,
    NotThere,
    OffTheScale,
    NotPermitted,
    WrongOrganisation,
    SelfModeration,
    SelfApproval,
    Batch,
    Stream,
    StrangersStream,
}

const WAYS: [Way; 21] = [
    Way::Read,
    Way::Opened,
    Way::Recorded,
    Way::Newcomer,
    Way::Again,
    Way::Validated,
    Way::NoCredential,
    Way::NoToken,
    Way::Forged,
    Way::Expired,
    Way::Malformed,
    Way::UnknownMethod,
    Way::NotThere,
    Way::OffTheScale,
    Way::NotPermitted,
    Way::WrongOrganisation,
    Way::SelfModeration,
    Way::SelfApproval,
    Way::Batch,
    Way::Stream,
    Way::StrangersStream,
];

fn token(login: &str, organisation: &str, roles: &[Role], at: &str) -> String {
    let identity = Identity {
        login: Text::parse(login).unwrap(),
        organisation: OrganisationId::parse(organisation).unwrap(),
        roles: roles.to_vec(),
    };
    let now: Timestamp = at.parse().unwrap();
    Credentials::new(&KEY).unwrap().mint(&identity, now, Duration::from_hours(48)).unwrap()
}

/// A command that was answered well.
#[derive(Debug, Clone)]
struct Done {
    event: &'static str,
    login: String,
    request: String,
    receipt: pb::Receipt,
}

impl Done {
    fn new(event: &'static str, login: &str, act: Option<&pb::Act>, receipt: pb::Receipt) -> Self {
        let request = act.unwrap().request_id.clone();
        Self { event, login: login.to_owned(), request, receipt }
    }
}

/// What became of a call.
#[derive(Default)]
struct Told {
    /// The reasons of what was refused, as the caller was told them.
    refused: Vec<String>,
    /// Who the caller was that was refused, if that is known.
    who: Option<Who>,
    /// What was done.
    done: Vec<Done>,
}

impl Told {
    /// One thing was refused.
    fn refused(status: &Status, who: Option<Who>) -> Self {
        Self { refused: vec![reason_of(status).0], who, done: Vec::new() }
    }

    /// One thing was done.
    fn done(done: Done) -> Self {
        Self { done: vec![done], ..Self::default() }
    }
}

/// Who asks for what.
struct World {
    served: Served,
    /// An assessment of Ofsted's that is worked on.
    name: String,
    /// The first one.
    first: String,
    /// What was recorded last of its entries, and what was answered.
    recorded: Option<(pb::RecordEntryRequest, pb::Receipt)>,
    /// How many have come who were never here before.
    newcomers: usize,
    /// How many assessments were opened.
    opened: usize,
    /// Signed tokens by what they are for.
    tokens: BTreeMap<&'static str, String>,
    /// Where the grade stands that its own decider moderates.
    graded: u64,
    /// The erasure that its own officer approves.
    asked: u64,
}

const NOW: &str = "2006-10-01T08:00:00Z";

impl World {
    async fn new() -> Self {
        let served = Served::start().await;
        let name = served.open("apa-2006").await;
        let both = [Role::Inspector, Role::Moderator];
        let tokens = BTreeMap::from([
            ("expired", token("late@ofsted", "ofsted", &[Role::Inspector], "2006-09-01T08:00:00Z")),
            ("stranger", token("stranger@press", "press", &[Role::LeadInspector], NOW)),
            ("both", token("both@ofsted", "ofsted", &both, NOW)),
        ]);
        let first = name.clone();
        let mut world = Self {
            served,
            name,
            first,
            recorded: None,
            newcomers: 0,
            opened: 0,
            tokens,
            graded: 0,
            asked: 0,
        };
        let first = world.set("being-healthy", "good", act(), None);
        let mut both = world.by("both");
        world.graded = both.set_grade(first).await.unwrap().into_inner().position;
        let said = pb::Act { rationale: "a child was named".to_owned(), ..act() };
        let said = world.set("staying-safe", "good", said, None);
        let said = world.served.assessments("inspector").set_grade(said).await.unwrap();
        let asked = pb::RequestRedactionRequest {
            act: Some(act()),
            position: said.into_inner().position,
            field: "rationale".to_owned(),
            legal_basis: pb::LegalBasis::ErasureRequest.into(),
            replacement: "a child".to_owned(),
            ..pb::RequestRedactionRequest::default()
        };
        let asked = world.served.assessments("officer").request_redaction(asked).await.unwrap();
        world.asked = asked.into_inner().position;
        world
    }

    fn by(&self, name: &str) -> AssessmentServiceClient<Authorised> {
        let bearer = Bearer::new(&self.tokens[name]);
        AssessmentServiceClient::with_interceptor(self.served.channel.clone(), bearer)
    }

    fn set(
        &self,
        area: &str,
        grade: &str,
        act: pb::Act,
        expected: Option<pb::Expectation>,
    ) -> pb::SetGradeRequest {
        self.served.set_request(&self.name, area, grade, act, expected)
    }

    /// A command that is recorded whenever it comes.
    fn entry(&self) -> pb::RecordEntryRequest {
        pb::RecordEntryRequest {
            assessment: self.name.clone(),
            act: Some(act()),
            entry_id: format!("nar-{}", uuid::Uuid::new_v4().simple()),
            content: Some(pb::EntryContent {
                kind: pb::EntryKind::Narrative.into(),
                section: "staying-safe".to_owned(),
                area: "staying-safe".to_owned(),
                order: 1,
                text: Some(present("well")),
                ..pb::EntryContent::default()
            }),
            ..pb::RecordEntryRequest::default()
        }
    }

    /// A command that nobody may give whose organisation does not judge under the framework.
    fn opening(&self) -> pb::OpenAssessmentRequest {
        pb::OpenAssessmentRequest {
            assessment: format!("{SUBJECT}/assessments/of-a-stranger"),
            act: Some(act()),
            framework: "frameworks/apa/versions/2006".to_owned(),
            cycle: "2006".to_owned(),
            ..pb::OpenAssessmentRequest::default()
        }
    }

    /// A command that no inspector may give.
    fn lock(&self) -> Order {
        let expected = pb::revision_expectation::State::Revision(1);
        Order::LockAssessment(pb::LockAssessmentRequest {
            assessment: self.name.clone(),
            act: Some(act()),
            digest: vec![0; 32].into(),
            expected: Some(pb::RevisionExpectation { state: Some(expected) }),
            ..pb::LockAssessmentRequest::default()
        })
    }

    fn off_the_scale(&self) -> pb::SetGradeRequest {
        self.set("staying-safe", "poor", act(), None)
    }

    /// Up to so many commands: what becomes of each when an inspector gives it. Half of the time nothing
    /// is wrong with any.
    fn commands(
        &self,
        most: u64,
        random: &mut Seeded,
    ) -> (Vec<pb::Command>, Vec<Option<&'static str>>) {
        let well = random.below(2) == 0;
        let many = 1 + random.below(most);
        let command = |_| {
            let (order, refused) = match random.below(3) {
                0 => (self.lock(), Some("NOT_PERMITTED")),
                1 => (Order::SetGrade(self.off_the_scale()), Some("LEVEL_NOT_ON_SCALE")),
                _ => (Order::RecordEntry(self.entry()), None),
            };
            if well { (Order::RecordEntry(self.entry()), None) } else { (order, refused) }
        };
        let commands = (0..many).map(command);
        commands.map(|(order, refused)| (pb::Command { order: Some(order) }, refused)).unzip()
    }

    /// Sends commands in a stream.
    async fn stream(
        &self,
        login: &str,
        mut client: AssessmentServiceClient<Authorised>,
        commands: Vec<pb::Command>,
    ) -> Told {
        let asked = commands.clone().into_iter();
        let asked: Vec<_> = asked.map(|it| pb::ApplyStreamRequest { command: Some(it) }).collect();
        let answers = client.apply_stream(tokio_stream::iter(asked)).await.unwrap();
        let (mut answers, mut told) = (answers.into_inner(), Told::default());
        for command in &commands {
            match answers.message().await.unwrap().unwrap().outcome.unwrap() {
                Outcome::Receipt(receipt) => told.done.push(entered(login, command, receipt)),
                Outcome::Refusal(refusal) => {
                    let status = tonic::Code::from_i32(refusal.code);
                    let details = prost::Message::encode_to_vec(&refusal);
                    let status = Status::with_details(status, refusal.message, details.into());
                    told.refused.push(reason_of(&status).0);
                }
            }
        }
        assert!(answers.message().await.unwrap().is_none(), "an answer for each command");
        told
    }

    /// Sends any bytes to any path.
    async fn raw(&self, path: &'static str) -> Status {
        let mut client = Grpc::new(self.served.channel.clone());
        client.ready().await.unwrap();
        let mut request = Request::new(pb::ReadToken { position: 7, recorded_at: None });
        let bearer = format!("Bearer {}", self.served.token("inspector")).parse().unwrap();
        request.metadata_mut().insert("authorization", bearer);
        let codec = ProstCodec::<pb::ReadToken, pb::ReadToken>::default();
        let path = http::uri::PathAndQuery::from_static(path);
        client.unary(request, path, codec).await.unwrap_err()
    }

    /// Has somebody record something new.
    async fn record(&mut self, login: &str, token: &str) -> Told {
        let entry = self.entry();
        let mut client = self.anybody(token);
        let receipt = client.record_entry(entry.clone()).await.unwrap().into_inner();
        let done = Done::new("EntryRecorded", login, entry.act.as_ref(), receipt.clone());
        if login == INSPECTOR {
            self.recorded = Some((entry, receipt));
        }
        Told::done(done)
    }

    fn anybody(&self, token: &str) -> AssessmentServiceClient<Authorised> {
        AssessmentServiceClient::with_interceptor(self.served.channel.clone(), Bearer::new(token))
    }

    /// Goes one way.
    async fn go(&mut self, way: Way, random: &mut Seeded) -> Told {
        let inspector = || Some(Who::of("ofsted", INSPECTOR));
        let read = assessment(&self.name);
        match way {
            Way::Read => {
                self.served.get(read).await;
                Told::default()
            }
            Way::Opened => {
                self.opened += 1;
                let order = pb::OpenAssessmentRequest {
                    assessment: format!("{SUBJECT}/assessments/apa-{}", self.opened),
                    cycle: format!("cycle-{}", self.opened),
                    ..self.opening()
                };
                let told = self.served.assessments("lead").open_assessment(order.clone()).await;
                let receipt = told.unwrap().into_inner();
                self.name.clone_from(&order.assessment);
                let act = order.act.as_ref();
                Told::done(Done::new("AssessmentOpened", "lead@ofsted", act, receipt))
            }
            Way::Recorded => {
                let token = self.served.token("inspector");
                self.record(INSPECTOR, &token).await
            }
            Way::Newcomer => {
                self.newcomers += 1;
                let login = format!("newcomer-{}@ofsted", self.newcomers);
                let token = token(&login, "ofsted", &[Role::Inspector], NOW);
                self.record(&login, &token).await
            }
            Way::Again => {
                // What was recorded once is not recorded again, whoever sends it how often.
                let (entry, first) = self.recorded.clone().unwrap();
                let told = self.served.assessments("inspector").record_entry(entry).await;
                let again = told.unwrap().into_inner();
                assert_eq!(again, pb::Receipt { replayed: true, ..first });
                Told::default()
            }
            Way::Validated => {
                let entry = pb::RecordEntryRequest { validate_only: true, ..self.entry() };
                let told = self.served.assessments("inspector").record_entry(entry).await;
                let told = told.unwrap().into_inner();
                assert!(told.validated_only && told.position == 0, "{told:?}");
                Told::default()
            }
            Way::NoCredential => {
                let mut client = AssessmentServiceClient::new(self.served.channel.clone());
                Told::refused(&client.get_assessment(read).await.unwrap_err(), None)
            }
            Way::NoToken => {
                let told = self.anybody("a.b.c").get_assessment(read).await;
                Told::refused(&told.unwrap_err(), None)
            }
            Way::Forged => {
                let forged = format!("{}A", self.served.token("lead"));
                let told = self.anybody(&forged).get_assessment(read).await;
                Told::refused(&told.unwrap_err(), None)
            }
            Way::Expired => {
                let told = self.by("expired").get_assessment(read).await.unwrap_err();
                Told::refused(&told, Some(Who::of("ofsted", "late@ofsted")))
            }
            Way::Malformed => {
                let path = "/judgement.ledger.v1.AssessmentService/SetGrade";
                Told::refused(&self.raw(path).await, inspector())
            }
            Way::UnknownMethod => {
                let path = "/judgement.ledger.v1.AssessmentService/Forget";
                Told::refused(&self.raw(path).await, inspector())
            }
            Way::NotThere => {
                let asked = assessment("subjects/nowhere/assessments/none");
                let told = self.served.assessments("inspector").get_assessment(asked).await;
                Told::refused(&told.unwrap_err(), inspector())
            }
            Way::OffTheScale => {
                let order = self.off_the_scale();
                let told = self.served.assessments("inspector").set_grade(order).await;
                Told::refused(&told.unwrap_err(), inspector())
            }
            Way::NotPermitted => {
                let order = self.off_the_scale();
                let told = self.served.assessments("newspaper").set_grade(order).await;
                let who = Who::of("a-newspaper", "newspaper@a-newspaper");
                Told::refused(&told.unwrap_err(), Some(who))
            }
            Way::WrongOrganisation => {
                let told = self.by("stranger").open_assessment(self.opening()).await.unwrap_err();
                Told::refused(&told, Some(Who::of("press", "stranger@press")))
            }
            Way::SelfModeration => {
                let order = pb::SetGradeRequest {
                    assessment: self.first.clone(),
                    ..self.set(
                        "being-healthy",
                        "adequate",
                        explained("MODERATION"),
                        Some(last(self.graded)),
                    )
                };
                let told = self.by("both").set_grade(order).await.unwrap_err();
                Told::refused(&told, Some(Who::of("ofsted", "both@ofsted")))
            }
            Way::SelfApproval => {
                let order = pb::ApproveRedactionRequest {
                    act: Some(act()),
                    request_position: self.asked,
                    ..pb::ApproveRedactionRequest::default()
                };
                let told = self.served.assessments("officer").approve_redaction(order).await;
                Told::refused(&told.unwrap_err(), Some(Who::of("ofsted", "officer@ofsted")))
            }
            Way::Batch => {
                // However many of it are refused, it is refused once: for the first of them.
                let (commands, refused) = self.commands(4, random);
                let told = match self.served.batch(commands.clone()).await {
                    Err(status) => Told::refused(&status, inspector()),
                    Ok(receipts) => {
                        assert_eq!(receipts.len(), commands.len());
                        let done = commands.iter().zip(receipts);
                        let done = done.map(|(it, receipt)| entered(INSPECTOR, it, receipt));
                        Told { done: done.collect(), ..Told::default() }
                    }
                };
                let first = told.refused.first().map(String::as_str);
                assert_eq!(first, refused.into_iter().flatten().next());
                told
            }
            Way::Stream => {
                let (commands, refused) = self.commands(6, random);
                let client = self.served.assessments("inspector");
                let told = self.stream(INSPECTOR, client, commands).await;
                assert_eq!(told.refused, refused.into_iter().flatten().collect::<Vec<_>>());
                Told { who: inspector(), ..told }
            }
            Way::StrangersStream => {
                let command = |_| Some(Order::OpenAssessment(self.opening()));
                let commands = (0..=random.below(6)).map(command);
                let commands = commands.map(|order| pb::Command { order }).collect();
                let told = self.stream("stranger@press", self.by("stranger"), commands).await;
                assert!(told.done.is_empty(), "{:?}", told.done);
                Told { who: Some(Who::of("press", "stranger@press")), ..told }
            }
        }
    }

    /// All records.
    async fn records(&self) -> Vec<pb::StreamedRecord> {
        let (records, end) = account::records(&self.served.clients()).await;
        end.unwrap();
        records
    }
}

const INSPECTOR: &str = "inspector@ofsted";

/// A command of several that was done: all of them that can be are entries.
fn entered(login: &str, command: &pb::Command, receipt: pb::Receipt) -> Done {
    let Some(Order::RecordEntry(entry)) = &command.order else { panic!("{command:?} was done") };
    Done::new("EntryRecorded", login, entry.act.as_ref(), receipt)
}

/// What a record says of why it is there.
#[derive(Debug, PartialEq, Eq)]
struct Caused {
    event: String,
    login: String,
    /// By which request, by which receipt; a person is registered by the service's own act.
    named: Option<(String, u64, u64, String, String)>,
}

/// The logins of persons, as the directory learned of them.
fn directory(records: &[pb::StreamedRecord]) -> BTreeMap<Vec<u8>, String> {
    let learned = |it: &pb::StreamedRecord| match it.record.as_ref()?.event.as_ref()? {
        Event::PersonRegistered(person) => {
            let name = it.texts.iter().find(|it| it.field == "name").unwrap();
            Some((person.person.to_vec(), text(&name.text).to_owned()))
        }
        _ => None,
    };
    records.iter().filter_map(learned).collect()
}

/// Why each of these records is there, as it says.
fn caused(records: &[pb::StreamedRecord], logins: &BTreeMap<Vec<u8>, String>) -> Vec<Caused> {
    let caused = |it: &pb::StreamedRecord| {
        let record = it.record.as_ref().unwrap();
        let (event, who) = match record.event.as_ref().unwrap() {
            Event::PersonRegistered(person) => ("PersonRegistered", Some(&person.person)),
            Event::EntryRecorded(_) => ("EntryRecorded", None),
            Event::AssessmentOpened(_) => ("AssessmentOpened", None),
            _ => ("something else", None),
        };
        let by = record.recorded_by.as_ref().unwrap();
        // Who is registered is who calls.
        assert!(who.is_none_or(|who| *who == by.person), "{record:?}");
        let login = logins[&by.person.to_vec()].clone();
        let id = |bytes: &[u8]| uuid::Uuid::from_slice(bytes).unwrap().to_string();
        let named = who.is_none().then(|| {
            let (request, record_id) = (id(&record.request_id), id(&record.record_id));
            (request, record.position, record.revision, record_id, record.stream.clone())
        });
        Caused { event: event.to_owned(), login, named }
    };
    records.iter().map(caused).collect()
}

/// Why records must be there where these commands were done, and nothing else was, among persons of whom
/// some are known: one for each, and one before it for whoever is new.
fn called_for(done: &[Done], known: &BTreeSet<String>) -> Vec<Caused> {
    let (mut known, mut all) = (known.clone(), Vec::new());
    for Done { event, login, request, receipt } in done {
        if known.insert(login.clone()) {
            let event = "PersonRegistered".to_owned();
            all.push(Caused { event, login: login.clone(), named: None });
        }
        let pb::Receipt { position, revision, record_id, stream, .. } = receipt.clone();
        let named = Some((request.clone(), position, revision, record_id, stream));
        all.push(Caused { event: (*event).to_owned(), login: login.clone(), named });
    }
    all
}

/// What a line says of who called.
#[derive(Debug, PartialEq, Eq)]
struct Who {
    organisation: String,
    credential: String,
}

impl Who {
    /// The credentials of tests have no `jti`: what stands for them is their subject with its issuer.
    fn of(organisation: &str, login: &str) -> Self {
        let digest = sha256(&[format!("judgement-ledger\n{login}").as_bytes()]);
        let first = u64::from_be_bytes(*digest.as_bytes().first_chunk().unwrap());
        Self { organisation: organisation.to_owned(), credential: format!("{first:016x}") }
    }
}

/// The reasons that only whoever watches for break-ins needs to read.
const ACCESS: [&str; 7] = [
    "CREDENTIAL_MISSING",
    "CREDENTIAL_INVALID",
    "CREDENTIAL_EXPIRED",
    "NOT_PERMITTED",
    "WRONG_ORGANISATION",
    "SELF_MODERATION",
    "SELF_APPROVAL",
];

#[tokio::test]
async fn each_refusal_is_one_line_and_what_goes_well_is_none() {
    let (calls, mut random) = (calls(150), seeded());
    let (lines, _guard) = Lines::keep();
    let mut world = World::new().await;
    // Who asks is recorded the first time: so the second time there is one more.
    world.records().await;
    let before = world.records().await;
    lines.take();
    let mut done = Vec::new();
    let mut told_of = BTreeMap::<String, usize>::new();
    for call in 0..calls {
        let way = match WAYS.get(call) {
            Some(way) => *way,
            None => WAYS[random.below(WAYS.len() as u64) as usize],
        };
        let Told { refused: told, who, done: more } = world.go(way, &mut random).await;
        done.extend(more);
        let (logged, said) = lines.take();
        let reasons: Vec<_> = logged.iter().map(|it| it["fields"]["reason"].clone()).collect();
        assert_eq!(reasons, told, "{way:?}: {said}");
        for line in &logged {
            let fields = &line["fields"];
            let reason = fields["reason"].as_str().unwrap();
            let target = if ACCESS.contains(&reason) { "access" } else { "call" };
            assert_eq!(line["target"], format!("judgement_ledger::{target}"), "{line}");
            assert!(fields["peer"].is_string() && fields["request_id"].is_string(), "{line}");
            match &who {
                Some(Who { organisation, credential }) => {
                    assert_eq!(fields["organisation"], **organisation, "{line}");
                    assert_eq!(fields["credential"], **credential, "{line}");
                    assert_eq!(fields["issuer"], "judgement-ledger", "{line}");
                }
                // What nobody signed says nothing.
                None => assert!(fields["credential"].is_null() && fields["issuer"].is_null()),
            }
        }
        // Neither a login nor a token nor a text.
        for never in ["@", "a child", "eyJ", "well"] {
            assert!(logged.iter().all(|it| !it.to_string().contains(never)), "{never}: {said}");
        }
        for reason in told {
            *told_of.entry(reason).or_default() += 1;
        }
    }
    println!("{told_of:?}");
    for reason in ACCESS.iter().chain(&["LEVEL_NOT_ON_SCALE", "MALFORMED", "METHOD_UNKNOWN"]) {
        assert!(told_of.contains_key(*reason), "nobody was refused for {reason}: {told_of:?}");
    }
    let all = world.records().await;
    assert_eq!(all[..before.len()], before, "what was recorded before");
    let known: BTreeSet<_> = directory(&before).into_values().collect();
    let (logins, new) = (directory(&all), &all[before.len()..]);
    let called_for = called_for(&done, &known);
    assert_eq!(caused(new, &logins), called_for, "one record for each command, and no other");
    println!("{} commands done, {} records, {} newcomers", done.len(), new.len(), world.newcomers);
    assert_eq!(new.len(), done.len() + world.newcomers);
    assert!(world.newcomers > 0 && done.len() > calls / 20);
    // A record that is missing, one that is there twice, and one by somebody else are seen.
    for at in [0, new.len() / 2, new.len() - 1] {
        let (mut fewer, mut twice) = (new.to_vec(), new.to_vec());
        fewer.remove(at);
        twice.insert(at, new[at].clone());
        assert!([fewer, twice].iter().all(|wrong| caused(wrong, &logins) != called_for));
    }
    let (officer, _) = logins.iter().find(|(_, login)| *login == "officer@ofsted").unwrap();
    let mut others = new.to_vec();
    let records = others.iter_mut().map(|it| it.record.as_mut().unwrap());
    let mut entries = records.filter(|it| matches!(it.event, Some(Event::EntryRecorded(_))));
    entries.next().unwrap().recorded_by.as_mut().unwrap().person = officer.clone().into();
    assert_ne!(caused(&others, &logins), called_for);
    world.served.stop().await;
}
