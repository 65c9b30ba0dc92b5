//! Until when a caller is who it is. A call is let in once and soon over; a stream goes on, and ends
//! when that does by which it was let in: the token, or the client certificate, whichever is first.

use std::{fmt, time::Duration};

use jiff::Timestamp;
use tokio::time::sleep;
use tonic::Request;

use super::caller::Now;

/// How often the clock is looked at while a stream waits for the end of its credential: it may be set
/// meanwhile.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The first second since 1970 in which a token or a certificate counts no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Expiry(i64);

impl Expiry {
    /// What counts no more in this second.
    pub(super) const fn at(second: i64) -> Self {
        Self(second)
    }

    /// What counts in this second for the last time.
    pub(super) const fn after(second: i64) -> Self {
        Self(second.saturating_add(1))
    }

    /// Whether it counts no more.
    pub(super) fn is_over(self, now: Timestamp) -> bool {
        self.left(now).is_none()
    }

    /// When it counts no more, unless that is beyond what a clock tells.
    pub(super) fn end(self) -> Option<Timestamp> {
        Timestamp::from_second(self.0).ok()
    }

    /// How long it still counts; nothing if it does no more.
    fn left(self, now: Timestamp) -> Option<Duration> {
        let end = Timestamp::from_second(self.0);
        let end = end.unwrap_or(if self.0 < 0 { Timestamp::MIN } else { Timestamp::MAX });
        let left = Duration::try_from(end.duration_since(now)).ok();
        left.filter(|left| !left.is_zero())
    }
}

/// How long the caller of a stream is who it is, by the clock by which that was checked. Stands among
/// the extensions of its request.
#[derive(Clone)]
pub(super) struct Lasting(Option<(Expiry, Now)>);

impl Lasting {
    /// Until then, by this clock.
    pub(super) const fn until(expiry: Expiry, now: Now) -> Self {
        Self(Some((expiry, now)))
    }

    /// Of the caller of a stream; without an end where nothing said who calls.
    pub(super) fn of<T>(request: &Request<T>) -> Self {
        request.extensions().get::<Self>().cloned().unwrap_or(Self(None))
    }

    /// Whether it is over.
    pub(super) fn is_over(&self) -> bool {
        self.0.as_ref().is_some_and(|(expiry, now)| expiry.is_over(now()))
    }

    /// Waits until it is over.
    pub(super) async fn over(&self) {
        let Some((expiry, now)) = &self.0 else { return std::future::pending().await };
        while let Some(left) = expiry.left(now()) {
            sleep(left.min(LOOK_EVERY)).await;
        }
    }
}

impl fmt::Debug for Lasting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lasting").field(&self.0.as_ref().map(|(expiry, _)| expiry)).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    };

    use tokio::time::Instant;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn an_end_is_the_first_second_that_counts_no_more() {
        assert!(!Expiry::at(60).is_over(at(59)) && Expiry::at(60).is_over(at(60)));
        assert!(!Expiry::after(60).is_over(at(60)) && Expiry::after(60).is_over(at(61)));
        let late = Timestamp::from_millisecond(59_999).unwrap();
        assert_eq!(Expiry::at(60).left(late), Some(Duration::from_millis(1)));
        // What no calendar has, a token may say all the same.
        assert!(!Expiry::at(i64::MAX).is_over(at(60)) && Expiry::at(i64::MIN).is_over(at(60)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_comes_by_the_clock_and_not_by_how_long_it_was_waited_for() {
        let clock = Arc::new(AtomicI64::new(0));
        let shown = Arc::clone(&clock);
        let now: Now = Arc::new(move || at(shown.load(Ordering::SeqCst)));
        let lasting = Lasting::until(Expiry::at(60), now);
        let begun = Instant::now();
        let waiting = tokio::spawn({
            let lasting = lasting.clone();
            async move { lasting.over().await }
        });
        sleep(Duration::from_mins(5)).await;
        assert!(!waiting.is_finished() && !lasting.is_over(), "the clock stands still");
        clock.store(60, Ordering::SeqCst);
        waiting.await.unwrap();
        assert!(begun.elapsed() <= Duration::from_mins(5) + LOOK_EVERY && lasting.is_over());
        assert!(!Lasting(None).is_over());
    }
}
