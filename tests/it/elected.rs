//! A cluster that elects its primary, which is killed again and again: `tests/patroni`, a long run.

use std::{process::Command, time::Duration};

use judgement_ledger::journal::{
    Durability,
    postgres::{self, PostgresOptions},
};
use uuid::Uuid;

use crate::{
    killed::rounds,
    oracle::{Oracle, prepare},
    replicas::{Replicas, agree, channels},
};

/// Waits until commands are taken again.
async fn takes_commands(channel: &tonic::transport::Channel) {
    let taken = async {
        while let Err(status) = prepare(channel).await {
            println!("not yet: {}", status.message());
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(3), taken).await.expect("another primary is elected");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Patroni and etcd: tests/patroni"]
async fn a_primary_that_is_elected_has_all_that_was_answered() {
    let told = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name}: tests/patroni"));
    let (hosts, kill) = (told("JUDGEMENT_LEDGER_ELECTED"), told("JUDGEMENT_LEDGER_ELECTED_KILL"));
    let ledger = format!("elected-{}", Uuid::new_v4().simple());
    let owner = PostgresOptions {
        url: format!("postgres://owner:owner@{hosts}/ledgers"),
        password_file: None,
        authorities: None,
        insecure: false,
        ledger: ledger.clone(),
        durability: Durability::Quorum,
    };
    postgres::migrate(&owner, Some("service")).await.unwrap();
    assert!(postgres::begin_ledger(&owner, Uuid::new_v4()).await.unwrap());
    let replicas = Replicas::at(format!("postgres://service@{hosts}/ledgers"), ledger);
    let all = replicas.start_all(2);
    let mut oracle = Oracle::default();
    prepare(&all[0].channel()).await.unwrap();
    for round in 0..rounds("JUDGEMENT_LEDGER_REPLICA_ROUNDS", 3) {
        oracle
            .load_over(&channels(&all), Duration::from_secs(2), |enough| {
                assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
                drop(enough);
            })
            .await;
        for channel in channels(&all) {
            takes_commands(&channel).await;
            oracle.check(&channel).await.unwrap();
        }
        let unknown = oracle.unanswered();
        oracle.settle(&all[1].channel()).await.unwrap();
        println!(
            "round {round}: {} answered, {unknown} were not and are settled",
            oracle.acknowledged()
        );
    }
    agree(&mut oracle, &all).await;
}
