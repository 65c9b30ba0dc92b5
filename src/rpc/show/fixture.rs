//! Records and assessments to test with: a small framework, and a fold as the ledger makes it.

use std::{collections::BTreeSet, convert::Infallible, sync::Arc};

use bytes::Bytes;
use jiff::{Timestamp, civil::Date};
use prost::Message;
use uuid::Uuid;

use super::Records;
use crate::{
    journal::Entry,
    judgement::{
        Act, Area, AreaId, Assessment, AudienceId, Descriptor, DescriptorSet, DescriptorSetId,
        EntryContent, EntryId, EntryKind, EntryKindRule, Event, Framework, FrameworkId, Item, Kind,
        Label, LegalBasis, Level, LevelCode, NonGrade, OrganisationId, Origin, PersonId, Position,
        RecordId, Recorder, RequestId, Revision, Role, Scale, ScaleId, ScaleKind, Section,
        SectionId, SelfModeration, StreamId, Text, Texts,
    },
    ledger::{
        AssessmentRead, Erasure, Holds, Moment, PassedOn, PassedText, ReadRecord, Registered,
        Shown, Streamed,
    },
    merkle::leaf_hash,
    pb,
    record::{Commitment, Opening, Record},
};

/// The stream of the assessment to test with.
pub(crate) const ASSESSMENT: &str = "subjects/leicester-city/assessments/apa-2006";

/// A text as read.
pub(crate) fn said(text: &str) -> Shown {
    Shown::Present(Text::parse(text).unwrap())
}

/// A text as shown.
#[expect(clippy::unnecessary_wraps, reason = "messages hold their texts as options")]
pub(crate) fn shown(text: &str) -> Option<pb::Text> {
    Some(pb::Text { state: Some(pb::text::State::Present(text.to_owned())) })
}

/// A day as shown.
#[expect(clippy::unnecessary_wraps, reason = "messages hold their dates as options")]
pub(crate) fn day(year: i32, month: i32, day: i32) -> Option<pb::google::r#type::Date> {
    Some(pb::google::r#type::Date { year, month, day })
}

/// The `number`-th person.
pub(crate) fn person(number: u128) -> PersonId {
    PersonId::new(Uuid::from_u128(number))
}

/// The directory to test with: persons 1 and 2 have names, all others were erased.
pub(crate) fn names(id: PersonId) -> Shown {
    match id.uuid().as_u128() {
        1 => said("inspector-a"),
        2 => said("moderator-b"),
        _ => erased(),
    }
}

/// A text that was erased by record 9.
pub(crate) fn erased() -> Shown {
    Shown::Erased(Arc::new(Erasure {
        basis: LegalBasis::ErasureRequest,
        position: Position::new(9),
        recorded_at: recorded_at(9),
        replacement: Text::parse("a child").ok(),
    }))
}

/// When the record at a position was recorded: each a second after the one before.
pub(crate) fn recorded_at(position: u64) -> Timestamp {
    let seconds = 1_162_339_200_i64.checked_add_unsigned(position).unwrap();
    Timestamp::from_second(seconds).unwrap()
}

/// Circumstances without anything stated.
pub(crate) fn act() -> Act<Shown> {
    Act {
        request: RequestId::new(Uuid::from_u128(7)),
        decided_by: None,
        decided_on: None,
        effective_on: None,
        basis: None,
        instructed_by: None,
        reason: None,
        rationale: None,
        evidence: Vec::new(),
        origin: Origin::Witnessed,
    }
}

/// A record of the assessment, as read.
pub(crate) fn record(position: u64, event: Event<Shown>) -> ReadRecord {
    record_of(position, ASSESSMENT, act(), event)
}

/// A record as it is streamed. Nothing lies sealed beside it.
pub(crate) fn passed_on(read: &ReadRecord) -> Streamed {
    let entry = Entry { record: read.stored.clone(), sealed: Bytes::new() };
    Streamed::Record(PassedOn::of(read.record.position, entry).unwrap())
}

/// The texts of a record as read, as the ledger opens them.
pub(crate) fn texts_of(read: &ReadRecord) -> Vec<PassedText> {
    let mut texts = Vec::new();
    let mut list = |field: &str, shown: Shown| -> Result<(), Infallible> {
        texts.push((field.to_owned().into(), shown));
        Ok(())
    };
    let Ok(_) = read.act.clone().map_texts("", &mut list);
    let Ok(_) = read.event.clone().map_texts("", &mut list);
    texts
}

/// A record of any stream, as read. Its revision is its position.
pub(crate) fn record_of(
    position: u64,
    stream: &str,
    act: Act<Shown>,
    event: Event<Shown>,
) -> ReadRecord {
    let id = Uuid::from_u128(u128::from(position));
    let mut commit = |field: &str, _: Shown| -> Result<Commitment, Infallible> {
        let opening = Opening::new([0; Opening::BYTES]);
        Ok(Commitment::to(&opening, id, field, &Text::parse("committed").unwrap()))
    };
    let Ok(committed_act) = act.clone().map_texts("", &mut commit);
    let Ok(committed_event) = event.clone().map_texts("", &mut commit);
    let record = Record {
        stream: StreamId::parse(stream).unwrap(),
        position: Position::new(position),
        revision: Revision::new(position),
        id: RecordId::new(id),
        recorded_at: recorded_at(position),
        clock: None,
        recorded_on: Date::constant(2006, 11, 1),
        recorded_by: Recorder {
            person: person(1),
            role: Role::Inspector,
            organisation: OrganisationId::parse("ofsted").unwrap(),
        },
        previous: None,
        act: committed_act,
        event: committed_event,
    };
    let stored = record.encode().unwrap();
    ReadRecord { record, stored, act, event }
}

