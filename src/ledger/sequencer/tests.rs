//! Which commands come into one group.

use std::{
    pin::Pin,
    sync::{
        Mutex,
        atomic::{AtomicI64, Ordering},
    },
    task::{Context, Waker},
    time::Duration,
};

use super::*;
use crate::ledger::{
    Ledger, Reading, filing,
    ground::{Ground, register},
};

type Submitting = Pin<Box<dyn Future<Output = Result<Vec<Receipt>, SubmitError>> + Send>>;

/// A command that comes in while the clock is read.
#[derive(Default)]
struct Late {
    /// Whom it comes to, when the clock is read the next time.
    ledger: Mutex<Option<Ledger>>,
    submitting: Mutex<Option<Submitting>>,
    /// What the clock says, in seconds.
    now: AtomicI64,
}

impl Late {
    /// The clock as the sequencer reads it. A second passes just after the command came in.
    fn look(&self) -> Reading {
        let seconds = self.now.load(Ordering::SeqCst);
        if let Some(ledger) = self.ledger.lock().unwrap().take() {
            let submission = register(&ledger, "haringey");
            let mut call: Submitting = Box::pin(async move { ledger.submit(submission).await });
            // Once looked at, it waits in the queue.
            assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            *self.submitting.lock().unwrap() = Some(call);
            self.now.fetch_add(1, Ordering::SeqCst);
        }
        let wall = jiff::Timestamp::from_second(seconds).unwrap();
        Reading { wall, monotonic: Duration::from_secs(seconds.unsigned_abs()) }
    }
}

#[tokio::test]
async fn no_record_is_older_than_its_command() {
    let late = Arc::new(Late::default());
    let clock = Arc::clone(&late);
    let mut ground = Ground::new(filing());
    ground.clock = Arc::new(move || clock.look());
    let open = ground.open(None).await;
    // From here on who commands is known.
    open.ledger.submit(register(&open.ledger, "rutland")).await.unwrap();
    *late.ledger.lock().unwrap() = Some(open.ledger.clone());
    let first = open.ledger.submit(register(&open.ledger, "leicester-city")).await.unwrap();
    let submitting = late.submitting.lock().unwrap().take().unwrap();
    let second = submitting.await.unwrap();
    let seconds = [&first, &second].map(|receipts| receipts[0].recorded_at.as_second());
    assert_eq!(seconds, [0, 1]);
    assert!(second[0].position > first[0].position);
    open.end().await;
}
