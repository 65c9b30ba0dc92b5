//! The real binary where memory or descriptors are scarce: clear errors, nothing lost, and well
//! again once there is enough.
//!
//! Memory is limited by a control group (version 1 or 2) where one can be made, else by
//! `RLIMIT_DATA`, which counts what is mapped rather than what is used: the test says which.
//!
//! `JUDGEMENT_LEDGER_SCARCE_SWEEP=1` is the long form: less and less memory, down to where the kernel may
//! end the server, and fewer and fewer descriptors.

use std::{
    collections::HashSet,
    fs,
    io::Write as _,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use judgement_ledger::pb::{self, EntryKind, command::Order};
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::{
    account::records,
    binary::{Home, Running},
    killed::rounds,
    served::{Clients, Served, act, present, reason_of},
};

const MIB: u64 = 1 << 20;

/// How memory is limited.
enum Limit {
    /// A control group of so many bytes, and the files that say how much it has used at most (of version
    /// 2 on older kernels none does) and how often it was full.
    Group { path: PathBuf, bytes: u64, used_max: &'static str, full: &'static str },
    /// The data of the process, in KiB, as the shell counts.
    Data { kib: u64 },
}

/// What became of a limit.
struct Used {
    /// How much was used at most, or is mapped now, where that is known.
    bytes: Option<u64>,
    /// How often there was no more; the kernel gives back pages of files then, or ends a process. Of
    /// `RLIMIT_DATA` nobody counts that.
    full: Option<u64>,
}

impl Limit {
    fn of(bytes: u64, name: &str) -> Self {
        let name = format!("judgement-ledger-{name}-{}", std::process::id());
        let kinds = [
            (
                "/sys/fs/cgroup/memory",
                "memory.limit_in_bytes",
                "memory.max_usage_in_bytes",
                "memory.failcnt",
            ),
            ("/sys/fs/cgroup", "memory.max", "memory.peak", "memory.events"),
        ];
        for (root, limit, used_max, full) in kinds {
            let path = Path::new(root).join(&name);
            if fs::create_dir(&path).is_err() {
                continue;
            }
            if fs::write(path.join(limit), bytes.to_string()).is_ok() {
                println!("memory is limited to {} MiB by {}", bytes / MIB, path.display());
                return Self::Group { path, bytes, used_max, full };
            }
            fs::remove_dir(&path).unwrap();
        }
        println!(
            "APPROXIMATED: no control group can be made here: memory is limited to {} MiB by \
             RLIMIT_DATA, which counts what is mapped",
            bytes / MIB
        );
        Self::Data { kib: bytes / 1024 }
    }

    /// `serve` within the limit.
    fn serve(&self, home: &Home) -> Command {
        let script = match self {
            Self::Group { path, .. } => {
                format!("echo $$ > '{}/cgroup.procs' && exec \"$@\"", path.display())
            }
            Self::Data { kib } => format!("ulimit -d {kib} && exec \"$@\""),
        };
        let mut command = home.serve_under(&["sh", "-c", &script, "sh"]);
        command.args(["--cache-mib", "64"]);
        command
    }

    /// Starts a server, for which the limit is then in force.
    fn start(&self, home: &Home) -> Running {
        let running = Running::start(self.serve(home));
        match self {
            Self::Group { path, .. } => {
                let members = fs::read_to_string(path.join("cgroup.procs")).unwrap();
                assert_eq!(members.trim(), running.id().to_string(), "the limit is in force");
            }
            Self::Data { kib } => {
                let limits = fs::read_to_string(format!("/proc/{}/limits", running.id())).unwrap();
                let line = limits.lines().find_map(|it| it.strip_prefix("Max data size")).unwrap();
                let soft = line.split_whitespace().next().unwrap();
                assert_eq!(soft, (kib * 1_024).to_string(), "the limit is in force");
            }
        }
        running
    }

    /// What the server used of it, which is never more.
    fn used(&self, running: &Running) -> Used {
        let (limit, used) = match self {
            Self::Group { path, bytes, used_max, .. } => {
                let used = fs::read_to_string(path.join(used_max)).ok();
                let bytes_used = used.map(|it| it.trim().parse::<u64>().unwrap());
                (*bytes, Used { bytes: bytes_used, full: self.full() })
            }
            Self::Data { kib } => {
                let status = fs::read_to_string(format!("/proc/{}/status", running.id()));
                let line = status.ok().and_then(|all| {
                    let line = all.lines().find_map(|it| it.strip_prefix("VmData:"))?;
                    line.trim().trim_end_matches(" kB").parse::<u64>().ok()
                });
                (kib * 1_024, Used { bytes: line.map(|it| it * 1_024), full: None })
            }
        };
        println!(
            "of {} MiB at most {:?} MiB were used, a group's cache of files included; full {:?} times",
            limit / MIB,
            used.bytes.map(|it| it / MIB),
            used.full
        );
        assert!(used.bytes.is_none_or(|it| it <= limit), "the limit is kept");
        used
    }

    /// How often a group was full.
    fn full(&self) -> Option<u64> {
        let Self::Group { path, full, .. } = self else { return None };
        let said = fs::read_to_string(path.join(full)).unwrap();
        // Version 1 has the number alone, version 2 a line of it among others.
        let line = said.lines().find_map(|it| it.strip_prefix("max ")).unwrap_or(said.trim());
        Some(line.parse().unwrap())
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        if let Self::Group { path, .. } = self {
            // A group can be removed once its last process is gone, which may take a moment.
            for _ in 0..100 {
                if fs::remove_dir(&*path).is_ok() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// An assessment under a cycle of its own.
async fn open(clients: &Clients, number: usize) -> Result<String, Status> {
    let name = format!("subjects/leicester-city/assessments/apa-{number}");
    let request = pb::OpenAssessmentRequest {
        assessment: name.clone(),
        act: Some(act()),
        framework: "frameworks/apa/versions/2006".to_owned(),
        cycle: format!("cycle-{number}"),
        ..pb::OpenAssessmentRequest::default()
    };
    clients.assessments("lead").open_assessment(request).await.map(|_| name)
}

async fn register(clients: &Clients) {
    let request = pb::RegisterSubjectRequest {
        act: Some(act()),
        subject: "subjects/leicester-city".to_owned(),
        display_name: "Leicester City Council".to_owned(),
        kind: "local authority".to_owned(),
        ..pb::RegisterSubjectRequest::default()
    };
    clients.frameworks("admin").register_subject(request).await.unwrap();
}

/// Entries with texts of `bytes` each, as one batch.
fn entries(name: &str, batch: usize, count: usize, bytes: usize) -> pb::ApplyBatchRequest {
    let entry = |number: usize| {
        let content = pb::EntryContent {
            kind: EntryKind::Narrative.into(),
            section: "staying-safe".to_owned(),
            area: "staying-safe".to_owned(),
            order: 1,
            text: Some(present(&"x".repeat(bytes))),
            ..pb::EntryContent::default()
        };
        let request = pb::RecordEntryRequest {
            assessment: name.to_owned(),
            act: Some(act()),
            entry_id: format!("nar-{batch}-{number}"),
            content: Some(content),
            ..pb::RecordEntryRequest::default()
        };
        pb::Command { order: Some(Order::RecordEntry(request)) }
    };
    pb::ApplyBatchRequest { commands: (0..count).map(entry).collect(), validate_only: false }
}

/// What was acknowledged, and what was refused as surely not recorded.
#[derive(Default)]
struct Told {
    acknowledged: Vec<pb::Receipt>,
    refused: Vec<String>,
    unknown: usize,
    /// Answers that tell a caller nothing: broken connections.
    unclear: Vec<String>,
}

impl Told {
    fn add(&mut self, batch: &pb::ApplyBatchRequest, told: Result<Vec<pb::Receipt>, Status>) {
        match told {
            Ok(receipts) => self.acknowledged.extend(receipts),
            Err(status) => {
                let known = ["JOURNAL_UNAVAILABLE", "BUSY", "DISK_FULL", "STOPPED"];
                let named = !status.details().is_empty();
                if named && known.contains(&reason_of(&status).0.as_str()) {
                    let ids = batch.commands.iter().filter_map(|it| match it.order.as_ref()? {
                        Order::RecordEntry(it) => Some(it.act.as_ref()?.request_id.clone()),
                        _ => None,
                    });
                    self.refused.extend(ids);
                } else {
                    self.unknown += 1;
                }
                let clear = [Code::Unavailable, Code::ResourceExhausted, Code::DeadlineExceeded];
                if !clear.contains(&status.code()) {
                    self.unclear.push(format!("{status:?}"));
                }
            }
        }
    }

    /// Every acknowledged record is there, no refused one is, and none is there twice.
    async fn check(&self, clients: &Clients) {
        let (found, end) = records(clients).await;
        end.unwrap();
        let found: Vec<_> = found.into_iter().map(|it| it.record.unwrap()).collect();
        assert!((1..).zip(&found).all(|(position, record)| record.position == position));
        let ids: HashSet<_> = found.iter().map(|it| it.record_id.to_vec()).collect();
        assert_eq!(ids.len(), found.len());
        for receipt in &self.acknowledged {
            let id = uuid::Uuid::parse_str(&receipt.record_id).unwrap();
            assert!(ids.contains(id.as_bytes().as_slice()), "{} is lost", receipt.position);
        }
        let requests: HashSet<_> = found.iter().map(|it| it.request_id.to_vec()).collect();
        for request in &self.refused {
            let id = uuid::Uuid::parse_str(request).unwrap();
            assert!(!requests.contains(id.as_bytes().as_slice()), "{request} was refused");
        }
    }
}

/// Many callers with large batches, readers who take nothing, and wide queries, all at once.
async fn press(running: &Running) -> Told {
    const CALLERS: usize = 64;
    const READERS: usize = 24;
    /// So many of the callers also ask for wide pages.
    const ASKERS: usize = 4;
    let clients = running.clients();
    register(&clients).await;
    let mut readers = Vec::new();
    let reading: Vec<_> = (0..4).map(|_| running.clients()).collect();
    for number in 0..READERS {
        let request = pb::StreamRecordsRequest::default();
        let mut audits = reading[number % reading.len()].audits();
        if let Ok(stream) = audits.stream_records(request).await {
            readers.push(stream);
        }
    }
    let connections: Vec<_> = (0..4).map(|_| running.clients()).collect();
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let clients = connections[caller % connections.len()].clone();
        callers.spawn(async move {
            let mut told = Told::default();
            let Ok(name) = open(&clients, caller).await else { return told };
            for batch in 0..2 {
                let request = entries(&name, batch, 3, 60_000);
                let sent = clients.assessments("inspector").apply_batch(request.clone()).await;
                told.add(&request, sent.map(|it| it.into_inner().receipts));
                if caller < ASKERS {
                    let page_size = 1_000;
                    let wide = pb::QueryAuditRequest { page_size, ..Default::default() };
                    drop(clients.audits().query_audit(wide).await);
                }
            }
            told
        });
    }
    let mut all = Told::default();
    while let Some(told) = callers.join_next().await {
        let told = told.unwrap();
        all.acknowledged.extend(told.acknowledged);
        all.refused.extend(told.refused);
        all.unknown += told.unknown;
        all.unclear.extend(told.unclear);
    }
    println!(
        "{} records acknowledged, {} refused, {} batches unknown",
        all.acknowledged.len(),
        all.refused.len(),
        all.unknown
    );
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_256_mib_nothing_is_lost_and_the_server_lives() {
    let limit = Limit::of(256 * MIB, "256");
    let home = Home::new();
    let mut running = limit.start(&home);
    let told = press(&running).await;
    let used = limit.used(&running);
    assert!(running.runs(), "{}", running.said());
    assert!(told.unclear.is_empty(), "{:?}", told.unclear);
    assert!(told.acknowledged.len() > 100, "there was a load");
    // An idle server uses some 45 MiB.
    assert!(used.bytes.is_none_or(|it| it > 90 * MIB), "memory was needed");
    told.check(&running.clients()).await;
    running.kill();
    let again = limit.start(&home);
    told.check(&again.clients()).await;
    again.kill();
}

/// In so much it lives under this load, with the 64 MiB for caches that it is given. In less the kernel
/// may end it.
const LIVES_IN: u64 = 192 * MIB;

/// The long form alone: as above in less and less memory. Where the kernel ends the server, callers are
/// told nothing more, and nothing that they were told is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_less_and_less_memory_nothing_is_lost() {
    if !sweeps() {
        return;
    }
    let mut full = Vec::new();
    for mib in [256, 192, 128, 96, 64, 56] {
        let limit = Limit::of(mib * MIB, &format!("sweep-{mib}"));
        let home = Home::new();
        let mut running = limit.start(&home);
        let told = press(&running).await;
        full.extend(limit.used(&running).full.map(|it| it > 0));
        let lives = running.runs();
        println!("{mib} MiB: lives: {lives}, {} answers unclear", told.unclear.len());
        if mib * MIB >= LIVES_IN {
            assert!(lives, "{}", running.said());
        }
        if lives {
            assert!(told.unclear.is_empty(), "{:?}", told.unclear);
            told.check(&running.clients()).await;
        }
        running.kill();
        let again = Running::start(home.serve());
        told.check(&again.clients()).await;
        again.kill();
    }
    assert!(full.is_empty() || full.contains(&true), "one of the limits mattered");
}

/// Whether the long form is wanted.
fn sweeps() -> bool {
    rounds("JUDGEMENT_LEDGER_SCARCE_SWEEP", 0) > 0
}

/// The negative control of the limit: in less than it needs to start, a server is ended, and goes on
/// where there is more.
#[tokio::test]
async fn a_limit_below_what_it_needs_is_seen_to_strike() {
    let limit = Limit::of(16 * MIB, "16");
    let home = Home::new();
    let mut command = limit.serve(&home);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let ended = tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
    println!("{ended}, full {:?} times", limit.full());
    assert!(!ended.success(), "{ended}");
    assert!(limit.full().is_none_or(|it| it > 0), "the limit was met");
    let running = Running::start(home.serve());
    register(&running.clients()).await;
    assert!(running.stop().success());
}

/// Records of 60 KB, a thousand of which would be asked for at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_large_records_is_short_and_the_next_goes_on() {
    let served = Served::start().await;
    let clients = served.clients();
    let name = open(&clients, 0).await.unwrap();
    for batch in 0..20 {
        let request = entries(&name, batch, 3, 60_000);
        clients.assessments("inspector").apply_batch(request).await.unwrap();
    }
    let filter = pb::AuditFilter { event: "EntryRecorded".to_owned(), ..Default::default() };
    let mut request =
        pb::QueryAuditRequest { filter: Some(filter), page_size: 1_000, ..Default::default() };
    let (mut positions, mut pages) = (Vec::new(), 0);
    loop {
        let page = clients.audits().query_audit(request.clone()).await.unwrap().into_inner();
        assert!(page.rows.len() < 25, "{} rows of 60 KB are held at once", page.rows.len());
        positions.extend(page.rows.iter().map(|row| row.position));
        pages += 1;
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert!(pages >= 3);
    assert_eq!(positions.len(), 60);
    assert!(positions.is_sorted_by(|one, next| one > next), "each once, newest first");
    served.stop().await;
}

/// The negative control: of records that are not there, the check knows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_record_is_seen() {
    let home = Home::new();
    let running = Running::start(home.serve());
    let clients = running.clients();
    register(&clients).await;
    let mut told = Told::default();
    told.check(&clients).await;
    let lost = uuid::Uuid::new_v4().to_string();
    told.acknowledged.push(pb::Receipt { record_id: lost, ..pb::Receipt::default() });
    let check = tokio::spawn(async move { told.check(&clients).await });
    assert!(check.await.unwrap_err().is_panic());
    running.kill();
}

/// So many descriptors the server may have, and so many more connections are made to it.
const DESCRIPTORS: usize = 256;
const MORE_CONNECTIONS: usize = 144;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_more_connections_than_descriptors_nothing_is_lost_and_it_recovers() {
    is_well_with_descriptors(DESCRIPTORS).await;
}

/// The long form alone: the same with fewer and fewer. Connections have three quarters of them; below some
/// 80 the rest is less than the twenty or so that the ledger itself has open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_fewer_and_fewer_descriptors_nothing_is_lost() {
    if !sweeps() {
        return;
    }
    for descriptors_max in [192, 128, 96] {
        is_well_with_descriptors(descriptors_max).await;
    }
}

async fn is_well_with_descriptors(descriptors_max: usize) {
    let home = Home::new();
    let script = format!("ulimit -n {descriptors_max} && exec \"$@\"");
    let mut running = Running::start(home.serve_under(&["sh", "-c", &script, "sh"]));
    let idle = descriptors(&running);
    let clients = running.clients();
    register(&clients).await;
    let name = open(&clients, 0).await.unwrap();
    let mut told = Told::default();
    let mut batch = 0;
    let mut send = async |clients: &Clients, told: &mut Told, count: usize| {
        for _ in 0..count {
            let request = entries(&name, batch, 3, 60_000);
            batch += 1;
            let sent = clients.assessments("inspector").apply_batch(request.clone()).await;
            told.add(&request, sent.map(|it| it.into_inner().receipts));
        }
    };
    send(&clients, &mut told, 2).await;

    let address = running.address.strip_prefix("http://").unwrap().to_owned();
    let crowd = crowd(&address, descriptors_max + MORE_CONNECTIONS);
    let taken = descriptors(&running);
    println!(
        "{} connections, {taken} of {descriptors_max} descriptors, {idle} of which are its own",
        crowd.len()
    );
    assert!(taken < descriptors_max, "connections leave some to the ledger");
    assert!(taken > idle, "some were let in");
    // Who was connected before goes on, and segments are rotated.
    send(&clients, &mut told, 40).await;
    assert!(told.refused.is_empty(), "{:?}", told.refused);
    let before = processor_ticks(&running);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let busy = processor_ticks(&running) - before;
    println!("{busy} hundredths of a second of processor time in 2 s of waiting");
    assert!(busy < 100, "it asks for connections without a pause");
    assert!(running.runs(), "{}", running.said());

    drop(crowd);
    // Whoever comes now is served as soon as the server has seen them go.
    let fresh = running.clients();
    let patience = Duration::from_secs(30);
    let served = tokio::time::timeout(patience, open(&fresh, 1)).await;
    served.expect("it recovers").unwrap();
    let refused = told.refused.len();
    send(&fresh, &mut told, 40).await;
    assert_eq!(told.refused.len(), refused, "nothing is refused any more");
    assert!(told.acknowledged.len() >= 126);
    assert!(told.unclear.is_empty(), "{:?}", told.unclear);
    told.check(&fresh).await;
    running.kill();
    let again = Running::start(home.serve());
    told.check(&again.clients()).await;
    again.kill();
}

/// What a client of HTTP/2 says first, and settings that change nothing. (RFC 9113 §3.4)
const GREETING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Connections that have begun and then say nothing: more than the server has descriptors for.
fn crowd(address: &str, connections: usize) -> Vec<TcpStream> {
    let (address, patience) = (address.parse().unwrap(), Duration::from_secs(10));
    let connect = |_| {
        let mut connection = TcpStream::connect_timeout(&address, patience).unwrap();
        // One that the server has closed already cannot be written to.
        drop(connection.write_all(GREETING));
        connection
    };
    (0..connections).map(connect).collect()
}

/// How many descriptors a process has open.
fn descriptors(running: &Running) -> usize {
    fs::read_dir(format!("/proc/{}/fd", running.id())).unwrap().count()
}

/// The processor time of a process, in hundredths of a second.
fn processor_ticks(running: &Running) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", running.id())).unwrap();
    let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}
