//! Several servers of one ledger, whose journal lies in PostgreSQL on a primary and two standbys: the real
//! binary, the real database. They race, are killed and frozen; the database is failed in every way that it
//! promises to survive. Nothing that was answered is lost, nothing is there twice, no position is skipped,
//! and all of them answer alike. `tests/run postgres`.
//!
//! `JUDGEMENT_LEDGER_REPLICA_ROUNDS=50` for longer, `JUDGEMENT_LEDGER_SEED` repeats the delays.

mod cut;
mod erased;
mod failing;
mod moved;

use std::{fs, time::Duration};

use judgement_ledger::journal::postgres;
use tempfile::TempDir;
use tonic::transport::Channel;
use uuid::Uuid;

use crate::{
    cluster::{Cluster, SERVICE},
    oracle::{Oracle, answers, prepare},
    process::{Binary, Home},
};

/// What the servers of one ledger share, and where each has its own.
struct Replicas {
    directory: TempDir,
    url: String,
    ledger: String,
}

impl Replicas {
    /// A new ledger in a cluster.
    async fn of(cluster: &Cluster) -> Self {
        let ledger = format!("replicas-{}", Uuid::new_v4().simple());
        let owner = cluster.primary().owner(&ledger);
        postgres::migrate(&owner, Some(SERVICE)).await.unwrap();
        assert!(postgres::begin_ledger(&owner, Uuid::new_v4()).await.unwrap());
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join("master.key"), [7; 32]).unwrap();
        Self { directory, url: cluster.url(SERVICE), ledger }
    }

    /// Where a server has its own: its views, and copies of the keys that the operator gave to each.
    fn home(&self, number: usize) -> Home {
        let own = self.directory.path().join(format!("replica-{number}"));
        fs::create_dir_all(&own).unwrap();
        fs::copy(self.directory.path().join("master.key"), own.join("master.key")).unwrap();
        let home = Home::at(&own);
        self.told().iter().fold(home, |home, (name, value)| home.with(name, value))
    }

    /// What every server of the ledger is told, in its environment.
    fn told(&self) -> [(&'static str, String); 4] {
        let shared = |name: &str| self.directory.path().join(name).display().to_string();
        [
            ("JUDGEMENT_LEDGER_JOURNAL", self.url.clone()),
            ("JUDGEMENT_LEDGER_NAME", self.ledger.clone()),
            ("JUDGEMENT_LEDGER_KEYS_DIR", shared("keys")),
            ("JUDGEMENT_LEDGER_SIGNER_DIR", shared("signer")),
        ]
    }

    fn start(&self, number: usize) -> Binary {
        self.home(number).start()
    }

    fn start_all(&self, count: usize) -> Vec<Binary> {
        (0..count).map(|number| self.start(number)).collect()
    }
}

fn channels(all: &[Binary]) -> Vec<Channel> {
    all.iter().map(Binary::channel).collect()
}

/// Stops them in order.
fn stop(all: Vec<Binary>) {
    for it in all {
        assert!(it.stop().success());
    }
}

/// Each says what was told, and what the others say.
async fn agree(oracle: &mut Oracle, all: &[Binary]) {
    let mut said = Vec::new();
    for channel in channels(all) {
        oracle.check_again(&channel).await.unwrap();
        said.push(answers(&channel).await.unwrap());
    }
    for it in &said {
        assert_eq!(*it, said[0]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/run postgres"]
async fn four_servers_record_in_one_order_and_answer_alike() {
    let replicas = Replicas::of(Cluster::shared()).await;
    let all = replicas.start_all(4);
    let mut oracle = Oracle::default();
    prepare(&all[0].channel()).await.unwrap();
    oracle.load_over(&channels(&all), Duration::from_secs(2), drop).await;
    assert_eq!(oracle.unanswered(), 0);
    println!("{} commands acknowledged by four servers", oracle.acknowledged());
    agree(&mut oracle, &all).await;
    // One stops in order, another begins from nothing, on what the others recorded.
    let mut all = all;
    assert!(all.remove(0).stop().success());
    all.push(replicas.start(4));
    oracle.load_over(&channels(&all), Duration::from_millis(500), drop).await;
    assert_eq!(oracle.unanswered(), 0);
    agree(&mut oracle, &all).await;
    stop(all);
}
