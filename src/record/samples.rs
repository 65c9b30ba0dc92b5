//! Records for tests: any there can be, and two of each event, the barest and the fullest.

mod marks;

use bytes::Bytes;
use jiff::{Timestamp, civil::Date};
use proptest::{collection::vec, option, prelude::*};
use uuid::Uuid;

use super::{Committed, Opening, Previous, Record, commit};
use crate::{
    judgement::*,
    merkle::{Hash, sha256},
};

/// An act and an event with their texts, and the record made of them.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) act: Act<Text>,
    pub(crate) event: Event<Text>,
    pub(crate) committed: Committed,
    pub(crate) record: Record,
}

/// The document of every framework that a sample registers.
pub(crate) const DOCUMENT: &[u8] = b"a framework's document";

/// The opening of the `index`-th text of every sample.
pub(crate) fn opening(index: usize) -> Opening {
    Opening::new([u8::try_from(index % 256).unwrap(); 32])
}

/// The sample of an act and an event in the frame of a record.
pub(crate) fn sample(frame: Record, act: Act<Text>, event: Event<Text>) -> Sample {
    let mut openings = (0..).map(opening);
    let mut draw = || openings.next().ok_or(());
    let committed = commit(frame.id, act.clone(), event.clone(), &mut draw).unwrap();
    let (held, happened) = (committed.act.clone(), committed.event.clone());
    let record = Record { act: held, event: happened, ..frame };
    Sample { act, event, committed, record }
}

/// The sample of `event` with the barest circumstances.
pub(crate) fn sample_of(event: Event<Text>) -> Sample {
    let bare = bare_frame();
    let (act, _) = bare.with_texts(&mut |_, _| Text::parse("").unwrap());
    sample(bare, act, event)
}

/// Any sample, whatever is optional present or absent.
pub(crate) fn any_sample() -> BoxedStrategy<Box<Sample>> {
    // Boxed: trees of such large values by value overflow a test thread's stack.
    let parts = (frame().boxed(), act().boxed(), event().boxed());
    parts.prop_map(|(frame, act, event)| Box::new(sample(frame, act, event))).boxed()
}

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<[u8; 16]>().prop_map(Uuid::from_bytes)
}

fn person() -> impl Strategy<Value = PersonId> {
    uuid().prop_map(PersonId::new)
}

fn hash() -> impl Strategy<Value = Hash> {
    any::<[u8; 32]>().prop_map(Hash::new)
}

fn date() -> impl Strategy<Value = Date> {
    (1_i16..=9999, 1_i8..=12, 1_i8..=28).prop_map(|(y, m, d)| Date::new(y, m, d).unwrap())
}

fn time() -> impl Strategy<Value = Timestamp> {
    (-9_000_000_000_000_000_i64..9_000_000_000_000_000)
        .prop_map(|it| Timestamp::from_microsecond(it).unwrap())
}

/// Words that no id can hold, so that a search for them finds leaks only.
pub(crate) const MARK: &str = "Ms S. Lock said: ";

fn text() -> impl Strategy<Value = Text> {
    "\\PC{0,20}".prop_map(|words| Text::parse(format!("{MARK}{words}")).unwrap())
}

/// A slug, code and constant at once as far as possible: each parser takes the samples it may.
fn id<T: std::fmt::Debug>(parse: fn(&str) -> Result<T, BadId>) -> impl Strategy<Value = T> {
    let names = prop::sample::select(vec![
        "a",
        "being-healthy",
        "apa-1-4",
        "3",
        "A",
        "MODERATION",
        "subjects/leicester-city",
        "subjects/a/assessments/b-2",
        "frameworks/apa/versions/2006",
        "ledger",
    ]);
    names.prop_filter_map("not such an id", move |name| parse(name).ok())
}

fn label() -> impl Strategy<Value = Label> {
    "[a-zé ]{1,30}".prop_map(|it| Label::parse(&it).unwrap())
}

fn role() -> impl Strategy<Value = Role> {
    prop::sample::select(Role::ALL.to_vec())
}

