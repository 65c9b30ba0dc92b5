//! What readers get: records with their texts, and assessments at a moment.

use std::sync::Arc;

use bytes::Bytes;
use jiff::{Timestamp, civil::Date};

use super::{KnownAt, Ledger, Moment, ReadError, Registered};
use crate::{
    journal::Page,
    judgement::{
        Act, AreaId, Assessment, AssessmentId, Basis, ChangeKind, Concept, Event, FrameworkId,
        OrganisationId, PersonId, Position, ReasonCode, SubjectId, Text,
    },
    record::Record,
};

/// A text as a reader gets it. (Spec §5.1)
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// The text.
    Present(Text),
    /// It was erased.
    Erased,
    /// It should be there and is not.
    Missing,
}

/// A record with its texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadRecord {
    /// The record as stored.
    pub record: Record,
    /// The record's bytes as stored: hashed as they are.
    pub stored: Bytes,
    /// Its circumstances, with the texts in them.
    pub act: Act<Shown>,
    /// What happened, with the texts in it.
    pub event: Event<Shown>,
    /// The texts by the paths of their fields, in the record's order.
    pub texts: Vec<(String, Shown)>,
}

/// A record, or the bytes of one that a newer version wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Streamed {
    /// A record.
    Record(Box<ReadRecord>),
    /// Written by a newer version: its bytes as stored.
    Newer(Position, Bytes),
}

impl Streamed {
    /// Where it stands.
    #[must_use]
    pub fn position(&self) -> Position {
        match self {
            Self::Record(read) => read.record.position,
            Self::Newer(position, _) => *position,
        }
    }
}

/// Which state of an assessment is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsOf {
    /// The working state or a published edition.
    pub view: View,
    /// What the ledger knew at a moment.
    pub known: KnownAt,
    /// What held on a day; `None` means today.
    pub effective: Option<Date>,
    /// What sources state to have been decided by a day; not together with `effective`.
    pub stated: Option<Date>,
}

/// The working state or a published edition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// With all that was recorded.
    Working,
    /// The latest edition published.
    Published,
    /// The edition published under this number.
    Edition(u32),
}

/// An assessment as read.
#[derive(Debug, Clone)]
pub struct AssessmentRead {
    /// What stands.
    pub assessment: Assessment,
    /// Its framework.
    pub framework: Arc<Registered>,
    /// The moment that the answer reflects.
    pub moment: Moment,
}

/// A subject as read.
#[derive(Debug, Clone)]
pub struct SubjectRead {
    /// Its id.
    pub subject: SubjectId,
    /// What it is called.
    pub name: String,
    /// What it is.
    pub kind: String,
    /// The record that registered it.
    pub position: Position,
}

/// What an auditor looks for: a record must meet all that is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// The assessment.
    pub assessment: Option<AssessmentId>,
    /// The subject.
    pub subject: Option<SubjectId>,
    /// The area.
    pub area: Option<AreaId>,
    /// What areas have in common.
    pub concept: Option<Concept>,
    /// Who recorded it: any of these persons.
    pub recorded_by: Option<Vec<PersonId>>,
    /// Who decided it, alone or on a panel: any of these persons.
    pub decided_by: Option<Vec<PersonId>>,
    /// For whom it was recorded or decided.
    pub organisation: Option<OrganisationId>,
    /// Why.
    pub reason: Option<ReasonCode>,
    /// On what it rests.
    pub basis: Option<Basis>,
    /// How a grade changed.
    pub change: Option<ChangeKind>,
    /// What happened, by the event's name.
    pub event: Option<&'static str>,
    /// The first and last day from which it holds.
    pub effective: (Option<Date>, Option<Date>),
    /// Recorded at or after, and before.
    pub recorded: (Option<Timestamp>, Option<Timestamp>),
}

/// In which order positions are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By falling position.
    NewestFirst,
    /// By rising position.
    OldestFirst,
}

/// A page of records that meet a filter.
#[derive(Debug, Clone)]
pub struct Found {
    /// The records, in the order asked for.
    pub records: Vec<ReadRecord>,
    /// The last position examined, from which the next page goes on; `None` at the end.
    pub next: Option<Position>,
}

impl Ledger {
    /// The last record that readers can see.
    #[must_use]
    pub fn head(&self) -> Moment {
        *self.shared.head.borrow()
    }

