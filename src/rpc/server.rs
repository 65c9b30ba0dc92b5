//! The server: which services there are, behind which layers, and how it goes down.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue, Method, header};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
};
use tokio_stream::Stream;
use tokio_util::sync::CancellationToken;
use tonic::{
    codec::CompressionEncoding,
    server::NamedService,
    service::Routes,
    transport::server::{Connected, Server},
};
use tonic_health::{
    ServingStatus,
    server::{HealthReporter, health_reporter},
};
use tower::{
    ServiceBuilder,
    util::{BoxCloneSyncService, option_layer},
};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::{
    Limits, Now, Reflection, ServeOptions,
    assessments::AssessmentApi,
    audit::AuditApi,
    authorise::Authorise,
    caller::{Authenticate, Find},
    doorway::{Connection, Doorway, Listener},
    evidence::EvidenceApi,
    files,
    frameworks::FrameworkApi,
    inside::Inside,
    layers::{
        CatchPanic, Clarify, Deadline, Limit, Log, Methods, Queue, Rate, Share, Surround, Web,
    },
    reads::KeptGrades,
    reports::ReportApi,
    served::{
        AssessmentServiceServer, AuditServiceServer, EvidenceServiceServer, FrameworkServiceServer,
        ReportServiceServer, TransparencyServiceServer,
    },
    submit::COMMAND_BYTES_MAX,
    transparency::TransparencyApi,
};
use crate::{
    ledger::{Ledger, ReadOnly, Reads},
    metrics::Metrics,
    pb::DESCRIPTORS,
};

/// The largest message that brings commands: a batch has 1 MiB, each command of it 256 KiB.
const BATCH_BYTES_MAX: usize = 1024 * 1024;

/// The largest message that asks for something: a filter, a list of streams.
const QUERY_BYTES_MAX: usize = 64 * 1024;

/// Streams of one connection. A client with 256 callers on one connection must not wait for a
/// slot, and twice that leaves room for its subscriptions; streams that are opened and never
/// finished cost tens of KiB each, so thousands would not do.
const CONNECTION_STREAMS_MAX: u32 = 512;

/// What a stream may send before it is read. Small, since every stream may do so; a larger
/// message only takes a round trip more.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;

/// What all streams of a connection may send before they are read: 16 at full speed.
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;

/// The headers of a request: a credential of 8 KiB, and as much again.
const HEADERS_BYTES_MAX: u32 = 16 * 1024;

/// How often a silent connection is asked whether it is there, and how long it has to say so.
const PING_INTERVAL: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection lives until its client is told to make another, so that load spreads
/// over servers that came later. No grace after it: tonic would cut the connection without ever
/// having told the client; a stream that is still read may go on.
const CONNECTION_AGE_MAX: Duration = Duration::from_mins(30);

/// How long a browser may remember what CORS allows.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_hours(1);

/// Under this name health says whether commands are taken: no service, but a side of several.
pub const WRITES: &str = "judgement.ledger.v1.writes";

/// Why serving ended otherwise than by going down in order.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The compiled descriptors cannot be read: this build is broken.
    #[error("the compiled descriptors cannot be read: {0}")]
    Descriptors(String),
    /// The transport failed.
    #[error("the transport failed")]
    Transport(#[from] tonic::transport::Error),
}

/// How a server went down that was told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WentDown {
    /// Every call had ended.
    InOrder,
    /// Calls under way did not end in time, and were cut off: nobody took their answers, say.
    Cut {
        /// How many.
        calls: u64,
        /// After how many seconds.
        after_s: u64,
    },
}

/// Serves `ledger` on `listener` until `shutdown` is ready, then goes down in order: health turns
/// to `NOT_SERVING`, a little later connections are refused, streams end with UNAVAILABLE, and
/// calls under way are answered.
///
/// # Errors
/// [`ServeError`]; nothing is lost by any, since whatever was answered is durable.
pub async fn serve(
    listener: impl Into<Listener>,
    ledger: Ledger,
    options: ServeOptions,
    shutdown: impl Future<Output = ()>,
) -> Result<WentDown, ServeError> {
    let options = by_the_ledger(options, &ledger);
    let tls = options.tls.clone().map(|tls| (tls, Arc::clone(&options.now)));
    let (metrics, connections_max) = (Arc::clone(ledger.metrics()), options.limits.connections_max);
    let incoming = Doorway::open(listener.into(), tls, connections_max, Arc::clone(&metrics));
    let counted = move |it: io::Result<Connection>| it.map(|one| one.counted_by(&metrics));
    let incoming = tokio_stream::StreamExt::map(incoming, counted);
    serve_services(incoming, ledger, options, shutdown).await
}

