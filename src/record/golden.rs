//! The bytes of every shape ever written, and what they say.
//!
//! `tests/records/v<n>/<arm>.hex` holds a record as it was written when the arm was new, the text
//! file beside it what it is read as. The bytes are never touched again; where a newer shape reads
//! them into something else, only the text file changes.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf};

use jiff::civil::Date;
use prost_reflect::DescriptorPool;

use super::{
    Headline, Record,
    samples::{Sample, bare_frame, bytes_of, sample, sample_of},
};
use crate::{judgement::*, merkle::Hash, pb};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/records")
}

/// Every golden file by the name of its arm: the bytes and what they are read as.
fn golden() -> BTreeMap<String, (Vec<u8>, String)> {
    let mut golden = BTreeMap::new();
    for version in fs::read_dir(folder()).unwrap() {
        for file in fs::read_dir(version.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "hex") {
                let arm = path.file_stem().unwrap().to_str().unwrap().to_owned();
                let bytes = from_hex(&fs::read_to_string(&path).unwrap());
                let said = fs::read_to_string(path.with_extension("txt")).unwrap();
                assert_eq!(golden.insert(arm.clone(), (bytes, said)), None, "two of {arm}");
            }
        }
    }
    golden
}

fn from_hex(hex: &str) -> Vec<u8> {
    let digits: Vec<char> = hex.chars().filter(|it| !it.is_whitespace()).collect();
    let pairs = digits.chunks(2).map(String::from_iter);
    pairs.map(|pair| u8::from_str_radix(&pair, 16).unwrap()).collect()
}

fn to_hex(bytes: &[u8]) -> String {
    let mut hex = String::new();
    for line in bytes.chunks(32) {
        for byte in line {
            write!(hex, "{byte:02x}").unwrap();
        }
        hex.push('\n');
    }
    hex
}

/// The arms of the event, by number.
fn arms() -> BTreeMap<u32, String> {
    let pool = DescriptorPool::decode(pb::DESCRIPTORS).unwrap();
    let record = pool.get_message_by_name("judgement.ledger.v1.Record").unwrap();
    let event = record.oneofs().find(|oneof| oneof.name() == "event").unwrap();
    event.fields().map(|field| (field.number(), field.name().to_owned())).collect()
}

#[test]
fn every_arm_has_golden_bytes() {
    let golden = golden();
    for (number, arm) in arms() {
        let bytes = golden.get(&arm).map(|(bytes, _)| bytes.as_slice());
        let bytes = bytes.unwrap_or_else(|| panic!("no tests/records/v*/{arm}.hex"));
        assert_eq!(Headline::of(bytes).map(|it| it.event), Some(number), "{arm}");
    }
}

#[test]
fn golden_bytes_are_read_as_they_always_were() {
    for (arm, (bytes, said)) in golden() {
        let record = Record::decode(&bytes).unwrap();
        assert_eq!(format!("{record:#?}\n"), said, "{arm}");
    }
}

#[test]
fn golden_bytes_of_the_newest_arms_are_written_as_they_always_were() {
    for (arm, (bytes, _)) in golden() {
        let again = bytes_of(&Record::decode(&bytes).unwrap());
        let event_of = |record: &[u8]| Headline::of(record).map(|it| it.event);
        if event_of(&again) == event_of(&bytes) {
            assert_eq!(to_hex(&again), to_hex(&bytes), "{arm}");
        }
    }
}

/// Not a test: writes the files that are missing, for a new arm, into the folder of its version.
/// Run with `cargo test --lib -- --ignored golden`. Never touches bytes that are there.
#[test]
#[ignore = "writes the golden files that are missing"]
fn missing_golden_files_are_written() {
    let folder = folder().join("v1");
    fs::create_dir_all(&folder).unwrap();
    for sample in fullest() {
        let bytes = bytes_of(&sample.record);
        let arm = &arms()[&Headline::of(&bytes).unwrap().event];
        let file = folder.join(arm).with_extension("hex");
        if !file.exists() {
            fs::write(file.with_extension("txt"), format!("{:#?}\n", sample.record)).unwrap();
            fs::write(file, to_hex(&bytes)).unwrap();
        }
    }
}

