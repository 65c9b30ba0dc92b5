//! The record: one event with its provenance, as the ledger stores it.
//!
//! A [`Record`] holds no text, only commitments to texts; the texts lie sealed beside its bytes.
//! This module owns the way between the two, the bytes and their versions, whether a record
//! answers a request that comes again, the documents of frameworks, and the disposable snapshots
//! of what stands. It knows neither where bytes are kept nor how texts are sealed.

mod beside;
mod commitment;
mod committing;
mod encoding;
mod framework;
#[cfg(test)]
mod golden;
mod headline;
mod json;
mod outline;
mod same_content;
#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod shapes;
mod snapshot;
mod wire;

use jiff::{Timestamp, civil::Date};

use crate::{
    judgement::{Act, Event, Fact, Item, Position, RecordId, Recorder, Revision, StreamId},
    merkle::Hash,
};

pub use beside::{Beside, NotBeside};
pub use commitment::{Commitment, Opening};
pub use committing::{Committed, CommittedText, commit};
pub use encoding::{Numbered, RECORD_BYTES_MAX, TooLarge, Unreadable};
pub use framework::{
    DOCUMENT_BYTES_MAX, Fault, built_in, document_of, feeds_of, framework_from_json, framework_of,
    framework_schema, framework_to_json, layout_of, line_of, locate, read_framework,
};
pub use headline::{Headline, Opened, Redacted};
pub use json::{BadJson, from_json, to_json};
pub use outline::Outline;
pub use snapshot::{read_snapshot, snapshot_of};

/// One event with its provenance. (Spec §4)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What it belongs to.
    pub stream: StreamId,
    /// Its place in the ledger.
    pub position: Position,
    /// Its place in the stream.
    pub revision: Revision,
    /// Its id, a UUIDv7.
    pub id: RecordId,
    /// The ledger's clock, never before the previous record. (Spec §4.5)
    pub recorded_at: Timestamp,
    /// What the clock said, where that differs from `recorded_at`.
    pub clock: Option<Timestamp>,
    /// The day of `recorded_at` in the ledger's time zone.
    pub recorded_on: Date,
    /// Who recorded it.
    pub recorded_by: Recorder,
    /// The record before it in the stream.
    pub previous: Option<Previous>,
    /// Its circumstances.
    pub act: Act<Commitment>,
    /// What happened.
    pub event: Event<Commitment>,
}

/// The record before in the same stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Previous {
    /// Where it stands.
    pub position: Position,
    /// Its leaf hash.
    pub hash: Hash,
}

impl Record {
    /// The record as the fold sees it; `hash` is the leaf hash of its bytes.
    #[must_use]
    pub fn fact(&self, hash: Hash) -> Fact<'_, Commitment> {
        Fact {
            item: Item { at: self.position, record: self.id, hash },
            revision: self.revision,
            recorded_at: self.recorded_at,
            recorded_on: self.recorded_on,
            recorded_by: &self.recorded_by,
            act: &self.act,
            event: &self.event,
        }
    }
}
