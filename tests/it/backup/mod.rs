//! Backups of the real binary: made while it writes, restored elsewhere to the same root, bytes and
//! answers; and whatever is missing, changed or exchanged in them is refused, with nothing left that
//! could be served.

mod broken;
mod canary;
mod drill;
mod faults;
mod golden;
mod interrupted;
mod operator;

use std::{path::PathBuf, process::Command, sync::Arc};

use judgement_ledger::{
    disk::RealDisk,
    journal::{
        Journal as _, Page, Stored,
        file::{FileJournal, FileOptions},
    },
    judgement::Position,
    ledger::filing,
};

use crate::{
    binary::{Ended, Home, Running, ended},
    story::{Telling, tell},
};

/// Runs a verb.
fn verb(words: &[&str]) -> Ended {
    let mut command = Command::new(crate::binary::program());
    command.args(words);
    ended(command)
}

fn path(home: &Home, name: &str) -> String {
    home.path(name).to_str().unwrap().to_owned()
}

/// What `backup` is told, for a server on a home.
fn backup_words(home: &Home, words: &[&str]) -> Vec<String> {
    let data = path(home, "data");
    let all = [&["backup", "--data", &data][..], words].concat();
    all.into_iter().map(str::to_owned).collect()
}

/// Backs up the records of a server on a home into its directory `backup`, and the keyring beside.
fn back_up(home: &Home) -> Ended {
    let (to, keyring) = (path(home, "backup"), path(home, "keyring"));
    let words = backup_words(home, &["--to", &to, "--keyring", &keyring]);
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let made = verb(&words);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    made
}

/// `restore` of what [`back_up`] made, into the directory `data` of another home.
struct Restoring {
    words: Vec<String>,
}

impl Restoring {
    fn of(from: &Home, to: &Home) -> Self {
        Self { words: vec!["restore".to_owned()] }
            .with("--from", &path(from, "backup"))
            .with("--keyring", &path(from, "keyring"))
            .with("--data", &path(to, "data"))
            .with("--master-key-file", &path(from, "master.key"))
    }

    /// With another value of a flag, or with one more.
    fn with(mut self, flag: &str, value: &str) -> Self {
        self = self.without(flag);
        self.words.extend([flag.to_owned(), value.to_owned()]);
        self
    }

    fn without(mut self, flag: &str) -> Self {
        if let Some(at) = self.words.iter().position(|word| word == flag) {
            self.words.drain(at..at + 2);
        }
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new(crate::binary::program());
        command.args(&self.words);
        command
    }

    fn run(&self) -> Ended {
        ended(self.command())
    }

    fn succeeds(&self) -> Ended {
        let restored = self.run();
        assert_eq!(restored.code, Some(0), "{}", restored.stderr);
        restored
    }
}

/// All entries of a stopped ledger, as they are stored.
async fn stored(home: &Home) -> Vec<Stored> {
    let disk = Arc::new(RealDisk::at(home.path("data/journal")).unwrap());
    let journal = FileJournal::open(disk, filing(), FileOptions::new([0; 16])).unwrap();
    let page = Page { entries_max: 100_000, bytes_max: 1 << 30 };
    let found = journal.read(Position::START, page).await.unwrap();
    journal.close().await.unwrap();
    found
}

fn telling() -> Telling {
    Telling { long_text_bytes: 200, evidence: 3 }
}

/// A ledger that was told two chapters, each of which is a part of its backup, and then stopped.
async fn kept() -> Home {
    let home = Home::new();
    let running = Running::start(home.serve());
    for chapter in 0..2 {
        tell(&running.clients(), chapter, telling()).await;
        back_up(&home);
    }
    // Kept where whoever restores it finds it.
    let info = verb(&["info", "--data", &path(&home, "data"), "--format", "json"]);
    let told: serde_json::Value = serde_json::from_str(&info.stdout).unwrap();
    std::fs::write(home.path("key"), told["keys"][0].as_str().unwrap_or_default()).unwrap();
    assert!(running.stop().success());
    home
}

/// Another home, with the signer and the master key of the first.
fn elsewhere(home: &Home) -> Home {
    let other = Home::new();
    crate::binary::copy(&home.path("signer"), &other.path("signer"));
    std::fs::copy(home.path("master.key"), other.path("master.key")).unwrap();
    other
}

fn part(home: &Home, number: u32) -> PathBuf {
    home.path("backup").join(format!("part-{number:04}.backup"))
}

/// Nothing is there that could be served: neither a journal, nor one that a server would take for one.
fn nothing_serves(home: &Home) {
    assert!(!is_ledger(home), "there is a ledger");
    assert!(!home.path("data/keys").exists(), "there are keys");
}

fn is_ledger(home: &Home) -> bool {
    home.path("data/journal").exists()
}
