//! The real binary, killed under load: what it acknowledged is there, whole, and once.
//!
//! `JUDGEMENT_LEDGER_KILLS=1000` runs the long form, `JUDGEMENT_LEDGER_SEED` repeats the delays.

use std::{fs, path::Path, time::Duration};

use tempfile::TempDir;

use crate::{
    oracle::{Oracle, check_replay, prepare},
    process::{Binary, Home},
    sim_disk::Seeded,
};

const KILLS: u64 = 60;

/// How often the views are held against those folded from the journal alone.
const KILLS_PER_REPLAY: u64 = 20;

/// The seed of a run: that of the environment, or one of the process's own.
pub fn seed() -> u64 {
    let given = std::env::var("JUDGEMENT_LEDGER_SEED").ok();
    given.map_or(u64::from(std::process::id()), |given| given.parse().unwrap())
}

/// How many rounds: those of the environment, or so many.
pub fn rounds(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).map_or(usual, |given| given.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_kill() {
    let (seed, kills) = (seed(), rounds("JUDGEMENT_LEDGER_KILLS", KILLS));
    println!("JUDGEMENT_LEDGER_SEED={seed} JUDGEMENT_LEDGER_KILLS={kills}");
    let mut random = Seeded(seed);
    let directory = TempDir::new().unwrap();
    let home = Home::at(directory.path());
    let mut oracle = Oracle::default();

    let binary = home.start();
    prepare(&binary.channel()).await.unwrap();
    // In order, so that the starts after it go by what the views note, and commands are taken before
    // these are there.
    assert!(binary.stop().success());
    for round in 1..=kills {
        let binary = home.start();
        let channel = binary.channel();
        oracle.check(&channel).await.unwrap();
        oracle.settle(&channel).await.unwrap();
        let delay = Duration::from_micros(random.below(1 << 16));
        oracle.load(binary, delay, Binary::kill).await;
        if round % KILLS_PER_REPLAY == 0 {
            check_replay(&home, home.start()).await.unwrap();
        }
    }
    let binary = home.start();
    oracle.check_again(&binary.channel()).await.unwrap();
    oracle.settle(&binary.channel()).await.unwrap();
    oracle.check(&binary.channel()).await.unwrap();
    check_replay(&home, binary).await.unwrap();
    println!("{} commands acknowledged, none lost", oracle.acknowledged());
    assert!(oracle.acknowledged() > usize::try_from(kills).unwrap(), "there was a load");
}

/// The negative control: had the last acknowledged append not reached the journal, or views of
/// another history answered, the checks above would say so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledged_command_that_is_lost_is_found_out() {
    let directory = TempDir::new().unwrap();
    let home = Home::at(directory.path());
    let mut oracle = Oracle::default();
    let binary = home.start();
    prepare(&binary.channel()).await.unwrap();
    assert!(oracle.send(&binary.channel(), 0, 4).await.is_none());
    oracle.check(&binary.channel()).await.unwrap();
    assert!(oracle.send(&binary.channel(), 0, 1).await.is_none());
    binary.kill();
    forget_last_append(&home.data().join("journal/segment-0000000001.log"));
    // The views had not been written yet, so that they cannot tell.
    let binary = home.start();
    let said = oracle.check(&binary.channel()).await.unwrap_err();
    assert!(said.ends_with("is lost"), "{said}");
    binary.kill();
}

/// Zeroes the last frame of a segment, as if it had never been written.
fn forget_last_append(segment: &Path) {
    let mut bytes = fs::read(segment).unwrap();
    let magic = [0xfb, b'J', b'L', 0xfe];
    let start = bytes.windows(4).rposition(|window| window == magic).unwrap();
    bytes[start..].fill(0);
    fs::write(segment, bytes).unwrap();
}
