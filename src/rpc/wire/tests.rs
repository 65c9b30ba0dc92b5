//! What requests become, and every fault of those that become nothing.

use jiff::civil::date;

use super::*;
use crate::{
    judgement::{
        AssessmentId, AssessmentOrder, Basis, Citation, ComparatorKind, Decider, Deciding, Decimal,
        EntryContent, EntryId, EntryKind, EvidenceRef, Expected, ExpectedRevision, FigureValue,
        FollowUp, FollowUpStatus, Grade, Label, LetterPart, LevelCode, NonGrade, Order,
        OrganisationId, Origin, PartialDate, PersonId, Position, PublishAssessment,
        RegisterSubject, Revision, Role, ScaleId, StreamId, SubjectId, Text,
    },
    ledger::{Introductions, Mode},
    pb::{self, command::Order as Given, google::r#type as google},
    rpc::batch::read_batch,
};

mod violations;

const REQUEST: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const KNOWN: &str = "11111111-1111-4111-8111-111111111111";

fn organisation(id: &str) -> OrganisationId {
    OrganisationId::parse(id).unwrap()
}

fn words(words: &str) -> Text {
    Text::parse(words).unwrap()
}

/// As the fields of messages hold it.
#[expect(clippy::unnecessary_wraps, reason = "every field that takes it is optional")]
fn text(words: &str) -> Option<pb::Text> {
    Some(pb::Text { state: Some(pb::text::State::Present(words.to_owned())) })
}

fn day(year: i32, month: i32, day: i32) -> google::Date {
    google::Date { year, month, day }
}

fn act() -> pb::Act {
    pb::Act { request_id: REQUEST.to_owned(), ..pb::Act::default() }
}

fn assessment() -> String {
    "subjects/leicester-city/assessments/apa-2006".to_owned()
}

fn set_grade() -> pb::SetGradeRequest {
    pb::SetGradeRequest {
        assessment: assessment(),
        act: Some(act()),
        area: "social-care".to_owned(),
        grade: Some(pb::Grade {
            award: Some(pb::grade::Award::Level("3".to_owned())),
            ..pb::Grade::default()
        }),
        ..pb::SetGradeRequest::default()
    }
}

fn record_entry(content: pb::EntryContent) -> Given {
    Given::RecordEntry(pb::RecordEntryRequest {
        assessment: assessment(),
        act: Some(act()),
        entry_id: "ev-01".to_owned(),
        content: Some(content),
        ..pb::RecordEntryRequest::default()
    })
}

fn content(kind: pb::EntryKind) -> pb::EntryContent {
    pb::EntryContent {
        kind: i32::from(kind),
        section: "summary".to_owned(),
        ..pb::EntryContent::default()
    }
}

type Faults = Vec<(String, String)>;

fn with_names<T>(request: impl FnOnce(&At<'_>, &mut Names<'_>) -> Read<T>) -> Result<T, Faults> {
    let (ofsted, known) = (organisation("ofsted"), PersonId::parse(KNOWN).unwrap());
    let mut introductions = Introductions::among(&[(known, &ofsted, &words("j.smith"))]);
    let mut names = Names { introductions: &mut introductions, organisation: &ofsted };
    read(|at| request(&at, &mut names))
}

fn order(given: &Given) -> Result<Ordered, Faults> {
    with_names(|at, names| any_order(at, given, names))
}

fn faults(given: &Given) -> Vec<String> {
    let faults = order(given).unwrap_err();
    faults.into_iter().map(|(path, what)| format!("{path} {what}")).collect()
}

/// What a good request orders, of which we know the kind.
macro_rules! ordered {
    ($arm:ident, $given:expr) => {{
        let Order::Assess(_, AssessmentOrder::$arm(order)) = order(&$given).unwrap().order else {
            panic!("another order");
        };
        order
    }};
}

/// What is read of the content of an entry.
fn entry(content: pb::EntryContent) -> EntryContent<Text> {
    ordered!(RecordEntry, record_entry(content)).content
}

#[test]
fn a_grade_is_read_as_stated() {
    let stated = |award, scale: &str| {
        let grade = pb::Grade { award: Some(award), scale: scale.to_owned(), ..Default::default() };
        let request = pb::SetGradeRequest { grade: Some(grade), ..set_grade() };
        ordered!(SetGrade, Given::SetGrade(request)).grade
    };
    let three = LevelCode::parse("3").unwrap();
    let level = pb::grade::Award::Level("3".to_owned());
    assert_eq!(stated(level.clone(), ""), Grade::Level(None, three.clone()));
    let scale = ScaleId::parse("apa-1-4").unwrap();
    assert_eq!(stated(level, "apa-1-4"), Grade::Level(Some(scale), three));
    let word = pb::grade::Award::Word("good".to_owned());
    assert_eq!(stated(word, ""), Grade::Word(Label::parse("good").unwrap()));
    assert_eq!(stated(pb::grade::Award::NotGraded(1), ""), Grade::NotGraded(NonGrade::NotJudged));
}

#[test]
fn an_absent_expectation_is_none_and_a_stated_one_is_what_it_says() {
    use pb::expectation::Last;
    let expected = |last| {
        let expected = Some(pb::Expectation { last: Some(last) });
        let request = pb::SetGradeRequest { expected, ..set_grade() };
        ordered!(SetGrade, Given::SetGrade(request)).expected
    };
    assert_eq!(expected(Last::NoneYet(true)), Some(Expected::NoneYet));
    assert_eq!(expected(Last::Position(7)), Some(Expected::At(Position::new(7))));
    assert_eq!(expected(Last::PreviousInBatch(true)), Some(Expected::PreviousInBatch));
    assert_eq!(expected(Last::Any(true)), Some(Expected::Any));
    assert_eq!(ordered!(SetGrade, Given::SetGrade(set_grade())).expected, None);
}

fn member(person: &str, organisation: &str) -> pb::StatedMember {
    pb::StatedMember { person: person.to_owned(), organisation: organisation.to_owned() }
}

#[test]
fn an_act_is_read_whole() {
    let given = pb::Act {
        decided_by: Some(pb::StatedDecider {
            who: Some(pb::stated_decider::Who::Panel(pb::StatedPanel {
                display_name: "consistency panel".to_owned(),
                members: vec![
                    member("j.smith", ""),
                    member(KNOWN, ""),
                    member("a.new", ""),
                    member("j.smith", "csci"),
                    member("j.smith", "ofsted"),
                ],
                meeting: Some(day(2006, 10, 3)),
                minutes: String::new(),
            })),
            role: i32::from(pb::Role::Moderator),
            organisation: String::new(),
        }),
        decided_on: Some(day(2006, 10, 4)),
        effective_on: Some(day(2006, 10, 5)),
        basis: i32::from(pb::Basis::SameEvidence),
        reason: "MODERATION".to_owned(),
        rationale: "the evidence was read again".to_owned(),
        evidence: vec![pb::EvidenceCited { entry: "ev-01".to_owned(), position: 0 }],
        transcription: Some(pb::Transcription {
            source: "letter".to_owned(),
            source_sha256: vec![7; 32].into(),
        }),
        ..act()
    };
    let request = pb::SetGradeRequest { act: Some(given), validate_only: true, ..set_grade() };
    let Ordered { act, order, mode } = order(&Given::SetGrade(request)).unwrap();
    let on = StreamId::Assessment(AssessmentId::parse(&assessment()).unwrap());
    assert_eq!((order.stream(), mode), (on, Mode::Validate));
    let Some(Decider { who: Deciding::Panel(panel), role, organisation: of }) = act.decided_by
    else {
        panic!("no panel");
    };
    assert_eq!((role, of), (Some(Role::Moderator), organisation("ofsted")));
    assert_eq!((panel.name, panel.minutes), (words("consistency panel"), None));
    let known = PersonId::parse(KNOWN).unwrap();
    assert_eq!((panel.members[0], panel.members[1]), (known, known), "by login and by id");
    assert_ne!(panel.members[2], known, "whom nobody knows is introduced");
    assert_ne!(panel.members[3], known, "the same login elsewhere is another person");
    assert_eq!(panel.members[4], known, "the panel's organisation may be said again");
    assert_eq!(panel.meeting, Some(date(2006, 10, 3)));
    assert_eq!(
        (act.decided_on, act.effective_on),
        (Some(date(2006, 10, 4)), Some(date(2006, 10, 5)))
    );
    assert_eq!((act.basis, act.instructed_by), (Some(Basis::SameEvidence), None));
    assert_eq!(act.rationale, Some(words("the evidence was read again")));
    let cited = EvidenceRef { entry: EntryId::parse("ev-01").unwrap(), at: Position::START };
    assert_eq!(act.evidence, [cited], "position 0 means its last: the rules find it");
    let origin = Origin::Transcribed { source: words("letter"), sha256: Some([7; 32]) };
    assert_eq!(act.origin, origin);
}

#[test]
fn an_entry_is_read_whole() {
    let figure = pb::Figure {
        measure: text("play areas"),
        value: Some(pb::FigureValue {
            stated: Some(pb::figure_value::Stated::Decimal(google::Decimal {
                value: "16".to_owned(),
            })),
        }),
        comparators: vec![pb::Comparator {
            kind: "target".to_owned(),
            due: Some(day(2006, 0, 0)),
            ..pb::Comparator::default()
        }],
        ..pb::Figure::default()
    };
    let read = entry(pb::EntryContent {
        text: text("More play areas than planned."),
        order: 4,
        figures: vec![figure],
        relates_to: vec!["s-01".to_owned()],
        ..content(pb::EntryKind::Evidence)
    });
    assert_eq!((read.kind, read.order), (EntryKind::Evidence, 4));
    assert_eq!(read.text, Some(words("More play areas than planned.")));
    let first = &read.figures[0];
    assert_eq!(first.value, FigureValue::Decimal(Decimal::parse("16").unwrap()));
    let comparator = &first.comparators[0];
    assert_eq!(comparator.kind, ComparatorKind::parse("target").unwrap());
    assert_eq!(comparator.value, FigureValue::NotStated);
    assert_eq!(comparator.due, PartialDate::new(2006, 0, 0));
    assert_eq!(read.relates_to, [EntryId::parse("s-01").unwrap()]);
}

#[test]
fn kinds_with_data_of_their_own_carry_it() {
    let follow_up = pb::FollowUp {
        label: text("last year's APA"),
        status: i32::from(pb::FollowUpStatus::Remains),
        ..pb::FollowUp::default()
    };
    let given =
        pb::EntryContent { follow_up: Some(follow_up.clone()), ..content(pb::EntryKind::FollowUp) };
    let label = Some(words("last year's APA"));
    let cited = Citation { assessment: None, item: None, label, kind: None, words: None };
    let status = FollowUpStatus::Remains;
    let kind = EntryKind::FollowUp(FollowUp { cited, status, carried_to: None });
    assert_eq!(entry(given).kind, kind);
    let title = i32::from(pb::LetterPart::Title);
    let titled = pb::EntryContent { letter_part: title, ..content(pb::EntryKind::LetterPart) };
    assert_eq!(entry(titled).kind, EntryKind::LetterPart(LetterPart::Title));

    let misplaced = pb::EntryContent {
        follow_up: Some(follow_up),
        letter_part: title,
        ..content(pb::EntryKind::Strength)
    };
    assert_eq!(
        faults(&record_entry(misplaced)),
        [
            "content.follow_up is for kind FOLLOW_UP only",
            "content.letter_part is for kind LETTER_PART only",
        ]
    );
    let lacking = ["content.follow_up is required", "content.letter_part is required"];
    assert_eq!(faults(&record_entry(content(pb::EntryKind::FollowUp))), lacking[..1]);
    assert_eq!(faults(&record_entry(content(pb::EntryKind::LetterPart))), lacking[1..]);
}

#[test]
fn an_assessment_is_opened_signed_and_published_as_stated() {
    let addressee = pb::Addressee { name: text("A. Director"), ..pb::Addressee::default() };
    let opened = Given::OpenAssessment(pb::OpenAssessmentRequest {
        assessment: assessment(),
        act: Some(act()),
        framework: "frameworks/apa/versions/2006".to_owned(),
        cycle: "2006".to_owned(),
        periods: vec![pb::AssessedPeriod {
            first_day: Some(day(2005, 4, 1)),
            last_day: Some(day(2006, 3, 31)),
        }],
        addressee: Some(addressee),
        earlier: vec!["subjects/leicester-city/assessments/apa-2005".to_owned()],
        validate_only: false,
    });
    let opened = ordered!(Open, opened);
    assert_eq!(opened.periods[0].to, date(2006, 3, 31));
    assert_eq!(opened.addressee.unwrap().name, words("A. Director"));
    assert_eq!(opened.earlier[0].name(), "apa-2005");

    let state = Some(pb::revision_expectation::State::Revision(9));
    let published = Given::PublishAssessment(pb::PublishAssessmentRequest {
        assessment: assessment(),
        act: Some(act()),
        edition: 1,
        letter_date: Some(day(2006, 11, 1)),
        expected: Some(pb::RevisionExpectation { state }),
        validate_only: false,
    });
    let expected = Some(ExpectedRevision::At(Revision::new(9)));
    let order = PublishAssessment { edition: 1, letter_date: date(2006, 11, 1), expected };
    assert_eq!(ordered!(Publish, published), order);
}

#[test]
fn a_batch_is_on_one_assessment_and_says_itself_whether_it_is_recorded() {
    let command = |order| pb::Command { order: Some(order) };
    let elsewhere = pb::SetGradeRequest {
        assessment: "subjects/leeds/assessments/apa-2006".to_owned(),
        validate_only: true,
        ..set_grade()
    };
    let batch = |commands, validate_only| {
        let batch = pb::ApplyBatchRequest { commands, validate_only };
        with_names(|at, names| read_batch(at, &batch, names))
    };
    let another = pb::Act { request_id: uuid::Uuid::from_u128(2).to_string(), ..act() };
    let good = vec![
        command(Given::SetGrade(set_grade())),
        command(Given::SetGrade(pb::SetGradeRequest { act: Some(another), ..set_grade() })),
    ];
    let (commands, mode) = batch(good.clone(), true).unwrap();
    assert_eq!((commands.len(), mode), (2, Mode::Validate));
    assert_eq!(batch(good.clone(), false).unwrap().1, Mode::Record);

    let mut bad = good;
    bad.push(command(Given::SetGrade(elsewhere)));
    bad.push(pb::Command::default());
    let told = |faults: Faults| -> Vec<_> { faults.into_iter().map(|it| it.0).collect() };
    assert_eq!(
        told(batch(bad, false).unwrap_err()),
        ["commands[2].set_grade.assessment", "commands[2].set_grade.validate_only", "commands[3]"]
    );
    assert_eq!(told(batch(vec![], false).unwrap_err()), ["commands"]);
    let many = vec![command(Given::SetGrade(set_grade())); 1_001];
    assert_eq!(told(batch(many, false).unwrap_err()), ["commands"]);
}

#[test]
fn a_subject_is_registered_under_what_it_is_called() {
    let good = pb::RegisterSubjectRequest {
        act: Some(act()),
        validate_only: false,
        subject: "subjects/leicester-city".to_owned(),
        display_name: "Leicester City Council".to_owned(),
        kind: "local authority".to_owned(),
    };
    let order = RegisterSubject {
        subject: SubjectId::parse("leicester-city").unwrap(),
        name: Label::parse("Leicester City Council").unwrap(),
        kind: Label::parse("local authority").unwrap(),
    };
    let read = with_names(|at, names| register_subject(at, &good, names)).unwrap();
    assert_eq!(read.order, Order::RegisterSubject(order));
}

#[test]
fn a_receipt_says_how_it_came_about() {
    use crate::{
        judgement::{ChangeKind, RecordId},
        ledger::{Outcome, Receipt},
    };
    let given = Receipt {
        stream: StreamId::parse(&assessment()).unwrap(),
        position: Position::new(41),
        revision: Revision::new(7),
        record: RecordId::parse(REQUEST).unwrap(),
        recorded_at: jiff::Timestamp::from_microsecond(-1).unwrap(),
        change: Some(ChangeKind::Lowered),
        outcome: Outcome::Replayed,
    };
    let shown = pb::Receipt {
        stream: assessment(),
        position: 41,
        revision: 7,
        record_id: REQUEST.to_owned(),
        recorded_at: Some(prost_types::Timestamp { seconds: -1, nanos: 999_999_000 }),
        change: i32::from(pb::ChangeKind::Lowered),
        replayed: true,
        validated_only: false,
    };
    assert_eq!(receipt(&given), shown);
}
