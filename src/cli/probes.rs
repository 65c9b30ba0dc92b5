//! The admin port: metrics, and whether the server lives, has started and is ready, over plain HTTP.
//!
//! It listens before the ledger is opened and until it is closed, so that whoever watches over the
//! server sees it start, rebuild and go down. Nothing here touches the store: what is told was told by
//! the ledger, to the [metrics](crate::metrics) or to its [`Vitals`].
//!
//! There are no credentials. So it listens on loopback, unless it is told otherwise (`--admin-insecure`); it
//! names nobody and nothing of what is recorded; and it takes few connections, for a short time each.

use std::{
    convert::Infallible,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs as _},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use axum::{Router, extract::State, routing::get};
use http::{HeaderValue, StatusCode, header};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::{AbortHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use crate::{
    journal::Durability,
    ledger::{Reads, Vitals},
    metrics::{Metrics, MetricsError},
};

/// Where Prometheus looks for exporters of this kind.
pub(super) const STANDARD_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9464);

/// Connections at once: a scraper, a supervisor, and some people who look. The next one waits.
const CONNECTIONS_MAX: usize = 32;

/// How long a client may take to say what it wants: it is on this machine.
const HEADERS_WAIT: Duration = Duration::from_secs(5);

/// How long a connection lives: longer than any scraper waits between two scrapes, so that one that
/// takes nothing does not keep its place for ever.
const CONNECTION_AGE_MAX: Duration = Duration::from_mins(5);

/// How much of a request is read: a path and some headers. It is the least that the library takes.
const REQUEST_BYTES_MAX: usize = 8 * 1024;

/// How long after an error another connection is accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where the admin port is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdminListen {
    /// Nowhere.
    Off,
    /// At an address; port 0 takes any that is free.
    At(SocketAddr),
}

impl FromStr for AdminListen {
    type Err = String;

    fn from_str(given: &str) -> Result<Self, String> {
        if given == "off" {
            return Ok(Self::Off);
        }
        let wanted = "say HOST:PORT, such as 127.0.0.1:9464, or off";
        let mut found = given.to_socket_addrs().map_err(|error| format!("{error}; {wanted}"))?;
        found.next().map(Self::At).ok_or_else(|| wanted.to_owned())
    }
}

/// How far the server is.
#[derive(Clone)]
enum Stage {
    /// The ledger is being opened; of so many records so many are folded in, if that is needed.
    Opening { at: u64, head: u64 },
    /// It is open.
    Open(Vitals),
}

/// What the admin port tells; a cheap handle.
#[derive(Clone)]
pub(super) struct Probes {
    metrics: Arc<Metrics>,
    stage: watch::Sender<Stage>,
    draining: CancellationToken,
}

/// The admin port; closed when this is dropped.
pub(super) struct AdminPort {
    /// Where it is.
    pub(super) address: SocketAddr,
    serving: AbortHandle,
}

impl Drop for AdminPort {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Probes {
    /// Of a server that is about to open its ledger.
    ///
    /// # Errors
    /// If its metrics cannot be had.
    pub(super) fn new() -> Result<Self, Failure> {
        let started_at_s = jiff::Timestamp::now().as_second();
        let metrics = Metrics::new(started_at_s)
            .map_err(|error: MetricsError| Failure::start("count anything", error))?;
        let stage = watch::Sender::new(Stage::Opening { at: 0, head: 0 });
        Ok(Self { metrics, stage, draining: CancellationToken::new() })
    }

    /// Where is counted and measured what the server does.
    pub(super) fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Opening the ledger has come so far.
    pub(super) fn opening(&self, at: u64, head: u64) {
        self.stage.send_replace(Stage::Opening { at, head });
    }

    /// The ledger is open.
    pub(super) fn open(&self, vitals: Vitals) {
        self.stage.send_replace(Stage::Open(vitals));
    }

    /// The server goes down.
    pub(super) fn draining(&self) {
        self.draining.cancel();
    }

    /// Listens for those who ask.
    ///
    /// # Errors
    /// If the address cannot be had.
    pub(super) async fn listen(&self, at: SocketAddr) -> Result<AdminPort, Failure> {
        let failed = |source: io::Error| Failure::Listen {
            at: at.to_string(),
            flag: "--admin-listen (off: nowhere)",
            source,
        };
        let bound = TcpListener::bind(at).await;
        let bound = bound.and_then(|it| it.local_addr().map(|address| (it, address)));
        let (listener, address) = bound.map_err(failed)?;
        let serving = tokio::spawn(serve(listener, router(self.clone()))).abort_handle();
        Ok(AdminPort { address, serving })
    }

