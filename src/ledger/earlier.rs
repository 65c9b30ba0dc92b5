//! Earlier records of an assessment that an order names: one that is corrected, or the last of those
//! that a draft showed. In the group so far, else in the journal.

use std::sync::Arc;

use super::{SubmitError, staging::Stage};
use crate::{
    judgement::{Assessment, AssessmentId, Correctable, Position, StreamId},
    record::Record,
};

/// The record at a position, if it is one of the assessment's.
pub(super) async fn correctable(
    stage: &Stage<'_>,
    id: &AssessmentId,
    at: Position,
) -> Result<Option<Correctable>, SubmitError> {
    let stream = StreamId::Assessment(id.clone());
    let of = |record: &Record| (record.stream == stream).then(|| Correctable::of(&record.event));
    let mut staged = stage.records.iter().map(|staged| &staged.keep.record);
    if let Some(record) = staged.find(|record| record.position == at) {
        return Ok(of(record));
    }
    if at == Position::START || at > stage.head {
        return Ok(None);
    }
    Ok(of(&stage.desk.fold.record(at).await?.record))
}

/// The assessment as known at a position, or as it stands; `None` if it was not there yet, or the
/// ledger has not come to that position.
pub(super) async fn as_known(
    stage: &Stage<'_>,
    now: &Arc<Assessment>,
    at: Option<Position>,
) -> Result<Option<Arc<Assessment>>, SubmitError> {
    let at = at.unwrap_or(now.last.at);
    if at < now.opened.at || at >= stage.next() {
        return Ok(None);
    }
    if at >= now.last.at {
        return Ok(Some(Arc::clone(now)));
    }
    let stored = stage.desk.fold.as_known(&now.id, at.min(stage.head)).await?;
    let stream = StreamId::Assessment(now.id.clone());
    let staged = stage.records.iter().map(|staged| &staged.keep);
    let staged = staged.filter(|it| it.record.stream == stream && it.record.position <= at);
    let known = staged.fold(stored, |before, keep| {
        Assessment::after(before, &now.id, &keep.record.fact(keep.hash))
    });
    Ok(known.map(Arc::new))
}
