//! The indexer: the one thread that writes into the store, and what it shares with the others.

use std::{
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{
    Applied, Reason, SnapshotCodec, ViewsError, ViewsOptions,
    cache::Cache,
    contain, directory,
    known::Note,
    memory::Memory,
    part::{Keys, Part},
    store::{Saved, Store},
    writing::{Step, Writing},
};

/// How long a store may take to close. One that was sound needs a second at most; one whose own
/// threads have panicked may never close.
const CLOSE_PATIENCE: Duration = Duration::from_secs(20);

/// How often it is looked whether the last readers of a store, or the indexer, are done.
const READERS_PAUSE: Duration = Duration::from_millis(5);

/// What the callers and the indexer share.
#[derive(Debug)]
pub(super) struct Shared {
    /// Held for writing to fold a batch, about a microsecond a record, and to retire a part, less
    /// than that; for reading, for a few look-ups of a hash map. Never while the store is asked.
    memory: RwLock<Memory>,
    /// Held for one look or one change. Where both are held, this one is taken first.
    pub(super) cache: Mutex<Cache>,
    /// Whether the views stop. Held for a look; waiting on `moved` lets go of it. Where the memory
    /// is locked too, this one is taken first.
    stopping: Mutex<bool>,
    /// Told when a part was sealed or retired, when the store broke and when the views stop.
    moved: Condvar,
    pub(super) codec: SnapshotCodec,
    /// Whose views these are.
    ledger: Arc<[u8]>,
    /// Where the store lies.
    pub(super) database: PathBuf,
}

impl Shared {
    pub(super) fn new(
        memory: Memory,
        cache: Cache,
        options: &ViewsOptions,
        database: PathBuf,
    ) -> Self {
        Self {
            memory: RwLock::new(memory),
            cache: Mutex::new(cache),
            stopping: Mutex::new(false),
            moved: Condvar::new(),
            codec: options.codec,
            ledger: Arc::clone(&options.ledger),
            database,
        }
    }

    /// What is in memory, for a look at it.
    pub(super) fn memory(&self) -> RwLockReadGuard<'_, Memory> {
        // Nothing that is done under these locks panics, short of memory running out, which ends
        // the process: a poisoned lock guards what a sound one does. So in all of this file.
        self.memory.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is in memory.
    fn change<T>(&self, how: impl FnOnce(&mut Memory) -> T) -> T {
        how(&mut self.memory.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn stopping(&self) -> MutexGuard<'_, bool> {
        self.stopping.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes all who wait. The flag's lock is taken so that none of them misses it between its
    /// look and its sleep.
    fn tell(&self) {
        drop(self.stopping());
        self.moved.notify_all();
    }

    /// Folds a batch in and seals the part that is full then.
    pub(super) fn apply(&self, batch: &[Applied]) -> Result<(), ViewsError> {
        let keys = Keys::of(batch);
        let sealed = self.change(|memory| {
            memory.seal_full();
            memory.apply(&keys, batch)?;
            Ok(memory.seal_full())
        })?;
        if sealed {
            self.tell();
        }
        Ok(())
    }

    /// Seals the filling part, however small, if it can be.
    pub(super) fn seal(&self) {
        if self.change(Memory::seal) {
            self.tell();
        }
    }

    /// Waits until `what` holds of the memory, the store broke, the views stop or `patience` is
    /// over. Whether it holds.
    pub(super) fn wait(&self, patience: Duration, what: impl Fn(&Memory) -> bool) -> bool {
        let over = Instant::now().checked_add(patience);
        let mut stopping = self.stopping();
        loop {
            let (holds, broken) = {
                let memory = self.memory();
                (what(&memory), memory.store().is_err())
            };
            let left = over.map_or(patience, |over| over.saturating_duration_since(Instant::now()));
            if holds || broken || *stopping || left.is_zero() {
                return holds && !broken;
            }
            let waited = self.moved.wait_timeout(stopping, left);
            (stopping, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Asks the indexer to end after its present transaction.
    pub(super) fn stop(&self) {
        *self.stopping() = true;
        self.moved.notify_all();
    }

    /// Takes the store out of use: from now on every call answers with `reason`. The indexer
    /// closes and deletes it.
    pub(super) fn condemn(&self, reason: Reason) {
        tracing::error!(%reason, "the views broke and must be rebuilt");
        self.change(|memory| memory.condemn(reason));
        self.tell();
    }

    /// Takes the store out of use, if it is not yet, and closes it. Whether it was sound and
    /// closed.
    pub(super) fn close(&self) -> bool {
        let (sound, store) = self.change(|memory| {
            let sound = memory.store().is_ok();
            memory.condemn(Reason::Closed);
            (sound, memory.take_condemned())
        });
        store.is_some_and(close) && sound
    }
}

/// Closes a store that nobody finds any more. Whether it closed.
///
/// In a thread that is given up if need be: see [`contain`]. A reader that still has the store in
/// hand lets go of it first; it must not be the one that drops it.
pub(super) fn close(store: Arc<Store>) -> bool {
    let close = move || {
        let mut store = store;
        loop {
            match Arc::try_unwrap(store) {
                Ok(last) => return drop(last),
                Err(shared) => store = shared,
            }
            thread::sleep(READERS_PAUSE);
        }
    };
    contain::within(CLOSE_PATIENCE, close).is_ok()
}

/// Writes part after part until the views stop or the store breaks; then clears the store away.
pub(super) fn run(shared: &Shared, mut saved: Saved) {
    let views = shared.database.parent().unwrap_or(&shared.database);
    let mut note = Note::in_directory(views, &shared.ledger, shared.codec);
    while let Some((store, part)) = next(shared) {
        if let Err(error) = note.write(views, &part) {
            tracing::warn!(%error, "how far the views go is not noted: a start waits for them");
        }
        match write(shared, &store, &part, saved) {
            Ok(Some(now)) => saved = now,
            Ok(None) => break,
            Err(reason) => {
                shared.condemn(reason);
                break;
            }
        }
        // The cache is told under its lock before anyone can see the store's new extent: whoever
        // read the store as it was before finds that out when it wants to keep what it read.
        let mut cache = shared.cache();
        cache.forget(part.assessments.keys(), part.last);
        shared.change(Memory::retire);
        drop(cache);
        shared.tell();
        tracing::debug!(written = %part.last, terms = part.postings.len(), "wrote a part");
    }
    if let Some(store) = shared.change(Memory::take_condemned) {
        close(store);
        directory::remove(&shared.database);
    }
}

/// Waits for a sealed part; nothing when the views stop or the store broke.
fn next(shared: &Shared) -> Option<(Arc<Store>, Arc<Part>)> {
    shared.wait(Duration::MAX, |memory| memory.next_part().is_some());
    if *shared.stopping() {
        return None;
    }
    let memory = shared.memory();
    Some((memory.store().ok()?, memory.next_part()?))
}

/// Writes one part; nothing if the views stopped before it was all in.
fn write(
    shared: &Shared,
    store: &Store,
    part: &Part,
    saved: Saved,
) -> Result<Option<Saved>, Reason> {
    let mut writing = Writing::begin(store, shared.codec, part, saved);
    loop {
        if let Step::Done(now) = writing.step()? {
            return Ok(Some(now));
        }
        if *shared.stopping() {
            return Ok(None);
        }
    }
}

/// Waits until the indexer has ended, but not for ever: sled can wait for a thread of its own that
/// has panicked. Whether it ended.
pub(super) fn join(indexer: JoinHandle<()>) -> bool {
    let over = Instant::now().checked_add(CLOSE_PATIENCE);
    while !indexer.is_finished() && over.is_some_and(|over| Instant::now() < over) {
        thread::sleep(READERS_PAUSE);
    }
    indexer.is_finished() && indexer.join().is_ok()
}
