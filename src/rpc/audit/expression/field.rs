//! The fields of an expression, and what their values mean.

use aip_160::Comparator;
use jiff::{Span, Timestamp, ToSpan as _, civil::Date, tz::TimeZone};

use super::super::{
    events::event,
    filter::{Named, TICK, persons},
};
use crate::{
    judgement::{
        AreaId, AssessmentId, BadId, Basis, ChangeKind, Concept, FrameworkId, Label, Milestone,
        OrganisationId, PersonId, ReasonCode, Role, SubjectId,
    },
    ledger::{Condition, Test, Within},
    pb,
    record::Numbered as _,
};

/// What a record can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Actor,
    AfterDraft,
    AfterSignature,
    Area,
    Assessment,
    BackdatedDays,
    Basis,
    Change,
    Concept,
    Decider,
    Effective,
    Event,
    Framework,
    HoursToPublication,
    LevelAfter,
    LevelBefore,
    Organisation,
    Reason,
    Recorded,
    Role,
    Subject,
}

/// Each field by its name, a second name that it has in answers, and an example.
const FIELDS: [(Field, &str, &str, &str); 21] = [
    (Field::Actor, "actor", "recorded_by", "actor = \"ada@ofsted\""),
    (Field::AfterDraft, "after_draft", "", "after_draft = true"),
    (Field::AfterSignature, "after_signature", "", "after_signature = true"),
    (Field::Area, "area", "", "area = staying-safe"),
    (Field::Assessment, "assessment", "", "assessment = leicester-city/apa-2006"),
    (Field::BackdatedDays, "backdated_days", "", "backdated_days > 30"),
    (Field::Basis, "basis", "", "basis = SAME_EVIDENCE"),
    (Field::Change, "change", "", "change = LOWERED"),
    (Field::Concept, "concept", "", "concept = ecm.staying-safe"),
    (Field::Decider, "decider", "decided_by", "decider = \"ada@ofsted\""),
    (Field::Effective, "effective", "effective_on", "effective >= 2006-10-01"),
    (Field::Event, "event", "", "event = GradeSet"),
    (Field::Framework, "framework", "", "framework = apa/2006"),
    (Field::HoursToPublication, "hours_to_publication", "", "hours_to_publication < 48"),
    (Field::LevelAfter, "level_after", "", "level_after = adequate"),
    (Field::LevelBefore, "level_before", "", "level_before = good"),
    (Field::Organisation, "organisation", "", "organisation = ofsted"),
    (Field::Reason, "reason", "", "reason = MODERATION"),
    (Field::Recorded, "recorded", "recorded_at", "recorded < \"2006-11-01T00:00:00Z\""),
    (Field::Role, "role", "", "role = MODERATOR"),
    (Field::Subject, "subject", "", "subject = leicester-city"),
];

/// No record meets it.
const NOTHING: Condition = Condition::Any(Vec::new());

impl Field {
    pub(super) fn named(name: &str) -> Option<Self> {
        let found = FIELDS.into_iter().find(|(_, one, other, _)| *one == name || *other == name);
        found.filter(|_| !name.is_empty()).map(|(field, ..)| field)
    }

    /// The names of all fields.
    pub(super) fn names() -> String {
        FIELDS.map(|(_, name, ..)| name).join(", ")
    }

