//! Time as the ledger keeps it. (Spec §4.5)

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};

/// What the clocks say at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The wall clock: may jump either way.
    pub wall: Timestamp,
    /// The monotonic clock, since any fixed moment: never runs back, never jumps.
    pub monotonic: Duration,
}

/// The clock is passed in: the operating system's in production, a hand-turned one in tests, one
/// of the year 2006 in the demonstration.
pub type Clock = Arc<dyn Fn() -> Reading + Send + Sync>;

/// The clocks of the operating system.
///
/// On Linux the monotonic clock stands still while the machine sleeps: after a sleep of more than
/// a minute the wall clock is not believed until the ledger is started again.
#[must_use]
pub fn system_clock() -> Clock {
    let origin = Instant::now();
    Arc::new(move || Reading { wall: Timestamp::now(), monotonic: origin.elapsed() })
}

/// How far the wall clock may run ahead of the monotonic one before it is no longer believed.
const JUMP_MAX: SignedDuration = SignedDuration::from_secs(60);

/// The clock jumped ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the clock jumped ahead by {ahead_s} s; nothing is recorded until it agrees again")]
pub struct ClockUntrusted {
    /// By how many seconds.
    pub ahead_s: u64,
}

/// The time of the next record: never before the last one, never after an unbelievable jump. An
/// operator who believes a clock that jumped confirms it by starting the ledger again.
#[derive(Debug, Clone)]
pub(crate) struct RecordedTime {
    last: Timestamp,
    trusted: Reading,
}

/// A time to record at, and what the clock said where that differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Now {
    pub(crate) recorded_at: Timestamp,
    pub(crate) clock: Option<Timestamp>,
}

impl RecordedTime {
    /// Goes on after `last`, the time of the last record; `trusted` is what the clocks say at
    /// the start.
    pub(crate) fn after(last: Timestamp, trusted: Reading) -> Self {
        Self { last, trusted }
    }

    /// The time of the next record. `self` remembers it only through [`Self::recorded`].
    ///
    /// # Errors
    /// [`ClockUntrusted`] while the wall clock is more than 60 s ahead of the monotonic one.
    pub(crate) fn next(&mut self, reading: Reading) -> Result<Now, ClockUntrusted> {
        let elapsed = reading.monotonic.saturating_sub(self.trusted.monotonic);
        let elapsed = SignedDuration::try_from(elapsed).unwrap_or(SignedDuration::MAX);
        let passed = reading.wall.duration_since(self.trusted.wall);
        let ahead = passed.saturating_sub(elapsed);
        if ahead > JUMP_MAX {
            return Err(ClockUntrusted { ahead_s: u64::try_from(ahead.as_secs()).unwrap_or(0) });
        }
        // While the clocks agree, later jumps are measured from here: slow drift is no jump. A
        // clock that ran far back does not agree: when it is set right again, that is no jump.
        if ahead >= -JUMP_MAX {
            self.trusted = reading;
        }
        let wall = to_microseconds(reading.wall);
        let recorded_at = wall.max(self.last);
        Ok(Now { recorded_at, clock: (recorded_at != wall).then_some(wall) })
    }

    /// Something was recorded at this time.
    pub(crate) fn recorded(&mut self, at: Timestamp) {
        self.last = self.last.max(at);
    }
}

/// Records keep microseconds.
fn to_microseconds(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(wall_s: i64, monotonic_s: u64) -> Reading {
        Reading {
            wall: Timestamp::from_second(wall_s).unwrap(),
            monotonic: Duration::from_secs(monotonic_s),
        }
    }

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    const START: i64 = 1_160_000_000;

    #[test]
    fn time_runs_with_the_clock() {
        let mut time = RecordedTime::after(second(START), reading(START, 0));
        let now = time.next(reading(START + 5, 5)).unwrap();
        assert_eq!(now, Now { recorded_at: second(START + 5), clock: None });
    }

    #[test]
    fn a_clock_that_runs_back_never_reorders_and_is_written_down() {
        let mut time = RecordedTime::after(second(START), reading(START, 0));
        let year_back = START - 400 * 86_400;
        let now = time.next(reading(year_back, 1)).unwrap();
        assert_eq!(now, Now { recorded_at: second(START), clock: Some(second(year_back)) });
        time.recorded(now.recorded_at);
        // It runs on from there, still behind, then is set right: no jump.
        assert_eq!(time.next(reading(year_back + 10, 11)).unwrap().recorded_at, second(START));
        let right = time.next(reading(START + 12, 12)).unwrap();
        assert_eq!(right, Now { recorded_at: second(START + 12), clock: None });
    }

    #[test]
    fn a_jump_of_more_than_a_minute_is_refused_until_the_clock_agrees() {
        let mut time = RecordedTime::after(second(START), reading(START, 0));
        assert!(time.next(reading(START + 61, 1)).is_ok());
        assert_eq!(time.next(reading(START + 61 + 62, 2)), Err(ClockUntrusted { ahead_s: 61 }));
        let ten_years = START + 10 * 365 * 86_400;
        assert!(time.next(reading(ten_years, 3)).is_err());
        assert!(time.next(reading(START + 70, 10)).is_ok());
    }

    #[test]
    fn a_frozen_clock_stands_still() {
        let mut time = RecordedTime::after(second(START), reading(START, 0));
        let now = time.next(reading(START, 1_000)).unwrap();
        assert_eq!(now.recorded_at, second(START));
    }
}
