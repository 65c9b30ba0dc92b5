//! A ledger that moves: from files into the database, and back.

use std::process::{Command, Stdio};

use super::*;
use crate::{binary, killed::seed, sim_disk::Seeded};

fn copy(from: &str, to: &str, ledger: &str) -> Command {
    let mut command = Command::new(binary::program());
    command.args(["copy", "--from", from, "--to", to, "--ledger", ledger]);
    command.stdin(Stdio::null());
    command
}

/// What it says of the root, once it has copied everything.
fn root(ended: &binary::Ended) -> String {
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    ended.stdout.lines().find(|line| line.starts_with("root ")).unwrap().to_owned()
}

fn same(found: &[String], before: &[String]) {
    let differs = found.iter().zip(before).find(|(found, before)| found != before);
    if let Some((found, before)) = differs {
        let at = found.bytes().zip(before.bytes()).position(|(one, other)| one != other);
        let at = at.unwrap_or_default().saturating_sub(60);
        let part = |text: &str| text.chars().skip(at).take(160).collect::<String>();
        panic!("{}\nis not\n{}", part(found), part(before));
    }
    assert_eq!(found.len(), before.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/run postgres"]
async fn a_ledger_moves_into_the_database_and_back_and_stays_what_it_is() {
    let seed = seed();
    println!("JUDGEMENT_LEDGER_SEED={seed}");
    let mut random = Seeded(seed);
    let cluster = Cluster::shared();
    let mut replicas = Replicas::of(cluster).await;
    replicas.ledger = format!("moved-{}", Uuid::new_v4().simple());
    // A ledger in files, with the keyring and the signer where the others will find them.
    let in_files = |number: usize| {
        let mut home = replicas.home(number);
        home = home.without("JUDGEMENT_LEDGER_JOURNAL").without("JUDGEMENT_LEDGER_NAME");
        home
    };
    let first = in_files(0);
    let mut oracle = Oracle::default();
    let binary = first.start();
    prepare(&binary.channel()).await.unwrap();
    oracle.load_over(&[binary.channel()], Duration::from_millis(500), drop).await;
    // Reading everything is itself recorded.
    oracle.check_again(&binary.channel()).await.unwrap();
    let said = answers(&binary.channel()).await.unwrap();
    assert!(binary.stop().success());

    // Into the database, killed now and then: it goes on where it was.
    let directory = first.data().display().to_string();
    let owner = cluster.primary().owner(&replicas.ledger).url;
    let mut kills = 0;
    for _ in 0..12 {
        let mut child = copy(&directory, &owner, &replicas.ledger)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(random.below(120)));
        kills += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    println!("killed {kills} times");
    let copied = binary::ended(copy(&directory, &owner, &replicas.ledger));
    let all = replicas.start_all(2);
    let served = copy(&owner, &format!("{directory}-other"), &replicas.ledger);
    for channel in channels(&all) {
        oracle.check_again(&channel).await.unwrap();
        same(&answers(&channel).await.unwrap(), &said);
    }
    // While servers run, nothing is copied away.
    let refused = binary::ended(served);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("stop all of its servers"), "{}", refused.stderr);
    oracle.load_over(&channels(&all), Duration::from_millis(500), drop).await;
    agree(&mut oracle, &all).await;
    let said = answers(&all[0].channel()).await.unwrap();
    stop(all);

    // And back, into another directory: the first has not got what was recorded since.
    let back = in_files(7);
    let target = back.data().display().to_string();
    let returned = binary::ended(copy(&owner, &target, &replicas.ledger));
    assert_ne!(root(&returned), root(&copied), "more was recorded since");
    let again = binary::ended(copy(&owner, &target, &replicas.ledger));
    assert_eq!(root(&again), root(&returned));
    assert!(again.stdout.contains(" 0 of them copied now"), "{}", again.stdout);
    let binary = back.start();
    oracle.check_again(&binary.channel()).await.unwrap();
    same(&answers(&binary.channel()).await.unwrap(), &said);
    oracle.load_over(&[binary.channel()], Duration::from_millis(200), drop).await;
    assert_eq!(oracle.unanswered(), 0, "it goes on");
    assert!(binary.stop().success());
    // Another ledger's place is no target.
    let other = Replicas::of(cluster).await;
    let refused = binary::ended(copy(&target, &owner, &other.ledger));
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("the ledger there is another"), "{}", refused.stderr);
}
