//! How two judgements compare that need not follow one another: of two assessments, or of one at
//! two moments.

use super::{Area, Framework, Standing};

/// How what stands after compares with what stood before: by rank, never by number. (Spec §3.3)
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Comparison {
    /// A better level.
    Raised,
    /// A worse level.
    Lowered,
    /// The same level, in whichever words, or the same value that is no grade.
    Same,
    /// Something stands where nothing did, or a level where a value stood that is no grade.
    New,
    /// Nothing stands any more, or a value that is no grade where a level stood.
    Dropped,
    /// Both are there and nothing says which is better.
    NotComparable,
}

impl Framework {
    /// Whether the areas of both may be compared by concept. One that says so is enough.
    #[must_use]
    pub fn is_comparable_with(&self, other: &Self) -> bool {
        self.id == other.id
            || self.comparable_with.contains(&other.id)
            || other.comparable_with.contains(&self.id)
    }

    /// The area of this framework that may be compared with `area` of `other`: the same one under
    /// the same framework, else the one of the same concept if the frameworks are comparable.
    #[must_use]
    pub fn counterpart(&self, area: &Area, other: &Self) -> Option<&Area> {
        if self.id == other.id {
            return self.area(&area.id);
        }
        let concept = area.concept.as_ref().filter(|_| self.is_comparable_with(other))?;
        self.areas.iter().find(|it| it.concept.as_ref() == Some(concept))
    }
}

/// How what stands `after`, under a framework, compares with what stood `before`, under another or
/// the same one; `None` if nothing is said of the area on either side.
#[must_use]
pub fn compare(
    (before, earlier): (Option<&Standing>, &Framework),
    (after, later): (Option<&Standing>, &Framework),
) -> Option<Comparison> {
    use Standing::{Level, NotGraded};
    match (before, after) {
        (None, None) => None,
        (None, Some(_)) | (Some(NotGraded(_)), Some(Level { .. })) => Some(Comparison::New),
        (Some(_), None) | (Some(Level { .. }), Some(NotGraded(_))) => Some(Comparison::Dropped),
        (Some(NotGraded(one)), Some(NotGraded(other))) => {
            Some(if one == other { Comparison::Same } else { Comparison::NotComparable })
        }
        (
            Some(Level { scale: before_on, level: before, .. }),
            Some(Level { scale: after_on, level: after, .. }),
        ) => {
            let ranked = || {
                let (one, other) = (earlier.scale(before_on)?, later.scale(after_on)?);
                let (from, to) = (one.level(before)?.rank, other.level(after)?.rank);
                one.ranks_against(other).then_some((from, to))
            };
            Some(match ranked() {
                _ if before_on == after_on && before == after => Comparison::Same,
                Some((from, to)) if to > from => Comparison::Raised,
                Some((from, to)) if to < from => Comparison::Lowered,
                Some(_) => Comparison::Same,
                None => Comparison::NotComparable,
            })
        }
    }
}
