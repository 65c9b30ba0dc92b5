//! TLS and client certificates: who is let in, and as whom.

use std::path::{Path, PathBuf};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
    SerialNumber, date_time_ymd,
};
use serde_json::json;
use tonic::transport::{self, Certificate, ClientTlsConfig, Endpoint};

use super::{
    running::{BEGAN, SEED, running_over},
    told::Lines,
    *,
};
use crate::{
    merkle::sha256,
    rpc::{
        ClientAuthority, ClientCertificates, Credentials, Tls, TlsFiles, TlsVersion,
        certificate::Fingerprint,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

mod turned;

/// Who signs certificates.
type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate and its key, in PEM.
#[derive(Clone)]
struct Shown {
    certificate: String,
    der: Vec<u8>,
    key: String,
}

fn signed(by: &Authority, params: &CertificateParams) -> Shown {
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, by).unwrap();
    Shown {
        certificate: certificate.pem(),
        der: certificate.der().to_vec(),
        key: key.serialize_pem(),
    }
}

fn server(by: &Authority) -> Shown {
    signed(by, &CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap())
}

/// A client's, with these in its subject.
fn client(subject: &[(DnType, &str)]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    for (kind, value) in subject {
        params.distinguished_name.push(kind.clone(), *value);
    }
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn of_inspector() -> CertificateParams {
    client(&[
        (DnType::OrganizationName, "ofsted"),
        (DnType::CommonName, "a.jones"),
        (DnType::OrganizationalUnitName, "inspector"),
    ])
}

/// The files of a server.
struct Ground {
    folder: tempfile::TempDir,
    authority: Authority,
}

impl Ground {
    fn new() -> Self {
        let ground = Self { folder: tempfile::tempdir().unwrap(), authority: authority() };
        ground.show(&server(&ground.authority));
        ground.write("clients.pem", &ground.authority.pem());
        ground
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).unwrap();
    }

    fn show(&self, shown: &Shown) {
        self.write("server.pem", &shown.certificate);
        self.write("server.key", &shown.key);
    }

    fn files(&self, clients: ClientCertificates) -> TlsFiles {
        let (certificate, key) = (self.path("server.pem"), self.path("server.key"));
        TlsFiles { certificate, key, clients, oldest: TlsVersion::V13 }
    }

    fn clients(&self, revoked: Option<&str>) -> ClientAuthority {
        let revoked = revoked.map(|name| self.path(name));
        ClientAuthority { certificates: self.path("clients.pem"), revoked }
    }

    fn tls(&self, clients: ClientCertificates) -> Arc<Tls> {
        Arc::new(Tls::open(self.files(clients)).unwrap())
    }
}

/// A connection to a server that somebody signed for, showing a certificate or none.
async fn connect(
    server: &Running,
    trusting: &Authority,
    showing: Option<&Shown>,
) -> Result<Channel, transport::Error> {
    let ca = Certificate::from_pem(trusting.pem());
    let mut tls = ClientTlsConfig::new().ca_certificate(ca);
    if let Some(shown) = showing {
        tls = tls.identity(transport::Identity::from_pem(&shown.certificate, &shown.key));
    }
    let endpoint = Endpoint::from_shared(format!("https://{}", server.address)).unwrap();
    endpoint.tls_config(tls).unwrap().connect().await
}

/// Who calls over a channel with this token, or why nobody is known to.
async fn caller(channel: &Channel, token: Option<&str>) -> Result<String, (Code, String)> {
    let mut request = Request::new(pb::GetFrameworkRequest::default());
    if let Some(token) = token {
        let bearer = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", bearer);
    }
    let answer = FrameworkServiceClient::new(channel.clone()).get_framework(request).await;
    match answer {
        Ok(answer) => Ok(answer.into_inner().title),
        Err(status) => Err(told(Err::<(), _>(status))),
    }
}

#[tokio::test]
async fn tls_is_spoken_and_plain_text_is_not() {
    let ground = Ground::new();
    let server = running_over(LIMITS, Some(ground.tls(ClientCertificates::NotAsked))).await;
    let channel = connect(&server, &ground.authority, None).await.unwrap();
    assert_eq!(caller(&channel, Some(&server.token)).await.unwrap(), "j.smith");
    assert!(connect(&server, &authority(), None).await.is_err(), "who knows another authority");
    assert!(server.get("").await.is_err(), "in plain text");
    assert_eq!(caller(&channel, Some(&server.token)).await.unwrap(), "j.smith");
}

#[tokio::test]
async fn tls_is_1_3_unless_1_2_is_asked_for() {
    use tokio_rustls::rustls;
    let ground = Ground::new();
    for (oldest, expected) in [(TlsVersion::V13, false), (TlsVersion::V12, true)] {
        let files = TlsFiles { oldest, ..ground.files(ClientCertificates::NotAsked) };
        let server = running_over(LIMITS, Some(Arc::new(Tls::open(files).unwrap()))).await;
        let mut roots = rustls::RootCertStore::empty();
        roots.add(ground.authority.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS12])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(server.address).await.unwrap();
        let name = "127.0.0.1".try_into().unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        assert_eq!(connector.connect(name, stream).await.is_ok(), expected, "{oldest:?}");
    }
}

