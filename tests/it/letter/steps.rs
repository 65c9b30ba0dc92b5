//! The steps that record the letter: opened, written, graded, locked, signed and published.

use std::collections::HashMap;

use judgement_ledger::pb::{
    self, EntryKind, LetterPart, command::Order, figure_value::Stated, grade::Award,
    revision_expectation::State,
};

use super::data::{Comparator, Evidence, FollowUp, Letter, Signatory};
use crate::served::{SUBJECT, date, present};

pub const EDITION: u32 = 1;

/// The assessment's resource name.
pub fn name() -> String {
    format!("{SUBJECT}/assessments/apa-2006")
}

/// All steps in order; each act is one of `act`. The digests of what is locked and signed are
/// left open, as in an import file.
pub fn steps(letter: &Letter, act: fn() -> pb::Act) -> Vec<pb::ImportStep> {
    let mut steps = Steps { act, orders: HashMap::new(), taken: Vec::new() };
    steps.open(letter);
    steps.letter_parts(letter);
    steps.writing(letter);
    steps.evidence(letter);
    steps.notes(letter);
    steps.grades(letter);
    steps.lock();
    letter.signatories.iter().for_each(|it| steps.sign(it));
    steps.publish();
    steps.taken
}

struct Steps {
    act: fn() -> pb::Act,
    /// How many entries of a kind a section has.
    orders: HashMap<(EntryKind, String), u32>,
    taken: Vec<pb::ImportStep>,
}

impl Steps {
    fn push(&mut self, login: &str, order: Order) {
        let command = pb::Command { order: Some(order) };
        let step = pb::import_step::Step::Command(command);
        self.taken.push(pb::ImportStep { step: Some(step), credential: login.to_owned() });
    }

    fn open(&mut self, letter: &Letter) {
        let addressee = &letter.addressee;
        let request = pb::OpenAssessmentRequest {
            assessment: name(),
            act: Some((self.act)()),
            framework: "frameworks/apa/versions/2006".to_owned(),
            cycle: "2006".to_owned(),
            addressee: Some(pb::Addressee {
                name: Some(present(&addressee.name)),
                role: Some(present(&addressee.role)),
                organisation: Some(present(&addressee.organisation)),
                lines: addressee.address.iter().map(|line| present(line)).collect(),
            }),
            ..pb::OpenAssessmentRequest::default()
        };
        self.push("lead", Order::OpenAssessment(request));
    }

    /// Records an entry at the next place of its kind in its section.
    fn entry(&mut self, id: &str, kind: EntryKind, section: &str, mut content: pb::EntryContent) {
        let order = self.orders.entry((kind, section.to_owned())).or_default();
        *order += 1;
        content.kind = kind.into();
        section.clone_into(&mut content.section);
        content.order = *order;
        let request = pb::RecordEntryRequest {
            assessment: name(),
            act: Some((self.act)()),
            entry_id: id.to_owned(),
            content: Some(content),
            ..pb::RecordEntryRequest::default()
        };
        self.push("inspector", Order::RecordEntry(request));
    }

    fn letter_parts(&mut self, letter: &Letter) {
        let mut parts = vec![
            ("title".to_owned(), LetterPart::Title, &letter.title),
            ("salutation".to_owned(), LetterPart::Salutation, &letter.salutation),
        ];
        for (number, opening) in (1..).zip(&letter.opening) {
            parts.push((format!("opening-{number}"), LetterPart::Opening, opening));
        }
        let confirmation = &letter.publication_rule.quote;
        parts.push(("confirmation".to_owned(), LetterPart::Confirmation, confirmation));
        parts.push(("valediction".to_owned(), LetterPart::Valediction, &letter.closing));
        for (id, part, text) in parts {
            let content = pb::EntryContent { letter_part: part.into(), ..says(text, "") };
            self.entry(&id, EntryKind::LetterPart, "letter", content);
        }
    }

