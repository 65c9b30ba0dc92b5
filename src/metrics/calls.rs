//! Calls by method and code, under the names that dashboards for gRPC know: those of
//! `go-grpc-middleware`.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts,
};

use super::{MetricsError, Told, seconds};

/// From half a millisecond, in which a reading is answered, past the flushes of a busy disk, to the
/// ten seconds that a call may take at most. What lasts longer is a stream.
const HANDLING_BUCKETS_SECONDS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Which sides of a call stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    /// One request, one answer.
    Unary,
    /// Many requests, one answer.
    ClientStream,
    /// One request, many answers.
    ServerStream,
    /// Many of both.
    BidiStream,
}

impl CallKind {
    /// As dashboards know it.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Unary => "unary",
            Self::ClientStream => "client_stream",
            Self::ServerStream => "server_stream",
            Self::BidiStream => "bidi_stream",
        }
    }
}

/// The codes that a call ends with by the server's own fault, of which somebody wants to be told when
/// the first one comes: counted from 0.
const FAULTS: [&str; 3] = ["Internal", "Unknown", "DataLoss"];

/// The calls of all methods.
#[derive(Debug, Clone)]
pub struct Calls {
    started: IntCounterVec,
    handled: IntCounterVec,
    handling: HistogramVec,
    /// On no page: what is started and not handled says it there.
    under_way: IntGauge,
}

impl Calls {
    pub(super) fn new(told: &Told<'_>) -> Result<Self, MetricsError> {
        let method = ["grpc_type", "grpc_service", "grpc_method"];
        let by_code = ["grpc_type", "grpc_service", "grpc_method", "grpc_code"];
        let started = Opts::new("grpc_server_started_total", "Calls that were begun.");
        let handled = Opts::new("grpc_server_handled_total", "Calls that ended, by how.");
        let handling = HistogramOpts::new(
            "grpc_server_handling_seconds",
            "How long calls took, from their head to their end; streams as long as they lasted.",
        )
        .buckets(HANDLING_BUCKETS_SECONDS.to_vec());
        Ok(Self {
            started: told.of_new(IntCounterVec::new(started, &method)?)?,
            handled: told.of_new(IntCounterVec::new(handled, &by_code)?)?,
            handling: told.of_new(HistogramVec::new(handling, &method)?)?,
            under_way: IntGauge::new("calls_under_way", "Calls that have not ended.")?,
        })
    }

    /// How many calls have begun and not ended.
    #[must_use]
    pub fn under_way(&self) -> u64 {
        u64::try_from(self.under_way.get()).unwrap_or(0)
    }

    /// The calls of one method: looked up once, not with every call.
    #[must_use]
    pub fn of(&self, kind: CallKind, service: &str, method: &str) -> Arc<MethodCalls> {
        let labels = [kind.as_str(), service, method];
        for code in FAULTS {
            self.handled.with_label_values(&[kind.as_str(), service, method, code]);
        }
        Arc::new(MethodCalls {
            kind,
            service: service.to_owned(),
            method: method.to_owned(),
            started: self.started.with_label_values(&labels),
            handled: self.handled.clone(),
            handled_well: OnceLock::new(),
            handling: self.handling.with_label_values(&labels),
            under_way: self.under_way.clone(),
        })
    }
}

/// The calls of one method.
#[derive(Debug)]
pub struct MethodCalls {
    kind: CallKind,
    service: String,
    method: String,
    started: IntCounter,
    handled: IntCounterVec,
    /// The one of `handled` that counts most calls: looked up once.
    handled_well: OnceLock<IntCounter>,
    handling: Histogram,
    under_way: IntGauge,
}

impl MethodCalls {
    /// A call was begun.
    pub fn started(&self) {
        self.started.inc();
        self.under_way.inc();
    }

    /// A call ended after `took` with `code`, as Go names it: for example `OK`, `Canceled`.
    pub fn handled(&self, code: &'static str, took: Duration) {
        let of_code = || {
            let labels = [self.kind.as_str(), &self.service, &self.method, code];
            self.handled.with_label_values(&labels)
        };
        match code {
            "OK" => self.handled_well.get_or_init(of_code).inc(),
            _ => of_code().inc(),
        }
        self.under_way.dec();
        self.handling.observe(seconds(took));
    }
}
