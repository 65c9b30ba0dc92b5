//! Folding records into the views, in their order.

use std::{sync::Arc, time::Duration};

use lru::LruCache;

use super::{Keep, fold::STREAMS_KEPT, staging::Catalogue, topics};
use crate::{
    journal::Page,
    judgement::{Assessment, AssessmentId, StreamId},
    views::{Applied, Views, ViewsError},
};

/// How many records are read at once where all are read.
pub(super) const PAGE: Page = Page { entries_max: 4_096, bytes_max: 4 << 20 };

/// How many records are given to the views at once. More of them mean fewer states of assessments,
/// of which each batch holds one of each.
const PENDING_MAX: usize = 4_096;

/// An assessment on the way, and where in the batch its last record is.
struct State {
    assessment: Assessment,
    pending: Option<usize>,
}

/// Folds records into the views, in their order. While that lasts the views are the only ones
/// who know the state of a stream at the record in hand, so they are asked, not the journal.
pub(super) struct Replay {
    views: Arc<Views>,
    pending: Vec<Applied>,
    assessments: LruCache<AssessmentId, State>,
}

impl Replay {
    /// Goes on where the views end.
    pub(super) fn onto(views: Arc<Views>) -> Self {
        Self { views, pending: Vec::new(), assessments: LruCache::new(STREAMS_KEPT) }
    }

    /// Folds in the next record. Whatever framework it needs is in the catalogue.
    ///
    /// # Errors
    /// [`ViewsError`].
    pub(super) fn apply(&mut self, keep: Keep, catalogue: &Catalogue) -> Result<(), ViewsError> {
        let Keep { record, hash, .. } = keep;
        let before = match &record.stream {
            StreamId::Assessment(id) => self.take_out(id)?,
            StreamId::Framework(_) | StreamId::Subject(_) | StreamId::Ledger => None,
        };
        let meant = topics::meant(&record.event, before.as_ref());
        let after = match &record.stream {
            StreamId::Assessment(id) => Assessment::after(before, id, &record.fact(hash)),
            StreamId::Framework(_) | StreamId::Subject(_) | StreamId::Ledger => None,
        };
        let topics = topics::of(&record.event, &meant, after.as_ref(), catalogue);
        if let Some(assessment) = after {
            self.keep(State { assessment, pending: Some(self.pending.len()) });
        }
        self.pending.push(Applied { record: Arc::new(record), hash, topics, assessment: None });
        if self.pending.len() >= PENDING_MAX {
            self.flush()?;
        }
        Ok(())
    }

    /// An assessment as all records so far leave it, taken out so that folding need not copy it.
    fn take_out(&mut self, id: &AssessmentId) -> Result<Option<Assessment>, ViewsError> {
        if let Some(known) = self.assessments.pop(id) {
            return Ok(Some(known.assessment));
        }
        // What is pending may be of this assessment, forgotten here meanwhile.
        self.flush()?;
        Ok(self.views.assessment(id)?.map(|found| found.as_ref().clone()))
    }

    fn keep(&mut self, state: State) {
        let forgotten = self.assessments.push(state.assessment.id.clone(), state);
        if let Some((_, State { assessment, pending: Some(last) })) = forgotten
            && let Some(applied) = self.pending.get_mut(last)
        {
            applied.assessment = Some(Arc::new(assessment));
        }
    }

    /// Gives the views what is pending: an assessment once, with the last of its records there.
    ///
    /// # Errors
    /// [`ViewsError`].
    pub(super) fn flush(&mut self) -> Result<(), ViewsError> {
        for (_, state) in &mut self.assessments {
            if let Some(last) = state.pending.take()
                && let Some(applied) = self.pending.get_mut(last)
            {
                applied.assessment = Some(Arc::new(state.assessment.clone()));
            }
        }
        apply(&self.views, &self.pending)?;
        self.pending.clear();
        Ok(())
    }
}

/// How long the views may take to make room: writing a part takes some tenths of a second.
const PATIENCE: Duration = Duration::from_secs(30);

/// Folds records into the views, waiting where they lag behind. Blocks.
pub(super) fn apply(views: &Views, applied: &[Applied]) -> Result<(), ViewsError> {
    if applied.is_empty() {
        return Ok(());
    }
    match views.apply(applied) {
        Err(ViewsError::Lag) if views.wait_for_room(PATIENCE) => views.apply(applied),
        outcome => outcome,
    }
}