    fn writing(&mut self, letter: &Letter) {
        for it in &letter.narrative {
            self.entry(&it.id, EntryKind::Narrative, &it.area, says(&it.text, area(&it.area)));
        }
        let table = "key-strengths-and-areas-for-improvement";
        for it in &letter.strengths {
            self.entry(&it.id, EntryKind::Strength, table, says(&it.text, &it.area));
        }
        for it in &letter.areas_for_improvement {
            self.entry(&it.id, EntryKind::AreaForImprovement, table, says(&it.text, &it.area));
        }
        for it in &letter.aspects_for_focus {
            let content =
                pb::EntryContent { relates_to: it.relates_to.clone(), ..says(&it.text, "") };
            self.entry(&it.id, EntryKind::AspectForFocus, "aspects-for-focus", content);
        }
        for it in &letter.prior_year_followups {
            let content = pb::EntryContent {
                area: it.area.clone(),
                quote: Some(present(&it.status_quote)),
                follow_up: Some(follow_up(it)),
                ..pb::EntryContent::default()
            };
            self.entry(&it.id, EntryKind::FollowUp, &it.area, content);
        }
    }

    fn evidence(&mut self, letter: &Letter) {
        for it in &letter.evidence {
            let content = pb::EntryContent {
                area: area(&it.area).to_owned(),
                quote: Some(present(&it.quote)),
                figures: vec![figure(it)],
                paragraph: it.paragraph.clone(),
                ..pb::EntryContent::default()
            };
            self.entry(&it.id, EntryKind::Evidence, &it.area, content);
        }
    }

    fn notes(&mut self, letter: &Letter) {
        for (number, it) in (1..).zip(&letter.oddities) {
            let content = pb::EntryContent {
                quote: optional(&it.quote),
                ..says(&format!("{}: {}", it.kind, it.what), "")
            };
            let id = format!("oddity-{number}");
            self.entry(&id, EntryKind::TranscriptionNote, "transcription", content);
        }
        for it in &letter.tensions {
            let quote = it.evidence.as_ref().map(|evidence| present(&evidence.join(", ")));
            let content = pb::EntryContent { quote, ..says(&it.what, "") };
            self.entry(&it.id, EntryKind::Tension, "transcription", content);
        }
    }

    fn grades(&mut self, letter: &Letter) {
        for it in &letter.table_judgements {
            self.grade(&it.area, Award::Level(it.grade.clone()), "", Vec::new());
        }
        for it in &letter.worded_judgements {
            let Some(word) = &it.word else { continue };
            let paragraph = letter.narrative.iter().find(|para| para.text.contains(&it.quote));
            let entry = paragraph.expect("a grade in words is found in a paragraph").id.clone();
            let qualifier = it.qualifier.as_deref().unwrap_or_default();
            let cited = vec![pb::EvidenceCited { entry, position: 0 }];
            self.grade(&it.area, Award::Word(word.clone()), qualifier, cited);
        }
    }

    fn grade(&mut self, area: &str, award: Award, qualifier: &str, cited: Vec<pb::EvidenceCited>) {
        let request = pb::SetGradeRequest {
            assessment: name(),
            act: Some(pb::Act { evidence: cited, ..(self.act)() }),
            area: area.to_owned(),
            grade: Some(pb::Grade {
                award: Some(award),
                qualifier: qualifier.to_owned(),
                ..pb::Grade::default()
            }),
            ..pb::SetGradeRequest::default()
        };
        self.push("inspector", Order::SetGrade(request));
    }

    fn lock(&mut self) {
        let request = pb::LockAssessmentRequest {
            assessment: name(),
            act: Some((self.act)()),
            expected: Some(any()),
            ..pb::LockAssessmentRequest::default()
        };
        self.push("lead", Order::LockAssessment(request));
    }

