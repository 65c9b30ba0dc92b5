//! Terms: what the records of the ledger are found by.

use jiff::civil::Date;

use crate::{
    judgement::{
        About, AreaId, AssessmentId, Basis, Bearing, ChangeKind, Concept, Correction, EntryId,
        Event, FrameworkId, Label, Milestone, OrganisationId, PersonId, ReasonCode, Role, Standing,
        StreamId, SubjectId,
    },
    record::{Commitment, Record},
};

use super::days::{self, Days, Lateness};

/// Something that a record can be found by. Every record carries several.
///
/// The time of recording is none of them: it never falls while positions rise, so who asks for
/// it bisects the journal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Term {
    /// Any record of one assessment.
    Assessment(AssessmentId),
    /// Any record of one subject: of its registration and of its assessments.
    Subject(SubjectId),
    /// A grade of an area in any assessment, or an entry that speaks of it: its wordings, and the
    /// record that strikes it or moves it elsewhere.
    Area(AreaId),
    /// What was said of one area in one assessment: as [`Term::Area`].
    Judgement(AssessmentId, AreaId),
    /// A wording of one entry, or its striking.
    Entry(AssessmentId, EntryId),
    /// As [`Term::Area`], of areas that their frameworks file under a concept.
    Concept(Concept),
    /// Recorded by this person.
    RecordedBy(PersonId),
    /// Decided by this person: stated so, as a member of a panel, or as the recorder who stated
    /// nobody else.
    DecidedBy(PersonId),
    /// Recorded, decided or signed for this organisation.
    Organisation(OrganisationId),
    /// Done for this reason.
    Reason(ReasonCode),
    /// Resting on this basis.
    Basis(Basis),
    /// A grade that differs in this way from the one before.
    Change(ChangeKind),
    /// An event of this name; see [`Event::name`].
    Event(&'static str),
    /// In effect from this day on: as stated, else the day of recording. (Spec §4.5)
    EffectiveOn(Date),
    /// In effect from one of these days on.
    EffectiveWithin(Days),
    /// Recorded so late after the day from which it is in effect.
    Backdated(Lateness),
    /// Of an assessment under this framework, or of its registration.
    Framework(FrameworkId),
    /// Recorded or decided in this role.
    Role(Role),
    /// A grade that replaced one of this name: see [`Standing::names`].
    LevelBefore(Label),
    /// A grade of this name: see [`Standing::names`].
    LevelAfter(Label),
    /// A change of an assessment that had passed this before.
    After(Milestone),
    /// The publication of an edition of this assessment.
    Publication(AssessmentId),
}

/// An area that a record speaks of.
///
/// The record does not say the concept; and what area an entry spoke of before it was struck or
/// moved, only its record before that says. So the ledger says both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// The area.
    pub area: AreaId,
    /// What its framework files it under.
    pub concept: Option<Concept>,
}

/// What a record is filed under that it does not say itself: the ledger does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Topics {
    /// The areas that it speaks of.
    pub areas: Vec<Topic>,
    /// The framework of its assessment.
    pub framework: Option<FrameworkId>,
    /// What its assessment had passed before.
    pub passed: Vec<Milestone>,
}

/// Ends every id in a key. No id contains it, so no id runs into what follows it.
const END: u8 = 0;

impl Term {
    /// Appends the bytes that the term is filed under to `key`.
    ///
    /// The bytes begin with one that tells the kind of term; then come a fixed number of bytes, or
    /// a fixed number of ids, each ended by a byte that no id contains. Therefore no term's bytes
    /// are the bytes of another term or the beginning of them, and what is filed under one term
    /// and a position never lies among what is filed under another.
    ///
    /// The first bytes are part of the format: a number is never given to another kind.
    pub(super) fn write_key(&self, key: &mut Vec<u8>) {
        let mut tag = |byte: u8| key.push(byte);
        match self {
            Self::Assessment(id) => {
                tag(1);
                push_assessment(key, id);
            }
            Self::Subject(id) => {
                tag(2);
                push_id(key, id.as_str());
            }
            Self::Area(id) => {
                tag(3);
                push_id(key, id.as_str());
            }
            Self::Judgement(assessment, area) => {
                tag(4);
                push_assessment(key, assessment);
                push_id(key, area.as_str());
            }
            Self::Entry(assessment, entry) => {
                tag(5);
                push_assessment(key, assessment);
                push_id(key, entry.as_str());
            }
            Self::Concept(concept) => {
                tag(6);
                push_id(key, concept.as_str());
            }
            Self::RecordedBy(person) => {
                tag(7);
                key.extend_from_slice(person.uuid().as_bytes());
            }
            Self::DecidedBy(person) => {
                tag(8);
                key.extend_from_slice(person.uuid().as_bytes());
            }
            Self::Organisation(id) => {
                tag(9);
                push_id(key, id.as_str());
            }
            Self::Reason(code) => {
                tag(10);
                push_id(key, code.as_str());
            }
            Self::Basis(basis) => key.extend([11, number_of_basis(*basis)]),
            Self::Change(kind) => key.extend([12, number_of_change(*kind)]),
            Self::Event(name) => {
                tag(13);
                push_id(key, name);
            }
            Self::EffectiveOn(day) => {
                tag(14);
                push_day(key, *day);
            }
            Self::EffectiveWithin(_)
            | Self::Backdated(_)
            | Self::Framework(_)
            | Self::Role(_)
            | Self::LevelBefore(_)
            | Self::LevelAfter(_)
            | Self::After(_)
            | Self::Publication(_) => self.write_later_key(key),
        }
    }

