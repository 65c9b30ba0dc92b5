//! What a letter is made of.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::judgement::{
    Addressee, AreaId, EntryKind, Framework, Layout, LetterPart, OrganisationId, Position,
    SectionId, Signature, Standing,
};

/// An edition or a draft, as far as its reader may see it.
#[derive(Debug)]
pub struct Source<'a> {
    /// Its framework.
    pub framework: &'a Framework,
    /// How the framework lays out letters.
    pub layout: &'a Layout,
    /// What its reader has to know first; see [`super::Letter::notices`].
    pub notices: Vec<String>,
    /// The name of the body judged.
    pub subject: String,
    /// To whom it goes.
    pub addressee: Option<Addressee<Words>>,
    /// The date on it; a draft has none.
    pub date: Option<Date>,
    /// The judgements in sight.
    pub judgements: BTreeMap<AreaId, Judged>,
    /// What is written in it, in the order of the letter.
    pub pieces: Vec<Piece>,
    /// The signatures under it.
    pub signatures: BTreeMap<OrganisationId, Signature<Words>>,
}

/// What stands for an area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The level or the reason for having none.
    pub standing: Standing,
    /// Words that bend it.
    pub qualifier: Option<Words>,
}

/// One entry that is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// As what it is printed.
    pub printed: Printed,
    /// The section in which it stands.
    pub section: SectionId,
    /// The area it speaks of.
    pub area: Option<AreaId>,
    /// What it says.
    pub words: Words,
    /// The record that puts it right since, if it was a mistake.
    pub corrected_by: Option<Position>,
}

impl Piece {
    /// What is printed: a mistake stays as it was sent, and is marked.
    #[must_use]
    pub fn print(&self) -> String {
        let said = self.words.print();
        match self.corrected_by {
            Some(by) => format!("{said} [corrected by record {by}]"),
            None => said,
        }
    }
}

/// As what an entry is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Printed {
    /// A paragraph of its section.
    Paragraph,
    /// In the column of strengths.
    Strength,
    /// In the column of areas for improvement.
    Improvement,
    /// In the list of aspects.
    Aspect,
    /// Instead of what the framework's layout says.
    Part(LetterPart),
}

impl Printed {
    /// As what an entry of this kind is printed; `None` if it is not.
    #[must_use]
    pub fn of<T>(kind: &EntryKind<T>) -> Option<Self> {
        match kind {
            EntryKind::Narrative => Some(Self::Paragraph),
            EntryKind::Strength => Some(Self::Strength),
            EntryKind::AreaForImprovement => Some(Self::Improvement),
            EntryKind::AspectForFocus => Some(Self::Aspect),
            EntryKind::LetterPart(part) => Some(Self::Part(*part)),
            EntryKind::Evidence
            | EntryKind::FollowUp(_)
            | EntryKind::TranscriptionNote
            | EntryKind::Tension => None,
        }
    }
}

/// A text, or what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Words {
    /// The text.
    Said(String),
    /// It was erased by law; with what stands in its place, if anything does.
    Erased(Option<String>),
    /// It should be there and is not.
    Missing,
}

impl Words {
    /// What is printed: a letter says where something is gone, and never closes the gap.
    #[must_use]
    pub fn print(&self) -> String {
        match self {
            Self::Said(text) => text.clone(),
            Self::Erased(None) => "[erased]".to_owned(),
            Self::Erased(Some(replacement)) => format!("[erased: {replacement}]"),
            Self::Missing => "[missing]".to_owned(),
        }
    }
}