/// As [`serve`], on connections that come from anywhere: a simulated network, for one.
///
/// # Errors
/// As [`serve`].
pub async fn serve_connections<C>(
    incoming: impl Stream<Item = io::Result<C>>,
    ledger: Ledger,
    options: ServeOptions,
    shutdown: impl Future<Output = ()>,
) -> Result<WentDown, ServeError>
where
    C: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
{
    let options = by_the_ledger(options, &ledger);
    serve_services(incoming, ledger, options, shutdown).await
}

async fn serve_services<C>(
    incoming: impl Stream<Item = io::Result<C>>,
    ledger: Ledger,
    options: ServeOptions,
    shutdown: impl Future<Output = ()>,
) -> Result<WentDown, ServeError>
where
    C: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
{
    let draining = CancellationToken::new();
    let routes = routes(&ledger, &draining, &options.limits);
    let (ledger_stopped, reads) = (ledger.stopped(), ledger.reads());
    let read_only = ledger.follow_read_only();
    let metrics = Arc::clone(ledger.metrics());
    let (disk_full, unreachable) =
        (metrics.disk_full.follow(), metrics.journal_unreachable.follow());
    let services = [
        AssessmentServiceServer::<AssessmentApi>::NAME,
        AuditServiceServer::<AuditApi>::NAME,
        FrameworkServiceServer::<FrameworkApi>::NAME,
        ReportServiceServer::<ReportApi>::NAME,
        EvidenceServiceServer::<EvidenceApi>::NAME,
        TransparencyServiceServer::<TransparencyApi>::NAME,
    ];
    let find: Find =
        Arc::new(move |identity| ledger.person(&identity.organisation, identity.login.as_str()));
    let services = &services;
    let writes = Writes { read_only, disk_full, unreachable };
    let serving =
        Serving { options, draining, ledger_stopped, reads, writes, services, find, metrics };
    serving.run(incoming, routes, shutdown).await
}

/// Accepts gzip and zstd, and sends them to those who do.
macro_rules! compressed {
    ($server:expr) => {
        $server
            .accept_compressed(CompressionEncoding::Zstd)
            .accept_compressed(CompressionEncoding::Gzip)
            .send_compressed(CompressionEncoding::Zstd)
            .send_compressed(CompressionEncoding::Gzip)
    };
}

/// The same options, by the time against which credentials and client certificates expire: the clock,
/// but never before the last record. So one that had expired when that was recorded stays expired, though the clock be set back
/// or the server be started under a clock that is behind. (Spec §4.5: time never runs backwards.)
fn by_the_ledger(options: ServeOptions, ledger: &Ledger) -> ServeOptions {
    // Not the ledger itself: whoever closes it must hold the last handle.
    let (head, now) = (ledger.follow(), options.now);
    let now: Now = Arc::new(move || now().max(head.borrow().recorded_at));
    ServeOptions { now, ..options }
}

fn routes(ledger: &Ledger, draining: &CancellationToken, limits: &Limits) -> Routes {
    let assessments = AssessmentApi {
        ledger: ledger.clone(),
        draining: draining.clone(),
        patience: limits.reader_patience,
        grades: KeptGrades::default(),
    };
    let patience = limits.reader_patience;
    let audit = AuditApi { ledger: ledger.clone(), cancel: draining.clone(), patience };
    let frameworks = FrameworkApi { ledger: ledger.clone() };
    let reports = ReportApi { ledger: ledger.clone() };
    let evidence = EvidenceApi { ledger: ledger.clone() };
    let transparency = TransparencyApi { ledger: ledger.clone() };
    let routes = Routes::new(
        compressed!(AssessmentServiceServer::new(assessments))
            .max_decoding_message_size(BATCH_BYTES_MAX),
    )
    .add_service(
        compressed!(AuditServiceServer::new(audit)).max_decoding_message_size(QUERY_BYTES_MAX),
    )
    .add_service(
        compressed!(FrameworkServiceServer::new(frameworks))
            .max_decoding_message_size(COMMAND_BYTES_MAX),
    )
    .add_service(
        compressed!(ReportServiceServer::new(reports)).max_decoding_message_size(QUERY_BYTES_MAX),
    )
    .add_service(
        compressed!(EvidenceServiceServer::new(evidence))
            .max_decoding_message_size(BATCH_BYTES_MAX),
    )
    .add_service(
        compressed!(TransparencyServiceServer::new(transparency))
            .max_decoding_message_size(QUERY_BYTES_MAX),
    );
    Routes::from(files::beside(routes.into_axum_router(), ledger.clone()))
}

