//! The store in PostgreSQL: several processes on one ledger, its records on several machines.
//!
//! The database is the journal and nothing else: it keeps entries, what they are filed under, a mark and a
//! checkpoint. Rules, views and proofs are the business of each process, which folds what the others
//! appended.
//!
//! # What orders appends
//!
//! A [`Turn`](super::Turn) is a transaction that holds the ledger's one row. Positions come from that row
//! and not from a sequence, so that none is ever skipped; and since the row is let go only once the commit
//! is confirmed, the order of commits is the order of positions, here and in the log that the standbys
//! follow. No process leads, and none keeps anything of the head from one turn to the next.
//!
//! | round trip | what |
//! |---|---|
//! | 1 | `BEGIN`; the ledger's row `FOR UPDATE` |
//! | 2 | entries, keys, and the row's new end |
//! | 3 | `COMMIT`, which waits until enough standbys have it |
//!
//! # Each failure, and what it means
//!
//! | what | outcome |
//! |---|---|
//! | no connection in time; the row is another's for 2 s; any error before `COMMIT` is sent | `NotApplied`: the transaction ends with its connection |
//! | no room on the database's disk | `NotApplied`, [`Full`](super::NotApplied::Full) |
//! | a connection lost, an answer that does not come in 4 s, a warning: after `COMMIT` was sent | `Unknown` |
//!
//! After `Unknown` this store goes on, unlike one on files: the next turn is another transaction, and the
//! head that it shows tells whether the group is there. A commit that still waits for its standbys holds
//! the row, so nobody overtakes it.
//!
//! # What is durable
//!
//! A commit is on the primary's disk and on as many standbys as `synchronous_standby_names` asks for before
//! it is answered, and not visible to others sooner. Where none is asked for, [`PostgresJournal::open`]
//! refuses, unless [`Durability::Local`] is said. What a primary shows after a crash may be on no standby:
//! so each new connection begins with a barrier (see `connection`).
//!
//! # Rights
//!
//! [`migrate`] makes the schema as its owner. The role under which servers run may add entries and move the
//! end of the ledger; to change or delete an entry it has no right.

mod connection;
mod error;
mod right;
mod schema;
mod turn;

