//! What an auditor looks for, as one tree of tests.
//!
//! Every query comes to a [`Condition`], whichever way it was stated, and every condition is
//! answered in the same two steps: [`Condition::clauses`] says which terms the views are asked
//! for, and a [sieve](super::sieve) looks at each record that they name. The clauses may let
//! through too much, never too little.

use jiff::{Timestamp, civil::Date};

use crate::{
    judgement::{
        AreaId, AssessmentId, Basis, ChangeKind, Concept, FrameworkId, Label, Milestone,
        OrganisationId, PersonId, ReasonCode, Role, SubjectId,
    },
    views::{Lateness, Term, effective_within},
};

/// From one value to another, both included; open where none is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Within<T> {
    /// Not less.
    pub from: Option<T>,
    /// Not more.
    pub to: Option<T>,
}

impl<T: Copy + PartialOrd> Within<T> {
    /// Whatever it is.
    pub const ANY: Self = Self { from: None, to: None };

    /// This value and no other.
    #[must_use]
    pub const fn exactly(value: T) -> Self {
        Self { from: Some(value), to: Some(value) }
    }

    /// Whether a value lies in it.
    #[must_use]
    pub fn contains(self, value: T) -> bool {
        self.from.is_none_or(|from| value >= from) && self.to.is_none_or(|to| value <= to)
    }

    /// What lies in both.
    fn and(self, other: Self) -> Self {
        let from = match (self.from, other.from) {
            (Some(one), Some(other)) => Some(if one > other { one } else { other }),
            (one, other) => one.or(other),
        };
        let to = match (self.to, other.to) {
            (Some(one), Some(other)) => Some(if one < other { one } else { other }),
            (one, other) => one.or(other),
        };
        Self { from, to }
    }
}

/// What a record must meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// All of these; none: every record meets it.
    All(Vec<Condition>),
    /// Any of these; none: no record meets it.
    Any(Vec<Condition>),
    /// Not this.
    Not(Box<Condition>),
    /// One thing.
    Test(Test),
}

/// One thing that is true of a record or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// It is of this assessment.
    Assessment(AssessmentId),
    /// It is of this subject or one of its assessments.
    Subject(SubjectId),
    /// It is of an assessment under this framework, or registers it.
    Framework(FrameworkId),
    /// It speaks of this area, or takes back what was said of it.
    Area(AreaId),
    /// As `Area`, of areas that frameworks file under this.
    Concept(Concept),
    /// One of these persons recorded it.
    RecordedBy(Vec<PersonId>),
    /// One of these persons decided it, alone or on a panel.
    DecidedBy(Vec<PersonId>),
    /// It was recorded, decided or signed for this organisation.
    Organisation(OrganisationId),
    /// It was recorded or decided in this role.
    Role(Role),
    /// Why.
    Reason(ReasonCode),
    /// On what it rests.
    Basis(Basis),
    /// How a grade changed.
    Change(ChangeKind),
    /// What happened, by the event's name.
    Event(&'static str),
    /// A grade that replaced one of this name.
    LevelBefore(Label),
    /// A grade of this name.
    LevelAfter(Label),
    /// The day from which it holds.
    EffectiveOn(Within<Date>),
    /// When it was recorded.
    RecordedAt(Within<Timestamp>),
    /// By how many days it was recorded later than it holds; negative for earlier.
    BackdatedDays(Within<i32>),
    /// A change, so many whole hours before the publication of the edition that it went into.
    HoursToPublication(Within<i64>),
    /// A change after its assessment had passed this.
    After(Milestone),
}

/// How many clauses the views are asked for at most. More would narrow a search hardly further,
/// and each of its terms costs a look.
const CLAUSES_MAX: usize = 16;

/// How many terms a clause has at most, so that the first step of a search takes well below a
/// millisecond. A range of days has some hundred.
const CLAUSE_TERMS_MAX: usize = 256;

impl Condition {
    /// Met by every record.
    pub const EVERYTHING: Self = Self::All(Vec::new());

    /// What the views are asked for: every record that meets this has a term of each clause. A
    /// clause without a term: no record does.
    pub(super) fn clauses(&self) -> Vec<Vec<Term>> {
        let mut clauses = self.implied(Polarity::Met);
        clauses.retain(|clause| clause.len() <= CLAUSE_TERMS_MAX);
        // The shortest are mostly the rarest.
        clauses.sort_by_key(Vec::len);
        clauses.dedup();
        clauses.truncate(CLAUSES_MAX);
        clauses
    }

