//! What auditors suspect: a change of an assessment after somebody had seen or signed it.
//!
//! (Spec §5, `after_draft` and `after_signature`.) What an assessment has passed is never taken
//! back, neither by reopening nor by an objection: a change stays suspicious for ever.

use super::{ChangeKind, Correction, Event};

/// What an assessment passes once, and what a later change is suspicious after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Milestone {
    /// A draft was shared.
    DraftShared,
    /// An organisation signed an edition of it.
    Signed,
}

/// What an event means to those who have seen or signed an assessment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bearing {
    /// It changes what the next edition says.
    Changes,
    /// The assessment passes this.
    Passes(Milestone),
    /// The working edition is public.
    Publishes,
    /// Neither.
    Nothing,
}

impl<T> Event<T> {
    /// What the event means to those who have seen or signed the assessment. A grade that is
    /// reaffirmed is no change. (Spec §4.4)
    #[must_use]
    pub const fn bearing(&self) -> Bearing {
        match self {
            Self::GradeSet(event) => match event.change {
                ChangeKind::Reaffirmed => Bearing::Nothing,
                ChangeKind::Awarded
                | ChangeKind::Raised
                | ChangeKind::Lowered
                | ChangeKind::Vacated => Bearing::Changes,
            },
            Self::AddresseeSet(_) | Self::EntryRecorded(_) | Self::EntryRevised(_) => {
                Bearing::Changes
            }
            // The words of a letter are changed by it; who decided a grade, and when, it does not say.
            Self::RecordCorrected(event) => match event.to {
                Correction::Transcription(_) => Bearing::Changes,
                Correction::DecidedBy(_)
                | Correction::DecidedOn(_)
                | Correction::EffectiveOn(_)
                | Correction::Reason(_) => Bearing::Nothing,
            },
            Self::SignedOff(_) => Bearing::Passes(Milestone::Signed),
            Self::DraftShared(_) => Bearing::Passes(Milestone::DraftShared),
            Self::AssessmentPublished(_) => Bearing::Publishes,
            Self::PersonRegistered(_)
            | Self::FrameworkRegistered(_)
            | Self::SubjectRegistered(_)
            | Self::AssessmentOpened(_)
            | Self::AssessmentLocked(_)
            | Self::SignOffRefused(_)
            | Self::AssessmentReopened(_)
            | Self::AssessmentWithdrawn(_)
            | Self::HoldPlaced(_)
            | Self::HoldReleased(_)
            | Self::ChallengeReceived(_)
            | Self::ChallengeDecided(_)
            | Self::SubjectRenamed(_)
            | Self::RedactionRequested(_)
            | Self::TextRedacted(_)
            | Self::RedactionRefused(_)
            | Self::RedactionCompleted(_)
            | Self::KeyRotated(_)
            | Self::AccessRecorded(_) => Bearing::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judgement::{AreaId, AssessmentLocked, Award, GradeSet, NonGrade, Standing};
    use crate::merkle::Hash;

    fn graded(change: ChangeKind) -> Event<()> {
        let standing = Standing::NotGraded(NonGrade::NotJudged);
        let award = Award { standing, qualifier: None };
        let area = AreaId::parse("staying-safe").unwrap();
        Event::GradeSet(GradeSet { area, award, change, before: None })
    }

    #[test]
    fn every_grade_but_a_reaffirmed_one_is_a_change() {
        for (change, bearing) in [
            (ChangeKind::Awarded, Bearing::Changes),
            (ChangeKind::Raised, Bearing::Changes),
            (ChangeKind::Lowered, Bearing::Changes),
            (ChangeKind::Vacated, Bearing::Changes),
            (ChangeKind::Reaffirmed, Bearing::Nothing),
        ] {
            assert_eq!(graded(change).bearing(), bearing, "{}", change.as_str());
        }
    }

    #[test]
    fn a_lock_alone_passes_nothing() {
        let locked = AssessmentLocked { edition: 1, digest: Hash::new([7; 32]) };
        let locked: Event<()> = Event::AssessmentLocked(locked);
        assert_eq!(locked.bearing(), Bearing::Nothing);
    }
}
