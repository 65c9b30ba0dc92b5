//! Letters: their order, what an assessment words itself, what is hidden, and escaping.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::judgement::{
    Addressee, Area, AreaId, Descriptor, DescriptorSet, DescriptorSetId, Footnote, Framework,
    FrameworkId, GradeTable, Label, Layout, LetterPart, Letterhead, Level, LevelCode, NonGrade,
    OrganisationId, Position, PrintedSection, Scale, ScaleId, ScaleKind, SectionId, SelfModeration,
    Signature, Standing,
};

fn area(id: &str, label: &str, set: Option<&str>) -> Area {
    Area {
        id: AreaId::parse(id).unwrap(),
        label: label.to_owned(),
        section: None,
        parent: None,
        scales: vec![ScaleId::parse("numbers").unwrap()],
        descriptor_set: set.map(|set| DescriptorSetId::parse(set).unwrap()),
        concept: None,
        demanded: false,
        visible_to: BTreeSet::new(),
    }
}

fn framework() -> Framework {
    let level =
        |code: &str, rank| Level { code: LevelCode::parse(code).unwrap(), rank, words: Vec::new() };
    let set = |id: &str, best: &str| DescriptorSet {
        id: DescriptorSetId::parse(id).unwrap(),
        heading: format!("{id} descriptors"),
        descriptors: vec![Descriptor {
            scale: ScaleId::parse("numbers").unwrap(),
            level: LevelCode::parse("2").unwrap(),
            text: best.to_owned(),
        }],
    };
    Framework {
        id: FrameworkId::new("apa", "2006").unwrap(),
        title: Label::parse("Assessment").unwrap(),
        areas: vec![
            area("whole", "The *whole* council", Some("service")),
            area("capacity", "Capacity", Some("capacity")),
            area("health", "Health", None),
        ],
        sections: Vec::new(),
        scales: vec![Scale {
            id: ScaleId::parse("numbers").unwrap(),
            kind: ScaleKind::Ordered,
            levels: vec![level("2", 2), level("1", 1)],
            ranks_with: BTreeSet::new(),
        }],
        descriptor_sets: vec![set("service", "Good service"), set("capacity", "Good")],
        non_grades: BTreeSet::new(),
        entry_kinds: Vec::new(),
        reasons: Vec::new(),
        signed_by: BTreeSet::new(),
        self_moderation: SelfModeration::Forbidden,
        audiences: Vec::new(),
        letter_to: BTreeSet::new(),
        comparable_with: BTreeSet::new(),
    }
}

fn section(id: &str, heading: &str) -> PrintedSection {
    let lead_in = String::new();
    PrintedSection { id: SectionId::parse(id).unwrap(), heading: heading.to_owned(), lead_in }
}

fn layout() -> Layout {
    Layout {
        letterheads: vec![Letterhead {
            name: "Office".to_owned(),
            strapline: String::new(),
            address: "1 Street".to_owned(),
            contacts: vec!["T 1".to_owned()],
        }],
        title: "ASSESSMENT OF {subject}".to_owned(),
        salutation: "Dear {addressee}".to_owned(),
        opening: vec!["We opened.".to_owned()],
        table: GradeTable {
            section: Some(SectionId::parse("summary").unwrap()),
            areas: vec![AreaId::parse("whole").unwrap(), AreaId::parse("capacity").unwrap()],
            areas_heading: "Areas".to_owned(),
            grades_heading: "Grades".to_owned(),
            levels_heading: "Level".to_owned(),
            footnotes: vec![Footnote {
                marker: "¹".to_owned(),
                attached_to: "Grades".to_owned(),
                text: String::new(),
            }],
        },
        sections: vec![section("summary", "Summary"), section("health", "Health")],
        strengths_heading: "Strengths".to_owned(),
        improvements_heading: "Improve".to_owned(),
        confirmation: vec!["We confirm.".to_owned()],
        valediction: "Yours".to_owned(),
        signed_by: ["ofsted", "csci"].map(|id| OrganisationId::parse(id).unwrap()).into(),
    }
}

fn graded(level: &str) -> Judged {
    let scale = ScaleId::parse("numbers").unwrap();
    let level = LevelCode::parse(level).unwrap();
    Judged { standing: Standing::Level { scale, level, word: None }, qualifier: None }
}

fn said(text: &str) -> Words {
    Words::Said(text.to_owned())
}

fn piece(printed: Printed, section: &str, area: Option<&str>, words: Words) -> Piece {
    let section = SectionId::parse(section).unwrap();
    let area = area.map(|id| AreaId::parse(id).unwrap());
    Piece { printed, section, area, words, corrected_by: None }
}

fn part(part: LetterPart, section: &str, text: &str) -> Piece {
    piece(Printed::Part(part), section, None, said(text))
}

fn signed(name: &str) -> Signature<Words> {
    Signature { name: said(name), role: None, organisation: None, transcribed: Some(said("x")) }
}

