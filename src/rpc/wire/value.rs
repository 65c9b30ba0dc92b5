//! Single values: ids, texts, days, digests.

use jiff::civil::Date;

use super::{At, Read};
use crate::{
    judgement::{
        BadId, Expected, ExpectedRevision, PartialDate, Position, Revision, TEXT_BYTES_MAX, Text,
    },
    merkle::Hash,
    pb::{self, expectation::Last, google::r#type as google, revision_expectation::State, text},
};

/// An id or name that must be there.
pub(super) fn id<T>(at: &At<'_>, given: &str, parse: fn(&str) -> Result<T, BadId>) -> Read<T> {
    at.required((!given.is_empty()).then_some(given))?;
    // The path says which field it is: "act.reason must be 1 to 63 of …".
    parse(given).map_err(|bad| at.violated(format_args!("must be {}", bad.shape)))
}

/// An id or name, if there is one.
pub(super) fn id_if_any<T>(
    at: &At<'_>,
    given: &str,
    parse: fn(&str) -> Result<T, BadId>,
) -> Read<Option<T>> {
    if given.is_empty() { Ok(None) } else { id(at, given, parse).map(Some) }
}

/// Something typed that must be there.
pub(super) fn typed(at: &At<'_>, given: &str) -> Read<Text> {
    at.required((!given.is_empty()).then_some(given))?;
    Text::parse(given).map_err(|long| {
        at.violated(format_args!("has {} bytes; at most {TEXT_BYTES_MAX} are kept", long.bytes))
    })
}

/// Something typed, if there is anything.
pub(super) fn typed_if_any(at: &At<'_>, given: &str) -> Read<Option<Text>> {
    if given.is_empty() { Ok(None) } else { typed(at, given).map(Some) }
}

/// A text that must be there.
pub(super) fn text(at: &At<'_>, given: Option<&pb::Text>) -> Read<Text> {
    match at.required(given)?.state.as_ref() {
        Some(text::State::Present(present)) => typed(&at.field("present"), present),
        None => Err(at.field("present").violated("is required")),
        Some(text::State::Redacted(_) | text::State::Withheld(_) | text::State::Missing(_)) => {
            Err(at.violated("is a command's text: only `present` may be set"))
        }
    }
}

/// A text, if there is one.
pub(super) fn text_if_any(at: &At<'_>, given: Option<&pb::Text>) -> Read<Option<Text>> {
    given.map(|given| text(at, Some(given))).transpose()
}

/// A day that must be there.
pub(super) fn date(at: &At<'_>, given: Option<google::Date>) -> Read<Date> {
    let given = at.required(given)?;
    let day = i16::try_from(given.year)
        .ok()
        .zip(i8::try_from(given.month).ok())
        .zip(i8::try_from(given.day).ok())
        .filter(|((year, _), _)| *year > 0)
        .and_then(|((year, month), day)| Date::new(year, month, day).ok());
    day.ok_or_else(|| at.violated("must be a day of the calendar: year, month and day"))
}

/// A day, if there is one.
pub(super) fn date_if_any(at: &At<'_>, given: Option<google::Date>) -> Read<Option<Date>> {
    given.map(|given| date(at, Some(given))).transpose()
}

/// A date whose day, or day and month, may be 0: not stated.
pub(super) fn partial_date_if_any(
    at: &At<'_>,
    given: Option<google::Date>,
) -> Read<Option<PartialDate>> {
    let Some(given) = given else { return Ok(None) };
    let date = i16::try_from(given.year)
        .ok()
        .zip(i8::try_from(given.month).ok())
        .zip(i8::try_from(given.day).ok())
        .and_then(|((year, month), day)| PartialDate::new(year, month, day));
    let shape = "must be a date of the calendar; month and day, or the day, may be 0";
    date.ok_or_else(|| at.violated(shape)).map(Some)
}

/// A SHA-256 that must be there.
pub(super) fn sha256(at: &At<'_>, given: &[u8]) -> Read<[u8; Hash::BYTES]> {
    at.required((!given.is_empty()).then_some(given))?;
    let bytes = given.len();
    given.try_into().map_err(|_| at.violated(format_args!("must be 32 bytes, not {bytes}")))
}

/// A number that counts from 1 and must be there.
pub(super) fn edition(at: &At<'_>, given: u32) -> Read<u32> {
    at.required((given != 0).then_some(given))
}

/// What the client believes to be the last record of an item.
pub(super) fn expected(at: &At<'_>, given: Option<&pb::Expectation>) -> Read<Option<Expected>> {
    let Some(given) = given else { return Ok(None) };
    let expected = match at.required(given.last)? {
        Last::Position(0) => return Err(at.field("position").violated("counts from 1")),
        Last::Position(position) => Expected::At(Position::new(position)),
        Last::NoneYet(stated) => {
            affirmed(&at.field("none_yet"), stated)?;
            Expected::NoneYet
        }
        Last::PreviousInBatch(stated) => {
            affirmed(&at.field("previous_in_batch"), stated)?;
            Expected::PreviousInBatch
        }
        Last::Any(stated) => {
            affirmed(&at.field("any"), stated)?;
            Expected::Any
        }
    };
    Ok(Some(expected))
}

/// What the client believes to be the revision of an assessment.
pub(super) fn expected_revision(
    at: &At<'_>,
    given: Option<&pb::RevisionExpectation>,
) -> Read<Option<ExpectedRevision>> {
    let Some(given) = given else { return Ok(None) };
    let expected = match at.required(given.state)? {
        State::Revision(0) => return Err(at.field("revision").violated("counts from 1")),
        State::Revision(revision) => ExpectedRevision::At(Revision::new(revision)),
        State::Any(stated) => {
            affirmed(&at.field("any"), stated)?;
            ExpectedRevision::Any
        }
    };
    Ok(Some(expected))
}

/// An arm of a oneof that says something by being there.
pub(super) fn affirmed(at: &At<'_>, stated: bool) -> Read<()> {
    if stated { Ok(()) } else { Err(at.violated("must be true")) }
}
