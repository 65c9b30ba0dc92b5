//! What is wrong with something that was to be verified.

use std::fmt;

use crate::judgement::Position;

/// The first thing that does not hold, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct Wrong {
    /// Where: the record, or the file.
    pub place: Place,
    /// What, in words.
    pub what: String,
}

/// Where something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A record of the ledger.
    Record(Position),
    /// A file, as a person would name it.
    File(String),
    /// What was found as a whole.
    Whole,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(position) => write!(f, "record {position}"),
            Self::File(file) => f.write_str(file),
            Self::Whole => f.write_str("the evidence"),
        }
    }
}

impl Wrong {
    /// A record is wrong.
    pub(super) fn at(position: Position, what: impl Into<String>) -> Self {
        Self { place: Place::Record(position), what: what.into() }
    }

    /// A file is wrong.
    pub(super) fn in_file(file: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: Place::File(file.into()), what: what.into() }
    }

    /// Something is wrong with the whole.
    pub(super) fn whole(what: impl Into<String>) -> Self {
        Self { place: Place::Whole, what: what.into() }
    }
}
