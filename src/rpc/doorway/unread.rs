//! Answers that a peer asked for and has not taken yet.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// The answers of one connection that are ready. Held for a look.
#[derive(Debug, Default)]
pub(crate) struct Unread(Mutex<Ready>);

#[derive(Debug, Default)]
struct Ready {
    since: BTreeMap<u64, Instant>,
    next: u64,
}

/// One answer; it is taken, or given up, when this is dropped.
#[derive(Debug)]
pub(crate) struct UnreadAnswer {
    of: Arc<Unread>,
    number: u64,
}

impl Unread {
    /// An answer is ready.
    pub(crate) fn answer(self: &Arc<Self>) -> UnreadAnswer {
        self.answer_after(Duration::ZERO)
    }

    /// An answer is ready that may be taken in this time: it waits from then on.
    pub(crate) fn answer_after(self: &Arc<Self>, patience: Duration) -> UnreadAnswer {
        let now = Instant::now();
        let since = now.checked_add(patience).unwrap_or(now);
        let mut ready = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = ready.next;
        ready.next = number.wrapping_add(1);
        ready.since.insert(number, since);
        UnreadAnswer { of: Arc::clone(self), number }
    }

    /// Whether one of them has waited for so long.
    pub(crate) fn waits_for(&self, long: Duration) -> bool {
        let ready = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        ready
            .since
            .values()
            .any(|since| now.checked_duration_since(*since).is_some_and(|waited| waited >= long))
    }
}

impl Drop for UnreadAnswer {
    fn drop(&mut self) {
        let mut ready = self.of.0.lock().unwrap_or_else(PoisonError::into_inner);
        ready.since.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_oldest_answer_that_is_not_taken_tells_how_long_a_peer_waits() {
        let (unread, long) = (Arc::<Unread>::default(), Duration::from_secs(30));
        let answer = unread.answer();
        tokio::time::advance(Duration::from_secs(29)).await;
        assert!(!unread.waits_for(long));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(unread.waits_for(long));
        let younger = unread.answer();
        drop(answer);
        assert!(!unread.waits_for(long), "the younger one has not waited so long");
        let patient = unread.answer_after(long);
        drop(younger);
        tokio::time::advance(long * 2).await;
        assert!(unread.waits_for(long), "this one waits since its time was up");
        drop(patient);
        tokio::time::advance(Duration::from_hours(1)).await;
        assert!(!unread.waits_for(long));
    }
}
