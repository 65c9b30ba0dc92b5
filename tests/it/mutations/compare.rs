//! An account held against the one that was expected.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::account::{Answer, Said};

/// What became of a changed ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Outcome {
    /// Every answer is as expected.
    Harmless,
    /// It does not open, and says which file is why.
    Refused,
    /// It opens; some answers are refused or lack a text, and the log says which file is why.
    Noticed,
    /// It opens as it once was, which cannot be seen.
    Excluded,
    /// It does not open, or refuses answers, but names no file.
    Unnamed,
    /// Some answer is another one than expected.
    Silent,
    /// Something panicked that nobody contained.
    Panicked,
    /// No answer within ten seconds.
    Hung,
    /// The process ended.
    Died,
}

impl Outcome {
    pub fn is_bad(self) -> bool {
        match self {
            Self::Harmless | Self::Refused | Self::Noticed | Self::Excluded => false,
            Self::Unnamed | Self::Silent | Self::Panicked | Self::Hung | Self::Died => true,
        }
    }
}

/// What differs between two accounts.
#[derive(Debug, Default)]
pub struct Difference {
    /// Answers that were refused, and texts that are said to be missing.
    pub owned_up: Vec<String>,
    /// Answers that are others than they should be.
    pub silent: Vec<String>,
}

/// Compares what is said with what is expected.
pub fn difference(expected: &[Said], found: &[Said]) -> Difference {
    let asked: BTreeSet<_> = expected.iter().map(|it| &*it.question).collect();
    let found: BTreeMap<_, _> = found.iter().map(|it| (&*it.question, &it.answer)).collect();
    let end = found.get("the end of the stream");
    let broken_off = end.is_some_and(|end| matches!(end, Answer::Refused { .. }));
    let mut difference = Difference::default();
    for Said { question, answer } in expected {
        match found.get(&**question) {
            Some(said) if *said == answer => {}
            Some(said) => match owned_up(answer, said) {
                Ok(how) => difference.owned_up.push(format!("{question}: {how}")),
                Err(how) => difference.silent.push(format!("{question}: {how}")),
            },
            None if broken_off && question.starts_with("record ") => {}
            None => difference.silent.push(format!("{question} is not answered")),
        }
    }
    for question in found.keys().filter(|question| !asked.contains(*question)) {
        difference.silent.push(format!("{question} was never recorded"));
    }
    difference
}

/// How an answer owns up to being incomplete, by a refusal or by saying which texts are missing;
/// or what is other about it without a word.
fn owned_up(expected: &Answer, found: &Answer) -> Result<String, String> {
    if let Answer::Refused { code, message } = found {
        let honest = ["DataLoss", "Unavailable", "Internal"].contains(&&**code);
        let how = format!("{code}: {message}");
        return if honest { Ok(how) } else { Err(how) };
    }
    let (expected, found) = (expected.json(), found.json());
    if equal_but_missing(&expected, &found) {
        return Ok("a text is missing".to_owned());
    }
    Err(first(&expected, &found))
}

/// Whether two values are equal but for texts that are said to be missing.
fn equal_but_missing(expected: &Value, found: &Value) -> bool {
    if found.get("missing").is_some() && expected.get("present").is_some() {
        return true;
    }
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            expected.len() == found.len()
                && expected.iter().all(|(key, value)| {
                    found.get(key).is_some_and(|found| equal_but_missing(value, found))
                })
        }
        (Value::Array(expected), Value::Array(found)) => {
            expected.len() == found.len()
                && expected.iter().zip(found).all(|(value, found)| equal_but_missing(value, found))
        }
        (expected, found) => expected == found,
    }
}

/// The beginning of what is other, for people.
fn first(expected: &Value, found: &Value) -> String {
    let (expected, found) = (expected.to_string(), found.to_string());
    let same = expected.chars().zip(found.chars()).take_while(|(one, other)| one == other).count();
    let from =
        |said: &str| said.chars().skip(same.saturating_sub(40)).take(160).collect::<String>();
    format!("{} where {} is expected", from(&found), from(&expected))
}

/// Whether the records found are the first of those expected.
pub fn is_as_it_once_was(expected: &[Said], found: &[Said]) -> bool {
    let records = |said: &[Said]| {
        let records = said.iter().filter(|it| it.question.starts_with("record "));
        records.map(|it| &it.answer).cloned().collect::<Vec<_>>()
    };
    records(expected).starts_with(&records(found))
}

#[cfg(test)]
mod tests {
    use judgement_ledger::pb;
    use prost::Message as _;

    use super::*;
    use crate::served::present;

    fn said(question: &str, answer: Answer) -> Said {
        Said { question: question.to_owned(), answer }
    }

    fn text(text: pb::Text) -> Answer {
        let name = "judgement.ledger.v1.Addressee".to_owned();
        let bytes = pb::Addressee { name: Some(text), ..Default::default() }.encode_to_vec();
        Answer::Message { name, bytes }
    }

    fn refused(code: &str) -> Answer {
        Answer::Refused { code: code.to_owned(), message: String::new() }
    }

    #[test]
    fn an_account_that_differs_is_seen() {
        let one = said("record 1", text(present("one")));
        let expected = [one.clone(), said("record 2", text(present("two")))];
        let silent = |found: &[Said]| difference(&expected, found).silent.len();
        assert_eq!(silent(&expected), 0);
        assert_eq!(silent(&expected[..1]), 1, "one is lost");
        assert_eq!(silent(&[one.clone(), said("record 2", text(present("2")))]), 1);
        let more = [&expected[..], &[said("record 3", text(present("three")))]].concat();
        assert_eq!(silent(&more), 1, "one was never recorded");
        assert_eq!(silent(&[one, said("record 2", refused("NotFound"))]), 1, "a wrong answer");

        let missing =
            pb::Text { state: Some(pb::text::State::Missing(pb::text::Missing::default())) };
        let owned = [said("record 1", text(missing)), said("record 2", refused("DataLoss"))];
        let found = difference(&expected, &owned);
        assert_eq!((found.silent.len(), found.owned_up.len()), (0, 2));
    }
}
