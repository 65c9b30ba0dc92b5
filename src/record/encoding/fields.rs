//! Single fields: how they are written, and how they are checked when they are read.

use bytes::Bytes;
use jiff::civil::Date;
use uuid::Uuid;

use super::{Numbered, Stored, Unreadable};
use crate::{
    judgement::BadId,
    pb::{self, google::r#type as google},
    record::Commitment,
};

pub(super) type Read<T> = Result<T, Unreadable>;

pub(super) const fn malformed(what: &'static str) -> Unreadable {
    Unreadable::Malformed { what }
}

pub(super) fn required<T>(value: Option<T>, what: &'static str) -> Read<T> {
    value.ok_or(malformed(what))
}

/// A name or id that must be there.
pub(super) fn name<T>(
    given: &str,
    parse: fn(&str) -> Result<T, BadId>,
    what: &'static str,
) -> Read<T> {
    parse(given).map_err(|_| malformed(what))
}

/// A name or id; the empty string, which is none, stands for its absence.
pub(super) fn optional_name<T>(
    given: &str,
    parse: fn(&str) -> Result<T, BadId>,
    what: &'static str,
) -> Read<Option<T>> {
    if given.is_empty() { Ok(None) } else { name(given, parse, what).map(Some) }
}

pub(super) fn names<T>(
    given: &[String],
    parse: fn(&str) -> Result<T, BadId>,
    what: &'static str,
) -> Read<Vec<T>> {
    given.iter().map(|given| name(given, parse, what)).collect()
}

pub(super) fn store_name<T: ToString>(name: Option<&T>) -> String {
    name.map(ToString::to_string).unwrap_or_default()
}

pub(super) fn store_names<T: ToString>(names: &[T]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// Bytes of a fixed length.
pub(super) fn array<const N: usize>(bytes: &[u8], what: &'static str) -> Read<[u8; N]> {
    bytes.try_into().map_err(|_| malformed(what))
}

pub(super) fn store_bytes(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

pub(super) fn uuid(bytes: &[u8], what: &'static str) -> Read<Uuid> {
    array(bytes, what).map(Uuid::from_bytes)
}

pub(super) fn store_uuid(id: Uuid) -> Bytes {
    store_bytes(id.as_bytes())
}

/// A value of a closed set that must be there.
pub(super) fn number<N: Numbered>(number: i32, what: &'static str) -> Read<N> {
    required(N::numbered(number), what)
}

/// A value of a closed set; 0 stands for its absence.
pub(super) fn optional_number<N: Numbered>(given: i32, what: &'static str) -> Read<Option<N>> {
    if given == 0 { Ok(None) } else { number(given, what).map(Some) }
}

/// A whole date, if there is one.
pub(super) fn date(message: Option<&google::Date>, what: &'static str) -> Read<Option<Date>> {
    let Some(message) = message else { return Ok(None) };
    let (year, month, day) = date_parts(message, what)?;
    Date::new(year, month, day).map(Some).map_err(|_| malformed(what))
}

/// Year, month and day, not checked against the calendar.
pub(super) fn date_parts(message: &google::Date, what: &'static str) -> Read<(i16, i8, i8)> {
    let part = |part: i32| i8::try_from(part).map_err(|_| malformed(what));
    let year = i16::try_from(message.year).map_err(|_| malformed(what))?;
    Ok((year, part(message.month)?, part(message.day)?))
}

pub(super) fn store_date(date: Date) -> google::Date {
    google::Date { year: date.year().into(), month: date.month().into(), day: date.day().into() }
}

impl Stored for Commitment {
    type Message = pb::TextCommitment;

    fn store(&self) -> pb::TextCommitment {
        pb::TextCommitment { digest: store_bytes(self.as_bytes()) }
    }

    fn read(message: &pb::TextCommitment) -> Read<Self> {
        array(&message.digest, "TextCommitment.digest").map(Self::new)
    }
}
