//! Time, passed in, and the rule by which a record gets its time. (Spec §4.5)
//!
//! This module reads a clock in one function only, [`system_clock`]; the rule itself is pure.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};

/// Further than this the wall clock may not step away from the monotonic one: corrections by a
/// time service stay below, a wrongly set clock does not. (Spec §4.5)
const STEP_MAX: SignedDuration = SignedDuration::from_secs(60);

/// Reads both clocks at once.
pub type Clock = Arc<dyn Fn() -> Reading + Send + Sync>;

/// What the two clocks say at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The wall clock: what people call the time. It can be set, and set wrongly.
    pub wall: Timestamp,
    /// The time since some moment before the first reading. It never runs backwards and nobody
    /// can set it.
    pub monotonic: Duration,
}

/// The clocks of the operating system.
///
/// On Linux the monotonic clock stands still while the machine sleeps: after a sleep of more than
/// a minute the clock counts as untrusted until an operator confirms it.
#[must_use]
pub fn system_clock() -> Clock {
    let origin = Instant::now();
    Arc::new(move || Reading { wall: Timestamp::now(), monotonic: origin.elapsed() })
}

/// Gives records their time: `recorded_at = max(clock, previous)`, and none at all while the wall
/// clock has leapt ahead. (Spec §4.5)
///
/// A clock that runs backwards or stands still never reorders: time then stands still too. A
/// clock that is wrong when the process starts cannot be told from a right one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedTime {
    previous: Timestamp,
    /// The last reading in which both clocks agreed.
    agreed: Reading,
}

impl RecordedTime {
    /// Begins at the start of a process. `previous` is the time of the ledger's last record;
    /// `now` counts as right.
    #[must_use]
    pub fn begin(previous: Option<Timestamp>, now: Reading) -> Self {
        Self { previous: previous.unwrap_or(Timestamp::MIN), agreed: now }
    }

    /// The time of a record made now, in whole microseconds: never before the previous one's.
    ///
    /// # Errors
    /// [`ClockUntrusted`] if the wall clock is more than 60 s ahead of where the monotonic clock
    /// puts it: until it agrees again, or [`RecordedTime::confirm`] is called.
    pub fn at(&mut self, now: Reading) -> Result<Timestamp, ClockUntrusted> {
        let ahead = self.ahead(now);
        if ahead > STEP_MAX {
            return Err(ClockUntrusted { ahead });
        }
        if ahead >= -STEP_MAX {
            // They agree. Beginning anew from here keeps a slow drift from adding up to a leap.
            // A clock set far back does not count as agreeing: once it is set right again, that
            // is no leap.
            self.agreed = now;
        }
        self.previous = self.previous.max(whole_microseconds(now.wall));
        Ok(self.previous)
    }

    /// An operator has looked: the wall clock is right as it is now.
    pub fn confirm(&mut self, now: Reading) {
        self.agreed = now;
    }

    /// How far the wall clock is ahead of where the monotonic clock puts it; negative if behind.
    fn ahead(&self, now: Reading) -> SignedDuration {
        let walled = now.wall.duration_since(self.agreed.wall);
        let passed = now.monotonic.saturating_sub(self.agreed.monotonic);
        let passed = SignedDuration::try_from(passed).unwrap_or(SignedDuration::MAX);
        walled.saturating_sub(passed)
    }
}

/// What lies below a microsecond is cut off: stored times have no place for it.
fn whole_microseconds(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}