    pub(super) fn example(self) -> &'static str {
        let found = FIELDS.into_iter().find(|(field, ..)| *field == self);
        found.map_or("", |(.., example)| example)
    }

    pub(super) const fn is_yes_or_no(self) -> bool {
        matches!(self, Self::AfterDraft | Self::AfterSignature)
    }

    /// The comparison of this field with a value.
    ///
    /// # Errors
    /// What is wrong with the value or the comparison.
    pub(super) fn compare(
        self,
        comparator: Comparator,
        value: &str,
        named: Named<'_>,
    ) -> Result<Condition, String> {
        if value.starts_with('*') || value.ends_with('*') {
            return Err("has a `*`, which is not taken: values are compared whole".to_owned());
        }
        match self {
            Self::Effective => effective(comparator, value),
            Self::Recorded => recorded(comparator, value),
            Self::BackdatedDays => {
                let days: i32 = whole(value)?;
                let step = (days.checked_sub(1), days.checked_add(1));
                Ok(ordered(comparator, (days, days), step, Test::BackdatedDays))
            }
            Self::HoursToPublication => {
                let hours: i64 = whole(value)?;
                let step = (hours.checked_sub(1), hours.checked_add(1));
                Ok(ordered(comparator, (hours, hours), step, Test::HoursToPublication))
            }
            Self::AfterDraft => yes_or_no(comparator, value, Test::After(Milestone::DraftShared)),
            Self::AfterSignature => yes_or_no(comparator, value, Test::After(Milestone::Signed)),
            Self::Actor
            | Self::Area
            | Self::Assessment
            | Self::Basis
            | Self::Change
            | Self::Concept
            | Self::Decider
            | Self::Event
            | Self::Framework
            | Self::LevelAfter
            | Self::LevelBefore
            | Self::Organisation
            | Self::Reason
            | Self::Role
            | Self::Subject => equal(comparator, self.test(value, named)?),
        }
    }

    /// The test of a field that is only equal or not.
    fn test(self, value: &str, named: Named<'_>) -> Result<Test, String> {
        let told = |bad: BadId| bad.to_string();
        Ok(match self {
            Self::Actor => Test::RecordedBy(somebody(value, named)?),
            Self::Decider => Test::DecidedBy(somebody(value, named)?),
            Self::Area => Test::Area(AreaId::parse(value).map_err(told)?),
            Self::Concept => Test::Concept(Concept::parse(value).map_err(told)?),
            Self::Assessment => Test::Assessment(assessment(value).map_err(told)?),
            Self::Subject => {
                let short = SubjectId::parse(value);
                Test::Subject(short.or_else(|_| SubjectId::parse_name(value)).map_err(told)?)
            }
            Self::Framework => Test::Framework(framework(value).map_err(told)?),
            Self::Organisation => Test::Organisation(OrganisationId::parse(value).map_err(told)?),
            Self::Reason => Test::Reason(ReasonCode::parse(value).map_err(told)?),
            Self::LevelBefore => Test::LevelBefore(Label::parse(value).map_err(told)?),
            Self::LevelAfter => Test::LevelAfter(Label::parse(value).map_err(told)?),
            Self::Event => Test::Event(event(value)?),
            Self::Basis => Test::Basis(basis(value)?),
            Self::Change => Test::Change(change(value)?),
            Self::Role => Test::Role(role(value)?),
            Self::AfterDraft
            | Self::AfterSignature
            | Self::BackdatedDays
            | Self::Effective
            | Self::HoursToPublication
            | Self::Recorded => return Err("is compared otherwise".to_owned()),
        })
    }
}

/// Who is called so. Nobody is not meant: an answer without a row would not say that a name is
/// misspelt. Only who sees all is told that, though: see [`super::super::within::named`].
fn somebody(value: &str, named: Named<'_>) -> Result<Vec<PersonId>, String> {
    persons(value, named).ok_or_else(|| {
        let what = "is nobody known here: give a login, a name as records show it, or a person's id; \
                    a panel is found by its members";
        what.to_owned()
    })
}

/// `subjects/leicester-city/assessments/apa-2006`, or in short `leicester-city/apa-2006`.
fn assessment(value: &str) -> Result<AssessmentId, BadId> {
    match value.split_once('/') {
        Some((subject, name)) if !name.contains('/') => {
            AssessmentId::new(SubjectId::parse(subject)?, name)
        }
        Some(_) | None => AssessmentId::parse(value),
    }
}

/// `frameworks/apa/versions/2006`, or in short `apa/2006`.
fn framework(value: &str) -> Result<FrameworkId, BadId> {
    match value.split_once('/') {
        Some((family, version)) if !version.contains('/') => FrameworkId::new(family, version),
        Some(_) | None => FrameworkId::parse(value),
    }
}

/// The values of a closed set, as the proto names them without its prefix.
fn listed<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str) -> String {
    all.iter().map(|it| name(*it)).collect::<Vec<_>>().join(", ")
}

fn basis(value: &str) -> Result<Basis, String> {
    let found = pb::Basis::from_str_name(&format!("BASIS_{value}"));
    found.and_then(|it| Basis::numbered(it.into())).ok_or_else(|| {
        let all = [
            pb::Basis::NewEvidence,
            pb::Basis::SameEvidence,
            pb::Basis::DataCorrected,
            pb::Basis::Framework,
            pb::Basis::Error,
        ];
        let names = listed(&all, |it| it.as_str_name().trim_start_matches("BASIS_"));
        format!("is no basis; there are {names}")
    })
}