    /// The same, for the kinds of terms that came later.
    fn write_later_key(&self, key: &mut Vec<u8>) {
        match self {
            Self::EffectiveWithin(days) => {
                key.push(15);
                key.extend(days.to_bytes());
            }
            Self::Backdated(lateness) => key.extend([16, lateness.number()]),
            Self::Framework(id) => {
                key.push(17);
                push_id(key, id.family());
                push_id(key, id.version());
            }
            Self::Role(role) => key.extend([18, number_of_role(*role)]),
            Self::LevelBefore(name) => {
                key.push(19);
                push_id(key, name.as_str());
            }
            Self::LevelAfter(name) => {
                key.push(20);
                push_id(key, name.as_str());
            }
            Self::After(milestone) => key.extend([21, number_of_milestone(*milestone)]),
            Self::Publication(id) => {
                key.push(22);
                push_assessment(key, id);
            }
            Self::Assessment(_)
            | Self::Subject(_)
            | Self::Area(_)
            | Self::Judgement(..)
            | Self::Entry(..)
            | Self::Concept(_)
            | Self::RecordedBy(_)
            | Self::DecidedBy(_)
            | Self::Organisation(_)
            | Self::Reason(_)
            | Self::Basis(_)
            | Self::Change(_)
            | Self::Event(_)
            | Self::EffectiveOn(_) => {}
        }
    }

    /// The bytes that the term is filed under.
    pub(super) fn key(&self) -> Vec<u8> {
        let mut key = Vec::new();
        self.write_key(&mut key);
        key
    }
}

fn push_id(key: &mut Vec<u8>, id: &str) {
    key.extend_from_slice(id.as_bytes());
    key.push(END);
}

fn push_assessment(key: &mut Vec<u8>, id: &AssessmentId) {
    push_id(key, id.subject().as_str());
    push_id(key, id.name());
}

/// Four bytes in the order of the calendar.
fn push_day(key: &mut Vec<u8>, day: Date) {
    // Turning the sign bit over puts the years before 0 before those after.
    key.extend((day.year() ^ i16::MIN).cast_unsigned().to_be_bytes());
    key.extend([day.month().cast_unsigned(), day.day().cast_unsigned()]);
}

const fn number_of_basis(basis: Basis) -> u8 {
    match basis {
        Basis::NewEvidence => 1,
        Basis::SameEvidence => 2,
        Basis::DataCorrected => 3,
        Basis::Framework => 4,
        Basis::Error => 5,
    }
}

const fn number_of_change(kind: ChangeKind) -> u8 {
    match kind {
        ChangeKind::Awarded => 1,
        ChangeKind::Raised => 2,
        ChangeKind::Lowered => 3,
        ChangeKind::Reaffirmed => 4,
        ChangeKind::Vacated => 5,
    }
}

const fn number_of_role(role: Role) -> u8 {
    match role {
        Role::Inspector => 1,
        Role::LeadInspector => 2,
        Role::Moderator => 3,
        Role::Signatory => 4,
        Role::Publisher => 5,
        Role::RecordsOfficer => 6,
        Role::FrameworkAdmin => 7,
        Role::Auditor => 8,
        Role::Consumer => 9,
        Role::Service => 10,
    }
}

const fn number_of_milestone(milestone: Milestone) -> u8 {
    match milestone {
        Milestone::DraftShared => 1,
        Milestone::Signed => 2,
    }
}

