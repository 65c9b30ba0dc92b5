//! What is written: entries with their figures, addressees, signatures.

use super::value::{
    date, decimal, kind, letter_part, optional_name, optional_text, partial_date, status, text,
};
use crate::{
    judgement::{
        Addressee, Comparator, EntryContent, EntryKind, Figure, FigureValue, FollowUp, Signature,
    },
    ledger::Shown,
    pb::{self, figure_value::Stated},
};

/// What an entry says.
pub(crate) fn content(content: &EntryContent<Shown>) -> pb::EntryContent {
    let (follow_up, part) = match &content.kind {
        EntryKind::FollowUp(it) => (Some(follow_up(it)), 0),
        EntryKind::LetterPart(part) => (None, letter_part(*part)),
        EntryKind::Narrative
        | EntryKind::Strength
        | EntryKind::AreaForImprovement
        | EntryKind::AspectForFocus
        | EntryKind::Evidence
        | EntryKind::TranscriptionNote
        | EntryKind::Tension => (None, 0),
    };
    pb::EntryContent {
        kind: kind(content.kind.kind()),
        section: content.section.to_string(),
        area: optional_name(content.area.as_ref()),
        order: content.order,
        text: optional_text(content.text.as_ref()),
        quote: optional_text(content.quote.as_ref()),
        figures: content.figures.iter().map(figure).collect(),
        paragraph: optional_name(content.paragraph.as_ref()),
        source: optional_text(content.source.as_ref()),
        relates_to: content.relates_to.iter().map(ToString::to_string).collect(),
        follow_up,
        letter_part: part,
    }
}

pub(super) fn figure(figure: &Figure<Shown>) -> pb::Figure {
    pb::Figure {
        measure: Some(text(&figure.measure)),
        group: optional_text(figure.group.as_ref()),
        value: value(&figure.value),
        unit: optional_text(figure.unit.as_ref()),
        qualifier: optional_text(figure.qualifier.as_ref()),
        period: optional_text(figure.period.as_ref()),
        trend: optional_text(figure.trend.as_ref()),
        comparators: figure.comparators.iter().map(comparator).collect(),
    }
}

/// A value as stated; absent where it is not.
fn value(value: &FigureValue<Shown>) -> Option<pb::FigureValue> {
    let stated = match value {
        FigureValue::Decimal(number) => Stated::Decimal(decimal(number)),
        FigureValue::Date(day) => Stated::Date(date(*day)),
        FigureValue::Words(words) => Stated::Words(text(words)),
        FigureValue::NotStated => return None,
    };
    Some(pb::FigureValue { stated: Some(stated) })
}

fn comparator(comparator: &Comparator<Shown>) -> pb::Comparator {
    pb::Comparator {
        kind: comparator.kind.to_string(),
        name: optional_text(comparator.name.as_ref()),
        relation: optional_text(comparator.relation.as_ref()),
        value: value(&comparator.value),
        unit: optional_text(comparator.unit.as_ref()),
        period: optional_text(comparator.period.as_ref()),
        due: comparator.due.map(partial_date),
    }
}

fn follow_up(follow_up: &FollowUp<Shown>) -> pb::FollowUp {
    let cited = &follow_up.cited;
    pb::FollowUp {
        assessment: optional_name(cited.assessment.as_ref()),
        item: optional_name(cited.item.as_ref()),
        label: optional_text(cited.label.as_ref()),
        cited_kind: optional_text(cited.kind.as_ref()),
        words: optional_text(cited.words.as_ref()),
        status: status(follow_up.status),
        carried_to: optional_name(follow_up.carried_to.as_ref()),
    }
}

/// To whom a letter goes.
pub(crate) fn addressee(addressee: &Addressee<Shown>) -> pb::Addressee {
    pb::Addressee {
        name: Some(text(&addressee.name)),
        role: optional_text(addressee.role.as_ref()),
        organisation: optional_text(addressee.organisation.as_ref()),
        lines: addressee.lines.iter().map(text).collect(),
    }
}

