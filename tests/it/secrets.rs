//! Nothing secret and no text of the ledger comes into logs, metrics, probes or what others are told.
//!
//! The real binary is started with keys that are known, and told names, logins, texts and credentials
//! that stand nowhere else; then all that it says is searched for them. What the caller is told of the
//! caller's own request is the caller's business, and not searched.

use std::{fs, process::Command, time::Duration};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use judgement_ledger::{
    judgement::{OrganisationId, Role, Text},
    pb::{
        self, assessment_service_client::AssessmentServiceClient,
        audit_service_client::AuditServiceClient, framework_service_client::FrameworkServiceClient,
    },
    rpc::{Credentials, Identity},
};
use tonic::{
    Code, Request, Status,
    client::Grpc,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint},
};
use tonic_prost::ProstCodec;

use crate::{
    attacks::certificates,
    binary::{Home, Running},
    served::{Authorised, Bearer, act, member, present},
    watched::page,
};

/// The key of credentials: text, so that it would be found however it is written.
const TOKEN_KEY: &[u8; 32] = b"canary-token-key-0123456789abcde";

/// What clients say that others must not hear of. Each is one word, for the search.
const TEXTS: [&str; 7] = [
    "canary-rationale",
    "canary-narrative",
    "canary-addressee",
    "canary-login",
    "canary-decider",
    "canary-purpose",
    "canary-made-up",
];

/// What must not be found, each with its name.
pub struct Canaries(Vec<(&'static str, String)>);

impl Canaries {
    fn of(home: &Home, tokens: &[&str]) -> Self {
        let mut all: Vec<_> = TEXTS.iter().map(|text| ("a text", (*text).to_owned())).collect();
        for token in tokens {
            // Its claims and its signature, each by itself.
            all.extend(token.split('.').skip(1).map(|part| ("a credential", part.to_owned())));
        }
        let mut canaries = Self(all);
        canaries.0.push(("the token key", String::from_utf8(TOKEN_KEY.to_vec()).unwrap()));
        canaries.key("the token key", TOKEN_KEY);
        canaries.key("the master key", &digits(&fs::read(home.path("master.key")).unwrap()));
        for file in fs::read_dir(home.path("signer")).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|it| it == "key") {
                canaries.key("the signer's key", &digits(&fs::read(path).unwrap()));
            }
        }
        assert!(canaries.0.iter().any(|(name, _)| *name == "the signer's key"));
        let pem = fs::read_to_string(home.path("server.key")).unwrap();
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        canaries.key("the key of TLS", &STANDARD.decode(&body).unwrap());
        canaries
    }

    /// A key in the forms in which it could be written: any eight bytes of it in a row would be too many.
    fn key(&mut self, name: &'static str, key: &[u8]) {
        for part in key.chunks_exact(8) {
            self.0.push((name, hex(part)));
            self.0.push((name, format!("{part:?}").trim_matches(['[', ']']).to_owned()));
        }
        // Groups of three bytes are written alike wherever they stand.
        for part in key.chunks_exact(24) {
            self.0.push((name, STANDARD.encode(part)));
            self.0.push((name, URL_SAFE.encode(part)));
        }
    }

    /// What of them stands in `said`.
    pub fn found(&self, said: &str) -> Vec<&'static str> {
        let lower = said.to_lowercase();
        let stands = |canary: &str| lower.contains(&canary.to_lowercase());
        self.0.iter().filter(|(_, canary)| stands(canary)).map(|(name, _)| *name).collect()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |written, byte| written + &format!("{byte:02x}"))
}

/// The bytes of a key's file: hexadecimal digits, and the end of the line.
pub fn digits(file: &[u8]) -> Vec<u8> {
    let byte = |two: &[u8]| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap();
    let key: Vec<_> = file.trim_ascii_end().chunks(2).map(byte).collect();
    assert_eq!(key.len(), 32);
    key
}

fn token(login: &str, organisation: &str, roles: &[Role]) -> String {
    let identity = Identity {
        login: Text::parse(login).unwrap(),
        organisation: OrganisationId::parse(organisation).unwrap(),
        roles: roles.to_vec(),
    };
    let now = jiff::Timestamp::now();
    let minted = Credentials::new(TOKEN_KEY).unwrap().mint(&identity, now, Duration::from_hours(4));
    minted.unwrap()
}

/// Whose calls say what must not be heard, and one who asks afterwards.
struct Callers {
    channel: Channel,
    writer: String,
    other: String,
}

