//! The eraser: destroys the keys of the texts whose erasure was ordered, and says so.
//!
//! From the record that orders an erasure on nobody reads the text. Its key goes only once a
//! checkpoint covers that record: what is destroyed can then be shown to have been ordered, whatever
//! becomes of this machine. Then a record says that it is gone. Each step can be made again: after a
//! crash the eraser goes on where nothing says that it is done.
//!
//! An older keyring that is put back brings keys back. So at every start the keys of all texts that
//! were ever erased are destroyed again, before anything else; where they are gone, nothing is written.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    time::sleep,
};
use uuid::Uuid;

use super::{
    BuiltInError, Keep, Ledger, Mode, ReadError, Shared, Submission, SubmitError, erasures::Due,
    fold, sequencer::Pending, texts,
};
use crate::{
    judgement::{Act, Command, CompleteRedaction, FieldPath, Order, Position, Redact, RequestId},
    record::{Beside, NotBeside},
    vault::{Slot, VaultError, slots_of},
};

/// How long after a try that failed the next one begins: a full disk does not get room sooner.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// What covers the order of an erasure before its text's key may be destroyed.
#[derive(Debug, Clone)]
pub enum Covering {
    /// The journal alone: the ledger publishes no checkpoints, and the order is durable.
    Journal,
    /// The newest checkpoint that the ledger's own notary published.
    Notary,
    /// The newest checkpoint of another, by its size: how many records it covers.
    Checkpoints(watch::Receiver<u64>),
}

/// What covers, as it is followed.
#[derive(Debug)]
pub(super) enum Cover {
    /// The journal.
    Journal,
    /// The newest checkpoint, by its size.
    Checkpoints(watch::Receiver<u64>),
}

impl Cover {
    /// Waits until the record at a position is covered; the size of the checkpoint that covers it, 0
    /// if none is published. Nothing if there will be no more checkpoints.
    async fn cover(&mut self, at: Position) -> Option<u64> {
        match self {
            Self::Journal => Some(0),
            Self::Checkpoints(newest) => {
                let covers = newest.wait_for(|size| *size >= at.get()).await;
                covers.ok().map(|size| *size)
            }
        }
    }
}

