//! Assessments as they are shown.

use jiff::civil::Date;

use super::super::fixture::{self, content, day, entry, read, record, said, shown};
use super::*;
use crate::{
    judgement::{
        AddresseeSet, AreaId, AssessmentLocked, AssessmentOpened, AssessmentPublished, Award,
        ChangeKind, Cycle, EntryKind, EntryRecorded, EntryRevised, FrameworkId, GradeSet, Label,
        LevelCode, NonGrade, OrganisationId, ScaleId, Signature, SignedOff,
    },
    merkle::{Hash, leaf_hash, sha256},
    rpc::sight::Recipient,
};

fn level(scale: &str, level: &str, word: Option<&str>) -> Standing {
    Standing::Level {
        scale: ScaleId::parse(scale).unwrap(),
        level: LevelCode::parse(level).unwrap(),
        word: word.map(|word| Label::parse(word).unwrap()),
    }
}

fn grade(position: u64, area: &str, standing: Standing, qualifier: Option<&str>) -> ReadRecord {
    let award = Award { standing, qualifier: qualifier.map(said) };
    let area = AreaId::parse(area).unwrap();
    let (change, before) = (ChangeKind::Awarded, None);
    record(position, Event::GradeSet(GradeSet { area, award, change, before }))
}

fn wrote(position: u64, id: &str, kind: EntryKind<Shown>, section: &str, order: u32) -> ReadRecord {
    let content = content(kind, section, order, id);
    record(position, Event::EntryRecorded(EntryRecorded { entry: entry(id), content }))
}

fn struck(position: u64, id: &str) -> ReadRecord {
    record(position, Event::EntryRevised(EntryRevised { entry: entry(id), content: None }))
}

fn signed(position: u64, organisation: &str, name: &str) -> ReadRecord {
    let signature =
        Signature { name: said(name), role: None, organisation: None, transcribed: None };
    let organisation = OrganisationId::parse(organisation).unwrap();
    let (edition, digest) = (1, Hash::new([7; 32]));
    record(position, Event::SignedOff(SignedOff { organisation, edition, digest, signature }))
}

fn opened_record() -> ReadRecord {
    record(
        1,
        Event::AssessmentOpened(AssessmentOpened {
            framework: FrameworkId::new("apa", "2006").unwrap(),
            cycle: Cycle::parse("2006").unwrap(),
            periods: vec![Period {
                from: Date::constant(2005, 4, 1),
                to: Date::constant(2006, 3, 31),
            }],
            addressee: None,
            earlier: vec![
                crate::judgement::AssessmentId::parse(
                    "subjects/leicester-city/assessments/apa-2005",
                )
                .unwrap(),
            ],
        }),
    )
}

/// Everything that a letter has, recorded in an order that is not the letter's.
fn written() -> Vec<ReadRecord> {
    let addressee =
        Addressee { name: said("Director"), role: None, organisation: None, lines: Vec::new() };
    vec![
        opened_record(),
        grade(2, "social-care", level("numbers", "3", None), None),
        grade(3, "whole", Standing::NotGraded(NonGrade::SubjectToReview), None),
        grade(4, "enjoying", level("words", "a", Some("adequate")), Some("improving")),
        wrote(5, "p-3", EntryKind::Narrative, "enjoying", 1),
        wrote(6, "s-1", EntryKind::Strength, "summary", 1),
        wrote(7, "p-2", EntryKind::Narrative, "summary", 2),
        wrote(8, "p-1", EntryKind::Narrative, "summary", 2),
        wrote(9, "p-9", EntryKind::Narrative, "summary", 1),
        wrote(10, "p-0", EntryKind::Narrative, "summary", 1),
        struck(11, "p-9"),
        record(12, Event::AddresseeSet(AddresseeSet { addressee })),
    ]
}

fn locked(position: u64) -> ReadRecord {
    let locked = AssessmentLocked { edition: 1, digest: Hash::new([7; 32]) };
    record(position, Event::AssessmentLocked(locked))
}

fn published(position: u64) -> ReadRecord {
    record(
        position,
        Event::AssessmentPublished(AssessmentPublished {
            edition: 1,
            letter_date: Date::constant(2006, 11, 1),
            digest: Hash::new([7; 32]),
            audiences: Vec::new(),
        }),
    )
}

fn full() -> Scope {
    Scope { detail: Detail::Full, sight: Sight::All, as_stated: false }
}

