//! A stream whose caller's credential ends.

use std::{pin::pin, task::Poll, time::Duration};

use tonic::body::Body;

use super::{body_around, poll_frame, trailers};
use crate::rpc::{lasting::Lasting, status};

/// How long a stream may take to end by itself, with where to go on and an answer to each command that
/// was taken, once its caller's credential has ended: as long as a call may take at most.
const GRACE: Duration = Duration::from_secs(10);

/// The body of a stream that is cut once its caller's credential has ended, whatever it still has to
/// say: who reads slowly reads no longer than others. What it says of its end itself goes first.
pub(in crate::rpc) fn lasting(body: Body, lasting: Lasting) -> Body {
    let mut cut = Box::pin(async move {
        lasting.over().await;
        tokio::time::sleep(GRACE).await;
    });
    let mut over = false;
    body_around(body, move |body, cx| {
        if over {
            return Poll::Ready(None);
        }
        let frame = poll_frame(body, cx);
        if pin!(&mut cut).poll(cx).is_pending() {
            return frame;
        }
        over = true;
        // What the stream still holds is dropped with it, now rather than with the connection.
        *body = Body::empty();
        match frame {
            Poll::Ready(Some(Ok(last))) if last.is_trailers() => Poll::Ready(Some(Ok(last))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Ready(Some(Ok(_) | Err(_))) | Poll::Pending => {
                Poll::Ready(Some(trailers(&status::credential_expired())))
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use std::{
        future::poll_fn,
        sync::{
            Arc,
            atomic::{AtomicI64, Ordering},
        },
    };

    use bytes::Bytes;
    use http_body::Frame;
    use jiff::Timestamp;

    use super::{super::body_of, *};
    use crate::rpc::lasting::Expiry;

    #[tokio::test(start_paused = true)]
    async fn who_always_has_something_to_say_is_cut_soon_after_the_credential_has_ended() {
        let clock = Arc::new(AtomicI64::new(0));
        let shown = Arc::clone(&clock);
        let now = Arc::new(move || Timestamp::from_second(shown.load(Ordering::SeqCst)).unwrap());
        let endless = body_of(|_| Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"more"))))));
        let mut body = lasting(endless, Lasting::until(Expiry::at(60), now, || true));
        let mut next = async || poll_fn(|cx| poll_frame(&mut body, cx)).await;
        assert!(next().await.unwrap().unwrap().is_data());
        tokio::time::sleep(GRACE * 2).await;
        assert!(next().await.unwrap().unwrap().is_data(), "it has not ended yet");
        clock.store(60, Ordering::SeqCst);
        tokio::time::sleep(GRACE / 2).await;
        assert!(next().await.unwrap().unwrap().is_data(), "it may say where to go on");
        tokio::time::sleep(GRACE).await;
        let last = next().await.unwrap().unwrap().into_trailers().unwrap();
        assert_eq!(last["grpc-status"], "16");
        assert!(next().await.is_none());
    }
}
