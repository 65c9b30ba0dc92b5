//! Corrections of records: what was written down wrongly *about* a decision. A grade is no mistake
//! of a record; it is set anew. (Spec §4)
//!
//! The record that is corrected stays as it is, and counts as before: a correction is no record of
//! its area or entry. It names the record that stated the mistake, so that no text is kept twice.

use jiff::civil::Date;

use super::{
    Act, AreaId, Decider, EntryContent, EntryId, Event, Figure, Item, Position, ReasonCode,
    texts::{Texts, Visit, each, maybe},
};

/// What of a record can be corrected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CorrectedField {
    /// Who decided.
    DecidedBy,
    /// When it was decided.
    DecidedOn,
    /// From when it holds.
    EffectiveOn,
    /// Why, as the framework lists reasons.
    Reason,
    /// The text and figures of an entry.
    Transcription,
}

impl CorrectedField {
    /// The field as the specification writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DecidedBy => "decided_by",
            Self::DecidedOn => "decided_on",
            Self::EffectiveOn => "effective_on",
            Self::Reason => "reason",
            Self::Transcription => "transcription",
        }
    }
}

/// What is right instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Correction<T> {
    /// Who decided.
    DecidedBy(Decider<T>),
    /// When it was decided.
    DecidedOn(Date),
    /// From when it holds.
    EffectiveOn(Date),
    /// Why, as the framework lists reasons.
    Reason(ReasonCode),
    /// What the entry says.
    Transcription(Wording<T>),
}

impl<T> Correction<T> {
    /// What of the record it corrects.
    #[must_use]
    pub const fn field(&self) -> CorrectedField {
        match self {
            Self::DecidedBy(_) => CorrectedField::DecidedBy,
            Self::DecidedOn(_) => CorrectedField::DecidedOn,
            Self::EffectiveOn(_) => CorrectedField::EffectiveOn,
            Self::Reason(_) => CorrectedField::Reason,
            Self::Transcription(_) => CorrectedField::Transcription,
        }
    }
}

/// The text and figures of an entry, without its place in the letter: that is no transcription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wording<T> {
    /// The writing itself.
    pub text: Option<T>,
    /// The exact words of the letter or source that it rests on.
    pub quote: Option<T>,
    /// Measured values.
    pub figures: Vec<Figure<T>>,
    /// Where it was taken from.
    pub source: Option<T>,
}

impl<T: Clone> Wording<T> {
    /// An entry with this wording instead of its own.
    #[must_use]
    pub fn within(&self, content: &EntryContent<T>) -> EntryContent<T> {
        EntryContent {
            text: self.text.clone(),
            quote: self.quote.clone(),
            figures: self.figures.clone(),
            source: self.source.clone(),
            ..content.clone()
        }
    }
}

/// What a corrected record is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// The judgement of an area.
    Area(AreaId),
    /// An entry.
    Entry(EntryId),
    /// Neither.
    Neither,
}

impl About {
    /// What a record of this event is about.
    #[must_use]
    pub fn of<T>(event: &Event<T>) -> Self {
        match event {
            Event::GradeSet(event) => Self::Area(event.area.clone()),
            Event::EntryRecorded(event) => Self::Entry(event.entry.clone()),
            Event::EntryRevised(event) => Self::Entry(event.entry.clone()),
            Event::RecordCorrected(event) => event.about.clone(),
            Event::PersonRegistered(_)
            | Event::FrameworkRegistered(_)
            | Event::SubjectRegistered(_)
            | Event::AssessmentOpened(_)
            | Event::AddresseeSet(_)
            | Event::AssessmentLocked(_)
            | Event::SignedOff(_)
            | Event::AssessmentPublished(_)
            | Event::SignOffRefused(_)
            | Event::AssessmentReopened(_)
            | Event::AssessmentWithdrawn(_)
            | Event::HoldPlaced(_)
            | Event::HoldReleased(_)
            | Event::ChallengeReceived(_)
            | Event::ChallengeDecided(_)
            | Event::DraftShared(_)
            | Event::SubjectRenamed(_)
            | Event::RedactionRequested(_)
            | Event::TextRedacted(_)
            | Event::RedactionRefused(_)
            | Event::RedactionCompleted(_)
            | Event::KeyRotated(_)
            | Event::AccessRecorded(_) => Self::Neither,
        }
    }

