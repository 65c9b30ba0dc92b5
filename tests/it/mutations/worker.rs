//! The process that changes a copy of a world, opens it and judges what it says.

use std::{
    collections::HashMap,
    error::Error,
    fs, io,
    io::BufRead as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};
use tracing_subscriber::fmt::MakeWriter;

use super::{
    change::{Change, Seen},
    compare::{Outcome, difference, is_as_it_once_was},
    scratch,
    world::{World, ground, ledger},
};
use crate::{account::account, binary::copy, served::Served, sim_disk::Seeded};

/// Begins the lines that are reports.
pub const REPORT: &str = "REPORT ";

/// What a worker is asked to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Task {
    pub seed: u64,
    pub world: PathBuf,
    /// Whether checksums are made to fit.
    pub forge: bool,
}

/// What came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    pub task: Task,
    pub outcome: Outcome,
    pub change: String,
    pub detail: String,
}

impl Report {
    /// The report on a task that no worker answered.
    pub fn of(task: &Task, outcome: Outcome, detail: String) -> Self {
        let world = World::load(&task.world);
        let change = task.change(&Seen::new(&task.world, &world));
        Self { task: task.clone(), outcome, change: format!("{change:?}"), detail }
    }

    pub fn world_name(&self) -> &str {
        self.task.world.file_name().unwrap().to_str().unwrap()
    }
}

impl Task {
    fn change(&self, seen: &Seen<'_>) -> Change {
        let mut seeded = Seeded(self.seed);
        if self.forge { seen.forged(&mut seeded) } else { seen.any(&mut seeded) }
    }
}

/// What the ledger logged, and which panics nobody contained, since they were last looked at.
static LOGGED: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static PANICKED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Judges one task after the other, as they come, until there are no more.
pub fn work() {
    // Set before the ledger sets its own, which passes on what it does not contain.
    std::panic::set_hook(Box::new(|info| {
        PANICKED.lock().unwrap_or_else(PoisonError::into_inner).push(info.to_string());
    }));
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_ansi(false)
        .with_writer(Log)
        .init();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let place = scratch();
    let mut worlds = HashMap::new();
    for line in io::stdin().lock().lines() {
        let task: Task = serde_json::from_str(&line.unwrap()).unwrap();
        let world = worlds.entry(task.world.clone()).or_insert_with_key(|path| World::load(path));
        let report = runtime.block_on(judge(&task, world, place.path()));
        println!("\n{REPORT}{}", serde_json::to_string(&report).unwrap());
    }
}

async fn judge(task: &Task, world: &World, place: &Path) -> Report {
    let seen = Seen::new(&task.world, world);
    let change = task.change(&seen);
    let target = place.join(task.seed.to_string());
    copy(&ledger(&task.world), &target);
    change.make(&task.world, &target);
    taken(&LOGGED);
    let (outcome, detail) = match Served::on(ground(&target)).await {
        Ok(served) => {
            let found = account(&served.clients(), &world.names, world.head).await;
            served.give_up().await;
            let difference = difference(&world.expected, &found);
            let logged = String::from_utf8_lossy(&taken(&LOGGED)).into_owned();
            let named = names_a_file(&logged, &target);
            let (owned_up, silent) = (&difference.owned_up, &difference.silent);
            let outcome = match (silent.is_empty(), owned_up.is_empty()) {
                (true, true) => Outcome::Harmless,
                (true, false) if named => Outcome::Noticed,
                (true, false) => Outcome::Unnamed,
                (false, _)
                    if seen.is_undetectable(&change)
                        && is_as_it_once_was(&world.expected, &found) =>
                {
                    Outcome::Excluded
                }
                (false, _) => Outcome::Silent,
            };
            let some: Vec<_> = silent.iter().chain(owned_up).take(4).collect();
            (outcome, format!("{some:#?} {logged}"))
        }
        Err(error) => {
            let mut said = error.to_string();
            let mut cause = error.source();
            while let Some(error) = cause {
                said = format!("{said}: {error}");
                cause = error.source();
            }
            let named = names_a_file(&said, &target);
            (if named { Outcome::Refused } else { Outcome::Unnamed }, said)
        }
    };
    fs::remove_dir_all(&target).unwrap();
    let panics = std::mem::take(&mut *PANICKED.lock().unwrap_or_else(PoisonError::into_inner));
    let (outcome, detail) =
        if panics.is_empty() { (outcome, detail) } else { (Outcome::Panicked, panics.join("\n")) };
    Report { task: task.clone(), outcome, change: format!("{change:?}"), detail }
}

/// Whether a file is named, or the journal as a whole where all of it is older than its views.
fn names_a_file(said: &str, target: &Path) -> bool {
    let inside = format!("{}/data/", target.display());
    said.contains(&inside)
        || said.contains("an older journal was put back")
        || said.contains("the journal was exchanged")
}

fn taken(log: &Mutex<Vec<u8>>) -> Vec<u8> {
    std::mem::take(&mut *log.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Where the log goes.
struct Log;

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOGGED.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
