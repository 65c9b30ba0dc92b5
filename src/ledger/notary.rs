//! The notary: signs the tree soon after it has grown, and never what contradicts what it signed.
//!
//! It looks at no record and holds nobody up: the sequencer publishes the edge of the tree with
//! every group, and the notary signs the newest one, at most [twice a second](GATHER). What is
//! signed goes into the signer's memory, durably, then into the journal, and is then published: a
//! crash between any two of these leaves a checkpoint that was signed and is published at the next
//! start.
//!
//! # At the start
//!
//! A journal may have been put back from a backup, or exchanged, and agrees with itself all the
//! same. So before anything is signed, the records after the last signed tree are folded onto its
//! edge, as the signer's memory has it. What comes out must be the edge that the journal's own
//! mark sums up: then, and only then, the one grew from the other. Otherwise the ledger is
//! [read-only](ReadOnly): no command is taken and nothing is ever signed, while everything can be
//! read and the old checkpoint stays published. Where many records lie between, they are folded
//! while the ledger serves already, and nothing is signed until they are.
//!
//! # Witnesses
//!
//! A checkpoint is published as soon as it is signed, and again with each cosignature that comes. A
//! witness is asked to sign the newest; while it answers, newer ones may be published, so that on a
//! busy ledger with a slow witness the newest is often still without it.
//!
//! # The keys
//!
//! The ledger itself says which keys sign for it: a [`KeyRotated`] record stands in it before a key
//! signs for the first time, and one that retires a key is covered by a checkpoint which that key
//! signed as well, the last.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::mpsc::{self, Receiver},
    task::JoinSet,
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    BuiltInError, Ledger, Mode, Published, ReadError, Shared, Submission, SubmitError, filing,
    fold,
    lineage::Lineage,
    witnessing::{self, Cosigned},
};
use crate::{
    journal::{Journal, JournalError, NotApplied},
    judgement::{
        Act, BadId, Command, Event, KeyChange, KeyRotated, Order, Position, RequestId, VerifierKey,
    },
    signer::{Key, KeyState, Signed, SignerError, Signing, Witness},
};

/// How long a head waits to be signed, so that those which follow closely are signed with it: a
/// signature costs some flushes, and whoever waits for one waits a second at most.
const GATHER: Duration = Duration::from_millis(400);

/// How long after a try that failed the next one begins: a full disk does not get room sooner.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// How many answers of witnesses may wait: each has one at most under way.
const COSIGNED_MAX: usize = 16;

