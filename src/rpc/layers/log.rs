//! One line for each call: what was called, by whom, how it ended, how long it took. The same is
//! counted for the metrics.
//!
//! While a call is handled, whatever is logged stands within a span with the call's id, its method
//! and its peer. The sequencer serves many calls at once: what it logs belongs to no single one.
//!
//! Calls that were turned away, since nobody knows who made them or since they may not be made, have
//! the target `judgement_ledger::access`: whoever watches for break-ins reads only that. So have
//! connections that were turned away, and what the operator takes out. All other calls have the target
//! `judgement_ledger::call`. A command of a stream that is refused has a line like a call that is, but
//! for the duration, since its call goes on; a batch is refused as a whole, and has one.
//!
//! A line says who called as far as that is known: the person, if the directory has one; of a credential
//! that an issuer signed, valid or not, its issuer, its organisation and its [`Imprint`]; the fingerprint
//! of the client certificate. So a caller who never recorded anything is somebody, too. None of it is a
//! text, a login or a secret, and nothing of a request or an answer is logged but what is named here. How
//! many lines there may be in a second is a matter of the log, not of calls: see [`crate::telemetry`], of
//! which this room knows nothing.
//!
//! [`Imprint`]: crate::rpc::credential::Imprint

use std::{sync::Arc, task::Poll, time::Instant};

use http::{HeaderMap, Request};
use jiff::Timestamp;
use tonic::{Code, body::Body};
use tracing::{Instrument as _, Span};

use super::{
    Answer, Around, Inner, Method, Methods, Shape, body_around,
    call_id::{CALL_ID_HEADER, CallIds},
    called::{Called, Ended},
    poll_frame,
    trace::{self, Trace},
};
use crate::{
    metrics::Metrics,
    rpc::{
        doorway::Peer,
        inside,
        status::{Answered, Reason, reason_of},
    },
};

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

/// A call under way. Logs itself when it is dropped: also when the client goes away.
struct Call {
    called: Called,
    method: Method,
    trace: Trace,
    started: Instant,
    ended: Option<Ended>,
}

impl Around for Log {
    fn answer<S: Inner>(&self, inner: &mut S, mut request: Request<Body>) -> Answer {
        let method = self.methods.at(request.uri().path());
        let shape = method.shape;
        let id = self.ids.of(request.headers());
        let peer = request.extensions().get::<Peer>().and_then(|peer| peer.address);
        let path = &*method.path;
        let span = trace::span(id.as_str(), path, peer);
        let trace = Trace::begin(&span, path, request.headers());
        let called = Called::new(&request, &method, id, trace.id(), &self.metrics);
        request.extensions_mut().insert(method.clone());
        request.extensions_mut().insert(called.clone());
        method.calls.started();
        let started = Instant::now();
        let mut call = Call { called, method, trace, started, ended: None };
        let answer = span.in_scope(|| inner.call(request)).instrument(span.clone());
        Box::pin(async move {
            let answer = answer.await?;
            let (mut head, body) = answer.into_parts();
            call.ends(&head.headers);
            if let Some(inside::Ended(status)) = head.extensions.get() {
                let mut told = HeaderMap::new();
                if status.add_header(&mut told).is_ok() {
                    call.ends(&told);
                }
            }
            if shape == Shape::Unary {
                call.ended.get_or_insert(Ended { code: Code::Ok, reason: None });
            }
            head.headers.insert(CALL_ID_HEADER, call.called.id().header());
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
fn until_over(body: Body, mut call: Call, span: Span) -> Body {
    body_around(body, move |body, cx| {
        let polled = span.in_scope(|| poll_frame(body, cx));
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(trailers) = frame.trailers_ref()
        {
            // The call as a whole: of a field alone, the closure would keep a copy and no more.
            call.ends(trailers);
        }
        polled
    })
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
        let took = self.started.elapsed();
        self.method.calls.handled(as_dashboards_know(ended.code), took);
        self.trace.end(ended.code);
        self.called.ends(ended, took);
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
