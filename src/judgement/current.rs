//! What holds of a subject: its latest assessment in force, or nothing. (Spec §4, §5)

use std::cmp::Reverse;

use jiff::civil::Date;

use super::{Assessment, AssessmentId, Fallback, Position};

/// What holds of a subject under one framework id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Current {
    /// An edition that is in force.
    Rated {
        /// The assessment.
        assessment: AssessmentId,
        /// The number of the edition.
        edition: u32,
        /// The assessment whose withdrawal led there, if one did.
        instead_of: Option<AssessmentId>,
    },
    /// Nothing was published, or what was is withdrawn.
    NotRated {
        /// The assessment whose withdrawal led there, if one did.
        instead_of: Option<AssessmentId>,
    },
}

/// Assessments that were ever published, latest first.
///
/// An assessment is as late as its first letter: a later edition of an old assessment does not put
/// it before a newer one, and history entered years later stands where its letter was dated.
/// Positions decide where dates tie.
#[must_use]
pub fn latest_first<'a>(assessments: impl Iterator<Item = &'a Assessment>) -> Vec<&'a Assessment> {
    let mut published: Vec<_> = assessments.filter(|it| !it.published.is_empty()).collect();
    published.sort_by_key(|it| Reverse(place(it)));
    published
}

fn place(assessment: &Assessment) -> Option<(Date, Position)> {
    assessment.published.first().map(|first| (first.letter_date, first.item.at))
}

/// What holds of the subject of these assessments under the framework id `family`: the latest one,
/// or what its withdrawal fell back to, and so on. Whatever is fallen back to may be of another
/// framework.
#[must_use]
pub fn current(assessments: &[&Assessment], family: &str) -> Current {
    let latest = latest_first(assessments.iter().copied());
    let Some(first) = latest.iter().find(|it| it.framework.family() == family) else {
        return Current::NotRated { instead_of: None };
    };
    let (mut at, mut passed): (&Assessment, Vec<&AssessmentId>) = (first, Vec::new());
    loop {
        if let Some(edition) = at.in_force() {
            let (assessment, edition) = (at.id.clone(), edition.number);
            let instead_of = passed.first().map(|id| (*id).clone());
            return Current::Rated { assessment, edition, instead_of };
        }
        passed.push(&at.id);
        let fallback = fallback_of(at).filter(|id| !passed.contains(id));
        match fallback.and_then(|id| latest.iter().find(|it| it.id == *id)) {
            Some(next) => at = next,
            None => return Current::NotRated { instead_of: Some(first.id.clone()) },
        }
    }
}

/// The assessment that a withdrawn one fell back to, if to any.
fn fallback_of(assessment: &Assessment) -> Option<&AssessmentId> {
    match &assessment.published.last()?.withdrawn.as_ref()?.fallback {
        Fallback::Assessment(id) => Some(id),
        Fallback::NotRated => None,
    }
}
