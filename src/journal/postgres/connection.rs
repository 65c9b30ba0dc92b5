//! Connections: how they are made, what is true of each, and when one is given up.
//!
//! - Each is made within a deadline: a frozen server still answers the handshake of TCP.
//! - Before anything is read over one, it has written something, and that is confirmed by as many
//!   standbys as commits are: the **barrier**. A primary that crashed while commits waited shows them
//!   when it comes back, though no standby has them; the log being one sequence, whatever was visible
//!   before the barrier is on the standbys with it. No connection outlives a crash, so no other moment
//!   needs it; where another machine than the one that is spoken to has the ledger (Citus), it says when
//!   it started.
//! - A warning of the database is remembered: a commit whose wait for the standbys was cancelled comes
//!   back as done, with a warning.
//! - No request to cancel is ever sent, for that reason. A connection whose answer did not come in time is
//!   closed, never used again.

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use deadpool::managed::{self, Metrics, RecycleError, RecycleResult};
use tokio::{runtime::Handle, time::timeout};
use tokio_postgres::{
    AsyncMessage, Client, Config, Row, Statement,
    config::{LoadBalanceHosts, TargetSessionAttrs},
    error::Severity,
};
use tokio_postgres_rustls::MakeRustlsConnect;
use uuid::Uuid;

use super::error::ConnectError;
use crate::journal::Durability;

/// How long a connection may take to be made, for each host, and its barrier.
const CONNECT_MAX: Duration = Duration::from_secs(2);
const BARRIER_MAX: Duration = Duration::from_secs(4);

/// How long the host may leave what was sent to it unanswered.
const UNANSWERED_MAX: Duration = Duration::from_secs(3);

/// For all connections: a commit waits for the standbys; a plan never rests on how rare a ledger seems
/// (a plan made for one ledger of many reads all of it); who holds the ledger's row and says nothing loses
/// it.
const SETTINGS: &str = "-c synchronous_commit=on -c plan_cache_mode=force_generic_plan \
     -c default_transaction_isolation=read\\ committed -c idle_in_transaction_session_timeout=2s \
     -c lock_timeout=2s -c client_min_messages=warning";

/// Where Citus spreads ledgers over machines, its planner must see the ledger's number to know the machine:
/// plans are made for each call there.
const PLANS: &str = "SELECT set_config('plan_cache_mode', 'force_custom_plan', false) FROM pg_extension WHERE extname = 'citus'";

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Turns: what they wait for has deadlines of its own.
    Writing,
    /// Reading: no statement holds an old snapshot for long.
    Reading,
    /// The right to sign: who is gone without a word loses it soon.
    Signing,
}

/// Makes connections to a database.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) config: Config,
    pub(super) tls: MakeRustlsConnect,
    /// Where the tasks that serve connections run, wherever one is asked for.
    pub(super) runtime: Handle,
}

/// A connection to the database.
pub(super) struct Connection {
    pub(super) client: Client,
    warnings: Arc<AtomicU64>,
}

impl Connection {
    /// How many warnings have come.
    pub(super) fn warnings(&self) -> u64 {
        self.warnings.load(Ordering::Acquire)
    }
}

impl Connector {
    /// A connection to whichever host takes writes.
    pub(super) async fn connect(&self, purpose: Purpose) -> Result<Connection, ConnectError> {
        let mut config = self.config.clone();
        let own = match purpose {
            Purpose::Writing => "",
            Purpose::Reading => " -c statement_timeout=30s",
            Purpose::Signing => {
                " -c idle_session_timeout=10s -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 \
                 -c tcp_keepalives_count=3"
            }
        };
        config
            .options(format!("{SETTINGS}{own}"))
            .application_name("judgement-ledger")
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .load_balance_hosts(LoadBalanceHosts::Random)
            .connect_timeout(CONNECT_MAX)
            .tcp_user_timeout(UNANSWERED_MAX)
            .keepalives_idle(UNANSWERED_MAX);
        // Each host may take its time, and be frozen after it has begun to answer.
        let hosts = u32::try_from(config.get_hosts().len().max(1)).unwrap_or(u32::MAX);
        let all = CONNECT_MAX.saturating_mul(hosts);
        let made = timeout(all, config.connect(self.tls.clone())).await;
        let (client, mut connection) = made.map_err(|_| ConnectError::Late(all))??;
        let warnings = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&warnings);
        self.runtime.spawn(async move {
            while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
                match message {
                    Ok(AsyncMessage::Notice(notice)) => {
                        tracing::warn!(
                            code = notice.code().code(),
                            notice = notice.message(),
                            "the database says"
                        );
                        if notice.parsed_severity() != Some(Severity::Notice) {
                            counted.fetch_add(1, Ordering::Release);
                        }
                    }
                    Ok(_) => {}
                    Err(error) => {
                        tracing::debug!(%error, "a connection to the database has ended");
                        break;
                    }
                }
            }
        });
        let planned = timeout(BARRIER_MAX, client.batch_execute(PLANS)).await;
        planned.map_err(|_| ConnectError::Late(BARRIER_MAX))??;
        Ok(Connection { client, warnings })
    }
}

