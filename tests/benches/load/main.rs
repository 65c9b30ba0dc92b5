//! Load: what the server carries, beside what an empty server of the same messages would.
//!
//! `cargo bench --bench load -- [--seconds N | --quick] [--only WHAT] [--records N] [--keep DIR]
//! [--json FILE] [--postgres URL]`; see `tests/benches/README.md`.
#![allow(
    clippy::unchecked_time_subtraction,
    clippy::too_many_arguments,
    clippy::cast_sign_loss,
    clippy::struct_field_names,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    clippy::shadow_unrelated,
    clippy::wildcard_enum_match_arm,
    clippy::format_push_string,
    unreachable_pub,
    reason = "a measurement fails by panicking, prints its table and rounds its figures"
)]

mod calls;
mod large;
mod measure;
mod replicas;
mod sealing;
mod server;

use std::{
    fs::File,
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use calls::{Pipeline, Place, Read, Records, Set};
use judgement_ledger::{cli::engine::EngineError, pb};
use measure::{Cell, Row};
use server::Child;

const CALLERS_AND_CONNECTIONS: [(usize, usize); 7] =
    [(1, 1), (16, 1), (64, 1), (256, 1), (16, 4), (64, 4), (256, 4)];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    match arguments.first().map(String::as_str) {
        Some("serve-noop") => runtime.block_on(server::noop(Path::new(&arguments[1]))),
        Some("serve-ledger") => {
            let served: Result<(), EngineError> =
                runtime.block_on(server::ledger(Path::new(&arguments[1]), None));
            served.unwrap();
        }
        Some("serve-shared") => {
            let shared = server::Shared::of(&arguments[2..]);
            let served = runtime.block_on(server::ledger(Path::new(&arguments[1]), Some(shared)));
            served.unwrap();
        }
        _ => {
            let asked = Asked::of(&arguments);
            match asked.records {
                Some(records) => runtime.block_on(measure_large(&asked, records)),
                None => runtime.block_on(measure_all(&asked)),
            }
        }
    }
    runtime.shutdown_background(); // somebody may still wait for a line of stdin
}

/// What the command line asks for.
struct Asked {
    time: Duration,
    /// Only the rows whose first column contains this; `SetGrade 64/4` is of 64 callers over 4
    /// connections.
    only: String,
    json: Option<PathBuf>,
    /// Measure what depends on the size of the ledger, on one of so many records.
    records: Option<u64>,
    /// Where that ledger is kept for the next time, or was.
    keep: Option<PathBuf>,
    /// A database, in which servers share a ledger.
    postgres: Option<String>,
}

impl Asked {
    fn of(arguments: &[String]) -> Self {
        let time = Duration::from_secs(2);
        let mut asked = Self {
            time,
            only: String::new(),
            json: None,
            records: None,
            keep: None,
            postgres: None,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--bench" => {} // cargo says so
                "--quick" => asked.time = Duration::from_millis(300),
                "--seconds" => {
                    let seconds = arguments.next().and_then(|given| given.parse().ok());
                    asked.time = Duration::from_secs_f64(seconds.expect("--seconds N"));
                }
                "--only" => asked.only.clone_from(arguments.next().expect("--only WHAT")),
                "--json" => asked.json = Some(arguments.next().expect("--json FILE").into()),
                "--records" => {
                    let records = arguments.next().and_then(|given| given.parse().ok());
                    asked.records = Some(records.expect("--records N"));
                }
                "--keep" => asked.keep = Some(arguments.next().expect("--keep DIR").into()),
                "--postgres" => asked.postgres = arguments.next().cloned(),
                other => panic!("{other}? See tests/benches/README.md"),
            }
        }
        asked
    }

    fn wants(&self, what: &str) -> bool {
        what.contains(&self.only)
    }
}

fn directory() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("judgement-ledger-load-").tempdir().unwrap()
}

async fn measure_large(asked: &Asked, records: u64) {
    let passing = directory();
    let kept = asked.keep.as_deref();
    let found = large::measure(kept.unwrap_or(passing.path()), records, &asked.only).await;
    if let Some(path) = &asked.json {
        let found = found
            .iter()
            .map(|it| serde_json::json!({ "what": it.what, "value": it.value, "unit": it.unit }));
        let json = serde_json::json!({ "large": found.collect::<Vec<_>>() });
        std::fs::write(path, serde_json::to_string_pretty(&json).unwrap() + "\n").unwrap();
    }
}