    fn sign(&mut self, signatory: &Signatory) {
        let request = pb::SignOffAssessmentRequest {
            assessment: name(),
            act: Some((self.act)()),
            organisation: signatory.organisation.clone(),
            edition: EDITION,
            signature: Some(signature(signatory)),
            ..pb::SignOffAssessmentRequest::default()
        };
        self.push(&signatory.organisation, Order::SignOffAssessment(request));
    }

    fn publish(&mut self) {
        let request = pb::PublishAssessmentRequest {
            assessment: name(),
            act: Some((self.act)()),
            edition: EDITION,
            letter_date: Some(date(2006, 11, 1)),
            expected: Some(any()),
            ..pb::PublishAssessmentRequest::default()
        };
        self.push("publisher", Order::PublishAssessment(request));
    }
}

/// The signature as the letter shows it.
pub fn signature(signatory: &Signatory) -> pb::Signature {
    pb::Signature {
        name: Some(present(&signatory.name_printed)),
        role: Some(present(&signatory.role)),
        organisation: Some(present(&signatory.organisation_printed)),
        transcribed: Some(present(&signatory.signature_as_transcribed)),
    }
}

fn any() -> pb::RevisionExpectation {
    pb::RevisionExpectation { state: Some(State::Any(true)) }
}

fn says(text: &str, area: &str) -> pb::EntryContent {
    pb::EntryContent {
        area: area.to_owned(),
        text: Some(present(text)),
        ..pb::EntryContent::default()
    }
}

/// The area that a section speaks of: some sections are no area.
fn area(section: &str) -> &str {
    if matches!(section, "summary" | "context") { "" } else { section }
}

fn optional(text: &Option<String>) -> Option<pb::Text> {
    text.as_deref().map(present)
}

/// Only cited: which assessment it was is an inference that the letter does not make.
fn follow_up(it: &FollowUp) -> pb::FollowUp {
    let status = format!("FOLLOW_UP_STATUS_{}", it.status.to_uppercase());
    pb::FollowUp {
        label: Some(present(&it.cited_as)),
        cited_kind: Some(present(&it.prior_kind)),
        words: Some(present(&it.prior_item)),
        status: pb::FollowUpStatus::from_str_name(&status).unwrap().into(),
        carried_to: it.carried_forward_to.clone().unwrap_or_default(),
        ..pb::FollowUp::default()
    }
}

fn figure(it: &Evidence) -> pb::Figure {
    pb::Figure {
        measure: Some(present(&it.measure)),
        group: optional(&it.group),
        value: value(&it.value),
        unit: optional(&it.unit),
        qualifier: optional(&it.qualifier),
        period: optional(&it.period),
        trend: optional(&it.trend),
        comparators: it.comparators.iter().map(comparator).collect(),
    }
}

fn comparator(it: &Comparator) -> pb::Comparator {
    pb::Comparator {
        kind: it.kind.clone(),
        name: optional(&it.name).or_else(|| optional(&it.subjects)),
        relation: optional(&it.relation),
        value: value(&it.value),
        unit: optional(&it.unit),
        period: optional(&it.period),
        due: it.due.as_deref().map(|due| day(due).unwrap()),
    }
}

/// A number, a day, or else words.
fn value(stated: &Option<String>) -> Option<pb::FigureValue> {
    let stated = stated.as_deref()?;
    let stated = if judgement_ledger::judgement::Decimal::parse(stated).is_ok() {
        Stated::Decimal(pb::google::r#type::Decimal { value: stated.to_owned() })
    } else if let Some(day) = day(stated) {
        Stated::Date(day)
    } else {
        Stated::Words(present(stated))
    };
    Some(pb::FigureValue { stated: Some(stated) })
}

/// `2006-04-01`, or a month alone.
fn day(stated: &str) -> Option<pb::google::r#type::Date> {
    let mut parts = stated.split('-').map(|part| part.parse().ok());
    let (year, month) = (parts.next()??, parts.next()??);
    Some(date(year, month, parts.next().unwrap_or(Some(0))?))
}
