//! Editions: the locked, signed, publishable states of an assessment, and what ends them.
//! (Spec §2, §4.1)

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date};

use super::{
    AssessmentId, Item, OrganisationId, ReasonCode, Recorder,
    texts::{Texts, Visit, maybe, one},
};
use crate::merkle::Hash;

/// The state of the working edition as the fold holds it. Whether all have signed who must is for
/// the framework to say: see [`super::State`]. (Spec §4.1)
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Grades and entries may change.
    Open,
    /// Closed for signing; who signed so far, by which record.
    Locked {
        /// What is signed.
        digest: Hash,
        /// The signatures.
        signatures: BTreeMap<OrganisationId, Item>,
    },
    /// Public, or withdrawn since; there is no working edition until it is reopened.
    Published,
}

impl Phase {
    /// The state in a word.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Locked { .. } => "locked",
            Self::Published => "published",
        }
    }
}

/// A published edition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edition {
    /// Its number, from 1.
    pub number: u32,
    /// The record that published it.
    pub item: Item,
    /// The date on its letter.
    pub letter_date: Date,
    /// What was signed.
    pub digest: Hash,
    /// The signatures under it, by organisation.
    pub signatures: BTreeMap<OrganisationId, Item>,
    /// That it was withdrawn, if it was.
    pub withdrawn: Option<Withdrawal>,
}

/// What took an edition back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawal {
    /// The record that withdrew it.
    pub item: Item,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Who recorded it.
    pub recorded_by: Recorder,
    /// Why.
    pub reason: Option<ReasonCode>,
    /// What holds instead.
    pub fallback: Fallback,
}

/// What holds of a subject instead of a withdrawn edition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fallback {
    /// An earlier assessment of the subject, as it is published.
    Assessment(AssessmentId),
    /// Nothing: the subject is "not rated".
    NotRated,
}

/// A signature under an edition that was opened again before it was published. It counts no more
/// and stays in the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lapsed {
    /// For whom it was given.
    pub organisation: OrganisationId,
    /// The record of it.
    pub item: Item,
    /// The record by which it lapsed.
    pub by: Item,
}

/// See [`super::Event::SignOffRefused`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignOffRefused<T> {
    /// Who will not sign.
    pub organisation: OrganisationId,
    /// Which edition.
    pub edition: u32,
    /// What was to be signed.
    pub digest: Hash,
    /// What is wrong with it.
    pub objection: T,
}

/// See [`super::Event::AssessmentReopened`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssessmentReopened<T> {
    /// The edition that is worked on now: the next after a publication, else the same.
    pub edition: u32,
    /// Who allowed it.
    pub authority: T,
    /// Under which reference.
    pub reference: Option<T>,
}

/// See [`super::Event::AssessmentWithdrawn`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssessmentWithdrawn {
    /// The edition that was in force.
    pub edition: u32,
    /// What holds instead.
    pub fallback: Fallback,
}

impl<T> Texts<T> for SignOffRefused<T> {
    type With<U> = SignOffRefused<U>;

    fn map_texts<U, E>(self, at: &str, visit: Visit<'_, T, U, E>) -> Result<SignOffRefused<U>, E> {
        Ok(SignOffRefused {
            organisation: self.organisation,
            edition: self.edition,
            digest: self.digest,
            objection: one(self.objection, at, "objection", visit)?,
        })
    }
}

impl<T> Texts<T> for AssessmentReopened<T> {
    type With<U> = AssessmentReopened<U>;

    fn map_texts<U, E>(
        self,
        at: &str,
        visit: Visit<'_, T, U, E>,
    ) -> Result<AssessmentReopened<U>, E> {
        Ok(AssessmentReopened {
            edition: self.edition,
            authority: one(self.authority, at, "authority", visit)?,
            reference: maybe(self.reference, at, "reference", visit)?,
        })
    }
}
