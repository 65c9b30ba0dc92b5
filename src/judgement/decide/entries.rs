//! Rules for what is written, and for whom. (Spec §4)

use super::{Case, check_references, check_stated};
use crate::judgement::{
    AddresseeSet, Dangling, EntryContent, EntryId, EntryKind, EntryRecorded, EntryRevised, Event,
    Kind, Lack, NamedBy, Place, RecordEntry, Refusal, ReviseEntry, SetAddressee, Text,
};

pub(super) fn record(case: &Case<'_>, order: &RecordEntry<Text>) -> Result<Event<Text>, Refusal> {
    let RecordEntry { entry, content } = order.clone();
    let taken = case.assessment.entries.contains_key(&entry);

    check_content(case, &entry, &content, Writing::New)?;
    case.check_act()?;
    Refusal::Exists { name: format!("{}/entries/{entry}", case.assessment.id) }.when(taken)?;
    case.check_open()?;
    Ok(Event::EntryRecorded(EntryRecorded { entry, content }))
}

pub(super) fn revise(case: &Case<'_>, order: &ReviseEntry<Text>) -> Result<Event<Text>, Refusal> {
    let ReviseEntry { entry, content, expected } = order.clone();
    let Some(written) = case.assessment.entries.get(&entry) else {
        return Err(Refusal::UnknownEntry { entry });
    };
    let last = case.assessment.last_of_entry(&entry);
    let changed = content.as_ref().is_some_and(|content| content.kind.kind() != written.kind);
    let unexplained = case.act.reason.is_none() && case.act.rationale.is_none();
    let needs = "a reason or a rationale: the entry was recorded already";

    Refusal::KindChanged { entry: entry.clone(), was: written.kind }.when(changed)?;
    if let Some(content) = &content {
        check_content(case, &entry, content, Writing::Again)?;
    }
    case.check_act()?;
    Refusal::RationaleRequired { needs }.when(unexplained)?;
    check_stated(last, expected)?;
    case.check_open()?;
    case.check_expected(|| format!("entry {entry}"), last, expected)?;
    Refusal::EntryStruck { entry: entry.clone() }.when(content.is_none() && written.struck)?;
    Ok(Event::EntryRevised(EntryRevised { entry, content }))
}

pub(super) fn set_addressee(
    case: &Case<'_>,
    order: &SetAddressee<Text>,
) -> Result<Event<Text>, Refusal> {
    let last = case.assessment.addressee;

    case.check_act()?;
    check_stated(last, order.expected)?;
    case.check_open()?;
    case.check_expected(|| "the addressee".to_owned(), last, order.expected)?;
    Ok(Event::AddresseeSet(AddresseeSet { addressee: order.addressee.clone() }))
}

/// Whether an entry is written for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writing {
    /// It is: it refers only to what is in force.
    New,
    /// It stands already: what it refers to may have been struck meanwhile. To strike an entry
    /// takes no words away from others, and must not keep them from being put right.
    Again,
}

/// The rules about what an entry says, under the framework.
fn check_content(
    case: &Case<'_>,
    entry: &EntryId,
    content: &EntryContent<Text>,
    writing: Writing,
) -> Result<(), Refusal> {
    let kind = content.kind.kind();
    let sections = || case.framework.sections.iter().map(|section| section.id.clone()).collect();

    Refusal::KindNotAllowed { kind }.when(case.framework.entry_kind(kind).is_none())?;
    if case.framework.section(&content.section).is_none() {
        let section = content.section.clone();
        return Err(Refusal::SectionNotInFramework { section, sections: sections() });
    }
    if let Some(area) = &content.area {
        case.area(area, NamedBy::Entry)?;
    }
    if let Some(needs) = missing(content) {
        return Err(Refusal::EntryEmpty { kind, needs });
    }
    let found = references(case, content);
    let dangling = found.into_iter().filter_map(|(place, to)| {
        let lack = lack(case, entry, writing, (place, to))?;
        Some(Dangling { place, entry: to.clone(), lack })
    });
    check_references(dangling.collect())
}

/// What an entry of its kind lacks, if anything.
fn missing(content: &EntryContent<Text>) -> Option<&'static str> {
    let (text, quote) = (content.text.is_some(), content.quote.is_some());
    match (&content.kind, content.kind.kind()) {
        (EntryKind::FollowUp(follow_up), _) => {
            let cited = &follow_up.cited;
            let linked = cited.item.is_some();
            if linked && cited.assessment.is_none() {
                Some("the assessment whose item it follows up")
            } else if !linked && cited.label.is_none() {
                Some("an item, or the label under which it is cited")
            } else {
                None
            }
        }
        (_, Kind::Evidence) => {
            let says = text || quote || !content.figures.is_empty();
            (!says).then_some("a text, a quote or a figure")
        }
        (_, _) => (!text).then_some("a text"),
    }
}

/// The entries of this assessment that an entry refers to.
fn references<'a>(case: &Case<'_>, content: &'a EntryContent<Text>) -> Vec<(Place, &'a EntryId)> {
    let related = content.relates_to.iter().enumerate();
    let related = related.map(|(index, entry)| (Place::RelatesTo(index), entry));
    let paragraph = content.paragraph.iter().map(|entry| (Place::Paragraph, entry));
    let mut references: Vec<_> = related.chain(paragraph).collect();
    match &content.kind {
        EntryKind::FollowUp(follow_up) => {
            let cited = &follow_up.cited;
            let own = cited.assessment.as_ref() == Some(&case.assessment.id);
            let item = cited.item.iter().filter(|_| own);
            references.extend(item.map(|entry| (Place::Item, entry)));
            references.extend(follow_up.carried_to.iter().map(|it| (Place::CarriedTo, it)));
        }
        EntryKind::Narrative
        | EntryKind::Strength
        | EntryKind::AreaForImprovement
        | EntryKind::AspectForFocus
        | EntryKind::Evidence
        | EntryKind::LetterPart(_)
        | EntryKind::TranscriptionNote
        | EntryKind::Tension => {}
    }
    references
}

/// Why a reference from `entry` leads nowhere, if it does.
fn lack(
    case: &Case<'_>,
    entry: &EntryId,
    writing: Writing,
    (place, to): (Place, &EntryId),
) -> Option<Lack> {
    if to == entry {
        return Some(Lack::Itself);
    }
    let Some(written) = case.assessment.entries.get(to) else { return Some(Lack::Entry) };
    if place == Place::Paragraph && written.kind != Kind::Narrative {
        return Some(Lack::Narrative);
    }
    (written.struck && writing == Writing::New).then_some(Lack::Struck)
}
