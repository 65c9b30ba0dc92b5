//! Answers that show the grades of an assessment and nothing else, kept to be given again.
//!
//! What such an answer says depends on the assessment's revision, on what was recorded of it since,
//! and on who may see what; only the
//! moment is another each time, and what became of the editions, which is not kept. So it is made once a revision, as long as it shows no text: texts
//! can be erased, and then must not come from here.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use lru::LruCache;

use crate::{
    judgement::{AssessmentId, Revision},
    ledger::AssessmentRead,
    pb,
    rpc::sight::Sight,
};

/// How many are kept, at some kilobytes each.
const KEPT_MAX: NonZeroUsize = NonZeroUsize::new(1_024).unwrap();

/// The last answer for each assessment, and for whom.
pub(crate) struct KeptGrades(Mutex<LruCache<(AssessmentId, Sight), Kept>>);

/// An answer, and the revision of the assessment when it was made.
type Kept = (Revision, Arc<pb::Assessment>);

impl Default for KeptGrades {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(KEPT_MAX)))
    }
}

impl KeptGrades {
    /// The answer that was kept of this very revision, when nothing more was recorded.
    pub(super) fn get(&self, of: &AssessmentRead, sight: &Sight) -> Option<Arc<pb::Assessment>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, answer) = kept.get(&(of.known.id.clone(), sight.clone()))?;
        let same = answer.revision == of.assessment.revision.get() && *known == of.known.revision;
        same.then(|| Arc::clone(answer))
    }

    /// Keeps an answer without texts.
    pub(super) fn keep(&self, of: &AssessmentRead, sight: &Sight, answer: &pb::Assessment) {
        let key = (of.known.id.clone(), sight.clone());
        let answer = pb::Assessment { editions: Vec::new(), read: None, ..answer.clone() };
        let kept = (of.known.revision, Arc::new(answer));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).put(key, kept);
    }
}