fn organisation() -> impl Strategy<Value = OrganisationId> {
    id(OrganisationId::parse)
}

/// Everything of a record but its act and event, which are placeholders here.
fn frame() -> impl Strategy<Value = Record> {
    let recorder = (person(), role(), organisation())
        .prop_map(|(person, role, organisation)| Recorder { person, role, organisation });
    let previous =
        (1_u64.., hash()).prop_map(|(at, hash)| Previous { position: Position::new(at), hash });
    let counts = (1_u64.., 1_u64..);
    let times = (time(), option::of(time()));
    (id(StreamId::parse), counts, uuid(), times, date(), recorder, option::of(previous)).prop_map(
        |(stream, counts, id, times, recorded_on, recorded_by, previous)| Record {
            stream,
            position: Position::new(counts.0),
            revision: Revision::new(counts.1),
            id: RecordId::new(id),
            recorded_at: times.0,
            clock: times.1,
            recorded_on,
            recorded_by,
            previous,
            ..bare_frame()
        },
    )
}

fn decider() -> impl Strategy<Value = Decider<Text>> {
    let panel = (text(), vec(person(), 0..3), option::of(date()), option::of(text())).prop_map(
        |(name, members, meeting, minutes)| {
            Deciding::Panel(Panel { name, members, meeting, minutes })
        },
    );
    let who = prop_oneof![person().prop_map(Deciding::Person), panel];
    (who, option::of(role()), organisation()).prop_map(|(who, role, organisation)| Decider {
        who,
        role,
        organisation,
    })
}

fn act() -> impl Strategy<Value = Act<Text>> {
    let origin = prop_oneof![
        Just(Origin::Witnessed),
        (text(), option::of(any::<[u8; 32]>()))
            .prop_map(|(source, sha256)| Origin::Transcribed { source, sha256 }),
    ];
    let basis = prop::sample::select(vec![
        Basis::NewEvidence,
        Basis::SameEvidence,
        Basis::DataCorrected,
        Basis::Framework,
        Basis::Error,
    ]);
    let evidence = (id(EntryId::parse), any::<u64>())
        .prop_map(|(entry, at)| EvidenceRef { entry, at: Position::new(at) });
    let why = (
        option::of(basis),
        option::of(id(ReasonCode::parse)),
        option::of(text()),
        vec(evidence, 0..3),
    );
    let when = (option::of(date()), option::of(date()));
    (uuid(), option::of(decider()), option::of(decider()), when, why, origin).prop_map(
        |(request, decided_by, instructed_by, when, why, origin)| Act {
            request: RequestId::new(request),
            decided_by,
            decided_on: when.0,
            effective_on: when.1,
            basis: why.0,
            instructed_by,
            reason: why.1,
            rationale: why.2,
            evidence: why.3,
            origin,
        },
    )
}

fn addressee() -> impl Strategy<Value = Addressee<Text>> {
    (text(), option::of(text()), option::of(text()), vec(text(), 0..3))
        .prop_map(|(name, role, organisation, lines)| Addressee { name, role, organisation, lines })
}

fn standing() -> impl Strategy<Value = Standing> {
    let non_grades = vec![NonGrade::NotJudged, NonGrade::NotApplicable, NonGrade::SubjectToReview];
    prop_oneof![
        prop::sample::select(non_grades).prop_map(Standing::NotGraded),
        (id(ScaleId::parse), id(LevelCode::parse), option::of(label()))
            .prop_map(|(scale, level, word)| Standing::Level { scale, level, word }),
    ]
}

fn value() -> impl Strategy<Value = FigureValue<Text>> {
    prop_oneof![
        "-?[0-9]{1,5}(\\.[0-9]{1,3})?"
            .prop_map(|it| FigureValue::Decimal(Decimal::parse(&it).unwrap())),
        date().prop_map(FigureValue::Date),
        text().prop_map(FigureValue::Words),
        Just(FigureValue::NotStated),
    ]
}

