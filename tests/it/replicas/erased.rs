//! What was erased stays erased, whatever copy of the database is brought back.

use std::{collections::HashMap, process::Command};

use judgement_ledger::pb::{self, text::State};

use super::*;
use crate::{
    binary::{self, Running},
    cluster::Server,
    erasure::{CHILD, erase_wholly, files_with, rationale, redacted, with_a_child},
    served::Clients,
};

/// A server of the ledger, in a home of its own.
fn start(replicas: &Replicas, home: &binary::Home, other: &HashMap<&str, String>) -> Running {
    let key = replicas.directory.path().join("master.key");
    fs::copy(key, home.path("master.key")).unwrap();
    let mut serve: Command = home.serve();
    serve.envs(replicas.told()).envs(other);
    Running::start(serve)
}

/// Whether the rationale is there to be read.
async fn is_read(clients: &Clients, name: &str) -> bool {
    let found = rationale(clients, name).await.and_then(|text| text.state);
    matches!(found, Some(State::Present(present)) if present == CHILD)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/run postgres"]
async fn no_copy_of_the_database_brings_an_erased_text_back() {
    let cluster = Cluster::start();
    let replicas = Replicas::of(&cluster).await;
    let (here, there, elsewhere) = (binary::Home::new(), binary::Home::new(), binary::Home::new());
    let none = HashMap::new();
    let (one, other) = (start(&replicas, &here, &none), start(&replicas, &there, &none));
    let (name, set) = with_a_child(&one.clients()).await;
    let min_position = pb::GetAssessmentRequest {
        name: name.clone(),
        min_position: set,
        ..pb::GetAssessmentRequest::default()
    };
    other.clients().assessments("inspector").get_assessment(min_position).await.unwrap();
    assert!(is_read(&one.clients(), &name).await && is_read(&other.clients(), &name).await);

    // The copy, brought back: with the keyring as it is, the text is read from it.
    let restored = Server::restored(cluster.base_backup("before"));
    let of_copy = HashMap::from([
        ("JUDGEMENT_LEDGER_JOURNAL", restored.url(SERVICE)),
        ("JUDGEMENT_LEDGER_DURABILITY", "local".to_owned()),
    ]);
    let from_copy = start(&replicas, &elsewhere, &of_copy);
    assert!(is_read(&from_copy.clients(), &name).await);
    assert!(from_copy.stop().success());

    let order = erase_wholly(&other.clients(), set, "rationale").await;
    assert_eq!(redacted(&rationale(&other.clients(), &name).await).position, order);
    // The server that has not erased it, and had its key in memory.
    let covered = pb::GetAssessmentRequest {
        name: name.clone(),
        min_position: order,
        ..pb::GetAssessmentRequest::default()
    };
    one.clients().assessments("inspector").get_assessment(covered).await.unwrap();
    assert_eq!(redacted(&rationale(&one.clients(), &name).await).position, order);
    assert!(one.stop().success() && other.stop().success());

    // The copy of before knows of no erasure, and the key is gone all the same.
    let from_copy = start(&replicas, &elsewhere, &of_copy);
    assert!(!is_read(&from_copy.clients(), &name).await);
    assert!(from_copy.stop().success());
    let clear = files_with(cluster.directory(), CHILD);
    assert!(clear.is_empty(), "{clear:?}");
}
