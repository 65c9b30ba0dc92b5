//! Keeps the store's panics and hangs to itself.
//!
//! sled 0.34 panics on some damaged files, in the caller's thread and in its own, and when one of
//! its own threads has panicked, closing it can wait for ever. Nothing of that may reach the
//! ledger: what is in the views can be rebuilt.

use std::{
    cell::Cell,
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    sync::{Once, mpsc},
    thread,
    time::Duration,
};

#[cfg(panic = "abort")]
compile_error!("the views contain the panics of sled: build with panic = \"unwind\"");

/// Why contained work has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Escape {
    /// It panicked, saying this.
    Panicked(String),
    /// It did not end in time. Its thread is given up.
    Hung,
    /// No thread could be had for it.
    NoThread,
}

thread_local! {
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Does `work` in this thread and catches its panic. Who goes on after one must not use again what
/// the work had in hand: here that is the store, which is given up.
pub(super) fn contained<T>(work: impl FnOnce() -> T) -> Result<T, Escape> {
    quieten();
    let outer = CONTAINED.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    CONTAINED.set(outer);
    result.map_err(|payload| {
        let said = payload.downcast_ref::<&str>().map(|said| (*said).to_owned());
        let said = said.or_else(|| payload.downcast_ref::<String>().cloned());
        Escape::Panicked(said.unwrap_or_default())
    })
}

/// Does `work` in a thread of its own, catches its panic and waits no longer than `patience`.
pub(super) fn within<T: Send + 'static>(
    patience: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Escape> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let spawned = thread::Builder::new().name("views-contained".to_owned()).spawn(move || {
        // Nobody may be waiting any more: then the result is not wanted.
        drop(sender.send(contained(work)));
    });
    match spawned {
        // Not joined: the thread has nothing left to do once it has sent, and one that hangs
        // cannot be ended from outside.
        Ok(_) => receiver.recv_timeout(patience).unwrap_or(Err(Escape::Hung)),
        Err(_) => Err(Escape::NoThread),
    }
}

/// Logs the panics of contained work and of sled's own threads as warnings, instead of what the
/// program does with panics; all others go where they went before.
fn quieten() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
            if CONTAINED.get() || is_of_sled(thread::current().name()) {
                tracing::warn!(%info, "the store of the views panicked");
            } else {
                before(info);
            }
        }));
    });
}

fn is_of_sled(thread: Option<&str>) -> bool {
    thread.is_some_and(|name| name == "log flusher" || name.starts_with("sled-io-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_answer() {
        assert_eq!(contained(|| 1), Ok(1));
        let panicked = contained(|| -> u8 { panic!("at {}", 7) });
        assert_eq!(panicked, Err(Escape::Panicked("at 7".to_owned())));
        let long = Duration::from_mins(1);
        let elsewhere = within(long, || -> u8 { panic!("there") });
        assert_eq!(elsewhere, Err(Escape::Panicked("there".to_owned())));
        assert_eq!(within(long, || 2), Ok(2));
    }

    #[test]
    fn a_hang_is_an_answer() {
        let (_sender, never) = mpsc::channel::<u8>();
        assert_eq!(within(Duration::from_millis(1), move || never.recv()), Err(Escape::Hung));
    }
}
