//! A panic is a defect, not the end of a connection with all its other calls.

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    task::Poll,
};

use http::Request;
use tonic::body::Body;

use super::{Answer, Around, Inner, answered};
use crate::rpc::status;

/// Answers INTERNAL where a service panics. What panicked stands on stderr, by the panic hook.
#[derive(Debug, Clone, Copy)]
pub(in crate::rpc) struct CatchPanic;

impl Around for CatchPanic {
    fn answer<S: Inner>(&self, inner: &mut S, request: Request<Body>) -> Answer {
        let path = request.uri().path().to_owned();
        // A service keeps no state of its own that a panic could leave half changed: what is
        // shared is the ledger's, behind its own queue. So unwinding across it is safe.
        let Ok(answer) = catch_unwind(AssertUnwindSafe(|| inner.call(request))) else {
            return defect(&path);
        };
        let mut answer = Box::pin(answer);
        Box::pin(poll_fn(move |cx| {
            catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx))).unwrap_or_else(|_| {
                tracing::error!(path, "a call panicked");
                Poll::Ready(Ok(status::defect().into_http()))
            })
        }))
    }
}

fn defect(path: &str) -> Answer {
    tracing::error!(path, "a call panicked");
    answered(status::defect())
}