/// The fullest sample of every event; provenance is full for a grade and a signature.
fn fullest() -> Vec<Sample> {
    let mut samples: Vec<_> =
        [registrations(), judgements()].concat().into_iter().map(sample_of).collect();
    samples.push(sample(full_frame(), full_act(), full_grade()));
    samples.extend(editions().into_iter().map(sample_of));
    samples.push(sample(full_frame(), transcribed_act(), full_signature()));
    samples.extend(endings().into_iter().map(sample_of));
    samples.extend(marks().into_iter().map(sample_of));
    samples.extend(redactions().into_iter().map(sample_of));
    samples.extend(custody().into_iter().map(sample_of));
    samples
}

fn text(text: &str) -> Text {
    Text::parse(text).unwrap()
}

fn day(day: i8) -> Date {
    Date::new(2006, 11, day).unwrap()
}

fn person(number: u8) -> PersonId {
    let uuid = format!("0190aaaa-0000-7000-8000-0000000000{number:02x}");
    PersonId::parse(&uuid).unwrap()
}

fn ofsted() -> OrganisationId {
    OrganisationId::parse("ofsted").unwrap()
}

fn entry(id: &str) -> EntryId {
    EntryId::parse(id).unwrap()
}

fn full_frame() -> Record {
    let bare = bare_frame();
    let hash = Hash::new([0xaa; 32]);
    // The clock ran backwards by a second.
    let second = jiff::SignedDuration::from_secs(1);
    let earlier = bare.recorded_at.checked_sub(second).unwrap();
    Record {
        clock: Some(earlier),
        previous: Some(super::Previous { position: Position::new(5), hash }),
        ..bare
    }
}

fn full_act() -> Act<Text> {
    let panel = Panel {
        name: text("consistency panel"),
        members: vec![person(1), person(2)],
        meeting: Some(day(1)),
        minutes: Some(text("minutes 17")),
    };
    let decider = |who| Decider { who, role: Some(Role::Moderator), organisation: ofsted() };
    Act {
        request: bare_frame().act.request,
        decided_by: Some(decider(Deciding::Panel(panel))),
        decided_on: Some(day(1)),
        effective_on: Some(day(2)),
        basis: Some(Basis::SameEvidence),
        instructed_by: Some(decider(Deciding::Person(person(3)))),
        reason: Some(ReasonCode::parse("MODERATION").unwrap()),
        rationale: Some(text("read again")),
        evidence: vec![EvidenceRef { entry: entry("ev-01"), at: Position::new(4) }],
        origin: Origin::Witnessed,
    }
}

fn transcribed_act() -> Act<Text> {
    let (bare, _) = bare_frame().with_texts(&mut |_, _| text(""));
    let origin = Origin::Transcribed { source: text("the letter"), sha256: Some([0xbb; 32]) };
    Act { decided_on: Some(day(1)), origin, ..bare }
}

fn addressee() -> Addressee<Text> {
    Addressee {
        name: text("a name"),
        role: Some(text("a role")),
        organisation: Some(text("an organisation")),
        lines: vec![text("a house"), text("a road")],
    }
}

fn registrations() -> Vec<Event<Text>> {
    let framework = FrameworkId::new("apa", "2006").unwrap();
    let earlier = AssessmentId::parse("subjects/leicester-city/assessments/apa-2005").unwrap();
    vec![
        Event::PersonRegistered(PersonRegistered {
            person: person(1),
            organisation: ofsted(),
            name: text("a name"),
        }),
        Event::FrameworkRegistered(FrameworkRegistered {
            framework: framework.clone(),
            document: [0xcc; 32],
        }),
        Event::SubjectRegistered(SubjectRegistered {
            subject: SubjectId::parse("leicester-city").unwrap(),
            name: Label::parse("Leicester City Council").unwrap(),
            kind: Label::parse("local authority").unwrap(),
        }),
        Event::AssessmentOpened(AssessmentOpened {
            framework,
            cycle: Cycle::parse("2006").unwrap(),
            periods: vec![Period { from: day(1), to: day(2) }],
            addressee: Some(addressee()),
            earlier: vec![earlier],
        }),
        Event::AddresseeSet(AddresseeSet { addressee: addressee() }),
    ]
}