#[tokio::test]
async fn a_certificate_is_exchanged_and_one_that_is_broken_is_not() {
    let ground = Ground::new();
    let tls = ground.tls(ClientCertificates::NotAsked);
    let server = running_over(LIMITS, Some(Arc::clone(&tls))).await;
    let before = connect(&server, &ground.authority, None).await.unwrap();
    let other = authority();
    let shown = self::server(&other);
    let key_of_another = self::server(&other).key;
    for (certificate, key) in [
        ("", shown.key.as_str()),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &shown.key),
        (&shown.certificate, ""),
        (&shown.certificate, &key_of_another),
    ] {
        ground.write("server.pem", certificate);
        ground.write("server.key", key);
        tls.refresh();
        assert!(connect(&server, &ground.authority, None).await.is_ok(), "{certificate}");
    }
    std::fs::remove_file(ground.path("server.pem")).unwrap();
    tls.refresh();
    assert!(connect(&server, &ground.authority, None).await.is_ok());
    ground.show(&shown);
    tls.refresh();
    assert!(connect(&server, &ground.authority, None).await.is_err());
    let after = connect(&server, &other, None).await.unwrap();
    assert_eq!(caller(&after, Some(&server.token)).await.unwrap(), "j.smith");
    // What was there goes on.
    assert_eq!(caller(&before, Some(&server.token)).await.unwrap(), "j.smith");
}

#[test]
fn files_that_do_not_make_a_server_are_refused_by_name() {
    let ground = Ground::new();
    let open = |name: &str, content: &str, clients| {
        let good = std::fs::read(ground.path(name)).unwrap_or_default();
        ground.write(name, content);
        let error = Tls::open(ground.files(clients)).map(drop).unwrap_err().to_string();
        std::fs::write(ground.path(name), good).unwrap();
        error
    };
    let asked = |revoked| ClientCertificates::Asked(ground.clients(revoked));
    let none = ClientCertificates::NotAsked;
    assert!(open("server.pem", "", none.clone()).contains("server.pem holds no certificate"));
    assert!(open("server.key", "", none.clone()).contains("server.key holds no private key"));
    let other = server(&ground.authority).key;
    assert!(open("server.key", &other, none).contains("cannot be used"));
    assert!(open("clients.pem", "", asked(None)).contains("clients.pem holds no certificate"));
    assert!(
        open("crl.pem", "", asked(Some("crl.pem"))).contains("holds no certificate revocation")
    );
    let missing = TlsFiles { key: Path::new("nowhere").into(), ..ground.files(asked(None)) };
    assert!(
        Tls::open(missing).map(drop).unwrap_err().to_string().contains("nowhere cannot be read")
    );
}

#[tokio::test]
async fn a_client_certificate_says_who_calls() {
    let ground = Ground::new();
    let clients = ClientCertificates::Asked(ground.clients(None));
    let server = running_over(LIMITS, Some(ground.tls(clients))).await;
    let over = async |shown: Option<Shown>, token: Option<&str>| {
        let connected = connect(&server, &ground.authority, shown.as_ref()).await;
        match connected {
            Ok(channel) => caller(&channel, token).await.map_err(|(_, reason)| reason),
            Err(_) => Err("not let in".to_owned()),
        }
    };
    let of = |params: &CertificateParams| Some(signed(&ground.authority, params));
    let token = Some(server.token.as_str());
    let refused = |reason: &str| Err(reason.to_owned());

    assert_eq!(over(of(&of_inspector()), None).await, Ok("a.jones".to_owned()));
    assert_eq!(over(of(&of_inspector()), token).await, Ok("j.smith".to_owned()), "a token counts");
    assert_eq!(over(None, token).await, Ok("j.smith".to_owned()));
    assert_eq!(over(None, None).await, refused("CREDENTIAL_MISSING"));

    // A gateway's: it lets in, and names nobody.
    let gateway = client(&[(DnType::CommonName, "gateway")]);
    assert_eq!(over(of(&gateway), None).await, refused("CREDENTIAL_MISSING"));
    assert_eq!(over(of(&gateway), token).await, Ok("j.smith".to_owned()));
    let of_csci = client(&[(DnType::OrganizationName, "csci")]);
    assert_eq!(over(of(&of_csci), token).await, refused("CREDENTIAL_INVALID"), "swapped");
    assert_eq!(over(of(&of_csci), Some("a.b.c")).await, refused("CREDENTIAL_INVALID"));

    // What says nothing sensible is not let in.
    let odd: [&[(DnType, &str)]; 5] = [
        &[(DnType::OrganizationName, "Ofsted!")],
        &[(DnType::OrganizationalUnitName, "inspector"), (DnType::CommonName, "a")],
        &[(DnType::OrganizationName, "ofsted"), (DnType::OrganizationalUnitName, "inspector")],
        &[
            (DnType::OrganizationName, "ofsted"),
            (DnType::CommonName, "a"),
            (DnType::OrganizationalUnitName, "service"),
        ],
        &[
            (DnType::OrganizationName, "ofsted"),
            (DnType::CommonName, "a"),
            (DnType::OrganizationalUnitName, "root"),
        ],
    ];
    for subject in odd {
        let told = over(of(&client(subject)), token).await;
        assert!(told.is_err(), "{subject:?}: {told:?}");
    }

    // Signed by somebody else, over, not yet, or for servers.
    let forged = Some(signed(&authority(), &of_inspector()));
    assert!(over(forged, None).await.is_err());
    let mut expired = of_inspector();
    expired.not_after = date_time_ymd(2006, 11, 1);
    let mut early = of_inspector();
    early.not_before = date_time_ymd(4000, 1, 1);
    let mut of_servers = of_inspector();
    of_servers.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    for params in [expired, early, of_servers] {
        assert!(over(of(&params), None).await.is_err());
    }
}

