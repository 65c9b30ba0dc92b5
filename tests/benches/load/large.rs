//! A large ledger: filled over one kind of call, then asked, killed, started again and rebuilt.

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use judgement_ledger::{
    disk::RealDisk,
    journal::{
        Journal as _, Page,
        file::{FileJournal, FileOptions},
    },
    judgement::Position,
    ledger::filing,
    pb,
};
use tokio::task::JoinSet;

use crate::{
    calls::{Pipeline, Place, Read},
    measure::Call,
    server::Child,
};

const PIPELINES: usize = 4;
/// How many records are put under a term of their own.
const RARE: usize = 10;
const RARE_REASON: &str = "COURT_ORDER";
/// How often a query is asked.
const ASKED: usize = 300;

/// One line of the report.
pub struct Finding {
    pub what: &'static str,
    pub value: f64,
    pub unit: &'static str,
}

/// Fills a ledger in `directory` to some `records`, unless there is one, and measures what depends
/// on their number. Of what it measures only that whose name contains `only`.
pub async fn measure(directory: &Path, records: u64, only: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut add = |what, value, unit| {
        println!("{what:<58}{value:>14.3} {unit}");
        found.push(Finding { what, value, unit });
    };
    let wanted = |what: &str| what.contains(only);
    if !directory.join("data").exists() {
        fill_anew(directory, records, &mut add).await;
    }
    if wanted("asking") {
        let server = Child::start("serve-ledger", directory);
        let place = Place::again(server.address, server.process).await;
        add("GetAssessment, p50", read_ms(&place).await, "ms");
        ask(&place, &mut add).await;
        ask_expressions(&place, &mut add).await;
        add("memory (RSS)", memory_mib(server.process, "VmRSS"), "MiB");
        add("memory at most (HWM)", memory_mib(server.process, "VmHWM"), "MiB");
        server.stop();
    }
    if wanted("killing") {
        kill(directory, &mut add).await;
    }
    let data = directory.join("data");
    let (head, payload) = payload(&data.join("journal")).await;
    if wanted("sizes") {
        let journal = used_bytes(&data.join("journal"));
        let views = used_bytes(&data.join("views"));
        add("payload of a record", payload / head, "bytes");
        add("journal, of the payload", journal / payload, "times");
        add("journal and views, of the payload", (journal + views) / payload, "times");
    }
    if wanted("rebuilding") {
        fs::remove_dir_all(data.join("views")).unwrap();
        let began = Instant::now();
        let server = Child::start("serve-ledger", directory);
        add("all views rebuilt", head / began.elapsed().as_secs_f64(), "records/s");
        add("memory at most while rebuilding (HWM)", memory_mib(server.process, "VmHWM"), "MiB");
        server.stop();
    }
    found
}

type Add<'a> = &'a mut dyn FnMut(&'static str, f64, &'static str);

/// Fills a new ledger.
async fn fill_anew(directory: &Path, records: u64, add: Add<'_>) {
    let server = Child::start("serve-ledger", directory);
    let place = Place::set_up(server.address, server.process).await;
    add("GetAssessment among few records, p50", read_ms(&place).await, "ms");
    let began = Instant::now();
    let head = fill(&place, records).await;
    add("records", head as f64, "");
    add(
        "durable and indexed over streams",
        head as f64 / began.elapsed().as_secs_f64(),
        "records/s",
    );
    place.seldom(RARE_REASON, RARE).await;
    add("memory after filling (RSS)", memory_mib(server.process, "VmRSS"), "MiB");
    add("memory at most while filling (HWM)", memory_mib(server.process, "VmHWM"), "MiB");
    drop(place);
    server.stop();
}

/// How often a server is killed: where in its segment and in a part of its views it is differs.
const KILLS: usize = 5;

/// After so many records it is killed: more than its views have in memory.
const KILLED_AFTER: u64 = 100_000;

/// Kills the server after many records, and asks how soon the next one records and reads.
async fn kill(directory: &Path, add: Add<'_>) {
    let (mut graded, mut read) = (Vec::new(), Vec::new());
    let mut server = Child::start("serve-ledger", directory);
    for _ in 0..KILLS {
        let place = Place::again(server.address, server.process).await;
        place.grade_all().await;
        fill(&place, place.head() + KILLED_AFTER).await;
        server.kill();
        let began = Instant::now();
        server = Child::start("serve-ledger", directory);
        let again = Place::again(server.address, server.process).await;
        again.grade_once().await;
        graded.push(began.elapsed().as_secs_f64());
        again.read_once().await;
        read.push(began.elapsed().as_secs_f64());
    }
    server.stop();
    for (took, what) in [(graded, "a grade is durable again"), (read, "it is read as well")] {
        let most = took.iter().copied().fold(0.0, f64::max);
        println!("  {what} after {took:.3?} s");
        add(if what.starts_with("it") { READ_AGAIN } else { GRADED_AGAIN }, most, "s");
    }
}

const GRADED_AGAIN: &str = "kill -9, then a grade is durable again after, at most";
const READ_AGAIN: &str = "and then it is read after, at most";

