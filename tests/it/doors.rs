//! The ways into the real binary: under a path, and over TLS whose certificate is exchanged.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use judgement_ledger::pb;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::{
    attacks::certificates,
    binary::{Home, Running},
    served::{Clients, act},
};

/// How long anything here may take, on a machine that has more to do.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often files are looked at by themselves.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Registers a subject and reads it.
async fn used(clients: &Clients, subject: &str) {
    let request = pb::RegisterSubjectRequest {
        act: Some(act()),
        subject: subject.to_owned(),
        display_name: "A council".to_owned(),
        kind: "local authority".to_owned(),
        ..pb::RegisterSubjectRequest::default()
    };
    clients.frameworks("admin").register_subject(request).await.unwrap();
    let request = pb::GetSubjectRequest { name: subject.to_owned(), ..Default::default() };
    let found = clients.frameworks("admin").get_subject(request).await.unwrap();
    assert_eq!(found.into_inner().name, subject);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_under_a_path_serves_who_comes_that_way_and_takes_the_path_with_it() {
    let home = Home::new();
    let path = home.path("ledger.sock");
    let listen = format!("unix:{}", path.display());
    let running = Running::start(home.serve_at(&[], &listen));
    assert_eq!(running.address, listen);

    let endpoint = Endpoint::from_shared(format!("unix://{}", path.display())).unwrap();
    let clients = Clients { channel: endpoint.connect_lazy(), ..Clients::of("http://127.0.0.1:1") };
    used(&clients, "subjects/leicester-city").await;
    let mut stream = clients.audits().stream_records(pb::StreamRecordsRequest::default()).await;
    let stream = stream.as_mut().unwrap().get_mut();
    assert!(stream.message().await.unwrap().is_some(), "streams come that way too");
    // Who shows no credential is nobody there either.
    let mut client =
        pb::framework_service_client::FrameworkServiceClient::new(clients.channel.clone());
    let refused = client.get_subject(pb::GetSubjectRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unauthenticated);
    let mut health = HealthClient::new(clients.channel.clone());
    let health = health.check(HealthCheckRequest::default()).await;
    assert_eq!(health.unwrap().into_inner().status(), ServingStatus::Serving);

    assert!(running.stop().success());
    assert!(!path.exists(), "the path is free again");
}

/// A connection to a server that this authority signed for.
async fn connect(running: &Running, authority: &str) -> Result<Channel, tonic::transport::Error> {
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority));
    let endpoint = Endpoint::from_shared(running.address.clone()).unwrap();
    endpoint.tls_config(tls).unwrap().connect().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hangup_exchanges_the_certificate_and_ends_no_connection() {
    let home = Home::new();
    let mut authority = certificates(&home);
    let mut command = home.serve();
    command.arg("--tls-certificate").arg(home.path("server.pem"));
    command.arg("--tls-key").arg(home.path("server.key"));
    let mut running = Running::start(command);
    let channel = connect(&running, &authority).await.unwrap();
    let clients = Clients { channel, ..Clients::of("http://127.0.0.1:1") };
    used(&clients, "subjects/leicester-city").await;

    let began = Instant::now();
    for _ in 0..3 {
        let before = std::mem::replace(&mut authority, certificates(&home));
        let id = running.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
        let exchanged = async { while connect(&running, &authority).await.is_err() {} };
        tokio::time::timeout(PATIENCE, exchanged).await.expect("the new one is shown");
        assert!(connect(&running, &before).await.is_err(), "the old one is not shown any more");
    }
    // Without being told it would have looked so many times at least.
    assert!(began.elapsed() < LOOK_EVERY * 2, "{:?}", began.elapsed());
    used(&clients, "subjects/nottingham-city").await;
    assert!(running.runs());
    drop(clients);
    assert!(running.stop().success());
}
