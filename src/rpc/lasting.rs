//! Until when a caller is who it is. A call is let in once and soon over; a stream goes on, and ends
//! when that does by which it was let in: the token, or the client certificate, whichever is first, or
//! what vouched for them (a key, an issuer, an authority).

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::{Instant, sleep};
use tonic::Request;

use super::caller::Now;

/// How often it is looked, while a stream goes on, whether its credential has ended: the clock may be
/// set meanwhile, and a credential be withdrawn.
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
#[derive(Debug, Clone)]
pub(super) struct Lasting(Option<Arc<Stay>>);

/// Of a caller who bears a credential.
struct Stay {
    expiry: Expiry,
    now: Now,
    /// Whether it would be let in as who it is. Not asked at each message: it costs a hash or two.
    still: Box<dyn Fn() -> bool + Send + Sync>,
    /// When it was asked last.
    asked: Mutex<Instant>,
    withdrawn: AtomicBool,
}

impl Lasting {
    /// Until then, by this clock, and as long as it is `still` taken.
    pub(super) fn until(
        expiry: Expiry,
        now: Now,
        still: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        let (asked, withdrawn) = (Mutex::new(Instant::now()), AtomicBool::new(false));
        Self(Some(Arc::new(Stay { expiry, now, still: Box::new(still), asked, withdrawn })))
    }

    /// Of the caller of a stream; without an end where nothing said who calls.
    pub(super) fn of<T>(request: &Request<T>) -> Self {
        request.extensions().get::<Self>().cloned().unwrap_or(Self(None))
    }

    /// Whether it is over.
    pub(super) fn is_over(&self) -> bool {
        self.0.as_ref().is_some_and(|stay| stay.left().is_none())
    }

    /// Waits until it is over.
    pub(super) async fn over(&self) {
        let Some(stay) = &self.0 else { return std::future::pending().await };
        while let Some(left) = stay.left() {
            sleep(left.min(LOOK_EVERY)).await;
        }
    }
}

impl Stay {
    /// How long it may last yet; nothing if it is over.
    fn left(&self) -> Option<Duration> {
        let left = self.expiry.left((self.now)())?;
        if self.is_due() && !(self.still)() {
            self.withdrawn.store(true, Ordering::Relaxed);
        }
        // Who was turned away once does not come back in the same stream.
        (!self.withdrawn.load(Ordering::Relaxed)).then_some(left)
    }

    /// Whether it is time to ask.
    fn is_due(&self) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let due = asked.elapsed() >= LOOK_EVERY;
        if due {
            *asked = Instant::now();
        }
        due
    }
}

impl fmt::Debug for Stay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stay").field("expiry", &self.expiry).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicI64;

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
        let lasting = Lasting::until(Expiry::at(60), now, || true);
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

    #[tokio::test(start_paused = true)]
    async fn what_is_withdrawn_is_over_soon_and_for_good() {
        let taken = Arc::new(AtomicBool::new(true));
        let asked = Arc::new(AtomicI64::new(0));
        let (shown, counted) = (Arc::clone(&taken), Arc::clone(&asked));
        let lasting = Lasting::until(Expiry::at(i64::MAX), Arc::new(|| at(0)), move || {
            counted.fetch_add(1, Ordering::SeqCst);
            shown.load(Ordering::SeqCst)
        });
        sleep(LOOK_EVERY).await;
        assert!((0..1_000).all(|_| !lasting.is_over()));
        assert_eq!(asked.load(Ordering::SeqCst), 1, "once a second is enough");
        taken.store(false, Ordering::SeqCst);
        let begun = Instant::now();
        lasting.over().await;
        assert!(begun.elapsed() <= LOOK_EVERY * 2);
        taken.store(true, Ordering::SeqCst);
        sleep(LOOK_EVERY * 2).await;
        assert!(lasting.is_over(), "who was turned away stays so");
    }
}
