//! Redactions of texts. The stream that an order is about is that of the record it names, which the
//! ledger is asked for first; what is not there the rules refuse, once they know who asks.

use prost::Message as _;
use tonic::Status;

use super::{
    Identity, status,
    submit::submit_one,
    wire::{approve_redaction, receipt, refuse_redaction, request_redaction},
};
use crate::{
    judgement::{Position, StreamId},
    ledger::Ledger,
    pb,
};

/// Asks that a text be erased.
pub(super) async fn request(
    ledger: &Ledger,
    identity: &Identity,
    given: &pb::RequestRedactionRequest,
) -> Result<pb::Receipt, Status> {
    let stream = stream_at(ledger, given.position).await?;
    let recorded = submit_one(ledger, identity, given.encoded_len(), |at, names| {
        request_redaction(at, (&stream, given), names)
    });
    Ok(receipt(&recorded.await?))
}

/// Orders that a text be erased.
pub(super) async fn approve(
    ledger: &Ledger,
    identity: &Identity,
    given: &pb::ApproveRedactionRequest,
) -> Result<pb::Receipt, Status> {
    let stream = stream_at(ledger, given.request_position).await?;
    let recorded = submit_one(ledger, identity, given.encoded_len(), |at, names| {
        approve_redaction(at, (&stream, given), names)
    });
    Ok(receipt(&recorded.await?))
}

/// Refuses that a text be erased.
pub(super) async fn refuse(
    ledger: &Ledger,
    identity: &Identity,
    given: &pb::RefuseRedactionRequest,
) -> Result<pb::Receipt, Status> {
    let stream = stream_at(ledger, given.request_position).await?;
    let recorded = submit_one(ledger, identity, given.encoded_len(), |at, names| {
        refuse_redaction(at, (&stream, given), names)
    });
    Ok(receipt(&recorded.await?))
}

/// The stream of the record at a position; where there is none, the ledger's own, in which the
/// rules then find nothing either.
async fn stream_at(ledger: &Ledger, position: u64) -> Result<StreamId, Status> {
    let found = ledger.stream_at(Position::new(position)).await;
    let found = found.map_err(|error| status::of_read(&error))?;
    Ok(found.unwrap_or(StreamId::Ledger))
}
