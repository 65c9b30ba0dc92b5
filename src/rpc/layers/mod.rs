//! What surrounds every call, from the outside in: [`CatchPanic`], CORS and gRPC-Web, [`Log`],
//! [`Clarify`], [`Deadline`], [`Limit`], [`super::caller::Authenticate`], [`Rate`],
//! [`Share`], [`Queue`], then [`super::authorise::Authorise`].
//!
//! Requests for [files](super::files) take the same way, but for gRPC-Web.
//!
//! gRPC-Web stands outside whatever reads trailers, because it moves them into the body. The log
//! stands outside whatever may answer in a service's stead, so that no call goes unlogged.

mod call_id;
mod called;
mod clarify;
mod deadline;
mod lasting;
mod limit;
mod log;
mod method;
#[cfg(feature = "otel")]
mod otel;
mod panic;
mod plain;
mod rate;
mod share;
mod taking;
#[cfg(not(feature = "otel"))]
mod trace;
mod waiting;
mod weighed;

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use tonic::{Status, body::Body};
use tower::{Layer, Service};

#[cfg(feature = "otel")]
use otel as trace;

pub(super) use call_id::CALL_ID_HEADER;
pub(super) use called::Called;
pub(super) use clarify::Clarify;
pub(super) use deadline::Deadline;
pub(super) use lasting::lasting;
pub(super) use limit::Limit;
pub(super) use log::Log;
pub(super) use method::{Method, Methods, Shape};
pub(super) use panic::CatchPanic;
pub(crate) use plain::http_code;
pub(super) use plain::{Web, is_plain};
pub(super) use rate::Rate;
pub(super) use share::Share;
pub(super) use waiting::{Queue, Room, Waiting};
pub(super) use weighed::{OF_ONE_BYTES, permits};

/// The answer to a call: never an error, since whatever fails is a status.
pub(super) type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// A service that can be surrounded.
pub(super) trait Inner:
    Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send + 'static>
{
}

impl<S> Inner for S where
    S: Service<
            Request<Body>,
            Response = Response<Body>,
            Error = Infallible,
            Future: Send + 'static,
        >
{
}

/// What is done around the calls of a service.
pub(super) trait Around: Clone {
    /// Answers a call, mostly by passing it on to `inner`, which is ready.
    fn answer<S: Inner>(&self, inner: &mut S, request: Request<Body>) -> Answer;
}

/// The layer that puts `A` around a service.
#[derive(Debug, Clone)]
pub(super) struct Surround<A>(pub(super) A);

impl<A: Around, S> Layer<S> for Surround<A> {
    type Service = Surrounded<A, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Surrounded { around: Arc::new(self.0.clone()), inner }
    }
}

/// A service with `A` around it.
#[derive(Debug, Clone)]
pub(super) struct Surrounded<A, S> {
    /// The transport clones the whole service for each call.
    around: Arc<A>,
    inner: S,
}

impl<A: Around, S: Inner> Service<Request<Body>> for Surrounded<A, S> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Answer {
        self.around.answer(&mut self.inner, request)
    }
}

/// An answer that is ready: a call that goes no further.
pub(super) fn answered(status: Status) -> Answer {
    Box::pin(async move { Ok(status.into_http()) })
}

/// A body whose frames `poll` makes.
fn body_of<F>(poll: F) -> Body
where
    F: FnMut(&mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>>
        + Send
        + Unpin
        + 'static,
{
    Body::new(BodyFn(poll))
}

/// A body whose frames `poll` makes of those of another. One that is over stays as it is: so who sends it
/// sees that nothing follows the headers, and ends the answer with them. Many clients lose the status of
/// a stream that is refused otherwise. (gRPC over HTTP/2, Trailers-Only)
fn body_around<F>(mut body: Body, mut poll: F) -> Body
where
    F: FnMut(&mut Body, &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>>
        + Send
        + Unpin
        + 'static,
{
    if http_body::Body::is_end_stream(&body) {
        return body;
    }
    body_of(move |cx| poll(&mut body, cx))
}

struct BodyFn<F>(F);

impl<F> http_body::Body for BodyFn<F>
where
    F: FnMut(&mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> + Unpin,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        (self.0)(cx)
    }
}

/// The end of a stream that ends otherwise than it would by itself.
fn trailers(status: &Status) -> Result<Frame<Bytes>, Status> {
    let mut trailers = HeaderMap::new();
    status.add_header(&mut trailers)?;
    Ok(Frame::trailers(trailers))
}

/// The next frame of a body.
fn poll_frame(body: &mut Body, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
    http_body::Body::poll_frame(Pin::new(body), cx)
}
