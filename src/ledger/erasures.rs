//! The texts that were ordered to be erased, and what is known of each: what no reading gives.
//!
//! It is the fold of the records that order erasures and complete them, held in memory: it grows
//! with the number of erasures, each of which two persons decided, not with the number of records.
//! A text is in it from the record that orders its erasure on, whether its key is destroyed yet or
//! not; so nobody reads it in between, nor after an older keyring was put back. What decides whether
//! a text can be erased is not asked of it: that is found in the journal.

use std::sync::Arc;

use imbl::{HashMap as SharedMap, OrdMap};
use jiff::Timestamp;

use super::{Keep, OpenError, ReadError, Shown, filing, fold, texts::Opener};
use crate::{
    journal::Journal,
    judgement::{Event, FieldPath, LegalBasis, Position, RecordId, StreamId, Text, TextRedacted},
    record::Record,
    vault::Vault,
};

/// The field of a request in which the replacement stands.
const REPLACEMENT: &str = "replacement";

/// What is known of an erased text. (Spec §5.1)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// What allows it by law.
    pub basis: LegalBasis,
    /// The record that ordered it.
    pub position: Position,
    /// When that was recorded.
    pub recorded_at: Timestamp,
    /// What stands in the place of the text; nothing if that was erased, too.
    pub replacement: Option<Text>,
}

/// An erasure that was ordered and is not completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Due {
    /// The record that ordered it.
    pub(super) order: Position,
    /// The id of that record.
    pub(super) order_id: RecordId,
    /// The stream of both records.
    pub(super) stream: StreamId,
    /// The record that has the text.
    pub(super) record: Position,
    /// Where in it the text stands.
    pub(super) field: FieldPath,
}

/// The erasures of one record's texts.
type OfRecord = SharedMap<FieldPath, (Position, Arc<Erasure>)>;

/// All erasures, as of some position. Copies are cheap.
#[derive(Debug, Clone, Default)]
pub(super) struct Erasures {
    /// By the record that has the text; with the record that asked for it.
    of: SharedMap<Position, OfRecord>,
    due: OrdMap<Position, Due>,
}

impl Erasures {
    /// All erasures that were recorded up to `head`.
    ///
    /// # Errors
    /// [`OpenError`] if one of these records cannot be read.
    pub(super) async fn read(
        journal: &dyn Journal,
        vault: &Vault,
        head: Position,
    ) -> Result<Self, OpenError> {
        let (mut filed, mut before) = (Vec::new(), head.next());
        while let Some(at) = journal.latest(filing::of_erasures(), before).await? {
            filed.push(at);
            before = at;
        }
        let mut erasures = Self::default();
        for at in filed.into_iter().rev() {
            let keep = fold::keep(journal, at).await?;
            erasures.learn(&keep.record, None);
        }
        erasures.with_replacements(journal, vault).await.map_err(OpenError::Read)
    }

    /// With what stands in the places of the texts, as far as that is not erased itself.
    async fn with_replacements(
        mut self,
        journal: &dyn Journal,
        vault: &Vault,
    ) -> Result<Self, ReadError> {
        let known = self.clone();
        let opener = Opener { vault, erasures: &known };
        for (record, fields) in &known.of {
            for (field, (request, erasure)) in fields {
                let keep = fold::keep(journal, *request).await?;
                let replacement = replacement(opener, &keep);
                let erasure = Erasure { replacement, ..erasure.as_ref().clone() };
                self.put(*record, field.clone(), (*request, erasure));
            }
        }
        Ok(self)
    }

    /// Learns of a record, if it orders an erasure or completes one; of one that it orders, the
    /// erasure.
    pub(super) fn learn(
        &mut self,
        record: &Record,
        replacement: Option<Text>,
    ) -> Option<Arc<Erasure>> {
        if let Event::RedactionCompleted(event) = &record.event {
            self.due.remove(&event.order);
        }
        let Event::TextRedacted(event) = &record.event else { return None };
        if event.field.as_str() == REPLACEMENT {
            self.forget_replacement(event.record);
        }
        let erasure = Erasure {
            basis: event.basis,
            position: record.position,
            recorded_at: record.recorded_at,
            replacement,
        };
        self.due.insert(record.position, due(record, event));
        Some(self.put(event.record, event.field.clone(), (event.request, erasure)))
    }

    fn put(
        &mut self,
        record: Position,
        field: FieldPath,
        (request, erasure): (Position, Erasure),
    ) -> Arc<Erasure> {
        let erasure = Arc::new(erasure);
        self.of.entry(record).or_default().insert(field, (request, Arc::clone(&erasure)));
        erasure
    }

    /// What was to stand in the place of a text is erased as well. It is seldom enough to look at
    /// all erasures for it.
    fn forget_replacement(&mut self, asked_for_by: Position) {
        let mut found = None;
        for (record, fields) in &self.of {
            for (field, (request, erasure)) in fields {
                if *request == asked_for_by {
                    let erasure = Erasure { replacement: None, ..erasure.as_ref().clone() };
                    found = Some((*record, field.clone(), erasure));
                }
            }
        }
        if let Some((record, field, erasure)) = found {
            self.put(record, field, (asked_for_by, erasure));
        }
    }

    /// What was erased of a record; nothing of most.
    pub(super) fn of(&self, record: Position) -> Option<ErasedOf<'_>> {
        if self.of.is_empty() {
            return None;
        }
        self.of.get(&record).map(|fields| ErasedOf { fields })
    }

    /// The erasures that are ordered and not completed, in the order of their orders.
    pub(super) fn due(&self) -> impl Iterator<Item = &Due> {
        self.due.values()
    }

    /// The last order that is not completed.
    pub(super) fn last_due(&self) -> Option<Position> {
        self.due.get_max().map(|(order, _)| *order)
    }

    /// Every erased text whose erasure is completed, by its record.
    pub(super) fn completed(&self) -> impl Iterator<Item = (Position, &FieldPath)> {
        let all = self.of.iter().flat_map(|(record, fields)| {
            fields.iter().map(|(field, (_, erasure))| (*record, field, erasure.position))
        });
        all.filter(|(_, _, order)| !self.due.contains_key(order))
            .map(|(record, field, _)| (record, field))
    }
}

/// What was erased of one record.
#[derive(Clone, Copy)]
pub(super) struct ErasedOf<'a> {
    fields: &'a OfRecord,
}

impl ErasedOf<'_> {
    /// The erasure of the text of this field, if it was erased.
    pub(super) fn text(&self, field: &str) -> Option<&Arc<Erasure>> {
        let mut all = self.fields.iter();
        all.find(|(path, _)| path.as_str() == field).map(|(_, (_, erasure))| erasure)
    }
}

/// What a request wants in the place of a text, if that can be read.
pub(super) fn replacement(opener: Opener<'_>, request: &Keep) -> Option<Text> {
    match opener.named(request, REPLACEMENT) {
        Shown::Present(text) => Some(text),
        Shown::Erased(_) | Shown::Missing => None,
    }
}

fn due(order: &Record, event: &TextRedacted) -> Due {
    Due {
        order: order.position,
        order_id: order.id,
        stream: order.stream.clone(),
        record: event.record,
        field: event.field.clone(),
    }
}
