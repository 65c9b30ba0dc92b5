//! A clock that the demonstration sets.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use jiff::Timestamp;

/// A clock that stands still until it is set. Clones are the same clock.
///
/// It jumps by days, which a real clock must not do: the server takes it for its monotonic clock
/// too, and says that it runs on it.
#[derive(Debug, Clone)]
pub(in crate::cli) struct DemonstrationClock {
    /// Microseconds since 1970. Nothing else is ordered by it, so that `Relaxed` is enough.
    microseconds: Arc<AtomicI64>,
}

impl DemonstrationClock {
    /// A clock that says `begin`.
    pub(super) fn new(begin: Timestamp) -> Self {
        Self { microseconds: Arc::new(AtomicI64::new(begin.as_microsecond())) }
    }

    /// Sets it.
    pub(super) fn set(&self, to: Timestamp) {
        self.microseconds.store(to.as_microsecond(), Ordering::Relaxed);
    }

    /// What it says.
    pub(in crate::cli) fn now(&self) -> Timestamp {
        let microseconds = self.microseconds.load(Ordering::Relaxed);
        // Only what was a time is ever stored.
        Timestamp::from_microsecond(microseconds).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_it_was_set_to_on_every_clone() {
        let clock = DemonstrationClock::new(Timestamp::UNIX_EPOCH);
        let clone = clock.clone();
        let then = "2006-10-10T09:00:00Z".parse().unwrap();
        clock.set(then);
        assert_eq!(clone.now(), then);
    }
}
