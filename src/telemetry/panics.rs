//! Panics as events of the log.
//!
//! What a panic says is often made of the values at hand, such as the text that was cut in the middle
//! of a letter, and a text of the ledger belongs into no log. So only words that stand in the code are
//! quoted; of all other panics the place must do, and the backtrace, if `RUST_BACKTRACE` asks for it.

use std::{
    any::Any,
    backtrace::{Backtrace, BacktraceStatus},
    panic,
};

/// Logs panics from now on, instead of printing them.
pub(super) fn log() {
    panic::set_hook(Box::new(|panicked| {
        let at = panicked.location().map(tracing::field::display);
        let said = words(panicked.payload());
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        let backtrace = Backtrace::capture();
        let backtrace = (backtrace.status() == BacktraceStatus::Captured)
            .then(|| tracing::field::display(&backtrace));
        tracing::error!(at, thread, said, backtrace, "a panic");
    }));
}

/// What a panic says, if it says so in the code.
fn words(payload: &(dyn Any + Send)) -> &'static str {
    payload.downcast_ref::<&'static str>().copied().unwrap_or("(made of values: not quoted)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_quotes_only_words_that_stand_in_the_code() {
        let panicked = |it: fn()| panic::catch_unwind(it).unwrap_err();
        assert_eq!(words(&*panicked(|| panic!("as told"))), "as told");
        let computed = panicked(|| {
            let text = "a child's nämé".to_owned();
            assert_eq!(text, "another");
        });
        assert_eq!(words(&*computed), "(made of values: not quoted)");
    }
}
