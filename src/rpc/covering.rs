//! The checkpoint that covers what was just recorded.

use bytes::Bytes;
use tonic::Status;

use crate::{
    judgement::Position,
    ledger::Ledger,
    merkle::{Checkpoint, SignedNote, TreeHead},
    rpc::status,
};

/// A published checkpoint.
pub(crate) struct Covering {
    /// Which log it is of.
    pub(crate) origin: String,
    /// How many records it covers, and the root over them.
    pub(crate) head: TreeHead,
    /// The checkpoint as signed.
    pub(crate) signed: SignedNote,
    /// Its bytes.
    pub(crate) note: Bytes,
}

/// The newest checkpoint, once it covers the record at a position; waited for, for a moment.
pub(crate) async fn covering(ledger: &Ledger, at: Position) -> Result<Covering, Status> {
    let published = ledger.checkpoint_covering(at.get()).await;
    let published = published.map_err(|error| status::of_read(&error))?;
    let signed = published.note.clone();
    let checkpoint = Checkpoint::parse(signed.unverified_text()).map_err(|error| {
        tracing::error!(%error, "the published checkpoint cannot be read");
        status::defect()
    })?;
    let note = Bytes::from(signed.to_string());
    let origin = checkpoint.origin().to_string();
    Ok(Covering { origin, head: published.head, signed, note })
}
