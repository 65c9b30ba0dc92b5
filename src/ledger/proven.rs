//! Records with all that proves them: their bytes, what lies beside them, and the openings of their
//! texts. Whoever gets these can prove the texts for ever: it is for the caller to record who did.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::{
    Keep, Ledger, ReadError, filing, fold,
    texts::{self, Opener},
};
use crate::{
    judgement::{Correction, Deciding, Event, PersonId, Position, StreamId, Text},
    record::{Opening, Record},
};

/// A record with all that proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// What it says.
    pub record: Record,
    /// Its bytes as stored.
    pub stored: Bytes,
    /// The document of the framework that it registers.
    pub document: Option<Bytes>,
    /// Its texts by their fields, in the record's order.
    pub texts: Vec<(String, ProvenText)>,
}

/// A text with what proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProvenText {
    /// The salt of its commitment, and the text.
    Open(Opening, Text),
    /// It was erased.
    Erased {
        /// By this record.
        order: Position,
    },
    /// It should be there and is not.
    Missing,
}

impl Ledger {
    /// The record at a position.
    ///
    /// # Errors
    /// As [`Ledger::record`].
    pub async fn proven(&self, at: Position) -> Result<Proven, ReadError> {
        if at > self.head().position {
            return Err(ReadError::NoRecord(at));
        }
        Ok(self.prove(fold::keep(&*self.shared.journal, at).await?))
    }

    /// All records of a stream up to a position, oldest first.
    ///
    /// # Errors
    /// [`ReadError`] if the journal cannot be read.
    pub async fn proven_stream(
        &self,
        stream: &StreamId,
        until: Position,
    ) -> Result<Vec<Proven>, ReadError> {
        let keeps = self.stream(stream, until).await?;
        Ok(keeps.into_iter().map(|keep| self.prove(keep)).collect())
    }

    /// What all records of a stream say up to a position, oldest first; their texts stay closed.
    ///
    /// # Errors
    /// [`ReadError`] if the journal cannot be read.
    pub async fn stated(
        &self,
        stream: &StreamId,
        until: Position,
    ) -> Result<Vec<Record>, ReadError> {
        let keeps = self.stream(stream, until).await?;
        Ok(keeps.into_iter().map(|keep| keep.record).collect())
    }

    /// Where the ledger's own stream tells of these persons and of its keys, and orders texts of those
    /// records to be erased; up to a position, oldest first.
    ///
    /// # Errors
    /// [`ReadError`] if the journal cannot be read.
    pub async fn explaining(
        &self,
        persons: &BTreeSet<PersonId>,
        until: Position,
    ) -> Result<Vec<Position>, ReadError> {
        let keeps = self.stream(&StreamId::Ledger, until).await?;
        let mut found = BTreeSet::new();
        for Keep { record, .. } in &keeps {
            let tells = if let Event::PersonRegistered(event) = &record.event {
                persons.contains(&event.person)
            } else {
                record.event.redacts().is_some_and(|(of, _)| found.contains(&of))
            };
            if tells || matches!(record.event, Event::KeyRotated(_)) {
                found.insert(record.position);
            }
        }
        Ok(found.into_iter().collect())
    }

    /// The records of a stream up to a position, oldest first.
    pub(super) async fn stream(
        &self,
        stream: &StreamId,
        until: Position,
    ) -> Result<Vec<Keep>, ReadError> {
        let journal = &*self.shared.journal;
        let meant = |record: &Record| record.stream == *stream;
        match fold::latest(journal, filing::of_stream(stream), until, meant).await? {
            Some(last) => fold::trail(journal, last, None).await,
            None => Ok(Vec::new()),
        }
    }

    fn prove(&self, keep: Keep) -> Proven {
        let document = texts::document(&keep);
        let erasures = self.shared.erasures.load();
        let texts = Opener { vault: &self.shared.vault, erasures: &erasures }.proven(&keep);
        Proven { record: keep.record, stored: keep.entry.record, document, texts }
    }
}

impl Proven {
    /// The persons whom the record names by their ids.
    #[must_use]
    pub fn persons(&self) -> BTreeSet<PersonId> {
        let mut persons = BTreeSet::from([self.record.recorded_by.person]);
        let act = &self.record.act;
        let corrected = if let Event::RecordCorrected(event) = &self.record.event
            && let Correction::DecidedBy(decider) = &event.to
        {
            Some(decider)
        } else {
            None
        };
        let stated = [act.decided_by.as_ref(), act.instructed_by.as_ref(), corrected];
        for decider in stated.into_iter().flatten() {
            match &decider.who {
                Deciding::Person(person) => {
                    persons.insert(*person);
                }
                Deciding::Panel(panel) => persons.extend(panel.members.iter().copied()),
            }
        }
        persons
    }
}
