//! The real binary, each of whose calls of the kernel is failed or made its last, one after the
//! other, by a tracer: `tests/run strace`.
//!
//! A short life is led again and again: start, some commands, a batch, stop. At its n-th call of a
//! kind (counted for each thread) the kernel answers an error without doing anything, or kills. What
//! was acknowledged is there afterwards; and a flush that failed has ended the process with its own
//! exit code, and was never tried again. `JUDGEMENT_LEDGER_TRACED=all` runs it at every call.

use std::{fs, os::unix::process::ExitStatusExt, path::Path, process::ExitStatus};

use tempfile::TempDir;

use crate::{
    oracle::{Oracle, prepare},
    process::{Binary, Home},
};

/// A failed write or flush; `serve --help` names it.
const FAILED_FLUSH: i32 = 3;

/// No life makes more calls of one kind in one thread.
const CALLS_MAX: usize = 2_000;

/// How a traced life ended.
struct Ended {
    status: ExitStatus,
    /// The calls that the tracer saw, as it writes them.
    calls: Vec<String>,
}

impl Ended {
    fn hit(&self) -> bool {
        self.calls.iter().any(|call| call.contains("(INJECTED)")) || self.status.signal() == Some(9)
    }
}

/// Leads a life under the tracer, and looks afterwards whether what it acknowledged is there.
async fn live(inject: &str) -> Ended {
    let directory = TempDir::new().unwrap();
    let log = directory.path().join("calls");
    let home = Home::at(directory.path());
    let mut oracle = Oracle::default();
    let (kinds, _) = inject.split_once(':').unwrap();
    let (trace, inject) = (format!("trace={kinds}"), format!("inject={inject}"));
    let tracer = [
        // The process is ours, the tracer its grandchild: so its exit code is its own. Without
        // strace's filter in the kernel, under which it never kills at a call after the first.
        "strace",
        "-D",
        "-f",
        "-qq",
        "-y",
        "-o",
        log.to_str().unwrap(),
        "-e",
        &trace,
        "-e",
        &inject,
    ];
    let status = match home.by(&tracer).try_start() {
        Ok(binary) => commands(&mut oracle, binary).await,
        Err((status, _)) => status,
    };
    let ended = Ended { status, calls: calls(&log) };

    let binary = home.start();
    let channel = binary.channel();
    let checked = oracle.check(&channel).await;
    checked.unwrap_or_else(|what| panic!("{inject}: {what}"));
    prepare(&channel).await.unwrap();
    oracle.settle(&channel).await.unwrap_or_else(|what| panic!("{inject}: {what}"));
    assert!(oracle.send(&channel, 2, 1).await.is_none(), "{inject}: it does not go on");
    binary.kill();
    ended
}

/// Some commands, one after the other, and a stop in order; how the process ended.
async fn commands(oracle: &mut Oracle, binary: Binary) -> ExitStatus {
    let channel = binary.channel();
    let prepared = prepare(&channel).await.is_ok();
    if prepared && oracle.send(&channel, 0, 3).await.is_none() {
        drop(oracle.send(&channel, 1, 2).await);
    }
    binary.stop()
}

/// What the tracer wrote; it has done so when its process has ended.
fn calls(log: &Path) -> Vec<String> {
    let calls = fs::read_to_string(log).unwrap_or_default();
    calls.lines().map(str::to_owned).collect()
}

fn all() -> bool {
    std::env::var("JUDGEMENT_LEDGER_TRACED").is_ok_and(|asked| asked == "all")
}

/// The first calls one by one, then ever fewer of them; all if that is asked for.
fn numbers() -> impl Iterator<Item = usize> {
    let all = all();
    let step = move |number: &usize| Some(number + if all { 1 } else { 1 + number / 6 });
    std::iter::successors(Some(1), step).take_while(|number| *number < CALLS_MAX)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace: `tests/run strace`"]
async fn a_failed_flush_ends_the_process_with_its_own_code_and_is_never_tried_again() {
    let mut hits = 0;
    for number in 1..CALLS_MAX {
        let ended = live(&format!("fdatasync:error=EIO:when={number}")).await;
        if !ended.hit() {
            assert!(ended.status.success(), "{}", ended.status);
            break;
        }
        hits += 1;
        assert_eq!(
            ended.status.code(),
            Some(FAILED_FLUSH),
            "at flush {number}: {:#?}",
            ended.calls
        );
        for file in ended.calls.iter().filter_map(failed_on) {
            let again = ended.calls.iter().skip_while(|call| failed_on(call) != Some(file)).skip(1);
            let again: Vec<_> = again.filter(|call| call.contains(file)).collect();
            assert!(again.is_empty(), "{file} was flushed again: {again:?}");
        }
    }
    println!("{hits} failed flushes, each the end");
    assert!(hits > 10, "only {hits} flushes failed");
}

/// The file whose flush failed, as `<path>`.
#[expect(clippy::ptr_arg, reason = "it is given what an iterator over strings gives")]
fn failed_on(call: &String) -> Option<&str> {
    call.contains("(INJECTED)").then(|| call.split_once('<').unwrap().1.split_once('>').unwrap().0)
}

/// A kind of call, and what befalls it.
async fn sweep(fault: &str, kinds: &[&str]) {
    let mut points = 0;
    for kind in kinds {
        for number in numbers() {
            let ended = live(&format!("{kind}:{fault}:when={number}")).await;
            if !ended.hit() {
                break;
            }
            points += 1;
        }
    }
    println!("{fault}: {points} points");
    assert!(points > 2 * kinds.len(), "only {points} points");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace: `tests/run strace`"]
async fn a_kill_at_any_call_of_the_kernel_loses_nothing_acknowledged() {
    let quick = ["pwrite64", "fdatasync", "rename"];
    let all_kinds = [
        "pwrite64",
        "fdatasync",
        "fsync",
        "rename",
        "openat",
        "ftruncate",
        "unlink",
        "fallocate",
        "write",
        "mkdir",
        "flock",
    ];
    let kinds: &[&str] = if all() { &all_kinds } else { &quick };
    sweep("signal=SIGKILL", kinds).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace: `tests/run strace`"]
async fn an_error_of_any_call_of_the_kernel_loses_nothing_acknowledged() {
    let kinds: &[&str] =
        if all() { &["pwrite64", "fsync", "rename", "unlink"] } else { &["pwrite64"] };
    sweep("error=EIO", kinds).await;
    let kinds: &[&str] = if all() { &["pwrite64", "fallocate"] } else { &["pwrite64"] };
    sweep("error=ENOSPC", kinds).await;
}
