//! The stock of slots: keys that are durable already and wait to seal a text.

use std::{
    io, mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};

use super::{
    error::VaultError,
    keyring::Writer,
    secret::SecretKey,
    slot::{BlockNumber, Slot},
};

/// So few slots left, and the next block is prepared: half a block. A flush takes a millisecond
/// or a few; sealing the other half takes 512 texts longer than that at 100,000 texts a second.
const SLOTS_LOW: usize = 512;

/// Who prepares the next block of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prepare {
    /// A thread of the vault's own, so that no sealing waits for a flush unless the stock is used
    /// up faster than the disk can fill it.
    Background,
    /// The call of `seal` that finds the stock low, before it returns: for tests that replay the
    /// same calls of the disk in the same order.
    Inline,
}

/// Hands out each slot once, and sees to it that there are always some.
pub(super) struct Stock {
    writer: Arc<Writer>,
    prepare: Prepare,
    /// Guards which slots are handed out. It is held to copy a few keys and to move a prepared
    /// block in; never while a block is prepared.
    state: Mutex<State>,
    /// Rung at each change of `State::order`.
    changed: Condvar,
}

struct State {
    current: Keys,
    ready: Option<Keys>,
    /// The number that the next block prepared gets. It rises with every try, so that no number
    /// stands for two blocks.
    next: BlockNumber,
    order: Order,
}

/// How it stands with the block after the ready one.
enum Order {
    /// Nobody needs it.
    None,
    /// Somebody does: the vault's thread is to prepare it.
    Placed,
    /// It is being prepared.
    UnderWay,
    /// The last try failed; the first who needs the block takes the error, and may try again.
    Failed(VaultError),
    /// The vault is closed, or who prepared has panicked: nothing will come.
    Closed,
}

/// The keys of a block that are still to be handed out.
struct Keys {
    next: Slot,
    /// In the order opposite to that of their slots, so that the next one is the last.
    rest: Vec<SecretKey>,
}

impl Stock {
    /// Begins with block `first`, which is prepared once the first slot is wanted: who never seals a
    /// text leaves no block behind.
    pub(super) fn begin(writer: Arc<Writer>, first: BlockNumber, prepare: Prepare) -> Self {
        // Past the last number nothing can be prepared: whoever asks for a slot is told.
        let next = first.first_slot().unwrap_or(Slot::new(u64::MAX));
        let current = Keys { next, rest: Vec::new() };
        let state = State { current, ready: None, next: first, order: Order::None };
        Self { writer, prepare, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Hands out `count` slots with their keys: nobody gets them again, not even after an error.
    ///
    /// # Errors
    /// As [`Writer::prepare`], if the stock is empty and a new block is not to be had.
    pub(super) fn take(&self, count: usize) -> Result<Vec<(Slot, SecretKey)>, VaultError> {
        // The capacity is exact: growing would leave copies of keys behind.
        let mut taken = Vec::with_capacity(count);
        let mut state = self.state();
        while taken.len() < count {
            match state.current.take() {
                Some(slot) => taken.push(slot),
                None => state = self.next_block(state)?,
            }
        }
        if state.ready.is_none() && state.current.rest.len() < SLOTS_LOW {
            // Whether this succeeds is the business of whoever finds the stock empty.
            drop(self.order(state));
        }
        Ok(taken)
    }

    /// Whether the slot has been handed out, now or by an earlier opening of the keyring. Of a keyring
    /// that is shared, any slot of another's block may have been.
    pub(super) fn has_handed_out(&self, slot: Slot) -> bool {
        let state = self.state();
        let others = || {
            let waits = |keys: &Keys| {
                let its_block = keys.next.block() == slot.block();
                !keys.rest.is_empty() && its_block && keys.next <= slot
            };
            self.writer.is_shared() && !waits(&state.current) && !state.ready.iter().any(waits)
        };
        slot < state.current.next || others()
    }

    /// Nothing more is prepared; the thread, if any, ends.
    pub(super) fn close(&self) {
        self.state().order = Order::Closed;
        self.changed.notify_all();
    }

    /// Makes the next block the current one, once there is one.
    fn next_block<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
    ) -> Result<MutexGuard<'a, State>, VaultError> {
        // The error of a try before this call is of no interest: try again first.
        state = self.order(state);
        loop {
            if let Some(ready) = state.ready.take() {
                state.current = ready;
                return Ok(state);
            }
            match mem::replace(&mut state.order, Order::None) {
                Order::Failed(error) => return Err(error),
                Order::Closed => {
                    state.order = Order::Closed;
                    return Err(VaultError::Poisoned);
                }
                // Another call took the block that this one waited for.
                Order::None => state = self.order(state),
                waiting @ (Order::Placed | Order::UnderWay) => {
                    state.order = waiting;
                    state = self.wait(state);
                }
            }
        }
    }

