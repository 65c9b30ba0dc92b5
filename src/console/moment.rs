//! The moment that a page shows, as its address and its form say it.

use jiff::{Timestamp, ToSpan as _, civil, tz::TimeZone};
use serde::Deserialize;

use super::fault::Fault;
use crate::{pb::google::r#type::Date, wording};

/// What stands in an address. All may be empty.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_field_names, reason = "they are called as in the services' requests")]
pub(super) struct Asked {
    /// A record's number, a day or a time.
    pub(super) known_at: String,
    /// A day.
    pub(super) effective_at: String,
    /// A day.
    pub(super) stated_at: String,
}

/// The moment that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Moment {
    known: Option<Known>,
    effective: Option<civil::Date>,
    stated: Option<civil::Date>,
}

/// What the ledger is asked to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// All up to this record.
    Position(u64),
    /// All up to this time.
    Time(Timestamp),
}

impl Moment {
    /// Reads it.
    pub(super) fn read(asked: &Asked) -> Result<Self, Fault> {
        let moment = Self {
            known: known(&asked.known_at)?,
            effective: day(&asked.effective_at, "effective on")?,
            stated: day(&asked.stated_at, "as sources state")?,
        };
        if moment.stated.is_some() && moment.effective.is_some() {
            let both =
                "say a day on which it was effective or one by which sources state it, not both";
            return Err(Fault::Asked(both.to_owned()));
        }
        Ok(moment)
    }

    /// What the ledger is asked to know, as a request says it.
    pub(super) fn known_at<K>(
        &self,
        position: impl FnOnce(u64) -> K,
        time: impl FnOnce(prost_types::Timestamp) -> K,
    ) -> Option<K> {
        Some(match self.known? {
            Known::Position(at) => position(at),
            Known::Time(at) => time(wording::timestamp(at)),
        })
    }

    pub(super) fn effective_at(&self) -> Option<Date> {
        self.effective.map(wording::day)
    }

    pub(super) fn stated_at(&self) -> Option<Date> {
        self.stated.map(wording::day)
    }

    /// Whether it is now, in every sense.
    pub(super) fn is_now(&self) -> bool {
        *self == Self::default()
    }
}

/// Reads a record's number, a day, which means its end, or a time; all in UTC.
fn known(given: &str) -> Result<Option<Known>, Fault> {
    let given = given.trim();
    if given.is_empty() {
        return Ok(None);
    }
    if let Ok(position) = given.parse() {
        return Ok(Some(Known::Position(position)));
    }
    if let Ok(time) = given.parse() {
        return Ok(Some(Known::Time(to_its_end(time))));
    }
    let wanted = "a record such as 42, a day such as 2006-10-12, which means its end, or a time such \
                  as 2006-10-12 14:00 (UTC)";
    // A day may be read from a time as well.
    let is_day = !given.contains([':', 'T', ' ']);
    let time = if is_day { end_of(given) } else { given.parse().and_then(in_utc).map(to_its_end) };
    let time = time.map_err(|_| Fault::Asked(format!("{given} is no moment: say {wanted}")))?;
    Ok(Some(Known::Time(time)))
}

/// The last instant of a day.
fn end_of(day: &str) -> Result<Timestamp, jiff::Error> {
    let day: civil::Date = day.parse()?;
    in_utc(day.tomorrow()?.to_datetime(civil::Time::midnight()))?.checked_sub(1.nanosecond())
}

/// The last instant of a second that is stated without a part of it, as pages show times: what was recorded
/// in it is known then.
fn to_its_end(time: Timestamp) -> Timestamp {
    let is_whole = time.subsec_nanosecond() == 0;
    if is_whole { time.checked_add(999_999_999.nanoseconds()).unwrap_or(time) } else { time }
}

fn in_utc(time: civil::DateTime) -> Result<Timestamp, jiff::Error> {
    TimeZone::UTC.to_timestamp(time)
}

fn day(given: &str, what: &str) -> Result<Option<civil::Date>, Fault> {
    let given = given.trim();
    if given.is_empty() {
        return Ok(None);
    }
    let said = || Fault::Asked(format!("{what}: {given} is no day; say one such as 2006-10-12"));
    given.parse().map(Some).map_err(|_| said())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(known_at: &str, effective_at: &str, stated_at: &str) -> Result<Moment, String> {
        let [known_at, effective_at, stated_at] =
            [known_at, effective_at, stated_at].map(str::to_owned);
        Moment::read(&Asked { known_at, effective_at, stated_at }).map_err(|it| it.to_string())
    }

    #[test]
    fn a_moment_is_a_record_a_day_to_its_end_or_a_time() {
        let known = |given: &str| read(given, "", "").unwrap().known;
        let time = |given: &str| Some(Known::Time(given.parse().unwrap()));
        assert_eq!(known(""), None);
        assert_eq!(known(" 42 "), Some(Known::Position(42)));
        assert_eq!(known("2006-10-12"), time("2006-10-12T23:59:59.999999999Z"));
        assert_eq!(known("2006-10-12 14:00"), time("2006-10-12T14:00:00.999999999Z"));
        assert_eq!(known("2006-10-12T14:00:00+02:00"), time("2006-10-12T12:00:00.999999999Z"));
        assert_eq!(known("2006-10-12T14:00:00.5Z"), time("2006-10-12T14:00:00.5Z"));
        assert!(read("", "", "").unwrap().is_now());
    }

    #[test]
    fn what_is_no_moment_is_told_with_one_that_is() {
        assert!(read("yesterday", "", "").unwrap_err().contains("such as 2006-10-12"));
        assert!(read("", "12/10/2006", "").unwrap_err().starts_with("effective on: 12/10/2006"));
        assert!(read("", "2006-10-12", "2006-10-12").unwrap_err().contains("not both"));
    }
}
