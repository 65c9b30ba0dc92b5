//! What entries, addressees and signatures say.

use super::{
    At, Read,
    closed::{closed, follow_up_status, letter_part_if_any},
    value::{date, id, id_if_any, partial_date_if_any, text, text_if_any},
};
use crate::{
    judgement::{
        Addressee, AreaId, AssessmentId, Citation, Comparator, ComparatorKind, Decimal,
        EntryContent, EntryId, EntryKind, Figure, FigureValue, FollowUp, LetterPart, SectionId,
        Signature, Text, Wording,
    },
    pb::{self, figure_value::Stated},
};

pub(super) fn entry_content(
    at: &At<'_>,
    given: Option<&pb::EntryContent>,
) -> Read<EntryContent<Text>> {
    let given = at.required(given)?;
    let kind = entry_kind(at, given);
    let section = id(&at.field("section"), &given.section, SectionId::parse);
    let area = id_if_any(&at.field("area"), &given.area, AreaId::parse);
    let words = text_if_any(&at.field("text"), given.text.as_ref());
    let quote = text_if_any(&at.field("quote"), given.quote.as_ref());
    let figures = at.field("figures").each(&given.figures, figure);
    let paragraph = id_if_any(&at.field("paragraph"), &given.paragraph, EntryId::parse);
    let source = text_if_any(&at.field("source"), given.source.as_ref());
    let related = |here: &At<'_>, entry: &String| id(here, entry, EntryId::parse);
    let relates_to = at.field("relates_to").each(&given.relates_to, related);
    Ok(EntryContent {
        kind: kind?,
        section: section?,
        area: area?,
        order: given.order,
        text: words?,
        quote: quote?,
        figures: figures?,
        paragraph: paragraph?,
        source: source?,
        relates_to: relates_to?,
    })
}

/// The text and figures of an entry.
pub(super) fn wording(at: &At<'_>, given: &pb::Wording) -> Read<Wording<Text>> {
    let words = text_if_any(&at.field("text"), given.text.as_ref());
    let quote = text_if_any(&at.field("quote"), given.quote.as_ref());
    let figures = at.field("figures").each(&given.figures, figure);
    let source = text_if_any(&at.field("source"), given.source.as_ref());
    Ok(Wording { text: words?, quote: quote?, figures: figures?, source: source? })
}

/// The kind, with the data that only it has.
fn entry_kind(at: &At<'_>, given: &pb::EntryContent) -> Read<EntryKind<Text>> {
    let kind = closed(&at.field("kind"), given.kind);
    let follow_up = follow_up_if_any(&at.field("follow_up"), given.follow_up.as_ref());
    let part = letter_part_if_any(&at.field("letter_part"), given.letter_part);
    let (kind, follow_up, part) = (kind?, follow_up?, part?);
    let plain = match kind {
        pb::EntryKind::Unspecified => return Err(at.field("kind").violated("is required")),
        pb::EntryKind::FollowUp => {
            no_letter_part(at, part)?;
            let follow_up = at.field("follow_up").required(follow_up);
            return follow_up.map(EntryKind::FollowUp);
        }
        pb::EntryKind::LetterPart => {
            no_follow_up(at, follow_up.as_ref())?;
            return at.field("letter_part").required(part).map(EntryKind::LetterPart);
        }
        pb::EntryKind::Narrative => EntryKind::Narrative,
        pb::EntryKind::Strength => EntryKind::Strength,
        pb::EntryKind::AreaForImprovement => EntryKind::AreaForImprovement,
        pb::EntryKind::AspectForFocus => EntryKind::AspectForFocus,
        pb::EntryKind::Evidence => EntryKind::Evidence,
        pb::EntryKind::TranscriptionNote => EntryKind::TranscriptionNote,
        pb::EntryKind::Tension => EntryKind::Tension,
    };
    let no_follow_up = no_follow_up(at, follow_up.as_ref());
    let no_letter_part = no_letter_part(at, part);
    no_follow_up.and(no_letter_part).map(|()| plain)
}

fn no_follow_up(at: &At<'_>, given: Option<&FollowUp<Text>>) -> Read<()> {
    match given {
        Some(_) => Err(at.field("follow_up").violated("is for kind FOLLOW_UP only")),
        None => Ok(()),
    }
}

fn no_letter_part(at: &At<'_>, given: Option<LetterPart>) -> Read<()> {
    match given {
        Some(_) => Err(at.field("letter_part").violated("is for kind LETTER_PART only")),
        None => Ok(()),
    }
}

