//! The operator's socket and verbs: who may ask there, and what they are told.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt as _};

use judgement_ledger::pb::{self, admin_service_client::AdminServiceClient};
use tokio_stream::StreamExt as _;
use tonic::{
    Code,
    transport::{Channel, Endpoint},
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use super::{back_up, backup_words, kept, path, telling, verb};
use crate::{
    account::account,
    binary::{Home, Running, ended},
    erasure::with_a_child,
    served::{Clients, act, present},
    story::{assessment_of, tell},
};

/// The names of the services that a port tells of.
async fn services(channel: &Channel) -> Vec<String> {
    let asked = ServerReflectionRequest {
        message_request: Some(MessageRequest::ListServices(String::new())),
        ..ServerReflectionRequest::default()
    };
    let mut client = ServerReflectionClient::new(channel.clone());
    let answers = client.server_reflection_info(tokio_stream::once(asked)).await.unwrap();
    let answer = answers.into_inner().next().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(listed)) = answer.message_response else {
        panic!("{answer:?}")
    };
    listed.service.into_iter().map(|it| it.name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operator_asks_on_a_socket_and_nowhere_else() {
    let home = Home::new();
    let running = Running::start(home.serve());
    let clients = running.clients();
    let socket = home.path("data/admin.sock");
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);

    let receipts = tell(&clients, 0, telling()).await;
    let last = receipts.last().unwrap().position;
    let request = pb::GetCheckpointRequest { min_size: last };
    let signed = clients.transparency("auditor").get_checkpoint(request).await.unwrap();
    let signed = signed.into_inner();
    let info = verb(&["info", "--admin-socket", socket.to_str().unwrap(), "--format", "json"]);
    assert_eq!(info.code, Some(0), "{}", info.stderr);
    let told: serde_json::Value = serde_json::from_str(&info.stdout).unwrap();
    assert_eq!(told["version"], env!("CARGO_PKG_VERSION"));
    // Protobuf's JSON mapping: whole numbers of 64 bits are strings, and what is empty is not there.
    assert_eq!(told["position"], last.to_string());
    assert_eq!(told["covered"], signed.size.to_string());
    assert_eq!((&told["readsAnswered"], told.get("readOnly")), (&serde_json::json!(true), None));
    let formats = ["journal", "keyring", "backup"];
    let formats = formats.map(|name| serde_json::json!({ "name": name, "version": 1 }));
    assert_eq!(told["formats"], serde_json::json!(formats));
    let keys: Vec<_> = told["keys"].as_array().into_iter().flatten().collect();
    assert_eq!(keys, signed.keys.iter().collect::<Vec<_>>(), "by which a backup is restored");
    let origin = signed.keys[0].split('+').next();
    assert_eq!(told["origin"].as_str(), origin);
    let table = verb(&["info", "--data", &path(&home, "data")]);
    for line in
        [format!("records     {last}, recorded at"), format!("key         {}", signed.keys[0])]
    {
        assert!(table.stdout.contains(&line), "{line} is not said in: {}", table.stdout);
    }

    let found = services(&clients.channel).await;
    assert!(found.iter().any(|it| it.ends_with("AuditService")), "{found:?}");
    assert!(!found.iter().any(|it| it.contains("Admin")), "{found:?}");
    let mut client = AdminServiceClient::new(clients.channel.clone());
    let refused = client.get_info(pb::GetInfoRequest {}).await.unwrap_err();
    assert!([Code::Unimplemented, Code::Unauthenticated].contains(&refused.code()), "{refused:?}");
    assert!(running.stop().success());
    assert!(!socket.exists(), "it goes with the server");
    let gone = verb(&["info", "--data", &path(&home, "data")]);
    assert_eq!(gone.code, Some(1), "{}", gone.stdout);
    assert!(gone.stderr.contains("admin.sock"), "{}", gone.stderr);
    let to = path(&home, "backup");
    let words = backup_words(&home, &["--to", &to]);
    let refused = verb(&words.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(refused.code, Some(1), "{}", refused.stdout);
    assert!(!home.path("backup").exists(), "no folder is left that looks like a backup");
}

/// Whether a port tells of its services, or what it says instead.
async fn tells(home: &Home, words: &[&str], environment: Option<&str>) -> Result<(), Code> {
    let mut command = home.serve();
    command.args(words);
    if let Some(said) = environment {
        command.env("JUDGEMENT_LEDGER_REFLECTION", said);
    }
    let running = Running::start(command);
    let channel = running.clients().channel;
    let asked = ServerReflectionRequest {
        message_request: Some(MessageRequest::ListServices(String::new())),
        ..ServerReflectionRequest::default()
    };
    let mut newer = ServerReflectionClient::new(channel.clone());
    let told = newer.server_reflection_info(tokio_stream::once(asked)).await;
    // Health is told whether reflection is or not.
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel);
    health.check(tonic_health::pb::HealthCheckRequest::default()).await.unwrap();
    assert!(running.stop().success());
    told.map(drop).map_err(|status| status.code())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_tells_of_its_services_unless_that_is_switched_off() {
    let home = Home::new();
    assert_eq!(tells(&home, &[], None).await, Ok(()));
    assert_eq!(tells(&home, &["--reflection", "on"], Some("off")).await, Ok(()));
    assert_eq!(tells(&home, &["--reflection", "off"], None).await, Err(Code::Unimplemented));
    assert_eq!(tells(&home, &[], Some("off")).await, Err(Code::Unimplemented));
    let mut command = home.serve();
    command.args(["--reflection", "maybe"]);
    assert_eq!(ended(command).code, Some(2));
}

/// What a server that was stopped said of backups, at the level that is usual.
fn of_backups(said: &str) -> Vec<serde_json::Value> {
    let lines = said.lines().filter(|line| line.starts_with('{'));
    let lines = lines.map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines
        .filter(|line| line["target"] == "judgement_ledger::access")
        .map(|line| line["fields"].clone())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_taken_on_the_operators_socket_stands_in_the_log() {
    let home = Home::new();
    let mut command = home.serve();
    command.env("JUDGEMENT_LEDGER_LOG", "info").env("JUDGEMENT_LEDGER_LOG_FORMAT", "json");
    let running = Running::start(command);
    let clients = running.clients();
    let (name, _) = with_a_child(&clients).await;
    // More than goes on its way before somebody takes it.
    for number in 0..40 {
        let entry = pb::RecordEntryRequest {
            assessment: name.clone(),
            act: Some(act()),
            entry_id: format!("nar-{number}"),
            content: Some(pb::EntryContent {
                kind: pb::EntryKind::Narrative.into(),
                section: "staying-safe".to_owned(),
                area: "staying-safe".to_owned(),
                order: number + 1,
                text: Some(present(&"seen ".repeat(12_000))),
                ..pb::EntryContent::default()
            }),
            ..pb::RecordEntryRequest::default()
        };
        clients.assessments("inspector").record_entry(entry).await.unwrap();
    }
    back_up(&home);
    tell(&clients, 1, telling()).await;
    let to = path(&home, "backup");
    let words = backup_words(&home, &["--to", &to]);
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    assert_eq!(verb(&words).code, Some(0));

    // Somebody who goes away before all was taken.
    let socket = format!("unix://{}", path(&home, "data/admin.sock"));
    let endpoint = Endpoint::from_shared(socket).unwrap().initial_stream_window_size(65_535);
    let mut client = AdminServiceClient::new(endpoint.connect().await.unwrap());
    let request = pb::BackupRequest { from_size: 0 };
    let mut pieces = client.backup(request).await.unwrap().into_inner();
    pieces.next().await.unwrap().unwrap();
    drop((pieces, client));
    while of_backups(&running.said()).len() < 8 {
        tokio::task::yield_now().await;
    }
    let said = running.kill_and_say();
    let told = of_backups(&said);
    let (parts, size): (Vec<_>, Vec<_>) = [&told[0], &told[4]]
        .map(|begun| (begun["from_size"].as_u64().unwrap(), begun["size"].as_u64().unwrap()))
        .into_iter()
        .unzip();
    assert_eq!(parts, [0, size[0]], "the second goes on where the first ended: {told:#?}");
    assert!(size[0] > 30 && size[1] > size[0]);
    let is = |at: usize, what: &str, whole: Option<bool>| {
        assert_eq!((&told[at]["what"], told[at]["whole"].as_bool()), (&what.into(), whole), "{at}");
    };
    for (at, what, whole) in [
        (0, "records", None),
        (1, "records", Some(true)),
        (2, "keyring", None),
        (3, "keyring", Some(true)),
        (4, "records", None),
        (5, "records", Some(true)),
        (6, "records", None),
        (7, "records", Some(false)),
    ] {
        is(at, what, whole);
    }
    assert!(told[3]["files"].as_u64().unwrap() > 0);
    assert_eq!(told.len(), 8, "{told:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_left_by_a_crash_is_replaced_and_one_in_use_is_not() {
    let (home, other) = (Home::new(), Home::new());
    let socket = path(&home, "data/admin.sock");
    Running::start(home.serve()).kill();
    assert!(home.path("data/admin.sock").exists(), "it was left");
    let running = Running::start(home.serve());
    assert_eq!(verb(&["info", "--admin-socket", &socket]).code, Some(0));

    let mut second = other.serve();
    second.args(["--admin-socket", &socket]);
    let refused = ended(second);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("another process listens on it"), "{}", refused.stderr);
    assert_eq!(verb(&["info", "--admin-socket", &socket]).code, Some(0), "the first one answers");
    let mut long = other.serve();
    long.args(["--admin-socket", &format!("/tmp/{}", "a".repeat(103))]);
    let refused = ended(long);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("at most 107 bytes"), "{}", refused.stderr);
    assert!(running.stop().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_keyring_is_never_put_where_the_records_are() {
    let home = Home::new();
    let (to, inside) = (path(&home, "backup"), path(&home, "backup/keyring"));
    let words = backup_words(&home, &["--to", &to, "--keyring", &inside]);
    let refused = verb(&words.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("Keep the keyring elsewhere"), "{}", refused.stderr);
    assert!(!home.path("backup").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_is_told_by_the_exit_code() {
    let home = Home::new();
    let running = Running::start(home.serve());
    let check = |words: &[&str]| {
        let all = [&["healthcheck", "--server", &running.address][..], words].concat();
        verb(&all)
    };
    for words in [&[][..], &["--service", "judgement.ledger.v1.writes"]] {
        let well = check(words);
        assert_eq!((well.code, well.stdout.as_str()), (Some(0), "SERVING\n"), "{}", well.stderr);
    }
    let unknown = check(&["--service", "judgement.ledger.v1.Nothing"]);
    assert_eq!((unknown.code, unknown.stdout.as_str()), (Some(1), ""));
    assert!(running.stop().success());

    // Somebody who takes the call and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    let late = verb(&["healthcheck", "--server", &address, "--timeout", "300ms"]);
    assert_eq!(late.code, Some(1), "{}", late.stdout);
    assert!(late.stderr.contains("did not answer within 300ms"), "{}", late.stderr);
    drop(silent);
    let nobody = verb(&["healthcheck", "--server", &address]);
    assert_eq!(nobody.code, Some(1), "{}", nobody.stdout);
    assert!(nobody.stderr.contains("nothing listens"), "{}", nobody.stderr);
}

async fn said(clients: &Clients) -> Vec<crate::account::Said> {
    let names: Vec<_> = (0..2).map(assessment_of).collect();
    account(clients, &names, u64::MAX).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn views_are_folded_anew_while_no_server_has_them() {
    let home = kept().await;
    let rebuild = || {
        let (data, master) = (path(&home, "data"), path(&home, "master.key"));
        verb(&["rebuild", "--data", &data, "--master-key-file", &master])
    };
    let running = Running::start(home.serve());
    said(&running.clients()).await;
    let before = said(&running.clients()).await;
    let refused = rebuild();
    assert_eq!(refused.code, Some(1), "{}", refused.stdout);
    assert!(refused.stderr.contains("another process has the journal open"), "{}", refused.stderr);
    assert!(home.path("data/views").exists(), "the views of the server are left alone");
    assert!(running.stop().success());

    // What breaks them is mended by it.
    fs::write(home.path("data/views/known"), "no note").unwrap();
    let folded = rebuild();
    assert_eq!(folded.code, Some(0), "{}", folded.stderr);
    assert!(folded.stdout.contains("views of"), "{}", folded.stdout);
    assert_ne!(fs::read(home.path("data/views/known")).unwrap(), b"no note");
    let running = Running::start(home.serve());
    let clients = running.clients();
    for (found, before) in said(&clients).await.into_iter().zip(&before) {
        assert_eq!(&found, before);
    }
    assert!(running.stop().success());
    let nowhere = verb(&["rebuild", "--data", "/nowhere", "--master-key-file", "m"]);
    assert_eq!(nowhere.code, Some(2), "{}", nowhere.stderr);
}
