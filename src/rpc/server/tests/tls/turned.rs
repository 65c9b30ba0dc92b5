//! Who is turned away for a certificate, what is said of that, and certificates whose time is over.

use super::*;

/// Knocks once with a certificate, and waits until the door is shut.
async fn knock(server: &Running, trusting: &Authority, showing: Option<&Shown>) -> String {
    use tokio::io::AsyncReadExt as _;
    use tokio_rustls::rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    };
    let mut roots = RootCertStore::empty();
    roots.add(trusting.der().clone()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.unwrap().with_root_certificates(roots);
    let config = match showing {
        None => config.with_no_client_auth(),
        Some(shown) => {
            let chain = vec![CertificateDer::from(shown.der.clone())];
            let key = PrivateKeyDer::from_pem_slice(shown.key.as_bytes()).unwrap();
            config.with_client_auth_cert(chain, key).unwrap()
        }
    };
    let stream = TcpStream::connect(server.address).await.unwrap();
    let from = stream.local_addr().unwrap().to_string();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    // In TLS 1.3 the client has done its part before its certificate is looked at.
    if let Ok(mut connected) = connector.connect("127.0.0.1".try_into().unwrap(), stream).await {
        drop(connected.read(&mut [0]).await);
    }
    from
}

#[tokio::test]
async fn each_client_certificate_that_is_not_taken_is_one_line_and_counted() {
    let ground = Ground::new();
    let mut taken_back = of_inspector();
    taken_back.serial_number = Some(SerialNumber::from(2));
    let taken_back = signed(&ground.authority, &taken_back);
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2020, 1, 1),
        next_update: date_time_ymd(4000, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: vec![RevokedCertParams {
            serial_number: SerialNumber::from(2),
            revocation_time: date_time_ymd(2021, 1, 1),
            reason_code: None,
            invalidity_date: None,
        }],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    ground.write("crl.pem", &list.signed_by(&ground.authority).unwrap().pem().unwrap());
    let clients = ClientCertificates::Required(ground.clients(Some("crl.pem")));
    let (lines, _guard) = Lines::keep();
    let server = running_over(LIMITS, Some(ground.tls(clients))).await;
    let mut expired = of_inspector();
    expired.not_after = date_time_ymd(2006, 11, 1);
    let expired = signed(&ground.authority, &expired);
    let odd = client(&[(DnType::OrganizationalUnitName, "inspector"), (DnType::CommonName, "a")]);
    let odd = signed(&ground.authority, &odd);
    let forged = signed(&authority(), &of_inspector());
    let of_odd = format!("{:?}", Fingerprint::of(&odd.der));
    let refused = |reason: &str, shown: Option<&str>| (json!(reason), json!(shown));
    let mut seen = 0;
    for (shown, expected) in [
        (None, refused("CREDENTIAL_MISSING", None)),
        (Some(&forged), refused("CREDENTIAL_INVALID", None)),
        (Some(&expired), refused("CREDENTIAL_EXPIRED", None)),
        (Some(&taken_back), refused("CREDENTIAL_INVALID", None)),
        (Some(&odd), refused("CREDENTIAL_INVALID", Some(&of_odd))),
    ] {
        let from = knock(&server, &ground.authority, shown).await;
        let access = lines.of("judgement_ledger::access");
        assert_eq!(access.len(), seen + 1, "{access:#?}");
        let (event, fields) = (&access[seen], &access[seen]["fields"]);
        assert_eq!((&event["level"], &fields["peer"]), (&json!("INFO"), &json!(from)));
        assert_eq!((fields["reason"].clone(), fields["certificate"].clone()), expected);
        seen += 1;
    }
    let page = server.metrics.page(None).unwrap();
    let counted = "judgement_ledger_refusals_total{reason=\"CREDENTIAL_INVALID\"} 3";
    assert!(page.contains(counted), "{page}");

    // Who is let in is no line, and a call that is turned away says over which certificate it came.
    let shown = signed(&ground.authority, &of_inspector());
    let channel = connect(&server, &ground.authority, Some(&shown)).await.unwrap();
    assert_eq!(caller(&channel, None).await.unwrap(), "a.jones");
    assert_eq!(lines.of("judgement_ledger::access").len(), seen);
    caller(&channel, Some("a.b.c")).await.unwrap_err();
    let access = lines.of("judgement_ledger::access");
    let of_shown = format!("{:?}", Fingerprint::of(&shown.der));
    assert_eq!(access[seen]["fields"]["certificate"], *of_shown);
    assert_eq!(access[seen]["fields"]["organisation"], "ofsted");
    let all = access.iter().map(ToString::to_string).collect::<String>();
    assert!(!all.contains("a.jones") && access.len() == seen + 1, "{all}");
}

/// An inspector's certificate that counts to the end of 2006.
fn of_this_year() -> CertificateParams {
    let mut params = of_inspector();
    params.not_after = date_time_ymd(2007, 1, 1);
    params
}