fn comparator() -> impl Strategy<Value = Comparator<Text>> {
    let due = (1_i16..=9999, 0_i8..=12, 0_i8..=28)
        .prop_filter_map("a day without a month", |(y, m, d)| PartialDate::new(y, m, d));
    let words = || option::of(text());
    (id(ComparatorKind::parse), words(), words(), value(), words(), words(), option::of(due))
        .prop_map(|(kind, name, relation, value, unit, period, due)| Comparator {
            kind,
            name,
            relation,
            value,
            unit,
            period,
            due,
        })
}

fn figure() -> impl Strategy<Value = Figure<Text>> {
    let words = || option::of(text());
    let bent = (words(), words(), words(), words());
    (text(), words(), value(), bent, vec(comparator(), 0..3)).prop_map(
        |(measure, group, value, (unit, qualifier, period, trend), comparators)| Figure {
            measure,
            group,
            value,
            unit,
            qualifier,
            period,
            trend,
            comparators,
        },
    )
}

fn kind() -> impl Strategy<Value = EntryKind<Text>> {
    let words = || option::of(text());
    let link = (option::of(id(AssessmentId::parse)), option::of(id(EntryId::parse)));
    let statuses = prop::sample::select(vec![
        FollowUpStatus::Resolved,
        FollowUpStatus::Improved,
        FollowUpStatus::Maintained,
        FollowUpStatus::Remains,
        FollowUpStatus::NotReported,
    ]);
    let carried = option::of(id(EntryId::parse));
    let follow_up = (link, words(), words(), words(), statuses, carried).prop_map(
        |((assessment, item), label, kind, words, status, carried_to)| {
            let cited = Citation { assessment, item, label, kind, words };
            EntryKind::FollowUp(FollowUp { cited, status, carried_to })
        },
    );
    let parts = prop::sample::select(vec![
        LetterPart::Letterhead,
        LetterPart::Title,
        LetterPart::Salutation,
        LetterPart::Opening,
        LetterPart::Heading,
        LetterPart::LeadIn,
        LetterPart::Footnote,
        LetterPart::Confirmation,
        LetterPart::Valediction,
    ]);
    let plain = prop::sample::select(vec![
        EntryKind::Narrative,
        EntryKind::Strength,
        EntryKind::AreaForImprovement,
        EntryKind::AspectForFocus,
        EntryKind::Evidence,
        EntryKind::TranscriptionNote,
        EntryKind::Tension,
    ]);
    prop_oneof![follow_up, parts.prop_map(EntryKind::LetterPart), plain]
}

fn content() -> impl Strategy<Value = EntryContent<Text>> {
    let words = || option::of(text());
    let place = (id(SectionId::parse), option::of(id(AreaId::parse)), any::<u32>());
    let links = (option::of(id(EntryId::parse)), vec(id(EntryId::parse), 0..3));
    (kind(), place, (words(), words(), words()), vec(figure(), 0..3), links).prop_map(
        |(kind, (section, area, order), (text, quote, source), figures, links)| EntryContent {
            kind,
            section,
            area,
            order,
            text,
            quote,
            figures,
            paragraph: links.0,
            source,
            relates_to: links.1,
        },
    )
}

fn registrations() -> impl Strategy<Value = Event<Text>> {
    let period = (date(), date()).prop_map(|(from, to)| Period { from, to });
    let opened = (
        id(FrameworkId::parse),
        id(Cycle::parse),
        vec(period, 0..3),
        option::of(addressee()),
        vec(id(AssessmentId::parse), 0..3),
    )
        .prop_map(|(framework, cycle, periods, addressee, earlier)| {
            let opened = AssessmentOpened { framework, cycle, periods, addressee, earlier };
            Event::AssessmentOpened(opened)
        });
    prop_oneof![
        (person(), organisation(), text()).prop_map(|(person, organisation, name)| {
            Event::PersonRegistered(PersonRegistered { person, organisation, name })
        }),
        id(FrameworkId::parse).prop_map(|framework| {
            let document = *sha256(&[DOCUMENT]).as_bytes();
            Event::FrameworkRegistered(FrameworkRegistered { framework, document })
        }),
        (id(SubjectId::parse), label(), label()).prop_map(|(subject, name, kind)| {
            Event::SubjectRegistered(SubjectRegistered { subject, name, kind })
        }),
        opened,
        addressee().prop_map(|addressee| Event::AddresseeSet(AddresseeSet { addressee })),
    ]
}

