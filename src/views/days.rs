//! Days, gathered so that a range of them is found by few terms.
//!
//! A day lies in one span of 32 days, one of 1,024 and one of 32,768, counted from the first day of
//! year 1. A range of days is some single days at its ends and spans between them: about a hundred
//! terms at most, however long it is.

use jiff::civil::Date;

use super::Term;

/// The sizes of spans, as powers of two.
const POWERS: [u8; 3] = [5, 10, 15];

const FIRST: Date = Date::constant(1, 1, 1);

/// The number that all days share from here on, more than 800 years from now: of them only their
/// spans are found. Who asks for them looks at the records.
const LAST: u32 = (1 << 20) - 1;

/// A span of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Days {
    power: u8,
    /// The number of its first day, divided by its size.
    index: u32,
}

impl Days {
    /// Bytes that tell it from every other span.
    pub(super) fn to_bytes(self) -> [u8; 5] {
        let [a, b, c, d] = self.index.to_be_bytes();
        [self.power, a, b, c, d]
    }
}

/// The number of a day, from 0.
fn number(day: Date) -> u32 {
    let days = day.since(FIRST).map_or(0, |span| span.get_days());
    u32::try_from(days).unwrap_or(0).min(LAST)
}

/// The spans in which a day lies.
pub(super) fn around(day: Date) -> impl Iterator<Item = Days> {
    let number = number(day);
    POWERS.into_iter().map(move |power| Days { power, index: number >> power })
}

/// The terms of which a record has one if it is in effect from a day in this range on, both ends
/// included. Where the range has no end or lies centuries ahead, records may have one of them though
/// they lie outside of it.
#[must_use]
pub fn effective_within(from: Option<Date>, to: Option<Date>) -> Vec<Term> {
    let (mut at, last) = (from.map_or(0, number), to.map_or(LAST, number));
    let mut terms = Vec::new();
    while at <= last {
        let end = Days { power: POWERS[0], index: LAST >> POWERS[0] };
        if last == LAST && at >> end.power == end.index {
            terms.push(Term::EffectiveWithin(end));
            break;
        }
        let fits = |power: &u8| {
            let size = 1_u32 << power;
            at.is_multiple_of(size) && at.saturating_add(size.saturating_sub(1)) <= last
        };
        let (size, term) = match POWERS.into_iter().rev().find(fits) {
            Some(power) => {
                (1_u32 << power, Some(Term::EffectiveWithin(Days { power, index: at >> power })))
            }
            None => (1, day(at).map(Term::EffectiveOn)),
        };
        terms.extend(term);
        at = at.saturating_add(size);
    }
    terms
}

fn day(number: u32) -> Option<Date> {
    let days = jiff::Span::new().try_days(number).ok()?;
    FIRST.checked_add(days).ok()
}

/// How much later than the day from which it is in effect something was recorded: by some power of
/// two of days, and less than the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lateness(u8);

impl Lateness {
    /// That of a record; nothing if it was not recorded later.
    #[must_use]
    pub fn of(recorded_on: Date, effective_on: Date) -> Option<Self> {
        Self::of_days(days_late(recorded_on, effective_on))
    }

    fn of_days(days: i32) -> Option<Self> {
        let power = u32::try_from(days).ok()?.checked_ilog2()?;
        u8::try_from(power).ok().map(Self)
    }

    /// Those of `from` to `to` days, both included; `None` if something that was not recorded
    /// later lies among them, too.
    #[must_use]
    pub fn within(from: i32, to: i32) -> Option<Vec<Self>> {
        let first = Self::of_days(from)?;
        let last = Self::of_days(to.max(from)).unwrap_or(first);
        Some((first.0..=last.0).map(Self).collect())
    }

    pub(super) const fn number(self) -> u8 {
        self.0
    }
}

/// By how many days something was recorded later than it is in effect; negative for earlier.
#[must_use]
pub fn days_late(recorded_on: Date, effective_on: Date) -> i32 {
    recorded_on.since(effective_on).map_or(0, |span| span.get_days())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn date() -> impl Strategy<Value = Date> {
        (1_i16..=9999, 1_i8..=12, 1_i8..=28).prop_map(|(y, m, d)| Date::new(y, m, d).unwrap())
    }

    /// Whether a day carries one of the terms.
    fn carries(day: Date, terms: &[Term]) -> bool {
        let own = [Term::EffectiveOn(day)].into_iter();
        own.chain(around(day).map(Term::EffectiveWithin)).any(|term| terms.contains(&term))
    }

    proptest! {
        #[test]
        fn the_terms_of_a_range_are_those_of_its_days(
            one in date(), other in date(), near in 0_i32..60, day in date()
        ) {
            let (from, to) = (one.min(other), one.max(other));
            let terms = effective_within(Some(from), Some(to));
            prop_assert!(terms.len() <= 230, "{} terms", terms.len());
            let in_calendar = number(day) < LAST && number(to) < LAST;
            if in_calendar {
                prop_assert_eq!(carries(day, &terms), (from..=to).contains(&day));
            }
            let near = jiff::Span::new().days(near);
            for edge in [from, to] {
                for by in [edge.checked_add(near), edge.checked_sub(near)].into_iter().flatten() {
                    if in_calendar && number(by) < LAST && by >= FIRST {
                        prop_assert_eq!(carries(by, &terms), (from..=to).contains(&by));
                    }
                }
            }
            prop_assert!(day < from || carries(day, &effective_within(Some(from), None)));
            prop_assert!(day > to || carries(day, &effective_within(None, Some(to))));
        }

        #[test]
        fn a_lateness_is_among_those_of_every_range_around_it(
            from in 1_i32..4_000, more in 0_i32..4_000, days in -10_i32..9_000
        ) {
            let to = from.checked_add(more).unwrap();
            let range = Lateness::within(from, to).unwrap();
            let found = Lateness::of_days(days).is_some_and(|it| range.contains(&it));
            prop_assert!(found || !(from..=to).contains(&days));
            let far = days < from / 2 || days / 2 > to;
            prop_assert!(!far || !found);
        }
    }

    #[test]
    fn nothing_that_is_in_time_is_late() {
        let day = Date::constant(2006, 11, 1);
        assert_eq!(Lateness::of(day, day), None);
        assert_eq!(Lateness::of(day, Date::constant(2006, 11, 2)), None);
        assert_eq!(Lateness::of(day, Date::constant(2006, 10, 31)), Some(Lateness(0)));
        assert_eq!(Lateness::within(0, 5), None);
        assert_eq!(Lateness::within(1, i32::MAX).unwrap().len(), 31);
    }
}
