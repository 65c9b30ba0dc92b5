//! What an auditor looks for, stated as an expression of AIP-160.
//!
//! The grammar is read by a library; which fields there are and what their values mean is said
//! here. `OR` binds tighter than `AND`, and terms side by side are joined by `AND`. Whatever is
//! wrong is told with its column: the library's tree has no places, so the names and values of the
//! text are counted off beside it.

mod field;
mod place;

use aip_160::{Arg, Comparable, Comparator, Expression, FilterError, Restriction, Value};

use super::filter::Named;
use crate::{
    ledger::{Condition, Test},
    rpc::asked::Asked,
};
use field::Field;
use place::{Place, Places};

/// The longest expression, in bytes: some hundred comparisons.
const EXPRESSION_BYTES_MAX: usize = 4_096;

/// How many comparisons an expression has at most: each is made for each record looked at.
const TESTS_MAX: usize = 64;

/// What is asked with an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    /// A query, which has the views at hand.
    Query,
    /// A stream, which has the records alone.
    Stream,
}

/// Takes the field `expression`; empty means everything.
pub(super) fn take(
    asked: &mut Asked,
    text: &str,
    by: Asker,
    named: Named<'_>,
) -> Option<Condition> {
    const FIELD: &str = "expression";
    if text.len() > EXPRESSION_BYTES_MAX {
        return asked.violation(FIELD, format!("is longer than {EXPRESSION_BYTES_MAX} bytes"));
    }
    let filter = match aip_160::parse_filter(text) {
        Ok(filter) => filter,
        Err(error) => return asked.violation(FIELD, unparsed(text, &error)),
    };
    let Some(expression) = filter.expression else { return Some(Condition::EVERYTHING) };
    let places = Places::of(text);
    let mut reader = Reader::of(places, by, named);
    let condition = reader.condition(&expression);
    let Reader { tests, over, wrong, .. } = reader;
    if tests > TESTS_MAX {
        let over = over.map(|place| format!("{place}: ")).unwrap_or_default();
        let what = format!("{over}is one comparison too many: {tests}, of {TESTS_MAX} at most");
        return asked.violation(FIELD, what);
    }
    let right = wrong.is_empty();
    for what in wrong {
        asked.note(FIELD, what);
    }
    right.then_some(condition)
}

/// What is wrong with a text that is no expression.
fn unparsed(text: &str, error: &FilterError) -> String {
    match error {
        FilterError::Syntax { offset, message } => format!(
            "{}: {message}; a value with a space or one of . , : = < > ! ( ) in it stands in \"quotes\"",
            Place::at(text, *offset)
        ),
        FilterError::TooDeep { limit } => {
            let place = place::deeper_than(text, *limit).map(|place| format!("{place}: "));
            format!("{}is nested deeper than {limit} levels", place.unwrap_or_default())
        }
        FilterError::InvalidField(_)
        | FilterError::InvalidValue { .. }
        | FilterError::Unsupported(_)
        | _ => error.to_string(),
    }
}

/// Makes a condition of a tree, and notes what is wrong on the way.
struct Reader<'a> {
    places: Places<'a>,
    by: Asker,
    named: Named<'a>,
    tests: usize,
    /// The first comparison that is one too many.
    over: Option<Place>,
    wrong: Vec<String>,
    /// Whether something was met that is not counted off: what follows has no place.
    lost: bool,
}

impl<'a> Reader<'a> {
    const fn of(places: Places<'a>, by: Asker, named: Named<'a>) -> Self {
        Self { places, by, named, tests: 0, over: None, wrong: Vec::new(), lost: false }
    }

    fn condition(&mut self, expression: &Expression) -> Condition {
        match expression {
            // Terms side by side: records match exactly or not at all.
            Expression::And(each) | Expression::Sequence(each) => {
                Condition::All(each.iter().map(|it| self.condition(it)).collect())
            }
            Expression::Or(each) => {
                Condition::Any(each.iter().map(|it| self.condition(it)).collect())
            }
            Expression::Not(inner) => Condition::Not(Box::new(self.condition(inner))),
            Expression::Restriction(restriction) => self.restriction(restriction),
            Expression::Global(comparable) => self.bare(comparable),
        }
    }

    /// A comparison. Where something is wrong it stands for everything: nobody will ask it.
    fn restriction(&mut self, restriction: &Restriction) -> Condition {
        let Some((field, place)) = self.field(&restriction.comparable) else {
            // Its value has a place of its own.
            self.places.next();
            return Condition::EVERYTHING;
        };
        let at = self.places.next();
        let Some(value) = literal(&restriction.arg) else {
            self.lost = true;
            return self.refuse(at, "is no value that can be compared");
        };
        let condition = match field.compare(restriction.comparator, &value, self.named) {
            Ok(condition) => condition,
            Err(what) => return self.refuse(at, &what),
        };
        if self.by == Asker::Stream && !is_told_by_records(&condition) {
            let what = "cannot be told from a record alone: streams do not know it";
            return self.refuse(place, what);
        }
        condition
    }

    /// A field without a comparison.
    fn bare(&mut self, comparable: &Comparable) -> Condition {
        let Some((field, place)) = self.field(comparable) else { return Condition::EVERYTHING };
        match field.compare(Comparator::Equal, "true", self.named) {
            Ok(condition) if field.is_yes_or_no() && self.by == Asker::Query => condition,
            Ok(_) | Err(_) => {
                self.refuse(place, &format!("lacks a comparison: say {}", field.example()))
            }
        }
    }

    fn field(&mut self, comparable: &Comparable) -> Option<(Field, Option<Place>)> {
        self.tests = self.tests.saturating_add(1);
        let place = self.places.next();
        if self.tests == TESTS_MAX.saturating_add(1) {
            self.over.clone_from(&place);
        }
        let unknown = || format!("is no field; there are {}", Field::names());
        let Some(name) = comparable.field_path() else {
            self.lost |= matches!(comparable, Comparable::Function(_));
            self.refuse(place, &unknown());
            return None;
        };
        let Some(field) = Field::named(&name) else {
            let is_join = ["and", "or", "not"].contains(&name.to_lowercase().as_str());
            let join = || "joins comparisons in capitals only: AND, OR, NOT".to_owned();
            self.refuse(place, &if is_join { join() } else { unknown() });
            return None;
        };
        Some((field, place))
    }

    fn refuse(&mut self, place: Option<Place>, what: &str) -> Condition {
        match place {
            Some(place) => self.wrong.push(format!("{place}: {what}")),
            None if self.lost => {}
            None => self.wrong.push(what.to_owned()),
        }
        if self.lost {
            self.places.forget();
        }
        Condition::EVERYTHING
    }
}

fn is_told_by_records(condition: &Condition) -> bool {
    match condition {
        Condition::All(each) | Condition::Any(each) => each.iter().all(is_told_by_records),
        Condition::Not(inner) => is_told_by_records(inner),
        Condition::Test(test) => Test::is_told_by_records(test),
    }
}

/// The value of an argument as written, quoted or not: an id may have dots in it.
fn literal(arg: &Arg) -> Option<String> {
    match arg {
        Arg::Comparable(Comparable::Member(member)) => match (&member.value, &*member.fields) {
            (Value::String(text), []) => Some(text.clone()),
            (Value::Text(_) | Value::String(_), _) => member.field_path(),
        },
        Arg::Comparable(Comparable::Function(_)) | Arg::Composite(_) => None,
    }
}

#[cfg(test)]
mod tests;
