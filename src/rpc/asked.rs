//! What a read request asks for, taken field by field: whatever is wrong with it is reported
//! together. (Spec §5.1)

use jiff::{Timestamp, civil::Date};
use tonic::Status;

use super::status;
use crate::{judgement::BadId, pb::google::r#type as google};

/// The violations found so far.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    violations: Vec<(String, String)>,
}

impl Asked {
    /// Takes a field that is required.
    pub(crate) fn required<T>(&mut self, field: &str, parsed: Result<T, BadId>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(bad) => self.violation(field, bad.to_string()),
        }
    }

    /// Takes a field that may be absent, which proto3 writes as empty.
    pub(crate) fn optional<T>(
        &mut self,
        field: &str,
        given: &str,
        parse: impl FnOnce(&str) -> Result<T, BadId>,
    ) -> Option<T> {
        if given.is_empty() { None } else { self.required(field, parse(given)) }
    }

    /// Takes a day.
    pub(crate) fn day(&mut self, field: &str, given: Option<&google::Date>) -> Option<Date> {
        let given = given?;
        let day = || {
            let year = i16::try_from(given.year).ok().filter(|year| *year > 0)?;
            let month = i8::try_from(given.month).ok()?;
            Date::new(year, month, i8::try_from(given.day).ok()?).ok()
        };
        day().or_else(|| self.violation(field, "is no day of the calendar"))
    }

    /// Takes a time.
    pub(crate) fn time(
        &mut self,
        field: &str,
        given: Option<&prost_types::Timestamp>,
    ) -> Option<Timestamp> {
        let given = given?;
        // Protobuf counts nanoseconds forwards only.
        let forwards = given.nanos >= 0;
        let time = Timestamp::new(given.seconds, given.nanos).ok().filter(|_| forwards);
        time.or_else(|| self.violation(field, "is no time between the years 1 and 9999"))
    }

    /// Notes that something is wrong with a field: it has no value then.
    pub(crate) fn violation<T>(&mut self, field: &str, what: impl Into<String>) -> Option<T> {
        self.note(field, what);
        None
    }

    /// Notes that something is wrong with a field.
    pub(crate) fn note(&mut self, field: &str, what: impl Into<String>) {
        self.violations.push((field.to_owned(), what.into()));
    }

    /// What was asked for, if nothing is wrong with it.
    pub(crate) fn settle<T>(self, asked: Option<T>) -> Result<T, Status> {
        match asked {
            Some(asked) if self.violations.is_empty() => Ok(asked),
            Some(_) | None => Err(status::bad_request(self.violations)),
        }
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt;

    use super::*;
    use crate::judgement::{AreaId, SubjectId};

    #[test]
    fn all_that_is_wrong_is_reported_together() {
        let mut asked = Asked::default();
        let name = asked.required("name", SubjectId::parse_name("leicester"));
        assert_eq!(asked.optional("area", "", AreaId::parse), None);
        let day = google::Date { year: 2006, month: 2, day: 29 };
        assert_eq!(asked.day("effective_at", Some(&day)), None);
        let time = prost_types::Timestamp { seconds: 0, nanos: -1 };
        assert_eq!(asked.time("known_at_time", Some(&time)), None);

        let status = asked.settle(name).unwrap_err();
        let violations = status.get_details_bad_request().unwrap().field_violations;
        let fields: Vec<_> = violations.iter().map(|it| it.field.as_str()).collect();
        assert_eq!(fields, ["name", "effective_at", "known_at_time"]);
    }

    #[test]
    fn what_is_right_is_settled() {
        let mut asked = Asked::default();
        let day = google::Date { year: 2006, month: 11, day: 1 };
        let day = asked.day("effective_at", Some(&day));
        assert_eq!(asked.settle(day).unwrap(), Date::new(2006, 11, 1).unwrap());
    }
}
