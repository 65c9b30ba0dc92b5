//! Signing where several processes serve one ledger: one of them signs, the others publish what it signed.
//!
//! Who signs is settled by the [right](RightToSign) that the journal gives to one at a time. It is not what
//! keeps the log from forking: there is one order of records, and the signer's memory, which they share,
//! refuses whatever does not descend from what it signed. Whoever was frozen while it had the right finds,
//! when it goes on, that another has signed: neither the memory nor the journal takes anything more of it.
//!
//! Every process looks at that memory when it opens the ledger: a database that was put back, or has lost
//! what was signed, is served read-only by all of them, whoever would sign. A checkpoint that the journal
//! keeps is published only if a key that the ledger names has signed it, and if it is of this process's own
//! tree.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{
    Contradiction, Ledger, Notary, NotaryError, Published, ReadError, ReadOnly, Shared,
    lineage::Lineage, notary,
};
use crate::{
    journal::{JournalError, NotApplied, RightToSign},
    judgement::KeyChange,
    merkle::{Checkpoint, SignedNote, Verifier},
    signer::{SharedSigner, Signed, SignerError, Signing, Witness},
};

/// How often it looks whether the right is to be had, and whether another has signed.
const LOOK_EVERY: Duration = Duration::from_millis(400);

/// Signs when it is its turn, and publishes what others sign.
pub struct SigningInTurn {
    ledger: Ledger,
    signer: SharedSigner,
    witnesses: Vec<Witness>,
    lineage: Lineage,
}

impl Ledger {
    /// Has the ledger signed by one of the processes that serve it. `remembered` is what the signer's
    /// memory had before the ledger was opened, and is therefore in its journal. Called before the
    /// sequencer runs, so that nothing is added to a journal which contradicts what was signed.
    ///
    /// # Errors
    /// [`NotaryError`] if the journal cannot be read.
    pub async fn notarised_in_turn(
        &self,
        (signer, remembered): (SharedSigner, Option<Signed>),
        witnesses: Vec<Witness>,
    ) -> Result<SigningInTurn, NotaryError> {
        let mut lineage = Lineage::of(&self.shared, remembered.as_ref());
        if lineage.is_near() {
            lineage.make_sure(&self.shared).await?;
        }
        Ok(SigningInTurn { ledger: self.clone(), signer, witnesses, lineage })
    }
}

impl SigningInTurn {
    /// Signs and publishes until the sequencer has stopped. Where what was signed contradicts what there
    /// is, the ledger is closed, or served read-only.
    ///
    /// # Errors
    /// [`NotaryError`]: why it is closed.
    pub async fn run(mut self) -> Result<(), NotaryError> {
        let ended = self.follow().await;
        if let Err(error) = &ended {
            tracing::error!(%error, "the ledger is closed");
            self.shared().closing.cancel();
        }
        ended
    }

    async fn follow(&mut self) -> Result<(), NotaryError> {
        let stopped = self.shared().stopped.clone();
        while !stopped.is_cancelled() {
            match self.look().await {
                Err(error) if !may_pass(&error) => return Err(error),
                Err(error) => tracing::warn!(%error, "the newest checkpoint is not seen to yet"),
                Ok(()) => {}
            }
            tokio::select! {
                biased;
                () = stopped.cancelled() => {}
                () = sleep(LOOK_EVERY) => {}
            }
        }
        Ok(())
    }

    async fn look(&mut self) -> Result<(), NotaryError> {
        self.lineage.make_sure(&self.ledger.shared).await?;
        if !matches!(self.lineage, Lineage::Sure) || self.ledger.read_only().is_some() {
            return Ok(());
        }
        if let Some(right) = self.shared().journal.right_to_sign().await? {
            let signing = self.signer.take()?;
            if self.has(&signing).await? {
                return self.sign(signing, &*right).await;
            }
        }
        self.publish().await
    }

