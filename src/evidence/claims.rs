//! That records tell the truth of other records: a framework is the document beside its record, and
//! what was signed, published or shown is what stood then.
//!
//! The digests of editions are computed anew from the records that they claim to cover. So it is not
//! only the bytes that are found whole: that which two organisations signed is found to be the grades
//! that are recorded.

use std::collections::HashMap;

use super::Wrong;
use crate::{
    judgement::{
        Assessment, AssessmentId, AssessmentLocked, AssessmentPublished, AudienceDigest, Event,
        Framework, FrameworkId, Phase, StreamId, audience_digest, edition_digest,
    },
    merkle::{Hash, sha256},
    record::{Record, read_framework},
};

/// What was found of assessments and frameworks so far: some 20 KiB for each assessment.
#[derive(Debug, Default)]
pub(super) struct Claims {
    assessments: HashMap<AssessmentId, Assessment>,
    frameworks: HashMap<FrameworkId, Registered>,
}

#[derive(Debug)]
struct Registered {
    framework: Framework,
    document_sha256: [u8; 32],
}

impl Claims {
    /// Checks what the next record claims, then folds it in. `document` is what lies beside a record
    /// that registers a framework.
    ///
    /// # Errors
    /// [`Wrong`] if a claim does not hold.
    pub(super) fn follow(
        &mut self,
        record: &Record,
        hash: Hash,
        document: Option<&[u8]>,
    ) -> Result<(), Wrong> {
        if let Event::FrameworkRegistered(event) = &record.event {
            let registered = registered(record, event.document, document)?;
            self.frameworks.insert(event.framework.clone(), registered);
        } else if document.is_some() {
            return Err(Wrong::at(
                record.position,
                "a document lies beside it that is not its own",
            ));
        }
        let StreamId::Assessment(id) = &record.stream else { return Ok(()) };
        let before = self.assessments.remove(id);
        if let Some(assessment) = &before {
            self.check(record, assessment)?;
        }
        match Assessment::after(before, id, &record.fact(hash)) {
            Some(after) => {
                self.assessments.insert(id.clone(), after);
                Ok(())
            }
            None => Err(Wrong::at(record.position, format!("{id} was not opened before it"))),
        }
    }

    /// What a record claims of what stood before it.
    fn check(&self, record: &Record, before: &Assessment) -> Result<(), Wrong> {
        let wrong = |what: &str| Err(Wrong::at(record.position, what));
        if let Event::AssessmentLocked(event) = &record.event {
            self.check_locked(record, before, event)?;
        }
        if let Event::AssessmentPublished(event) = &record.event {
            self.check_published(record, before, event)?;
        }
        if let Event::SignedOff(event) = &record.event
            && signed(before) != Some(event.digest)
        {
            return wrong("what was signed is not what was locked");
        }
        if let Event::SignOffRefused(event) = &record.event
            && signed(before) != Some(event.digest)
        {
            return wrong("what was refused is not what was locked");
        }
        // Of what was shown later than it stood, the state is gone by now.
        if let Event::DraftShared(event) = &record.event
            && event.position >= before.last.at
        {
            self.check_audience(record, before, &event.digest)?;
        }
        Ok(())
    }

    fn check_locked(
        &self,
        record: &Record,
        before: &Assessment,
        event: &AssessmentLocked,
    ) -> Result<(), Wrong> {
        let Registered { framework, document_sha256 } = self.framework(record, before)?;
        if edition_digest(before, framework, document_sha256) == event.digest {
            return Ok(());
        }
        Err(Wrong::at(record.position, "what was locked is not what stood"))
    }

    fn check_published(
        &self,
        record: &Record,
        before: &Assessment,
        event: &AssessmentPublished,
    ) -> Result<(), Wrong> {
        if signed(before) != Some(event.digest) {
            return Err(Wrong::at(record.position, "what was published is not what was locked"));
        }
        let mut audiences = event.audiences.iter();
        audiences.try_for_each(|digest| self.check_audience(record, before, digest))
    }

    fn check_audience(
        &self,
        record: &Record,
        before: &Assessment,
        digest: &AudienceDigest,
    ) -> Result<(), Wrong> {
        let framework = &self.framework(record, before)?.framework;
        let AudienceDigest { audience, salt, .. } = digest;
        if audience_digest(before, framework, audience, *salt) == *digest {
            return Ok(());
        }
        let what = format!("what {audience} was shown is not what stood");
        Err(Wrong::at(record.position, what))
    }

    fn framework(&self, record: &Record, of: &Assessment) -> Result<&Registered, Wrong> {
        self.frameworks.get(&of.framework).ok_or_else(|| {
            Wrong::at(record.position, format!("{} is not registered before it", of.framework))
        })
    }
}

/// What is closed for signing.
fn signed(before: &Assessment) -> Option<Hash> {
    match &before.phase {
        Phase::Locked { digest, .. } => Some(*digest),
        Phase::Open | Phase::Published => None,
    }
}

/// A framework as its document describes it.
fn registered(
    record: &Record,
    claimed: [u8; 32],
    document: Option<&[u8]>,
) -> Result<Registered, Wrong> {
    let wrong = |what: &str| Wrong::at(record.position, what);
    let document = document.ok_or_else(|| wrong("the framework's document is missing"))?;
    if *sha256(&[document]).as_bytes() != claimed {
        return Err(wrong("the framework's document is not the one that was registered"));
    }
    let framework = read_framework(document)
        .map_err(|_| wrong("the framework's document cannot be read by this program"))?;
    Ok(Registered { framework, document_sha256: claimed })
}
