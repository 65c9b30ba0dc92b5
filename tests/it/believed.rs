//! Whom the real binary believes: client certificates, the lists that take them back, issuers of tokens,
//! and all of these files while they change under it.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use judgement_ledger::pb::{
    self, audit_service_client::AuditServiceClient,
    framework_service_client::FrameworkServiceClient,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
    SerialNumber, date_time_ymd,
};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tonic::{
    Status, Streaming,
    transport::{self, Certificate, Channel, ClientTlsConfig, Endpoint},
};

use crate::{
    attacks::{certificates, trusting},
    binary::{Home, Running, ended},
    served::{Bearer, Clients, act, reason_of},
    web::{Fetched, ask_over},
};

/// How long anything here may take, on a machine that has more to do.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often a server looks at its files by itself.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Waits for something that an operator brought about.
async fn in_time<T>(what: &str, comes: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, comes).await.unwrap_or_else(|_| panic!("{what}"))
}

fn hang_up(running: &Running) {
    let id = running.id().to_string();
    assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
}

/// Who signs certificates of clients.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// The certificate of a login that is framework admin, and its key.
    fn certifies(&self, organisation: &str, login: &str, serial: u64) -> transport::Identity {
        let (certificate, key) = self.signs(organisation, login, serial);
        transport::Identity::from_pem(certificate, key)
    }

    /// The same in PEM.
    fn signs(&self, organisation: &str, login: &str, serial: u64) -> (String, String) {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, value) in [
            (DnType::OrganizationName, organisation),
            (DnType::CommonName, login),
            (DnType::OrganizationalUnitName, "framework-admin"),
        ] {
            params.distinguished_name.push(kind, value);
        }
        params.serial_number = Some(SerialNumber::from(serial));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// What it took back, until it says so again in a year.
    fn list(&self, serials: &[u64], next: i32) -> String {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2006, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2006, 1, 1),
            next_update: date_time_ymd(next, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.0).unwrap().pem().unwrap()
    }
}

/// `serve` over TLS.
fn over_tls(home: &Home, mut command: Command) -> Command {
    command.arg("--tls-certificate").arg(home.path("server.pem"));
    command.arg("--tls-key").arg(home.path("server.key"));
    command
}

/// A connection to a server that this authority signed for, showing a certificate or none.
async fn connect(
    running: &Running,
    authority: &str,
    showing: Option<&transport::Identity>,
) -> Result<Channel, transport::Error> {
    let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority));
    if let Some(shown) = showing {
        tls = tls.identity(shown.clone());
    }
    let endpoint = Endpoint::from_shared(running.address.clone()).unwrap();
    endpoint.tls_config(tls).unwrap().connect().await
}

/// What became of a call that a framework admin may make: the reason, if it was refused. Nothing is said
/// to who is not let in.
async fn called(
    channel: Result<Channel, transport::Error>,
    token: Option<&str>,
) -> Result<(), String> {
    let channel = channel.map_err(|_| String::new())?;
    let request = pb::RegisterSubjectRequest {
        act: Some(act()),
        subject: "subjects/leicester-city".to_owned(),
        display_name: "A council".to_owned(),
        kind: "local authority".to_owned(),
        validate_only: true,
    };
    let answered = match token {
        Some(token) => {
            let bearer = Bearer::new(token);
            let mut client = FrameworkServiceClient::with_interceptor(channel, bearer);
            client.register_subject(request).await
        }
        None => FrameworkServiceClient::new(channel).register_subject(request).await,
    };
    let told = |status: Status| {
        if status.details().is_empty() { String::new() } else { reason_of(&status).0 }
    };
    answered.map(drop).map_err(told)
}

/// A stream of all records, by who may have one.
async fn follow(channel: Channel, token: Option<&str>) -> Streaming<pb::StreamRecordsResponse> {
    let request = pb::StreamRecordsRequest::default();
    let opened = match token {
        Some(token) => {
            let mut client = AuditServiceClient::with_interceptor(channel, Bearer::new(token));
            client.stream_records(request).await
        }
        None => AuditServiceClient::new(channel).stream_records(request).await,
    };
    opened.unwrap().into_inner()
}