    /// Follows the head: changes whenever something was recorded.
    #[must_use]
    pub fn follow(&self) -> tokio::sync::watch::Receiver<Moment> {
        self.shared.head.subscribe()
    }

    /// Waits until readers can see `position`, for at most five seconds.
    ///
    /// # Errors
    /// [`ReadError::NotReached`] if that takes longer.
    pub async fn reached(&self, position: Position) -> Result<(), ReadError> {
        let head = self.head().position;
        if head >= position {
            return Ok(());
        }
        Err(ReadError::NotReached { asked: position, head })
    }

    /// The moment that a client means.
    ///
    /// # Errors
    /// [`ReadError`] if the journal cannot be read.
    pub async fn moment(&self, known: KnownAt) -> Result<Moment, ReadError> {
        let _ = known;
        Err(ReadError::Rebuilding)
    }

    /// Records after `after`, oldest first; empty only at the head.
    ///
    /// # Errors
    /// [`ReadError`] if the journal cannot be read.
    pub async fn records(&self, after: Position, page: Page) -> Result<Vec<Streamed>, ReadError> {
        let _ = (after, page);
        Err(ReadError::Rebuilding)
    }

    /// The record at a position.
    ///
    /// # Errors
    /// [`ReadError::NoRecord`], or as [`Ledger::records`].
    pub async fn record(&self, at: Position) -> Result<ReadRecord, ReadError> {
        Err(ReadError::NoRecord(at))
    }

    /// The records at these positions, in the order asked for.
    ///
    /// # Errors
    /// As [`Ledger::record`], for the first that fails.
    pub async fn records_at(&self, at: &[Position]) -> Result<Vec<ReadRecord>, ReadError> {
        let mut records = Vec::with_capacity(at.len());
        for &position in at {
            records.push(self.record(position).await?);
        }
        Ok(records)
    }

    /// An assessment as of a moment, a day or an edition; `None` if it was not opened by then, or
    /// has no such edition.
    ///
    /// # Errors
    /// [`ReadError`] if the journal cannot be read.
    pub async fn assessment(
        &self,
        id: &AssessmentId,
        as_of: AsOf,
    ) -> Result<Option<AssessmentRead>, ReadError> {
        let _ = (id, as_of);
        Err(ReadError::Rebuilding)
    }

    /// Records that meet `filter`, known at `moment`, from `from` on (exclusive), at most `limit`.
    /// The work is bounded: a page may be short or empty and still name where to go on.
    ///
    /// # Errors
    /// [`ReadError`] if the views or the journal cannot be read.
    pub async fn find(
        &self,
        filter: &Filter,
        order: Order,
        moment: Moment,
        from: Option<Position>,
        limit: usize,
    ) -> Result<Found, ReadError> {
        let _ = (filter, order, moment, from, limit);
        Err(ReadError::Rebuilding)
    }

    /// A framework that is registered.
    #[must_use]
    pub fn framework(&self, id: &FrameworkId) -> Option<Arc<Registered>> {
        self.shared.catalogue.load().get(id).cloned()
    }

    /// All frameworks, in the order of their registration.
    #[must_use]
    pub fn frameworks(&self) -> Vec<Arc<Registered>> {
        let mut all: Vec<_> = self.shared.catalogue.load().values().cloned().collect();
        all.sort_by_key(|registered| registered.item.at);
        all
    }

    /// A subject that is registered.
    ///
    /// # Errors
    /// [`ReadError`] if the journal cannot be read.
    pub async fn subject(&self, id: &SubjectId) -> Result<Option<SubjectRead>, ReadError> {
        let _ = id;
        Err(ReadError::Rebuilding)
    }

    /// The name behind a person's id.
    #[must_use]
    pub fn name(&self, person: PersonId) -> Shown {
        match self.shared.directory.load().get(person) {
            Some((_, shown)) => shown.clone(),
            None => Shown::Missing,
        }
    }

    /// All persons of this login or name, in whichever organisation.
    #[must_use]
    pub fn persons_named(&self, name: &str) -> Vec<PersonId> {
        self.shared.directory.load().named(name)
    }

    /// Turns the names that a request states into persons.
    #[must_use]
    pub fn introductions(&self) -> super::Introductions {
        super::Introductions::new(self.shared.directory.load().as_ref().clone())
    }
}
