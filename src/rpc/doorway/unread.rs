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
        let mut ready = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = ready.next;
        ready.next = number.wrapping_add(1);
        ready.since.insert(number, Instant::now());
        UnreadAnswer { of: Arc::clone(self), number }
    }

    /// Whether the oldest has waited for so long.
    pub(super) fn waits_for(&self, long: Duration) -> bool {
        let ready = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // They come in the order of their numbers.
        ready.since.first_key_value().is_some_and(|(_, since)| since.elapsed() >= long)
    }
}

impl Drop for UnreadAnswer {
    fn drop(&mut self) {
        let mut ready = self.of.0.lock().unwrap_or_else(PoisonError::into_inner);
        ready.since.remove(&self.number);
    }
}
