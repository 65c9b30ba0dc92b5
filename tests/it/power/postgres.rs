//! The same round a ledger whose journal lies in PostgreSQL, on one primary that nobody follows: its disk
//! loses what was not flushed.

use super::*;
use crate::{cluster::Cluster, replicas::Replicas};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "mounts file systems, needs PostgreSQL: `tests/run power`"]
async fn what_was_acknowledged_survives_a_power_cut_of_the_database() {
    let (seed, cuts) = (seed(), rounds("JUDGEMENT_LEDGER_POWER_CUTS", 5));
    println!("JUDGEMENT_LEDGER_SEED={seed} JUDGEMENT_LEDGER_POWER_CUTS={cuts}");
    let mut random = Seeded(seed);
    let image = Image::mounted(Kind::Xfs);
    let mut cluster = Cluster::alone(&image.directory());
    let replicas = Replicas::of(&cluster).await;
    let servers = [0, 1]
        .map(|number| replicas.home(number).with("JUDGEMENT_LEDGER_DURABILITY", "local").start());
    let channels = [servers[0].channel(), servers[1].channel()];
    let mut oracle = Oracle::default();
    prepare(&channels[0]).await.unwrap();
    for _ in 0..cuts {
        let delay = Duration::from_micros(random.below(DELAY_MAX_US));
        oracle
            .load_over(&channels, delay, |enough| {
                cluster.cut_power(|| image.cut(), || image.remount());
                std::thread::sleep(Duration::from_secs(1));
                drop(enough);
            })
            .await;
        for channel in &channels {
            oracle.check(channel).await.unwrap();
        }
        oracle.settle(&channels[1]).await.unwrap();
    }
    oracle.check_again(&channels[0]).await.unwrap();
    println!("{cuts} cuts, {} acknowledged, none lost", oracle.acknowledged());
    for server in servers {
        assert!(server.stop().success());
    }
}
