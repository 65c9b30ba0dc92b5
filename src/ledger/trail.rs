//! One assessment's records as they are stored: for those who check them by themselves.

use bytes::Bytes;

use super::{Ledger, ReadError, filing, fold};
use crate::{
    judgement::{AssessmentId, Position, Revision, StreamId},
    views::{Direction, Range, Term, ViewsError},
};

/// How many bytes of records one page holds: it fits into an answer with all its proofs.
const PAGE_BYTES_MAX: usize = 1 << 20;

/// A record of an assessment, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailRecord {
    /// Its place in the ledger.
    pub position: Position,
    /// Its place in the assessment.
    pub revision: Revision,
    /// Its bytes.
    pub stored: Bytes,
}

impl Ledger {
    /// The revision of an assessment's last record up to `until`; `None` if it was not opened.
    ///
    /// # Errors
    /// [`ReadError`] if the journal cannot be read.
    pub async fn revision_at(
        &self,
        id: &AssessmentId,
        until: Position,
    ) -> Result<Option<Revision>, ReadError> {
        let stream = StreamId::Assessment(id.clone());
        let key = filing::of_stream(&stream);
        let of_it = |record: &crate::record::Record| record.stream == stream;
        let last = fold::latest(&*self.shared.journal, key, until, of_it).await?;
        Ok(last.map(|keep| keep.record.revision))
    }

    /// The assessment's records after a revision, up to `until`, at most `limit`; fewer where they
    /// are large, but one if there is one.
    ///
    /// # Errors
    /// [`ReadError`] if the views or the journal cannot be read.
    pub async fn trail_after(
        &self,
        id: &AssessmentId,
        after: Revision,
        until: Position,
        limit: usize,
    ) -> Result<Vec<TrailRecord>, ReadError> {
        let views = self.shared.views().await?;
        let skipped = usize::try_from(after.get()).unwrap_or(usize::MAX);
        let range = Range { after: Position::START, before: until.next() };
        let term = Term::Assessment(id.clone());
        let positions = views.postings(&term, range, Direction::Forwards);
        let positions: Vec<Position> =
            positions.skip(skipped).take(limit).collect::<Result<_, ViewsError>>()?;
        let (mut records, mut bytes) = (Vec::new(), 0_usize);
        let mut expected = after;
        for position in positions {
            let keep = fold::keep(&*self.shared.journal, position).await?;
            expected = expected.next();
            // The views say where to look, the record what it is.
            if keep.record.stream != StreamId::Assessment(id.clone())
                || keep.record.revision != expected
            {
                return Err(ReadError::other(&keep.record, "the assessment's next record"));
            }
            bytes = bytes.saturating_add(keep.entry.record.len());
            if bytes > PAGE_BYTES_MAX && !records.is_empty() {
                break;
            }
            let (revision, stored) = (keep.record.revision, keep.entry.record);
            records.push(TrailRecord { position, revision, stored });
        }
        Ok(records)
    }
}
