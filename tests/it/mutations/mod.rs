//! Stored files changed behind the ledger's back: each change is harmless, or refused by name.
//!
//! A world is a ledger of three lives, stopped in order or not, with copies of its files as they
//! once were, and with the account that it gave of itself before it stopped. A worker, a process
//! of its own, changes a copy of it, opens it, asks for the same account and compares the two; so
//! that neither a panic nor an abort nor a hang can go unnoticed.
//!
//! `JUDGEMENT_LEDGER_MUTATIONS=50000` runs the long form; `JUDGEMENT_LEDGER_MUTATIONS_SEED` is the
//! first seed.

mod change;
mod compare;
mod worker;
mod world;

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread,
    time::Duration,
};

use tempfile::TempDir;

use compare::Outcome;
use worker::{Report, Task};
use world::{Stop, World};

const MUTATIONS: u64 = 500;

/// A change that is not judged within this time hangs, unless it is when it is tried again: then
/// it was the machine that had no time.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many are judged at once: more than there are processors, since much of the time is spent
/// waiting for sled to end its threads.
const WORKERS: usize = 4;

/// A directory in memory where there is one: nothing here is about power cuts.
fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory.to_owned() } else { env::temp_dir() };
    tempfile::Builder::new().prefix("jl-mutations-").tempdir_in(place).unwrap()
}

fn number(variable: &str, usual: u64) -> u64 {
    env::var(variable).ok().map_or(usual, |given| given.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_to_stored_files_is_harmless_or_refused() {
    let count = number("JUDGEMENT_LEDGER_MUTATIONS", MUTATIONS);
    let first = number("JUDGEMENT_LEDGER_MUTATIONS_SEED", 1);
    println!("{count} mutations from seed {first} on");
    let place = scratch();
    let mut worlds = Vec::new();
    for stop in [Stop::Clean, Stop::Unclean] {
        let path = place.path().join(format!("{stop:?}"));
        World::build(&path, stop).await;
        worlds.push(path);
    }
    // Odd seeds change the one, even seeds the other.
    let world_of = |seed: u64| worlds[usize::try_from(seed % 2).unwrap()].clone();
    let tasks =
        (first..first + count).map(|seed| Task { seed, world: world_of(seed), forge: false });
    let reports = judge(tasks.collect());

    let mut outcomes: BTreeMap<(String, Outcome), usize> = BTreeMap::new();
    for report in &reports {
        let key = (report.world_name().to_owned(), report.outcome);
        *outcomes.entry(key).or_default() += 1;
    }
    println!("{outcomes:#?}");
    let bad: Vec<_> = reports.iter().filter(|report| report.outcome.is_bad()).collect();
    for report in &bad {
        println!("{report:#?}");
    }
    assert!(
        bad.is_empty(),
        "{} of {count} mutations were not noticed as they should be",
        bad.len()
    );
    assert_eq!(reports.len() as u64, count);
    // The changes did change something.
    let of = |outcome| reports.iter().filter(|report| report.outcome == outcome).count() as u64;
    assert!(of(Outcome::Refused) > count / 10 && of(Outcome::Harmless) > count / 10);
    assert!(of(Outcome::Excluded) < count / 10);
}

/// The negative control: where a change is made under a checksum that fits, as if checksums were
/// not looked at, the comparison with what is expected finds records that are silently others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_checksums_changes_would_be_silent() {
    let place = scratch();
    let path = place.path().join("Unclean");
    World::build(&path, Stop::Unclean).await;
    let tasks = (1..=60).map(|seed| Task { seed, world: path.clone(), forge: true });
    let reports = judge(tasks.collect());
    let silent = reports.iter().filter(|report| report.outcome == Outcome::Silent).count();
    println!("{silent} of {} forged changes are silent", reports.len());
    assert!(silent > 0);
}

/// The process that judges; started by the tests above.
#[test]
#[ignore = "started by the tests of mutations"]
fn worker() {
    worker::work();
}

/// Has every task judged by worker processes; a worker that dies or hangs is replaced.
fn judge(tasks: Vec<Task>) -> Vec<Report> {
    let (next, reports) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Vec::new())));
    let tasks = Arc::new(tasks);
    let judges: Vec<_> = (0..WORKERS)
        .map(|_| {
            let (next, tasks, reports) =
                (Arc::clone(&next), Arc::clone(&tasks), Arc::clone(&reports));
            thread::spawn(move || {
                let mut worker = Worker::start();
                loop {
                    let number = usize::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap();
                    let Some(task) = tasks.get(number) else { break };
                    let mut report = worker.judge(task);
                    if report.outcome == Outcome::Hung {
                        worker = Worker::start();
                        report = worker.judge(task);
                    }
                    if matches!(report.outcome, Outcome::Died | Outcome::Hung) {
                        worker = Worker::start();
                    }
                    reports.lock().unwrap().push(report);
                }
            })
        })
        .collect();
    for judge in judges {
        judge.join().unwrap();
    }
    Arc::into_inner(reports).unwrap().into_inner().unwrap()
}

struct Worker {
    child: Child,
    tasks: ChildStdin,
    answers: Receiver<String>,
}

impl Worker {
    fn start() -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "mutations::worker", "--ignored", "--nocapture"])
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (tell, answers) = channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some(report) = line.strip_prefix(worker::REPORT) {
                    drop(tell.send(report.to_owned()));
                }
            }
        });
        Self { tasks: child.stdin.take().unwrap(), child, answers }
    }

    fn judge(&mut self, task: &Task) -> Report {
        let asked = serde_json::to_string(task).unwrap();
        // Where nobody listens any more, the answers end.
        drop(writeln!(self.tasks, "{asked}"));
        match self.answers.recv_timeout(PATIENCE) {
            Ok(report) => serde_json::from_str(&report).unwrap(),
            Err(RecvTimeoutError::Timeout) => {
                self.child.kill().unwrap();
                Report::of(task, Outcome::Hung, format!("nothing after {PATIENCE:?}"))
            }
            Err(RecvTimeoutError::Disconnected) => {
                let end = self.child.wait().unwrap();
                Report::of(task, Outcome::Died, format!("the process ended: {end}"))
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
