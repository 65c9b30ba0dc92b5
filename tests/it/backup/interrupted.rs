//! Backups and restorings that are killed on their way: nothing is left that pretends to be whole, and
//! they are simply run again.

use std::{
    fs,
    process::{Child, Command, Stdio},
    time::Duration,
};

use super::{
    Restoring, back_up, backup_words, elsewhere, is_ledger, nothing_serves, path, stored, verb,
};
use crate::{
    binary::{Home, Running, copy},
    killed::seed,
    sim_disk::Seeded,
    story::{Telling, tell},
};

/// How often each is killed.
const KILLS: u32 = 12;

/// Large enough that there is a way on which to be killed.
const TELLING: Telling = Telling { long_text_bytes: 60_000, evidence: 100 };

async fn large() -> Home {
    let home = Home::new();
    let running = Running::start(home.serve());
    for chapter in 0..3 {
        tell(&running.clients(), chapter, TELLING).await;
    }
    back_up(&home);
    assert!(running.stop().success());
    home
}

fn quiet(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Kills a process after a while, unless it ends before: whether it was killed.
fn kill(mut child: Child, after: Duration) -> bool {
    std::thread::sleep(after);
    let ended = child.try_wait().unwrap().is_some();
    drop(child.kill());
    child.wait().unwrap();
    !ended
}

/// Removes the backup, if there is one.
fn clear(home: &Home) {
    if home.path("backup").exists() {
        fs::remove_dir_all(home.path("backup")).unwrap();
    }
}

/// Kills a process as soon as something is so.
fn kill_once(mut child: Child, is_so: impl Fn() -> bool) {
    while !is_so() && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    drop(child.kill());
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restoring_that_is_killed_leaves_nothing_that_serves() {
    let home = large().await;
    let mut random = Seeded(seed());
    println!("JUDGEMENT_LEDGER_SEED={}", random.0);
    let mut halfway = 0;
    let to = elsewhere(&home);
    let restoring = Restoring::of(&home, &to);
    let begun = std::time::Instant::now();
    restoring.succeeds();
    let takes = begun.elapsed().as_micros() as u64;
    fs::remove_dir_all(to.path("data")).unwrap();
    for _ in 0..KILLS {
        let after = Duration::from_micros(random.below(takes));
        let killed = kill(quiet(restoring.command()), after);
        if is_ledger(&to) {
            // It had come to its end: then it is whole.
            assert_eq!(stored(&to).await, stored(&home).await);
            fs::remove_dir_all(to.path("data")).unwrap();
            continue;
        }
        assert!(killed);
        halfway += u32::from(to.path("data/journal.restoring").exists());
    }
    // And once surely halfway.
    let child = quiet(restoring.command());
    kill_once(child, || to.path("data/journal.restoring/FORMAT").exists());
    nothing_serves(&to);
    println!("{halfway} killed halfway by chance");
    // Or when the keyring had its name already, and the journal not.
    copy(&home.path("data/keys"), &to.path("data/keys"));
    restoring.succeeds();
    assert!(!to.path("data/journal.restoring").exists());
    assert_eq!(stored(&to).await, stored(&home).await);
}

/// While one process restores, another one there is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_restorings_at_once_are_refused() {
    let home = super::kept().await;
    let to = elsewhere(&home);
    let restoring = Restoring::of(&home, &to);
    fs::create_dir(to.path("data")).unwrap();
    let held = fs::File::open(to.path("data")).unwrap();
    held.lock().unwrap();
    let refused = restoring.run();
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("another process restores a ledger there"),
        "{}",
        refused.stderr
    );
    nothing_serves(&to);
    drop(held);
    restoring.succeeds();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_is_killed_leaves_no_part() {
    let home = large().await;
    fs::remove_dir_all(home.path("backup")).unwrap();
    let running = Running::start(home.serve());
    let mut random = Seeded(seed());
    println!("JUDGEMENT_LEDGER_SEED={}", random.0);
    let to = path(&home, "backup");
    let words = backup_words(&home, &["--to", &to]);
    let command = || {
        let mut command = Command::new(crate::binary::program());
        command.args(&words);
        command
    };
    let begun = std::time::Instant::now();
    back_up(&home);
    let takes = begun.elapsed().as_micros() as u64;
    copy(&home.path("backup"), &home.path("whole"));
    let whole = crate::binary::digest(&home.path("whole"));
    let mut halfway = 0;
    for _ in 0..KILLS {
        clear(&home);
        kill(quiet(command()), Duration::from_micros(random.below(takes)));
        if super::part(&home, 1).exists() {
            // It had come to its end.
            assert_eq!(crate::binary::digest(&home.path("backup")), whole);
            continue;
        }
        halfway += u32::from(home.path("backup/part-0001.backup.new").exists());
        let to_elsewhere = elsewhere(&home);
        if home.path("backup").is_dir() {
            let refused = Restoring::of(&home, &to_elsewhere).run();
            assert!(refused.stderr.contains("there is no backup in it"), "{}", refused.stderr);
        }
    }
    println!("{halfway} killed halfway by chance");
    // And as soon as there is a file: what bears the name of a part is a whole one.
    for _ in 0..KILLS {
        clear(&home);
        let (part, unfinished) = (super::part(&home, 1), home.path("backup/part-0001.backup.new"));
        kill_once(quiet(command()), || part.exists() || unfinished.exists());
        if part.exists() {
            assert_eq!(crate::binary::digest(&home.path("backup")), whole);
        }
    }
    // What was left unfinished is no part, and is replaced.
    back_up(&home);
    assert_eq!(crate::binary::digest(&home.path("backup")), whole);
    assert!(running.stop().success());
}

/// A server that dies while it is copied: there is no part, and the next run makes it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_meanwhile_leaves_no_part() {
    let home = large().await;
    let mut random = Seeded(seed());
    println!("JUDGEMENT_LEDGER_SEED={}", random.0);
    fs::remove_dir_all(home.path("backup")).unwrap();
    let to = path(&home, "backup");
    for _ in 0..4 {
        let running = Running::start(home.serve());
        let mut command = Command::new(crate::binary::program());
        command.args(backup_words(&home, &["--to", &to]));
        let mut client = quiet(command);
        std::thread::sleep(Duration::from_micros(random.below(150_000)));
        running.kill();
        let ended = client.wait().unwrap();
        assert_eq!(ended.success(), super::part(&home, 1).exists());
        if ended.success() {
            fs::remove_file(super::part(&home, 1)).unwrap();
        }
    }
    let running = Running::start(home.serve());
    back_up(&home);
    assert!(running.stop().success());
    let to = elsewhere(&home);
    Restoring::of(&home, &to).succeeds();
    assert_eq!(stored(&to).await, stored(&home).await);
    let verified =
        verb(&["verify", &path(&to, "data"), "--master-key-file", &path(&to, "master.key")]);
    assert_eq!(verified.code, Some(0), "{}", verified.stderr);
}