/// Grades over several streams until there are so many records; the head.
async fn fill(place: &Arc<Place>, records: u64) -> u64 {
    let mut tasks = JoinSet::new();
    for caller in 0..PIPELINES {
        let mut pipeline = Pipeline::new(place, caller).await;
        let place = Arc::clone(place);
        tasks.spawn(async move {
            while place.head() < records {
                pipeline.call().await;
            }
            pipeline.finish().await;
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    place.head()
}

/// The grades of assessments, each in turn: the median in milliseconds.
async fn read_ms(place: &Arc<Place>) -> f64 {
    let mut read = Read::new(place, 0, 1).await;
    p(&timed(async || _ = read.call().await).await, 0.5)
}

/// Asks what must hardly depend on the number of records.
async fn ask(place: &Place, add: Add<'_>) {
    let by_actor =
        pb::AuditFilter { recorded_by: "inspector@ofsted".to_owned(), ..Default::default() };
    let query = request(by_actor, 1_000);
    let rows = place.query(query.clone()).await;
    assert_eq!(rows, 1_000);
    let took = timed(async || _ = place.query(query.clone()).await).await;
    add("audit query, 1,000 rows by actor, p50", p(&took, 0.5), "ms");
    let rare = pb::AuditFilter { reason: RARE_REASON.to_owned(), ..Default::default() };
    let query = request(rare, 0);
    assert_eq!(place.query(query.clone()).await, RARE);
    let took = timed(async || _ = place.query(query.clone()).await).await;
    add("audit query, a term of 10 rows, p50", p(&took, 0.5), "ms");
    add("audit query, a term of 10 rows, p99", p(&took, 0.99), "ms");
}

/// Asks by expressions: one comparison, several, and one that no index narrows.
async fn ask_expressions(place: &Place, add: &mut impl FnMut(&'static str, f64, &'static str)) {
    let rare = format!("reason = {RARE_REASON}");
    let both = format!(
        "actor = \"inspector@ofsted\" AND event = GradeSet AND {rare} OR change = VACATED \
         AND effective >= 2000-01-01"
    );
    // Nothing is published there, so that a page looks at all the records that it may.
    let never = "actor = \"inspector@ofsted\" AND hours_to_publication < 1";
    for (expression, rows, p50, p99) in [
        (
            rare.as_str(),
            RARE,
            "expression, one comparison of 10 rows, p50",
            "expression, one comparison of 10 rows, p99",
        ),
        (
            "level_after = unheard-of",
            0,
            "expression, one comparison without a row, p50",
            "expression, one comparison without a row, p99",
        ),
        (
            "effective < 1990-01-01",
            0,
            "expression, a range of days without a row, p50",
            "expression, a range of days without a row, p99",
        ),
        (
            both.as_str(),
            RARE,
            "expression, five comparisons, p50",
            "expression, five comparisons, p99",
        ),
        (
            never,
            0,
            "expression, a page of nothing but work, p50",
            "expression, a page of nothing but work, p99",
        ),
    ] {
        let expression = expression.to_owned();
        let query = pb::QueryAuditRequest { expression, ..Default::default() };
        assert_eq!(place.query(query.clone()).await, rows);
        let took = timed(async || _ = place.query(query.clone()).await).await;
        add(p50, p(&took, 0.5), "ms");
        add(p99, p(&took, 0.99), "ms");
    }
}

fn request(filter: pb::AuditFilter, page_size: i32) -> pb::QueryAuditRequest {
    pb::QueryAuditRequest { filter: Some(filter), page_size, ..Default::default() }
}

async fn timed(mut call: impl AsyncFnMut()) -> Vec<Duration> {
    let mut took = Vec::new();
    for _ in 0..ASKED {
        let began = Instant::now();
        call().await;
        took.push(began.elapsed());
    }
    took.sort_unstable();
    took
}

/// The percentile in milliseconds.
fn p(took: &[Duration], share: f64) -> f64 {
    let index = ((took.len() as f64 * share) as usize).min(took.len() - 1);
    took[index].as_secs_f64() * 1e3
}

/// A figure of a process's memory.
fn memory_mib(process: u32, name: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib / 1024.0
}

/// What the files of a directory take up on the disk, but for the zeros that wait to be written.
fn used_bytes(directory: &Path) -> f64 {
    let mut bytes = 0.0;
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        bytes += if entry.file_type().unwrap().is_dir() {
            used_bytes(&entry.path())
        } else if name.to_string_lossy().ends_with(".next") {
            0.0
        } else {
            entry.metadata().unwrap().len() as f64
        };
    }
    bytes
}

/// How many records there are, and what was given to the journal to keep, in bytes: the records and
/// what lies sealed beside them.
async fn payload(journal: &Path) -> (f64, f64) {
    let disk = Arc::new(RealDisk::at(journal).unwrap());
    let journal = FileJournal::open(disk, filing(), FileOptions::new([0; 16])).unwrap();
    let (mut at, mut bytes) = (Position::START, 0_usize);
    let page = Page { entries_max: 4_096, bytes_max: 4 << 20 };
    loop {
        let read = journal.read(at, page).await.unwrap();
        let Some(last) = read.last() else { break };
        at = last.position;
        bytes += read.iter().map(|it| it.entry.record.len() + it.entry.sealed.len()).sum::<usize>();
    }
    journal.close().await.unwrap();
    (at.get() as f64, bytes as f64)
}
