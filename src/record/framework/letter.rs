//! The letter's layout and the feeds: what no rule asks for, so that it stays in the document and
//! is read from there where letters are made and scores are fed.

use std::collections::BTreeSet;

use super::{Fault, faults::Faults};
use crate::{
    judgement::{
        AreaId, AudienceId, BadId, Feed, Footnote, GradeTable, Layout, Letterhead, OrganisationId,
        PrintedSection, SectionId,
    },
    pb,
};

/// Every fault of the letter's layout.
pub(super) fn faults(message: &pb::Framework) -> Vec<Fault> {
    let mut faults = Faults(Vec::new());
    if let Some(letter) = &message.letter {
        faults.letterheads(letter, message);
        faults.words(letter);
        faults.table(letter, message);
        faults.footnotes(letter, message);
        let sections = message.sections.iter().map(|it| it.id.as_str()).collect();
        faults.known("letter.sections", &letter.sections, ("section", &sections));
        faults.unique("letter.sections", "", &letter.sections);
    }
    faults.0
}

impl Faults {
    fn letterheads(&mut self, it: &pb::LetterLayout, all: &pb::Framework) {
        let signers = all.signed_by.iter().map(String::as_str).collect();
        for (index, head) in it.letterheads.iter().enumerate() {
            let at = format!("letter.letterheads[{index}].organisation");
            let missing = head.organisation.is_empty();
            self.when(missing, &at, "is missing", "state who writes");
            self.reference(&at, &head.organisation, ("signing organisation", &signers));
        }
        let organisations = it.letterheads.iter().map(|head| head.organisation.as_str());
        self.unique("letter.letterheads", ".organisation", organisations);
    }

    /// What stands for something in a sentence is known, and its braces are closed.
    fn words(&mut self, it: &pb::LetterLayout) {
        for (at, template, known) in [
            ("letter.title", &it.title, "subject"),
            ("letter.salutation", &it.salutation, "addressee"),
        ] {
            for name in placeholders(template) {
                let what = match name {
                    Some(name) if name == known => continue,
                    Some(name) => format!("has {{{name}}}, for which nothing stands"),
                    None => "has a brace without its other".to_owned(),
                };
                self.when(true, at, &what, &format!("write {{{known}}}, or no brace"));
            }
        }
    }

    fn table(&mut self, it: &pb::LetterLayout, all: &pb::Framework) {
        let printed: BTreeSet<&str> = if it.sections.is_empty() {
            all.sections.iter().map(|section| section.id.as_str()).collect()
        } else {
            it.sections.iter().map(String::as_str).collect()
        };
        let at = "letter.table_section";
        self.reference(at, &it.table_section, ("printed section", &printed));
        let areas = all.areas.iter().map(|area| area.id.as_str()).collect();
        self.known("letter.table_areas", &it.table_areas, ("area", &areas));
        self.unique("letter.table_areas", "", &it.table_areas);
        for (index, id) in it.table_areas.iter().enumerate() {
            let ungraded = all.areas.iter().any(|area| area.id == *id && area.scales.is_empty());
            let place = format!("letter.table_areas[{index}]");
            let what = "puts an area into the table of grades that takes none";
            self.when(ungraded, &place, what, "leave it out, or give the area a scale");
        }
    }

    fn footnotes(&mut self, it: &pb::LetterLayout, all: &pb::Framework) {
        let table = [&it.areas_heading, &it.grades_heading, &it.levels_heading];
        let columns = all.descriptor_sets.iter().map(|set| &set.heading);
        let headings = table.into_iter().chain(columns).map(String::as_str).collect();
        for (index, note) in it.footnotes.iter().enumerate() {
            let at = format!("letter.footnotes[{index}]");
            let marker = format!("{at}.marker");
            self.when(note.marker.is_empty(), &marker, "is missing", "state it");
            let at = format!("{at}.attached_to");
            self.when(note.attached_to.is_empty(), &at, "is missing", "state a heading");
            self.reference(&at, &note.attached_to, ("heading", &headings));
        }
        let markers = it.footnotes.iter().map(|note| note.marker.as_str());
        self.unique("letter.footnotes", ".marker", markers);
    }
}