/// How a stream ends, soon: the reason, and whether it says where to go on.
async fn ends(stream: &mut Streaming<pb::StreamRecordsResponse>) -> (String, bool) {
    let end = async {
        loop {
            match stream.message().await {
                Ok(message) => drop(message.expect("it ends with a reason")),
                Err(status) => return status,
            }
        }
    };
    let (reason, metadata) = reason_of(&in_time("the stream ends", end).await);
    (reason, metadata.contains_key("resume_after"))
}

/// That a stream does not end: longer than it would take to be ended.
async fn goes_on(stream: &mut Streaming<pb::StreamRecordsResponse>) {
    let until = Instant::now() + LOOK_EVERY;
    while let Ok(message) = tokio::time::timeout_at(until.into(), stream.message()).await {
        assert!(message.unwrap().is_some(), "it goes on");
    }
}

fn withdrawn() -> (String, bool) {
    ("CREDENTIAL_EXPIRED".to_owned(), true)
}

fn refused(reason: &str) -> Result<(), String> {
    Err(reason.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_exchanged_without_a_word_and_one_that_is_broken_is_not() {
    let home = Home::new();
    let before = certificates(&home);
    let running = Running::start(over_tls(&home, home.serve()));
    fs::write(home.path("server.pem"), "-----BEGIN CERTIFICATE-----\nhalf of it").unwrap();
    in_time("it says that the file is broken", async {
        while !running.said().contains("files of TLS are not exchanged") {
            assert!(connect(&running, &before, None).await.is_ok(), "the one before stays");
        }
    })
    .await;
    assert!(connect(&running, &before, None).await.is_ok());
    let after = certificates(&home);
    in_time("the new one is shown", async {
        while connect(&running, &after, None).await.is_err() {}
    })
    .await;
    assert!(connect(&running, &before, None).await.is_err(), "the old one is not shown any more");
    assert!(running.stop().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_must_show_a_certificate_is_let_in_with_one_that_was_not_taken_back() {
    let (home, clients) = (Home::new(), Authority::new());
    let server = certificates(&home);
    fs::write(home.path("clients.pem"), clients.0.pem()).unwrap();
    fs::write(home.path("crl.pem"), clients.list(&[], 4000)).unwrap();
    let mut command = over_tls(&home, home.serve());
    command.arg("--client-ca").arg(home.path("clients.pem"));
    command.arg("--client-crl").arg(home.path("crl.pem"));
    let running = Running::start({
        command.arg("--client-required");
        command
    });
    let (kept, lost) = (clients.certifies("ofsted", "a", 1), clients.certifies("ofsted", "b", 2));
    let call = async |shown| called(connect(&running, &server, shown).await, None).await;
    assert_eq!(call(Some(&kept)).await, Ok(()));
    assert_eq!(call(Some(&lost)).await, Ok(()));
    assert_eq!(call(None).await, refused(""), "who shows none is not let in");
    let token = Clients::of("http://127.0.0.1:1").token("admin");
    let with_token = called(connect(&running, &server, None).await, Some(&token)).await;
    assert_eq!(with_token, refused(""), "nor with a token");
    let forged = Authority::new().certifies("ofsted", "a", 1);
    assert_eq!(call(Some(&forged)).await, refused(""), "nor who signed for himself");

    // Connections from before, with a stream on each.
    let [open_kept, open_lost] =
        [&kept, &lost].map(|shown| connect(&running, &server, Some(shown)));
    let (open_kept, open_lost) = (open_kept.await.unwrap(), open_lost.await.unwrap());
    let mut stream_kept = follow(open_kept.clone(), None).await;
    let mut stream_lost = follow(open_lost.clone(), None).await;
    goes_on(&mut stream_lost).await;

    fs::write(home.path("crl.pem"), clients.list(&[2], 4000)).unwrap();
    hang_up(&running);
    let not_let_in = async |shown| while call(shown).await != refused("") {};
    in_time("it is taken back", not_let_in(Some(&lost))).await;
    assert_eq!(call(Some(&kept)).await, Ok(()));
    assert_eq!(called(Ok(open_lost), None).await, refused("CREDENTIAL_INVALID"));
    assert_eq!(ends(&mut stream_lost).await, withdrawn());
    assert_eq!(called(Ok(open_kept.clone()), None).await, Ok(()));
    goes_on(&mut stream_kept).await;

    fs::write(home.path("crl.pem"), clients.list(&[2], 2020)).unwrap();
    hang_up(&running);
    in_time("the list is over", not_let_in(Some(&kept))).await;
    assert_eq!(called(Ok(open_kept), None).await, refused("CREDENTIAL_UNCHECKED"));
    assert_eq!(ends(&mut stream_kept).await, withdrawn());
    let said = "the revocation list is past its next update";
    assert!(running.said().contains(said), "{}", running.said());
    assert!(running.stop().success());
}

/// What the console answers over HTTP/1.1 to who shows a certificate, or none.
async fn page(running: &Running, authority: &str, shown: Option<(&str, &str)>) -> Fetched {
    let address: SocketAddr = running.address.strip_prefix("https://").unwrap().parse().unwrap();
    let config = trusting(authority);
    let config = match shown {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
            config.with_client_auth_cert(chain, key).unwrap()
        }
    };
    let stream = TcpStream::connect(address).await.unwrap();
    let name = "127.0.0.1".try_into().unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    ask_over(stream, "GET", "/console/", "Accept: text/html\r\n", "").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_shows_a_certificate_need_not_sign_in_to_the_console() {
    let (home, clients) = (Home::new(), Authority::new());
    let server = certificates(&home);
    fs::write(home.path("clients.pem"), clients.0.pem()).unwrap();
    let mut command = over_tls(&home, home.serve());
    command.arg("--client-ca").arg(home.path("clients.pem"));
    let running = Running::start(command);
    let (certificate, key) = clients.signs("ofsted", "j.smith", 1);
    let seen = page(&running, &server, Some((&certificate, &key))).await;
    assert_eq!(seen.code, 200, "{}", seen.head);
    assert!(String::from_utf8(seen.body).unwrap().contains("<strong>j.smith</strong>"));
    let unknown = page(&running, &server, None).await;
    assert_eq!(unknown.code, 303, "{}", unknown.head);
    assert!(unknown.header("location").starts_with("/console/sign-in"), "{}", unknown.head);
    assert!(running.stop().success());
}

const OFSTED: &str = "https://id.ofsted.example";

/// Keys of an issuer: the public half lies in a file.
struct Issuer {
    signing: EncodingKey,
}

impl Issuer {
    fn with_keys_in(home: &Home, name: &str) -> Self {
        let pair = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        fs::write(home.path(name), pair.public_key_pem()).unwrap();
        Self { signing: EncodingKey::from_ec_der(&pair.serialize_der()) }
    }

    fn token(&self) -> String {
        let claims = json!({
            "iss": OFSTED, "aud": "judgement-ledger", "sub": "j.smith", "roles": ["admins"],
            "exp": Timestamp::now().as_second() + 3_600,
        });
        jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims, &self.signing).unwrap()
    }
}

/// The file of issuers, with roles of its own.
fn issuers(home: &Home, issuer: &str, role: &str) {
    let issuer = json!({
        "issuer": issuer, "keys": "issuer.pem", "organisations": ["ofsted"],
        "roles": {"admins": role},
    });
    write_issuers(home, &json!([issuer]));
}

fn write_issuers(home: &Home, issuers: &Value) {
    let document = json!({"issuers": issuers}).to_string();
    fs::write(home.path("issuers.json"), document).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn issuers_of_a_file_are_believed_until_it_names_others() {
    let (home, clients) = (Home::new(), Authority::new());
    let server = certificates(&home);
    fs::write(home.path("clients.pem"), clients.0.pem()).unwrap();
    let issuer = Issuer::with_keys_in(&home, "issuer.pem");
    issuers(&home, OFSTED, "framework-admin");
    let serve = |organisation: &str| {
        let mut command = over_tls(&home, home.serve_believing("--issuers", "issuers.json"));
        command.arg("--client-ca").arg(home.path("clients.pem"));
        command.args(["--client-organisations", organisation]);
        command
    };
    let both = ended(serve("csci,ofsted"));
    assert_eq!(both.code, Some(2), "{}", both.stderr);
    assert!(both.stderr.contains("an issuer and client certificates speak for ofsted"));

    let running = Running::start(serve("csci"));
    let token = issuer.token();
    let call =
        async |token: &str| called(connect(&running, &server, None).await, Some(token)).await;
    assert_eq!(call(&token).await, Ok(()));
    let others = Issuer::with_keys_in(&home, "another.pem").token();
    assert_eq!(call(&others).await, refused("CREDENTIAL_INVALID"), "under another key");
    let development = Clients::of("http://127.0.0.1:1").token("admin");
    assert_eq!(call(&development).await, refused("CREDENTIAL_INVALID"), "of no such issuer");
    // One person with a token and a certificate under two logins is nobody by the second.
    let show = async |organisation| {
        let shown = clients.certifies(organisation, "j.smith-2", 1);
        called(connect(&running, &server, Some(&shown)).await, None).await
    };
    assert_eq!(show("csci").await, Ok(()));
    assert_eq!(show("ofsted").await, refused("CREDENTIAL_INVALID"));

    let becomes = async |reason: &str| {
        hang_up(&running);
        let changed = async { while call(&token).await != refused(reason) {} };
        in_time(reason, changed).await;
    };
    // A stream ends with the roles by which it was opened, and with who vouched for them.
    let stream =
        async || follow(connect(&running, &server, None).await.unwrap(), Some(&token)).await;
    let mut of_admin = stream().await;
    goes_on(&mut of_admin).await;
    issuers(&home, OFSTED, "inspector");
    becomes("NOT_PERMITTED").await;
    assert_eq!(ends(&mut of_admin).await, withdrawn());
    let mut of_inspector = stream().await;
    fs::write(home.path("issuers.json"), "{").unwrap();
    hang_up(&running);
    in_time("it says that the file is broken", async {
        while !running.said().contains("the issuers are not exchanged") {
            assert_eq!(call(&token).await, refused("NOT_PERMITTED"), "those before stay");
        }
    })
    .await;
    assert_eq!(call(&token).await, refused("NOT_PERMITTED"));
    issuers(&home, "https://id.other.example", "framework-admin");
    becomes("CREDENTIAL_INVALID").await;
    assert_eq!(ends(&mut of_inspector).await, withdrawn());
    assert!(running.stop().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn issuers_that_do_not_answer_hold_no_certificate_up() {
    let home = Home::new();
    certificates(&home);
    // They listen, and say nothing: each is waited for, for five seconds.
    let silent: Vec<_> = (0..6).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let issuers = silent.iter().enumerate().map(|(number, listener)| {
        let keys = format!("http://{}/keys", listener.local_addr().unwrap());
        json!({"issuer": keys, "keys": keys, "organisations": [format!("org-{number}")]})
    });
    write_issuers(&home, &issuers.collect());
    let believing = home.serve_believing("--issuers", "issuers.json");
    let running = Running::start(over_tls(&home, believing));
    let began = Instant::now();
    // The first look has begun before anybody can be told that it serves.
    let after = certificates(&home);
    hang_up(&running);
    in_time("the new one is shown", async {
        while connect(&running, &after, None).await.is_err() {}
    })
    .await;
    assert!(began.elapsed() < LOOK_EVERY * 4, "{:?}", began.elapsed());
    running.kill();
}
