//! References to entries that are not there as they are meant.

use std::fmt;

use super::{EntryId, Position};

/// A reference that leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dangling {
    /// Where the command states it.
    pub place: Place,
    /// The entry that it names.
    pub entry: EntryId,
    /// Why it leads nowhere.
    pub lack: Lack,
}

/// Where a command refers to an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the evidence that an act rests on: which of it, from 0.
    Evidence(usize),
    /// Among what an entry relates to: which of it, from 0.
    RelatesTo(usize),
    /// As the paragraph in which an entry is found.
    Paragraph,
    /// As the entry that carries a followed-up item on.
    CarriedTo,
    /// In a point of a challenge: which of them, from 0.
    Point(usize),
    /// As the item that is followed up, where it is one of the same assessment.
    Item,
}

/// Why a reference leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// No such entry was recorded.
    Entry,
    /// It is the very entry that refers to it.
    Itself,
    /// It was struck, and nothing new may refer to it.
    Struck,
    /// The record that is named gave it no wording.
    Wording {
        /// The record.
        at: Position,
        /// The entry's last record.
        last: Position,
    },
    /// It is no narrative, and only a narrative has paragraphs.
    Narrative,
}

impl fmt::Display for Dangling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entry = &self.entry;
        match self.lack {
            Lack::Entry => write!(f, "this assessment has no entry {entry}"),
            Lack::Itself => write!(f, "entry {entry} cannot refer to itself"),
            Lack::Struck => write!(f, "entry {entry} was struck"),
            Lack::Wording { at, last } => {
                write!(f, "record {at} gave entry {entry} no wording: its last record is {last}")
            }
            Lack::Narrative => write!(f, "{entry} is no narrative entry"),
        }
    }
}
