//! What a record tells of itself to who looks for it.

use jiff::civil::Date;

use super::{Condition, Test, topics};
use crate::{
    judgement::{
        AreaId, Correction, Decider, Event, GradeSet, Label, OrganisationId, PersonId, ReasonCode,
        Role, Standing, StreamId,
    },
    record::{Commitment, Record},
    views::days_late,
};

impl Condition {
    /// Whether a record meets this, if the record alone tells; see [`Test::is_told_by_records`].
    #[must_use]
    pub fn told_by(&self, record: &Record) -> Option<bool> {
        match self {
            Self::All(conditions) => {
                conditions.iter().try_fold(true, |all, it| Some(it.told_by(record)? && all))
            }
            Self::Any(conditions) => {
                conditions.iter().try_fold(false, |any, it| Some(it.told_by(record)? || any))
            }
            Self::Not(condition) => condition.told_by(record).map(|told| !told),
            Self::Test(test) => by(record, test),
        }
    }
}

impl Test {
    /// Whether every record tells of itself whether it meets this, without the views.
    #[must_use]
    pub fn is_told_by_records(&self) -> bool {
        !matches!(self, Self::HoursToPublication(_)) && self.filed_under().is_none()
    }
}

/// Whether a record meets a test; `None` if it does not tell.
pub(super) fn by(record: &Record, test: &Test) -> Option<bool> {
    Some(match test {
        Test::Assessment(id) => matches!(&record.stream, StreamId::Assessment(of) if of == id),
        Test::Subject(id) => match &record.stream {
            StreamId::Assessment(of) => of.subject() == id,
            StreamId::Subject(of) => of == id,
            StreamId::Framework(_) | StreamId::Ledger => false,
        },
        Test::RecordedBy(persons) => persons.contains(&record.recorded_by.person),
        Test::DecidedBy(persons) => deciders(record).iter().any(|it| persons.contains(it)),
        Test::Organisation(id) => organisations(record).contains(&Some(id)),
        Test::Role(role) => roles(record).contains(&Some(*role)),
        Test::Reason(code) => reasons(record).contains(&Some(code)),
        Test::Basis(basis) => record.act.basis == Some(*basis),
        Test::Change(kind) => grade(record).is_some_and(|grade| grade.change == *kind),
        Test::Event(name) => record.event.name() == *name,
        Test::LevelBefore(name) => is_named(grade(record).and_then(|it| it.before.as_ref()), name),
        Test::LevelAfter(name) => is_named(grade(record).map(|it| &it.award.standing), name),
        Test::EffectiveOn(within) => {
            effective(record).into_iter().flatten().any(|day| within.contains(day))
        }
        Test::RecordedAt(within) => within.contains(record.recorded_at),
        Test::BackdatedDays(within) => {
            let late = |day| within.contains(days_late(record.recorded_on, day));
            effective(record).into_iter().flatten().any(late)
        }
        Test::Area(area) => return may_speak_of(record, area),
        Test::Framework(_) | Test::Concept(_) | Test::After(_) | Test::HoursToPublication(_) => {
            return None;
        }
    })
}

fn grade(record: &Record) -> Option<&GradeSet<Commitment>> {
    if let Event::GradeSet(event) = &record.event { Some(event) } else { None }
}

fn is_named(standing: Option<&Standing>, name: &Label) -> bool {
    standing.is_some_and(|standing| standing.names().any(|it| it == *name))
}

/// What holds instead of what another record says, if this one puts that right.
fn put_right(record: &Record) -> Option<&Correction<Commitment>> {
    if let Event::RecordCorrected(event) = &record.event { Some(&event.to) } else { None }
}

/// Who decided, instead of whom another record says.
fn decider_put_right(record: &Record) -> Option<&Decider<Commitment>> {
    if let Correction::DecidedBy(decider) = put_right(record)? { Some(decider) } else { None }
}

/// Why; and why by what a record puts right.
fn reasons(record: &Record) -> [Option<&ReasonCode>; 2] {
    let corrected = put_right(record).and_then(|correction| {
        if let Correction::Reason(code) = correction { Some(code) } else { None }
    });
    [record.act.reason.as_ref(), corrected]
}

/// From which day it holds; and from which day what it puts right does.
fn effective(record: &Record) -> [Option<Date>; 2] {
    let corrected = put_right(record).and_then(|correction| {
        if let Correction::EffectiveOn(day) = correction { Some(*day) } else { None }
    });
    [Some(effective_on(record)), corrected]
}

/// Who decided: see [`Fact::deciders`](crate::judgement::Fact::deciders); and who is said to have
/// by a record that puts another right.
fn deciders(record: &Record) -> Vec<PersonId> {
    let mut deciders = deciders_of(record);
    deciders.extend(decider_put_right(record).map(Decider::persons).unwrap_or_default());
    deciders
}

fn deciders_of(record: &Record) -> Vec<PersonId> {
    match &record.act.decided_by {
        Some(decider) => decider.persons().to_vec(),
        None if record.act.origin.is_transcribed() => Vec::new(),
        None => vec![record.recorded_by.person],
    }
}

/// For whom it was recorded, decided and signed, or not signed.
fn organisations(record: &Record) -> [Option<&OrganisationId>; 5] {
    let decided_for = record.act.decided_by.as_ref().map(|decider| &decider.organisation);
    let signed_for =
        if let Event::SignedOff(event) = &record.event { Some(&event.organisation) } else { None };
    let refused_for = if let Event::SignOffRefused(event) = &record.event {
        Some(&event.organisation)
    } else {
        None
    };
    let put_right = decider_put_right(record).map(|decider| &decider.organisation);
    [Some(&record.recorded_by.organisation), decided_for, signed_for, refused_for, put_right]
}

fn roles(record: &Record) -> [Option<Role>; 3] {
    let decided_in = record.act.decided_by.as_ref().and_then(|decider| decider.role);
    let put_right = decider_put_right(record).and_then(|decider| decider.role);
    [Some(record.recorded_by.role), decided_in, put_right]
}

fn effective_on(record: &Record) -> Date {
    record.act.effective_on.unwrap_or(record.recorded_on)
}

/// Whether a record speaks of an area. What an entry or a challenge spoke of before stands in another
/// record: only the views know.
fn may_speak_of(record: &Record, area: &AreaId) -> Option<bool> {
    let says = topics::said(&record.event).contains(&area);
    (says || !topics::may_mean_more(&record.event)).then_some(says)
}
