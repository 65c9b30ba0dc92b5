//! Nothing secret and no text of the ledger comes into logs, metrics, probes or what others are told.
//!
//! The real binary is started with keys that are known, and told names, logins, texts and credentials
//! that stand nowhere else; then all that it says is searched for them. What the caller is told of the
//! caller's own request is the caller's business, and not searched.
//!
//! Nor does anybody make a line of the log that is not the server's, or reach the terminal of who reads it.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    process::Command,
    time::Duration,
};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use judgement_ledger::{
    judgement::{OrganisationId, Role, Text},
    pb::{
        self, assessment_service_client::AssessmentServiceClient,
        audit_service_client::AuditServiceClient, framework_service_client::FrameworkServiceClient,
    },
    rpc::{Credentials, Identity},
};
use rcgen::KeyPair;
use serde_json::{Value, json};
use tonic::{
    Code, Request, Status,
    client::Grpc,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint},
};
use tonic_prost::ProstCodec;

use crate::{
    attacks::{
        certificates,
        frames::{END_HEADERS, END_STREAM, HEADERS, PING, field, frame, greeting},
    },
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
    let now = Timestamp::now();
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
        let all: Vec<_> = events.map(serde_json::from_str::<Value>).collect();
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

/// A line that somebody would like to stand in the log.
const FORGED: &str = "1999-01-01T00:00:00.000000Z  INFO judgement_ledger::access: canary-forged";

/// What makes lines of its own, clears a terminal, names its window, and rings: control characters of
/// both kinds, and all that breaks lines.
fn poison() -> String {
    format!(
        "canary-made-up\u{1b}[31m\u{1b}]0;canary\u{7}\r\n{FORGED}\n\u{9b}2J\u{85}{FORGED}\u{2028}\
         \u{2029}\u{0}\u{7f}\u{8}\r{FORGED}"
    )
}

/// What of a log in text is no line of the server's, or reaches a terminal.
fn breaking(logged: &str) -> Vec<&str> {
    let acts = |letter: char| letter.is_control() || ['\u{2028}', '\u{2029}'].contains(&letter);
    let event = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let at = words.next().unwrap_or_default().parse::<Timestamp>();
        let level = words.next().unwrap_or_default();
        at.is_ok() && ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"].contains(&level)
    };
    let bad = |line: &&str| line.contains(acts) || line.starts_with(FORGED) || !event(line);
    logged.split('\n').filter(|line| !line.is_empty()).filter(bad).collect()
}

#[test]
fn a_log_that_quotes_as_it_is_told_is_found_out() {
    let good = "2026-10-01T08:00:00.000001Z  INFO judgement_ledger::call: code=Ok\n";
    assert_eq!(breaking(good), Vec::<&str>::new());
    let quoting = good.replace("Ok", &poison());
    assert_eq!(breaking(&format!("{good}{quoting}{good}")).len(), 3, "each of the lines it makes");
    for one in ["\u{1b}[31m", "\u{7}", "\r", "\u{9b}2J", "\u{85}", "\u{2028}", "\u{0}", "\u{7f}"] {
        let planted = good.replace("Ok", &format!("Ok{one}"));
        assert_eq!(breaking(&planted).len(), 1, "{one:?}");
    }
    for line in [FORGED, "canary-forged", "INFO judgement_ledger::call: code=Ok"] {
        assert_eq!(breaking(&format!("{good}{line}\n{good}")), [line]);
    }
}

/// An issuer of which somebody may get tokens that say what he likes.
struct Lenient {
    signing: EncodingKey,
}

const ISSUER: &str = "https://id.ofsted.example";

impl Lenient {
    fn in_home(home: &Home) -> Self {
        let pair = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        fs::write(home.path("issuer.pem"), pair.public_key_pem()).unwrap();
        let lenient = Self { signing: EncodingKey::from_ec_der(&pair.serialize_der()) };
        lenient.states(home, "framework-admin");
        lenient
    }

    /// Has the file of issuers give this role to administrators.
    fn states(&self, home: &Home, role: &str) {
        let issuer = json!({
            "issuer": ISSUER, "keys": "issuer.pem", "organisations": ["ofsted"],
            "roles": {"admins": role, "inspectors": "inspector", "auditors": "auditor"},
        });
        let document = json!({"issuers": [issuer]}).to_string();
        fs::write(home.path("issuers.json"), document).unwrap();
    }