fn full_grade() -> Event<Text> {
    let level = |scale: &str, level: &str, word: Option<&str>| Standing::Level {
        scale: ScaleId::parse(scale).unwrap(),
        level: LevelCode::parse(level).unwrap(),
        word: word.map(|word| Label::parse(word).unwrap()),
    };
    let standing = level("apa-words", "outstanding", Some("excellent"));
    Event::GradeSet(GradeSet {
        area: AreaId::parse("being-healthy").unwrap(),
        award: Award { standing, qualifier: Some(text("with an improving trend")) },
        change: ChangeKind::Raised,
        before: Some(level("apa-1-4", "3", None)),
    })
}

fn figure() -> Figure<Text> {
    Figure {
        measure: text("a measure"),
        group: Some(text("a group")),
        value: FigureValue::Decimal(Decimal::parse("-53.80").unwrap()),
        unit: Some(text("%")),
        qualifier: Some(text("almost")),
        period: Some(text("2005/2006")),
        trend: Some(text("rising")),
        comparators: vec![Comparator {
            kind: ComparatorKind::parse("similar_areas").unwrap(),
            name: Some(text("a region")),
            relation: Some(text("twice")),
            value: FigureValue::Words(text("half")),
            unit: Some(text("%")),
            period: Some(text("2005")),
            due: PartialDate::new(2006, 12, 0),
        }],
    }
}

fn judgements() -> Vec<Event<Text>> {
    let followed = AssessmentId::parse("subjects/leicester-city/assessments/apa-2005").unwrap();
    let cited = Citation {
        assessment: Some(followed),
        item: Some(entry("afi-ss-1")),
        label: Some(text("last year's APA")),
        kind: Some(text("weakness")),
        words: Some(text("the item")),
    };
    let status = FollowUpStatus::Remains;
    let follow_up = FollowUp { cited, status, carried_to: Some(entry("afi-ss-2")) };
    let content = EntryContent {
        kind: EntryKind::FollowUp(follow_up),
        section: SectionId::parse("staying-safe").unwrap(),
        area: Some(AreaId::parse("staying-safe").unwrap()),
        order: 3,
        text: Some(text("a text")),
        quote: Some(text("a quote")),
        figures: vec![figure()],
        paragraph: Some(entry("nar-1")),
        source: Some(text("a source")),
        relates_to: vec![entry("ev-02"), entry("ev-03")],
    };
    let dated = Figure { value: FigureValue::Date(day(3)), ..figure() };
    let unstated = Figure { value: FigureValue::NotStated, comparators: Vec::new(), ..figure() };
    let revised = EntryContent {
        kind: EntryKind::LetterPart(LetterPart::Salutation),
        figures: vec![dated, unstated],
        ..content.clone()
    };
    vec![
        Event::EntryRecorded(EntryRecorded { entry: entry("fu-3"), content }),
        Event::EntryRevised(EntryRevised { entry: entry("letter-1"), content: Some(revised) }),
    ]
}

fn editions() -> Vec<Event<Text>> {
    let digest = Hash::new([0xdd; 32]);
    let audience = AudienceId::parse("csci").unwrap();
    let audiences = vec![AudienceDigest { audience, salt: [1; 32], root: Hash::new([2; 32]) }];
    let letter_date = day(1);
    let published = AssessmentPublished { edition: 2, letter_date, digest, audiences };
    vec![
        Event::AssessmentLocked(AssessmentLocked { edition: 2, digest }),
        Event::AssessmentPublished(published),
    ]
}

