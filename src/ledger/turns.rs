//! How many readings gather pages at once.
//!
//! A page of a thousand rows is a few mebibytes while it is gathered. Hundreds that are gathered at the same
//! time are no sooner done than one after the other, and take hundreds of mebibytes. So each waits for
//! its turn, in the order in which they came, and holds nothing meanwhile but what it was asked.

use std::{num::NonZeroUsize, thread::available_parallelism};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::Ledger;

/// How many gather for each processor: one of two may wait for the disk.
const FOR_EACH_PROCESSOR: usize = 2;

/// How many at least, and at most.
const LEAST: usize = 4;
const MOST: usize = 32;

/// Those that may gather.
#[derive(Debug)]
pub(super) struct Turns(Semaphore);

/// A turn, until this is dropped.
#[derive(Debug)]
pub struct Turn<'l>(#[expect(dead_code, reason = "held")] Option<SemaphorePermit<'l>>);

impl Turns {
    pub(super) fn new() -> Self {
        let processors = available_parallelism().map_or(1, NonZeroUsize::get);
        let turns = processors.saturating_mul(FOR_EACH_PROCESSOR);
        Self(Semaphore::new(turns.clamp(LEAST, MOST)))
    }
}

impl Ledger {
    /// Waits until it is a reading's turn to gather a page. Not to be taken by who has one, nor before
    /// anything is waited for that others must bring about.
    pub async fn turn(&self) -> Turn<'_> {
        // It is never closed.
        Turn(self.shared.turns.0.acquire().await.ok())
    }
}