    /// Sees to it that a block gets ready: tells the thread, or prepares it here.
    fn order<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        match state.order {
            Order::None | Order::Failed(_) if state.ready.is_none() => {}
            Order::None | Order::Failed(_) | Order::Placed | Order::UnderWay | Order::Closed => {
                return state;
            }
        }
        match self.prepare {
            Prepare::Background => {
                state.order = Order::Placed;
                self.changed.notify_all();
                state
            }
            Prepare::Inline => self.prepare_one(state),
        }
    }

    /// Prepares the next block with the lock released, and puts it where it is waited for.
    fn prepare_one<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let number = state.next;
        state.next = number.next();
        state.order = Order::UnderWay;
        drop(state);

        let on_panic = CloseOnDrop { stock: self };
        let room = self.writer.check_room();
        let prepared = room.and_then(|()| Keys::prepare(&self.writer, number));
        mem::forget(on_panic);

        state = self.state();
        let outcome = match prepared {
            Ok(keys) => {
                state.next = state.next.max(keys.next.block().next());
                state.ready = Some(keys);
                Order::None
            }
            Err(error) => Order::Failed(error),
        };
        if !matches!(state.order, Order::Closed) {
            state.order = outcome;
        }
        self.changed.notify_all();
        state
    }

    /// The life of the vault's thread: waits for orders until the stock is closed.
    fn work(&self) {
        let mut state = self.state();
        loop {
            state = match state.order {
                Order::Closed => return,
                Order::Placed => self.prepare_one(state),
                Order::None | Order::UnderWay | Order::Failed(_) => self.wait(state),
            };
        }
    }

    /// No code that holds this lock can leave the state half changed, so that a panic elsewhere
    /// while it was held is no reason to stop.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keys {
    fn prepare(writer: &Writer, number: BlockNumber) -> Result<Self, VaultError> {
        let (next, mut rest) = writer.prepare(number)?.into_keys()?;
        rest.reverse();
        Ok(Self { next, rest })
    }

    fn take(&mut self) -> Option<(Slot, SecretKey)> {
        let slot = self.next;
        // Zeroed before it is popped: popping alone would leave the key in the spare capacity.
        let key = self.rest.last_mut()?.take();
        self.rest.pop();
        self.next = slot.next();
        Some((slot, key))
    }
}

/// Closes the stock if the passed-in disk or entropy panics, so that nobody waits for ever.
struct CloseOnDrop<'a> {
    stock: &'a Stock,
}

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        self.stock.close();
    }
}

/// The thread that prepares blocks; ended and waited for when this is dropped.
pub(super) struct Preparer {
    stock: Arc<Stock>,
    thread: Option<JoinHandle<()>>,
}

impl Preparer {
    /// Starts the thread if the stock is to be filled by one.
    ///
    /// # Errors
    /// Whatever the operating system says.
    pub(super) fn start(stock: &Arc<Stock>) -> io::Result<Self> {
        let thread = match stock.prepare {
            Prepare::Inline => None,
            Prepare::Background => {
                let stock = Arc::clone(stock);
                let name = "vault-keys".to_owned();
                Some(thread::Builder::new().name(name).spawn(move || stock.work())?)
            }
        };
        Ok(Self { stock: Arc::clone(stock), thread })
    }
}

impl Drop for Preparer {
    fn drop(&mut self) {
        self.stock.close();
        if let Some(thread) = self.thread.take() {
            // That it panicked has closed the stock already; there is nothing to add.
            drop(thread.join());
        }
    }
}
