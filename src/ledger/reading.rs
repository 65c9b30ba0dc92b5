//! What readers get: records with their texts, and assessments at a moment.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use jiff::{Timestamp, civil::Date};
use tokio::sync::watch;

use super::{
    Erasure, Introductions, Keep, Ledger, Moment, ReadError, Registered, fold, texts::Opener,
};
use crate::{
    judgement::{
        Act, Assessment, Event, FrameworkId, OrganisationId, PersonId, Phase, Position, StreamId,
        SubjectId, Text,
    },
    record::Record,
};

/// How long a reader waits for a position that it holds a receipt of.
const REACHED_WAIT: Duration = Duration::from_secs(5);

/// A text as a reader gets it. (Spec §5.1)
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// The text.
    Present(Text),
    /// It was erased.
    Erased(Arc<Erasure>),
    /// It should be there and is not.
    Missing,
}

/// A record with its texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadRecord {
    /// The record.
    pub record: Record,
    /// The record's bytes as stored: hashed as they are.
    pub stored: Bytes,
    /// Its circumstances, with the texts in them.
    pub act: Act<Shown>,
    /// What happened, with the texts in it.
    pub event: Event<Shown>,
}

/// How a client names a moment. (Spec §2, `known_at`)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownAt {
    /// Now.
    Now,
    /// After this record.
    Position(Position),
    /// After the last record that was recorded at or before this time.
    Time(Timestamp),
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
    /// What stands in the state that was asked for.
    pub assessment: Arc<Assessment>,
    /// What was known of the assessment at that moment, whichever state was asked for: what became
    /// of an edition is recorded after it.
    pub known: Arc<Assessment>,
    /// Whether the state that was asked for holds.
    pub holds: Holds,
    /// Its framework.
    pub framework: Arc<Registered>,
    /// The moment that the answer reflects.
    pub moment: Moment,
}

/// Whether a state that was asked for holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// It does, or it was asked for as it was.
    AsAsked,
    /// It was withdrawn: there is nothing in it to be shown.
    Withdrawn,
}

impl AssessmentRead {
    /// The same without anything that was published: it was withdrawn.
    #[must_use]
    pub fn withdrawn(self) -> Self {
        let mut bare = self.known.as_ref().clone();
        bare.judgements.clear();
        bare.entries.clear();
        bare.addressee = None;
        // There may be a working edition, of which nothing is said here.
        bare.edition = bare.published.last().map_or(bare.edition, |last| last.number);
        bare.phase = Phase::Published;
        Self { assessment: Arc::new(bare), holds: Holds::Withdrawn, ..self }
    }
}

/// A subject as read.
#[derive(Debug, Clone)]
pub struct SubjectRead {
    /// Its id.
    pub subject: SubjectId,
    /// What it was called, in the order of the records.
    pub names: Vec<DatedName>,
    /// What it is.
    pub kind: String,
    /// The record that registered it.
    pub position: Position,
}

/// A name of a subject.
#[derive(Debug, Clone)]
pub struct DatedName {
    /// What it is called.
    pub name: String,
    /// From which day; `None` for the name that it was registered with, which holds until another
    /// does.
    pub from: Option<Date>,
    /// The record of it.
    pub position: Position,
}

impl SubjectRead {
    /// The name that held on a day: of those that hold from that day or earlier, the one recorded
    /// last; without a day, the one recorded last, since none holds from a day to come.
    #[must_use]
    pub fn name_on(&self, day: Option<Date>) -> &str {
        let holds = |it: &&DatedName| match (it.from, day) {
            (Some(from), Some(day)) => from <= day,
            (None, _) | (_, None) => true,
        };
        self.names.iter().rev().find(holds).map_or("", |it| it.name.as_str())
    }
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
        self.shared.head()
    }

    /// Follows the head: changes whenever something was recorded.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<Moment> {
        self.shared.head.subscribe()
    }

    /// Waits until readers can see `position`, for at most five seconds. (Spec §5.2)
    ///
    /// # Errors
    /// [`ReadError::NotReached`] if that takes longer.
    pub async fn reached(&self, position: Position) -> Result<(), ReadError> {
        if self.head().position >= position {
            return Ok(());
        }
        let mut follow = self.follow();
        let reached = follow.wait_for(|head| head.position >= position);
        match tokio::time::timeout(REACHED_WAIT, reached).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => {
                Err(ReadError::NotReached { asked: position, head: self.head().position })
            }
        }
    }

    /// The record at a position.
    ///
    /// # Errors
    /// [`ReadError::NoRecord`], or as [`Ledger::records`].
    pub async fn record(&self, at: Position) -> Result<ReadRecord, ReadError> {
        if at > self.head().position {
            return Err(ReadError::NoRecord(at));
        }
        Ok(self.read_keep(fold::keep(&*self.shared.journal, at).await?))
    }

    /// The stream of the record at a position; `None` if there is no such record.
    ///
    /// # Errors
    /// As [`Ledger::records`].
    pub async fn stream_at(&self, at: Position) -> Result<Option<StreamId>, ReadError> {
        if at == Position::START || at > self.head().position {
            return Ok(None);
        }
        Ok(Some(fold::keep(&*self.shared.journal, at).await?.record.stream))
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

    /// A record with its texts opened.
    pub(super) fn read_keep(&self, keep: Keep) -> ReadRecord {
        let erasures = self.shared.erasures.load();
        let texts = Opener { vault: &self.shared.vault, erasures: &erasures };
        let mut opened = texts.of(&keep).into_iter();
        let (act, event) =
            keep.record.with_texts(&mut |_, _| opened.next().unwrap_or(Shown::Missing));
        ReadRecord { record: keep.record, stored: keep.entry.record, act, event }
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

    /// The name behind a person's id.
    #[must_use]
    pub fn name(&self, person: PersonId) -> Shown {
        self.shared.directory.load().name(person).cloned().unwrap_or(Shown::Missing)
    }

    /// The person of this login or name in an organisation.
    #[must_use]
    pub fn person(&self, organisation: &OrganisationId, name: &str) -> Option<PersonId> {
        self.shared.directory.load().find(organisation, name)
    }

    /// All persons of this login or name, in whichever organisation.
    #[must_use]
    pub fn persons_named(&self, name: &str) -> Vec<PersonId> {
        self.shared.directory.load().named(name)
    }

    /// Turns the names that a request states into persons.
    #[must_use]
    pub fn introductions(&self) -> Introductions {
        let directory = self.shared.directory.load().as_ref().clone();
        Introductions::new(directory, Arc::clone(&self.shared.persons))
    }
}