fn public(audience: &str) -> Scope {
    let organisation = OrganisationId::parse(audience).unwrap();
    let sight = Sight::Published(match audience {
        "addressee" => Recipient::Addressee,
        _ => Recipient::Organisation(organisation),
    });
    Scope { detail: Detail::Full, sight, as_stated: false }
}

/// Shows what records make, given no more than the scope says it needs, and all its entries.
fn show(scope: &Scope, records: &[ReadRecord]) -> pb::Assessment {
    let (read, all) = read(records);
    let needs = scope.needs(&read);
    let entries = scope.entries(&read);
    let entries =
        entries.iter().map(|(id, at)| super::entry(id, &all[at], None).unwrap()).collect();
    let given = all.into_iter().filter(|(at, _)| needs.contains(at));
    pb::Assessment { entries, ..scope.show(&read, &given.collect()).unwrap() }
}

fn areas(assessment: &pb::Assessment) -> Vec<&str> {
    assessment.judgements.iter().map(|judgement| judgement.area.as_str()).collect()
}

#[test]
fn grades_stand_in_the_frameworks_order_as_they_were_awarded() {
    let shown_assessment = show(&full(), &written());
    assert_eq!(areas(&shown_assessment), ["whole", "enjoying", "social-care"]);
    let judgement = |area: &str, position, award, description: &str| pb::Judgement {
        area: area.to_owned(),
        area_label: format!("*{area}*"),
        award: Some(award),
        description: description.to_owned(),
        position,
        effective_on: day(2006, 11, 1),
        recorded_at: Some(timestamp(fixture::recorded_at(position))),
        transcribed: false,
        corrected_at: 0,
    };
    let review = i32::from(pb::NonGrade::SubjectToReview);
    let expected = [
        judgement("whole", 3, pb::Award { not_graded: review, ..Default::default() }, ""),
        judgement(
            "enjoying",
            4,
            pb::Award {
                scale: "words".to_owned(),
                level: "a".to_owned(),
                word: "adequate".to_owned(),
                qualifier: shown("improving"),
                not_graded: 0,
            },
            "",
        ),
        judgement(
            "social-care",
            2,
            pb::Award { scale: "numbers".to_owned(), level: "3".to_owned(), ..Default::default() },
            "Good",
        ),
    ];
    assert_eq!(shown_assessment.judgements, expected);
}

#[test]
fn entries_stand_in_the_letters_order_without_those_struck() {
    let assessment = show(&full(), &written());
    let ids: Vec<_> = assessment.entries.iter().map(|it| it.entry_id.as_str()).collect();
    assert_eq!(ids, ["p-0", "p-1", "p-2", "s-1", "p-3"]);
    let text = |entry: &pb::Entry| entry.content.clone().unwrap().text;
    assert_eq!(text(&assessment.entries[0]), shown("p-0"));
    assert_eq!(assessment.entries[0].recorded_at, Some(timestamp(fixture::recorded_at(10))));
}

/// Spec §4.8: "in letter order, the record hash of every item in force". What is shown, in the
/// order in which it is shown, is what is signed.
#[test]
fn the_digest_is_that_of_what_is_shown_in_the_order_shown() {
    let records = written();
    let assessment = show(&full(), &records);
    let judged = assessment.judgements.iter().map(|judgement| judgement.position);
    let entries = assessment.entries.iter().map(|entry| entry.position);
    let hashes: Vec<Hash> = [1, 12]
        .into_iter()
        .chain(judged)
        .chain(entries)
        .map(|at| records.iter().find(|it| it.record.position.get() == at).unwrap())
        .map(|record| leaf_hash(&record.stored))
        .collect();
    let document = fixture::framework().document_sha256;
    let mut parts: Vec<&[u8]> = vec![b"judgement-ledger/edition/v1", &document];
    parts.extend(hashes.iter().map(|hash| hash.as_bytes().as_slice()));
    assert_eq!(assessment.digest, sha256(&parts).as_bytes().as_slice());
}

