//! Corrections: what a record said by mistake, what is right, by whom put right, when and why.

use super::{
    Names,
    entry::figure,
    person::{decider, person, recorder_as_decider},
    value::{date, optional_text, timestamp},
};
use crate::{
    judgement::{Act, CorrectedField, Correction, EntryContent, Event, RecordCorrected, Wording},
    ledger::{ReadRecord, Shown},
    pb::{self, corrected_value::Value},
    record::{Numbered, Record},
};

/// What a record says, as put right so far.
pub(super) struct Righted<'a> {
    record: &'a Record,
    /// Its circumstances.
    pub(super) act: Act<Shown>,
    wording: Option<Wording<Shown>>,
}

impl<'a> Righted<'a> {
    /// What the record says itself.
    pub(super) fn of(read: &'a ReadRecord) -> Self {
        let wording = content_of(&read.event).map(|content| Wording {
            text: content.text.clone(),
            quote: content.quote.clone(),
            figures: content.figures.clone(),
            source: content.source.clone(),
        });
        Self { record: &read.record, act: read.act.clone(), wording }
    }

    /// Puts right what a correction says; the correction as it is shown.
    pub(super) fn put_right(
        &mut self,
        by: &ReadRecord,
        corrected: &RecordCorrected<Shown>,
        names: Names<'_>,
    ) -> pb::Correction {
        let field = corrected.to.field();
        let former = self.value(field, names);
        match &corrected.to {
            Correction::Transcription(wording) => self.wording = Some(wording.clone()),
            Correction::DecidedBy(_)
            | Correction::DecidedOn(_)
            | Correction::EffectiveOn(_)
            | Correction::Reason(_) => self.act.put_right(corrected.to.clone()),
        }
        pb::Correction { former: Some(former), ..stated(by, corrected, names) }
    }

    /// What it says in one field.
    fn value(&self, field: CorrectedField, names: Names<'_>) -> pb::CorrectedValue {
        let value = match field {
            CorrectedField::DecidedBy => self.decider(names).map(Value::DecidedBy),
            CorrectedField::DecidedOn => self.act.decided_on.map(date).map(Value::DecidedOn),
            CorrectedField::EffectiveOn => {
                let day = self.act.effective_on.unwrap_or(self.record.recorded_on);
                Some(Value::EffectiveOn(date(day)))
            }
            CorrectedField::Reason => {
                self.act.reason.as_ref().map(|reason| Value::Reason(reason.to_string()))
            }
            CorrectedField::Transcription => {
                self.wording.as_ref().map(|it| Value::Transcription(wording(it)))
            }
        };
        pb::CorrectedValue { value }
    }

    /// Who decided: as stated or put right, else the recorder, but for history entered later: who
    /// enters that decides nothing. (Spec §4.9)
    pub(super) fn decider(&self, names: Names<'_>) -> Option<pb::Decider> {
        match &self.act.decided_by {
            Some(stated) => Some(decider(stated, names)),
            None if self.act.origin.is_transcribed() => None,
            None => Some(recorder_as_decider(&self.record.recorded_by, names)),
        }
    }
}

/// A correction as its own record states it.
pub(super) fn stated(
    by: &ReadRecord,
    corrected: &RecordCorrected<Shown>,
    names: Names<'_>,
) -> pb::Correction {
    let right = match &corrected.to {
        Correction::DecidedBy(stated) => Value::DecidedBy(decider(stated, names)),
        Correction::DecidedOn(day) => Value::DecidedOn(date(*day)),
        Correction::EffectiveOn(day) => Value::EffectiveOn(date(*day)),
        Correction::Reason(reason) => Value::Reason(reason.to_string()),
        Correction::Transcription(stated) => Value::Transcription(wording(stated)),
    };
    pb::Correction {
        corrected_record: corrected.record.get(),
        field: corrected.to.field().number(),
        former: None,
        corrected: Some(pb::CorrectedValue { value: Some(right) }),
        from_position: corrected.from.get(),
        position: by.record.position.get(),
        recorded_at: Some(timestamp(by.record.recorded_at)),
        recorded_by: Some(person(by.record.recorded_by.person, names)),
        recorder_organisation: by.record.recorded_by.organisation.to_string(),
        rationale: optional_text(by.act.rationale.as_ref()),
    }
}

fn wording(wording: &Wording<Shown>) -> pb::Wording {
    pb::Wording {
        text: optional_text(wording.text.as_ref()),
        quote: optional_text(wording.quote.as_ref()),
        figures: wording.figures.iter().map(figure).collect(),
        source: optional_text(wording.source.as_ref()),
    }
}

/// What a record has an entry say, if it words one.
pub(super) fn content_of(event: &Event<Shown>) -> Option<&EntryContent<Shown>> {
    match event {
        Event::EntryRecorded(recorded) => Some(&recorded.content),
        Event::EntryRevised(revised) => revised.content.as_ref(),
        Event::PersonRegistered(_)
        | Event::FrameworkRegistered(_)
        | Event::SubjectRegistered(_)
        | Event::SubjectRenamed(_)
        | Event::RedactionRequested(_)
        | Event::TextRedacted(_)
        | Event::RedactionRefused(_)
        | Event::RedactionCompleted(_)
        | Event::KeyRotated(_)
        | Event::AccessRecorded(_)
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
        | Event::RecordCorrected(_) => None,
    }
}