/// A signature as the letter shows it.
pub(crate) fn signature(signature: &Signature<Shown>) -> pb::Signature {
    pb::Signature {
        name: Some(text(&signature.name)),
        role: optional_text(signature.role.as_ref()),
        organisation: optional_text(signature.organisation.as_ref()),
        transcribed: optional_text(signature.transcribed.as_ref()),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::Date;

    use super::super::fixture::{day, entry, erased, said, shown};
    use super::*;
    use crate::{
        judgement::{
            AreaId, AssessmentId, Citation, ComparatorKind, Decimal, FollowUpStatus, LetterPart,
            PartialDate, SectionId,
        },
        pb::google::r#type as google,
    };

    fn everything() -> EntryContent<Shown> {
        let comparator = Comparator {
            kind: ComparatorKind::parse("target").unwrap(),
            name: Some(said("national")),
            relation: Some(said("below")),
            value: FigureValue::Words(said("almost twice")),
            unit: Some(said("areas")),
            period: Some(said("2005")),
            due: PartialDate::new(2008, 3, 0),
        };
        let figure = Figure {
            measure: said("play areas"),
            group: Some(said("under fives")),
            value: FigureValue::Decimal(Decimal::parse("16.50").unwrap()),
            unit: Some(said("areas")),
            qualifier: Some(said("over")),
            period: Some(said("2006")),
            trend: Some(said("rising")),
            comparators: vec![comparator],
        };
        let dated = FigureValue::Date(Date::constant(2006, 4, 1));
        let unstated = FigureValue::NotStated;
        let bare = |value| Figure {
            measure: said("m"),
            group: None,
            value,
            unit: None,
            qualifier: None,
            period: None,
            trend: None,
            comparators: Vec::new(),
        };
        let follow_up = FollowUp {
            cited: Citation {
                assessment: AssessmentId::parse("subjects/a/assessments/apa-2005").ok(),
                item: Some(entry("afi-2")),
                label: Some(said("last year's APA")),
                kind: Some(said("weakness")),
                words: Some(erased()),
            },
            status: FollowUpStatus::Remains,
            carried_to: Some(entry("afi-1")),
        };
        EntryContent {
            kind: EntryKind::FollowUp(follow_up),
            section: SectionId::parse("summary").unwrap(),
            area: AreaId::parse("being-healthy").ok(),
            order: 4,
            text: Some(said("text")),
            quote: Some(said("quote")),
            figures: vec![figure, bare(dated), bare(unstated)],
            paragraph: Some(entry("p-1")),
            source: Some(Shown::Missing),
            relates_to: vec![entry("ev-1"), entry("ev-2")],
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "messages hold their values as options")]
    fn stated(stated: Stated) -> Option<pb::FigureValue> {
        Some(pb::FigureValue { stated: Some(stated) })
    }

    fn everything_shown() -> pb::EntryContent {
        let comparator = pb::Comparator {
            kind: "target".to_owned(),
            name: shown("national"),
            relation: shown("below"),
            value: stated(Stated::Words(shown("almost twice").unwrap())),
            unit: shown("areas"),
            period: shown("2005"),
            due: day(2008, 3, 0),
        };
        let number = google::Decimal { value: "16.50".to_owned() };
        let figure = pb::Figure {
            measure: shown("play areas"),
            group: shown("under fives"),
            value: stated(Stated::Decimal(number)),
            unit: shown("areas"),
            qualifier: shown("over"),
            period: shown("2006"),
            trend: shown("rising"),
            comparators: vec![comparator],
        };
        let bare = |value| pb::Figure { measure: shown("m"), value, ..Default::default() };
        let follow_up = pb::FollowUp {
            assessment: "subjects/a/assessments/apa-2005".to_owned(),
            item: "afi-2".to_owned(),
            label: shown("last year's APA"),
            cited_kind: shown("weakness"),
            words: Some(text(&erased())),
            status: i32::from(pb::FollowUpStatus::Remains),
            carried_to: "afi-1".to_owned(),
        };
        let dated = stated(Stated::Date(day(2006, 4, 1).unwrap()));
        pb::EntryContent {
            kind: i32::from(pb::EntryKind::FollowUp),
            section: "summary".to_owned(),
            area: "being-healthy".to_owned(),
            order: 4,
            text: shown("text"),
            quote: shown("quote"),
            figures: vec![figure, bare(dated), bare(None)],
            paragraph: "p-1".to_owned(),
            source: Some(text(&Shown::Missing)),
            relates_to: vec!["ev-1".to_owned(), "ev-2".to_owned()],
            follow_up: Some(follow_up),
            letter_part: 0,
        }
    }

    #[test]
    fn an_entry_is_shown_with_everything_that_it_says() {
        assert_eq!(content(&everything()), everything_shown());
    }

    #[test]
    fn a_letter_part_names_its_part() {
        let kind = EntryKind::LetterPart(LetterPart::LeadIn);
        let part = content(&EntryContent { kind, ..everything() });
        let expected = pb::EntryContent {
            kind: i32::from(pb::EntryKind::LetterPart),
            follow_up: None,
            letter_part: i32::from(pb::LetterPart::LeadIn),
            ..everything_shown()
        };
        assert_eq!(part, expected);
    }

    #[test]
    fn an_addressee_keeps_the_lines_in_order_and_says_which_are_erased() {
        let to = Addressee {
            name: said("Director"),
            role: None,
            organisation: Some(said("Leicester City Council")),
            lines: vec![said("New Walk Centre"), erased()],
        };
        let expected = pb::Addressee {
            name: shown("Director"),
            role: None,
            organisation: shown("Leicester City Council"),
            lines: vec![shown("New Walk Centre").unwrap(), text(&erased())],
        };
        assert_eq!(addressee(&to), expected);
    }
}