fn judgements() -> impl Strategy<Value = Event<Text>> {
    let changes = prop::sample::select(vec![
        ChangeKind::Awarded,
        ChangeKind::Raised,
        ChangeKind::Lowered,
        ChangeKind::Reaffirmed,
        ChangeKind::Vacated,
    ]);
    let award = (standing(), option::of(text()))
        .prop_map(|(standing, qualifier)| Award { standing, qualifier });
    prop_oneof![
        (id(AreaId::parse), award, changes, option::of(standing())).prop_map(
            |(area, award, change, before)| {
                Event::GradeSet(GradeSet { area, award, change, before })
            }
        ),
        (id(EntryId::parse), content()).prop_map(|(entry, content)| {
            Event::EntryRecorded(EntryRecorded { entry, content })
        }),
        (id(EntryId::parse), option::of(content()))
            .prop_map(|(entry, content)| { Event::EntryRevised(EntryRevised { entry, content }) }),
    ]
}

fn editions() -> impl Strategy<Value = Event<Text>> {
    let words = || option::of(text());
    let signature =
        (text(), words(), words(), words()).prop_map(|(name, role, organisation, transcribed)| {
            Signature { name, role, organisation, transcribed }
        });
    let audience = (id(AudienceId::parse), any::<[u8; 32]>(), hash())
        .prop_map(|(audience, salt, root)| AudienceDigest { audience, salt, root });
    prop_oneof![
        (any::<u32>(), hash()).prop_map(|(edition, digest)| {
            Event::AssessmentLocked(AssessmentLocked { edition, digest })
        }),
        (organisation(), any::<u32>(), hash(), signature).prop_map(
            |(organisation, edition, digest, signature)| {
                Event::SignedOff(SignedOff { organisation, edition, digest, signature })
            }
        ),
        (any::<u32>(), date(), hash(), vec(audience, 0..3)).prop_map(
            |(edition, letter_date, digest, audiences)| {
                Event::AssessmentPublished(AssessmentPublished {
                    edition,
                    letter_date,
                    digest,
                    audiences,
                })
            }
        ),
    ]
}

fn event() -> impl Strategy<Value = Event<Text>> {
    prop_oneof![
        5 => registrations().boxed(),
        3 => judgements().boxed(),
        3 => editions().boxed(),
        3 => marks::endings().boxed(),
        6 => marks::marks(),
        4 => marks::redactions(),
        2 => marks::custody(),
    ]
}

/// The bytes of a record that is known to fit.
pub(crate) fn bytes_of(record: &Record) -> Bytes {
    record.encode().unwrap()
}

/// A record with nothing optional in it.
pub(crate) fn bare_frame() -> Record {
    let uuid =
        |last: u8| Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 | u128::from(last));
    Record {
        stream: StreamId::parse("subjects/leicester-city/assessments/apa-2006").unwrap(),
        position: Position::new(7),
        revision: Revision::new(3),
        id: RecordId::new(uuid(1)),
        recorded_at: Timestamp::from_microsecond(1_162_382_400_000_123).unwrap(),
        clock: None,
        recorded_on: Date::new(2006, 11, 1).unwrap(),
        recorded_by: Recorder {
            person: PersonId::new(uuid(2)),
            role: Role::Inspector,
            organisation: OrganisationId::parse("ofsted").unwrap(),
        },
        previous: None,
        act: Act {
            request: RequestId::new(uuid(3)),
            decided_by: None,
            decided_on: None,
            effective_on: None,
            basis: None,
            instructed_by: None,
            reason: None,
            rationale: None,
            evidence: Vec::new(),
            origin: Origin::Witnessed,
        },
        event: Event::AssessmentLocked(AssessmentLocked { edition: 1, digest: Hash::new([9; 32]) }),
    }
}