/// What stands between braces; `None` for a brace without its other.
fn placeholders(template: &str) -> Vec<Option<&str>> {
    let mut found = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        let (_, from) = rest.split_at(at);
        let name = from.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        if let Some((name, after)) = name.filter(|(name, _)| !name.contains('{')) {
            found.push(Some(name));
            rest = after;
        } else {
            found.push(None);
            rest = from.get(1..).unwrap_or_default();
        }
    }
    found
}

/// How the letter is laid out, with its defaults where the framework says nothing.
///
/// # Errors
/// [`BadId`] if `message` was never checked.
pub fn layout_of(message: &pb::Framework) -> Result<Layout, BadId> {
    let none = pb::LetterLayout::default();
    let it = message.letter.as_ref().unwrap_or(&none);
    let table = GradeTable {
        section: if it.table_section.is_empty() {
            None
        } else {
            Some(SectionId::parse(&it.table_section)?)
        },
        areas: it.table_areas.iter().map(|id| AreaId::parse(id)).collect::<Result<_, _>>()?,
        areas_heading: or(&it.areas_heading, "Area"),
        grades_heading: or(&it.grades_heading, "Grade"),
        levels_heading: or(&it.levels_heading, "Grade"),
        footnotes: it.footnotes.iter().map(footnote).collect(),
    };
    let signed_by = message.signed_by.iter().map(|id| OrganisationId::parse(id));
    Ok(Layout {
        letterheads: it.letterheads.iter().map(letterhead).collect(),
        title: or(&it.title, &message.title),
        salutation: it.salutation.clone(),
        opening: it.opening.clone(),
        table,
        sections: sections(message, it)?,
        strengths_heading: or(&it.strengths_heading, "Strengths"),
        improvements_heading: or(&it.improvements_heading, "Areas for improvement"),
        confirmation: it.confirmation.clone(),
        valediction: it.valediction.clone(),
        signed_by: signed_by.collect::<Result<_, _>>()?,
    })
}

/// The sections that are printed, in order: those that the layout names, else all.
fn sections(message: &pb::Framework, it: &pb::LetterLayout) -> Result<Vec<PrintedSection>, BadId> {
    let named = |id: &String| message.sections.iter().find(|section| section.id == *id);
    let printed: Vec<&pb::Section> = if it.sections.is_empty() {
        message.sections.iter().collect()
    } else {
        it.sections.iter().filter_map(named).collect()
    };
    let print = |section: &&pb::Section| {
        let id = SectionId::parse(&section.id)?;
        let (heading, lead_in) = (section.heading.clone(), section.lead_in.clone());
        Ok(PrintedSection { id, heading, lead_in })
    };
    printed.iter().map(print).collect()
}

/// Where the grades go as scores, in the order of the areas.
///
/// # Errors
/// [`BadId`] if `message` was never checked.
pub fn feeds_of(message: &pb::Framework) -> Result<Vec<Feed>, BadId> {
    let mut feeds = Vec::new();
    for area in &message.areas {
        for it in &area.feeds {
            feeds.push(Feed {
                area: AreaId::parse(&area.id)?,
                consumer: AudienceId::parse(&it.consumer)?,
                scheme: it.scheme.clone(),
                block: it.block.clone(),
            });
        }
    }
    Ok(feeds)
}

fn letterhead(it: &pb::Letterhead) -> Letterhead {
    Letterhead {
        name: it.name.clone(),
        strapline: it.strapline.clone(),
        address: it.address.clone(),
        contacts: it.contacts.clone(),
    }
}

fn footnote(it: &pb::Footnote) -> Footnote {
    Footnote {
        marker: it.marker.clone(),
        attached_to: it.attached_to.clone(),
        text: it.text.clone(),
    }
}

fn or(stated: &str, default: &str) -> String {
    if stated.is_empty() { default.to_owned() } else { stated.to_owned() }
}