#[tokio::test]
async fn who_shows_no_certificate_is_not_let_in_where_one_is_required() {
    let ground = Ground::new();
    let clients = ClientCertificates::Required(ground.clients(None));
    let server = running_over(LIMITS, Some(ground.tls(clients))).await;
    let told = match connect(&server, &ground.authority, None).await {
        Ok(channel) => caller(&channel, Some(&server.token)).await.map_err(|_| ()),
        Err(_) => Err(()),
    };
    assert_eq!(told, Err(()));
    let shown = signed(&ground.authority, &of_inspector());
    let channel = connect(&server, &ground.authority, Some(&shown)).await.unwrap();
    assert_eq!(caller(&channel, None).await.unwrap(), "a.jones");
}

/// What an authority took back, until it says so again in a year.
fn list(by: &Authority, revoked_certs: Vec<RevokedCertParams>, next: i32) -> String {
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(2005, 1, 1),
        next_update: date_time_ymd(next, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs,
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(by).unwrap().pem().unwrap()
}

#[tokio::test]
async fn a_certificate_that_was_taken_back_counts_no_more() {
    let ground = Ground::new();
    let (mut kept, mut lost) = (of_inspector(), of_inspector());
    kept.serial_number = Some(SerialNumber::from(1));
    lost.serial_number = Some(SerialNumber::from(2));
    let [kept, lost] = [kept, lost].map(|params| signed(&ground.authority, &params));
    let taken_back = |revoked| list(&ground.authority, revoked, 4000);
    ground.write("crl.pem", &taken_back(Vec::new()));
    let tls = ground.tls(ClientCertificates::Required(ground.clients(Some("crl.pem"))));
    let server = running_over(LIMITS, Some(Arc::clone(&tls))).await;
    let let_in = async |shown: &Shown| match connect(&server, &ground.authority, Some(shown)).await
    {
        Ok(channel) => caller(&channel, None).await.is_ok(),
        Err(_) => false,
    };
    assert!(let_in(&kept).await);
    assert!(let_in(&lost).await);
    let revoked = RevokedCertParams {
        serial_number: SerialNumber::from(2),
        revocation_time: date_time_ymd(2006, 1, 1),
        reason_code: None,
        invalidity_date: None,
    };
    ground.write("crl.pem", &taken_back(vec![revoked]));
    tls.refresh();
    assert!(let_in(&kept).await);
    assert!(!let_in(&lost).await);
}

/// RFC 8705 §3.1: a token that is bound to a certificate is of no use to who has stolen it.
#[tokio::test]
async fn a_bound_token_is_taken_over_its_certificate_alone() {
    let ground = Ground::new();
    let clients = ClientCertificates::Asked(ground.clients(None));
    let server = running_over(LIMITS, Some(ground.tls(clients))).await;
    let [own, other] = [(); 2].map(|()| signed(&ground.authority, &of_inspector()));
    let thumbprint = URL_SAFE_NO_PAD.encode(sha256(&[&own.der]).as_bytes());
    let claims = json!({
        "iss": "judgement-ledger", "aud": "judgement-ledger", "sub": "b.brown", "org": "ofsted",
        "roles": ["inspector"], "exp": BEGAN + 60, "cnf": {"x5t#S256": thumbprint},
    });
    let before_seed = URL_SAFE_NO_PAD.decode("MC4CAQAwBQYDK2VwBCIEIA").unwrap();
    let key = EncodingKey::from_ed_der(&[&before_seed[..], &SEED].concat());
    let token = jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, &key).unwrap();
    for (shown, expected) in [
        (Some(&own), Ok("b.brown".to_owned())),
        (Some(&other), Err("CREDENTIAL_INVALID".to_owned())),
        (None, Err("CREDENTIAL_INVALID".to_owned())),
    ] {
        let channel = connect(&server, &ground.authority, shown).await.unwrap();
        let told = caller(&channel, Some(&token)).await.map_err(|(_, reason)| reason);
        assert_eq!(told, expected);
    }
}