/// The wall clock has leapt ahead: no record gets a time until it agrees with the monotonic clock
/// again, or an operator confirms it. (Spec §4.5, `CLOCK_UNTRUSTED`)
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the clock is {ahead:#} ahead of the time that has passed; set it right or confirm it")]
pub struct ClockUntrusted {
    /// How far it is ahead.
    pub ahead: SignedDuration,
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    /// A moment in 2026, and `seconds` more.
    fn wall(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds.saturating_add(1_780_000_000)).unwrap()
    }

    /// The wall clock and the monotonic clock, in seconds since the beginning.
    fn reading(wall_seconds: i64, passed: u64) -> Reading {
        let monotonic = Duration::from_secs(passed.saturating_add(1000));
        Reading { wall: wall(wall_seconds), monotonic }
    }

    fn begun() -> RecordedTime {
        RecordedTime::begin(None, reading(0, 0))
    }

    #[test]
    fn a_right_clock_gives_the_time() {
        let mut time = begun();
        for seconds in [0, 1, 59, 61, 100 * DAY] {
            let now = reading(seconds, seconds.unsigned_abs());
            assert_eq!(time.at(now), Ok(wall(seconds)));
        }
    }

    #[test]
    fn a_clock_set_back_400_days_stops_time_and_may_be_set_right() {
        let mut time = begun();
        assert_eq!(time.at(reading(10, 10)), Ok(wall(10)));
        assert_eq!(time.at(reading(20 - 400 * DAY, 20)), Ok(wall(10)));
        assert_eq!(time.at(reading(500 - 400 * DAY, 500)), Ok(wall(10)));
        assert_eq!(time.at(reading(600, 600)), Ok(wall(600)));
    }

    #[test]
    fn a_frozen_clock_stops_time_and_may_thaw() {
        let mut time = begun();
        for passed in 0..200 {
            assert_eq!(time.at(reading(5, passed * 3600)), Ok(wall(5)));
        }
        let hours = reading(200 * 3600, 200 * 3600);
        assert_eq!(time.at(hours), Ok(wall(200 * 3600)));
    }

    #[test]
    fn a_leap_of_10_years_is_refused_until_the_clock_agrees() {
        let leap = 3650 * DAY;
        let mut time = begun();
        for passed in 1..5_u32 {
            let now = reading(leap + i64::from(passed), passed.into());
            let ahead = SignedDuration::from_secs(leap);
            assert_eq!(time.at(now), Err(ClockUntrusted { ahead }));
        }
        assert_eq!(time.at(reading(6, 6)), Ok(wall(6)));
    }

    #[test]
    fn a_leap_is_accepted_once_an_operator_confirms_it() {
        let mut time = begun();
        assert!(time.at(reading(3600, 1)).is_err());
        time.confirm(reading(3601, 2));
        assert_eq!(time.at(reading(3602, 3)), Ok(wall(3602)));
        assert!(time.at(reading(7200, 4)).is_err(), "the next leap needs its own word");
    }

    #[test]
    fn a_step_of_60_seconds_passes_and_one_of_61_does_not() {
        assert_eq!(begun().at(reading(61, 1)), Ok(wall(61)));
        let ahead = SignedDuration::from_secs(61);
        assert_eq!(begun().at(reading(62, 1)), Err(ClockUntrusted { ahead }));
    }

    #[test]
    fn a_slow_drift_never_adds_up_to_a_leap() {
        let (mut fast, mut slow) = (begun(), begun());
        // 10 s a day for two years: over two hours.
        for day in 1..730 {
            let passed = (day * DAY).unsigned_abs();
            assert_eq!(fast.at(reading(day * (DAY + 10), passed)), Ok(wall(day * (DAY + 10))));
            assert_eq!(slow.at(reading(day * (DAY - 10), passed)), Ok(wall(day * (DAY - 10))));
        }
    }

    #[test]
    fn time_goes_on_from_the_ledgers_last_record() {
        let mut time = RecordedTime::begin(Some(wall(100)), reading(0, 0));
        assert_eq!(time.at(reading(1, 1)), Ok(wall(100)));
        assert_eq!(time.at(reading(101, 101)), Ok(wall(101)));
    }

    #[test]
    fn time_has_whole_microseconds() {
        let time = |nanoseconds| Timestamp::new(1_780_000_000, nanoseconds).unwrap();
        let now = Reading { wall: time(123_456_999), monotonic: Duration::ZERO };
        assert_eq!(RecordedTime::begin(None, now).at(now), Ok(time(123_456_000)));
    }

    #[test]
    fn the_refusal_says_how_far_and_what_to_do() {
        let error = ClockUntrusted { ahead: SignedDuration::from_secs(3661) };
        assert_eq!(
            error.to_string(),
            "the clock is 1h 1m 1s ahead of the time that has passed; set it right or confirm it"
        );
    }

    #[test]
    fn the_systems_monotonic_clock_never_runs_backwards() {
        let clock = system_clock();
        let (first, second) = (clock(), clock());
        assert!(first.monotonic <= second.monotonic);
    }
}
