//! What is written, as a record holds it.

use super::{
    Read, Stored,
    fields::{
        date, date_parts, name, names, number, optional_name, optional_number, store_date,
        store_name, store_names,
    },
    malformed, read_all, read_optional, read_required, required, store_all, store_optional,
};
use crate::{
    judgement::{
        AreaId, AssessmentId, Citation, Comparator, ComparatorKind, Decimal, EntryContent, EntryId,
        EntryKind, Figure, FigureValue, FollowUp, Kind, LetterPart, PartialDate, SectionId,
    },
    pb::{self, committed_value::Stated, google::r#type as google},
    record::{Commitment, encoding::Numbered},
};

impl Stored for EntryContent<Commitment> {
    type Message = pb::CommittedEntryContent;

    fn store(&self) -> pb::CommittedEntryContent {
        let (follow_up, letter_part) = store_data(&self.kind);
        pb::CommittedEntryContent {
            entry_kind: self.kind.kind().number(),
            section: self.section.to_string(),
            area: store_name(self.area.as_ref()),
            order: self.order,
            text: store_optional(self.text.as_ref()),
            quote: store_optional(self.quote.as_ref()),
            figures: store_all(&self.figures),
            paragraph: store_name(self.paragraph.as_ref()),
            source: store_optional(self.source.as_ref()),
            relates_to: store_names(&self.relates_to),
            follow_up,
            letter_part: Numbered::store_optional(letter_part),
        }
    }

    fn read(message: &pb::CommittedEntryContent) -> Read<Self> {
        Ok(Self {
            kind: read_kind(message)?,
            section: name(&message.section, SectionId::parse, "CommittedEntryContent.section")?,
            area: optional_name(&message.area, AreaId::parse, "CommittedEntryContent.area")?,
            order: message.order,
            text: read_optional(message.text.as_ref())?,
            quote: read_optional(message.quote.as_ref())?,
            figures: read_all(&message.figures)?,
            paragraph: optional_name(
                &message.paragraph,
                EntryId::parse,
                "CommittedEntryContent.paragraph",
            )?,
            source: read_optional(message.source.as_ref())?,
            relates_to: names(
                &message.relates_to,
                EntryId::parse,
                "CommittedEntryContent.relates_to",
            )?,
        })
    }
}

/// The data of the kinds that carry any.
fn store_data(kind: &EntryKind<Commitment>) -> (Option<pb::CommittedFollowUp>, Option<LetterPart>) {
    match kind {
        EntryKind::FollowUp(follow_up) => (Some(follow_up.store()), None),
        EntryKind::LetterPart(part) => (None, Some(*part)),
        EntryKind::Narrative
        | EntryKind::Strength
        | EntryKind::AreaForImprovement
        | EntryKind::AspectForFocus
        | EntryKind::Evidence
        | EntryKind::TranscriptionNote
        | EntryKind::Tension => (None, None),
    }
}

fn read_kind(message: &pb::CommittedEntryContent) -> Read<EntryKind<Commitment>> {
    let kind = number(message.entry_kind, "CommittedEntryContent.entry_kind")?;
    let follow_up: Option<FollowUp<_>> = read_optional(message.follow_up.as_ref())?;
    let part = optional_number(message.letter_part, "CommittedEntryContent.letter_part")?;
    match (kind, follow_up, part) {
        (Kind::FollowUp, Some(follow_up), None) => Ok(EntryKind::FollowUp(follow_up)),
        (Kind::LetterPart, None, Some(part)) => Ok(EntryKind::LetterPart(part)),
        (Kind::Narrative, None, None) => Ok(EntryKind::Narrative),
        (Kind::Strength, None, None) => Ok(EntryKind::Strength),
        (Kind::AreaForImprovement, None, None) => Ok(EntryKind::AreaForImprovement),
        (Kind::AspectForFocus, None, None) => Ok(EntryKind::AspectForFocus),
        (Kind::Evidence, None, None) => Ok(EntryKind::Evidence),
        (Kind::TranscriptionNote, None, None) => Ok(EntryKind::TranscriptionNote),
        (Kind::Tension, None, None) => Ok(EntryKind::Tension),
        (Kind::FollowUp, _, _) | (_, Some(_), _) => {
            Err(malformed("CommittedEntryContent.follow_up"))
        }
        (_, None, _) => Err(malformed("CommittedEntryContent.letter_part")),
    }
}

impl Stored for FollowUp<Commitment> {
    type Message = pb::CommittedFollowUp;

    fn store(&self) -> pb::CommittedFollowUp {
        let Citation { assessment, item, label, kind, words } = &self.cited;
        pb::CommittedFollowUp {
            assessment: store_name(assessment.as_ref()),
            item: store_name(item.as_ref()),
            label: store_optional(label.as_ref()),
            cited_kind: store_optional(kind.as_ref()),
            words: store_optional(words.as_ref()),
            status: self.status.number(),
            carried_to: store_name(self.carried_to.as_ref()),
        }
    }

    fn read(message: &pb::CommittedFollowUp) -> Read<Self> {
        Ok(Self {
            cited: Citation {
                assessment: optional_name(
                    &message.assessment,
                    AssessmentId::parse,
                    "CommittedFollowUp.assessment",
                )?,
                item: optional_name(&message.item, EntryId::parse, "CommittedFollowUp.item")?,
                label: read_optional(message.label.as_ref())?,
                kind: read_optional(message.cited_kind.as_ref())?,
                words: read_optional(message.words.as_ref())?,
            },
            status: number(message.status, "CommittedFollowUp.status")?,
            carried_to: optional_name(
                &message.carried_to,
                EntryId::parse,
                "CommittedFollowUp.carried_to",
            )?,
        })
    }
}

impl Stored for Figure<Commitment> {
    type Message = pb::CommittedFigure;

    fn store(&self) -> pb::CommittedFigure {
        pb::CommittedFigure {
            measure: Some(self.measure.store()),
            group: store_optional(self.group.as_ref()),
            value: store_value(&self.value),
            unit: store_optional(self.unit.as_ref()),
            qualifier: store_optional(self.qualifier.as_ref()),
            period: store_optional(self.period.as_ref()),
            trend: store_optional(self.trend.as_ref()),
            comparators: store_all(&self.comparators),
        }
    }

    fn read(message: &pb::CommittedFigure) -> Read<Self> {
        Ok(Self {
            measure: read_required(message.measure.as_ref(), "CommittedFigure.measure")?,
            group: read_optional(message.group.as_ref())?,
            value: read_value(message.value.as_ref())?,
            unit: read_optional(message.unit.as_ref())?,
            qualifier: read_optional(message.qualifier.as_ref())?,
            period: read_optional(message.period.as_ref())?,
            trend: read_optional(message.trend.as_ref())?,
            comparators: read_all(&message.comparators)?,
        })
    }
}

impl Stored for Comparator<Commitment> {
    type Message = pb::CommittedComparator;

    fn store(&self) -> pb::CommittedComparator {
        pb::CommittedComparator {
            comparator_kind: self.kind.to_string(),
            name: store_optional(self.name.as_ref()),
            relation: store_optional(self.relation.as_ref()),
            value: store_value(&self.value),
            unit: store_optional(self.unit.as_ref()),
            period: store_optional(self.period.as_ref()),
            due: store_optional(self.due.as_ref()),
        }
    }

    fn read(message: &pb::CommittedComparator) -> Read<Self> {
        Ok(Self {
            kind: name(
                &message.comparator_kind,
                ComparatorKind::parse,
                "CommittedComparator.comparator_kind",
            )?,
            name: read_optional(message.name.as_ref())?,
            relation: read_optional(message.relation.as_ref())?,
            value: read_value(message.value.as_ref())?,
            unit: read_optional(message.unit.as_ref())?,
            period: read_optional(message.period.as_ref())?,
            due: read_optional(message.due.as_ref())?,
        })
    }
}

/// A value that is not stated has no message.
fn store_value(value: &FigureValue<Commitment>) -> Option<pb::CommittedValue> {
    let stated = match value {
        FigureValue::Decimal(number) => {
            Stated::Decimal(google::Decimal { value: number.as_str().to_owned() })
        }
        FigureValue::Date(date) => Stated::Date(store_date(*date)),
        FigureValue::Words(words) => Stated::Words(words.store()),
        FigureValue::NotStated => return None,
    };
    Some(pb::CommittedValue { stated: Some(stated) })
}

fn read_value(message: Option<&pb::CommittedValue>) -> Read<FigureValue<Commitment>> {
    let Some(message) = message else { return Ok(FigureValue::NotStated) };
    match &message.stated {
        Some(Stated::Decimal(number)) => {
            name(&number.value, Decimal::parse, "CommittedValue.decimal").map(FigureValue::Decimal)
        }
        Some(Stated::Date(day)) => {
            let day = date(Some(day), "CommittedValue.date")?;
            required(day, "CommittedValue.date").map(FigureValue::Date)
        }
        Some(Stated::Words(words)) => Commitment::read(words).map(FigureValue::Words),
        None => Err(malformed("CommittedValue.stated")),
    }
}

impl Stored for PartialDate {
    type Message = google::Date;

    /// What is not stated is 0.
    fn store(&self) -> google::Date {
        google::Date {
            year: self.year().into(),
            month: self.month().unwrap_or(0).into(),
            day: self.day().unwrap_or(0).into(),
        }
    }

    fn read(message: &google::Date) -> Read<Self> {
        let what = "CommittedComparator.due";
        let (year, month, day) = date_parts(message, what)?;
        required(Self::new(year, month, day), what)
    }
}
