//! What became of each text: opened and found to be what its record commits to, erased by a proven
//! order, or sealed because no keyring is at hand. A text that is gone without an order is missing,
//! and one that is there after an order was not erased: both are wrong.

use std::collections::BTreeMap;

use super::Wrong;
use crate::{
    judgement::{Event, Position, TextRedacted},
    merkle::Hash,
    record::{Commitment, Record},
};

/// What was found of one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// It is there, and its commitment admits it.
    Verified,
    /// It is not there, in these words. An order to erase it explains that.
    Gone(String),
    /// It is there, sealed; nobody here can open it.
    Sealed,
    /// It is kept back from whoever has this evidence, who is told so.
    Withheld,
}

/// How many texts were found how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct TextCounts {
    /// Opened, and what the record commits to.
    pub verified: u64,
    /// Erased, by an order that the ledger proves.
    pub redacted: u64,
    /// Not opened, since there is no keyring.
    pub sealed: u64,
    /// Kept back, and said so.
    pub withheld: u64,
}

/// A text's place: its record and its field.
type Of = (Position, String);

/// All texts of a ledger as they are found, and the orders to erase some.
#[derive(Debug, Default)]
pub(super) struct Texts {
    counts: TextCounts,
    /// In which words each is gone.
    gone: BTreeMap<Of, String>,
    orders: BTreeMap<Of, Order>,
}

/// An order to erase a text, and what it says of it.
#[derive(Debug)]
struct Order {
    at: Position,
    ordered: TextRedacted,
    /// Whether the record that it speaks of was found to have this text.
    met: bool,
}

impl Texts {
    /// Takes note of a text.
    pub(super) fn found(&mut self, record: &Record, field: &str, found: Found) {
        let count = match found {
            Found::Verified => &mut self.counts.verified,
            Found::Sealed => &mut self.counts.sealed,
            Found::Withheld => &mut self.counts.withheld,
            Found::Gone(why) => {
                self.gone.insert((record.position, field.to_owned()), why);
                return;
            }
        };
        *count = count.saturating_add(1);
    }

    /// Takes note of what a record orders.
    ///
    /// # Errors
    /// [`Wrong`] if it orders what cannot be.
    pub(super) fn follow(&mut self, record: &Record) -> Result<(), Wrong> {
        let Event::TextRedacted(event) = &record.event else { return Ok(()) };
        if event.record >= record.position {
            return Err(Wrong::at(record.position, "it orders to erase a text of a later record"));
        }
        let of = (event.record, event.field.to_string());
        let order = Order { at: record.position, ordered: event.clone(), met: false };
        match self.orders.insert(of, order) {
            None => Ok(()),
            Some(first) => {
                let what = format!("it orders to erase what record {} had ordered", first.at);
                Err(Wrong::at(record.position, what))
            }
        }
    }

    /// Whether any record is spoken of in an order: then each has to be met once more.
    pub(super) fn has_orders(&self) -> bool {
        !self.orders.is_empty()
    }

    /// Whether an order speaks of the record at a position.
    pub(super) fn is_spoken_of(&self, position: Position) -> bool {
        let from = (position, String::new());
        self.orders.range(from..).next().is_some_and(|((at, _), _)| *at == position)
    }

    /// A whole record is withheld: of what orders say of its texts nothing can be found.
    pub(super) fn withheld(&mut self, record: Position) {
        self.orders.retain(|(of, _), _| *of != record);
    }

    /// The record that orders speak of is what they say.
    ///
    /// # Errors
    /// [`Wrong`] if it is not.
    pub(super) fn meet(&mut self, record: &Record, hash: Hash) -> Result<(), Wrong> {
        let at = record.position;
        let fields: BTreeMap<String, Commitment> = record.fields().into_iter().collect();
        let spoken_of = self.orders.range_mut((at, String::new())..);
        for ((_, field), order) in spoken_of.take_while(|((of, _), _)| *of == at) {
            let TextRedacted { record_hash, record_id, commitment, .. } = &order.ordered;
            let same = *record_hash == hash
                && *record_id == record.id
                && fields.get(field) == Some(&Commitment::new(*commitment));
            if !same {
                let what = format!("record {at} is not the one whose {field} it orders to erase");
                return Err(Wrong::at(order.at, what));
            }
            order.met = true;
        }
        Ok(())
    }

    /// Once all records and texts were found: whether each text that is gone was erased by an order,
    /// and each that was ordered to be erased is gone.
    ///
    /// # Errors
    /// [`Wrong`] with the first text of which that is not so.
    pub(super) fn finish(mut self) -> Result<TextCounts, Wrong> {
        let sealed = self.counts.sealed > 0;
        for ((position, field), order) in &self.orders {
            let of = (*position, field.clone());
            if !order.met {
                let what =
                    format!("it orders to erase {field} of record {position}, which is none");
                return Err(Wrong::at(order.at, what));
            }
            if self.gone.remove(&of).is_some() {
                self.counts.redacted = self.counts.redacted.saturating_add(1);
            } else if !sealed {
                let what = format!(
                    "its {field} is still there, though record {} orders to erase it; start the \
                     ledger to finish that",
                    order.at
                );
                return Err(Wrong::at(*position, what));
            }
        }
        match self.gone.into_iter().next() {
            None => Ok(self.counts),
            Some(((position, field), why)) => {
                let what =
                    format!("its {field} is missing, and no order to erase it explains it: {why}");
                Err(Wrong::at(position, what))
            }
        }
    }
}
