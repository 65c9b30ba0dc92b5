//! Corrections of records, as records hold them.

use super::{
    Read, Stored, counted,
    fields::{date, name, optional_name, store_date},
    malformed, read_all, read_optional, required, store_all, store_optional,
};
use crate::{
    judgement::{
        About, AreaId, Correction, Decider, EntryId, Position, ReasonCode, RecordCorrected, Wording,
    },
    pb::{self, record_corrected::To},
    record::Commitment,
};

impl Stored for RecordCorrected<Commitment> {
    type Message = pb::RecordCorrected;

    fn store(&self) -> pb::RecordCorrected {
        let (area, entry) = match &self.about {
            About::Area(area) => (area.to_string(), String::new()),
            About::Entry(entry) => (String::new(), entry.to_string()),
            About::Neither => (String::new(), String::new()),
        };
        pb::RecordCorrected {
            position: self.record.get(),
            area,
            entry,
            from_position: self.from.get(),
            to: Some(match &self.to {
                Correction::DecidedBy(decider) => To::DecidedBy(decider.store()),
                Correction::DecidedOn(day) => To::DecidedOn(store_date(*day)),
                Correction::EffectiveOn(day) => To::EffectiveOn(store_date(*day)),
                Correction::Reason(reason) => To::Reason(reason.to_string()),
                Correction::Transcription(wording) => To::Transcription(wording.store()),
            }),
        }
    }

    fn read(message: &pb::RecordCorrected) -> Read<Self> {
        let area = optional_name(&message.area, AreaId::parse, "RecordCorrected.area")?;
        let entry = optional_name(&message.entry, EntryId::parse, "RecordCorrected.entry")?;
        let about = match (area, entry) {
            (Some(area), None) => About::Area(area),
            (None, Some(entry)) => About::Entry(entry),
            (None, None) => About::Neither,
            (Some(_), Some(_)) => return Err(malformed("RecordCorrected.area")),
        };
        let day = |given, what| required(date(Some(given), what)?, what);
        Ok(Self {
            record: Position::new(counted(message.position, "RecordCorrected.position")?),
            about,
            from: Position::new(counted(message.from_position, "RecordCorrected.from_position")?),
            to: match required(message.to.as_ref(), "RecordCorrected.to")? {
                To::DecidedBy(decider) => Correction::DecidedBy(Decider::read(decider)?),
                To::DecidedOn(given) => {
                    Correction::DecidedOn(day(given, "RecordCorrected.decided_on")?)
                }
                To::EffectiveOn(given) => {
                    Correction::EffectiveOn(day(given, "RecordCorrected.effective_on")?)
                }
                To::Reason(reason) => {
                    Correction::Reason(name(reason, ReasonCode::parse, "RecordCorrected.reason")?)
                }
                To::Transcription(wording) => Correction::Transcription(Wording::read(wording)?),
            },
        })
    }
}

impl Stored for Wording<Commitment> {
    type Message = pb::CommittedWording;

    fn store(&self) -> pb::CommittedWording {
        pb::CommittedWording {
            text: store_optional(self.text.as_ref()),
            quote: store_optional(self.quote.as_ref()),
            figures: store_all(&self.figures),
            source: store_optional(self.source.as_ref()),
        }
    }

    fn read(message: &pb::CommittedWording) -> Read<Self> {
        Ok(Self {
            text: read_optional(message.text.as_ref())?,
            quote: read_optional(message.quote.as_ref())?,
            figures: read_all(&message.figures)?,
            source: read_optional(message.source.as_ref())?,
        })
    }
}