fn marks() -> Vec<Event<Text>> {
    let audience = AudienceId::parse("addressee").unwrap();
    let digest = AudienceDigest { audience, salt: [1; 32], root: Hash::new([2; 32]) };
    let challenge = ChallengeId::parse("council-1").unwrap();
    let wording = Wording {
        text: Some(text("a text")),
        quote: Some(text("a quote")),
        figures: vec![figure()],
        source: Some(text("a source")),
    };
    let area = AreaId::parse("social-care").unwrap();
    let points = vec![
        Point { about: Challenged::Area(area), text: text("it is better") },
        Point { about: Challenged::Entry(entry("ev-1")), text: text("it is 57 %") },
    ];
    vec![
        Event::HoldPlaced(HoldPlaced {
            hold: HoldId::parse("court-1").unwrap(),
            kind: HoldKind::InformationRequest,
            stops: Stops::Both,
        }),
        Event::HoldReleased(HoldReleased { hold: HoldId::parse("court-1").unwrap() }),
        Event::ChallengeReceived(ChallengeReceived {
            challenge: challenge.clone(),
            from: text("a council"),
            kind: ChallengeKind::Representation,
            points,
            due: Some(day(3)),
        }),
        Event::ChallengeDecided(ChallengeDecided {
            challenge,
            point: 2,
            outcome: PointOutcome::Partly,
            why: text("a reason"),
        }),
        Event::DraftShared(DraftShared {
            recipient: text("a director"),
            position: Position::new(6),
            digest,
        }),
        Event::RecordCorrected(RecordCorrected {
            record: Position::new(5),
            about: About::Entry(entry("ev-1")),
            from: Position::new(6),
            to: Correction::Transcription(wording),
        }),
        Event::SubjectRenamed(SubjectRenamed {
            subject: SubjectId::parse("leicester-city").unwrap(),
            name: Label::parse("Leicester").unwrap(),
        }),
    ]
}

fn redactions() -> Vec<Event<Text>> {
    let (request, record) = (Position::new(9), Position::new(5));
    let field = FieldPath::parse("figures/0/measure").unwrap();
    let record_hash = Hash::new([0xdd; 32]);
    vec![
        Event::RedactionRequested(RedactionRequested {
            record,
            record_hash,
            field: field.clone(),
            basis: LegalBasis::ErasureRequest,
            reference: Some(text("a reference")),
            replacement: text("a child"),
        }),
        Event::TextRedacted(TextRedacted {
            request,
            record,
            record_hash,
            record_id: RecordId::parse("0190aaaa-0000-7000-8000-000000000005").unwrap(),
            field: field.clone(),
            commitment: [0xee; 32],
            basis: LegalBasis::Safeguarding,
        }),
        Event::RedactionRefused(RedactionRefused {
            request,
            record,
            field: field.clone(),
            ground: text("a ground"),
        }),
        Event::RedactionCompleted(RedactionCompleted {
            order: Position::new(10),
            record,
            field,
            checkpoint_size: 12,
        }),
    ]
}

fn custody() -> Vec<Event<Text>> {
    let key = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    let (first, last) = (Position::new(1), Position::new(12));
    vec![
        Event::KeyRotated(KeyRotated {
            key: VerifierKey::parse(key).unwrap(),
            change: KeyChange::Retired,
        }),
        Event::AccessRecorded(AccessRecorded {
            kind: AccessKind::Case,
            of: StreamId::parse("subjects/leicester-city/assessments/apa-2006").ok(),
            records: Some(Run { first, last }),
            purpose: Some(text("a purpose")),
        }),
    ]
}

fn endings() -> Vec<Event<Text>> {
    let fallback = AssessmentId::parse("subjects/leicester-city/assessments/apa-2005").unwrap();
    vec![
        Event::SignOffRefused(SignOffRefused {
            organisation: ofsted(),
            edition: 2,
            digest: Hash::new([0xdd; 32]),
            objection: text("an objection"),
        }),
        Event::AssessmentReopened(AssessmentReopened {
            edition: 3,
            authority: text("an authority"),
            reference: Some(text("a reference")),
        }),
        Event::AssessmentWithdrawn(AssessmentWithdrawn {
            edition: 2,
            fallback: Fallback::Assessment(fallback),
        }),
    ]
}

fn full_signature() -> Event<Text> {
    Event::SignedOff(SignedOff {
        organisation: ofsted(),
        edition: 2,
        digest: Hash::new([0xdd; 32]),
        signature: Signature {
            name: text("a name"),
            role: Some(text("a role")),
            organisation: Some(text("an organisation")),
            transcribed: Some(text("a scrawl")),
        },
    })
}
