//! The contract of the journal, one case a clause, for every store.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use judgement_ledger::{
    disk::RealDisk,
    journal::{
        Entry, Filing, Group, Head, Journal, JournalError, Mark, MemoryJournal, NotApplied, Page,
        file::{FileJournal, FileOptions, OpenError},
        postgres::PostgresJournal,
    },
    judgement::Position,
};
use tempfile::TempDir;

use super::{
    ALL, append, by_name, content, entry, group, key, shared, stored, tiny, under_one_key,
    usual_group,
};
use crate::{cluster::Cluster, sim_disk::SimDisk};

/// A store under test.
trait Store: Sized {
    async fn with(filing: Filing) -> Self;
    fn journal(&self) -> Arc<dyn Journal>;
}

/// A store that outlives its process.
trait Lasting: Store {
    async fn reopened(self) -> Self;
}

struct Memory(Arc<MemoryJournal>);

impl Store for Memory {
    async fn with(filing: Filing) -> Self {
        Self(Arc::new(MemoryJournal::new(filing)))
    }

    fn journal(&self) -> Arc<dyn Journal> {
        Arc::<MemoryJournal>::clone(&self.0)
    }
}

/// Files in a directory, as they are in service.
struct RealFiles {
    directory: TempDir,
    filing: Filing,
    journal: Arc<FileJournal>,
}

impl RealFiles {
    fn open(directory: TempDir, filing: Filing) -> Self {
        let disk = Arc::new(RealDisk::at(directory.path()).unwrap());
        // A process that another test is just starting may hold the lock for a moment: until it has
        // become what it is to be, it has all that was open.
        let began = Instant::now();
        let journal = loop {
            let options = FileOptions { segment_bytes: 256 << 10, ..FileOptions::new([7; 16]) };
            match FileJournal::open(Arc::<RealDisk>::clone(&disk), Arc::clone(&filing), options) {
                Err(OpenError::Locked { .. }) if began.elapsed() < Duration::from_secs(10) => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                opened => break opened.unwrap(),
            }
        };
        Self { directory, filing, journal: Arc::new(journal) }
    }
}

impl Store for RealFiles {
    async fn with(filing: Filing) -> Self {
        Self::open(tempfile::tempdir().unwrap(), filing)
    }

    fn journal(&self) -> Arc<dyn Journal> {
        Arc::<FileJournal>::clone(&self.journal)
    }
}

impl Lasting for RealFiles {
    async fn reopened(self) -> Self {
        self.journal.close().await.unwrap();
        drop(self.journal);
        Self::open(self.directory, self.filing)
    }
}

/// Files on a disk in memory, in segments so tiny that every other append begins a new one; their
/// process is killed, not stopped.
struct TinyFiles {
    disk: SimDisk,
    filing: Filing,
    journal: Arc<FileJournal>,
}

impl TinyFiles {
    fn open(disk: SimDisk, filing: Filing) -> Self {
        let journal = FileJournal::open(disk.shared(), Arc::clone(&filing), tiny()).unwrap();
        Self { disk, filing, journal: Arc::new(journal) }
    }
}

impl Store for TinyFiles {
    async fn with(filing: Filing) -> Self {
        Self::open(SimDisk::new(), filing)
    }

    fn journal(&self) -> Arc<dyn Journal> {
        Arc::<FileJournal>::clone(&self.journal)
    }
}

impl Lasting for TinyFiles {
    async fn reopened(self) -> Self {
        drop(self.journal);
        Self::open(self.disk.after_power_cut(1), self.filing)
    }
}

/// A ledger in a database, each opening being another process.
struct InPostgres {
    name: String,
    filing: Filing,
    journal: Arc<PostgresJournal>,
}

impl InPostgres {
    async fn open(name: String, filing: Filing) -> Self {
        let journal = shared::open(Cluster::shared(), &name, Arc::clone(&filing)).await;
        Self { name, filing, journal }
    }
}