/// All that a server needs beside its own services.
pub(super) struct Serving<'s> {
    pub(super) options: ServeOptions,
    /// Cancelled when the server goes down.
    pub(super) draining: CancellationToken,
    /// Whether the ledger has stopped taking commands: reads go on, health says so.
    pub(super) ledger_stopped: CancellationToken,
    /// Whether readings are answered: where they are refused, health says so.
    pub(super) reads: watch::Receiver<Reads>,
    /// Whether anything is recorded: where nothing is, health says so of [`WRITES`].
    pub(super) writes: Writes,
    /// The names of its own services, for health.
    pub(super) services: &'s [&'static str],
    /// Finds the person behind a caller, for the log.
    pub(super) find: Find,
    /// Where calls are counted.
    pub(super) metrics: Arc<Metrics>,
}

/// What may keep a ledger from recording anything while it answers readings.
pub(super) struct Writes {
    /// Its journal is not the one that was signed.
    pub(super) read_only: watch::Receiver<Option<ReadOnly>>,
    /// Its disk is full.
    pub(super) disk_full: watch::Receiver<bool>,
    /// The database that has its journal cannot be asked.
    pub(super) unreachable: watch::Receiver<bool>,
}

impl Writes {
    /// Waits until one of them changes.
    ///
    /// # Errors
    /// Once the ledger is gone.
    async fn changed(&mut self) -> Result<(), watch::error::RecvError> {
        tokio::select! {
            changed = self.read_only.changed() => changed,
            changed = self.disk_full.changed() => changed,
            changed = self.unreachable.changed() => changed,
        }
    }

    fn are_taken(&mut self) -> bool {
        let read_only = self.read_only.borrow_and_update().is_some();
        let disk_full = *self.disk_full.borrow_and_update();
        let unreachable = *self.unreachable.borrow_and_update();
        !read_only && !disk_full && !unreachable
    }
}

impl Serving<'_> {
    /// Serves `routes`, health and reflection on `incoming` until `shutdown`.
    pub(super) async fn run<C>(
        self,
        incoming: impl Stream<Item = io::Result<C>>,
        routes: Routes,
        shutdown: impl Future<Output = ()>,
    ) -> Result<WentDown, ServeError>
    where
        C: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
    {
        let (reporter, health_service) = health_reporter();
        let health = Health { reporter, services: self.services };
        let (mut reads, mut writes) = (self.reads, self.writes);
        health.tell(&mut reads).await;
        health.tell_writes(&mut writes).await;
        let mut routes = routes.add_service(compressed!(health_service));
        if self.options.reflection == Reflection::Offered {
            routes = with_reflection(routes)?;
        }

        let limits = self.options.limits;
        let (draining, calls) = (&self.draining, self.metrics.calls.clone());
        let going_down = CancellationToken::new();
        let goes_down = async {
            shutdown.await;
            going_down.cancel();
            health.ends().await;
            tokio::time::sleep(limits.drain_delay).await;
            draining.cancel();
        };
        let ends = (&going_down, &self.ledger_stopped);
        let ledger_turns = health.follow(ends, (&mut reads, &mut writes));
        let time_is_up = drained(draining, limits.drain_max);
        let methods = Methods::of(DESCRIPTORS, &self.metrics.calls)
            .map_err(|error| ServeError::Descriptors(error.to_string()))?;
        let authenticate = Authenticate {
            credentials: Arc::clone(&self.options.credentials),
            now: Arc::clone(&self.options.now),
            find: self.find,
        };
        let log = Surround(Log::new(methods, self.metrics, (self.options.now)()));
        let deadline =
            Surround(Deadline { unary_max: limits.unary_max, draining: draining.clone() });
        let caller = ServiceBuilder::new()
            .layer(Surround(authenticate.clone()))
            .layer(Surround(Rate::new(limits.caller_calls_per_second)))
            .layer(Surround(Share::new(&limits)))
            .layer(Surround(Queue::new(&limits)))
            .layer(Surround(Authorise::new()));
        if let Some(pages) = &self.options.pages {
            // What a page asks is logged, counted and refused as any call; there is room for it, since
            // there was for the page.
            let inner = ServiceBuilder::new()
                .layer(log.clone())
                .layer(Surround(Clarify))
                .layer(deadline.clone())
                .layer(caller.clone())
                .service(routes.clone().prepare());
            let inside = Inside::new(BoxCloneSyncService::new(inner), authenticate);
            routes = Routes::from(routes.into_axum_router().merge(pages(inside)));
        }
        let layered = transport()
            .layer(Surround(CatchPanic))
            .layer(option_layer(cors(&self.options.origins)))
            .layer(Web)
            .layer(log)
            .layer(Surround(Clarify))
            .layer(deadline)
            .layer(Surround(Limit::new(&limits)))
            .layer(caller);
        let serving = layered.serve_with_incoming_shutdown(routes.prepare(), incoming, goes_down);
        tokio::select! {
            served = serving => served.map(|()| WentDown::InOrder).map_err(ServeError::from),
            () = time_is_up => Ok(WentDown::Cut {
                calls: calls.under_way(),
                after_s: limits.drain_max.as_secs(),
            }),
            never = ledger_turns => match never {},
        }
    }
}