#[test]
fn an_assessment_says_what_it_is_and_which_moment_it_reflects() {
    let scope = Scope { detail: Detail::Grades, sight: Sight::All, as_stated: true };
    let assessment = show(&scope, &written());
    let expected = pb::Assessment {
        name: fixture::ASSESSMENT.to_owned(),
        framework: "frameworks/apa/versions/2006".to_owned(),
        cycle: "2006".to_owned(),
        periods: vec![pb::AssessedPeriod {
            first_day: day(2005, 4, 1),
            last_day: day(2006, 3, 31),
        }],
        addressee: None,
        earlier: vec!["subjects/leicester-city/assessments/apa-2005".to_owned()],
        state: i32::from(pb::AssessmentState::Open),
        edition: 1,
        revision: 12,
        judgements: assessment.judgements.clone(),
        entries: Vec::new(),
        signatures: Vec::new(),
        editions: Vec::new(),
        digest: Bytes::new(),
        read: Some(pb::ReadToken {
            position: 12,
            recorded_at: Some(timestamp(fixture::recorded_at(12))),
        }),
        as_stated: true,
        next_page_token: String::new(),
        holds: Vec::new(),
        challenges: Vec::new(),
        drafts: Vec::new(),
    };
    assert_eq!(assessment, expected);
    assert_eq!(show(&full(), &written()).addressee.unwrap().name, shown("Director"));
}

#[test]
fn an_edition_is_signed_once_all_have_signed_who_must() {
    let mut records = written();
    records.push(locked(13));
    assert_eq!(show(&full(), &records).state(), pb::AssessmentState::Locked);
    records.push(signed(14, "ofsted", "A"));
    assert_eq!(show(&full(), &records).state(), pb::AssessmentState::Locked);
    records.push(signed(15, "csci", "B"));
    let assessment = show(&full(), &records);
    assert_eq!(assessment.state(), pb::AssessmentState::Signed);
    let signed = |organisation: &str, position, name| pb::SignedSignature {
        organisation: organisation.to_owned(),
        position,
        transcribed: false,
        recorded_at: Some(timestamp(fixture::recorded_at(position))),
        signature: Some(pb::Signature { name: shown(name), ..Default::default() }),
    };
    assert_eq!(assessment.signatures, [signed("csci", 15, "B"), signed("ofsted", 14, "A")]);
}

#[test]
fn a_published_edition_keeps_its_signatures_of_which_the_last_count() {
    let mut records = written();
    // The first signature lapsed when csci objected; ofsted signed again.
    records.extend([locked(13), signed(14, "ofsted", "A"), locked(15)]);
    records.extend([signed(16, "ofsted", "A again"), signed(17, "csci", "B"), published(18)]);
    let assessment = show(&full(), &records);
    assert_eq!(assessment.state(), pb::AssessmentState::Published);
    let signatures = assessment.signatures.iter();
    let positions: Vec<_> = signatures.map(|signature| signature.position).collect();
    assert_eq!(positions, [17, 16]);
    let edition = pb::PublishedEdition {
        edition: 1,
        position: 18,
        letter_date: day(2006, 11, 1),
        digest: Bytes::from_static(&[7; 32]),
        withdrawn: None,
    };
    assert_eq!(assessment.editions, [edition]);
}

/// Spec §5.3: a hidden area is absent, never blank.
#[test]
fn an_audience_sees_the_areas_shown_to_it_and_no_text_of_the_letter() {
    let mut records = written();
    records.extend([locked(13), signed(14, "ofsted", "A"), signed(15, "csci", "B")]);
    records.push(published(16));
    for (audience, seen) in [
        ("csci", vec!["whole", "social-care"]),
        ("audit-commission", vec!["whole"]),
        ("a-newspaper", vec![]),
    ] {
        let assessment = show(&public(audience), &records);
        assert_eq!(areas(&assessment), seen, "{audience}");
        assert_eq!(assessment.addressee, None);
        assert_eq!(assessment.entries, []);
        assert_eq!(assessment.signatures, []);
    }
    let letter = show(&public("addressee"), &records);
    let whole = show(&full(), &records);
    assert_eq!(areas(&letter), ["whole", "enjoying"], "what is hidden stays hidden in a letter");
    assert_eq!(letter.addressee, whole.addressee);
    assert_eq!(letter.signatures, whole.signatures);
    let ids: Vec<_> = letter.entries.iter().map(|it| it.entry_id.as_str()).collect();
    assert_eq!(ids, ["p-0", "p-1", "p-2", "s-1", "p-3"]);

    let (read, _) = read(&records);
    assert_eq!(public("csci").needs(&read), BTreeSet::new(), "no hidden record is even read");
}

#[test]
fn a_record_that_tells_of_something_else_is_an_error() {
    let (read, mut records) = read(&written());
    let opening = records[&Position::new(1)].clone();
    records.insert(Position::new(4), opening);
    let error = full().show(&read, &records).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the record at position 1 cannot be read: AssessmentOpened stands where a grade is \
         expected"
    );
    records.remove(&Position::new(4));
    let absent = full().show(&read, &records).unwrap_err();
    assert_eq!(absent.to_string(), "there is no record at position 4");
}
