//! Challenges: what somebody says is wrong with an assessment, point by point, and what was decided
//! on each. A decision changes no grade by itself. (Spec §4)

use jiff::civil::Date;

use super::{
    AreaId, ChallengeId, EntryId, Item,
    texts::{Texts, Visit, each, one},
};

/// What sort of challenge it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChallengeKind {
    /// Facts are said to be wrong, in the check of factual accuracy.
    Accuracy,
    /// A judgement is said to be wrong.
    Representation,
    /// The inspection is said to have been wrong.
    Complaint,
}

/// What a point is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Challenged {
    /// The judgement of an area.
    Area(AreaId),
    /// An entry.
    Entry(EntryId),
}

/// One point of a challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point<T> {
    /// What it is about.
    pub about: Challenged,
    /// What is said to be wrong.
    pub text: T,
}

/// What was decided on a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PointOutcome {
    /// It is right.
    Upheld,
    /// It is right in part.
    Partly,
    /// It is not right: it changes no grade and stays in the history.
    Refused,
}

/// See [`super::Event::ChallengeReceived`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChallengeReceived<T> {
    /// The id that the client chose.
    pub challenge: ChallengeId,
    /// From whom it came.
    pub from: T,
    /// What sort it is.
    pub kind: ChallengeKind,
    /// Its points, numbered from 1.
    pub points: Vec<Point<T>>,
    /// The day by which it has to be decided.
    pub due: Option<Date>,
}

/// See [`super::Event::ChallengeDecided`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChallengeDecided<T> {
    /// Which challenge.
    pub challenge: ChallengeId,
    /// Which of its points, from 1.
    pub point: u32,
    /// What was decided.
    pub outcome: PointOutcome,
    /// Why.
    pub why: T,
}

/// A challenge as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// The record of its receipt.
    pub item: Item,
    /// What sort it is.
    pub kind: ChallengeKind,
    /// The day by which it has to be decided.
    pub due: Option<Date>,
    /// Its points.
    pub points: Vec<Raised>,
}

/// A point as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raised {
    /// What it is about.
    pub about: Challenged,
    /// The record that stood when it was received, if any did: the grade or wording that is
    /// challenged.
    pub against: Option<Item>,
    /// The record of the last decision on it, and what that was.
    pub decided: Option<(Item, PointOutcome)>,
}

impl Challenge {
    /// Its point of this number, from 1.
    #[must_use]
    pub fn point(&self, number: u32) -> Option<&Raised> {
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        self.points.get(index)
    }

    /// The same, to be decided.
    pub(super) fn point_mut(&mut self, number: u32) -> Option<&mut Raised> {
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        self.points.get_mut(index)
    }
}

impl<T> Texts<T> for Point<T> {
    type With<U> = Point<U>;

    fn map_texts<U, E>(self, at: &str, visit: Visit<'_, T, U, E>) -> Result<Point<U>, E> {
        Ok(Point { about: self.about, text: one(self.text, at, "text", visit)? })
    }
}

impl<T> Texts<T> for ChallengeReceived<T> {
    type With<U> = ChallengeReceived<U>;

    fn map_texts<U, E>(
        self,
        at: &str,
        visit: Visit<'_, T, U, E>,
    ) -> Result<ChallengeReceived<U>, E> {
        Ok(ChallengeReceived {
            challenge: self.challenge,
            from: one(self.from, at, "received_from", visit)?,
            kind: self.kind,
            points: each(self.points, at, "points", visit)?,
            due: self.due,
        })
    }
}

impl<T> Texts<T> for ChallengeDecided<T> {
    type With<U> = ChallengeDecided<U>;

    fn map_texts<U, E>(
        self,
        at: &str,
        visit: Visit<'_, T, U, E>,
    ) -> Result<ChallengeDecided<U>, E> {
        Ok(ChallengeDecided {
            challenge: self.challenge,
            point: self.point,
            outcome: self.outcome,
            why: one(self.why, at, "why", visit)?,
        })
    }
}