impl Store for InPostgres {
    async fn with(filing: Filing) -> Self {
        Self::open(shared::begin(Cluster::shared()).await, filing).await
    }

    fn journal(&self) -> Arc<dyn Journal> {
        Arc::<PostgresJournal>::clone(&self.journal)
    }
}

impl Lasting for InPostgres {
    async fn reopened(self) -> Self {
        Self::open(self.name, self.filing).await
    }
}

macro_rules! case {
    ([$(#[$attribute:meta])*] $store:ty, $case:ident) => {
        #[tokio::test]
        $(#[$attribute])*
        async fn $case() {
            super::$case::<$store>().await;
        }
    };
}

macro_rules! cases {
    ($attributes:tt $store:ty: $($case:ident)*) => {
        $(case! { $attributes $store, $case })*
    };
}

/// Every case for a store; those of reopening only for one that `lasts`.
macro_rules! conformance {
    ($attributes:tt $store:ty) => {
        cases! { $attributes $store:
            an_empty_journal_has_no_head_and_no_entries
            positions_count_from_one_without_a_gap
            an_append_answers_the_new_head_with_its_mark
            entries_come_back_byte_for_byte
            empty_records_and_texts_are_entries_too
            a_group_without_entries_is_refused
            a_page_keeps_both_limits_and_has_one_entry_at_least
            a_page_may_begin_within_a_group
            a_page_past_the_head_is_empty
            pages_of_any_size_put_together_are_the_journal
            a_dropped_turn_changes_nothing
            turns_exclude_each_other
            a_turn_shows_the_head
            the_latest_entry_under_a_key_is_found
            colliding_keys_are_walked_back_one_by_one
            an_unknown_key_is_not_found
            the_newest_checkpoint_is_kept
            readers_see_whole_groups_and_no_gap_while_appends_go_on
        }
    };
    ($attributes:tt $store:ty, lasts) => {
        conformance! { $attributes $store }

        cases! { $attributes $store:
            a_group_that_is_too_large_is_refused_and_the_journal_goes_on
            reopening_gives_the_same_entries_and_head
            reopening_finds_the_same_keys
            reopening_keeps_a_mark_and_the_checkpoint
            a_reopened_journal_goes_on
        }
    };
}

mod memory {
    use super::*;
    conformance! { [] Memory } // Forgets: nothing of it can be reopened, and nothing is too large.
}

mod real_files {
    use super::*;
    conformance! { [] RealFiles, lasts }
}

mod in_postgres {
    use super::*;
    conformance! { [#[ignore = "needs PostgreSQL: tests/run postgres"]] InPostgres, lasts }
}

mod tiny_files {
    use super::*;
    conformance! { [] TinyFiles, lasts }
}

async fn filled<S: Store>(filing: Filing, groups: usize) -> (S, Vec<Group>) {
    let store = S::with(filing).await;
    let groups: Vec<_> = (0..groups).map(usual_group).collect();
    for group in &groups {
        append(store.journal().as_ref(), group.clone()).await.unwrap();
    }
    (store, groups)
}

async fn an_empty_journal_has_no_head_and_no_entries<S: Store>() {
    let journal = S::with(by_name()).await.journal();
    let head = Head { position: Position::START, mark: None };
    assert_eq!(journal.head().await.unwrap(), head);
    assert_eq!(content(journal.as_ref()).await.unwrap(), []);
    assert_eq!(journal.checkpoint().await.unwrap(), None);
    assert_eq!(journal.latest(key("a"), Position::new(u64::MAX)).await.unwrap(), None);
}

async fn positions_count_from_one_without_a_gap<S: Store>() {
    let (store, groups) = filled::<S>(by_name(), 25).await;
    let found = content(store.journal().as_ref()).await.unwrap();
    let expected: Vec<_> = (1..=found.len() as u64).map(Position::new).collect();
    assert_eq!(found.iter().map(|stored| stored.position).collect::<Vec<_>>(), expected);
    assert_eq!(found.len(), groups.iter().map(|group| group.entries.len()).sum::<usize>());
}

async fn an_append_answers_the_new_head_with_its_mark<S: Store>() {
    let journal = S::with(by_name()).await.journal();
    let mut position = Position::START;
    for number in 0..25 {
        let group = usual_group(number);
        position = position.plus(group.entries.len() as u64);
        let mark = Some(Mark { at: position, bytes: group.mark.clone() });
        let head = append(journal.as_ref(), group).await.unwrap();
        assert_eq!(head, Head { position, mark });
        assert_eq!(journal.head().await.unwrap(), head);
    }
}

async fn entries_come_back_byte_for_byte<S: Store>() {
    let (store, groups) = filled::<S>(by_name(), 40).await;
    assert_eq!(content(store.journal().as_ref()).await.unwrap(), stored(&groups));
}

async fn empty_records_and_texts_are_entries_too<S: Store>() {
    let journal = S::with(by_name()).await.journal();
    let empty = Entry { record: Bytes::new(), sealed: Bytes::new() };
    let zeros = Entry { record: vec![0; 1200].into(), sealed: Bytes::new() };
    let group = Group { entries: vec![empty.clone(), zeros, empty], mark: Bytes::new() };
    append(journal.as_ref(), group.clone()).await.unwrap();
    assert_eq!(content(journal.as_ref()).await.unwrap(), stored([&group]));
    let mark = Some(Mark { at: Position::new(3), bytes: Bytes::new() });
    assert_eq!(journal.head().await.unwrap().mark, mark);
}

async fn a_group_without_entries_is_refused<S: Store>() {
    let journal = S::with(by_name()).await.journal();
    let error = append(journal.as_ref(), group(&[])).await.unwrap_err();
    assert!(matches!(error, JournalError::NotApplied(NotApplied::Unavailable(_))));
    append(journal.as_ref(), group(&["a"])).await.unwrap();
}

async fn a_page_keeps_both_limits_and_has_one_entry_at_least<S: Store>() {
    let (store, groups) = filled::<S>(by_name(), 30).await;
    let (journal, all) = (store.journal(), stored(&groups));
    let bytes = |entry: &Entry| entry.record.len() + entry.sealed.len();
    for entries_max in [0, 1, 2, 5, 1000] {
        for bytes_max in [0, 1, 300, 2000, usize::MAX] {
            for after in [0, 3, 17] {
                let mut sum = 0;
                let fits = |stored: &&_| {
                    let judgement_ledger::journal::Stored { entry, .. } = stored;
                    sum += bytes(entry);
                    sum <= bytes_max
                };
                let count = all[after..].iter().take(entries_max).take_while(fits).count().max(1);
                let page = Page { entries_max, bytes_max };
                let found = journal.read(Position::new(after as u64), page).await.unwrap();
                assert_eq!(found, all[after..after + count], "{page:?} after {after}");
            }
        }
    }
}

async fn a_page_may_begin_within_a_group<S: Store>() {
    let journal = S::with(by_name()).await.journal();
    append(journal.as_ref(), group(&["a", "b", "c"])).await.unwrap();
    let found = journal.read(Position::new(1), ALL).await.unwrap();
    assert_eq!(found, stored([&group(&["a", "b", "c"])])[1..]);
}

async fn a_page_past_the_head_is_empty<S: Store>() {
    let (store, groups) = filled::<S>(by_name(), 20).await;
    let head = stored(&groups).len() as u64;
    for after in [head, head + 1, u64::MAX] {
        assert_eq!(store.journal().read(Position::new(after), ALL).await.unwrap(), []);
    }
}

async fn pages_of_any_size_put_together_are_the_journal<S: Store>() {
    let (store, groups) = filled::<S>(by_name(), 40).await;
    let journal = store.journal();
    for entries_max in [1, 2, 3, 7, 64] {
        let (mut found, mut after) = (Vec::new(), Position::START);
        loop {
            let page = Page { entries_max, bytes_max: 700 };
            let read = journal.read(after, page).await.unwrap();
            let Some(last) = read.last() else { break };
            after = last.position;
            found.extend(read);
        }
        assert_eq!(found, stored(&groups), "pages of {entries_max}");
    }
}

async fn a_dropped_turn_changes_nothing<S: Store>() {
    let (store, groups) = filled::<S>(by_name(), 5).await;
    let journal = store.journal();
    let head = journal.head().await.unwrap();
    drop(journal.turn().await.unwrap());
    drop(journal.turn().await.unwrap().append(group(&["never polled"])));
    assert_eq!(journal.head().await.unwrap(), head);
    assert_eq!(content(journal.as_ref()).await.unwrap(), stored(&groups));
    let next = append(journal.as_ref(), group(&["a"])).await.unwrap();
    assert_eq!(next.position, head.position.next());
}

async fn turns_exclude_each_other<S: Store>() {
    let journal = S::with(by_name()).await.journal();
    let first = journal.turn().await.unwrap();
    let mut second = journal.turn();
    let waker = std::task::Waker::noop();
    assert!(second.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending());
    first.append(group(&["a"])).await.unwrap();
    let second = second.await.unwrap();
    assert_eq!(second.head().position, Position::new(1));
}

async fn a_turn_shows_the_head<S: Store>() {
    let (store, _) = filled::<S>(by_name(), 12).await;
    let journal = store.journal();
    assert_eq!(journal.turn().await.unwrap().head(), &journal.head().await.unwrap());
}

/// Compares every lookup that can be made with one in a plain list.
async fn check_lookups(journal: &dyn Journal, groups: &[Group], filing: Filing) {
    let all = stored(groups);
    let keys: BTreeSet<_> = all.iter().flat_map(|stored| filing(&stored.entry.record)).collect();
    for before in [Position::START, Position::new(7), Position::new(u64::MAX)] {
        // One of them twice, and one that nothing is filed under.
        let each: Vec<_> = keys.iter().chain(keys.first()).copied().chain([key("none")]).collect();
        let mut one_by_one = Vec::new();
        for key in &each {
            one_by_one.push(journal.latest(*key, before).await.unwrap());
        }
        assert_eq!(journal.latest_of_each(&each, before).await.unwrap(), one_by_one);
    }
    for key in keys {
        let filed = |stored: &&judgement_ledger::journal::Stored| {
            filing(&stored.entry.record).contains(&key)
        };
        let at: Vec<_> = all.iter().filter(filed).map(|stored| stored.position).collect();
        let mut before = Position::new(u64::MAX);
        for position in at.iter().rev() {
            assert_eq!(journal.latest(key, before).await.unwrap(), Some(*position));
            assert_eq!(journal.latest(key, position.next()).await.unwrap(), Some(*position));
            before = *position;
        }
        assert_eq!(journal.latest(key, before).await.unwrap(), None);
    }
}

async fn the_latest_entry_under_a_key_is_found<S: Store>() {
    let (store, groups) = filled::<S>(by_name(), 40).await;
    check_lookups(store.journal().as_ref(), &groups, by_name()).await;
}

async fn colliding_keys_are_walked_back_one_by_one<S: Store>() {
    let (store, groups) = filled::<S>(under_one_key(), 60).await;
    check_lookups(store.journal().as_ref(), &groups, under_one_key()).await;
}

async fn an_unknown_key_is_not_found<S: Store>() {
    let (store, _) = filled::<S>(by_name(), 30).await;
    for number in 0..300 {
        let key = key(&format!("unknown-{number}"));
        let found = store.journal().latest(key, Position::new(u64::MAX)).await.unwrap();
        assert_eq!(found, None);
    }
}

async fn the_newest_checkpoint_is_kept<S: Store>() {
    let (store, groups) = filled::<S>(by_name(), 3).await;
    let journal = store.journal();
    for checkpoint in ["first", "", "a longer one"] {
        journal.keep_checkpoint(Bytes::from(checkpoint)).await.unwrap();
        assert_eq!(journal.checkpoint().await.unwrap(), Some(Bytes::from(checkpoint)));
    }
    assert_eq!(content(journal.as_ref()).await.unwrap(), stored(&groups));
}

async fn readers_see_whole_groups_and_no_gap_while_appends_go_on<S: Store>() {
    let store = S::with(by_name()).await;
    let groups: Vec<_> = (0..60).map(usual_group).collect();
    let (all, mut ends) = (stored(&groups), BTreeSet::from([0]));
    groups.iter().fold(0, |sum, group| {
        ends.insert(sum + group.entries.len());
        sum + group.entries.len()
    });
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (journal, all, ends) = (store.journal(), all.clone(), ends.clone());
            tokio::spawn(async move {
                loop {
                    let found = content(journal.as_ref()).await.unwrap();
                    assert!(ends.contains(&found.len()), "{} entries", found.len());
                    assert_eq!(found, all[..found.len()]);
                    if found.len() == all.len() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for group in groups {
        append(store.journal().as_ref(), group).await.unwrap();
        tokio::task::yield_now().await;
    }
    for reader in readers {
        reader.await.unwrap();
    }
}

async fn a_group_that_is_too_large_is_refused_and_the_journal_goes_on<S: Store>() {
    let (store, mut groups) = filled::<S>(by_name(), 5).await;
    let journal = store.journal();
    let large = "x".repeat(5 << 20);
    let error = append(journal.as_ref(), group(&[&large])).await.unwrap_err();
    assert!(matches!(error, JournalError::NotApplied(NotApplied::TooLarge { .. })));
    let mut marked = group(&["a"]);
    marked.mark = large.into();
    let error = append(journal.as_ref(), marked).await.unwrap_err();
    assert!(matches!(error, JournalError::NotApplied(NotApplied::TooLarge { .. })));
    groups.push(group(&["b"]));
    append(journal.as_ref(), group(&["b"])).await.unwrap();
    assert_eq!(content(journal.as_ref()).await.unwrap(), stored(&groups));
    assert_eq!(stored(&groups).last().unwrap().entry, entry("b"));
}

async fn reopening_gives_the_same_entries_and_head<S: Lasting>() {
    for count in [0, 1, 7, 40] {
        let (store, groups) = filled::<S>(by_name(), count).await;
        let head = store.journal().head().await.unwrap();
        let store = store.reopened().await;
        assert_eq!(content(store.journal().as_ref()).await.unwrap(), stored(&groups));
        assert_eq!(store.journal().head().await.unwrap().position, head.position);
    }
}

async fn reopening_finds_the_same_keys<S: Lasting>() {
    let (store, groups) = filled::<S>(by_name(), 40).await;
    let store = store.reopened().await;
    check_lookups(store.journal().as_ref(), &groups, by_name()).await;
}

async fn reopening_keeps_a_mark_and_the_checkpoint<S: Lasting>() {
    let (store, groups) = filled::<S>(by_name(), 40).await;
    store.journal().keep_checkpoint(Bytes::from("checkpoint")).await.unwrap();
    let store = store.reopened().await;
    let journal = store.journal();
    assert_eq!(journal.checkpoint().await.unwrap(), Some(Bytes::from("checkpoint")));
    let mark = journal.head().await.unwrap().mark.unwrap();
    let mut at = Position::START;
    let marks: Vec<_> = groups
        .into_iter()
        .map(|group| {
            at = at.plus(group.entries.len() as u64);
            Mark { at, bytes: group.mark }
        })
        .collect();
    assert!(marks.contains(&mark), "{mark:?}");
}

async fn a_reopened_journal_goes_on<S: Lasting>() {
    let mut store = S::with(by_name()).await;
    let groups: Vec<_> = (0..30).map(usual_group).collect();
    for group in &groups {
        append(store.journal().as_ref(), group.clone()).await.unwrap();
        store = store.reopened().await;
    }
    assert_eq!(content(store.journal().as_ref()).await.unwrap(), stored(&groups));
    check_lookups(store.journal().as_ref(), &groups, by_name()).await;
}
