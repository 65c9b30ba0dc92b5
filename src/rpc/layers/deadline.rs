//! When a call must be over: at its deadline, and at the server's end.

use std::{
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use http::{HeaderMap, Request};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;

use super::{Answer, Around, Inner, Method, Shape, body_around, poll_frame, trailers};
use crate::rpc::status;

/// The header in which a client says how long it allows.
const GRPC_TIMEOUT_HEADER: &str = "grpc-timeout";

/// How long streams may take to end by themselves, with a word on where to go on, once the
/// server goes down.
const STREAM_GRACE: Duration = Duration::from_secs(1);

/// Ends calls that take too long with `DEADLINE_EXCEEDED`, and streams that outlast the server
/// with UNAVAILABLE.
///
/// tonic has a timer of its own, which would answer CANCELLED. It is armed after this one and
/// asked after it, so that it never wins.
#[derive(Debug, Clone)]
pub(in crate::rpc) struct Deadline {
    /// The longest that a unary call may take, whatever the client allows.
    pub(in crate::rpc) unary_max: Duration,
    /// Cancelled when the server goes down.
    pub(in crate::rpc) draining: CancellationToken,
}

impl Around for Deadline {
    fn answer<S: Inner>(&self, inner: &mut S, request: Request<Body>) -> Answer {
        let shape = Method::of(&request);
        let stated = stated(request.headers());
        let allowed = match shape {
            Shape::Unary => Some(stated.unwrap_or(self.unary_max).min(self.unary_max)),
            Shape::Streaming => stated,
        };
        let until = allowed.and_then(|allowed| Instant::now().checked_add(allowed));
        // Armed here, not when first polled: see above.
        let passed = passed(until);
        let draining = self.draining.clone();
        let answer = inner.call(request);
        Box::pin(async move {
            let (answer, mut passed) = (pin!(answer), Box::pin(passed));
            let answered = tokio::select! {
                biased;
                answered = answer => answered?,
                () = &mut passed => return Ok(status::deadline_exceeded().into_http()),
            };
            Ok(match shape {
                Shape::Unary => answered,
                Shape::Streaming => answered.map(|body| ending(body, passed, draining)),
            })
        })
    }
}

/// Waits for an instant; for ever if there is none.
fn passed(until: Option<Instant>) -> impl Future<Output = ()> + Send {
    let timer = until.map(tokio::time::sleep_until);
    async move {
        match timer {
            Some(timer) => timer.await,
            None => std::future::pending().await,
        }
    }
}

/// The body of a stream that ends when its time has passed or the server goes down.
fn ending(
    body: Body,
    mut passed: Pin<Box<impl Future<Output = ()> + Send + 'static>>,
    draining: CancellationToken,
) -> Body {
    let mut drained = Box::pin(async move {
        draining.cancelled_owned().await;
        tokio::time::sleep(STREAM_GRACE).await;
    });
    let mut over = false;
    body_around(body, move |body, cx| {
        if over {
            return Poll::Ready(None);
        }
        if let Poll::Ready(frame) = poll_frame(body, cx) {
            return Poll::Ready(frame);
        }
        let last = if passed.as_mut().poll(cx).is_ready() {
            status::deadline_exceeded()
        } else if drained.as_mut().poll(cx).is_ready() {
            status::draining()
        } else {
            return Poll::Pending;
        };
        over = true;
        // What the stream still holds is dropped with it, now rather than with the connection.
        *body = Body::empty();
        Poll::Ready(Some(trailers(&last)))
    })
}

/// How long the client allows: `grpc-timeout`, at most eight digits and a unit. What is no such
/// header is as good as none, as the protocol has it.
fn stated(headers: &HeaderMap) -> Option<Duration> {
    let header = headers.get(GRPC_TIMEOUT_HEADER)?.to_str().ok()?;
    let (digits, unit) = header.split_at_checked(header.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number.saturating_mul(3_600))),
        "M" => Some(Duration::from_secs(number.saturating_mul(60))),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stated_timeout_is_read_as_the_protocol_writes_it() {
        let read = |header: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(GRPC_TIMEOUT_HEADER, header.parse().unwrap());
            stated(&headers)
        };
        assert_eq!(read("2H"), Some(Duration::from_hours(2)));
        assert_eq!(read("3M"), Some(Duration::from_mins(3)));
        assert_eq!(read("5S"), Some(Duration::from_secs(5)));
        assert_eq!(read("100m"), Some(Duration::from_millis(100)));
        assert_eq!(read("99999999u"), Some(Duration::from_micros(99_999_999)));
        assert_eq!(read("1n"), Some(Duration::from_nanos(1)));
        for bad in ["", "S", "5", "-5S", "5s", "123456789S", "1.5S", "+5S"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(stated(&HeaderMap::new()), None);
    }
}