/// Why the notary stopped. The ledger is closed then.
#[derive(Debug, thiserror::Error)]
pub enum NotaryError {
    /// The signer failed.
    #[error("a checkpoint cannot be signed")]
    Signer(#[from] SignerError),
    /// The journal failed.
    #[error("a checkpoint cannot be kept in the journal")]
    Journal(#[from] JournalError),
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A key cannot be named in a record.
    #[error(transparent)]
    Key(#[from] BadId),
    /// The service has no name to record under: this build is broken.
    #[error(transparent)]
    Service(#[from] BuiltInError),
    /// A change of keys cannot be recorded.
    #[error("a change of the signer's keys cannot be recorded")]
    Submit(#[from] SubmitError),
}

/// Signs for as long as the ledger is open.
pub struct Notary {
    ledger: Ledger,
    signing: Signing,
    lineage: Lineage,
    witnesses: Vec<Witness>,
    /// Whether the ledger's records name the keys.
    keys_recorded: bool,
    /// Cancelled when nothing more is to be signed.
    ends: CancellationToken,
}

impl Ledger {
    /// Has the ledger signed, and witnessed if there are witnesses. What was signed last is published at once. Called before the
    /// sequencer runs, so that nothing is added to a journal which contradicts it.
    ///
    /// # Errors
    /// [`NotaryError`] if the journal cannot be read.
    pub async fn notarised_by(
        &self,
        signing: Signing,
        witnesses: Vec<Witness>,
    ) -> Result<Notary, NotaryError> {
        let ends = self.shared.stopped.clone();
        Notary::of(self.clone(), (signing, witnesses), ends).await
    }
}

impl Notary {
    /// Signs for a ledger until `ends` is cancelled, and publishes at once what was signed last.
    ///
    /// # Errors
    /// [`NotaryError`] if the journal cannot be read.
    pub(super) async fn of(
        ledger: Ledger,
        (signing, witnesses): (Signing, Vec<Witness>),
        ends: CancellationToken,
    ) -> Result<Self, NotaryError> {
        let lineage = Lineage::of(&ledger.shared, signing.last().map(AsRef::as_ref));
        let mut notary = Self { ledger, signing, lineage, witnesses, keys_recorded: false, ends };
        if let Some(last) = notary.signing.last().cloned() {
            notary.publish(&last);
        }
        if notary.lineage.is_near() {
            notary.lineage.make_sure(&notary.ledger.shared).await?;
        }
        Ok(notary)
    }

    /// Has the ledger name the signer's keys, where it may sign already. The sequencer must be
    /// running.
    ///
    /// # Errors
    /// [`NotaryError`].
    pub async fn begin(&mut self) -> Result<(), NotaryError> {
        match self.lineage {
            Lineage::Open(_) | Lineage::Contradicted => return Ok(()),
            Lineage::Sure if self.keys_recorded => return Ok(()),
            Lineage::Sure => {}
        }
        // A crash may have come between the signer's memory and the journal.
        let kept = self.shared().journal.checkpoint().await?;
        // What another process keeps now was in the signer's memory before: if that is as it was, what was
        // read is no newer.
        self.signing.check_newest()?;
        if let Some(last) = self.signing.last() {
            let note = last.note.to_string();
            if kept.as_deref() != Some(note.as_bytes()) {
                self.shared().journal.keep_checkpoint(note.into()).await?;
            }
        }
        self.record_keys().await?;
        self.keys_recorded = true;
        Ok(())
    }

    /// Signs until the sequencer has stopped, and then its last head. Where it cannot go on, the
    /// ledger is closed: a record that is never signed is evidence of nothing.
    ///
    /// # Errors
    /// [`NotaryError`]: why.
    pub async fn run(mut self) -> Result<(), NotaryError> {
        let ended = self.follow().await;
        if let Err(error) = &ended {
            tracing::error!(%error, "the ledger is closed");
            self.shared().closing.cancel();
        }
        ended
    }

    /// Signs until it is to end, and then the last head.
    ///
    /// # Errors
    /// [`NotaryError`].
    pub(super) async fn follow(&mut self) -> Result<(), NotaryError> {
        while let Lineage::Open(_) = self.lineage {
            if self.ends.is_cancelled() {
                return Ok(());
            }
            self.lineage.make_sure(&self.ledger.shared).await?;
        }
        if let Lineage::Contradicted = self.lineage {
            self.ends.cancelled().await;
            return Ok(());
        }
        match self.begin().await {
            // Closed meanwhile: the keys are recorded at the next start.
            Err(NotaryError::Submit(SubmitError::Stopped)) => return Ok(()),
            begun => begun?,
        }
        // They end with this call.
        let mut asking = JoinSet::new();
        let (signed, mut cosigned) = mpsc::channel(COSIGNED_MAX);
        for witness in self.witnesses.drain(..) {
            asking.spawn(witnessing::follow(self.ledger.clone(), witness, signed.clone()));
        }
        let followed = self.sign_all(&mut cosigned).await;
        // Of their handles on the ledger none is left.
        asking.shutdown().await;
        followed
    }

    async fn sign_all(&mut self, cosigned: &mut Receiver<Cosigned>) -> Result<(), NotaryError> {
        let stopped = self.ends.clone();
        let mut tree = self.ledger.follow_tree();
        // What is there already is signed as well.
        tree.mark_changed();
        loop {
            let ends = tokio::select! {
                biased;
                () = stopped.cancelled() => true,
                Some(witnessed) = cosigned.recv() => {
                    match self.add(&witnessed).await {
                        Err(error) if may_pass(&error) => {
                            tracing::warn!(%error, "what a witness signed is not kept");
                        }
                        added => added?,
                    }
                    continue;
                }
                _ = tree.changed() => tokio::select! {
                    () = stopped.cancelled() => true,
                    () = sleep(GATHER) => false,
                },
            };
            tree.mark_unchanged();
            if let Err(error) = self.notarise().await {
                if ends || !may_pass(&error) {
                    return Err(error);
                }
                tracing::warn!(%error, "the newest checkpoint is not signed yet");
                sleep(TRY_AGAIN).await;
                tree.mark_changed();
            }
            if ends {
                return Ok(());
            }
        }
    }

    /// Signs the newest tree, keeps what was signed, and then publishes it.
    async fn notarise(&mut self) -> Result<(), NotaryError> {
        let tree = Arc::clone(&self.shared().tree.borrow());
        if tree.size() == 0 || *self.shared().evidence.covered.borrow() == tree.size() {
            return Ok(());
        }
        let signed = match self.signing.last() {
            // Signed before, but not kept in the journal.
            Some(last) if last.head.size == tree.size() => Arc::clone(last),
            Some(_) | None => {
                // Nothing is vouched for that could still be lost.
                self.shared().journal.confirm().await?;
                self.signing.sign(&tree)?
            }
        };
        let note = signed.note.to_string();
        self.shared().journal.keep_checkpoint(note.into()).await?;
        self.publish(&signed);
        if self.signing.keys().iter().any(|key| key.state == KeyState::Retiring) {
            self.signing.drop_retired()?;
        }
        Ok(())
    }

    /// Adds what a witness signed to the newest checkpoint, and publishes it once more. What comes
    /// too late for that is forgotten: the newer one was sent to the witness too.
    async fn add(&mut self, witnessed: &Cosigned) -> Result<(), NotaryError> {
        let Some(last) = self.signing.last() else { return Ok(()) };
        let Cosigned { witness, signatures } = witnessed;
        let Some(note) = witness.believed(signatures, &last.note) else { return Ok(()) };
        let signed = self.signing.add_cosignatures(note)?;
        self.shared().journal.keep_checkpoint(signed.note.to_string().into()).await?;
        self.publish(&signed);
        Ok(())
    }

    /// Lets readers see what is in the signer's memory.
    fn publish(&self, signed: &Signed) {
        let keys = self.signing.keys().iter().map(|key| key.verifier.clone()).collect();
        let evidence = &self.shared().evidence;
        evidence.checkpoint.send_replace(Some(Arc::new(Published::of(signed, keys))));
        if evidence.covered.send_replace(signed.head.size) < signed.head.size {
            self.shared().metrics.checkpoint_published();
        }
    }

    fn shared(&self) -> &Shared {
        &self.ledger.shared
    }

    /// Has the ledger say of each key that it signs, and of each that it does no more.
    async fn record_keys(&self) -> Result<(), NotaryError> {
        let recorded = recorded_keys(&*self.shared().journal).await?;
        let of = |key: &VerifierKey| recorded.iter().find(|it| it.rotated.key == *key);
        let name = |key: &Key| VerifierKey::parse(&key.verifier.to_string());
        let vkeys = self.signing.keys().iter().map(name).collect::<Result<Vec<_>, _>>()?;
        for (vkey, key) in vkeys.iter().zip(self.signing.keys()) {
            let known = of(vkey);
            let change = match (key.state, known.map(|it| it.rotated.change)) {
                (KeyState::Signing, None | Some(KeyChange::Retired)) => KeyChange::Added,
                (KeyState::Retiring, Some(KeyChange::Added)) => KeyChange::Retired,
                (KeyState::Signing, Some(KeyChange::Added))
                | (KeyState::Retiring, None | Some(KeyChange::Retired)) => continue,
            };
            self.record(vkey, change, known.map(|it| it.at)).await?;
        }
        for gone in recorded.iter().filter(|it| it.rotated.change == KeyChange::Added) {
            if vkeys.iter().all(|vkey| *vkey != gone.rotated.key) {
                self.record(&gone.rotated.key, KeyChange::Retired, Some(gone.at)).await?;
            }
        }
        Ok(())
    }

    async fn record(
        &self,
        key: &VerifierKey,
        change: KeyChange,
        after: Option<Position>,
    ) -> Result<(), NotaryError> {
        let (caller, introductions) = self.ledger.service()?;
        // Of this very change, for ever: a ledger that was cut off here records it once.
        let after = after.map_or(0, Position::get);
        let request = format!("{key}\0{change:?}\0{after}");
        let request = RequestId::new(Uuid::new_v5(&Uuid::NAMESPACE_OID, request.as_bytes()));
        let order = Order::RotateKey(KeyRotated { key: key.clone(), change });
        let commands = vec![Command { caller, act: Act::of_service(request), order }];
        let submission = Submission { commands, introductions, mode: Mode::Record };
        self.ledger.submit(submission).await?;
        tracing::info!(%key, ?change, "a key of the signer");
        Ok(())
    }
}

/// Whether it may go well another time.
fn may_pass(error: &NotaryError) -> bool {
    match error {
        NotaryError::Journal(JournalError::NotApplied(NotApplied::Overtaken)) => false,
        NotaryError::Signer(SignerError::Io { .. } | SignerError::InUse { .. })
        | NotaryError::Journal(JournalError::NotApplied(_)) => true,
        NotaryError::Signer(_)
        | NotaryError::Journal(_)
        | NotaryError::Read(_)
        | NotaryError::Key(_)
        | NotaryError::Service(_)
        | NotaryError::Submit(_) => false,
    }
}

/// What the ledger says of a key, last.
pub(super) struct RecordedKey {
    at: Position,
    pub(super) rotated: KeyRotated,
}

/// What the ledger says of each key that it ever signed with.
pub(super) async fn recorded_keys(journal: &dyn Journal) -> Result<Vec<RecordedKey>, ReadError> {
    let mut recorded: Vec<RecordedKey> = Vec::new();
    let mut before = journal.head().await?.position.next();
    while let Some(at) = journal.latest(filing::of_rotations(), before).await? {
        // Newest first; keys collide.
        if let Event::KeyRotated(rotated) = fold::keep(journal, at).await?.record.event
            && recorded.iter().all(|it| it.rotated.key != rotated.key)
        {
            recorded.push(RecordedKey { at, rotated });
        }
        before = at;
    }
    Ok(recorded)
}

#[cfg(test)]
mod tests;