use std::{
    fs, io,
    net::IpAddr,
    path::PathBuf,
    sync::{self, Arc, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use deadpool::{Runtime, managed};
use tokio::{runtime::Handle, sync::Mutex, time::timeout};
use tokio_postgres::{
    Config, Row, Statement,
    config::{Host, SslMode},
    types::ToSql,
};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::{
    self, ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    Answer, Durability, Entry, Filing, Head, Journal, JournalError, Key, Page, RightToSign, Stored,
    Turn,
};
use crate::judgement::Position;

use connection::{Connection, Connector, Keeper, Pool, Purpose, Statements};
use error::{late, restarted};
use turn::{PostgresTurn, Taken, head_of, position, signed, take};

pub use error::{ConnectError, OpenError, SchemaError};

/// How many connections each process has for turns: one waits for the row while the other commits.
const WRITING: usize = 2;

/// How many it has for reading.
const READING: usize = 6;

/// How many it has for what is read while it has a turn.
const DECIDING: usize = 2;

/// How long a connection may be waited for to read over.
const TAKE_MAX: Duration = Duration::from_secs(10);

/// How long an answer to a reading may take: a page of records is some megabytes. A database that takes
/// longer may be frozen, and another may have taken its place.
const READ_MAX: Duration = Duration::from_secs(8);

/// Where a ledger lies.
#[derive(Clone)]
pub struct PostgresOptions {
    /// The database, as `postgres://user:password@host:port,host:port/database`.
    pub url: String,
    /// The file of the password, if the address has none; a line end after it is none of it.
    pub password_file: Option<PathBuf>,
    /// The authorities whose certificates the database may show, in PEM; those of browsers if none is
    /// stated. Asked for by `sslmode=require` in the address.
    pub authorities: Option<PathBuf>,
    /// Speak in clear with a database on another machine.
    pub insecure: bool,
    /// The ledger's name.
    pub ledger: String,
    /// What an answer promises: a database that gives less than [`Durability::Quorum`] is refused, unless
    /// that is said.
    pub durability: Durability,
}

/// The checkpoint that this process kept or read last.
#[derive(Debug, Clone, Default)]
enum Known {
    /// It never did.
    #[default]
    Nothing,
    /// This one, or that there was none.
    Newest(Option<Bytes>),
}

/// A journal in PostgreSQL.
pub struct PostgresJournal {
    ledger: i32,
    id: Uuid,
    durability: Durability,
    filing: Filing,
    writing: Pool,
    reading: Pool,
    /// What is read while the ledger's row is held: nobody else waits for these.
    deciding: Pool,
    connector: Connector,
    /// Over which the right to sign is asked for.
    candidate: Arc<Mutex<Option<Connection>>>,
    known: Arc<sync::Mutex<Known>>,
}

impl PostgresJournal {
    /// Opens the journal of a ledger, which [`begin_ledger`] began. Connections are made when they are
    /// needed, on the runtime in which this is called.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(options: &PostgresOptions, filing: Filing) -> Result<Self, OpenError> {
        let connector = connector(options)?;
        let first = first(&connector, options, Purpose::Reading).await?;
        let (ledger, id) = schema::ledger(&first.client, &options.ledger).await?;
        if options.durability == Durability::Quorum {
            let durable = connection::check_durable(&first.client, ledger).await;
            durable
                .map_err(|source| OpenError::Connect { place: place_of(&options.url), source })?;
        }
        let durability = options.durability;
        let pool = |purpose, size| {
            let keeper = Keeper { connector: connector.clone(), purpose, ledger, durability };
            let built = managed::Pool::builder(keeper).max_size(size).runtime(Runtime::Tokio1);
            built.build().map_err(OpenError::Pool)
        };
        let (writing, reading) =
            (pool(Purpose::Writing, WRITING)?, pool(Purpose::Reading, READING)?);
        let deciding = pool(Purpose::Reading, DECIDING)?;
        let candidate = Arc::new(Mutex::new(None));
        let known = Arc::default();
        Ok(Self {
            ledger,
            id,
            durability,
            filing,
            writing,
            reading,
            deciding,
            connector,
            candidate,
            known,
        })
    }

    /// The ledger's id.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.id
    }

    async fn read_page(&self, after: Position, page: Page) -> Result<Vec<Stored>, io::Error> {
        let entries_max = i64::try_from(page.entries_max.max(1)).unwrap_or(i64::MAX);
        let bytes_max = i64::try_from(page.bytes_max).unwrap_or(i64::MAX);
        // One more than the last must be one.
        let after = signed(after).min(i64::MAX.saturating_sub(1));
        let stored = |row: &Row| {
            let at = position(row.try_get(0)?);
            let record = Bytes::copy_from_slice(row.try_get(1)?);
            let sealed = Bytes::copy_from_slice(row.try_get(2)?);
            Ok(Stored { position: at, entry: Entry { record, sealed } })
        };
        self.ask(|ask| &ask.read, &[&self.ledger, &after, &entries_max, &bytes_max], stored).await
    }

    async fn find(&self, key: Key, before: Position) -> Result<Option<Position>, io::Error> {
        let (key, before) = (key.0.as_slice(), signed(before));
        let found = |row: &Row| row.try_get(0).map(position);
        Ok(self.ask(|ask| &ask.latest, &[&self.ledger, &key, &before], found).await?.pop())
    }

    fn known_checkpoint(&self) -> Known {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn checkpoint_is(&self, checkpoint: Option<Bytes>) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Known::Newest(checkpoint);
    }

    /// Closes what is not in use: connections that are made from now on go to whichever server takes
    /// writes, and write a barrier before anything is read over them.
    fn begin_anew(&self) {
        for pool in [&self.writing, &self.reading, &self.deciding] {
            pool.retain(|_, _| false);
        }
    }

    async fn find_each(
        &self,
        keys: &[Key],
        before: Position,
    ) -> Result<Vec<Option<Position>>, io::Error> {
        let keys: Vec<_> = keys.iter().map(|key| key.0.as_slice()).collect();
        let found = |row: &Row| Ok(row.try_get::<_, Option<i64>>(0)?.map(position));
        self.ask(|ask| &ask.latest_of_each, &[&self.ledger, &keys, &signed(before)], found).await
    }

    async fn end(&self) -> Result<Head, io::Error> {
        let (taken, rows) = self.rows(|ask| &ask.head, &[&self.ledger]).await?;
        let row = rows.first().ok_or_else(|| io::Error::other("the ledger's row is gone"))?;
        if taken.has_restarted(row, 2).map_err(io::Error::other)? {
            turn::give_up(taken);
            self.begin_anew();
            return Err(restarted());
        }
        head_of(row).map_err(io::Error::other)
    }

    async fn kept(&self) -> Result<Option<Bytes>, io::Error> {
        let note = |row: &Row| row.try_get(0).map(Bytes::copy_from_slice);
        Ok(self.ask(|ask| &ask.checkpoint, &[&self.ledger], note).await?.pop())
    }

    /// Reads something.
    async fn ask<T>(
        &self,
        what: impl Fn(&Statements) -> &Statement,
        with: &[&(dyn ToSql + Sync)],
        read: impl Fn(&Row) -> Result<T, tokio_postgres::Error>,
    ) -> Result<Vec<T>, io::Error> {
        let (_, rows) = self.rows(what, with).await?;
        rows.iter().map(read).collect::<Result<_, _>>().map_err(io::Error::other)
    }

    /// The same, and over which connection. One that does not answer in time is not used again: the database
    /// may be frozen, and answers what was asked when it thaws.
    async fn rows(
        &self,
        what: impl Fn(&Statements) -> &Statement,
        with: &[&(dyn ToSql + Sync)],
    ) -> Result<(Taken, Vec<Row>), io::Error> {
        let taken = timeout(TAKE_MAX, take(&self.reading)).await;
        let taken = taken.map_err(|_| late("no connection is free"))??;
        let rows = timeout(READ_MAX, taken.connection.client.query(what(&taken.ask), with)).await;
        let Ok(rows) = rows else {
            turn::give_up(taken);
            self.begin_anew();
            return Err(late("the database took too long"));
        };
        Ok((taken, rows.map_err(io::Error::other)?))
    }
}

