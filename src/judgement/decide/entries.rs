//! Rules for what is written, and for whom. (Spec §4)

use super::{Case, check_stated};
use crate::judgement::{
    AddresseeSet, EntryContent, EntryId, EntryKind, EntryRecorded, EntryRevised, Event, Kind,
    RecordEntry, Refusal, ReviseEntry, SetAddressee, Text,
};

pub(super) fn record(case: &Case<'_>, order: &RecordEntry<Text>) -> Result<Event<Text>, Refusal> {
    let RecordEntry { entry, content } = order.clone();
    let taken = case.assessment.entries.contains_key(&entry);

    check_content(case, &entry, &content)?;
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
        check_content(case, &entry, content)?;
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

/// The rules about what an entry says, under the framework.
fn check_content(
    case: &Case<'_>,
    entry: &EntryId,
    content: &EntryContent<Text>,
) -> Result<(), Refusal> {
    let kind = content.kind.kind();
    let sections = || case.framework.sections.iter().map(|section| section.id.clone()).collect();

    Refusal::KindNotAllowed { kind }.when(case.framework.entry_kind(kind).is_none())?;
    if case.framework.section(&content.section).is_none() {
        let section = content.section.clone();
        return Err(Refusal::SectionNotInFramework { section, sections: sections() });
    }
    if let Some(area) = &content.area {
        case.area(area)?;
    }
    if let Some(needs) = missing(content) {
        return Err(Refusal::EntryEmpty { kind, needs });
    }
    let entries = dangling(case, entry, content);
    let any = !entries.is_empty();
    Refusal::DanglingReference { entries }.when(any)
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

/// The entries that are referred to and not there. An entry may not refer to itself.
fn dangling(case: &Case<'_>, entry: &EntryId, content: &EntryContent<Text>) -> Vec<EntryId> {
    let carried = match &content.kind {
        EntryKind::FollowUp(follow_up) => follow_up.carried_to.as_ref(),
        EntryKind::Narrative
        | EntryKind::Strength
        | EntryKind::AreaForImprovement
        | EntryKind::AspectForFocus
        | EntryKind::Evidence
        | EntryKind::LetterPart(_)
        | EntryKind::TranscriptionNote
        | EntryKind::Tension => None,
    };
    let named = content.relates_to.iter().chain(&content.paragraph).chain(carried);
    named.filter(|id| *id == entry || !case.assessment.has_entry(id)).cloned().collect()
}