    /// Whether this process has folded in what was signed last. Where the journal itself has not got it,
    /// the ledger is read-only.
    async fn has(&self, signing: &Signing) -> Result<bool, NotaryError> {
        let signed = signing.last().map_or(0, |last| last.head.size);
        if self.shared().head().position.get() >= signed {
            return Ok(true);
        }
        let head = self.shared().journal.confirmed_head().await?.position.get();
        if head < signed {
            let how = Contradiction::Behind;
            self.shared().contradicted(ReadOnly { signed, head, how });
        }
        Ok(false)
    }

    /// Signs for as long as this process has the right to.
    async fn sign(&self, signing: Signing, right: &dyn RightToSign) -> Result<(), NotaryError> {
        let ends = self.shared().stopped.child_token();
        let parts = (signing, self.witnesses.clone());
        let mut notary = Notary::of(self.ledger.clone(), parts, ends.clone()).await?;
        tracing::info!("this process signs");
        let signed = tokio::select! {
            signed = notary.follow() => Some(signed),
            () = right.lost() => None,
        };
        // What it was about to do is left as it is: whoever signs next goes on from the signer's memory.
        match signed {
            Some(Err(error)) if is_overtaken(&error) => {
                tracing::warn!(%error, "this process does not sign any more");
                Ok(())
            }
            Some(signed) => signed,
            None => {
                tracing::warn!("the right to sign is lost");
                Ok(())
            }
        }
    }

    /// Lets readers see the newest checkpoint that another has signed, once this process has its records.
    async fn publish(&self) -> Result<(), NotaryError> {
        let Some(text) = self.shared().journal.checkpoint().await? else { return Ok(()) };
        let evidence = &self.shared().evidence;
        if evidence.checkpoint.borrow().as_ref().is_some_and(|it| it.text == text) {
            return Ok(());
        }
        let keys = self.keys().await?;
        let note = SignedNote::parse(&text).map_err(|_| SignerError::Malformed)?;
        let opened = Checkpoint::open(&note, self.signer.origin(), &keys);
        let head = *opened.map_err(|_| SignerError::Malformed)?.head();
        if head.size < *evidence.covered.borrow() || head.size > self.shared().head().position.get()
        {
            return Ok(());
        }
        if self.ledger.root_at(head.size).await? != head {
            let (signed, head) = (head.size, self.shared().head().position.get());
            let how = Contradiction::Inconsistent;
            self.shared().contradicted(ReadOnly { signed, head, how });
            return Ok(());
        }
        let published = Published { head, note, text, keys: Arc::from(keys) };
        evidence.checkpoint.send_replace(Some(Arc::new(published)));
        if evidence.covered.send_replace(head.size) < head.size {
            self.shared().metrics.checkpoint_published();
        }
        Ok(())
    }

    /// The keys that sign, as the ledger's records name them.
    async fn keys(&self) -> Result<Vec<Verifier>, ReadError> {
        let recorded = notary::recorded_keys(&*self.shared().journal).await?;
        let signing = recorded.iter().filter(|it| it.rotated.change == KeyChange::Added);
        Ok(signing.filter_map(|it| Verifier::parse(it.rotated.key.as_str()).ok()).collect())
    }

    fn shared(&self) -> &Shared {
        &self.ledger.shared
    }
}

/// Whether another process signs: this one was frozen, say, and has lost the right to.
fn is_overtaken(error: &NotaryError) -> bool {
    matches!(
        error,
        NotaryError::Signer(SignerError::Overtaken { .. })
            | NotaryError::Journal(JournalError::NotApplied(NotApplied::Overtaken))
    )
}

/// Whether it may go well another time: another process has what is missing, or the database comes back.
fn may_pass(error: &NotaryError) -> bool {
    match error {
        NotaryError::Signer(error) => {
            let passing = matches!(error, SignerError::Io { .. } | SignerError::InUse { .. });
            passing || matches!(error, SignerError::Malformed)
        }
        NotaryError::Journal(_) | NotaryError::Read(_) | NotaryError::Submit(_) => true,
        NotaryError::Key(_) | NotaryError::Service(_) => false,
    }
}

#[cfg(test)]
mod tests;