/// Why a text was not erased.
#[derive(Debug, thiserror::Error)]
enum EraseError {
    /// The record that has it cannot be read.
    #[error("the record cannot be read")]
    Read(#[from] ReadError),
    /// What lies beside the record is malformed.
    #[error(transparent)]
    Beside(#[from] NotBeside),
    /// The record has no such text.
    #[error("the record has no such text")]
    NoText,
    /// The key could not be destroyed.
    #[error("the key cannot be destroyed")]
    Key(#[from] VaultError),
    /// The service has no name: this build is broken.
    #[error(transparent)]
    Service(#[from] BuiltInError),
    /// It could not be recorded.
    #[error("it cannot be recorded")]
    Submit(#[from] SubmitError),
}

/// Whether to try something again that failed.
enum Then {
    TryAgain,
    GiveUp,
}

/// Erases texts as long as the ledger is open.
pub struct Eraser {
    pub(super) shared: Arc<Shared>,
    /// Weak, so that the sequencer ends with the last handle.
    pub(super) submissions: mpsc::WeakSender<Pending>,
    pub(super) cover: Cover,
}

impl Eraser {
    /// Erases what is ordered until the ledger is closed. Destroying a key blocks.
    pub async fn run(self) {
        let shared = Arc::clone(&self.shared);
        tokio::select! {
            biased;
            () = shared.closing.cancelled() => {}
            () = shared.stopped.cancelled() => {}
            () = self.erase() => {}
        }
    }

    async fn erase(mut self) {
        self.erase_again().await;
        // What cannot be erased now will not be a moment later: the next start tries again.
        let mut given_up = BTreeSet::new();
        loop {
            let ordered = self.shared.erasing.notified();
            let next = {
                let erasures = self.shared.erasures.load();
                let mut due = erasures.due();
                due.find(|it| !given_up.contains(&it.order)).cloned()
            };
            let Some(due) = next else {
                ordered.await;
                continue;
            };
            let Some(size) = self.cover.cover(due.order).await else {
                tracing::error!("there are no more checkpoints: nothing is erased any more");
                return;
            };
            match self.one(&due, size).await {
                Ok(()) => {
                    tracing::info!(order = %due.order, record = %due.record, field = %due.field, "erased");
                }
                Err(error) => {
                    let source = std::error::Error::source(&error).map(ToString::to_string);
                    let (order, record) = (due.order, due.record);
                    tracing::error!(%order, %record, field = %due.field, %error, source, "not erased");
                    match then(&error) {
                        Then::TryAgain => sleep(TRY_AGAIN).await,
                        Then::GiveUp => drop(given_up.insert(due.order)),
                    }
                }
            }
        }
    }

    /// Destroys one text's key, for good on return, and records that.
    async fn one(&self, due: &Due, checkpoint_size: u64) -> Result<(), EraseError> {
        let slot = self.slot(due.record, &due.field).await?;
        destroyed(self.shared.vault.destroy(&[slot]))?;
        // Past this line nobody can read the text, whatever becomes of the record that says so.
        self.complete(due, checkpoint_size).await
    }

    async fn complete(&self, due: &Due, checkpoint_size: u64) -> Result<(), EraseError> {
        let submissions = self.submissions.upgrade().ok_or(SubmitError::Stopped)?;
        let ledger = Ledger { shared: Arc::clone(&self.shared), submissions };
        let (caller, introductions) = ledger.service()?;
        // Of this order, for ever: a ledger that was cut off here says it once.
        let request = Uuid::new_v5(&Uuid::NAMESPACE_OID, due.order_id.uuid().as_bytes());
        let order = CompleteRedaction { order: due.order, checkpoint_size };
        let command = Command {
            caller,
            act: Act::of_service(RequestId::new(request)),
            order: Order::Redact(due.stream.clone(), Redact::Complete(order)),
        };
        let commands = vec![command];
        ledger.submit(Submission { commands, introductions, mode: Mode::Record }).await?;
        Ok(())
    }

    /// Destroys the keys of all texts whose erasure is completed: an older keyring may have been put
    /// back.
    async fn erase_again(&self) {
        let completed: Vec<(Position, FieldPath)> = {
            let erasures = self.shared.erasures.load();
            erasures.completed().map(|(record, field)| (record, field.clone())).collect()
        };
        let mut slots = Vec::with_capacity(completed.len());
        for (record, field) in completed {
            match self.slot(record, &field).await {
                Ok(slot) => slots.push(slot),
                Err(error) => tracing::error!(%record, %field, %error, "not erased again"),
            }
        }
        if self.shared.vault.destroy(&slots).is_ok() {
            return;
        }
        // One that fails does not keep the others from it.
        for slot in slots {
            if let Err(error) = destroyed(self.shared.vault.destroy(&[slot])) {
                tracing::error!(%slot, %error, "not erased again");
            }
        }
    }

    /// Under which key a text lies.
    async fn slot(&self, record: Position, field: &FieldPath) -> Result<Slot, EraseError> {
        let keep = fold::keep(&*self.shared.journal, record).await?;
        slot_of(&keep, field)
    }
}

fn slot_of(keep: &Keep, field: &FieldPath) -> Result<Slot, EraseError> {
    let fields = texts::fields(keep);
    let place = fields.iter().position(|(path, _)| path == field.as_str());
    let slots = slots_of(&Beside::decode(keep.entry.sealed.clone())?.texts)?;
    place.and_then(|place| slots.get(place).copied()).ok_or(EraseError::NoText)
}

/// Whether a key is gone: it is, too, with the block that held it, and where only the bytes that a
/// file had before could not be overwritten.
fn destroyed(outcome: Result<(), VaultError>) -> Result<(), VaultError> {
    match outcome {
        Err(error @ (VaultError::Missing { .. } | VaultError::Remnant { .. })) => {
            tracing::warn!(%error, "a text is erased");
            Ok(())
        }
        outcome => outcome,
    }
}

/// What may pass is tried again; what says that something is wrong is not.
fn then(error: &EraseError) -> Then {
    match error {
        EraseError::Key(
            VaultError::Io { .. } | VaultError::InUse { .. } | VaultError::Entropy(_),
        )
        | EraseError::Read(ReadError::Journal(_))
        | EraseError::Submit(
            SubmitError::DirectoryMoved
            | SubmitError::Busy
            | SubmitError::Full
            | SubmitError::ClockUntrusted(_)
            | SubmitError::Unavailable
            | SubmitError::OutcomeUnknown,
        ) => Then::TryAgain,
        EraseError::Key(_)
        | EraseError::Read(_)
        | EraseError::Beside(_)
        | EraseError::NoText
        | EraseError::Service(_)
        | EraseError::Submit(
            SubmitError::Refused { .. }
            | SubmitError::TooLarge { .. }
            | SubmitError::ReadOnly(_)
            | SubmitError::Stopped,
        ) => Then::GiveUp,
    }
}
