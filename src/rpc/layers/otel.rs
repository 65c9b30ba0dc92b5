//! The span of a call as OpenTelemetry knows it: part of the trace that the caller names by the header
//! `traceparent` (W3C Trace Context), with the attributes of its conventions for calls.

use std::net::SocketAddr;

use http::HeaderMap;
use opentelemetry::{
    propagation::{Extractor, TextMapPropagator as _},
    trace::{Status, TraceContextExt as _},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tonic::Code;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The span of a call. So that it is there whatever is logged at all, it has the highest level.
pub(super) fn span(request_id: &str, method: &str, peer: Option<SocketAddr>) -> Span {
    let peer = peer.map(tracing::field::display);
    tracing::error_span!(
        target: "judgement_ledger::call",
        "call",
        request_id,
        method,
        peer,
        otel.name = called(method),
        otel.kind = "server",
    )
}

/// A method as the conventions write it.
fn called(method: &str) -> &str {
    method.strip_prefix('/').unwrap_or(method)
}

/// The trace that a call belongs to.
#[derive(Debug)]
pub(super) struct Trace {
    id: Option<String>,
    span: Span,
}

/// The headers in which a caller names the trace.
struct Headers<'h>(&'h HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

impl Trace {
    /// Joins the span of a call to the trace that its headers name, if they name one.
    pub(super) fn begin(span: &Span, method: &str, headers: &HeaderMap) -> Self {
        let parent = TraceContextPropagator::new().extract(&Headers(headers));
        let named = parent.span().span_context().clone();
        let id = named.is_valid().then(|| named.trace_id().to_string());
        if id.is_some()
            && let Err(error) = span.set_parent(parent)
        {
            // Nobody exports spans: the id stands in the log all the same.
            tracing::trace!(%error, "the span of a call joins no trace");
        }
        span.set_attribute("rpc.system.name", "grpc");
        span.set_attribute("rpc.method", called(method).to_owned());
        Self { id, span: span.clone() }
    }

    /// Its id, for the log: only one that the caller named.
    pub(super) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Says how the call ended. What is no fault of the server's is no error of its span.
    pub(super) fn end(&self, code: Code) {
        self.span.set_attribute("rpc.response.status_code", name(code));
        if matches!(
            code,
            Code::Unknown
                | Code::DeadlineExceeded
                | Code::Unimplemented
                | Code::Internal
                | Code::Unavailable
                | Code::DataLoss
        ) {
            self.span.set_status(Status::error(""));
        }
    }
}

/// A code by its name in the protocol.
fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
