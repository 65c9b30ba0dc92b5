//! What making a record provable takes by itself: committing to its text, sealing it, hashing the
//! record into the tree. On one core, without a server.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use judgement_ledger::{
    disk::RealDisk,
    judgement::Text,
    merkle::{Frontier, leaf_hash},
    record::Commitment,
    vault::{MasterKey, Prepare, Sealing, Setup, Vault, system_entropy},
};
use uuid::Uuid;

use crate::{
    calls::RATIONALE,
    measure::{Cell, Row},
};

pub const WHAT: &str = "sealing and hashing";

/// Seals and hashes records of `record_bytes` bytes with one text each, again and again.
pub fn measure(directory: &Path, record_bytes: usize, time: Duration) -> Row {
    let disk = |name: &str| RealDisk::at(directory.join(name)).unwrap();
    let entropy = system_entropy();
    let master =
        MasterKey::load_or_create(&disk("sealing-master"), "master.key", &entropy).unwrap();
    let setup = Setup { ledger: Uuid::from_u128(1), prepare: Prepare::Background, last_slot: None };
    let keys = Arc::new(disk("sealing-keys"));
    let vault = Vault::open(keys, master, entropy, setup).unwrap();

    let text = Text::parse(RATIONALE).unwrap();
    let mut record = vec![7_u8; record_bytes];
    let mut frontier = Frontier::empty();
    let (began, mut took) = (Instant::now(), Vec::new());
    while began.elapsed() < time {
        let since = Instant::now();
        for number in 0..RECORDS_A_TURN {
            let (record_id, field) = (Uuid::from_u128(number), "act.rationale");
            let opening = vault.draw_opening().unwrap();
            let commitment = Commitment::to(&opening, record_id, field, &text);
            let sealing = Sealing { record_id, field, commitment, opening: &opening, text: &text };
            let sealed = vault.seal(&[sealing]).unwrap();
            record[0] = sealed[0];
            frontier.push(leaf_hash(&record));
        }
        took.push(since.elapsed());
    }
    let elapsed = began.elapsed();
    std::hint::black_box(frontier.root());
    let records = took.len() as u64 * RECORDS_A_TURN as u64;
    let each = took.iter().map(|it| (it.as_micros() / RECORDS_A_TURN) as u32).collect();
    let cell = Cell { what: WHAT, server: "one core", callers: 1, connections: 0, time };
    cell.row(records, each, elapsed, elapsed, Duration::ZERO)
}

pub const TREE: &str = "hashing and tree";

/// What the tree alone takes: a leaf's hash, the sequencer's edge of the tree, and the views' edge,
/// which notes the tiles that are filled.
pub fn measure_tree(record_bytes: usize, time: Duration) -> Row {
    let mut record = vec![7_u8; record_bytes];
    let (mut edge, mut views) = (Frontier::empty(), Frontier::empty());
    let (began, mut took) = (Instant::now(), Vec::new());
    let mut tiles = 0_u64;
    while began.elapsed() < time {
        let since = Instant::now();
        for number in 0..RECORDS_A_TURN {
            record[0] = number as u8;
            let leaf = leaf_hash(&record);
            edge.push(leaf);
            views.push_noting(leaf, |level, _, _| tiles += u64::from(level == 8));
        }
        took.push(since.elapsed());
    }
    let elapsed = began.elapsed();
    std::hint::black_box((edge.root(), views.root(), tiles));
    let records = took.len() as u64 * RECORDS_A_TURN as u64;
    let each = took.iter().map(|it| (it.as_micros() / RECORDS_A_TURN) as u32).collect();
    let cell = Cell { what: TREE, server: "one core", callers: 1, connections: 0, time };
    cell.row(records, each, elapsed, elapsed, Duration::ZERO)
}

/// So many are timed together: one takes hardly more than the clock.
const RECORDS_A_TURN: u128 = 100;

/// Its share in what a command costs the server, one by one and in a stream, where it was measured:
/// of sealing and hashing together, and of the tree alone.
pub fn shares(rows: &[Row]) -> Vec<String> {
    [WHAT, TREE].iter().filter_map(|what| share(rows, what)).collect()
}

fn share(rows: &[Row], part: &str) -> Option<String> {
    let alone = rows.iter().find(|row| row.what == part)?.server_cpu_us;
    let of = |what: &str, callers| {
        let is = |row: &&Row| {
            row.what.starts_with(what) && row.callers == callers && row.server == "ledger"
        };
        Some(alone / rows.iter().rfind(is)?.server_cpu_us * 100.0)
    };
    let (one, streamed) = (of("SetGrade", 64)?, of("ApplyStream", 4)?);
    Some(format!("{part}: {one:.0} % of what a SetGrade costs, {streamed:.0} % in a stream"))
}
