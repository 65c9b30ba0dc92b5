//! Who is refused something stands in the log: one line for each refusal, of a call or of one command
//! of a stream, with what tells the credential; and no line of what went well.

use std::{
    collections::BTreeMap,
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
        command::Order,
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
    served::{
        Authorised, Bearer, KEY, SUBJECT, Served, act, assessment, explained, last, present,
        reason_of,
    },
    sim_disk::Seeded,
};

/// How many calls are made.
const CALLS: usize = 150;

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
    Recorded,
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

const WAYS: [Way; 17] = [
    Way::Read,
    Way::Recorded,
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

/// Who asks for what.
struct World {
    served: Served,
    /// An assessment of Ofsted's.
    name: String,
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
        let mut world = Self { served, name, tokens, graded: 0, asked: 0 };
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
    fn entry(&self) -> Order {
        Order::RecordEntry(pb::RecordEntryRequest {
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
        })
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

    /// Any command: what becomes of it when an inspector gives it.
    fn command(&self, random: &mut Seeded) -> (pb::Command, Option<&'static str>) {
        let (order, refused) = match random.below(3) {
            0 => (self.entry(), None),
            1 => (self.lock(), Some("NOT_PERMITTED")),
            _ => (Order::SetGrade(self.off_the_scale()), Some("LEVEL_NOT_ON_SCALE")),
        };
        (pb::Command { order: Some(order) }, refused)
    }

    /// Sends commands in a stream; why each was refused that was.
    async fn stream(
        &self,
        mut client: AssessmentServiceClient<Authorised>,
        commands: Vec<pb::Command>,
    ) -> Vec<String> {
        let commands = commands.into_iter().map(|it| pb::ApplyStreamRequest { command: Some(it) });
        let commands: Vec<_> = commands.collect();
        let answers = client.apply_stream(tokio_stream::iter(commands)).await.unwrap();
        let (mut answers, mut refused) = (answers.into_inner(), Vec::new());
        while let Some(answer) = answers.message().await.unwrap() {
            if let Some(Outcome::Refusal(refusal)) = answer.outcome {
                let status = tonic::Code::from_i32(refusal.code);
                let details = prost::Message::encode_to_vec(&refusal);
                let status = Status::with_details(status, refusal.message, details.into());
                refused.push(reason_of(&status).0);
            }
        }
        refused
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

    /// Goes one way; the reasons of what was refused on it, as the caller was told them, and who the
    /// caller was, if that is known.
    async fn go(&self, way: Way, random: &mut Seeded) -> (Vec<String>, Option<Who>) {
        let inspector = || Some(Who::of("ofsted", "inspector@ofsted"));
        let one = |status: Status| vec![reason_of(&status).0];
        let read = assessment(&self.name);
        let anybody = |token: &str| {
            let channel = self.served.channel.clone();
            AssessmentServiceClient::with_interceptor(channel, Bearer::new(token))
        };
        match way {
            Way::Read => {
                self.served.get(read).await;
                (vec![], None)
            }
            Way::Recorded => {
                let Order::RecordEntry(entry) = self.entry() else { unreachable!() };
                self.served.assessments("inspector").record_entry(entry).await.unwrap();
                (vec![], None)
            }
            Way::NoCredential => {
                let mut client = AssessmentServiceClient::new(self.served.channel.clone());
                (one(client.get_assessment(read).await.unwrap_err()), None)
            }
            Way::NoToken => (one(anybody("a.b.c").get_assessment(read).await.unwrap_err()), None),
            Way::Forged => {
                let forged = format!("{}A", self.served.token("lead"));
                (one(anybody(&forged).get_assessment(read).await.unwrap_err()), None)
            }
            Way::Expired => {
                let told = self.by("expired").get_assessment(read).await.unwrap_err();
                (one(told), Some(Who::of("ofsted", "late@ofsted")))
            }
            Way::Malformed => {
                let path = "/judgement.ledger.v1.AssessmentService/SetGrade";
                (one(self.raw(path).await), inspector())
            }
            Way::UnknownMethod => {
                let path = "/judgement.ledger.v1.AssessmentService/Forget";
                (one(self.raw(path).await), inspector())
            }
            Way::NotThere => {
                let asked = assessment("subjects/nowhere/assessments/none");
                let told = self.served.assessments("inspector").get_assessment(asked).await;
                (one(told.unwrap_err()), inspector())
            }
            Way::OffTheScale => {
                let order = self.off_the_scale();
                let told = self.served.assessments("inspector").set_grade(order).await;
                (one(told.unwrap_err()), inspector())
            }
            Way::NotPermitted => {
                let order = self.off_the_scale();
                let told = self.served.assessments("newspaper").set_grade(order).await;
                (one(told.unwrap_err()), Some(Who::of("a-newspaper", "newspaper@a-newspaper")))
            }
            Way::WrongOrganisation => {
                let told = self.by("stranger").open_assessment(self.opening()).await.unwrap_err();
                (one(told), Some(Who::of("press", "stranger@press")))
            }
            Way::SelfModeration => {
                let expected = Some(last(self.graded));
                let act = explained("MODERATION");
                let order = self.set("being-healthy", "adequate", act, expected);
                let told = self.by("both").set_grade(order).await.unwrap_err();
                (one(told), Some(Who::of("ofsted", "both@ofsted")))
            }
            Way::SelfApproval => {
                let order = pb::ApproveRedactionRequest {
                    act: Some(act()),
                    request_position: self.asked,
                    ..pb::ApproveRedactionRequest::default()
                };
                let told = self.served.assessments("officer").approve_redaction(order).await;
                (one(told.unwrap_err()), Some(Who::of("ofsted", "officer@ofsted")))
            }
            Way::Batch => {
                // However many of it are refused, it is refused once: for the first of them.
                let (commands, refused): (Vec<_>, Vec<_>) =
                    (0..=random.below(4)).map(|_| self.command(random)).unzip();
                let told = self.served.batch(commands).await;
                let told: Vec<_> = told.err().map(|it| reason_of(&it).0).into_iter().collect();
                assert_eq!(told.first().map(String::as_str), refused.into_iter().flatten().next());
                (told, inspector())
            }
            Way::Stream => {
                let (commands, refused): (Vec<_>, Vec<_>) =
                    (0..=random.below(6)).map(|_| self.command(random)).unzip();
                let told = self.stream(self.served.assessments("inspector"), commands).await;
                let refused: Vec<_> = refused.into_iter().flatten().collect();
                assert_eq!(told, refused);
                (told, inspector())
            }
            Way::StrangersStream => {
                let command = |_| Some(Order::OpenAssessment(self.opening()));
                let commands = (0..=random.below(6)).map(command);
                let commands = commands.map(|order| pb::Command { order }).collect();
                let told = self.stream(self.by("stranger"), commands).await;
                (told, Some(Who::of("press", "stranger@press")))
            }
        }
    }
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
    let seed = std::env::var("JUDGEMENT_LEDGER_SEED").ok().and_then(|it| it.parse().ok());
    let seed = seed.unwrap_or_else(|| Timestamp::now().as_microsecond().unsigned_abs());
    println!("JUDGEMENT_LEDGER_SEED={seed}");
    let mut random = Seeded(seed);
    let (lines, _guard) = Lines::keep();
    let world = World::new().await;
    lines.take();
    let mut told_of = BTreeMap::<String, usize>::new();
    for call in 0..CALLS {
        let way = match WAYS.get(call) {
            Some(way) => *way,
            None => WAYS[random.below(WAYS.len() as u64) as usize],
        };
        let (told, who) = world.go(way, &mut random).await;
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
    world.served.stop().await;
}