/// A page of entries. The sums need only the lengths of what is stored: nothing beyond the page is read.
const READ: &str = "
    SELECT position, record, sealed FROM (
        SELECT position, record, sealed,
            sum(octet_length(record) + octet_length(sealed)) OVER (ORDER BY position) AS bytes
        FROM (
            SELECT position, record, sealed FROM entry
            WHERE ledger_id = $1 AND position > $2 ORDER BY position LIMIT $3
        ) AS page
    ) AS summed
    WHERE bytes <= $4 OR position = $2 + 1 ORDER BY position";

/// What is asked over a connection, prepared once.
pub(super) struct Statements {
    pub(super) head: Statement,
    pub(super) lock: Statement,
    pub(super) add: Statement,
    pub(super) file: Statement,
    pub(super) advance: Statement,
    pub(super) read: Statement,
    pub(super) latest: Statement,
    pub(super) latest_of_each: Statement,
    pub(super) checkpoint: Statement,
    pub(super) keep_checkpoint: Statement,
    /// Whether a commit waits for a standby, where the ledger's row lies.
    pub(super) confirmed: Statement,
}

impl Statements {
    async fn prepare(client: &Client) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            head: client.prepare("SELECT size, mark, pg_postmaster_start_time()::text FROM ledger WHERE ledger_id = $1").await?,
            lock: client
                .prepare(
                    "SELECT size, mark, current_setting('synchronous_standby_names') <> ''
                         AND current_setting('synchronous_commit') IN ('on', 'remote_apply'),
                         pg_postmaster_start_time()::text
                     FROM ledger WHERE ledger_id = $1 FOR UPDATE",
                )
                .await?,
            add: client
                .prepare(
                    "INSERT INTO entry (ledger_id, position, record, sealed)
                     SELECT $1, $2 + it.number, it.record, it.sealed
                     FROM unnest($3::bytea[], $4::bytea[]) WITH ORDINALITY
                         AS it (record, sealed, number)",
                )
                .await?,
            file: client
                .prepare(
                    "INSERT INTO filed (ledger_id, key, position)
                     SELECT $1, it.key, it.position
                     FROM unnest($2::bytea[], $3::bigint[]) AS it (key, position)",
                )
                .await?,
            advance: client
                .prepare(
                    "UPDATE ledger SET size = $3, mark = $4 WHERE ledger_id = $1 AND size = $2",
                )
                .await?,
            read: client.prepare(READ).await?,
            latest: client
                .prepare(
                    "SELECT position FROM filed
                     WHERE ledger_id = $1 AND key = $2 AND position < $3
                     ORDER BY position DESC LIMIT 1",
                )
                .await?,
            latest_of_each: client
                .prepare(
                    "SELECT (
                         SELECT position FROM filed
                         WHERE ledger_id = $1 AND key = it.key AND position < $3
                         ORDER BY position DESC LIMIT 1
                     )
                     FROM unnest($2::bytea[]) WITH ORDINALITY AS it (key, number)
                     ORDER BY it.number",
                )
                .await?,
            checkpoint: client.prepare("SELECT note FROM checkpoint WHERE ledger_id = $1").await?,
            confirmed: client
                .prepare(
                    "SELECT current_setting('synchronous_standby_names') <> ''
                         AND current_setting('synchronous_commit') IN ('on', 'remote_apply')
                     FROM ledger WHERE ledger_id = $1",
                )
                .await?,
            keep_checkpoint: client
                .prepare(
                    "INSERT INTO checkpoint (ledger_id, note) VALUES ($1, $2)
                     ON CONFLICT (ledger_id) DO UPDATE SET note = excluded.note
                     WHERE checkpoint.note IN ($3, excluded.note) OR $4",
                )
                .await?,
        })
    }
}

/// A connection that a ledger is read and written over.
pub(super) struct Ready {
    pub(super) connection: Connection,
    pub(super) ask: Statements,
    /// When the server began in which the ledger's row lies, as it says.
    started: String,
    /// Set before a transaction begins, and cleared once it has surely ended: who goes away in between
    /// leaves a connection that nobody uses again.
    pub(super) in_transaction: AtomicBool,
}