fn source<'a>(framework: &'a Framework, layout: &'a Layout) -> Source<'a> {
    let judgements = [("whole", graded("2")), ("capacity", graded("1")), ("health", graded("1"))];
    let judgements = judgements.map(|(area, it)| (AreaId::parse(area).unwrap(), it));
    let organisation = |id: &str| OrganisationId::parse(id).unwrap();
    Source {
        framework,
        layout,
        notices: Vec::new(),
        subject: "Leicester".to_owned(),
        addressee: Some(Addressee {
            name: said("Ms Lock"),
            role: Some(said("Director")),
            organisation: None,
            lines: vec![said("38 Road"), Words::Erased(None)],
        }),
        date: Some(Date::constant(2006, 11, 1)),
        judgements: judgements.into(),
        pieces: vec![
            piece(Printed::Paragraph, "summary", None, said("All is well.")),
            piece(Printed::Paragraph, "health", Some("health"), said("Line one\nline two")),
            piece(Printed::Strength, "health", Some("health"), said("s1")),
            piece(Printed::Improvement, "health", Some("health"), said("i1")),
            piece(Printed::Improvement, "health", None, said("i2")),
            piece(Printed::Aspect, "health", None, said("a1")),
        ],
        signatures: BTreeMap::from([
            (organisation("csci"), signed("B")),
            (organisation("ofsted"), signed("A")),
        ]),
    }
}

#[test]
fn a_letter_is_laid_out_as_the_framework_says() {
    let (framework, layout) = (framework(), layout());
    let letter = compose(&source(&framework, &layout));
    assert_eq!(
        to_markdown(&letter),
        "**Office**\\
1 Street\\
T 1

Ms Lock\\
Director\\
38 Road\\
\\[erased\\]

1 November 2006

Dear Ms Lock

# ASSESSMENT OF LEICESTER

We opened.

## Summary

| Areas | Grades ¹ |
| --- | --- |
| The *whole* council | 2 |
| Capacity | 1 |

| Level | service descriptors | capacity descriptors |
| --- | --- | --- |
| 2 | Good service | Good |

All is well.

## Health

Line one\\
line two

| Strengths | Improve |
| --- | --- |
| **Health:**<br>• s1 | **Health:**<br>• i1 |
|  | • i2 |

- a1

We confirm.

Yours

*x*\\
**A**

*x*\\
**B**
"
    );
    assert_eq!(letter, compose(&source(&framework, &layout)), "the same again");
}

#[test]
fn an_assessment_words_parts_of_its_letter_itself() {
    let (framework, mut layout) = (framework(), layout());
    layout.table.footnotes.push(Footnote {
        marker: "²".to_owned(),
        attached_to: "Areas".to_owned(),
        text: "As framed.".to_owned(),
    });
    let mut source = source(&framework, &layout);
    source.pieces.extend([
        part(LetterPart::Letterhead, "letter", "Other Office\n2 Street"),
        part(LetterPart::Title, "letter", "ITS TITLE"),
        part(LetterPart::Salutation, "letter", "Dear Madam"),
        part(LetterPart::Opening, "letter", "It opens."),
        part(LetterPart::Opening, "letter", "And goes on."),
        part(LetterPart::Heading, "health", "Its health"),
        part(LetterPart::LeadIn, "health", "It leads."),
        part(LetterPart::Footnote, "letter", "As stated."),
        part(LetterPart::Footnote, "letter", "As stated, too."),
        part(LetterPart::Footnote, "letter", "And more."),
        part(LetterPart::Confirmation, "letter", "It confirms."),
        part(LetterPart::Valediction, "letter", "Farewell"),
    ]);
    let letter = compose(&source);
    let line = |said: &str, is_name| Line { said: said.to_owned(), is_name };
    assert_eq!(letter.letterheads, [[line("Other Office", true), line("2 Street", false)]]);
    assert_eq!(letter.title, "ITS TITLE");
    assert_eq!(letter.salutation.as_deref(), Some("Dear Madam"));
    assert_eq!(letter.opening, ["It opens.", "And goes on."]);
    let [summary, health] = letter.sections.as_slice() else { panic!("{letter:?}") };
    assert_eq!(health.heading.as_deref(), Some("Its health"));
    assert_eq!(health.lead_in, ["It leads."]);
    let note = |marker: &str, said: &str| Note { marker: marker.to_owned(), said: said.to_owned() };
    let notes = &summary.table.as_ref().unwrap().footnotes;
    let stated = [note("¹", "As stated."), note("²", "As stated, too."), note("", "And more.")];
    assert_eq!(*notes, stated);
    assert_eq!(letter.confirmation, ["It confirms."]);
    assert_eq!(letter.valediction.as_deref(), Some("Farewell"));
}

