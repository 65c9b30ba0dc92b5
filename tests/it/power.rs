//! Real power cuts, and really full disks, round the real binary: `tests/run power`.
//!
//! A killed process leaves the kernel's caches, a power cut does not: a store that never flushes
//! passes any number of kills. So the file system is mounted from an image in memory, the server is
//! frozen until no call of it is under way, the image is shut down with all that is not durable, and
//! mounted again. Without the freezing an fsync under way would answer as if it had succeeded.
//! (What is not shown so: sectors torn in the middle, and disks that lie about their caches.)
//!
//! `JUDGEMENT_LEDGER_POWER_CUTS=1000` runs the long form, `JUDGEMENT_LEDGER_SEED` repeats the
//! delays.

mod postgres;

use std::{fs, process::Command, time::Duration};

use tempfile::TempDir;

use crate::{
    image::{Image, Kind},
    killed::{rounds, seed},
    oracle::{Oracle, check_replay, prepare},
    process::{Binary, Home, freeze},
    served::reason_of,
    sim_disk::Seeded,
};

/// How many cuts one image lives at most, so that there are young ledgers and older ones.
const CUTS_PER_IMAGE: u64 = 12;

/// How long after the first answer the power is cut, at most: sled flushes twice a second.
const DELAY_MAX_US: u64 = 700_000;

