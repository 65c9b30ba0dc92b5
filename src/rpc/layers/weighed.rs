//! How many bytes of answers wait for their readers: over all connections, and on each.
//!
//! An answer that nobody takes stays in memory until its connection is closed. How many there may be says
//! little: one is a receipt, another a page of a thousand rows. So an answer is encoded as soon as it is
//! there, whether or not its peer has room for it, and its bytes are counted until they are taken.

use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::Response;
use http_body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::{Status, body::Body};

use super::poll_frame;

/// How many bytes may wait over all connections.
pub(super) const EVERYWHERE_BYTES: u32 = 64 << 20;

/// How many may wait on one. One answer may always, however large it is.
pub(crate) const OF_ONE_BYTES: u32 = 8 << 20;

/// Counts them.
#[derive(Debug, Clone)]
pub(super) struct Scales {
    everywhere: Arc<Semaphore>,
}

/// A permit for each byte, everywhere and on the connection.
pub(super) struct Weight {
    _everywhere: OwnedSemaphorePermit,
    _of_one: Option<OwnedSemaphorePermit>,
}

/// The frames of an answer.
struct Encoded {
    frames: VecDeque<Frame<Bytes>>,
    /// What the answer said of its length: files say it beforehand.
    size: SizeHint,
}

impl http_body::Body for Encoded {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Poll::Ready(self.frames.pop_front().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.size
    }
}

impl Scales {
    pub(super) fn new() -> Self {
        Self { everywhere: permits(EVERYWHERE_BYTES) }
    }

    /// Room for so many bytes of an answer, if there is any; `of_one` counts those of its connection.
    pub(super) fn weigh(&self, bytes: usize, of_one: Option<&Arc<Semaphore>>) -> Option<Weight> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let of_one = match of_one {
            Some(of_one) => Some(taken(of_one, bytes.min(OF_ONE_BYTES))?),
            None => None,
        };
        let everywhere = taken(&self.everywhere, bytes.min(EVERYWHERE_BYTES))?;
        Some(Weight { _everywhere: everywhere, _of_one: of_one })
    }
}

/// An answer that is encoded as far as it will ever be, and how many bytes it has.
pub(super) async fn encoded(answer: Response<Body>) -> (Response<Body>, usize) {
    let (head, mut body) = answer.into_parts();
    let size = http_body::Body::size_hint(&body);
    let mut frames = VecDeque::with_capacity(2);
    let mut bytes = 0_usize;
    while let Some(frame) = poll_fn(|cx| poll_frame(&mut body, cx)).await {
        match frame {
            Ok(frame) => {
                bytes = bytes.saturating_add(frame.data_ref().map_or(0, Bytes::len));
                frames.push_back(frame);
            }
            // That it cannot be encoded is the answer.
            Err(status) => return (status.into_http(), 0),
        }
    }
    (Response::from_parts(head, Body::new(Encoded { frames, size })), bytes)
}

/// A counter of so many bytes.
pub(crate) fn permits(bytes: u32) -> Arc<Semaphore> {
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS)))
}

fn taken(counter: &Arc<Semaphore>, bytes: u32) -> Option<OwnedSemaphorePermit> {
    Arc::clone(counter).try_acquire_many_owned(bytes).ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use tonic::Code;

    use super::{super::body_of, *};

    fn answer(bytes: usize) -> Response<Body> {
        let mut frames = VecDeque::from([
            Frame::data(Bytes::from(vec![7; bytes])),
            Frame::trailers(HeaderMap::new()),
        ]);
        Response::new(body_of(move |_cx: &mut Context<'_>| Poll::Ready(frames.pop_front().map(Ok))))
    }

    #[tokio::test]
    async fn an_answer_is_encoded_whether_or_not_it_is_taken() {
        let (answer, bytes) = encoded(answer(70_000)).await;
        assert_eq!(bytes, 70_000);
        let mut body = answer.into_body();
        let data = poll_fn(|cx| poll_frame(&mut body, cx)).await.unwrap().unwrap();
        assert_eq!(data.into_data().unwrap().len(), 70_000);
        assert!(poll_fn(|cx| poll_frame(&mut body, cx)).await.unwrap().unwrap().is_trailers());
        assert!(poll_fn(|cx| poll_frame(&mut body, cx)).await.is_none());
        let failing =
            body_of(|_cx: &mut Context<'_>| Poll::Ready(Some(Err(Status::internal("no")))));
        let (refused, _) = encoded(Response::new(failing)).await;
        assert_eq!(Status::from_header_map(refused.headers()).unwrap().code(), Code::Internal);
    }

    #[test]
    fn answers_of_a_connection_weigh_until_they_are_taken() {
        let (scales, here, there) = (Scales::new(), permits(OF_ONE_BYTES), permits(OF_ONE_BYTES));
        let weigh = |of_one| scales.weigh(1 << 20, Some(of_one));
        let mut waiting: Vec<_> = (0..8).map(|_| weigh(&here).unwrap()).collect();
        assert!(scales.weigh(1, Some(&here)).is_none(), "8 MiB wait here");
        assert!(weigh(&there).is_some(), "and none there");
        waiting.pop();
        assert!(weigh(&here).is_some(), "one was taken");
    }

    #[test]
    fn one_answer_may_always_wait_and_all_of_them_only_so_many_bytes() {
        let scales = Scales::new();
        let large = usize::try_from(EVERYWHERE_BYTES).unwrap().saturating_mul(2);
        let alone = scales.weigh(large, None);
        assert!(alone.is_some() && scales.weigh(1, None).is_none(), "64 MiB wait in all");
        drop(alone);
        let several: Vec<_> =
            (0..9).map(|_| scales.weigh(large, Some(&permits(OF_ONE_BYTES)))).collect();
        assert_eq!(several.iter().flatten().count(), 1, "on however many connections");
    }
}
