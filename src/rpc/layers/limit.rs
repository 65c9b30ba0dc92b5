//! How many calls there may be at once: over all connections, and on each.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::{Status, body::Body};

use super::{
    Answer, Around, Inner, Method, Shape, answered, poll_frame,
    taking::Taking,
    weighed::{Scales, encoded},
};
use crate::rpc::{
    caller::is_open,
    doorway::{ByAddress, OneOf, Peer},
    options::Limits,
    status,
};

/// Always answered: who watches over the server must not take it for dead because it is busy.
const EXEMPT: &str = "/grpc.health.v1.Health/Check";

/// How many calls and files at once, and how many streams, are for who shows no credential. Those who
/// do keep their own: nobody unknown takes their places. One address has at most half of these streams.
const OPEN_CALLS_MAX: usize = 256;
const OPEN_STREAMS_MAX: usize = 64;

/// Answers `RESOURCE_EXHAUSTED` at once where there are too many calls: a queue here would only
/// hide behind the deadline. Streams are counted by themselves, since they last. A call counts until
/// its answer is taken.
#[derive(Debug, Clone)]
pub(in crate::rpc) struct Limit {
    calls: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    open_calls: Arc<Semaphore>,
    open_streams: Arc<Semaphore>,
    open_streams_of_one: Arc<ByAddress>,
    scales: Scales,
    /// How long who reads a stream may take nothing.
    patience: Duration,
}

/// What a call takes up.
struct Room {
    _everywhere: Option<OwnedSemaphorePermit>,
    _on_its_connection: Option<OwnedSemaphorePermit>,
    _of_its_address: OneOf,
}

impl Limit {
    /// At most as many unary calls and streams as there may be.
    pub(in crate::rpc) fn new(limits: &Limits) -> Self {
        let counter = |max: usize| Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS)));
        Self {
            calls: counter(limits.calls_max),
            streams: counter(limits.streams_max),
            open_calls: counter(OPEN_CALLS_MAX),
            open_streams: counter(OPEN_STREAMS_MAX),
            open_streams_of_one: ByAddress::at_most(OPEN_STREAMS_MAX.div_ceil(2)),
            scales: Scales::new(),
            patience: limits.reader_patience,
        }
    }

    /// Room for a call, if there is any.
    fn room(&self, request: &Request<Body>, shape: Shape, peer: Option<&Peer>) -> Option<Room> {
        let path = request.uri().path();
        let taken = |counter: &Arc<Semaphore>| Arc::clone(counter).try_acquire_owned().ok();
        let counter = match (is_open(path), shape) {
            (false, Shape::Unary) => &self.calls,
            (false, Shape::Streaming) => &self.streams,
            (true, Shape::Unary) => &self.open_calls,
            (true, Shape::Streaming) => &self.open_streams,
        };
        let everywhere = if path == EXEMPT { None } else { Some(taken(counter)?) };
        let on_its_connection = match peer {
            Some(peer) => Some(taken(&peer.calls)?),
            None => None,
        };
        let of_its_address = match (is_open(path), shape, peer.and_then(|it| it.address)) {
            (true, Shape::Streaming, Some(from)) => {
                self.open_streams_of_one.one_more_from_elsewhere(from.ip())?
            }
            _ => OneOf::uncounted(),
        };
        Some(Room {
            _everywhere: everywhere,
            _on_its_connection: on_its_connection,
            _of_its_address: of_its_address,
        })
    }
}

impl Around for Limit {
    fn answer<S: Inner>(&self, inner: &mut S, request: Request<Body>) -> Answer {
        let shape = Method::of(&request);
        let peer = request.extensions().get::<Peer>().cloned();
        let Some(room) = self.room(&request, shape, peer.as_ref()) else {
            return answered(status::too_many_calls());
        };
        let answer = inner.call(request);
        let (scales, patience) = (self.scales.clone(), self.patience);
        Box::pin(async move {
            let answer = answer.await?;
            if shape == Shape::Streaming {
                let taking = |body| match peer {
                    Some(peer) => Body::new(Taking::new(body, peer.unread, patience)),
                    None => body,
                };
                return Ok(hold(answer.map(taking), room));
            }
            let (encoded, bytes) = encoded(answer).await;
            let Some(weight) = scales.weigh(bytes, peer.as_ref().map(|it| &it.answers)) else {
                return Ok(status::too_much_unread().into_http());
            };
            let unread = peer.map(|it| it.unread.answer());
            Ok(hold(encoded, (room, weight, unread)))
        })
    }
}

/// A call counts until the body of its answer is dropped.
pub(super) fn hold<H: Send + Unpin + 'static>(answer: Response<Body>, held: H) -> Response<Body> {
    answer.map(|body| Body::new(Held { body, _held: held }))
}

/// The body of an answer, with what its call takes up.
struct Held<H> {
    body: Body,
    _held: H,
}

impl<H: Send + Unpin> http_body::Body for Held<H> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        poll_frame(&mut self.body, cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