impl Callers {
    fn of(server: &Running, authority: &str) -> Self {
        let roles = [Role::Inspector, Role::LeadInspector, Role::FrameworkAdmin];
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority));
        let endpoint = Endpoint::from_shared(server.address.clone()).unwrap();
        Self {
            channel: endpoint.tls_config(tls).unwrap().connect_lazy(),
            writer: token("canary-login@ofsted", "ofsted", &roles),
            other: token("consumer@press", "press", &[Role::Consumer]),
        }
    }

    fn assessments(&self, token: &str) -> AssessmentServiceClient<Authorised> {
        AssessmentServiceClient::with_interceptor(self.channel.clone(), Bearer::new(token))
    }

    fn audits(&self, token: &str) -> AuditServiceClient<Authorised> {
        AuditServiceClient::with_interceptor(self.channel.clone(), Bearer::new(token))
    }

    /// What is recorded, and what is refused though it is well made.
    async fn say(&self) {
        let subject = "subjects/leicester-city";
        let request = pb::RegisterSubjectRequest {
            act: Some(act()),
            subject: subject.to_owned(),
            display_name: "Leicester City Council".to_owned(),
            kind: "local authority".to_owned(),
            ..pb::RegisterSubjectRequest::default()
        };
        let mut frameworks = FrameworkServiceClient::with_interceptor(
            self.channel.clone(),
            Bearer::new(&self.writer),
        );
        frameworks.register_subject(request).await.unwrap();
        let name = format!("{subject}/assessments/apa-2006");
        let mut writer = self.assessments(&self.writer);
        let request = pb::OpenAssessmentRequest {
            assessment: name.clone(),
            act: Some(act()),
            framework: "frameworks/apa/versions/2006".to_owned(),
            cycle: "2006".to_owned(),
            addressee: Some(pb::Addressee {
                name: Some(present("canary-addressee")),
                ..pb::Addressee::default()
            }),
            ..pb::OpenAssessmentRequest::default()
        };
        writer.open_assessment(request).await.unwrap();
        let said = pb::Act { rationale: "canary-rationale".to_owned(), ..act() };
        let who = pb::StatedDecider {
            who: Some(pb::stated_decider::Who::Person("canary-decider".to_owned())),
            ..pb::StatedDecider::default()
        };
        let set = |area: &str, grade: &str, act: pb::Act| pb::SetGradeRequest {
            assessment: name.clone(),
            act: Some(act),
            area: area.to_owned(),
            grade: Some(pb::Grade {
                award: Some(pb::grade::Award::Word(grade.to_owned())),
                ..pb::Grade::default()
            }),
            ..pb::SetGradeRequest::default()
        };
        writer.set_grade(set("staying-safe", "good", said.clone())).await.unwrap();
        let decided = pb::Act { decided_by: Some(who), ..said.clone() };
        // Whether it is recorded or refused, nobody else hears of it.
        drop(writer.set_grade(set("being-healthy", "good", decided)).await);
        for (area, grade) in [("canary-made-up", "good"), ("staying-safe", "canary-made-up")] {
            let again = pb::Act { request_id: act().request_id, ..said.clone() };
            writer.set_grade(set(area, grade, again)).await.unwrap_err();
        }
        let request = pb::RecordEntryRequest {
            assessment: name.clone(),
            act: Some(act()),
            entry_id: "nar-safe".to_owned(),
            content: Some(pb::EntryContent {
                kind: pb::EntryKind::Narrative.into(),
                section: "staying-safe".to_owned(),
                area: "staying-safe".to_owned(),
                order: 1,
                text: Some(present("canary-narrative")),
                ..pb::EntryContent::default()
            }),
            ..pb::RecordEntryRequest::default()
        };
        writer.record_entry(request).await.unwrap();
        let filter = pb::QueryAuditRequest {
            expression: "canary-purpose = canary-purpose".to_owned(),
            ..pb::QueryAuditRequest::default()
        };
        drop(self.audits(&self.writer).query_audit(filter).await);
    }

    /// What is no call of ours: strange methods, broken messages, wrong credentials, ids and headers
    /// that would make lines of their own.
    async fn stumble(&self, wrong: &str) {
        for path in [
            "/canary-made-up/Method",
            "/judgement.ledger.v1.AssessmentService/SetGrade",
            "/judgement.ledger.v1.FrameworkService/canary-made-up",
        ] {
            for token in [&*self.writer, wrong] {
                let mut client = Grpc::new(self.channel.clone());
                client.ready().await.unwrap();
                let mut request = Request::new(member("canary-made-up", "canary-made-up"));
                let headers = request.metadata_mut();
                headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
                headers.insert("x-request-id", "canary-made-up id".parse().unwrap());
                headers.insert("x-canary-made-up", "canary-made-up".parse().unwrap());
                let path = path.parse().unwrap();
                let codec = ProstCodec::<pb::StatedMember, pb::StatedMember>::default();
                client.unary(request, path, codec).await.unwrap_err();
            }
        }
    }

    /// What somebody else is told of all that.
    async fn hear(&self) -> Vec<Status> {
        let name = "subjects/leicester-city/assessments/apa-2006".to_owned();
        let asked = pb::GetAssessmentRequest { name, ..pb::GetAssessmentRequest::default() };
        let mut other = self.assessments(&self.other);
        let working = other.get_assessment(asked).await.unwrap_err();
        let rows = self.audits(&self.other).query_audit(pb::QueryAuditRequest::default()).await;
        vec![working, rows.unwrap_err()]
    }
}