    /// Whether a record of this event gave an entry a wording.
    #[must_use]
    pub fn is_wording<T>(event: &Event<T>) -> bool {
        match event {
            Event::EntryRecorded(_) => true,
            Event::EntryRevised(event) => event.content.is_some(),
            Event::PersonRegistered(_)
            | Event::FrameworkRegistered(_)
            | Event::SubjectRegistered(_)
            | Event::AssessmentOpened(_)
            | Event::AddresseeSet(_)
            | Event::GradeSet(_)
            | Event::AssessmentLocked(_)
            | Event::SignedOff(_)
            | Event::AssessmentPublished(_)
            | Event::SignOffRefused(_)
            | Event::AssessmentReopened(_)
            | Event::AssessmentWithdrawn(_)
            | Event::HoldPlaced(_)
            | Event::HoldReleased(_)
            | Event::ChallengeReceived(_)
            | Event::ChallengeDecided(_)
            | Event::DraftShared(_)
            | Event::RecordCorrected(_)
            | Event::SubjectRenamed(_)
            | Event::RedactionRequested(_)
            | Event::TextRedacted(_)
            | Event::RedactionRefused(_)
            | Event::RedactionCompleted(_)
            | Event::KeyRotated(_)
            | Event::AccessRecorded(_) => false,
        }
    }
}

/// See [`Event::RecordCorrected`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordCorrected<T> {
    /// The record that is corrected, of the same assessment.
    pub record: Position,
    /// What that record is about.
    pub about: About,
    /// The record that stated what is a mistake: the corrected one, or its last correction in the
    /// same field.
    pub from: Position,
    /// What is right instead.
    pub to: Correction<T>,
}

/// A correction of a record, as the fold holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amendment {
    /// The record that corrects.
    pub item: Item,
    /// What it corrects.
    pub field: CorrectedField,
}

impl<T> Act<T> {
    /// Puts right what `correction` says of the circumstances.
    pub fn put_right(&mut self, correction: Correction<T>) {
        match correction {
            Correction::DecidedBy(decider) => self.decided_by = Some(decider),
            Correction::DecidedOn(day) => self.decided_on = Some(day),
            Correction::EffectiveOn(day) => self.effective_on = Some(day),
            Correction::Reason(reason) => self.reason = Some(reason),
            // That is of the entry, not of the circumstances.
            Correction::Transcription(_) => {}
        }
    }
}

impl<T> Texts<T> for Wording<T> {
    type With<U> = Wording<U>;

    fn map_texts<U, E>(self, at: &str, visit: Visit<'_, T, U, E>) -> Result<Wording<U>, E> {
        Ok(Wording {
            text: maybe(self.text, at, "text", visit)?,
            quote: maybe(self.quote, at, "quote", visit)?,
            figures: each(self.figures, at, "figures", visit)?,
            source: maybe(self.source, at, "source", visit)?,
        })
    }
}

impl<T> Texts<T> for Correction<T> {
    type With<U> = Correction<U>;

    fn map_texts<U, E>(self, at: &str, visit: Visit<'_, T, U, E>) -> Result<Correction<U>, E> {
        Ok(match self {
            Self::DecidedBy(decider) => Correction::DecidedBy(decider.map_texts(at, visit)?),
            Self::DecidedOn(day) => Correction::DecidedOn(day),
            Self::EffectiveOn(day) => Correction::EffectiveOn(day),
            Self::Reason(reason) => Correction::Reason(reason),
            Self::Transcription(wording) => {
                Correction::Transcription(wording.map_texts(at, visit)?)
            }
        })
    }
}

impl<T> Texts<T> for RecordCorrected<T> {
    type With<U> = RecordCorrected<U>;

    fn map_texts<U, E>(self, at: &str, visit: Visit<'_, T, U, E>) -> Result<RecordCorrected<U>, E> {
        Ok(RecordCorrected {
            record: self.record,
            about: self.about,
            from: self.from,
            to: self.to.map_texts(&super::texts::under(at, "to"), visit)?,
        })
    }
}