    fn implied(&self, polarity: Polarity) -> Vec<Vec<Term>> {
        match (self, polarity) {
            (Self::All(conditions), Polarity::Met) => {
                let narrow = narrowed(conditions).map(|term| vec![term]);
                let each = conditions.iter().flat_map(|it| it.implied(polarity));
                narrow.into_iter().chain(each).collect()
            }
            (Self::Any(conditions), Polarity::Unmet) => {
                conditions.iter().flat_map(|it| it.implied(polarity)).collect()
            }
            (Self::Any(conditions), Polarity::Met) | (Self::All(conditions), Polarity::Unmet) => {
                either(conditions.iter().map(|it| it.implied(polarity)))
            }
            (Self::Not(condition), polarity) => condition.implied(polarity.opposite()),
            (Self::Test(test), Polarity::Met) => test.terms().into_iter().collect(),
            // What a record does not carry, no index finds.
            (Self::Test(_), Polarity::Unmet) => Vec::new(),
        }
    }

    /// The times of recording between which every record lies that meets this.
    pub(super) fn recorded(&self) -> Within<Timestamp> {
        match self {
            Self::Test(Test::RecordedAt(within)) => *within,
            Self::All(conditions) => {
                conditions.iter().map(Self::recorded).fold(Within::ANY, Within::and)
            }
            Self::Test(_) | Self::Any(_) | Self::Not(_) => Within::ANY,
        }
    }

    /// Whether it asks how long before a publication something was changed.
    pub(super) fn asks_for_publication(&self) -> bool {
        match self {
            Self::All(conditions) | Self::Any(conditions) => {
                conditions.iter().any(Self::asks_for_publication)
            }
            Self::Not(condition) => condition.asks_for_publication(),
            Self::Test(test) => matches!(test, Test::HoursToPublication(_)),
        }
    }
}

/// Whether what is looked for meets a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Polarity {
    Met,
    Unmet,
}

impl Polarity {
    const fn opposite(self) -> Self {
        match self {
            Self::Met => Self::Unmet,
            Self::Unmet => Self::Met,
        }
    }
}

/// The term that says at once that one area of one assessment is meant.
fn narrowed(conditions: &[Condition]) -> Option<Term> {
    let mut assessment = None;
    let mut area = None;
    for condition in conditions {
        match condition {
            Condition::Test(Test::Assessment(id)) => assessment = Some(id.clone()),
            Condition::Test(Test::Area(id)) => area = Some(id.clone()),
            Condition::Test(_) | Condition::All(_) | Condition::Any(_) | Condition::Not(_) => {}
        }
    }
    assessment.zip(area).map(|(assessment, area)| Term::Judgement(assessment, area))
}

/// What follows from any of several alternatives, each with its own clauses: a clause of one
/// joined with a clause of each other. Every such join would be right; if they are many, only the
/// one of the shortest clauses is made.
fn either(alternatives: impl Iterator<Item = Vec<Vec<Term>>>) -> Vec<Vec<Term>> {
    // No alternative is met by anything: joined, that is the clause without a term.
    let mut joined: Vec<Vec<Term>> = vec![Vec::new()];
    for mut clauses in alternatives {
        if joined.len().saturating_mul(clauses.len()) > CLAUSES_MAX {
            clauses.sort_by_key(Vec::len);
            clauses.truncate(1);
        }
        let join = |one: &Vec<Term>, other: &Vec<Term>| {
            let new = other.iter().filter(|term| !one.contains(term));
            one.iter().chain(new).cloned().collect()
        };
        joined = joined
            .iter()
            .flat_map(|one| clauses.iter().map(move |other| join(one, other)))
            .collect();
    }
    joined
}

impl Test {
    /// A clause that every record has which meets this; `None` if no index says so.
    fn terms(&self) -> Option<Vec<Term>> {
        let one = |term| Some(vec![term]);
        match self {
            Self::Assessment(id) => one(Term::Assessment(id.clone())),
            Self::Subject(id) => one(Term::Subject(id.clone())),
            Self::RecordedBy(persons) => {
                Some(persons.iter().copied().map(Term::RecordedBy).collect())
            }
            Self::DecidedBy(persons) => {
                Some(persons.iter().copied().map(Term::DecidedBy).collect())
            }
            Self::Organisation(id) => one(Term::Organisation(id.clone())),
            Self::Role(role) => one(Term::Role(*role)),
            Self::Reason(code) => one(Term::Reason(code.clone())),
            Self::Basis(basis) => one(Term::Basis(*basis)),
            Self::Change(kind) => one(Term::Change(*kind)),
            Self::Event(name) => one(Term::Event(name)),
            Self::LevelBefore(name) => one(Term::LevelBefore(name.clone())),
            Self::LevelAfter(name) => one(Term::LevelAfter(name.clone())),
            Self::EffectiveOn(within) => match (within.from, within.to) {
                (None, None) => None,
                (Some(from), Some(to)) if from == to => one(Term::EffectiveOn(from)),
                (from, to) => Some(effective_within(from, to)),
            },
            Self::BackdatedDays(Within { from, to }) => {
                let late = Lateness::within((*from)?, to.unwrap_or(i32::MAX))?;
                Some(late.into_iter().map(Term::Backdated).collect())
            }
            Self::HoursToPublication(_) => Some(CHANGES.map(Term::Event).to_vec()),
            // The times of recording rise with the positions, so that they need no index.
            Self::RecordedAt(_) => None,
            Self::Framework(_) | Self::Area(_) | Self::Concept(_) | Self::After(_) => {
                self.filed_under().map(|term| vec![term])
            }
        }
    }