/// An entry that says `text`.
pub(crate) fn content(
    kind: EntryKind<Shown>,
    section: &str,
    order: u32,
    text: &str,
) -> EntryContent<Shown> {
    EntryContent {
        kind,
        section: SectionId::parse(section).unwrap(),
        area: None,
        order,
        text: Some(said(text)),
        quote: None,
        figures: Vec::new(),
        paragraph: None,
        source: None,
        relates_to: Vec::new(),
    }
}

/// An entry's id.
pub(crate) fn entry(id: &str) -> EntryId {
    EntryId::parse(id).unwrap()
}

/// The assessment that records make, read at the last of them, and the records by position.
pub(crate) fn read(records: &[ReadRecord]) -> (AssessmentRead, Records) {
    let mut assessment: Option<Assessment> = None;
    for read in records {
        let fact = read.record.fact(leaf_hash(&read.stored));
        match (&mut assessment, &read.record.event, &read.record.stream) {
            (None, Event::AssessmentOpened(opened), StreamId::Assessment(id)) => {
                assessment = Some(Assessment::begin(id.clone(), &fact, opened));
            }
            (Some(assessment), _, _) => assessment.evolve(&fact),
            (None, _, _) => panic!("the first record opens the assessment"),
        }
    }
    let last = records.last().unwrap();
    let moment = Moment { position: last.record.position, recorded_at: last.record.recorded_at };
    let assessment = Arc::new(assessment.unwrap());
    let (known, holds) = (Arc::clone(&assessment), Holds::AsAsked);
    let by_position = records.iter().map(|it| (it.record.position, it.clone())).collect();
    (AssessmentRead { assessment, known, holds, framework: framework(), moment }, by_position)
}

/// A framework of three areas and two sections. Social care is shown to csci, the whole to the
/// audit commission too, and worded areas to nobody.
pub(crate) fn framework() -> Arc<Registered> {
    let scale = |id: &str, levels: Vec<Level>| Scale {
        id: ScaleId::parse(id).unwrap(),
        kind: ScaleKind::Ordered,
        levels,
        ranks_with: BTreeSet::new(),
    };
    let level = |code: &str, rank, words: &[&str]| Level {
        code: LevelCode::parse(code).unwrap(),
        rank,
        words: words.iter().map(|word| Label::parse(word).unwrap()).collect(),
    };
    let section = |id: &str| Section { id: SectionId::parse(id).unwrap(), heading: id.to_owned() };
    let kind = |kind| EntryKindRule { kind, demanded: 0 };
    let numbers = scale("numbers", vec![level("2", 2, &[]), level("3", 3, &[])]);
    let words = scale("words", vec![level("a", 2, &["adequate"]), level("g", 3, &["good"])]);
    let good = Descriptor {
        scale: ScaleId::parse("numbers").unwrap(),
        level: LevelCode::parse("3").unwrap(),
        text: "Good".to_owned(),
    };
    let framework = Framework {
        id: FrameworkId::new("apa", "2006").unwrap(),
        title: Label::parse("Annual performance assessment 2006").unwrap(),
        areas: vec![
            area("whole", "numbers", &["csci", "audit-commission", "addressee"]),
            area("enjoying", "words", &["addressee"]),
            area("social-care", "numbers", &["csci"]),
        ],
        sections: vec![section("summary"), section("enjoying")],
        scales: vec![numbers, words],
        descriptor_sets: vec![DescriptorSet {
            id: DescriptorSetId::parse("service").unwrap(),
            heading: "Service".to_owned(),
            descriptors: vec![good],
        }],
        non_grades: BTreeSet::from([NonGrade::SubjectToReview]),
        entry_kinds: vec![kind(Kind::Narrative), kind(Kind::Strength), kind(Kind::Evidence)],
        reasons: Vec::new(),
        signed_by: ["ofsted", "csci"].map(|id| OrganisationId::parse(id).unwrap()).into(),
        self_moderation: SelfModeration::Forbidden,
        audiences: Vec::new(),
        letter_to: BTreeSet::from([AudienceId::parse("addressee").unwrap()]),
        comparable_with: BTreeSet::new(),
    };
    let document = pb::Framework { title: "as registered".to_owned(), ..Default::default() };
    let document: Arc<[u8]> = document.encode_to_vec().into();
    let hash = leaf_hash(&document);
    Arc::new(Registered {
        framework: Arc::new(framework),
        document,
        document_sha256: *hash.as_bytes(),
        item: Item { at: Position::new(1), record: RecordId::new(Uuid::from_u128(1)), hash },
    })
}

fn area(id: &str, scale: &str, visible_to: &[&str]) -> Area {
    Area {
        id: AreaId::parse(id).unwrap(),
        label: format!("*{id}*"),
        section: None,
        parent: None,
        scales: vec![ScaleId::parse(scale).unwrap()],
        descriptor_set: Some(DescriptorSetId::parse("service").unwrap()),
        concept: None,
        demanded: true,
        visible_to: visible_to.iter().map(|it| AudienceId::parse(it).unwrap()).collect(),
    }
}