/// What must not be found, and where it might be.
pub struct Said {
    pub canaries: Canaries,
    logged: String,
    told: String,
}

/// Has a server, which `command` starts, hear all that others must not, until it `ends` with its log.
pub async fn say_all(
    home: &Home,
    command: impl FnOnce(&Home) -> Command,
    ends: impl FnOnce(Running) -> String,
) -> Said {
    fs::write(home.path("token.key"), TOKEN_KEY).unwrap();
    let authority = certificates(home);
    let server = Running::start(command(home));
    let callers = Callers::of(&server, &authority);
    let wrong = format!("{}x", callers.writer);
    callers.say().await;
    callers.stumble(&wrong).await;
    let heard = callers.hear().await;
    assert!(heard.iter().all(|status| status.code() == Code::PermissionDenied), "{heard:?}");
    let mut told = format!("{heard:?}\n");
    for path in ["/metrics", "/readyz", "/livez", "/startupz", "/version", "/canary-made-up"] {
        told += &page(&server.admin, path).1;
    }
    let canaries = Canaries::of(home, &[&callers.writer, &callers.other, &wrong]);
    assert!(!server.admin.is_empty());
    drop(callers);
    Said { canaries, logged: ends(server), told }
}

async fn nothing_is_told(format: &str) {
    let home = Home::new();
    let said = say_all(&home, |home| traced(home, format), Running::kill_and_say).await;
    let Said { canaries, logged, told } = said;
    assert!(logged.contains("judgement_ledger::call"), "{logged}");
    assert!(logged.contains("judgement_ledger::access"), "{logged}");
    for (what, said) in [("the log", &logged), ("what others are told", &told)] {
        assert_eq!(canaries.found(said), Vec::<&str>::new(), "{what}:\n{said}");
    }
    // An event is a line, and what looks like one is one.
    if format == "json" {
        let events = logged.lines().filter(|line| line.starts_with('{'));
        let all: Vec<_> = events.map(serde_json::from_str::<serde_json::Value>).collect();
        assert!(all.len() > 20 && all.iter().all(Result::is_ok), "{logged}");
    }
    // The same search finds what is there.
    for (name, canary) in &canaries.0 {
        assert!(canaries.found(&format!("{logged}{canary}\n")).contains(name), "{name}");
    }
}

#[test]
fn what_is_searched_for_is_what_somebody_would_write() {
    let key: Vec<u8> = (100..132).collect();
    let mut canaries = Canaries(Vec::new());
    canaries.key("a key", &key);
    for written in [
        hex(&key),
        hex(&key).to_uppercase(),
        format!("{key:?}"),
        format!("key={}", STANDARD.encode(&key)),
        format!("{:?}", &key[8..24]),
    ] {
        assert!(canaries.found(&written).contains(&"a key"), "{written}");
    }
    assert!(canaries.found(&hex(&[7; 32])).is_empty());
}

/// `serve` over TLS, as talkative as it can be.
pub fn traced(home: &Home, format: &str) -> Command {
    let mut command = home.serve();
    command.env("JUDGEMENT_LEDGER_LOG_FORMAT", format);
    command.env("JUDGEMENT_LEDGER_LOG", "trace");
    command.arg("--tls-certificate").arg(home.path("server.pem"));
    command.arg("--tls-key").arg(home.path("server.key"));
    command
}

#[tokio::test]
async fn a_log_in_json_at_its_most_talkative_names_no_secret_and_no_text() {
    nothing_is_told("json").await;
}

#[tokio::test]
async fn a_log_in_text_at_its_most_talkative_names_no_secret_and_no_text() {
    nothing_is_told("text").await;
}