/// Spec §5.3: a hidden area is absent, never blank.
#[test]
fn what_is_not_in_sight_leaves_no_trace() {
    let (framework, layout) = (framework(), layout());
    let mut source = source(&framework, &layout);
    source.judgements.retain(|area, _| area.as_str() == "whole");
    source.pieces.retain(|piece| piece.section.as_str() != "health");
    let letter = compose(&source);
    let [summary] = letter.sections.as_slice() else { panic!("{letter:?}") };
    let table = summary.table.as_ref().unwrap();
    assert_eq!(table.rows.len(), 1);
    let key = table.key.as_ref().unwrap();
    let headings: Vec<_> = key.headings.iter().map(|it| it.said.as_str()).collect();
    assert_eq!(headings, ["Level", "service descriptors"], "no descriptor of what is hidden");
    for text in [to_markdown(&letter), to_html(&letter).unwrap()] {
        assert!(!text.contains("Health") && !text.contains("Capacity"), "{text}");
    }
    source.judgements.clear();
    source.pieces.clear();
    assert_eq!(compose(&source).sections, [], "a table without a grade, a section without a word");
}

#[test]
fn a_grade_stands_as_it_was_awarded() {
    let (framework, mut layout) = (framework(), layout());
    layout.table.areas.clear();
    layout.table.section = None;
    let mut source = source(&framework, &layout);
    let worded = Judged {
        standing: Standing::Level {
            scale: ScaleId::parse("numbers").unwrap(),
            level: LevelCode::parse("1").unwrap(),
            word: Some(Label::parse("adequate").unwrap()),
        },
        qualifier: Some(said("with an improving trend")),
    };
    source.judgements.insert(AreaId::parse("whole").unwrap(), worded);
    for (value, printed) in [
        (NonGrade::NotJudged, "Not judged"),
        (NonGrade::NotApplicable, "Not applicable"),
        (NonGrade::SubjectToReview, "Subject to review"),
    ] {
        let judged = Judged { standing: Standing::NotGraded(value), qualifier: None };
        source.judgements.insert(AreaId::parse("health").unwrap(), judged);
        let letter = compose(&source);
        let rows = letter.table.unwrap().rows;
        let grades: Vec<_> = rows.iter().map(|row| row.grade.as_str()).collect();
        assert_eq!(grades, ["adequate with an improving trend", "1", printed]);
    }
}

#[test]
fn what_people_wrote_is_never_markup() {
    let (framework, layout) = (framework(), layout());
    let mut source = source(&framework, &layout);
    let nasty = "<script>alert(\"1\")</script> & <b>'x'</b> {{ title }} {% if %}";
    source.subject = nasty.to_owned();
    source.notices = vec![nasty.to_owned()];
    source.pieces.push(piece(Printed::Paragraph, "health", None, said(nasty)));
    source.pieces.push(piece(Printed::Strength, "health", None, said(nasty)));
    source.pieces.push(piece(Printed::Aspect, "health", None, said(nasty)));
    source.pieces.push(part(LetterPart::Heading, "health", nasty));
    source.pieces.push(part(LetterPart::Footnote, "letter", nasty));
    let letter = compose(&source);
    let html = to_html(&letter).unwrap();
    assert_eq!(html.matches("<script").count() + html.matches("<b>").count(), 0, "{html}");
    assert_eq!(html.matches("&#60;b&#62;").count(), 6, "{html}");
    let markdown = to_markdown(&letter);
    assert_eq!(markdown.matches("<script").count() - markdown.matches("\\<script").count(), 0);
    for (written, expected) in [
        ("# no heading", "\\# no heading"),
        ("- no list", "\\- no list"),
        ("1. no list", "1\\. no list"),
        ("2006 is a year", "2006 is a year"),
        (
            "a | b_c_ *d* [e](f) `g` ~~h~~",
            "a \\| b\\_c\\_ \\*d\\* \\[e\\](f) \\`g\\` \\~\\~h\\~\\~",
        ),
        ("> no quote", "\\> no quote"),
        ("tab\there", "tab here"),
    ] {
        let shown = to_markdown(&Letter { opening: vec![written.to_owned()], ..letter.clone() });
        assert!(shown.contains(&format!("\n\n{expected}\n\n")), "{written}: {shown}");
    }
}

#[test]
fn a_letter_says_first_that_another_took_its_place() {
    let (framework, layout) = (framework(), layout());
    let mut source = source(&framework, &layout);
    source.notices = vec!["Edition 2 has taken its place.".to_owned()];
    let letter = compose(&source);
    assert!(to_markdown(&letter).starts_with("> Edition 2 has taken its place.\n\n**Office**"));
    let html = to_html(&letter).unwrap();
    let body = html.split("<body>").nth(1).unwrap().trim_start();
    assert!(body.starts_with("<aside class=\"notice\" role=\"note\">"), "{body}");
}

#[test]
fn a_draft_has_no_date_and_a_mistake_stays_and_is_marked() {
    let (framework, layout) = (framework(), layout());
    let mut source = source(&framework, &layout);
    source.date = None;
    source.pieces[0].corrected_by = Some(Position::new(99));
    let letter = compose(&source);
    let markdown = to_markdown(&letter);
    assert!(!markdown.contains("2006"), "{markdown}");
    assert!(markdown.contains("All is well. \\[corrected by record 99\\]"), "{markdown}");
    let html = to_html(&letter).unwrap();
    assert!(!html.contains("<time"), "{html}");
    assert!(html.contains("All is well. [corrected by record 99]"), "{html}");
}
