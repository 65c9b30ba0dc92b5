//! Errors that tonic makes by itself, put into our words wherever they show.

use std::task::Poll;

use http::{Request, Response};
use tonic::body::Body;

use super::{Answer, Around, Inner, Method, Shape, body_around, poll_frame};
use crate::rpc::status::clarify;

/// Puts tonic's own errors into our words: in the headers of an answer without a body, and in
/// the trailers of a stream.
#[derive(Debug, Clone, Copy)]
pub(in crate::rpc) struct Clarify;

impl Around for Clarify {
    fn answer<S: Inner>(&self, inner: &mut S, request: Request<Body>) -> Answer {
        let shape = Method::of(&request);
        let answer = inner.call(request);
        Box::pin(async move {
            let (mut head, body) = answer.await?.into_parts();
            clarify(&mut head.headers);
            let body = match shape {
                // The one message was read before the head was written: no error comes later.
                Shape::Unary => body,
                Shape::Streaming => clarified(body),
            };
            Ok(Response::from_parts(head, body))
        })
    }
}

fn clarified(body: Body) -> Body {
    body_around(body, |body, cx| {
        let mut polled = poll_frame(body, cx);
        if let Poll::Ready(Some(Ok(frame))) = &mut polled
            && let Some(trailers) = frame.trailers_mut()
        {
            clarify(trailers);
        }
        polled
    })
}