async fn measure_all(asked: &Asked) {
    let directory = directory();
    let time = asked.time;
    let mut rows = vec![fdatasync(directory.path(), time)];

    let ledger = Child::start("serve-ledger", directory.path());
    let at_ledger = Place::set_up(ledger.address, ledger.process).await;
    // The empty server answers with what the ledger answered: the same messages to the byte.
    let sizes = at_ledger.sample(directory.path()).await;
    let noop = Child::start("serve-noop", directory.path());
    let at_noop = at_ledger.elsewhere(noop.address, noop.process).await;
    println!("{sizes} bytes; {time:?} a row\n");

    let grades = CALLERS_AND_CONNECTIONS
        .iter()
        .filter(|(callers, connections)| asked.wants(&format!("SetGrade {callers}/{connections}")));
    for &(callers, connections) in grades {
        let cell = |server| Cell { what: "SetGrade", server, callers, connections, time };
        let start = |place: &Arc<Place>, caller| Set::new(place, caller, connections);
        let ceiling = cell("no-op").run(&at_noop, start).await;
        rows.push(cell("ledger").run(&at_ledger, start).await.below(&ceiling));
        rows.push(ceiling);
    }
    if asked.wants("ApplyStream") {
        let cell = |server| Cell {
            what: "ApplyStream, 64 in flight",
            server,
            callers: 4,
            connections: 4,
            time,
        };
        let start = |place: &Arc<Place>, caller| Pipeline::new(place, caller);
        let ceiling = cell("no-op").run(&at_noop, start).await;
        rows.push(cell("ledger").run(&at_ledger, start).await.below(&ceiling));
        rows.push(ceiling);
    }
    if asked.wants("GetAssessment") {
        let cell =
            |server| Cell { what: "GetAssessment", server, callers: 64, connections: 4, time };
        let start = |place: &Arc<Place>, caller| Read::new(place, caller, 4);
        let ceiling = cell("no-op").run(&at_noop, start).await;
        rows.push(cell("ledger").run(&at_ledger, start).await.below(&ceiling));
        rows.push(ceiling);
    }
    if asked.wants("StreamRecords") {
        let cell = |server| Cell {
            what: "StreamRecords, by 256",
            server,
            callers: 1,
            connections: 1,
            time,
        };
        let start = |place: &Arc<Place>, _| Records::new(place);
        let ceiling = cell("no-op").run(&at_noop, start).await;
        rows.push(cell("ledger").run(&at_ledger, start).await.below(&ceiling));
        rows.push(ceiling);
    }

    let record_bytes = || std::fs::metadata(directory.path().join("record")).unwrap().len();
    if asked.wants(sealing::WHAT) {
        rows.push(sealing::measure(directory.path(), record_bytes() as usize, time));
    }
    if asked.wants(sealing::TREE) {
        rows.push(sealing::measure_tree(record_bytes() as usize, time));
    }

    drop((at_noop, at_ledger));
    noop.stop();
    ledger.stop();
    rows.sort_by_key(|row| (row.what != "fdatasync of 4 KiB", row.server == "ledger"));
    rows.extend(measure_shared(asked, directory.path()).await);
    report(asked, &rows);
}

/// Servers that share a journal, if there is a database for it.
async fn measure_shared(asked: &Asked, directory: &Path) -> Vec<Row> {
    let Some(url) = &asked.postgres else { return Vec::new() };
    let place = directory.join("shared");
    std::fs::create_dir_all(&place).unwrap();
    replicas::measure(url, &place, asked.time).await
}

fn report(asked: &Asked, rows: &[Row]) {
    println!("{}", measure::table(rows));
    for share in sealing::shares(rows) {
        println!("{share}\n");
    }
    if let Some(path) = &asked.json {
        let json = serde_json::to_string_pretty(&measure::json(rows)).unwrap();
        std::fs::write(path, json + "\n").unwrap();
    }
}

/// What the disk alone takes: 4 KiB of a file of zeros written anew and synced.
fn fdatasync(directory: &Path, time: Duration) -> Row {
    let mut file = File::create(directory.join("zeroed")).unwrap();
    file.write_all(&vec![0; 16 << 20]).unwrap();
    file.sync_all().unwrap();
    let (began, mut took) = (Instant::now(), Vec::new());
    while began.elapsed() < time {
        let start = Instant::now();
        file.seek(SeekFrom::Start((took.len() as u64 % 4_096) * 4_096)).unwrap();
        file.write_all(&[7; 4_096]).unwrap();
        file.sync_data().unwrap();
        took.push(start.elapsed().as_micros() as u32);
    }
    let elapsed = began.elapsed();
    let cell =
        Cell { what: "fdatasync of 4 KiB", server: "disk", callers: 1, connections: 0, time };
    cell.row(took.len() as u64, took, elapsed, Duration::ZERO, Duration::ZERO)
}

/// Encodes a message into a file.
fn write_message(path: &Path, message: &impl prost::Message) {
    std::fs::write(path, message.encode_to_vec()).unwrap();
}

/// What a stream of records says beside records is not counted.
fn is_record(message: &pb::StreamRecordsResponse) -> bool {
    matches!(message.message, Some(pb::stream_records_response::Message::Record(_)))
}