    /// A token with these claims beside the usual ones.
    fn token(&self, kid: Option<&str>, others: Value) -> String {
        let mut claims = json!({
            "iss": ISSUER, "aud": "judgement-ledger", "sub": "j.smith", "roles": ["admins"],
            "exp": Timestamp::now().as_second() + 3_600,
        });
        for (name, value) in others.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let header = Header { kid: kid.map(str::to_owned), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, &claims, &self.signing).unwrap()
    }

    /// Tokens that say it wherever a text may stand, each taken or not.
    fn tokens(&self, poison: &str) -> Vec<String> {
        let claims =
            ["iss", "aud", "sub", "org", "roles", "jti", "exp", "nbf", "cnf", "scope", poison];
        let claims = claims.into_iter().map(|claim| self.token(None, json!({claim: poison})));
        let mut tokens: Vec<_> = claims.collect();
        tokens.push(self.token(Some(poison), json!({})));
        tokens.push(self.token(None, json!({"roles": ["admins", poison]})));
        tokens
    }
}

/// Says it wherever a message may have a text: ids, names, reasons, filters, page tokens.
async fn say_poison(channel: &Channel, token: &str, poison: &str) -> Vec<Result<(), Status>> {
    let bearer = || Bearer::new(token);
    let registering = |act: pb::Act| pb::RegisterSubjectRequest {
        act: Some(act),
        subject: "subjects/leicester-city".to_owned(),
        display_name: poison.to_owned(),
        kind: poison.to_owned(),
        ..pb::RegisterSubjectRequest::default()
    };
    let mut frameworks = FrameworkServiceClient::with_interceptor(channel.clone(), bearer());
    let mut assessments = AssessmentServiceClient::with_interceptor(channel.clone(), bearer());
    let mut audits = AuditServiceClient::with_interceptor(channel.clone(), bearer());
    let mut told = Vec::new();
    let poisoned = pb::Act { request_id: poison.to_owned(), ..act() };
    told.push(frameworks.register_subject(registering(poisoned)).await.map(drop));
    let named = pb::RegisterSubjectRequest { subject: poison.to_owned(), ..registering(act()) };
    told.push(frameworks.register_subject(named).await.map(drop));
    told.push(frameworks.register_subject(registering(act())).await.map(drop));
    let reasoned = pb::RegisterSubjectRequest {
        display_name: "Leicester City Council".to_owned(),
        kind: "local authority".to_owned(),
        ..registering(pb::Act { rationale: poison.to_owned(), ..act() })
    };
    told.push(frameworks.register_subject(reasoned).await.map(drop));
    let opening = pb::OpenAssessmentRequest {
        assessment: format!("subjects/{poison}/assessments/{poison}"),
        act: Some(pb::Act { reason: poison.to_owned(), rationale: poison.to_owned(), ..act() }),
        framework: poison.to_owned(),
        cycle: poison.to_owned(),
        ..pb::OpenAssessmentRequest::default()
    };
    told.push(assessments.open_assessment(opening).await.map(drop));
    let name = poison.to_owned();
    let asked = pb::GetAssessmentRequest { name, ..pb::GetAssessmentRequest::default() };
    told.push(assessments.get_assessment(asked).await.map(drop));
    for (expression, page_token) in [(poison, ""), ("", poison), ("event:GradeSet", poison)] {
        let asked = pb::QueryAuditRequest {
            expression: expression.to_owned(),
            page_token: page_token.to_owned(),
            filter: Some(pb::AuditFilter {
                recorded_by: poison.to_owned(),
                ..pb::AuditFilter::default()
            }),
            ..pb::QueryAuditRequest::default()
        };
        told.push(audits.query_audit(asked).await.map(drop));
    }
    told
}