impl Journal for PostgresJournal {
    fn is_shared(&self) -> bool {
        true
    }

    fn durability(&self) -> Durability {
        self.durability
    }

    fn turn(&self) -> Answer<'_, Box<dyn Turn + '_>> {
        Box::pin(async move {
            let turn: Box<dyn Turn + '_> = Box::new(PostgresTurn::take(self).await?);
            Ok(turn)
        })
    }

    fn head(&self) -> Answer<'_, Head> {
        Box::pin(async move { self.end().await.map_err(JournalError::Unreadable) })
    }

    fn read(&self, after: Position, page: Page) -> Answer<'_, Vec<Stored>> {
        Box::pin(async move { self.read_page(after, page).await.map_err(JournalError::Unreadable) })
    }

    fn latest(&self, key: Key, before: Position) -> Answer<'_, Option<Position>> {
        Box::pin(async move { self.find(key, before).await.map_err(JournalError::Unreadable) })
    }

    fn latest_of_each<'a>(
        &'a self,
        keys: &'a [Key],
        before: Position,
    ) -> Answer<'a, Vec<Option<Position>>> {
        Box::pin(
            async move { self.find_each(keys, before).await.map_err(JournalError::Unreadable) },
        )
    }

    fn checkpoint(&self) -> Answer<'_, Option<Bytes>> {
        Box::pin(async move {
            let kept = self.kept().await.map_err(JournalError::Unreadable)?;
            self.checkpoint_is(kept.clone());
            Ok(kept)
        })
    }

    fn confirmed_head(&self) -> Answer<'_, Head> {
        self.begin_anew();
        self.head()
    }

    fn confirm(&self) -> Answer<'_, ()> {
        Box::pin(turn::confirm(self))
    }

    fn for_deciding(&self) -> Option<Arc<dyn Journal>> {
        Some(Arc::new(Self {
            ledger: self.ledger,
            id: self.id,
            durability: self.durability,
            filing: Arc::clone(&self.filing),
            writing: self.writing.clone(),
            reading: self.deciding.clone(),
            deciding: self.deciding.clone(),
            connector: self.connector.clone(),
            candidate: Arc::clone(&self.candidate),
            known: Arc::clone(&self.known),
        }))
    }

    fn keep_checkpoint(&self, checkpoint: Bytes) -> Answer<'_, ()> {
        Box::pin(async move { turn::keep_checkpoint(self, &checkpoint).await })
    }

    fn right_to_sign(&self) -> Answer<'_, Option<Box<dyn RightToSign>>> {
        Box::pin(right::take(self))
    }
}

impl std::fmt::Debug for PostgresJournal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresJournal").field("ledger", &self.ledger).finish_non_exhaustive()
    }
}

/// Makes the schema, or brings it up to this version, as its owner; and lets `role` run servers, if one is
/// named. How many migrations were applied.
///
/// # Errors
/// [`OpenError`].
pub async fn migrate(owner: &PostgresOptions, role: Option<&str>) -> Result<usize, OpenError> {
    let mut connection = first(&connector(owner)?, owner, Purpose::Writing).await?;
    let applied = schema::migrate(&mut connection.client).await?;
    if let Some(role) = role {
        schema::grant(&mut connection.client, role).await?;
    }
    Ok(applied)
}

