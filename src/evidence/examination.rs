//! The examination of a whole ledger, record by record: each is where it belongs, each stream is
//! whole, each claim holds, each text is what it was or was erased by order; and the tree over all of
//! them has the roots that were kept and signed.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{
    Wrong,
    claims::Claims,
    streams::Streams,
    texts::{Found, TextCounts, Texts},
};
use crate::{
    judgement::{Event, KeyChange, Position},
    merkle::{Frontier, Hash, leaf_hash},
    record::{Commitment, Record, Unreadable},
};

/// A record, and what lies beside it.
#[derive(Debug, Clone)]
pub(super) struct Given<'a> {
    /// Where it is said to stand.
    pub(super) position: Position,
    /// Its bytes.
    pub(super) record: &'a Bytes,
    /// The document beside it, if there is one.
    pub(super) document: Option<&'a [u8]>,
}

/// Answers what became of each text of a record, whose fields it is told.
pub(super) type FindTexts<'a> =
    &'a mut dyn FnMut(&Record, &[(String, Commitment)]) -> Result<Vec<Found>, Wrong>;

/// What is expected of the tree at some size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expected {
    /// The root.
    pub(super) root: Hash,
    /// Who says so, in words.
    pub(super) who: String,
}

/// An examination under way.
#[derive(Debug)]
pub(super) struct Examination {
    tree: Frontier,
    streams: Streams,
    claims: Claims,
    texts: Texts,
    keys: Vec<String>,
    expected: BTreeMap<u64, Vec<Expected>>,
}

/// What was found of a ledger, all of it in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Examined {
    pub(super) size: u64,
    pub(super) root: Hash,
    pub(super) streams: u64,
    pub(super) texts: TextCounts,
    /// The keys that the ledger itself says sign its checkpoints.
    pub(super) keys: Vec<String>,
}

impl Examination {
    pub(super) fn begin() -> Self {
        Self {
            tree: Frontier::empty(),
            streams: Streams::default(),
            claims: Claims::default(),
            texts: Texts::default(),
            keys: Vec::new(),
            expected: BTreeMap::new(),
        }
    }

    /// How many records were examined.
    pub(super) fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The root that is expected once the tree has `size` leaves.
    ///
    /// # Errors
    /// [`Wrong`] if it is past that size already, or has it with another root.
    pub(super) fn expect(&mut self, size: u64, expected: Expected) -> Result<(), Wrong> {
        if size < self.size() {
            return Err(Wrong::whole(format!("{}: told too late", expected.who)));
        }
        self.expected.entry(size).or_default().push(expected);
        self.check_roots()
    }

    /// Examines the next record.
    ///
    /// # Errors
    /// [`Wrong`] with the first thing that does not hold.
    pub(super) fn take(&mut self, given: &Given<'_>, find: FindTexts<'_>) -> Result<(), Wrong> {
        let at = given.position;
        let hash = leaf_hash(given.record);
        let record = decode(at, given.record)?;
        self.streams.follow(&record, hash)?;
        self.claims.follow(&record, hash, given.document)?;
        self.texts.follow(&record)?;
        let fields = record.fields();
        for ((field, _), found) in fields.iter().zip(find(&record, &fields)?) {
            self.texts.found(&record, field, found);
        }
        if let Event::KeyRotated(event) = &record.event
            && event.change == KeyChange::Added
        {
            self.keys.push(event.key.to_string());
        }
        self.tree.push(hash);
        self.check_roots()
    }

    fn check_roots(&mut self) -> Result<(), Wrong> {
        let Some(expected) = self.expected.remove(&self.tree.size()) else { return Ok(()) };
        let root = self.tree.root();
        match expected.iter().find(|it| it.root != root) {
            None => Ok(()),
            Some(Expected { root: meant, who }) => Err(Wrong::whole(format!(
                "the first {} records have the root {root}; {who} says {meant}",
                self.tree.size()
            ))),
        }
    }

    /// Whether some records have to be met a second time: see [`Self::meet`].
    pub(super) fn has_orders(&self) -> bool {
        self.texts.has_orders()
    }

    /// Meets a record that an order to erase speaks of; others are passed over.
    ///
    /// # Errors
    /// [`Wrong`] if it is not what the order says.
    pub(super) fn meet(&mut self, position: Position, record: &Bytes) -> Result<(), Wrong> {
        if !self.texts.is_spoken_of(position) {
            return Ok(());
        }
        self.texts.meet(&decode(position, record)?, leaf_hash(record))
    }

    /// All records were examined.
    ///
    /// # Errors
    /// [`Wrong`] if a root is expected of more records than there are, or a text is missing or still
    /// there.
    pub(super) fn finish(self) -> Result<Examined, Wrong> {
        let size = self.tree.size();
        if let Some((expected, who)) = self.expected.iter().next() {
            let who = who.first().map(|it| it.who.as_str()).unwrap_or_default();
            return Err(Wrong::whole(format!(
                "there are {size} records; {who} covers {expected}: records are missing at the end"
            )));
        }
        Ok(Examined {
            size,
            root: self.tree.root(),
            streams: u64::try_from(self.streams.len()).unwrap_or(u64::MAX),
            texts: self.texts.finish()?,
            keys: self.keys,
        })
    }
}

/// The record at a position.
pub(super) fn decode(at: Position, bytes: &Bytes) -> Result<Record, Wrong> {
    let record = Record::decode(bytes).map_err(|error| match error {
        Unreadable::Newer { .. } => Wrong::at(
            at,
            "a newer version of this program wrote it, which has to verify this ledger",
        ),
        Unreadable::Malformed { .. } => Wrong::at(at, error.to_string()),
    })?;
    if record.position == at {
        Ok(record)
    } else {
        Err(Wrong::at(at, format!("it says that it stands at {}", record.position)))
    }
}
