//! Puts what is said into the order of the letter.

use super::{
    Chapter, FindingRow, Findings, Grades, Letter, Line, Note, Piece, Printed, Run, Signatory,
    Source, Words, table,
};
use crate::judgement::{
    Addressee, AreaId, Footnote, LetterPart, Letterhead, PrintedSection, SectionId, Signature,
};

/// The letter that `source` says.
#[must_use]
pub fn compose(source: &Source<'_>) -> Letter {
    let layout = source.layout;
    let named = source.addressee.as_ref().map(|it| it.name.print());
    let greeted = named.filter(|_| !layout.salutation.is_empty());
    let greeted = greeted.map(|name| layout.salutation.replace("{addressee}", &name));
    let titled = layout.title.replace("{subject}", &source.subject.to_uppercase());
    let closed = Some(&layout.valediction).filter(|it| !it.is_empty()).cloned();
    let before_sections = layout.table.section.is_none();
    Letter {
        notices: source.notices.clone(),
        letterheads: letterheads(source),
        addressee: source.addressee.as_ref().map(address).unwrap_or_default(),
        date: source.date,
        salutation: source.part(LetterPart::Salutation).or(greeted),
        title: source.part(LetterPart::Title).unwrap_or(titled),
        opening: source.parts_or(LetterPart::Opening, &layout.opening),
        table: before_sections.then(|| grades(source)).flatten(),
        sections: layout.sections.iter().filter_map(|it| chapter(source, it)).collect(),
        confirmation: source.parts_or(LetterPart::Confirmation, &layout.confirmation),
        valediction: source.part(LetterPart::Valediction).or(closed),
        signatories: signatories(source),
    }
}

impl Source<'_> {
    /// What is printed in a section as such.
    fn printed(&self, section: &SectionId, printed: Printed) -> impl Iterator<Item = &Piece> {
        let of_section = self.pieces.iter().filter(move |piece| piece.section == *section);
        of_section.filter(move |piece| piece.printed == printed)
    }

    fn words(&self, section: &SectionId, printed: Printed) -> Vec<String> {
        self.printed(section, printed).map(Piece::print).collect()
    }

    /// How the assessment words a part of the letter, in its order.
    fn parts(&self, part: LetterPart) -> Vec<String> {
        let parts = self.pieces.iter().filter(|piece| piece.printed == Printed::Part(part));
        parts.map(Piece::print).collect()
    }

    /// How the assessment words a part of which the letter has one.
    fn part(&self, part: LetterPart) -> Option<String> {
        self.parts(part).into_iter().next()
    }

    /// How the assessment words a part, else how the layout does.
    fn parts_or(&self, part: LetterPart, layout: &[String]) -> Vec<String> {
        let parts = self.parts(part);
        if parts.is_empty() { layout.to_vec() } else { parts }
    }
}

/// Who writes: each as the assessment words it, a line each, else as the layout does.
fn letterheads(source: &Source<'_>) -> Vec<Vec<Line>> {
    let stated = source.parts(LetterPart::Letterhead);
    if stated.is_empty() {
        return source.layout.letterheads.iter().map(letterhead).collect();
    }
    let lines = |head: &String| {
        let lines = head.lines().enumerate();
        lines.map(|(at, said)| Line { said: said.to_owned(), is_name: at == 0 }).collect()
    };
    stated.iter().map(lines).collect()
}

fn letterhead(head: &Letterhead) -> Vec<Line> {
    let plain = [&head.strapline, &head.address].into_iter().chain(&head.contacts);
    let plain = plain.map(|said| Line { said: said.clone(), is_name: false });
    let lines = std::iter::once(Line { said: head.name.clone(), is_name: true }).chain(plain);
    lines.filter(|line| !line.said.is_empty()).collect()
}

fn address(to: &Addressee<Words>) -> Vec<String> {
    let mut lines = vec![to.name.print()];
    lines.extend(to.role.as_ref().map(Words::print));
    lines.extend(to.organisation.as_ref().map(Words::print));
    lines.extend(to.lines.iter().map(Words::print));
    lines
}