/// The terms of one record, each once.
#[must_use]
pub fn terms_of(record: &Record, topics: &Topics) -> Vec<Term> {
    // A grade with one decider has some 20.
    let mut terms = Vec::with_capacity(24);
    terms.push(Term::Event(record.event.name()));
    match &record.stream {
        StreamId::Assessment(id) => {
            terms.push(Term::Assessment(id.clone()));
            terms.push(Term::Subject(id.subject().clone()));
            push_event(&mut terms, record, id);
            terms.extend(topics.framework.clone().map(Term::Framework));
            match record.event.bearing() {
                Bearing::Changes => terms.extend(topics.passed.iter().copied().map(Term::After)),
                Bearing::Publishes => terms.push(Term::Publication(id.clone())),
                Bearing::Passes(_) | Bearing::Nothing => {}
            }
            for topic in &topics.areas {
                push_once(&mut terms, Term::Area(topic.area.clone()));
                push_once(&mut terms, Term::Judgement(id.clone(), topic.area.clone()));
                topic.concept.clone().into_iter().for_each(|it| {
                    push_once(&mut terms, Term::Concept(it));
                });
            }
        }
        StreamId::Subject(id) => terms.push(Term::Subject(id.clone())),
        StreamId::Framework(id) => terms.push(Term::Framework(id.clone())),
        StreamId::Ledger => {}
    }
    push_act(&mut terms, record);
    terms
}

/// What the event on an assessment says, beside the areas that it speaks of.
fn push_event(terms: &mut Vec<Term>, record: &Record, assessment: &AssessmentId) {
    match &record.event {
        Event::GradeSet(event) => {
            terms.push(Term::Change(event.change));
            let before = event.before.iter().flat_map(Standing::names);
            terms.extend(before.map(Term::LevelBefore));
            terms.extend(event.award.standing.names().map(Term::LevelAfter));
        }
        Event::RecordCorrected(event) => {
            if let About::Entry(entry) = &event.about {
                terms.push(Term::Entry(assessment.clone(), entry.clone()));
            }
            push_correction(terms, record.recorded_on, &event.to);
        }
        Event::EntryRecorded(event) => {
            terms.push(Term::Entry(assessment.clone(), event.entry.clone()));
        }
        Event::EntryRevised(event) => {
            terms.push(Term::Entry(assessment.clone(), event.entry.clone()));
        }
        Event::PersonRegistered(_)
        | Event::FrameworkRegistered(_)
        | Event::SubjectRegistered(_)
        | Event::AssessmentOpened(_)
        | Event::AddresseeSet(_)
        | Event::AssessmentLocked(_)
        | Event::SignedOff(_)
        | Event::AssessmentPublished(_)
        | Event::HoldPlaced(_)
        | Event::HoldReleased(_)
        | Event::ChallengeReceived(_)
        | Event::ChallengeDecided(_)
        | Event::DraftShared(_)
        | Event::SubjectRenamed(_)
        | Event::RedactionRequested(_)
        | Event::TextRedacted(_)
        | Event::RedactionRefused(_)
        | Event::RedactionCompleted(_)
        | Event::KeyRotated(_)
        | Event::AccessRecorded(_)
        | Event::SignOffRefused(_)
        | Event::AssessmentReopened(_)
        | Event::AssessmentWithdrawn(_) => {}
    }
}

/// Who asks for a decider, a reason or a day finds what was put right to it.
fn push_correction(terms: &mut Vec<Term>, on: Date, to: &Correction<Commitment>) {
    match to {
        Correction::DecidedBy(decider) => {
            for person in decider.persons() {
                push_once(terms, Term::DecidedBy(*person));
            }
            push_once(terms, Term::Organisation(decider.organisation.clone()));
            decider.role.into_iter().for_each(|role| push_once(terms, Term::Role(role)));
        }
        Correction::EffectiveOn(day) => push_effective(terms, on, *day),
        Correction::Reason(code) => push_once(terms, Term::Reason(code.clone())),
        Correction::DecidedOn(_) | Correction::Transcription(_) => {}
    }
}

fn push_effective(terms: &mut Vec<Term>, recorded_on: Date, day: Date) {
    push_once(terms, Term::EffectiveOn(day));
    let within = days::around(day).map(Term::EffectiveWithin);
    let late = Lateness::of(recorded_on, day).map(Term::Backdated);
    within.chain(late).for_each(|term| push_once(terms, term));
}

