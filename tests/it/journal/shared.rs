//! The store in PostgreSQL, on a real cluster: several processes on one ledger, commits that are not
//! confirmed, connections that end, rights. `tests/run postgres`.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use judgement_ledger::journal::{
    Durability, Filing, Group, Head, Journal, JournalError, NotApplied,
    postgres::{self, ConnectError, OpenError, PostgresJournal},
};
use judgement_ledger::judgement::Position;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::{append, by_name, content, group, key, stored, usual_group};
use crate::cluster::{Cluster, SERVICE, until};

/// A name that no other ledger has.
fn name() -> String {
    static NAMES: AtomicU64 = AtomicU64::new(0);
    format!("ledger-{}", NAMES.fetch_add(1, Ordering::SeqCst))
}

/// Begins a ledger in a cluster, whose schema is made if it is not there.
pub(super) async fn begin(cluster: &Cluster) -> String {
    let name = name();
    let owner = cluster.primary().owner(&name);
    postgres::migrate(&owner, Some(SERVICE)).await.unwrap();
    assert!(postgres::begin_ledger(&owner, Uuid::new_v4()).await.unwrap());
    name
}

/// A process that has the ledger open.
pub(super) async fn open(cluster: &Cluster, name: &str, filing: Filing) -> Arc<PostgresJournal> {
    let options = cluster.primary().options(SERVICE, name);
    Arc::new(PostgresJournal::open(&options, filing).await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/run postgres"]
async fn four_processes_append_in_one_order_without_a_gap() {
    let cluster = Cluster::shared();
    let name = begin(cluster).await;
    let mut writers = Vec::new();
    for writer in 0..4 {
        let journal = open(cluster, &name, by_name()).await;
        writers.push(tokio::spawn(async move {
            let mut appended = Vec::new();
            for number in 0..25 {
                let group = usual_group(writer * 25 + number);
                let head = append(journal.as_ref(), group.clone()).await.unwrap();
                appended.push((head.position, group));
            }
            appended
        }));
    }
    let mut all = Vec::new();
    for writer in writers {
        all.extend(writer.await.unwrap());
    }
    all.sort_by_key(|(position, _)| *position);
    let groups: Vec<Group> = all.into_iter().map(|(_, group)| group).collect();
    let journal = open(cluster, &name, by_name()).await;
    assert_eq!(content(journal.as_ref()).await.unwrap(), stored(&groups));
    let head = journal.head().await.unwrap();
    assert_eq!(head.mark.unwrap().bytes, groups.last().unwrap().mark);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/run postgres"]
async fn a_ledger_knows_nothing_of_another() {
    let cluster = Cluster::shared();
    let (one, other) = (begin(cluster).await, begin(cluster).await);
    let one = open(cluster, &one, by_name()).await;
    let other = open(cluster, &other, by_name()).await;
    append(one.as_ref(), group(&["a|one"])).await.unwrap();
    append(other.as_ref(), group(&["b|other", "a|other"])).await.unwrap();
    assert_eq!(content(one.as_ref()).await.unwrap(), stored([&group(&["a|one"])]));
    assert_eq!(content(other.as_ref()).await.unwrap(), stored([&group(&["b|other", "a|other"])]));
    assert_ne!(one.id(), other.id());
}

/// A group whose commit no standby confirms may or may not be there; once they are back it is, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/run postgres"]
async fn a_commit_that_is_not_confirmed_has_an_unknown_outcome_and_is_found_once() {
    let cluster = Cluster::start();
    let name = begin(&cluster).await;
    let journal = open(&cluster, &name, by_name()).await;
    append(journal.as_ref(), group(&["a"])).await.unwrap();
    cluster.freeze_standbys();
    let unknown = append(journal.as_ref(), group(&["b"])).await.unwrap_err();
    assert!(matches!(unknown, JournalError::Unknown(_)), "{unknown}");
    // What may not be on a standby is seen by nobody, and overtaken by nobody.
    let reader = cluster.primary().sql("SELECT max(position) FROM entry");
    assert_eq!(reader, "1");
    let refused = append(journal.as_ref(), group(&["c"])).await.unwrap_err();
    let unavailable = NotApplied::Unavailable(std::io::Error::other(""));
    assert_eq!(
        std::mem::discriminant(&unavailable),
        match &refused {
            JournalError::NotApplied(why) => std::mem::discriminant(why),
            other => panic!("{other}"),
        }
    );
    cluster.thaw_standbys();
    let mut after = append(journal.as_ref(), group(&["d"])).await;
    while matches!(after, Err(JournalError::NotApplied(_))) {
        after = append(journal.as_ref(), group(&["d"])).await;
    }
    after.unwrap();
    let groups = ["a", "b", "d"].map(|it| group(&[it]));
    assert_eq!(content(journal.as_ref()).await.unwrap(), stored(&groups));
}

/// An append whose commit waits for standbys that are frozen.
async fn second_append_that_waits(cluster: &Cluster) -> JoinHandle<Result<Head, JournalError>> {
    let name = begin(cluster).await;
    let journal = open(cluster, &name, by_name()).await;
    append(journal.as_ref(), group(&["a"])).await.unwrap();
    cluster.freeze_standbys();
    let appending = tokio::spawn(async move { append(journal.as_ref(), group(&["b"])).await });
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    until("a commit waits", || cluster.primary().sql(waiting) == "1");
    appending
}

/// The database answers a commit whose wait was cancelled with success and a warning.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/run postgres"]
async fn a_commit_whose_wait_is_cancelled_is_not_taken_for_done() {
    let cluster = Cluster::start();
    let appending = second_append_that_waits(&cluster).await;
    let cancel =
        "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    assert_eq!(cluster.primary().sql(cancel), "1");
    let outcome = appending.await.unwrap();
    assert!(matches!(outcome, Err(JournalError::Unknown(_))), "{outcome:?}");
    // It is visible on the primary all the same: this is what must not be believed.
    assert_eq!(cluster.primary().sql("SELECT max(position) FROM entry"), "2");
    cluster.thaw_standbys();
}

/// Standbys that nobody asks for any more are not waited for: the commit comes back as done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/run postgres"]
async fn a_commit_that_stops_waiting_since_no_standby_is_named_is_not_taken_for_done() {
    let cluster = Cluster::start();
    let appending = second_append_that_waits(&cluster).await;
    cluster.primary().sql("ALTER SYSTEM SET synchronous_standby_names = ''");
    cluster.primary().sql("SELECT pg_reload_conf()");
    let outcome = appending.await.unwrap();
    assert!(matches!(outcome, Err(JournalError::Unknown(_))), "{outcome:?}");
    cluster.thaw_standbys();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/run postgres"]
async fn without_standbys_a_journal_is_opened_only_by_who_says_so() {
    let cluster = Cluster::start();
    let name = begin(&cluster).await;
    cluster.primary().sql("ALTER SYSTEM SET synchronous_standby_names = ''");
    cluster.primary().sql("SELECT pg_reload_conf()");
    until("it is read", || cluster.primary().sql("SHOW synchronous_standby_names").is_empty());
    let mut options = cluster.primary().options(SERVICE, &name);
    let refused = PostgresJournal::open(&options, by_name()).await.unwrap_err();
    assert!(
        matches!(refused, OpenError::Connect { source: ConnectError::NotDurable { .. }, .. }),
        "{refused}"
    );
    let said = std::error::Error::source(&refused).unwrap().to_string();
    assert!(said.contains("--durability local"), "{said}");
    options.durability = Durability::Local;
    let journal = PostgresJournal::open(&options, by_name()).await.unwrap();
    append(&journal, group(&["a"])).await.unwrap();
}

/// A process that was frozen while another kept newer checkpoints does not put an old one in their place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/run postgres"]
async fn a_checkpoint_is_kept_only_in_place_of_the_one_that_is_known() {
    let cluster = Cluster::shared();
    let name = begin(cluster).await;
    let (frozen, next) =
        (open(cluster, &name, by_name()).await, open(cluster, &name, by_name()).await);
    assert_eq!(frozen.checkpoint().await.unwrap(), None);
    frozen.keep_checkpoint("one".into()).await.unwrap();
    assert_eq!(next.checkpoint().await.unwrap().unwrap(), "one");
    next.keep_checkpoint("two".into()).await.unwrap();
    next.keep_checkpoint("three".into()).await.unwrap();
    let overtaken = frozen.keep_checkpoint("one and a half".into()).await;
    let why = JournalError::NotApplied(NotApplied::Overtaken);
    assert_eq!(overtaken.unwrap_err().to_string(), why.to_string());
    assert_eq!(next.checkpoint().await.unwrap().unwrap(), "three");
    // Once it has seen what is there it may, and what is there already may be kept again.
    frozen.keep_checkpoint("three".into()).await.unwrap();
    assert_eq!(frozen.checkpoint().await.unwrap().unwrap(), "three");
    frozen.keep_checkpoint("four".into()).await.unwrap();
}

/// A certificate for loopback, its key, and the authority that signed it.
fn certificate() -> (String, String, String) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let server = server.signed_by(&key, &authority).unwrap();
    (server.pem(), key.serialize_pem(), authority.pem())
}

/// TLS is what the address asks for: then only with a certificate that is trusted, else not at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/run postgres"]
async fn a_certificate_that_is_not_trusted_is_refused_with_what_to_do() {
    let cluster = Cluster::start();
    let name = begin(&cluster).await;
    let (shown, key, authority) = certificate();
    cluster.primary().speak_tls(&shown, &key);
    let place = tempfile::tempdir().unwrap();
    let file = |name: &str, pem: &str| {
        let path = place.path().join(name);
        std::fs::write(&path, pem).unwrap();
        Some(path)
    };
    let (ours, other) = (file("ours.pem", &authority), file("other.pem", &certificate().2));
    let mut options = cluster.primary().options(SERVICE, &name);
    let in_clear = PostgresJournal::open(&options, by_name()).await.unwrap();
    append(&in_clear, group(&["a"])).await.unwrap();
    assert_eq!(encrypted(&cluster), "0");
    drop(in_clear);
    options.url.push_str("?sslmode=require");
    for authorities in [None, other] {
        options.authorities = authorities;
        let refused = PostgresJournal::open(&options, by_name()).await.unwrap_err();
        let OpenError::Connect { place, source } = &refused else { panic!("{refused}") };
        assert!(matches!(source, ConnectError::Certificate(_)), "{source:?}");
        assert!(source.to_string().contains("--journal-ca"), "{source}");
        assert_eq!(*place, format!("127.0.0.1:{}/ledgers", cluster.primary().port));
    }
    options.authorities = ours;
    let journal = PostgresJournal::open(&options, by_name()).await.unwrap();
    append(&journal, group(&["b"])).await.unwrap();
    assert_ne!(encrypted(&cluster), "0");
}

/// How many connections of servers speak TLS.
fn encrypted(cluster: &Cluster) -> String {
    let asked = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
         WHERE ssl AND application_name = 'judgement-ledger'";
    cluster.primary().sql(asked)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/run postgres"]
async fn a_server_has_no_right_to_change_or_delete_an_entry() {
    let cluster = Cluster::shared();
    let name = begin(cluster).await;
    let journal = open(cluster, &name, by_name()).await;
    append(journal.as_ref(), group(&["a"])).await.unwrap();
    let url = cluster.primary().url(SERVICE);
    let (service, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    for forbidden in [
        "UPDATE entry SET record = 'x'",
        "DELETE FROM entry",
        "TRUNCATE entry",
        "UPDATE filed SET position = 1",
        "DELETE FROM filed",
        "DELETE FROM ledger",
        "UPDATE ledger SET id = '00000000-0000-0000-0000-000000000000'",
        "DELETE FROM migration",
        "ALTER TABLE entry DROP COLUMN sealed",
        "CREATE TABLE other (a int)",
    ] {
        let refused = service.batch_execute(forbidden).await.unwrap_err();
        let code = refused.code().unwrap().code().to_owned();
        assert_eq!(code, "42501", "{forbidden}: {refused}");
    }
    // What it may do, it can: the refusals are no accident.
    service.batch_execute("SELECT count(*) FROM entry").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/run postgres"]
async fn what_is_not_there_is_said_with_what_makes_it() {
    let cluster = Cluster::start();
    let opened = async |ledger: &str| {
        let options = cluster.primary().options(SERVICE, ledger);
        PostgresJournal::open(&options, by_name()).await.unwrap_err().to_string()
    };
    assert!(opened("apa").await.contains("`judgement-ledger migrate`"));
    begin(&cluster).await;
    assert!(opened("apa").await.contains("no ledger apa: begin it with"));
    let owner = cluster.primary().owner("apa");
    assert_eq!(postgres::migrate(&owner, None).await.unwrap(), 0, "nothing is lacking");
    assert!(postgres::begin_ledger(&owner, Uuid::new_v4()).await.unwrap());
    assert!(!postgres::begin_ledger(&owner, Uuid::new_v4()).await.unwrap(), "it is there");
    cluster.primary().sql("UPDATE migration SET digest = 'other' WHERE number = 1");
    assert!(opened("apa").await.contains("is not the one of this version"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/run postgres"]
async fn several_who_migrate_at_once_do_not_get_in_each_others_way() {
    let cluster = Cluster::shared();
    let owner = cluster.primary().owner(&name());
    let migrations = (0..12).map(|_| {
        let owner = owner.clone();
        tokio::spawn(async move {
            postgres::migrate(&owner, Some(SERVICE)).await.unwrap();
            postgres::begin_ledger(&owner, Uuid::new_v4()).await.unwrap()
        })
    });
    let mut begun = 0;
    for migrated in migrations.collect::<Vec<_>>() {
        begun += u32::from(migrated.await.unwrap());
    }
    assert_eq!(begun, 1, "one of them begins the ledger");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/run postgres"]
async fn a_primary_that_asks_no_standby_any_more_is_given_nothing() {
    let cluster = Cluster::start();
    let name = begin(&cluster).await;
    let journal = open(&cluster, &name, by_name()).await;
    append(journal.as_ref(), usual_group(0)).await.unwrap();
    let primary = cluster.primary();
    let asks = |standbys: &str| {
        primary.sql(&format!("ALTER SYSTEM SET synchronous_standby_names = '{standbys}'"));
        primary.sql("SELECT pg_reload_conf()");
        until("it has heard", || primary.sql("SHOW synchronous_standby_names") == standbys);
    };
    asks("");
    // The connection that it has, and one that is made after that.
    for _ in 0..2 {
        let refused = append(journal.as_ref(), usual_group(1)).await.unwrap_err();
        assert!(matches!(refused, JournalError::NotApplied(_)), "{refused:?}");
    }
    asks("ANY 1 (one, two)");
    append(journal.as_ref(), usual_group(1)).await.unwrap();
}

/// A plan that was made while a ledger seemed rare reads all of it for each look-up, once it has grown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/run postgres"]
async fn looking_up_stays_cheap_when_statistics_are_of_before_the_ledger_grew() {
    const GROWN: u64 = 60_000;
    const LOOKED_UP: usize = 200;
    let cluster = Cluster::start();
    let name = begin(&cluster).await;
    let primary = cluster.primary();
    // Many others make the ledger seem rare.
    primary.sql(
        "INSERT INTO filed SELECT 1000 + number % 5, substr(sha224(number::text::bytea), 1, 12), number
         FROM generate_series(1, 20000) number",
    );
    primary.sql("ANALYZE filed");
    let grown = format!(
        "INSERT INTO filed SELECT 1, substr(sha224(number::text::bytea), 1, 12), number
         FROM generate_series(1, {GROWN}) number"
    );
    primary.sql(&grown);
    let journal = open(&cluster, &name, by_name()).await;
    let read = || {
        // What a backend has counted is told within a second.
        std::thread::sleep(std::time::Duration::from_millis(1_500));
        let read = "SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'filed'";
        primary.sql(read).parse::<u64>().unwrap()
    };
    let before = read();
    let keys: Vec<_> = (0..LOOKED_UP).map(|number| key(&format!("none-{number}"))).collect();
    // More often than it takes until a plan is chosen for good.
    for _ in 0..12 {
        let found = journal.latest_of_each(&keys, Position::new(u64::MAX)).await.unwrap();
        assert!(found.iter().all(Option::is_none));
        assert_eq!(journal.latest(keys[0], Position::new(u64::MAX)).await.unwrap(), None);
    }
    drop(journal);
    let looked = read() - before;
    assert!(looked < GROWN, "{looked} entries of the index were read");
}