fn change(value: &str) -> Result<ChangeKind, String> {
    let all = [
        ChangeKind::Awarded,
        ChangeKind::Raised,
        ChangeKind::Lowered,
        ChangeKind::Reaffirmed,
        ChangeKind::Vacated,
    ];
    let found = all.into_iter().find(|it| it.as_str() == value);
    found.ok_or_else(|| format!("is no change; there are {}", listed(&all, ChangeKind::as_str)))
}

/// A role, as the proto writes it or as credentials do.
fn role(value: &str) -> Result<Role, String> {
    let found = pb::Role::from_str_name(&format!("ROLE_{value}"));
    let found = found.and_then(|it| Role::numbered(it.into())).or_else(|| Role::parse(value));
    let names = || listed(&Role::ALL, Role::as_str).to_uppercase().replace('-', "_");
    found.ok_or_else(|| format!("is no role; there are {}", names()))
}

fn whole<N: std::str::FromStr>(value: &str) -> Result<N, String> {
    value.parse().map_err(|_| "is no whole number".to_owned())
}

/// A comparison of what is the same or not.
fn equal(comparator: Comparator, test: Test) -> Result<Condition, String> {
    match comparator {
        Comparator::Equal | Comparator::Has => Ok(Condition::Test(test)),
        Comparator::NotEqual => Ok(Condition::Not(Box::new(Condition::Test(test)))),
        Comparator::LessThan
        | Comparator::LessThanOrEqual
        | Comparator::GreaterThan
        | Comparator::GreaterThanOrEqual => {
            Err(format!("is compared by = or !=, not by {comparator}: it has no order"))
        }
    }
}

fn yes_or_no(comparator: Comparator, value: &str, test: Test) -> Result<Condition, String> {
    let condition = equal(comparator, test)?;
    match value {
        "true" => Ok(condition),
        "false" => Ok(Condition::Not(Box::new(condition))),
        _ => Err("is neither true nor false".to_owned()),
    }
}

/// A comparison of what has an order. `value` goes from its first moment to its last; `beyond`
/// are what comes before the first and after the last, if anything does.
fn ordered<T: Copy>(
    comparator: Comparator,
    value: (T, T),
    beyond: (Option<T>, Option<T>),
    test: impl Fn(Within<T>) -> Test,
) -> Condition {
    let within = |from, to| Condition::Test(test(Within { from, to }));
    let (first, last) = value;
    match (comparator, beyond) {
        (Comparator::Equal | Comparator::Has, _) => within(Some(first), Some(last)),
        (Comparator::NotEqual, _) => Condition::Not(Box::new(within(Some(first), Some(last)))),
        (Comparator::LessThan, (Some(before), _)) => within(None, Some(before)),
        (Comparator::LessThanOrEqual, _) => within(None, Some(last)),
        (Comparator::GreaterThan, (_, Some(after))) => within(Some(after), None),
        (Comparator::GreaterThanOrEqual, _) => within(Some(first), None),
        (Comparator::LessThan, (None, _)) | (Comparator::GreaterThan, (_, None)) => NOTHING,
    }
}

fn effective(comparator: Comparator, value: &str) -> Result<Condition, String> {
    let day = day(value).ok_or_else(|| "is no day, for example 2006-10-01".to_owned())?;
    let beyond = (day.yesterday().ok(), day.tomorrow().ok());
    Ok(ordered(comparator, (day, day), beyond, Test::EffectiveOn))
}

/// A time; a day is all its time, in UTC.
fn recorded(comparator: Comparator, value: &str) -> Result<Condition, String> {
    let value = match value.parse::<Timestamp>() {
        Ok(time) => Some((time, time)),
        Err(_) => day(value).and_then(whole_day),
    };
    let value = value.ok_or_else(|| {
        "is neither a time nor a day, for example \"2006-10-01T09:00:00Z\" or 2006-10-01".to_owned()
    })?;
    let beyond = (value.0.checked_sub(TICK).ok(), value.1.checked_add(TICK).ok());
    Ok(ordered(comparator, value, beyond, Test::RecordedAt))
}

/// A day of the calendar from year 1 on, written in full.
fn day(value: &str) -> Option<Date> {
    let day = value.parse::<Date>().ok().filter(|day| day.year() > 0)?;
    (day.to_string() == value).then_some(day)
}

fn whole_day(day: Date) -> Option<(Timestamp, Timestamp)> {
    let midnight = |of: Date| TimeZone::UTC.to_timestamp(of.at(0, 0, 0, 0)).ok();
    let next = day.checked_add::<Span>(1.day()).ok()?;
    Some((midnight(day)?, midnight(next)?.checked_sub(TICK).ok()?))
}
