//! How the letter of a framework is laid out, and where its grades go as scores: data that no
//! rule asks for. It is read from the framework's document where letters and feeds are made.
//! (Spec §3.1)

use super::{AreaId, AudienceId, OrganisationId, SectionId};

/// The audience that is the body judged: an organisation of the subject's id. (Spec §5.3)
pub const ADDRESSEE: &str = "addressee";

/// The audience that is whoever asks.
pub const PUBLIC: &str = "public";

/// What the letter says in every assessment, and in which order. What the framework does not say
/// has its default here: no reader has to know any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Who writes, in order.
    pub letterheads: Vec<Letterhead>,
    /// The title; `{subject}` stands for the subject's name in capitals.
    pub title: String,
    /// How the addressee is greeted; `{addressee}` stands for the name. Empty: not at all.
    pub salutation: String,
    /// The sentences before the first section.
    pub opening: Vec<String>,
    /// The table of grades.
    pub table: GradeTable,
    /// The sections that are printed where something is written in them, in order.
    pub sections: Vec<PrintedSection>,
    /// The heading of the column of strengths.
    pub strengths_heading: String,
    /// The heading of the column of areas for improvement.
    pub improvements_heading: String,
    /// The sentences that confirm where the grades go.
    pub confirmation: Vec<String>,
    /// How the letter closes. Empty: without a word.
    pub valediction: String,
    /// Who signs, in order.
    pub signed_by: Vec<OrganisationId>,
}

/// The table of grades and the key to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GradeTable {
    /// The section below whose heading it stands; `None`: before the first section.
    pub section: Option<SectionId>,
    /// The areas in it, in order; empty: all that have been judged.
    pub areas: Vec<AreaId>,
    /// The heading of the column of areas.
    pub areas_heading: String,
    /// The heading of the column of grades.
    pub grades_heading: String,
    /// The heading of the column of levels, beside what they are called.
    pub levels_heading: String,
    /// Its footnotes.
    pub footnotes: Vec<Footnote>,
}

/// A section as it is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintedSection {
    /// Which one.
    pub id: SectionId,
    /// Its heading; empty: none.
    pub heading: String,
    /// The sentence that leads into it; empty: none.
    pub lead_in: String,
}

/// Who writes a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letterhead {
    /// The name as printed.
    pub name: String,
    /// The strapline.
    pub strapline: String,
    /// The address.
    pub address: String,
    /// Telephone, mail and web addresses.
    pub contacts: Vec<String>,
}

/// A footnote of the table of grades.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footnote {
    /// The marker, for example `¹`.
    pub marker: String,
    /// The heading that it is attached to.
    pub attached_to: String,
    /// Its text; empty where the letter has none.
    pub text: String,
}

/// Where the grade of an area goes as a score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// The area.
    pub area: AreaId,
    /// Who takes it.
    pub consumer: AudienceId,
    /// Under which scheme, for example `CPA`.
    pub scheme: String,
    /// As which block of it; empty: as the whole.
    pub block: String,
}
