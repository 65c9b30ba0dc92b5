//! One line for each call: what was called, by whom, how it ended, how long it took. The same is
//! counted for the metrics.
//!
//! While a call is handled, whatever is logged stands within a span with the call's id, its method
//! and its peer. The sequencer serves many calls at once: what it logs belongs to no single one.
//!
//! Calls that were turned away, since nobody knows who made them or since they may not be made, have
//! the target `judgement_ledger::access`: whoever watches for break-ins reads only that. All others
//! have the target `judgement_ledger::call`. Nothing of a request or an answer is logged but what is
//! named here. How many lines there may be in a second is a matter of the log, not of calls: see
//! [`crate::telemetry`], of which this room knows nothing.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    task::Poll,
    time::Instant,
};

use http::{HeaderMap, Request};
use jiff::Timestamp;
use tonic::{Code, body::Body};
use tracing::{Instrument as _, Span};

use super::{
    Answer, Around, Inner, Method, Methods, Shape, body_of,
    call_id::{CALL_ID_HEADER, CallId, CallIds},
    poll_frame,
    trace::{self, Trace},
};
use crate::{
    judgement::PersonId,
    metrics::Metrics,
    rpc::{
        doorway::Peer,
        status::{Answered, Reason, reason_of},
    },
};

/// Where the log of a call learns who made it: the opaque id, never the login, which is a text.
#[derive(Debug, Clone, Default)]
pub(in crate::rpc) struct CalledBy(Arc<OnceLock<PersonId>>);

impl CalledBy {
    /// Notes who calls; the first to say so is right.
    pub(in crate::rpc) fn note(&self, person: PersonId) {
        self.0.get_or_init(|| person);
    }
}

/// Logs and counts every call when it is over, gives it an id, and names its [`Method`] for the
/// layers within.
#[derive(Debug, Clone)]
pub(in crate::rpc) struct Log {
    methods: Methods,
    metrics: Arc<Metrics>,
    ids: CallIds,
}

impl Log {
    /// Logs the calls of these methods, to a server that starts now.
    pub(in crate::rpc) fn new(methods: Methods, metrics: Arc<Metrics>, start: Timestamp) -> Self {
        metrics.may_refuse(Reason::ALL.iter().map(|reason| reason.as_str()));
        Self { methods, metrics, ids: CallIds::since(start) }
    }
}

/// How a call ended.
#[derive(Debug, Clone, Copy)]
struct Ended {
    code: Code,
    reason: Option<Reason>,
}

/// A call under way. Logs itself when it is dropped: also when the client goes away.
struct Call {
    method: Method,
    id: CallId,
    trace: Trace,
    peer: Option<SocketAddr>,
    started: Instant,
    called_by: CalledBy,
    metrics: Arc<Metrics>,
    ended: Option<Ended>,
}

impl Around for Log {
    fn answer<S: Inner>(&self, inner: &mut S, mut request: Request<Body>) -> Answer {
        let method = self.methods.at(request.uri().path());
        let shape = method.shape;
        let called_by = CalledBy::default();
        let id = self.ids.of(request.headers());
        let peer = request.extensions().get::<Peer>().and_then(|peer| peer.address);
        let path = &*method.path;
        let span = trace::span(id.as_str(), path, peer);
        let trace = Trace::begin(&span, path, request.headers());
        request.extensions_mut().insert(method.clone());
        request.extensions_mut().insert(called_by.clone());
        method.calls.started();
        let metrics = Arc::clone(&self.metrics);
        let started = Instant::now();
        let mut call = Call { method, id, trace, peer, started, called_by, metrics, ended: None };
        let answer = span.in_scope(|| inner.call(request)).instrument(span.clone());
        Box::pin(async move {
            let answer = answer.await?;
            let (mut head, body) = answer.into_parts();
            call.ends(&head.headers);
            if shape == Shape::Unary {
                call.ended.get_or_insert(Ended { code: Code::Ok, reason: None });
            }
            head.headers.insert(CALL_ID_HEADER, call.id.header());
            let logged = match call.ended {
                Some(_) => body,
                None => until_over(body, call, span),
            };
            Ok(http::Response::from_parts(head, logged))
        })
    }
}