/// A section; `None` if nothing is printed in it: its heading alone would tell that something was
/// left out.
fn chapter(source: &Source<'_>, section: &PrintedSection) -> Option<Chapter> {
    let id = &section.id;
    let is_of_table = source.layout.table.section.as_ref() == Some(id);
    let table = is_of_table.then(|| grades(source)).flatten();
    let paragraphs = source.words(id, Printed::Paragraph);
    let aspects = source.words(id, Printed::Aspect);
    let findings = findings(source, id);
    if table.is_none() && paragraphs.is_empty() && findings.is_none() && aspects.is_empty() {
        return None;
    }
    let stated = source.words(id, Printed::Part(LetterPart::Heading)).into_iter().next();
    let heading = stated.or_else(|| Some(section.heading.clone()).filter(|it| !it.is_empty()));
    let mut lead_in = source.words(id, Printed::Part(LetterPart::LeadIn));
    if lead_in.is_empty() && !section.lead_in.is_empty() {
        lead_in.push(section.lead_in.clone());
    }
    Some(Chapter { heading, lead_in, table, paragraphs, findings, aspects })
}

fn grades(source: &Source<'_>) -> Option<Grades> {
    table::grades(source).map(|grades| Grades { footnotes: footnotes(source), ..grades })
}

/// The footnotes that have a text. One that the assessment words takes the place of the layout's in
/// the same place.
fn footnotes(source: &Source<'_>) -> Vec<Note> {
    let stated = source.parts(LetterPart::Footnote);
    let framed = &source.layout.table.footnotes;
    let worded = |(index, it): (usize, &Footnote)| Note {
        marker: it.marker.clone(),
        said: stated.get(index).unwrap_or(&it.text).clone(),
    };
    let mut notes: Vec<_> = framed.iter().enumerate().map(worded).collect();
    notes.retain(|note| !note.said.is_empty());
    let further = stated.iter().skip(framed.len());
    notes.extend(further.map(|said| Note { marker: String::new(), said: said.clone() }));
    notes
}

/// Strengths beside areas for improvement, those of no area in particular last.
fn findings(source: &Source<'_>, section: &SectionId) -> Option<Findings> {
    let areas = source.framework.areas.iter().map(|area| (Some(&area.id), area.label.as_str()));
    let of = |area: Option<&AreaId>, printed| -> Vec<String> {
        let pieces = source.printed(section, printed).filter(|it| it.area.as_ref() == area);
        pieces.map(Piece::print).collect()
    };
    let found = |(area, label): (Option<&AreaId>, &str)| FindingRow {
        label: runs(label),
        strengths: of(area, Printed::Strength),
        improvements: of(area, Printed::Improvement),
    };
    let mut rows: Vec<_> = areas.chain([(None, "")]).map(found).collect();
    rows.retain(|row| !row.strengths.is_empty() || !row.improvements.is_empty());
    (!rows.is_empty()).then(|| Findings {
        strengths_heading: source.layout.strengths_heading.clone(),
        improvements_heading: source.layout.improvements_heading.clone(),
        rows,
    })
}

/// The signatures in the order of the layout.
fn signatories(source: &Source<'_>) -> Vec<Signatory> {
    let in_order = source.layout.signed_by.iter().filter_map(|by| source.signatures.get(by));
    in_order.map(signatory).collect()
}

fn signatory(signature: &Signature<Words>) -> Signatory {
    let mut lines: Vec<_> = signature.role.iter().map(Words::print).collect();
    lines.extend(signature.organisation.as_ref().map(Words::print));
    Signatory {
        signature: signature.transcribed.as_ref().map(Words::print),
        name: signature.name.print(),
        lines,
    }
}

/// A label with what is emphasised in it: between one `*` and the next.
pub(super) fn runs(label: &str) -> Vec<Run> {
    let parts = label.split('*').enumerate();
    let runs = parts.map(|(at, said)| Run { said: said.to_owned(), is_emphasised: at % 2 == 1 });
    runs.filter(|run| !run.said.is_empty()).collect()
}
