//! The span of a call. Without the feature `otel` it is for the log alone, and belongs to no trace.

use std::net::SocketAddr;

use http::HeaderMap;
use tonic::Code;
use tracing::Span;

/// The trace of a call: none.
#[derive(Debug)]
pub(super) struct Trace;

/// The span of a call. So that it is there whatever is logged at all, it has the highest level.
pub(super) fn span(request_id: &str, method: &str, peer: Option<SocketAddr>) -> Span {
    let peer = peer.map(tracing::field::display);
    tracing::error_span!(target: "judgement_ledger::call", "call", request_id, method, peer)
}

impl Trace {
    /// Joins the span of a call to the trace that its headers name.
    pub(super) fn begin(_span: &Span, _method: &str, _headers: &HeaderMap) -> Self {
        Self
    }

    /// Its id, for the log.
    #[expect(clippy::unused_self, reason = "with the feature `otel` it is kept here")]
    pub(super) fn id(&self) -> Option<&str> {
        None
    }

    /// Says how the call ended.
    #[expect(clippy::unused_self, reason = "with the feature `otel` the span is kept here")]
    pub(super) fn end(&self, _code: Code) {}
}
