//! Assessments lately read from the store.

use std::sync::Arc;

use lru::LruCache;

use crate::judgement::{Assessment, AssessmentId, Position};

/// Assessments as the store has them, as many as fit into a number of bytes, the latest read
/// ones. What is in memory is newer and is asked first.
#[derive(Debug)]
pub(super) struct Cache {
    kept: LruCache<AssessmentId, (Arc<Assessment>, usize)>,
    /// The sizes of all that is kept, as encoded, and their bound.
    bytes: usize,
    bytes_max: usize,
    /// The store that is mirrored: the one with everything up to this record.
    written: Position,
}

impl Cache {
    /// An empty cache over a store that is whole up to `written`.
    pub(super) fn new(bytes_max: usize, written: Position) -> Self {
        Self { kept: LruCache::unbounded(), bytes: 0, bytes_max, written }
    }

    /// The assessment, if it is kept.
    pub(super) fn get(&mut self, id: &AssessmentId) -> Option<Arc<Assessment>> {
        self.kept.get(id).map(|(assessment, _)| Arc::clone(assessment))
    }

    /// Keeps what was read from the store as it stood at `written`. If a part came in meanwhile,
    /// it may have replaced just this assessment: then it is not kept.
    pub(super) fn keep(&mut self, assessment: &Arc<Assessment>, bytes: usize, written: Position) {
        if written != self.written {
            return;
        }
        let kept = (Arc::clone(assessment), bytes);
        if let Some((_, before)) = self.kept.put(assessment.id.clone(), kept) {
            self.bytes = self.bytes.saturating_sub(before);
        }
        self.bytes = self.bytes.saturating_add(bytes);
        while self.bytes > self.bytes_max
            && let Some((_, (_, dropped))) = self.kept.pop_lru()
        {
            self.bytes = self.bytes.saturating_sub(dropped);
        }
    }

    /// Forgets what a part replaced in the store, which is whole up to `written` from now on.
    pub(super) fn forget<'a>(
        &mut self,
        replaced: impl IntoIterator<Item = &'a AssessmentId>,
        written: Position,
    ) {
        self.written = written;
        for id in replaced {
            if let Some((_, bytes)) = self.kept.pop(id) {
                self.bytes = self.bytes.saturating_sub(bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::tests::some_assessments;

    #[test]
    fn the_cache_stays_within_its_bytes_and_drops_what_was_read_longest_ago() {
        let mut cache = Cache::new(100, Position::START);
        let [one, two, three, ..] = some_assessments();
        cache.keep(&one, 40, Position::START);
        cache.keep(&two, 40, Position::START);
        assert_eq!(cache.get(&one.id), Some(Arc::clone(&one)));
        cache.keep(&three, 40, Position::START);
        assert_eq!((cache.get(&two.id), cache.bytes), (None, 80));
        cache.keep(&three, 61, Position::START);
        assert_eq!((cache.get(&one.id), cache.bytes), (None, 61));
        cache.keep(&two, 101, Position::START);
        assert_eq!((cache.kept.len(), cache.bytes), (0, 0));
    }

    #[test]
    fn what_was_read_before_a_part_came_in_is_not_kept() {
        let mut cache = Cache::new(100, Position::START);
        let [one, two, ..] = some_assessments();
        cache.keep(&one, 1, Position::START);
        cache.keep(&two, 1, Position::START);
        cache.forget([&one.id], Position::new(9));
        assert_eq!((cache.get(&one.id), cache.bytes), (None, 1));
        cache.keep(&one, 1, Position::START);
        assert_eq!(cache.get(&one.id), None);
        cache.keep(&one, 1, Position::new(9));
        assert!(cache.get(&one.id).is_some() && cache.get(&two.id).is_some());
    }
}