/// What goes well gives no reason, and need not be looked at for one.
fn reason_in(code: Code, headers: &HeaderMap) -> Option<Reason> {
    if code == Code::Ok { None } else { reason_of(headers) }
}

/// The body of a stream; the call is over when it ends or is dropped.
fn until_over(mut body: Body, mut call: Call, span: Span) -> Body {
    body_of(move |cx| {
        let polled = span.in_scope(|| poll_frame(&mut body, cx));
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(trailers) = frame.trailers_ref()
        {
            // The call as a whole: of a field alone, the closure would keep a copy and no more.
            call.ends(trailers);
        }
        polled
    })
}

/// One line with all that is said of a call.
macro_rules! line {
    ($call:expr, $ended:expr, $level:ident, $target:literal) => {{
        let (call, Ended { code, reason }): (&Call, Ended) = ($call, $ended);
        tracing::$level!(
            target: $target,
            method = &*call.method.path,
            ?code,
            reason = reason.map(Reason::as_str),
            ms = u64::try_from(call.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            person = call.called_by.0.get().map(tracing::field::display),
            peer = call.peer.map(tracing::field::display),
            request_id = call.id.as_str(),
            trace_id = call.trace.id(),
        );
    }};
}

impl Call {
    /// Reads from headers or trailers how it ended, if they say so.
    fn ends(&mut self, said: &HeaderMap) {
        match Answered::of(said) {
            Answered::With(code) => {
                self.ended = Some(Ended { code, reason: reason_in(code, said) });
            }
            Answered::NotYet => {}
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        // Who does not wait for the end has cancelled, unless it is us who stumbled.
        let code = if std::thread::panicking() { Code::Internal } else { Code::Cancelled };
        let ended = self.ended.unwrap_or(Ended { code, reason: None });
        self.method.calls.handled(as_dashboards_know(ended.code), self.started.elapsed());
        if let Some(reason) = ended.reason {
            self.metrics.refused(reason.as_str());
        }
        self.trace.end(ended.code);
        match ended.code {
            Code::Internal | Code::DataLoss | Code::Unknown => {
                line!(self, ended, warn, "judgement_ledger::call");
            }
            // What went well would be thousands of lines a second.
            Code::Ok | Code::Cancelled => {
                line!(self, ended, debug, "judgement_ledger::call");
            }
            // Each in a place of its own: a flood of the one never hides the other.
            Code::Unauthenticated => line!(self, ended, info, "judgement_ledger::access"),
            Code::PermissionDenied => line!(self, ended, info, "judgement_ledger::access"),
            Code::InvalidArgument
            | Code::DeadlineExceeded
            | Code::NotFound
            | Code::AlreadyExists
            | Code::ResourceExhausted
            | Code::FailedPrecondition
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::Unavailable => {
                line!(self, ended, info, "judgement_ledger::call");
            }
        }
    }
}

/// A code by the name that Go gives it, and with it every dashboard.
fn as_dashboards_know(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "Canceled",
        Code::Unknown => "Unknown",
        Code::InvalidArgument => "InvalidArgument",
        Code::DeadlineExceeded => "DeadlineExceeded",
        Code::NotFound => "NotFound",
        Code::AlreadyExists => "AlreadyExists",
        Code::PermissionDenied => "PermissionDenied",
        Code::ResourceExhausted => "ResourceExhausted",
        Code::FailedPrecondition => "FailedPrecondition",
        Code::Aborted => "Aborted",
        Code::OutOfRange => "OutOfRange",
        Code::Unimplemented => "Unimplemented",
        Code::Internal => "Internal",
        Code::Unavailable => "Unavailable",
        Code::DataLoss => "DataLoss",
        Code::Unauthenticated => "Unauthenticated",
    }
}