/// Says bytes over a connection of its own, and hears all, or until this is among it.
fn heard(address: &str, said: &[u8], until: &[u8]) -> Vec<u8> {
    let address = address.split_once("//").map_or(address, |(_, place)| place);
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    // Whoever is thrown out before all is said was heard.
    drop(stream.write_all(said));
    let (mut heard, mut some) = (Vec::new(), [0; 4_096]);
    while !heard.windows(until.len()).any(|it| it == until) {
        match stream.read(&mut some) {
            Ok(0) => break,
            Ok(read) => heard.extend(&some[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("{error}: {:?}", String::from_utf8_lossy(said)),
        }
    }
    heard
}

/// Says what no library would: control characters in methods, paths and headers, over HTTP/2 and HTTP/1.1.
/// How many of it were refused, and how many were answered.
fn say_raw(address: &str, admin: &str, bearer: &str, poison: &str) -> (usize, usize) {
    let usual = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/judgement.ledger.v1.AssessmentService/SetGrade"),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("x-request-id", "a"),
        ("authorization", bearer),
        ("user-agent", "a"),
        ("grpc-timeout", "1S"),
        ("grpc-encoding", "identity"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("accept-encoding", "gzip"),
    ];
    let percent = poison.bytes().fold(String::new(), |all, byte| all + &format!("%{byte:02x}"));
    let (mut refused, mut answered) = (0, 0);
    for said in [poison, &percent, "/a\u{1b}[31ma", "a\tb"] {
        for (spoiled, _) in usual {
            let mut block = Vec::new();
            for (name, value) in usual {
                field(&mut block, name, if name == spoiled { said } else { value });
            }
            let asks = frame(HEADERS, END_HEADERS | END_STREAM, 1, &block);
            let ping = frame(PING, 0, 0, b"an-echo!");
            heard(address, &[greeting(&[]), asks, ping].concat(), b"an-echo!");
        }
        for place in [address, admin] {
            for request in [
                format!("GET /{said} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
                format!("GET /console/{said} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
                format!("{said} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
                format!("GET / HTTP/1.1\r\nHost: {said}\r\nConnection: close\r\n\r\n"),
                format!(
                    "GET /console/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
                     X-Request-Id: {said}\r\nCookie: session={said}\r\nAuthorization: Bearer {said}\
                     \r\n\r\n"
                ),
            ] {
                let told = heard(place, request.as_bytes(), b"\0never said\0");
                let malformed = told.is_empty() || told.starts_with(b"HTTP/1.1 400");
                *(if malformed { &mut refused } else { &mut answered }) += 1;
            }
        }
    }
    (refused, answered)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_writes_a_line_of_the_log_or_reaches_the_terminal_of_who_reads_it() {
    let (home, poison) = (Home::new(), poison());
    let issuer = Lenient::in_home(&home);
    let mut command = home.serve_believing("--issuers", "issuers.json");
    command.env("JUDGEMENT_LEDGER_LOG_FORMAT", "text").env("JUDGEMENT_LEDGER_LOG", "trace");
    let running = Running::start(command);
    let before = running.said();
    let channel = Endpoint::from_shared(running.address.clone()).unwrap().connect_lazy();
    // The longest login has 200 bytes.
    let login: String = poison.chars().take(150).collect();
    let roles = json!(["admins", "inspectors"]);
    let writer = issuer.token(None, json!({"sub": login, "jti": poison, "roles": roles}));
    let told = say_poison(&channel, &writer, &poison).await;
    let taken: Vec<_> = told.iter().map(Result::is_ok).collect();
    let texts = "a login and a rationale are texts, whatever they are; ids and names are not";
    assert_eq!(taken[..5], [false, false, false, true, false], "{texts}: {told:?}");
    let auditor = issuer.token(None, json!({"sub": login, "roles": ["auditors"]}));
    say_poison(&channel, &auditor, &poison).await;
    for token in issuer.tokens(&poison) {
        say_poison(&channel, &token, &poison).await;
    }
    let (address, admin) = (running.address.clone(), running.admin.clone());
    let (bearer, raw) = (format!("Bearer {writer}"), poison.clone());
    let said = tokio::task::spawn_blocking(move || say_raw(&address, &admin, &bearer, &raw));
    let (refused, answered) = said.await.unwrap();
    println!("{refused} malformed, {answered} not");
    assert!(refused > 10 && answered > 10, "{refused} malformed, {answered} not");
    // What an operator wrote is quoted where it is wrong: so it is seen how.
    issuer.states(&home, &poison);
    let id = running.id().to_string();
    assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
    while !running.said().contains("the issuers are not exchanged") {
        say_poison(&channel, &writer, &poison).await;
    }
    let logged = running.kill_and_say();
    let logged = logged.strip_prefix(&before).unwrap();
    println!("{} lines", logged.lines().count());
    assert_eq!(breaking(logged), Vec::<&str>::new());
    assert!(logged.lines().count() > 50, "{logged}");
    let quoting: Vec<_> = logged.lines().filter(|line| line.contains("canary")).collect();
    let [quoted] = quoting.as_slice() else { panic!("callers are quoted: {quoting:#?}") };
    assert!(quoted.contains("the issuers are not exchanged"), "{quoted}");
    assert!(quoted.contains(r"canary-made-up\u{1b}[31m"), "{quoted}");
    assert!(quoted.contains(r"\u{7}\r\n1999-01-01T00"), "{quoted}");
}