impl Ready {
    /// Whether the server in which the ledger's row lies has started anew since the barrier was written, by
    /// what a row says of it. A connection of the server's own ends with it; a coordinator of Citus, where
    /// the row lies on another machine, makes another one without a word.
    pub(super) fn has_restarted(
        &self,
        row: &Row,
        at: usize,
    ) -> Result<bool, tokio_postgres::Error> {
        Ok(row.try_get::<_, &str>(at)? != self.started)
    }
}

/// Makes and keeps connections of one ledger.
pub(super) struct Keeper {
    pub(super) connector: Connector,
    pub(super) purpose: Purpose,
    pub(super) ledger: i32,
    pub(super) durability: Durability,
}

/// Connections of one ledger.
pub(super) type Pool = managed::Pool<Keeper>;

impl managed::Manager for Keeper {
    type Type = Ready;
    type Error = ConnectError;

    async fn create(&self) -> Result<Ready, ConnectError> {
        let connection = self.connector.connect(self.purpose).await?;
        let prepared = async {
            // Another primary may have taken the place of the one that was asked first.
            if self.durability == Durability::Quorum {
                check_durable(&connection.client, self.ledger).await?;
            }
            let ask = Statements::prepare(&connection.client).await?;
            let head = connection.client.query_opt(&ask.head, &[&self.ledger]).await?;
            let started = head.map(|row| row.try_get(2)).transpose()?.unwrap_or_default();
            // Warnings that greet a connection have come by now: they say nothing of a commit.
            self.barrier(&connection).await?;
            Ok::<_, ConnectError>((ask, started))
        };
        let prepared = timeout(BARRIER_MAX, prepared).await;
        let (ask, started) = prepared.map_err(|_| ConnectError::Late(BARRIER_MAX))??;
        Ok(Ready { connection, ask, started, in_transaction: AtomicBool::new(false) })
    }

    async fn recycle(&self, it: &mut Ready, _: &Metrics) -> RecycleResult<ConnectError> {
        if it.connection.client.is_closed() {
            return Err(RecycleError::message("the connection is closed"));
        }
        if it.in_transaction.load(Ordering::Acquire) {
            return Err(RecycleError::message("a transaction was left open"));
        }
        Ok(())
    }
}

impl Keeper {
    /// Writes something of its own, and takes it away again: both are on the standbys when it returns, and
    /// so is everything before. (See the module.)
    async fn barrier(&self, connection: &Connection) -> Result<(), ConnectError> {
        barrier(connection, self.ledger).await
    }
}

/// The barrier of one ledger, over a connection.
///
/// # Errors
/// `Refused`, `Barrier`.
pub(super) async fn barrier(connection: &Connection, ledger: i32) -> Result<(), ConnectError> {
    let (client, own) = (&connection.client, Uuid::new_v4());
    let warnings = connection.warnings();
    let write = "INSERT INTO barrier (ledger_id, connection) VALUES ($1, $2)";
    client.execute(write, &[&ledger, &own]).await?;
    let remove = "DELETE FROM barrier WHERE ledger_id = $1 AND connection = $2";
    client.execute(remove, &[&ledger, &own]).await?;
    if connection.warnings() == warnings { Ok(()) } else { Err(ConnectError::Barrier) }
}

/// That commits survive the loss of the machine where the ledger's row lies.
///
/// # Errors
/// `NotDurable`, or `Refused`.
pub(super) async fn check_durable(client: &Client, ledger: i32) -> Result<(), ConnectError> {
    // Of another machine than the one that is spoken to, settings of this session say nothing.
    let asked = "SELECT current_setting('fsync'), current_setting('full_page_writes'),
        current_setting('synchronous_standby_names'), current_setting('synchronous_commit')
        FROM ledger WHERE ledger_id = $1";
    let row = client.query_one(asked, &[&ledger]).await?;
    let setting = |at: usize| row.try_get::<_, String>(at);
    let (fsync, pages, standbys, commit) = (setting(0)?, setting(1)?, setting(2)?, setting(3)?);
    let what = match (fsync.as_str(), pages.as_str(), standbys.trim(), commit.as_str()) {
        ("on", "on", "", _) => "no standby confirms a commit",
        ("on", "on", _, "on" | "remote_apply") => return Ok(()),
        ("on", "on", _, _) => "synchronous_commit is not on where the ledger lies",
        ("on", _, _, _) => "full_page_writes is off",
        (_, _, _, _) => "fsync is off",
    };
    Err(ConnectError::NotDurable { what })
}
