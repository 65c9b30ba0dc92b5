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

use judgement_ledger::{
    journal::postgres,
    pb::{self, stream_records_response::Message},
};
use tempfile::TempDir;
use tonic::transport::Channel;
use uuid::Uuid;

use crate::{
    cluster::{Cluster, SERVICE},
    oracle::{Oracle, answers, prepare},
    process::{Binary, Home, audits},
};

/// What the servers of one ledger share, and where each has its own.
pub struct Replicas {
    directory: TempDir,
    url: String,
    ledger: String,
}

impl Replicas {
    /// A new ledger in a cluster.
    pub async fn of(cluster: &Cluster) -> Self {
        let ledger = format!("replicas-{}", Uuid::new_v4().simple());
        let owner = cluster.primary().owner(&ledger);
        postgres::migrate(&owner, Some(SERVICE)).await.unwrap();
        assert!(postgres::begin_ledger(&owner, Uuid::new_v4()).await.unwrap());
        Self::at(cluster.url(SERVICE), ledger)
    }

    /// Those of a ledger that was begun in a database.
    pub fn at(url: String, ledger: String) -> Self {
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join("master.key"), [7; 32]).unwrap();
        Self { directory, url, ledger }
    }

    /// Where a server has its own: its views, and copies of the keys that the operator gave to each.
    pub fn home(&self, number: usize) -> Home {
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

    pub fn start_all(&self, count: usize) -> Vec<Binary> {
        (0..count).map(|number| self.start(number)).collect()
    }
}

pub fn channels(all: &[Binary]) -> Vec<Channel> {
    all.iter().map(Binary::channel).collect()
}

/// Stops them in order.
fn stop(all: Vec<Binary>) {
    for it in all {
        assert!(it.stop().success());
    }
}

/// Each says what was told, and what the others say.
pub async fn agree(oracle: &mut Oracle, all: &[Binary]) {
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

/// The positions that a stream brings, from one server and, once that is gone, from the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/run postgres"]
async fn a_reader_goes_on_at_another_server_without_loss_or_double() {
    let replicas = Replicas::of(Cluster::shared()).await;
    let mut all = replicas.start_all(3);
    let mut oracle = Oracle::default();
    prepare(&all[2].channel()).await.unwrap();
    let reading = {
        let channels = channels(&all);
        tokio::spawn(async move {
            let (mut seen, mut next) = (0_u64, channels.iter().cycle());
            // It is over once it has seen what the test waits for.
            while seen < 400 {
                let request = pb::StreamRecordsRequest {
                    after_position: seen,
                    ..pb::StreamRecordsRequest::default()
                };
                let stream = audits(next.next().unwrap()).stream_records(request).await;
                let Ok(stream) = stream else { continue };
                let mut stream = stream.into_inner();
                while let Ok(Some(message)) = stream.message().await {
                    if let Some(Message::Record(record)) = message.message {
                        let position = record.record.unwrap().position;
                        assert_eq!(position, seen + 1);
                        seen = position;
                    }
                    if seen >= 400 {
                        break;
                    }
                }
            }
            seen
        })
    };
    let writer = all[2].channel();
    let mut killed = 0;
    while !reading.is_finished() {
        assert!(oracle.send(&writer, killed % 8, 10).await.is_none());
        if killed < 2 {
            all.remove(0).kill();
        }
        killed += 1;
    }
    assert_eq!(reading.await.unwrap(), 400);
    assert!(killed >= 2, "the servers that it read from were gone");
}
