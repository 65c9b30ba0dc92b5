//! What fails: servers, the database, and what lies between them.

use std::time::Instant;

use judgement_ledger::rpc::WRITES;
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use super::*;
use crate::{
    cluster::until,
    killed::{rounds, seed},
    oracle::standing,
    process::{frameworks, transparency},
    served::act,
    sim_disk::Seeded,
};

/// Each server has all that was answered; what was not is sent again, to another than the first.
async fn settle(oracle: &mut Oracle, all: &[Binary]) {
    for channel in channels(all) {
        oracle.check(&channel).await.unwrap();
    }
    oracle.settle(&all[1].channel()).await.unwrap();
}

fn rounds_and_seed(usual: u64) -> (u64, Seeded) {
    let (rounds, seed) = (rounds("JUDGEMENT_LEDGER_REPLICA_ROUNDS", usual), seed());
    println!("JUDGEMENT_LEDGER_SEED={seed} JUDGEMENT_LEDGER_REPLICA_ROUNDS={rounds}");
    (rounds, Seeded(seed))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/run postgres"]
async fn a_server_that_is_killed_loses_nothing_and_holds_nobody_up() {
    let (rounds, mut random) = rounds_and_seed(6);
    let replicas = Replicas::of(Cluster::shared()).await;
    let mut all = replicas.start_all(3);
    let mut oracle = Oracle::default();
    prepare(&all[0].channel()).await.unwrap();
    for number in 0..rounds {
        let delay = Duration::from_micros(random.below(1 << 18));
        let (calls, dies) = (channels(&all), all.remove(0));
        let before = oracle.acknowledged();
        oracle
            .load_over(&calls, delay, |enough| {
                dies.kill();
                std::thread::sleep(Duration::from_millis(500));
                drop(enough);
            })
            .await;
        assert!(oracle.acknowledged() > before + 10, "the others went on");
        all.push(replicas.start(usize::try_from(number % 3).unwrap()));
        settle(&mut oracle, &all).await;
    }
    agree(&mut oracle, &all).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/run postgres"]
async fn a_server_that_freezes_holds_the_others_up_for_no_longer_than_its_turn_may_last() {
    let (rounds, mut random) = rounds_and_seed(3);
    let replicas = Replicas::of(Cluster::shared()).await;
    let all = replicas.start_all(3);
    let mut oracle = Oracle::default();
    prepare(&all[0].channel()).await.unwrap();
    for _ in 0..rounds {
        let delay = Duration::from_micros(random.below(1 << 18));
        let before = oracle.acknowledged();
        oracle
            .load_over(&channels(&all), delay, |enough| {
                // It may have the ledger's row just then: the database takes that back.
                all[0].signal("STOP");
                std::thread::sleep(Duration::from_secs(5));
                drop(enough);
                all[0].signal("CONT");
            })
            .await;
        assert!(oracle.acknowledged() > before + 10, "the others went on");
        settle(&mut oracle, &all).await;
    }
    agree(&mut oracle, &all).await;
}

/// Whichever of them signs is frozen, and holds nobody up for longer than its right may last.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/run postgres"]
async fn a_signer_that_freezes_is_followed_by_another() {
    let replicas = Replicas::of(Cluster::shared()).await;
    let all = replicas.start_all(2);
    prepare(&all[0].channel()).await.unwrap();
    for (frozen, goes_on) in [(0, 1), (1, 0), (0, 1)] {
        all[frozen].signal("STOP");
        let channel = all[goes_on].channel();
        let (position, began) = (recorded(&channel).await, Instant::now());
        is_covered(&channel, position).await;
        println!("{frozen} is frozen: covered after {:?}", began.elapsed());
        all[frozen].signal("CONT");
        let again = recorded(&channel).await;
        for channel in channels(&all) {
            is_covered(&channel, again).await;
        }
    }
    agree(&mut Oracle::default(), &all).await;
}

/// Where a subject is recorded that nobody has.
async fn recorded(channel: &Channel) -> u64 {
    let request = pb::RegisterSubjectRequest {
        act: Some(act()),
        subject: format!("subjects/s-{}", Uuid::new_v4().simple()),
        display_name: "A council".to_owned(),
        kind: "local authority".to_owned(),
        ..pb::RegisterSubjectRequest::default()
    };
    frameworks(channel).register_subject(request).await.unwrap().into_inner().position
}

/// Waits until a signed checkpoint covers it.
async fn is_covered(channel: &Channel, position: u64) {
    let asked = async {
        loop {
            let request = pb::GetCheckpointRequest { min_size: position };
            match transparency(channel).get_checkpoint(request).await {
                Ok(_) => break,
                Err(status) => println!("not yet: {}", status.message()),
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(1), asked).await.expect("it is signed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/run postgres"]
async fn a_quorum_that_is_lost_and_regained_loses_nothing() {
    let cluster = Cluster::start();
    let replicas = Replicas::of(&cluster).await;
    let all = replicas.start_all(2);
    let mut oracle = Oracle::default();
    prepare(&all[0].channel()).await.unwrap();
    oracle
        .load_over(&channels(&all), Duration::from_millis(300), |enough| {
            cluster.freeze_standbys();
            std::thread::sleep(Duration::from_secs(6));
            cluster.thaw_standbys();
            drop(enough);
        })
        .await;
    settle(&mut oracle, &all).await;
    agree(&mut oracle, &all).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/run postgres"]
async fn a_primary_that_dies_is_followed_by_a_standby_that_has_all_that_was_answered() {
    let mut cluster = Cluster::start();
    let replicas = Replicas::of(&cluster).await;
    let all = replicas.start_all(2);
    let mut oracle = Oracle::default();
    prepare(&all[0].channel()).await.unwrap();
    oracle
        .load_over(&channels(&all), Duration::from_millis(700), |enough| {
            cluster.fail_over();
            drop(enough);
        })
        .await;
    let answered = oracle.acknowledged();
    settle(&mut oracle, &all).await;
    oracle.load_over(&channels(&all), Duration::from_millis(500), drop).await;
    assert!(oracle.acknowledged() > answered + 10, "they go on with the new primary");
    agree(&mut oracle, &all).await;
}

/// A commit whose wait is cancelled comes back as done, and is on no standby: whoever is answered then would lose
/// it with the primary.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/run postgres"]
async fn what_is_answered_while_waits_are_cancelled_survives_the_primary() {
    let mut cluster = Cluster::start();
    let replicas = Replicas::of(&cluster).await;
    let all = replicas.start_all(2);
    let mut oracle = Oracle::default();
    prepare(&all[0].channel()).await.unwrap();
    let cancel =
        "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    oracle
        .load_over(&channels(&all), Duration::from_millis(300), |enough| {
            cluster.freeze_standbys();
            let cancelled: u32 = (0..30)
                .map(|_| {
                    std::thread::sleep(Duration::from_millis(100));
                    cluster.primary().sql(cancel).parse::<u32>().unwrap()
                })
                .sum();
            assert!(cancelled > 0, "some commits waited");
            cluster.primary().signal("KILL");
            cluster.thaw_standbys();
            cluster.fail_over();
            drop(enough);
        })
        .await;
    settle(&mut oracle, &all).await;
    oracle.load_over(&channels(&all), Duration::from_millis(300), drop).await;
    agree(&mut oracle, &all).await;
}

/// What health says of commands, once it is that.
async fn health_becomes(channel: &Channel, expected: ServingStatus) {
    let asked = async {
        let mut health = HealthClient::new(channel.clone());
        let request = || HealthCheckRequest { service: WRITES.to_owned() };
        while health.check(request()).await.unwrap().into_inner().status() != expected {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), asked).await.expect("it is told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/run postgres"]
async fn a_server_whose_database_is_gone_says_so_and_answers_readings() {
    let mut cluster = Cluster::start();
    let replicas = Replicas::of(&cluster).await;
    let all = replicas.start_all(1);
    let channel = all[0].channel();
    prepare(&channel).await.unwrap();
    let before = standing(&channel).await.unwrap();
    health_becomes(&channel, ServingStatus::Serving).await;
    cluster.primary().signal("KILL");
    // Nobody need call for it to be seen.
    health_becomes(&channel, ServingStatus::NotServing).await;
    assert_eq!(standing(&channel).await.unwrap(), before);
    assert_eq!(prepare(&channel).await.unwrap_err().code(), Code::Unavailable);
    cluster.crash();
    health_becomes(&channel, ServingStatus::Serving).await;
    prepare(&channel).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/run postgres"]
async fn a_primary_that_crashes_and_comes_back_shows_nothing_that_a_standby_has_not() {
    let (rounds, mut random) = rounds_and_seed(3);
    let mut cluster = Cluster::start();
    let replicas = Replicas::of(&cluster).await;
    let all = replicas.start_all(2);
    let mut oracle = Oracle::default();
    prepare(&all[0].channel()).await.unwrap();
    for _ in 0..rounds {
        let delay = Duration::from_micros(random.below(1 << 19));
        oracle
            .load_over(&channels(&all), delay, |enough| {
                // Commits wait for their standbys when it crashes.
                cluster.freeze_standbys();
                std::thread::sleep(Duration::from_millis(200));
                cluster.crash();
                std::thread::sleep(Duration::from_secs(2));
                cluster.thaw_standbys();
                drop(enough);
            })
            .await;
        settle(&mut oracle, &all).await;
    }
    agree(&mut oracle, &all).await;
}

/// A commit that waits for its standbys shows on a primary that crashed and came back, and is gone once a
/// standby takes its place. Who had shown it would be ahead of the ledger.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/run postgres"]
async fn what_only_a_crashed_primary_has_is_shown_by_nobody() {
    let mut cluster = Cluster::start();
    let replicas = Replicas::of(&cluster).await;
    let all = replicas.start_all(2);
    let mut oracle = Oracle::default();
    prepare(&all[0].channel()).await.unwrap();
    let mut shown = String::new();
    oracle
        .load_over(&channels(&all), Duration::from_millis(300), |enough| {
            let size = |cluster: &Cluster| cluster.primary().sql("SELECT sum(size) FROM ledger");
            cluster.kill_standbys();
            until("a commit waits", || {
                let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' \
                    AND query = 'COMMIT'";
                cluster.primary().sql(waits) != "0"
            });
            let confirmed = size(&cluster);
            cluster.crash();
            shown = size(&cluster);
            println!("{confirmed} records were confirmed, the crashed primary has {shown}");
            assert_ne!(confirmed, shown, "a commit waited");
            std::thread::sleep(Duration::from_secs(3));
            cluster.primary().signal("KILL");
            cluster.revive_standbys();
            cluster.fail_over();
            assert_eq!(size(&cluster), confirmed);
            drop(enough);
        })
        .await;
    settle(&mut oracle, &all).await;
    agree(&mut oracle, &all).await;
    // None had to stop because it was ahead.
    stop(all);
}