/// Begins the ledger that the options name, as the owner of the schema. Whether it was not there.
///
/// # Errors
/// [`OpenError`].
pub async fn begin_ledger(owner: &PostgresOptions, id: Uuid) -> Result<bool, OpenError> {
    let mut connection = first(&connector(owner)?, owner, Purpose::Writing).await?;
    Ok(schema::begin_ledger(&mut connection.client, &owner.ledger, id).await?)
}

/// The first connection to a database: why there is none is told with the place.
async fn first(
    connector: &Connector,
    options: &PostgresOptions,
    purpose: Purpose,
) -> Result<Connection, OpenError> {
    let connected = connector.connect(purpose).await;
    connected.map_err(|source| OpenError::Connect { place: place_of(&options.url), source })
}

fn connector(options: &PostgresOptions) -> Result<Connector, OpenError> {
    let mut config: Config = options.url.parse().map_err(OpenError::Address)?;
    if let Some(file) = &options.password_file {
        let read = fs::read_to_string(file).map(Zeroizing::new);
        let unread = |source| OpenError::Password { file: file.display().to_string(), source };
        config.password(read.map_err(unread)?.trim_end_matches(['\r', '\n']));
    }
    let here = |host: &Host| match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        Host::Unix(_) => true,
    };
    let in_clear = config.get_ssl_mode() != SslMode::Require;
    if in_clear && !options.insecure && !config.get_hosts().iter().all(here) {
        return Err(OpenError::InClear);
    }
    if in_clear {
        // Whoever can be talked out of TLS has nothing of it, and would stumble over a certificate that
        // nobody meant to be checked.
        config.ssl_mode(SslMode::Disable);
    }
    let mut trusted = RootCertStore::empty();
    match &options.authorities {
        None => trusted.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let unusable = |error: &dyn std::fmt::Display| {
                OpenError::Tls(format!("{}: {error}", path.display()))
            };
            for each in CertificateDer::pem_file_iter(path).map_err(|error| unusable(&error))? {
                let each = each.map_err(|error| unusable(&error))?;
                trusted.add(each).map_err(|error| unusable(&error))?;
            }
        }
    }
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error: rustls::Error| OpenError::Tls(error.to_string()))?
        .with_root_certificates(trusted)
        .with_no_client_auth();
    Ok(Connector { config, tls: MakeRustlsConnect::new(tls), runtime: Handle::current() })
}

/// Where a database is, for people: its hosts and its name, nobody's name or password.
#[must_use]
pub fn place_of(url: &str) -> String {
    let Ok(config) = url.parse::<Config>() else {
        return "an address that is malformed".to_owned();
    };
    let ports = config.get_ports().iter().chain(std::iter::repeat(&5432));
    let host = |(host, port): (&Host, &u16)| match host {
        Host::Tcp(name) => format!("{name}:{port}"),
        Host::Unix(path) => path.display().to_string(),
    };
    let hosts: Vec<_> = config.get_hosts().iter().zip(ports).map(host).collect();
    format!("{}/{}", hosts.join(","), config.get_dbname().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(url: &str, insecure: bool) -> Result<(), OpenError> {
        connector(&PostgresOptions {
            url: url.to_owned(),
            password_file: None,
            authorities: None,
            insecure,
            ledger: "apa".to_owned(),
            durability: Durability::Quorum,
        })
        .map(drop)
    }

    #[tokio::test]
    async fn beyond_this_machine_nothing_is_spoken_in_clear_unless_that_is_said() {
        for there in
            ["postgres://u@db.example/l", "postgres://u@127.0.0.1,10.0.0.7/l?sslmode=prefer"]
        {
            assert!(matches!(at(there, false), Err(OpenError::InClear)), "{there}");
            assert!(at(there, true).is_ok(), "{there}");
            let with_tls = format!("{}?sslmode=require", there.split('?').next().unwrap());
            assert!(at(&with_tls, false).is_ok(), "{with_tls}");
        }
        for here in ["postgres://u@127.0.0.1/l", "postgres://u@localhost/l", "postgres://u@[::1]/l"]
        {
            assert!(at(here, false).is_ok(), "{here}");
        }
    }

    #[test]
    fn where_a_database_is_has_no_secrets() {
        assert_eq!(place_of("postgres://u:secret@one,two:5433/l"), "one:5432,two:5433/l");
        assert_eq!(place_of("postgres://u:secret@one:x/l"), "an address that is malformed");
    }
}