fn follow_up_if_any(at: &At<'_>, given: Option<&pb::FollowUp>) -> Read<Option<FollowUp<Text>>> {
    let Some(given) = given else { return Ok(None) };
    let assessment = id_if_any(&at.field("assessment"), &given.assessment, AssessmentId::parse);
    let item = id_if_any(&at.field("item"), &given.item, EntryId::parse);
    let label = text_if_any(&at.field("label"), given.label.as_ref());
    let kind = text_if_any(&at.field("cited_kind"), given.cited_kind.as_ref());
    let words = text_if_any(&at.field("words"), given.words.as_ref());
    let status = follow_up_status(&at.field("status"), given.status);
    let carried_to = id_if_any(&at.field("carried_to"), &given.carried_to, EntryId::parse);
    Ok(Some(FollowUp {
        cited: Citation {
            assessment: assessment?,
            item: item?,
            label: label?,
            kind: kind?,
            words: words?,
        },
        status: status?,
        carried_to: carried_to?,
    }))
}

fn figure(at: &At<'_>, given: &pb::Figure) -> Read<Figure<Text>> {
    let measure = text(&at.field("measure"), given.measure.as_ref());
    let group = text_if_any(&at.field("group"), given.group.as_ref());
    let value = figure_value(&at.field("value"), given.value.as_ref());
    let unit = text_if_any(&at.field("unit"), given.unit.as_ref());
    let qualifier = text_if_any(&at.field("qualifier"), given.qualifier.as_ref());
    let period = text_if_any(&at.field("period"), given.period.as_ref());
    let trend = text_if_any(&at.field("trend"), given.trend.as_ref());
    let comparators = at.field("comparators").each(&given.comparators, comparator);
    Ok(Figure {
        measure: measure?,
        group: group?,
        value: value?,
        unit: unit?,
        qualifier: qualifier?,
        period: period?,
        trend: trend?,
        comparators: comparators?,
    })
}

fn figure_value(at: &At<'_>, given: Option<&pb::FigureValue>) -> Read<FigureValue<Text>> {
    let Some(given) = given else { return Ok(FigureValue::NotStated) };
    match at.required(given.stated.as_ref())? {
        Stated::Decimal(decimal) => {
            id(&at.field("decimal"), &decimal.value, Decimal::parse).map(FigureValue::Decimal)
        }
        Stated::Date(day) => date(&at.field("date"), Some(*day)).map(FigureValue::Date),
        Stated::Words(words) => text(&at.field("words"), Some(words)).map(FigureValue::Words),
    }
}

fn comparator(at: &At<'_>, given: &pb::Comparator) -> Read<Comparator<Text>> {
    let kind = id(&at.field("kind"), &given.kind, ComparatorKind::parse);
    let name = text_if_any(&at.field("name"), given.name.as_ref());
    let relation = text_if_any(&at.field("relation"), given.relation.as_ref());
    let value = figure_value(&at.field("value"), given.value.as_ref());
    let unit = text_if_any(&at.field("unit"), given.unit.as_ref());
    let period = text_if_any(&at.field("period"), given.period.as_ref());
    let due = partial_date_if_any(&at.field("due"), given.due);
    Ok(Comparator {
        kind: kind?,
        name: name?,
        relation: relation?,
        value: value?,
        unit: unit?,
        period: period?,
        due: due?,
    })
}

pub(super) fn addressee(at: &At<'_>, given: Option<&pb::Addressee>) -> Read<Addressee<Text>> {
    let given = at.required(given)?;
    let name = text(&at.field("name"), given.name.as_ref());
    let role = text_if_any(&at.field("role"), given.role.as_ref());
    let organisation = text_if_any(&at.field("organisation"), given.organisation.as_ref());
    let line = |here: &At<'_>, line: &pb::Text| text(here, Some(line));
    let lines = at.field("lines").each(&given.lines, line);
    Ok(Addressee { name: name?, role: role?, organisation: organisation?, lines: lines? })
}

pub(super) fn signature(at: &At<'_>, given: Option<&pb::Signature>) -> Read<Signature<Text>> {
    let given = at.required(given)?;
    let name = text(&at.field("name"), given.name.as_ref());
    let role = text_if_any(&at.field("role"), given.role.as_ref());
    let organisation = text_if_any(&at.field("organisation"), given.organisation.as_ref());
    let transcribed = text_if_any(&at.field("transcribed"), given.transcribed.as_ref());
    Ok(Signature {
        name: name?,
        role: role?,
        organisation: organisation?,
        transcribed: transcribed?,
    })
}