/// Waits until calls have had their time to end.
async fn drained(draining: &CancellationToken, drain_max: Duration) {
    draining.cancelled().await;
    tokio::time::sleep(drain_max).await;
}

/// HTTP/2 with limits for whatever a client may pile up, and HTTP/1.1 for gRPC-Web.
fn transport() -> Server {
    Server::builder()
        .accept_http1(true)
        .max_concurrent_streams(CONNECTION_STREAMS_MAX)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_max_header_list_size(HEADERS_BYTES_MAX)
        .http2_keepalive_interval(Some(PING_INTERVAL))
        .http2_keepalive_timeout(Some(PING_TIMEOUT))
        .max_connection_age(CONNECTION_AGE_MAX)
}

/// What a browser on one of `origins` may send and see; without origins there is nothing to say.
fn cors(origins: &[HeaderValue]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let named = HeaderName::from_static;
    let sent = [
        header::CONTENT_TYPE,
        header::AUTHORIZATION,
        named("grpc-timeout"),
        named("x-grpc-web"),
        named("x-user-agent"),
        named("x-request-id"),
    ];
    let seen =
        ["grpc-status", "grpc-message", "grpc-status-details-bin", "x-request-id"].map(named);
    let layer = CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins.iter().cloned()))
        .allow_methods([Method::POST, Method::GET])
        .allow_headers(sent)
        .expose_headers(seen)
        .max_age(PREFLIGHT_MAX_AGE);
    Some(layer)
}

/// Adds both versions of reflection: many tools speak the older one only. They tell of health too,
/// so that `grpcurl` can call it as it calls the rest.
fn with_reflection(routes: Routes) -> Result<Routes, ServeError> {
    let builder = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let bad = |error: tonic_reflection::server::Error| ServeError::Descriptors(error.to_string());
    let newer = builder().build_v1().map_err(bad)?;
    let older = builder().build_v1alpha().map_err(bad)?;
    Ok(routes.add_service(compressed!(newer)).add_service(compressed!(older)))
}

/// What the server says about itself to whoever watches over it.
struct Health<'s> {
    reporter: HealthReporter,
    services: &'s [&'static str],
}

impl Health<'_> {
    /// Says whether commands and readings are served. Readings that wait for views which are near
    /// are served: they wait a moment.
    async fn tell(&self, reads: &mut watch::Receiver<Reads>) {
        let reads = *reads.borrow_and_update();
        self.set(match reads {
            Reads::Answered | Reads::Waiting => ServingStatus::Serving,
            Reads::Refused => ServingStatus::NotServing,
        })
        .await;
    }

    /// Says whether commands are taken. A ledger that records nothing answers every question.
    async fn tell_writes(&self, writes: &mut Writes) {
        let taken = writes.are_taken();
        let status = if taken { ServingStatus::Serving } else { ServingStatus::NotServing };
        self.reporter.set_service_status(WRITES, status).await;
    }

    /// Says what becomes of the ledger, until it stops or the server goes down.
    async fn follow(
        &self,
        (going_down, stopped): (&CancellationToken, &CancellationToken),
        (reads, writes): (&mut watch::Receiver<Reads>, &mut Writes),
    ) -> Infallible {
        loop {
            tokio::select! {
                biased;
                () = going_down.cancelled() => break,
                () = stopped.cancelled() => break,
                Ok(()) = reads.changed() => self.tell(reads).await,
                Ok(()) = writes.changed() => self.tell_writes(writes).await,
                else => break,
            }
        }
        self.ends().await;
        std::future::pending().await
    }

    /// Says that nothing more is served, or recorded.
    async fn ends(&self) {
        self.reporter.set_service_status(WRITES, ServingStatus::NotServing).await;
        self.set(ServingStatus::NotServing).await;
    }

    /// Says the same of the server and of each of its services.
    async fn set(&self, status: ServingStatus) {
        self.reporter.set_service_status("", status).await;
        for service in self.services {
            self.reporter.set_service_status(service, status).await;
        }
    }
}

#[cfg(test)]
mod tests;
