//! Decoding on a thread of its own: what folds records must keep their order and so has but one
//! core, which decoding shall not take from it.

use std::{
    io,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use super::{Keep, ReadError};
use crate::journal::Stored;

/// How many pages are on the way: one in hand, one waiting. They bound the memory it takes.
const PAGES_MAX: usize = 2;

/// Pages of stored records on their way to being decoded, in order. The thread ends with it.
pub(super) struct Decoding {
    stored: SyncSender<Vec<Stored>>,
    decoded: Receiver<Result<Vec<Keep>, ReadError>>,
    under_way: usize,
}

impl Decoding {
    /// Begins a thread that decodes.
    ///
    /// # Errors
    /// If there is no thread to be had.
    pub(super) fn begin() -> io::Result<Self> {
        let (stored, pages) = sync_channel::<Vec<Stored>>(PAGES_MAX);
        let (done, decoded) = sync_channel(PAGES_MAX);
        let decode = move || {
            for page in pages {
                // Once nobody waits for it any more there is nothing left to do.
                if done.send(page.into_iter().map(Keep::of).collect()).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name("records-decoding".to_owned()).spawn(decode)?;
        Ok(Self { stored, decoded, under_way: 0 })
    }

    /// Whether there is room for another page.
    pub(super) fn has_room(&self) -> bool {
        self.under_way < PAGES_MAX
    }

    /// Hands in a page; the caller has seen that there is room.
    pub(super) fn put(&mut self, page: Vec<Stored>) {
        self.under_way = self.under_way.saturating_add(1);
        // A thread that is gone shows when the page is asked for.
        drop(self.stored.send(page));
    }

    /// The page that was handed in first, decoded; nothing if there is none under way. Blocks.
    ///
    /// # Errors
    /// [`ReadError::Unreadable`] for a record in it that cannot be understood.
    pub(super) fn next(&mut self) -> Option<Result<Vec<Keep>, ReadError>> {
        self.under_way = self.under_way.checked_sub(1)?;
        self.decoded.recv().ok()
    }
}
