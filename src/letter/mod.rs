//! The letter: an edition as it is sent, or a draft as it was shared, in the order and layout of its framework. (Spec §5,
//! `RenderLetter`)
//!
//! Pure: what is said comes in as [`Source`], [`compose`] puts it in order, and the letter that
//! comes out is written as Markdown or as HTML. Who may see what is decided before: what is not in
//! the source is absent from the letter, heading and all, and nothing here can tell that it was
//! there.
//!
//! Printed are narratives, strengths, areas for improvement and aspects for focus. Evidence,
//! follow-ups and notes belong to the assessment, not to its letter, whose sentences they cite.

mod compose;
mod html;
mod markdown;
mod source;
mod table;
#[cfg(test)]
mod tests;

use jiff::civil::Date;

pub use compose::compose;
pub use html::to_html;
pub use markdown::to_markdown;
pub use source::{Judged, Piece, Printed, Source, Words};

/// A letter, in the order in which it is read. What it does not have is absent or empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// What a reader has to know who takes the letter for the last word: that another edition took
    /// its place, or that it is a draft.
    pub notices: Vec<String>,
    /// Who writes: one or more lines each.
    pub letterheads: Vec<Vec<Line>>,
    /// To whom: the lines of the address.
    pub addressee: Vec<String>,
    /// The date on it; a draft has none.
    pub date: Option<Date>,
    /// How the addressee is greeted.
    pub salutation: Option<String>,
    /// The title.
    pub title: String,
    /// The sentences before the first section.
    pub opening: Vec<String>,
    /// The table of grades, where it stands before the first section.
    pub table: Option<Grades>,
    /// The sections.
    pub sections: Vec<Chapter>,
    /// The sentences that confirm where the grades go.
    pub confirmation: Vec<String>,
    /// How it closes.
    pub valediction: Option<String>,
    /// Who signed.
    pub signatories: Vec<Signatory>,
}

impl Letter {
    /// The date as letters write it: `1 November 2006`.
    fn written_date(&self) -> Option<String> {
        self.date.map(|date| date.strftime("%-d %B %Y").to_string())
    }
}

/// A line of a letterhead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it says.
    pub said: String,
    /// Whether it is the name of who writes.
    pub is_name: bool,
}

/// A section with all that is written in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chapter {
    /// Its heading.
    pub heading: Option<String>,
    /// The sentences that lead into it.
    pub lead_in: Vec<String>,
    /// The table of grades, where it stands here.
    pub table: Option<Grades>,
    /// The narrative.
    pub paragraphs: Vec<String>,
    /// Strengths beside areas for improvement.
    pub findings: Option<Findings>,
    /// Aspects for focus.
    pub aspects: Vec<String>,
}

/// The table of grades, and the key to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grades {
    /// The headings of its columns, with the markers of their footnotes.
    pub headings: [Heading; 2],
    /// A row per area.
    pub rows: Vec<GradeRow>,
    /// What the levels are called.
    pub key: Option<Key>,
    /// The footnotes that have a text.
    pub footnotes: Vec<Note>,
}

/// The heading of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// What it says.
    pub said: String,
    /// The markers of the footnotes attached to it.
    pub markers: Vec<String>,
}

/// A row of the table of grades.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GradeRow {
    /// The area's label.
    pub label: Vec<Run>,
    /// The grade, as it was awarded.
    pub grade: String,
}

/// Part of a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// What it says.
    pub said: String,
    /// Whether the letter emphasises it.
    pub is_emphasised: bool,
}

/// What the levels are called, a column per descriptor set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The headings of the columns: of the levels, then of each set.
    pub headings: Vec<Heading>,
    /// A row per level: its code, then what it is called in each set, empty where it is not.
    pub rows: Vec<(String, Vec<String>)>,
}

/// A footnote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Its marker; empty where the text says itself what it belongs to.
    pub marker: String,
    /// What it says.
    pub said: String,
}

/// Strengths beside areas for improvement, a row per area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings {
    /// The heading of the column of strengths.
    pub strengths_heading: String,
    /// The heading of the column of areas for improvement.
    pub improvements_heading: String,
    /// The rows, in the framework's order of areas.
    pub rows: Vec<FindingRow>,
}

/// What was found of one area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingRow {
    /// The area's label; empty where the findings speak of no area in particular.
    pub label: Vec<Run>,
    /// The strengths.
    pub strengths: Vec<String>,
    /// The areas for improvement.
    pub improvements: Vec<String>,
}

/// A signature as it is printed: the lines below each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signatory {
    /// The signature itself, as somebody read it.
    pub signature: Option<String>,
    /// The name.
    pub name: String,
    /// Role and organisation, as far as they are printed.
    pub lines: Vec<String>,
}
