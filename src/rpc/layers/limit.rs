//! How many calls there may be at once, over all connections.

use std::sync::Arc;

use http::{Request, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::body::Body;

use super::{Answer, Around, Inner, Method, Shape, answered, body_of, poll_frame};
use crate::rpc::status;

/// Always answered: who watches over the server must not take it for dead because it is busy.
const EXEMPT: &str = "/grpc.health.v1.Health/Check";

/// Answers `RESOURCE_EXHAUSTED` at once where there are too many calls: a queue here would only
/// hide behind the deadline. Streams are counted by themselves, since they last.
#[derive(Debug, Clone)]
pub(in crate::rpc) struct Limit {
    calls: Arc<Semaphore>,
    streams: Arc<Semaphore>,
}

impl Limit {
    /// At most `calls_max` unary calls and `streams_max` streams.
    pub(in crate::rpc) fn new(calls_max: usize, streams_max: usize) -> Self {
        let counter = |max: usize| Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS)));
        Self { calls: counter(calls_max), streams: counter(streams_max) }
    }
}

impl Around for Limit {
    fn answer<S: Inner>(&self, inner: &mut S, request: Request<Body>) -> Answer {
        if request.uri().path() == EXEMPT {
            return Box::pin(inner.call(request));
        }
        let shape = Method::of(&request);
        let counter = match shape {
            Shape::Unary => &self.calls,
            Shape::Streaming => &self.streams,
        };
        let Ok(permit) = Arc::clone(counter).try_acquire_owned() else {
            return answered(status::too_many_calls());
        };
        let answer = inner.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            Ok(match shape {
                Shape::Unary => answer,
                Shape::Streaming => hold(answer, permit),
            })
        })
    }
}

/// A stream counts until its body is dropped.
fn hold(answer: Response<Body>, permit: OwnedSemaphorePermit) -> Response<Body> {
    answer.map(|mut body| {
        body_of(move |cx| {
            let _held = &permit;
            poll_frame(&mut body, cx)
        })
    })
}