    /// Whether the ledger was opened, and if not, how far that has come.
    fn startup(&self) -> Result<(), String> {
        match &*self.stage.borrow() {
            Stage::Opening { head: 0, .. } => Err("the ledger is being opened".to_owned()),
            Stage::Opening { at, head } => {
                Err(format!("the ledger is being opened: {at} of {head} records are folded"))
            }
            Stage::Open(_) => Ok(()),
        }
    }

    /// Whether calls are answered, and which are not; or why none are.
    fn readiness(&self) -> Result<String, String> {
        if self.draining.is_cancelled() {
            return Err("the server is going down".to_owned());
        }
        self.startup()?;
        let Stage::Open(vitals) = self.stage.borrow().clone() else {
            return Err("the ledger is being opened".to_owned());
        };
        if vitals.has_stopped() {
            return Err("the ledger has stopped".to_owned());
        }
        match vitals.reads() {
            // Those that wait are answered in a moment: so says health.
            Reads::Answered | Reads::Waiting => {}
            Reads::Refused => return Err("the views are being rebuilt: no readings".to_owned()),
        }
        if vitals.read_only().is_some() {
            return Ok("ready for readings; commands are refused: READ_ONLY".to_owned());
        }
        if self.metrics.disk_full.is_so() {
            return Ok("ready for readings; commands are refused: DISK_FULL".to_owned());
        }
        if self.metrics.journal_unreachable.is_so() {
            let stale =
                "ready for readings of before; commands are refused: the database takes none";
            return Ok(stale.to_owned());
        }
        match vitals.durability() {
            Durability::Disk => Ok("ready".to_owned()),
            level @ (Durability::Local | Durability::Quorum) => {
                Ok(format!("ready; durability: {}", level.as_str()))
            }
        }
    }

    fn page(&self) -> Result<String, MetricsError> {
        let levels = match &*self.stage.borrow() {
            Stage::Opening { .. } => None,
            Stage::Open(vitals) => Some(vitals.levels()),
        };
        self.metrics.page(levels)
    }
}

/// What is said: in plain text, for a program or a person, and kept by nobody.
type Said = (StatusCode, [(header::HeaderName, HeaderValue); 2], String);

fn say(status: StatusCode, kind: &'static str, text: String) -> Said {
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let kept = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    (status, [kind, kept], text)
}

const TEXT: &str = "text/plain; charset=utf-8";
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
const JSON: &str = "application/json";

fn probe(answer: Result<String, String>) -> Said {
    match answer {
        Ok(said) => say(StatusCode::OK, TEXT, format!("{said}\n")),
        Err(why) => say(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("{why}\n")),
    }
}

fn router(probes: Probes) -> Router {
    Router::new()
        .route("/livez", get(async || probe(Ok("alive".to_owned()))))
        .route("/startupz", get(startupz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/version", get(version))
        .with_state(probes)
}

async fn startupz(State(probes): State<Probes>) -> Said {
    probe(probes.startup().map(|()| "started".to_owned()))
}

async fn readyz(State(probes): State<Probes>) -> Said {
    probe(probes.readiness())
}

async fn metrics(State(probes): State<Probes>) -> Said {
    match probes.page() {
        Ok(page) => say(StatusCode::OK, METRICS, page),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be shown");
            say(StatusCode::INTERNAL_SERVER_ERROR, TEXT, "its log says more\n".to_owned())
        }
    }
}

async fn version() -> Said {
    let (name, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    let told = serde_json::json!({ "name": name, "version": version });
    say(StatusCode::OK, JSON, format!("{told}\n"))
}

/// Answers for as long as it is polled; connections end with it.
async fn serve(listener: TcpListener, router: Router) -> Infallible {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        // Nobody closes the semaphore.
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { continue };
        match listener.accept().await {
            Ok((stream, _)) => {
                let answering = answer(stream, router.clone());
                connections.spawn(async move {
                    answering.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection for probes cannot be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(stream: TcpStream, router: Router) {
    let answering = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WAIT)
        .max_buf_size(REQUEST_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    if let Ok(Err(error)) = tokio::time::timeout(CONNECTION_AGE_MAX, answering).await {
        tracing::debug!(%error, "a connection for probes ended");
    }
}

#[cfg(test)]
mod tests;