/// How long after its start a server is cut off that is not waited for: it serves after some 150 ms.
const START_MAX_US: u64 = 300_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "mounts file systems: `tests/run power`"]
async fn what_was_acknowledged_survives_a_power_cut_of_xfs() {
    cut_power(Kind::Xfs, rounds("JUDGEMENT_LEDGER_POWER_CUTS", 10)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "mounts file systems: `tests/run power`"]
async fn what_was_acknowledged_survives_a_power_cut_of_ext4() {
    cut_power(Kind::Ext4, rounds("JUDGEMENT_LEDGER_POWER_CUTS", 5)).await;
}

async fn cut_power(kind: Kind, cuts: u64) {
    let seed = seed();
    println!("{kind:?}: JUDGEMENT_LEDGER_SEED={seed} JUDGEMENT_LEDGER_POWER_CUTS={cuts}");
    let mut random = Seeded(seed);
    let (mut done, mut acknowledged, mut images) = (0, 0, 0);
    while done < cuts {
        let lives = (1 + random.below(CUTS_PER_IMAGE)).min(cuts - done);
        acknowledged += life(&Image::mounted(kind), lives, &mut random).await;
        done += lives;
        images += 1;
    }
    println!("{kind:?}: {done} cuts of {images} ledgers, {acknowledged} acknowledged, none lost");
    assert!(acknowledged > 0, "there was a load");
}

/// One ledger through so many cuts; how many commands were acknowledged.
async fn life(image: &Image, cuts: u64, random: &mut Seeded) -> usize {
    let home = Home::at(&image.directory());
    let mut oracle = Oracle::default();
    for _ in 0..cuts {
        if random.below(4) == 0 {
            cut_at_start(&home, image, random.below(START_MAX_US));
            continue;
        }
        let binary = home.start();
        let channel = binary.channel();
        oracle.check(&channel).await.unwrap();
        oracle.settle(&channel).await.unwrap();
        prepare(&channel).await.unwrap();
        let delay = Duration::from_micros(random.below(DELAY_MAX_US));
        oracle.load(binary, delay, |binary| cut(binary, image)).await;
    }
    let binary = home.start();
    oracle.check_again(&binary.channel()).await.unwrap();
    prepare(&binary.channel()).await.unwrap();
    oracle.settle(&binary.channel()).await.unwrap();
    oracle.check(&binary.channel()).await.unwrap();
    check_replay(&home, binary).await.unwrap();
    oracle.acknowledged()
}

fn cut(binary: Binary, image: &Image) {
    binary.freeze();
    image.cut();
    binary.kill();
    image.remount();
}

/// Cuts the power while the server starts, creates its files or opens its views.
fn cut_at_start(home: &Home, image: &Image, delay_us: u64) {
    let mut child = home.spawn();
    std::thread::sleep(Duration::from_micros(delay_us));
    freeze(child.id());
    image.cut();
    child.kill().unwrap();
    child.wait().unwrap();
    image.remount();
}

/// Flushes nothing and says that it did.
const UNSYNCED: &str = "
int fsync(int file) { return 0; }
int fdatasync(int file) { return 0; }
";

/// The negative control: were the flushes left out, the checks above would say so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "mounts file systems: `tests/run power`"]
async fn a_journal_whose_flushes_are_skipped_is_found_out() {
    let library = TempDir::new().unwrap();
    let (source, shared) = (library.path().join("unsynced.c"), library.path().join("unsynced.so"));
    fs::write(&source, UNSYNCED).unwrap();
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-o"]).arg(&shared).arg(&source);
    assert!(cc.status().unwrap().success());
    for kind in [Kind::Xfs, Kind::Ext4] {
        let image = Image::mounted(kind);
        let home = Home::at(&image.directory());
        let mut oracle = Oracle::default();
        let binary = home.with("LD_PRELOAD", shared.to_str().unwrap()).start();
        prepare(&binary.channel()).await.unwrap();
        oracle.load(binary, Duration::from_millis(100), |binary| cut(binary, &image)).await;
        let found_out = match home.try_start() {
            Ok(binary) => {
                let checked = oracle.check(&binary.channel()).await;
                binary.kill();
                checked.err()
            }
            Err((status, said)) => Some(format!("{status}: {said}")),
        };
        println!("{kind:?} without flushes: {found_out:?}");
        assert!(found_out.is_some(), "{kind:?}: nothing was lost without a single flush");
    }
}

const DISK_FULL: &str = "DISK_FULL";

/// Small, so that it is soon full; large enough for two segments, the reserve and the views.
const SMALL_DISK_BYTES: u64 = 64 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "mounts file systems: `tests/run power`"]
async fn a_full_disk_is_served_from_and_written_to_again_once_there_is_room() {
    let image = Image::mounted(Kind::Memory(SMALL_DISK_BYTES));
    let home = Home::at(&image.directory());
    let mut oracle = Oracle::default();
    let mut binary = home.start();
    let mut channel = binary.channel();
    prepare(&channel).await.unwrap();
    assert!(oracle.send(&channel, 0, 5).await.is_none());

    image.fill();
    refused(&mut oracle, &channel).await;
    oracle.check(&channel).await.unwrap();
    // It can be started on the full disk, after a kill and after a stop in order.
    for stop in [Binary::kill, |binary: Binary| assert!(binary.stop().success())] {
        stop(binary);
        binary = home.start();
        channel = binary.channel();
        oracle.check(&channel).await.unwrap();
        refused(&mut oracle, &channel).await;
    }
    // Somebody takes what the reserve gave up as well: it goes on, and reads go on.
    image.fill();
    refused(&mut oracle, &channel).await;
    oracle.check(&channel).await.unwrap();

    image.empty();
    // Without a restart.
    oracle.settle(&channel).await.unwrap();
    assert!(oracle.send(&channel, 1, 5).await.is_none());
    oracle.check_again(&channel).await.unwrap();

    // Where the reserve has gone to somebody else, a start serves readings, or says why it cannot.
    image.fill();
    refused(&mut oracle, &channel).await;
    image.fill();
    binary.kill();
    match home.try_start() {
        Ok(binary) => {
            let channel = binary.channel();
            oracle.check(&channel).await.unwrap();
            refused(&mut oracle, &channel).await;
            binary.kill();
        }
        Err((status, said)) => assert_eq!(status.code(), Some(1), "{said}"),
    }
    image.empty();
    let binary = home.start();
    oracle.check_again(&binary.channel()).await.unwrap();
    check_replay(&home, binary).await.unwrap();
}

/// Commands are refused, for this reason, and surely not recorded.
async fn refused(oracle: &mut Oracle, channel: &tonic::transport::Channel) {
    for caller in 0..3 {
        let status = oracle.send(channel, caller, 1).await.expect("the disk is full");
        assert_eq!(reason_of(&status).0, DISK_FULL);
        assert_eq!(status.code(), tonic::Code::ResourceExhausted);
        oracle.forget_unanswered();
    }
}
