//! One record, with its proof that it is in what the ledger signed.

use askama::Template;
use axum::extract::Path;
use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{
    Frame, PAGE_MAX, Shown, is_hidden, page_of,
    rows::{Row, details},
    shown,
};
use crate::{
    console::{fault::Fault, visitor::Visitor},
    pb::{self, query_audit_request::KnownAt},
};

#[derive(Template)]
#[template(path = "record.html", config = "src/console/askama.toml")]
struct Page {
    frame: Frame,
    row: Row,
    record_id: String,
    revision: u64,
    details: Vec<(&'static str, String)>,
    evidence: Vec<(String, u64, String)>,
    proof: Option<Proof>,
    previous: Option<String>,
    next: Option<String>,
}

/// What a browser needs to verify it: bytes in base64.
struct Proof {
    index: u64,
    size: u64,
    leaf_hash: String,
    hashes: Vec<String>,
    root: String,
    note: String,
    note_base64: String,
    keys: Vec<String>,
    /// The record as it is stored, where the visitor may have it.
    record: Option<String>,
}

/// Shows it.
pub(in crate::console) async fn page(visitor: Visitor, Path(position): Path<String>) -> Shown {
    let position = position.parse().map_err(|_| Fault::Nowhere)?;
    let (row, head) = at(&visitor, position).await?;
    let proof = proof(&visitor, &row).await?;
    let shown_row = Row::of(&row);
    let cited = row.evidence.iter();
    let cited =
        cited.map(|it| (it.entry.clone(), it.position, super::rows::record_page(it.position)));
    shown(&Page {
        frame: Frame::new(format!("Record {position}"), Some(&visitor)),
        record_id: row.record_id.clone(),
        revision: row.revision,
        details: details(&row),
        evidence: cited.collect(),
        proof,
        row: shown_row,
        previous: (position > 1)
            .then(|| page_of(&format!("records/{}", position.saturating_sub(1)))),
        next: (position < head)
            .then(|| page_of(&format!("records/{}", position.saturating_add(1)))),
    })
}

/// The row of the record at this position, and the last position that there is.
async fn at(visitor: &Visitor, position: u64) -> Result<(pb::AuditRow, u64), Fault> {
    let newest = |known_at: Option<u64>| pb::QueryAuditRequest {
        page_size: 1,
        order: pb::AuditOrder::NewestFirst.into(),
        known_at: known_at.map(KnownAt::KnownAtPosition),
        ..pb::QueryAuditRequest::default()
    };
    // Of a moment that has not come the ledger would wait a while.
    let now = visitor.audits().query_audit(newest(None)).await?.into_inner();
    let head = now.read.map_or(0, |it| it.position);
    if head < position {
        return Err(Fault::Nowhere);
    }
    let then = visitor.audits().query_audit(newest(Some(position))).await?.into_inner();
    let row = then.rows.into_iter().find(|it| it.position == position).ok_or(Fault::Nowhere)?;
    Ok((as_it_is(visitor, row).await?, head))
}

/// A record with what became of it since: corrections, challenges, a signature that lapsed. It was asked for
/// as of its own moment, which knows nothing of these.
async fn as_it_is(visitor: &Visitor, row: pb::AuditRow) -> Result<pb::AuditRow, Fault> {
    /// Records tell time to the microsecond.
    const TICK_NANOS: i32 = 1_000;
    let Some(from) = row.recorded_at else { return Ok(row) };
    let end = prost_types::Timestamp { nanos: from.nanos.saturating_add(TICK_NANOS), ..from };
    let filter = pb::AuditFilter {
        recorded_from: Some(from),
        recorded_before: Some(if end.nanos < NANOS_OF_SECOND { end } else { next_second(from) }),
        ..pb::AuditFilter::default()
    };
    let request = pb::QueryAuditRequest {
        filter: Some(filter),
        page_size: PAGE_MAX,
        ..pb::QueryAuditRequest::default()
    };
    let now = visitor.audits().query_audit(request).await?.into_inner().rows;
    Ok(now.into_iter().find(|it| it.position == row.position).unwrap_or(row))
}

const NANOS_OF_SECOND: i32 = 1_000_000_000;

fn next_second(of: prost_types::Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: of.seconds.saturating_add(1), nanos: 0 }
}

/// The proof, unless no checkpoint covers it yet.
async fn proof(visitor: &Visitor, row: &pb::AuditRow) -> Result<Option<Proof>, Fault> {
    let request = pb::GetInclusionProofRequest { position: row.position, tree_size: 0 };
    let proof = match visitor.transparency().get_inclusion_proof(request).await {
        Ok(proof) => proof.into_inner(),
        Err(status) if status.code() == tonic::Code::Unavailable => return Ok(None),
        Err(status) => return Err(status.into()),
    };
    let base64 = |bytes: &[u8]| BASE64_STANDARD.encode(bytes);
    let checkpoint = proof.checkpoint.unwrap_or_default();
    Ok(Some(Proof {
        index: proof.index,
        size: proof.tree_size,
        leaf_hash: base64(&proof.leaf_hash),
        hashes: proof.hashes.iter().map(|it| base64(it)).collect(),
        root: base64(&proof.root),
        note: String::from_utf8_lossy(&checkpoint.note).into_owned(),
        note_base64: base64(&checkpoint.note),
        keys: checkpoint.keys,
        record: stored(visitor, row).await?.map(|it| base64(&it)),
    }))
}

/// The record's bytes, if it is of an assessment and the visitor may take them.
async fn stored(visitor: &Visitor, row: &pb::AuditRow) -> Result<Option<bytes::Bytes>, Fault> {
    if !row.stream.contains("/assessments/") {
        return Ok(None);
    }
    let request = pb::GetTrailRequest {
        assessment: row.stream.clone(),
        after_revision: row.revision.saturating_sub(1),
        page_size: 1,
        min_size: row.position,
    };
    let trail = match visitor.transparency().get_trail(request).await {
        Ok(trail) => trail.into_inner(),
        Err(status) if is_hidden(&status) => return Ok(None),
        Err(status) => return Err(status.into()),
    };
    let found = trail.records.into_iter().find(|it| it.position == row.position);
    Ok(found.map(|it| it.record))
}