/// Who, why, on what basis and from when.
fn push_act(terms: &mut Vec<Term>, record: &Record) {
    let (act, recorder) = (&record.act, &record.recorded_by);
    terms.push(Term::RecordedBy(recorder.person));
    push_once(terms, Term::Organisation(recorder.organisation.clone()));
    push_once(terms, Term::Role(recorder.role));
    match &act.decided_by {
        Some(decider) => {
            for person in decider.persons() {
                push_once(terms, Term::DecidedBy(*person));
            }
            push_once(terms, Term::Organisation(decider.organisation.clone()));
            decider.role.into_iter().for_each(|role| push_once(terms, Term::Role(role)));
        }
        // Who enters history decides nothing. (Spec §4.9)
        None if act.origin.is_transcribed() => {}
        None => push_once(terms, Term::DecidedBy(recorder.person)),
    }
    if let Event::SignOffRefused(event) = &record.event {
        push_once(terms, Term::Organisation(event.organisation.clone()));
    }
    if let Event::SignedOff(event) = &record.event {
        push_once(terms, Term::Organisation(event.organisation.clone()));
    }
    act.reason.iter().for_each(|code| push_once(terms, Term::Reason(code.clone())));
    terms.extend(act.basis.map(Term::Basis));
    let effective_on = act.effective_on.unwrap_or(record.recorded_on);
    push_effective(terms, record.recorded_on, effective_on);
}

fn push_once(terms: &mut Vec<Term>, term: Term) {
    if !terms.contains(&term) {
        terms.push(term);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slug() -> impl Strategy<Value = String> {
        // Few letters and short, so that ids often begin alike.
        "[ab]{1,3}|a-b|[a-z0-9]{1,63}"
    }

    fn assessment() -> impl Strategy<Value = AssessmentId> {
        (slug(), slug()).prop_map(|(subject, name)| {
            AssessmentId::new(SubjectId::parse(&subject).unwrap(), &name).unwrap()
        })
    }

    fn person() -> impl Strategy<Value = PersonId> {
        prop_oneof![0_u128..4, any::<u128>()]
            .prop_map(|bits| PersonId::new(uuid::Uuid::from_u128(bits)))
    }

    fn day() -> impl Strategy<Value = Date> {
        (-9999_i16..=9999, 1_i8..=12, 1_i8..=28).prop_map(|(y, m, d)| Date::new(y, m, d).unwrap())
    }

    fn term() -> impl Strategy<Value = Term> {
        let area = || slug().prop_map(|id| AreaId::parse(&id).unwrap());
        prop_oneof![
            assessment().prop_map(Term::Assessment),
            slug().prop_map(|id| Term::Subject(SubjectId::parse(&id).unwrap())),
            area().prop_map(Term::Area),
            (assessment(), area()).prop_map(|(id, area)| Term::Judgement(id, area)),
            (assessment(), slug())
                .prop_map(|(id, entry)| Term::Entry(id, EntryId::parse(&entry).unwrap())),
            slug().prop_map(|id| Term::Concept(Concept::parse(&id).unwrap())),
            person().prop_map(Term::RecordedBy),
            person().prop_map(Term::DecidedBy),
            slug().prop_map(|id| Term::Organisation(OrganisationId::parse(&id).unwrap())),
            "[A-Z]{1,3}".prop_map(|code| Term::Reason(ReasonCode::parse(&code).unwrap())),
            prop::sample::select(vec![
                Basis::NewEvidence,
                Basis::SameEvidence,
                Basis::DataCorrected,
                Basis::Framework,
                Basis::Error,
            ])
            .prop_map(Term::Basis),
            prop::sample::select(vec![
                ChangeKind::Awarded,
                ChangeKind::Raised,
                ChangeKind::Lowered,
                ChangeKind::Reaffirmed,
                ChangeKind::Vacated,
            ])
            .prop_map(Term::Change),
            prop::sample::select(vec!["GradeSet", "Grade", "SignedOff"]).prop_map(Term::Event),
            day().prop_map(Term::EffectiveOn),
            (day(), 0_usize..3).prop_map(|(day, size)| Term::EffectiveWithin(
                days::around(day).nth(size).unwrap()
            )),
            (day(), day()).prop_filter_map("is not late", |(one, other)| {
                Lateness::of(one, other).map(Term::Backdated)
            }),
            (slug(), slug())
                .prop_map(|(family, version)| FrameworkId::new(&family, &version).unwrap())
                .prop_map(Term::Framework),
            prop::sample::select(Role::ALL.to_vec()).prop_map(Term::Role),
            slug().prop_map(|name| Term::LevelBefore(Label::parse(&name).unwrap())),
            slug().prop_map(|name| Term::LevelAfter(Label::parse(&name).unwrap())),
            prop::sample::select(vec![Milestone::DraftShared, Milestone::Signed])
                .prop_map(Term::After),
            assessment().prop_map(Term::Publication),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn no_key_begins_another(one in term(), other in term()) {
            let (key, longer) = (one.key(), other.key());
            prop_assert_eq!(one == other, longer.starts_with(&key), "{:?} {:?}", one, other);
        }

        #[test]
        fn days_lie_in_the_order_of_the_calendar(one in day(), other in day()) {
            let key = |day| Term::EffectiveOn(day).key();
            prop_assert_eq!(one.cmp(&other), key(one).cmp(&key(other)));
        }
    }
}
