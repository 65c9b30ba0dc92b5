//! Tests of the journal's stores.

mod conformance;
mod damage;
mod faults;
mod file_store;
mod golden;
mod inspect;
mod shared;

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use judgement_ledger::{
    disk::Disk,
    journal::{
        Entry, Filing, Group, Head, Journal, JournalError, Key, Page, Stored,
        file::{FileJournal, FileOptions, OpenError, Prepare},
    },
    judgement::Position,
};
use sha2::{Digest as _, Sha256};

/// Files an entry under each of the names before its first `|`, which are parted by commas.
pub(crate) fn by_name() -> Filing {
    Arc::new(|record: &[u8]| {
        let names = record.split(|byte| *byte == b'|').next().unwrap_or_default();
        names.split(|byte| *byte == b',').map(key_of).collect()
    })
}

/// Files every entry under one key, so that all collide.
pub(crate) fn under_one_key() -> Filing {
    Arc::new(|_: &[u8]| vec![key("one")])
}

pub(crate) fn key(name: &str) -> Key {
    key_of(name.as_bytes())
}

fn key_of(name: &[u8]) -> Key {
    Key(Sha256::digest(name)[..12].try_into().unwrap())
}

pub(crate) fn entry(record: &str) -> Entry {
    let sealed = if record.len().is_multiple_of(3) {
        Bytes::new()
    } else {
        Bytes::from(record.to_uppercase())
    };
    Entry { record: Bytes::copy_from_slice(record.as_bytes()), sealed }
}

pub(crate) fn group(records: &[&str]) -> Group {
    let mark = Bytes::from(format!("mark of {}", records.join(" ")));
    Group { entries: records.iter().map(|record| entry(record)).collect(), mark }
}

/// The `number`-th group of a usual run: one to four entries of some or some hundred bytes, filed
/// under a name of its own and under one of three streams.
pub(crate) fn usual_group(number: usize) -> Group {
    let records: Vec<_> = (0..=number % 4)
        .map(|at| {
            format!(
                "own-{number}-{at},stream-{}|{}",
                (number + at) % 3,
                "x".repeat(number * 37 % 185)
            )
        })
        .collect();
    group(&records.iter().map(String::as_str).collect::<Vec<_>>())
}

pub(crate) const ALL: Page = Page { entries_max: usize::MAX, bytes_max: usize::MAX };

pub(crate) async fn append(journal: &dyn Journal, group: Group) -> Result<Head, JournalError> {
    journal.turn().await?.append(group).await
}

/// Everything the journal holds.
pub(crate) async fn content(journal: &dyn Journal) -> Result<Vec<Stored>, JournalError> {
    journal.read(Position::START, ALL).await
}

/// What `groups` make of an empty journal.
pub(crate) fn stored<'a>(groups: impl IntoIterator<Item = &'a Group>) -> Vec<Stored> {
    let entries = groups.into_iter().flat_map(|group| group.entries.iter().cloned());
    let positions = (1..).map(Position::new);
    positions.zip(entries).map(|(position, entry)| Stored { position, entry }).collect()
}

/// Segments so small that nearly every append needs a new one, and every call in a known order.
pub(crate) fn tiny() -> FileOptions {
    let mut options = FileOptions::new(*b"a ledger's id...");
    options.segment_bytes = 4096;
    options.prepare = Prepare::Inline;
    options
}

pub(crate) fn open(disk: Arc<dyn Disk>) -> Result<FileJournal, OpenError> {
    FileJournal::open(disk, by_name(), tiny())
}

/// The answer of a call that need not wait: outside a runtime a file store does its work at once.
pub(crate) fn now<T>(call: impl Future<Output = T>) -> T {
    match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the call waits for something"),
    }
}
