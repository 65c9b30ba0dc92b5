//! Anything written that is not a grade. (Spec §2, §4)

use jiff::civil::Date;

use super::{AreaId, AssessmentId, ComparatorKind, Decimal, EntryId, SectionId};

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryContent<T> {
    /// What sort of writing it is.
    pub kind: EntryKind<T>,
    /// Where it belongs in the letter.
    pub section: SectionId,
    /// The area it speaks of, if any.
    pub area: Option<AreaId>,
    /// Its place among the entries of its kind in its section.
    pub order: u32,
    /// The writing itself.
    pub text: Option<T>,
    /// The exact words of the letter or source that it rests on.
    pub quote: Option<T>,
    /// Measured values.
    pub figures: Vec<Figure<T>>,
    /// The narrative entry in which it is found.
    pub paragraph: Option<EntryId>,
    /// Where it was taken from.
    pub source: Option<T>,
    /// Other entries of the same assessment that it relates to.
    pub relates_to: Vec<EntryId>,
}

/// The sorts of writing; some carry data of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind<T> {
    /// A paragraph.
    Narrative,
    /// A strength.
    Strength,
    /// An area for improvement.
    AreaForImprovement,
    /// An aspect for focus in a later review.
    AspectForFocus,
    /// A finding with figures.
    Evidence,
    /// What became of an item of an earlier assessment.
    FollowUp(FollowUp<T>),
    /// A part of the letter that the assessment words differently from the framework.
    LetterPart(LetterPart),
    /// Something odd in the source or its transcription.
    TranscriptionNote,
    /// Two statements that pull against each other.
    Tension,
}

/// The sort of an entry, without its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// See [`EntryKind::Narrative`].
    Narrative,
    /// See [`EntryKind::Strength`].
    Strength,
    /// See [`EntryKind::AreaForImprovement`].
    AreaForImprovement,
    /// See [`EntryKind::AspectForFocus`].
    AspectForFocus,
    /// See [`EntryKind::Evidence`].
    Evidence,
    /// See [`EntryKind::FollowUp`].
    FollowUp,
    /// See [`EntryKind::LetterPart`].
    LetterPart,
    /// See [`EntryKind::TranscriptionNote`].
    TranscriptionNote,
    /// See [`EntryKind::Tension`].
    Tension,
}

impl Kind {
    /// The kind as the specification writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Narrative => "NARRATIVE",
            Self::Strength => "STRENGTH",
            Self::AreaForImprovement => "AREA_FOR_IMPROVEMENT",
            Self::AspectForFocus => "ASPECT_FOR_FOCUS",
            Self::Evidence => "EVIDENCE",
            Self::FollowUp => "FOLLOW_UP",
            Self::LetterPart => "LETTER_PART",
            Self::TranscriptionNote => "TRANSCRIPTION_NOTE",
            Self::Tension => "TENSION",
        }
    }
}

impl<T> EntryKind<T> {
    /// The sort, without its data.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Narrative => Kind::Narrative,
            Self::Strength => Kind::Strength,
            Self::AreaForImprovement => Kind::AreaForImprovement,
            Self::AspectForFocus => Kind::AspectForFocus,
            Self::Evidence => Kind::Evidence,
            Self::FollowUp(_) => Kind::FollowUp,
            Self::LetterPart(_) => Kind::LetterPart,
            Self::TranscriptionNote => Kind::TranscriptionNote,
            Self::Tension => Kind::Tension,
        }
    }
}

/// The parts of a letter that an assessment may word itself. (Spec §3.1)
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LetterPart {
    /// The name, strapline, address and contacts of an organisation.
    Letterhead,
    /// The title.
    Title,
    /// How the addressee is greeted.
    Salutation,
    /// The sentences before the first section.
    Opening,
    /// The heading of a section.
    Heading,
    /// The sentence that leads into a section.
    LeadIn,
    /// A footnote.
    Footnote,
    /// The sentence that confirms where the grades go.
    Confirmation,
    /// How the letter closes.
    Valediction,
}

/// A measured value and what it is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure<T> {
    /// What is measured.
    pub measure: T,
    /// Of whom, if not of all.
    pub group: Option<T>,
    /// How much.
    pub value: FigureValue<T>,
    /// In what unit.
    pub unit: Option<T>,
    /// A word that bends the value: "almost", "over".
    pub qualifier: Option<T>,
    /// When, as stated.
    pub period: Option<T>,
    /// Where it is going.
    pub trend: Option<T>,
    /// What it is compared with.
    pub comparators: Vec<Comparator<T>>,
}

/// A value as stated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FigureValue<T> {
    /// A number.
    Decimal(Decimal),
    /// A day.
    Date(Date),
    /// Words such as "almost all".
    Words(T),
    /// The value itself is not stated: it lives in its comparators or its trend.
    NotStated,
}

/// What a figure is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparator<T> {
    /// The kind, for example `similar_areas` or `target`.
    pub kind: ComparatorKind,
    /// Which one, for example a region's name.
    pub name: Option<T>,
    /// How the figure stands to it, for example "below".
    pub relation: Option<T>,
    /// Its own value.
    pub value: FigureValue<T>,
    /// Its unit.
    pub unit: Option<T>,
    /// Its period, as stated.
    pub period: Option<T>,
    /// By when a target is due.
    pub due: Option<PartialDate>,
}

/// A date of which the day, or day and month, may not be stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartialDate {
    year: i16,
    month: Option<i8>,
    day: Option<i8>,
}

impl PartialDate {
    /// The only way in: 0 means "not stated"; a stated day needs a stated month, and the whole
    /// must exist in the calendar.
    #[must_use]
    pub fn new(year: i16, month: i8, day: i8) -> Option<Self> {
        let exists = Date::new(year, month.max(1), day.max(1)).is_ok();
        let stated = |part: i8| (part != 0).then_some(part);
        (exists && year > 0 && (day == 0 || month != 0)).then_some(Self {
            year,
            month: stated(month),
            day: stated(day),
        })
    }

    /// The year.
    #[must_use]
    pub const fn year(self) -> i16 {
        self.year
    }

    /// The month, if stated.
    #[must_use]
    pub const fn month(self) -> Option<i8> {
        self.month
    }

    /// The day, if stated.
    #[must_use]
    pub const fn day(self) -> Option<i8> {
        self.day
    }
}

/// What became of an item of an earlier assessment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowUp<T> {
    /// What is followed up.
    pub cited: Citation<T>,
    /// What became of it.
    pub status: FollowUpStatus,
    /// The entry of this assessment that carries it on.
    pub carried_to: Option<EntryId>,
}

/// An item of an earlier assessment: linked, or as yet only cited. A link is set later by
/// revising the entry; the label as cited stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Citation<T> {
    /// The earlier assessment, where it is known; it need not be in the ledger yet.
    pub assessment: Option<AssessmentId>,
    /// The item in it, where it is known.
    pub item: Option<EntryId>,
    /// How the letter calls the earlier assessment: "last year's APA".
    pub label: Option<T>,
    /// How the letter calls the item: "weakness".
    pub kind: Option<T>,
    /// The item in the letter's words.
    pub words: Option<T>,
}

/// What became of an earlier item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FollowUpStatus {
    /// Done with.
    Resolved,
    /// Better, not done with.
    Improved,
    /// As good as before.
    Maintained,
    /// As bad as before.
    Remains,
    /// Nothing is said of it.
    NotReported,
}
