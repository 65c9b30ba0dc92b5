//! Rules for correcting records. (Spec §4)

use jiff::civil::Date;

use super::{Case, check_stated};
use crate::judgement::{
    About, CorrectRecord, CorrectedField, Correction, Event, Phase, RecordCorrected, Refusal, Text,
};

pub(super) fn correct(
    case: &Case<'_>,
    order: &CorrectRecord<Text>,
) -> Result<Event<Text>, Refusal> {
    let CorrectRecord { record, to, expected } = order.clone();
    let field = to.field();
    let Some(corrected) = case.corrected else {
        return Err(Refusal::UnknownRecord { position: record });
    };
    let item = || format!("{} of record {record}", field.as_str());
    let last = case.assessment.last_correction(record, field);
    let unsaid = case.act.rationale.is_none();
    let needs = "a rationale: why it was a mistake";

    Refusal::NotCorrectable { field, event: corrected.event }.when(!corrected.takes(field))?;
    case.check_act()?;
    Refusal::RationaleRequired { needs }.when(unsaid)?;
    check_value(case, &to)?;
    check_settled(case, field)?;
    check_stated(last, expected)?;
    case.check_expected(item, last, expected)?;
    Ok(Event::RecordCorrected(RecordCorrected {
        record,
        about: corrected.about.clone(),
        from: last.map_or(record, |last| last.at),
        to,
    }))
}

/// What is right instead makes sense: a reason of the framework's, a day that has come.
fn check_value(case: &Case<'_>, to: &Correction<Text>) -> Result<(), Refusal> {
    let future = |day: Date| day > case.situation.today;
    match to {
        Correction::Reason(reason) => super::check_is_reason(case.framework, reason),
        Correction::DecidedOn(day) => {
            Refusal::DateInFuture { field: "to.decided_on" }.when(future(*day))
        }
        Correction::EffectiveOn(day) => {
            Refusal::DateInFuture { field: "to.effective_on" }.when(future(*day))
        }
        Correction::DecidedBy(_) | Correction::Transcription(_) => Ok(()),
    }
}

/// What is being signed says what it said: its text is corrected before it is locked, or after it
/// is published.
fn check_settled(case: &Case<'_>, field: CorrectedField) -> Result<(), Refusal> {
    let locked = match case.assessment.phase {
        Phase::Locked { .. } => true,
        Phase::Open | Phase::Published => false,
    };
    let (edition, phase) = (case.assessment.edition, case.assessment.phase.as_str());
    Refusal::NotOpen { edition, phase }.when(locked && field == CorrectedField::Transcription)
}

/// A record that is to be corrected, as far as the rules ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correctable {
    /// What it is about.
    pub about: About,
    /// The name of its event.
    pub event: &'static str,
    /// Whether it gave an entry a wording.
    pub is_wording: bool,
}

impl Correctable {
    /// The record of this event.
    #[must_use]
    pub fn of<T>(event: &Event<T>) -> Self {
        let (about, is_wording) = (About::of(event), About::is_wording(event));
        Self { about, event: event.name(), is_wording }
    }

    /// Whether this field of it can be corrected. A correction is corrected by correcting the same
    /// record once more.
    fn takes(&self, field: CorrectedField) -> bool {
        let transcribes = self.is_wording || field != CorrectedField::Transcription;
        transcribes && self.event != "RecordCorrected"
    }
}
