//! The body of a stream, which notes when its reader takes nothing.
//!
//! The transport asks for the next frame as soon as its peer has room for one. So a peer takes nothing
//! while the transport has a frame and asks for none; while it waits for one, the peer waits, too.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tonic::{Status, body::Body};

use super::poll_frame;
use crate::rpc::doorway::{Unread, UnreadAnswer};

/// A body whose peer may take its time for a while, and is noted after that.
pub(super) struct Taking {
    body: Body,
    unread: Arc<Unread>,
    patience: Duration,
    /// While the transport asks for no frame.
    untaken: Option<UnreadAnswer>,
}

impl Taking {
    /// Of a peer who has not taken anything yet.
    pub(super) fn new(body: Body, unread: Arc<Unread>, patience: Duration) -> Self {
        let untaken = Some(unread.answer_after(patience));
        Self { body, unread, patience, untaken }
    }
}

impl http_body::Body for Taking {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.untaken = None;
        let polled = poll_frame(&mut self.body, cx);
        if polled.is_ready() {
            self.untaken = Some(self.unread.answer_after(self.patience));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use http_body::Body as _;
    use tokio::time::advance;

    use super::{super::body_of, *};

    async fn next(taking: &mut Taking) {
        poll_fn(|cx| Pin::new(&mut *taking).poll_frame(cx)).await.unwrap().unwrap();
    }

    const PATIENCE: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_a_frame_takes_and_who_asks_for_none_does_not() {
        let (frames, mut queue) = tokio::sync::mpsc::channel(4);
        let body = body_of(move |cx| queue.poll_recv(cx));
        let unread = Arc::<Unread>::default();
        let mut taking = Taking::new(body, Arc::clone(&unread), PATIENCE);
        let waits = || unread.waits_for(Duration::from_secs(1));
        let frame = || Ok(Frame::data(Bytes::from_static(b"told")));

        advance(PATIENCE).await;
        assert!(!waits(), "it may take its time");
        advance(Duration::from_secs(1)).await;
        assert!(waits(), "not even the first was asked for");
        frames.send(frame()).await.unwrap();
        next(&mut taking).await;
        assert!(!waits());
        advance(PATIENCE + Duration::from_secs(1)).await;
        assert!(waits(), "it has one, and asks for no other");

        // However long nothing is told to who waits for it.
        let later = tokio::spawn(async move {
            next(&mut taking).await;
            taking
        });
        tokio::task::yield_now().await;
        advance(Duration::from_hours(1)).await;
        assert!(!waits());
        frames.send(frame()).await.unwrap();
        drop(later.await.unwrap());
        advance(Duration::from_hours(1)).await;
        assert!(!waits(), "nothing is left of a stream that is over");
    }
}
