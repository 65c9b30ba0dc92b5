//! Servers that share a journal in PostgreSQL: one and four of them, beside one with its own files, and
//! what the database does without groups.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use judgement_ledger::{
    journal::{
        Durability, Entry, Group, Journal, JournalError,
        postgres::{self, PostgresJournal, PostgresOptions},
    },
    ledger::filing,
};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{
    calls::{Pipeline, Place, Read, Set},
    measure::{Cell, Row},
    server::{Child, Shared},
};

/// How many servers share a ledger at most.
const SERVERS: usize = 4;

/// A new ledger in the database, and what servers are told of it.
async fn begin(url: &str, directory: &Path) -> Shared {
    let ledger = format!("load-{}", Uuid::new_v4().simple());
    let shared = Shared {
        url: url.to_owned(),
        ledger,
        keys: directory.join("keys"),
        signer: directory.join("signer"),
    };
    let options = options(&shared);
    postgres::migrate(&options, None).await.unwrap();
    assert!(postgres::begin_ledger(&options, Uuid::new_v4()).await.unwrap());
    shared
}

pub fn options(shared: &Shared) -> PostgresOptions {
    PostgresOptions {
        url: shared.url.clone(),
        password_file: None,
        authorities: None,
        insecure: false,
        ledger: shared.ledger.clone(),
        durability: Durability::Quorum,
    }
}

/// One and four servers, each with callers over four connections in all.
pub async fn measure(url: &str, directory: &Path, time: Duration) -> Vec<Row> {
    let mut rows = vec![without_groups(url, directory, time).await];
    for (ledgers, what) in MANY {
        rows.push(many(url, directory, (ledgers, what), time).await);
    }
    for (count, server) in [(1, "1 on PostgreSQL"), (SERVERS, "4 on PostgreSQL")] {
        let directory = directory.join(format!("of-{count}"));
        std::fs::create_dir_all(&directory).unwrap();
        let shared = begin(url, &directory).await;
        let start = |number| Child::share(&directory.join(format!("{number}")), &shared);
        let servers: Vec<_> = (0..count).map(start).collect();
        let first = Place::set_up(servers[0].address, servers[0].process).await;
        let addresses: Vec<_> = servers.iter().map(|it| it.address).collect();
        let place = first.over(&addresses).await;
        let cell = |what, callers| Cell { what, server, callers, connections: 4, time };
        for callers in [1, 16, 64, 256] {
            let set = |place: &Arc<Place>, caller| Set::new(place, caller, 4);
            rows.push(cell("SetGrade", callers).run(&place, set).await);
        }
        let pipeline = |place: &Arc<Place>, caller| Pipeline::new(place, caller);
        rows.push(cell("ApplyStream, 64 in flight", 4).run(&place, pipeline).await);
        let read = |place: &Arc<Place>, caller| Read::new(place, caller, 4);
        rows.push(cell("GetAssessment", 64).run(&place, read).await);
        if count == 1 {
            // Enough that the start of a server does not count for much.
            let filling = Cell { time: time.saturating_mul(10), ..cell("filling", 4) };
            filling.run(&place, pipeline).await;
            rows.push(catching_up(&place, &shared, &directory).await);
        }
        drop((first, place));
        servers.into_iter().for_each(Child::stop);
    }
    rows
}

/// A server whose views are empty: how many records a second it folds until it answers readings.
async fn catching_up(place: &Arc<Place>, shared: &Shared, directory: &Path) -> Row {
    let records = place.head();
    let began = Instant::now();
    let late = Child::share(&directory.join("late"), shared);
    let there = Place::again(late.address, late.process).await;
    there.read_once().await;
    let took = began.elapsed();
    let what = "empty views, records folded";
    let cell = Cell { what, server: "1 on PostgreSQL", callers: 1, connections: 1, time: took };
    let row = cell.row(records, vec![], took, Duration::ZERO, Duration::ZERO);
    drop(there);
    late.stop();
    row
}

/// How many ledgers lie in one cluster.
const MANY: [(usize, &str); 3] = [
    (1, "16 records a group, 1 ledger"),
    (10, "16 records a group, 10 ledgers"),
    (100, "16 records a group, 100 ledgers"),
];

/// Groups appended to several ledgers of one cluster at once.
async fn many(
    url: &str,
    directory: &Path,
    (ledgers, what): (usize, &'static str),
    time: Duration,
) -> Row {
    const RECORDS: u64 = 16;
    let mut journals = Vec::new();
    for _ in 0..ledgers {
        let shared = begin(url, directory).await;
        let journal = PostgresJournal::open(&options(&shared), filing()).await.unwrap();
        // Its connection is made before it is measured.
        drop(journal.turn().await.unwrap());
        journals.push(journal);
    }
    let began = Instant::now();
    let mut writers = JoinSet::new();
    for journal in journals {
        writers.spawn(async move {
            let mut took = Vec::new();
            while began.elapsed() < time {
                let since = Instant::now();
                let entry = Entry { record: Bytes::from(vec![7; 475]), sealed: Bytes::new() };
                let entries = vec![entry; RECORDS as usize];
                let group = Group { entries, mark: Bytes::from_static(b"a mark") };
                journal.turn().await.unwrap().append(group).await.unwrap();
                took.push(since.elapsed().as_micros() as u32);
            }
            took
        });
    }
    let mut took = Vec::new();
    while let Some(done) = writers.join_next().await {
        took.extend(done.unwrap());
    }
    let cell = Cell { what, server: "PostgreSQL", callers: ledgers, connections: ledgers, time };
    let records = took.len() as u64 * RECORDS;
    cell.row(records, took, began.elapsed(), Duration::ZERO, Duration::ZERO)
}

/// A record a transaction, by as many writers as there are callers elsewhere.
async fn without_groups(url: &str, directory: &Path, time: Duration) -> Row {
    const WRITERS: usize = 64;
    let shared = begin(url, directory).await;
    // Two turns of each at once; the connections of all are not more than a database has by itself.
    let mut journals = Vec::new();
    for _ in 0..WRITERS / 2 {
        let journal = PostgresJournal::open(&options(&shared), filing()).await.unwrap();
        journals.push(Arc::new(journal));
    }
    let (began, appended) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (journal, appended) = (Arc::clone(&journals[writer / 2]), Arc::clone(&appended));
        writers.spawn(async move {
            let mut took = Vec::new();
            while began.elapsed() < time {
                let since = Instant::now();
                let entry = Entry { record: Bytes::from(vec![7; 475]), sealed: Bytes::new() };
                let group = Group { entries: vec![entry], mark: Bytes::from_static(b"a mark") };
                let stored = async { journal.turn().await?.append(group).await };
                match stored.await {
                    Ok(_) => {
                        appended.fetch_add(1, Relaxed);
                        took.push(since.elapsed().as_micros() as u32);
                    }
                    // Sixty-three wait for the row: some of them in vain.
                    Err(JournalError::NotApplied(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            took
        });
    }
    let mut took = Vec::new();
    while let Some(done) = writers.join_next().await {
        took.extend(done.unwrap());
    }
    let what = "a record a transaction";
    let cell = Cell { what, server: "PostgreSQL", callers: WRITERS, connections: WRITERS, time };
    cell.row(appended.load(Relaxed), took, began.elapsed(), Duration::ZERO, Duration::ZERO)
}