    /// The term that alone tells whether a record meets this, where the record itself does not.
    pub(super) fn filed_under(&self) -> Option<Term> {
        match self {
            Self::Framework(id) => Some(Term::Framework(id.clone())),
            Self::Area(id) => Some(Term::Area(id.clone())),
            Self::Concept(concept) => Some(Term::Concept(concept.clone())),
            Self::After(milestone) => Some(Term::After(*milestone)),
            Self::Assessment(_)
            | Self::Subject(_)
            | Self::RecordedBy(_)
            | Self::DecidedBy(_)
            | Self::Organisation(_)
            | Self::Role(_)
            | Self::Reason(_)
            | Self::Basis(_)
            | Self::Change(_)
            | Self::Event(_)
            | Self::LevelBefore(_)
            | Self::LevelAfter(_)
            | Self::EffectiveOn(_)
            | Self::RecordedAt(_)
            | Self::BackdatedDays(_)
            | Self::HoursToPublication(_) => None,
        }
    }
}

/// The events that may change what an edition says: see `Event::bearing`.
const CHANGES: [&str; 5] =
    ["GradeSet", "EntryRecorded", "EntryRevised", "AddresseeSet", "RecordCorrected"];

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(code: &str) -> Condition {
        Condition::Test(Test::Reason(ReasonCode::parse(code).unwrap()))
    }

    fn term(code: &str) -> Term {
        Term::Reason(ReasonCode::parse(code).unwrap())
    }

    fn lowered() -> Condition {
        Condition::Test(Test::Change(ChangeKind::Lowered))
    }

    const LOWERED: Term = Term::Change(ChangeKind::Lowered);

    #[test]
    fn what_must_all_be_met_has_a_clause_each_and_what_may_be_one_together() {
        let all = Condition::All(vec![reason("A"), lowered()]);
        assert_eq!(all.clauses(), [vec![term("A")], vec![LOWERED]]);
        let any = Condition::Any(vec![reason("A"), lowered()]);
        assert_eq!(any.clauses(), [vec![term("A"), LOWERED]]);
        let both = Condition::Any(vec![all, reason("B")]);
        assert_eq!(both.clauses(), [vec![term("A"), term("B")], vec![LOWERED, term("B")]]);
    }

    #[test]
    fn what_no_index_finds_asks_for_everything() {
        let not = Condition::Not(Box::new(reason("A")));
        assert!(not.clauses().is_empty());
        assert!(Condition::Any(vec![not.clone(), lowered()]).clauses().is_empty());
        assert_eq!(Condition::All(vec![not.clone(), lowered()]).clauses(), [vec![LOWERED]]);
        let twice = Condition::Not(Box::new(not));
        assert_eq!(twice.clauses(), [vec![term("A")]]);
        let neither = Condition::Any(vec![Condition::Not(Box::new(reason("A"))), lowered()]);
        assert!(Condition::Not(Box::new(neither)).clauses().contains(&vec![term("A")]));
        assert!(Condition::EVERYTHING.clauses().is_empty());
    }

    #[test]
    fn nobody_did_nothing() {
        let nothing: [Vec<Term>; 1] = [Vec::new()];
        assert_eq!(Condition::Test(Test::RecordedBy(Vec::new())).clauses(), nothing);
        assert_eq!(Condition::Any(Vec::new()).clauses(), nothing);
    }

    #[test]
    fn clauses_are_few_however_a_condition_is_built() {
        let pair = |a: &str, b: &str| Condition::All(vec![reason(a), reason(b)]);
        let pairs = ["A", "B", "C", "D", "E", "F", "G", "H"].map(|a| pair(a, &format!("{a}A")));
        let clauses = Condition::Any(pairs.to_vec()).clauses();
        assert!((1..=CLAUSES_MAX).contains(&clauses.len()), "{}", clauses.len());
        assert!(clauses.iter().all(|clause| clause.len() == 8), "{clauses:?}");
    }
}
