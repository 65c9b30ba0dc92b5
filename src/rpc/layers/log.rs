//! One line for each call: what was called, by whom, how it ended, how long it took.

use std::{
    sync::{Arc, OnceLock},
    task::Poll,
    time::Instant,
};

use http::Request;
use tonic::{Code, body::Body};

use super::{Answer, Around, Inner, Method, Methods, Shape, body_of, poll_frame};
use crate::{judgement::PersonId, rpc::status::Answered};

/// Where the log of a call learns who made it: the opaque id, never the login, which is a text.
#[derive(Debug, Clone, Default)]
pub(in crate::rpc) struct CalledBy(Arc<OnceLock<PersonId>>);

impl CalledBy {
    /// Notes who calls; the first to say so is right.
    pub(in crate::rpc) fn note(&self, person: PersonId) {
        self.0.get_or_init(|| person);
    }
}

/// Logs every call when it is over, and names its [`Method`] for the layers within.
#[derive(Debug, Clone)]
pub(in crate::rpc) struct Log(pub(in crate::rpc) Methods);

/// A call under way. Logs itself when it is dropped: also when the client goes away.
struct Call {
    method: Method,
    started: Instant,
    called_by: CalledBy,
    ended: Option<Code>,
}

impl Around for Log {
    fn answer<S: Inner>(&self, inner: &mut S, mut request: Request<Body>) -> Answer {
        let method = self.0.at(request.uri().path());
        let shape = method.shape;
        let called_by = CalledBy::default();
        request.extensions_mut().insert(method.clone());
        request.extensions_mut().insert(called_by.clone());
        let mut call = Call { method, started: Instant::now(), called_by, ended: None };
        let answer = inner.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            let (head, body) = answer.into_parts();
            call.ended = match (Answered::of(&head.headers), shape) {
                (Answered::With(code), _) => Some(code),
                (Answered::NotYet, Shape::Unary) => Some(Code::Ok),
                (Answered::NotYet, Shape::Streaming) => None,
            };
            let logged = match call.ended {
                Some(_) => body,
                None => until_over(body, call),
            };
            Ok(http::Response::from_parts(head, logged))
        })
    }
}

/// The body of a stream; the call is over when it ends or is dropped.
fn until_over(mut body: Body, mut call: Call) -> Body {
    body_of(move |cx| {
        let polled = poll_frame(&mut body, cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(trailers) = frame.trailers_ref()
        {
            call.ended = match Answered::of(trailers) {
                Answered::With(code) => Some(code),
                Answered::NotYet => call.ended,
            };
        }
        polled
    })
}

impl Drop for Call {
    fn drop(&mut self) {
        // Who does not wait for the end has cancelled.
        let code = self.ended.unwrap_or(Code::Cancelled);
        let method = &*self.method.path;
        let ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let person = self.called_by.0.get().map(tracing::field::display);
        match code {
            Code::Internal | Code::DataLoss | Code::Unknown => {
                tracing::warn!(target: "judgement_ledger::call", method, ?code, ms, person);
            }
            // What went well would be thousands of lines a second.
            Code::Ok | Code::Cancelled => {
                tracing::debug!(target: "judgement_ledger::call", method, ?code, ms, person);
            }
            Code::InvalidArgument
            | Code::DeadlineExceeded
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::ResourceExhausted
            | Code::FailedPrecondition
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::Unavailable
            | Code::Unauthenticated => {
                tracing::info!(target: "judgement_ledger::call", method, ?code, ms, person);
            }
        }
    }
}
