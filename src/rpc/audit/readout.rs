//! The stream that the transport takes from: what is queued, then how it ended.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::sync::{mpsc, oneshot};
use tokio_stream::Stream;
use tonic::Status;

use super::{
    pump::{Bundle, Queued},
    status,
};
use crate::rpc::served::StreamRecordsAnswer;

/// The messages of a stream, and then its end. The end has a way of its own, past the queue: so
/// that a reader who is cut off because the queue is full still learns why and where to go on,
/// after everything that was queued before.
#[derive(Debug)]
pub(in crate::rpc) struct Readout {
    bundles: mpsc::Receiver<Queued>,
    /// The bundle that was taken from the queue last: what is left of it.
    taken: Bundle,
    end: Option<oneshot::Receiver<Result<(), Status>>>,
}

impl Readout {
    /// What is read from this queue, and how it ended.
    pub(super) fn new(
        bundles: mpsc::Receiver<Queued>,
        end: oneshot::Receiver<Result<(), Status>>,
    ) -> Self {
        Self { bundles, taken: Bundle::EMPTY, end: Some(end) }
    }
}

impl Stream for Readout {
    type Item = Result<StreamRecordsAnswer, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(message) = self.taken.messages.pop_front() {
                return Poll::Ready(Some(Ok(message)));
            }
            match self.bundles.poll_recv(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(queued)) => self.taken = queued.bundle,
                Poll::Ready(None) => break,
            }
        }
        let Some(end) = self.end.as_mut() else {
            return Poll::Ready(None);
        };
        match Pin::new(end).poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(outcome) => {
                self.end = None;
                // A stream that ends without saying how has failed: it must not look complete.
                Poll::Ready(outcome.unwrap_or_else(|_| Err(status::defect())).err().map(Err))
            }
        }
    }
}