/// From the beginning of a server until such a certificate counts no more.
const TO_NEXT_YEAR: i64 = 31 * 24 * 60 * 60;

#[tokio::test]
async fn a_client_certificate_counts_by_the_clock_of_credentials_and_no_longer() {
    let ground = Ground::new();
    let clients = ClientCertificates::Asked(ground.clients(None));
    let server = running_over(LIMITS, Some(ground.tls(clients))).await;
    let shown = signed(&ground.authority, &of_this_year());
    let channel = connect(&server, &ground.authority, Some(&shown)).await.unwrap();
    let over = Err(is(Code::Unauthenticated, "CREDENTIAL_EXPIRED"));
    server.turn(TO_NEXT_YEAR);
    assert_eq!(caller(&channel, None).await, Ok("a.jones".to_owned()), "to the last second");
    server.turn(TO_NEXT_YEAR + 1);
    assert_eq!(caller(&channel, None).await, over, "on the connection that it was shown for");
    let credentials = Credentials::new(&SEED).unwrap();
    let now = running::began() + Duration::from_secs(TO_NEXT_YEAR.unsigned_abs());
    let token = credentials.mint(&running::caller(), now, Duration::from_mins(1)).unwrap();
    assert_eq!(caller(&channel, Some(&token)).await, over, "with a good token, too");
    assert_eq!(health_over(&channel, "").await, Ok(Answered::Serving), "which is open to anybody");
    let again = match connect(&server, &ground.authority, Some(&shown)).await {
        Ok(another) => caller(&another, None).await.map_err(|(_, reason)| reason),
        Err(_) => Err(String::new()),
    };
    assert_eq!(again, Err(String::new()), "nor does it get so far as to be told again");
    // By the machine's own clock it has been over for long.
    server.turn(0);
    let third = connect(&server, &ground.authority, Some(&shown)).await.unwrap();
    assert_eq!(caller(&third, None).await, Ok("a.jones".to_owned()));
}

#[tokio::test]
async fn no_connection_is_resumed_without_a_certificate() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio_rustls::rustls::{self, HandshakeKind, pki_types::pem::PemObject as _};
    let ground = Ground::new();
    let shown = signed(&ground.authority, &of_this_year());
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let clients = ClientCertificates::Asked(ground.clients(None));
        let files = TlsFiles { oldest: TlsVersion::V12, ..ground.files(clients) };
        let server = running_over(LIMITS, Some(Arc::new(Tls::open(files).unwrap()))).await;
        let mut roots = rustls::RootCertStore::empty();
        roots.add(ground.authority.der().clone()).unwrap();
        let certificate = rustls::pki_types::CertificateDer::from(shown.der.clone());
        let key = rustls::pki_types::PrivateKeyDer::from_pem_slice(shown.key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        // It keeps what it needs to resume, as browsers and most libraries do.
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![certificate], key)
            .unwrap();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        for _ in 0..3 {
            let stream = TcpStream::connect(server.address).await.unwrap();
            let name = "127.0.0.1".try_into().unwrap();
            let mut stream = connector.connect(name, stream).await.unwrap();
            // What a client resumes by comes behind the handshake, before an answer.
            let request = b"GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
            stream.write_all(request).await.unwrap();
            let mut answer = Vec::new();
            drop(stream.read_to_end(&mut answer).await);
            assert!(answer.starts_with(b"HTTP/1.1"), "{}", String::from_utf8_lossy(&answer));
            let kind = stream.get_ref().1.handshake_kind();
            assert_ne!(kind, Some(HandshakeKind::Resumed), "{version:?}");
        }
    }
}

#[tokio::test]
async fn a_revocation_list_that_is_past_its_next_update_lets_nobody_in() {
    let ground = Ground::new();
    let mut params = of_inspector();
    params.serial_number = Some(SerialNumber::from(1));
    let shown = signed(&ground.authority, &params);
    ground.write("crl.pem", &list(&ground.authority, Vec::new(), 2007));
    let tls = ground.tls(ClientCertificates::Asked(ground.clients(Some("crl.pem"))));
    let server = running_over(LIMITS, Some(Arc::clone(&tls))).await;
    let let_in = async || match connect(&server, &ground.authority, Some(&shown)).await {
        Ok(channel) => caller(&channel, None).await.is_ok(),
        Err(_) => false,
    };
    assert!(let_in().await);
    server.turn(TO_NEXT_YEAR);
    assert!(!let_in().await);
    let without = connect(&server, &ground.authority, None).await.unwrap();
    assert_eq!(health_over(&without, "").await, Ok(Answered::Serving), "who shows none is let in");
    ground.write("crl.pem", &list(&ground.authority, Vec::new(), 2008));
    tls.refresh();
    assert!(let_in().await);
}
