//! Records that are passed on as they are stored, with their texts beside them.
//!
//! A reader who wants all there is wants the bytes that are the evidence. So a record is not decoded
//! to be passed on: its [`Outline`] says what must be known of it, and its texts are opened only
//! once it is known to be wanted.

use std::borrow::Cow;

use bytes::Bytes;
use uuid::Uuid;

use super::{
    Ledger, ReadError, Shown, fold,
    texts::{Opener, Owner},
};
use crate::{
    journal::{Entry, Page},
    judgement::Position,
    record::{Commitment, Outline, Unreadable},
};

/// A text and the path of its field.
pub type PassedText = (Cow<'static, str>, Shown);

/// A record to be passed on as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOn {
    /// Where it stands.
    pub position: Position,
    /// What happened, by the event's name.
    pub event: &'static str,
    /// The record's bytes, hashed as they are, and what lies sealed beside them.
    pub entry: Entry,
    stream: Bytes,
    id: Uuid,
    fields: Vec<(Cow<'static, str>, Commitment)>,
}

/// A record, or the bytes of one that a newer version wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Streamed {
    /// A record.
    Record(PassedOn),
    /// Written by a newer version: its bytes as stored.
    Newer(Position, Bytes),
}

impl PassedOn {
    /// The record of an entry.
    ///
    /// # Errors
    /// [`Unreadable`], which tells a newer record from one that is none.
    pub fn of(position: Position, entry: Entry) -> Result<Self, Unreadable> {
        let Outline { stream, id, event, texts } = Outline::of(&entry.record)?;
        let stream = match stream {
            Cow::Borrowed(stream) => entry.record.slice_ref(stream.as_bytes()),
            Cow::Owned(stream) => Bytes::from(stream),
        };
        Ok(Self { position, event, stream, id, fields: texts, entry })
    }

    /// The resource name of its stream.
    #[must_use]
    pub fn stream(&self) -> &str {
        str::from_utf8(&self.stream).unwrap_or_default()
    }
}

impl Streamed {
    /// Where it stands.
    #[must_use]
    pub fn position(&self) -> Position {
        match self {
            Self::Record(passed_on) => passed_on.position,
            Self::Newer(position, _) => *position,
        }
    }
}

impl Ledger {
    /// Records after `after`, oldest first; empty only at the head.
    ///
    /// # Errors
    /// [`ReadError`] if the journal cannot be read.
    pub async fn records(&self, after: Position, page: Page) -> Result<Vec<Streamed>, ReadError> {
        let head = self.head().position;
        let found = self.shared.journal.read(after, page).await?;
        // The journal may hold a group that is durable and about to be published.
        let visible = found.into_iter().filter(|stored| stored.position <= head);
        visible
            .map(|stored| match PassedOn::of(stored.position, stored.entry.clone()) {
                Ok(passed_on) => Ok(Streamed::Record(passed_on)),
                Err(Unreadable::Newer { .. }) => {
                    Ok(Streamed::Newer(stored.position, stored.entry.record))
                }
                Err(error @ Unreadable::Malformed { .. }) => {
                    Err(fold::unreadable(stored.position, &error))
                }
            })
            .collect()
    }

    /// The texts of a record with the paths of their fields, in the record's order.
    #[must_use]
    pub fn texts(&self, of: &PassedOn) -> Vec<PassedText> {
        let owner = Owner { position: of.position, id: of.id, sealed: &of.entry.sealed };
        let erasures = self.shared.erasures.load();
        let texts = Opener { vault: &self.shared.vault, erasures: &erasures };
        let shown = texts.opened(owner, &of.fields);
        of.fields.iter().map(|(field, _)| field.clone()).zip(shown).collect()
    }
}
