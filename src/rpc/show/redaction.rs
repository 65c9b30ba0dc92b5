//! Redactions: what is erased, on whose order, on what basis, and what stands in its place.

use super::value::{optional_text, text};
use crate::{
    judgement::{Event, FieldPath, Position},
    ledger::Shown,
    pb,
    record::Numbered,
};

/// A redaction as one of its records states it; nothing for any other record.
pub(super) fn stated(event: &Event<Shown>) -> Option<pb::Redaction> {
    Some(match event {
        Event::RedactionRequested(it) => pb::Redaction {
            legal_basis: it.basis.number(),
            reference: optional_text(it.reference.as_ref()),
            replacement: Some(text(&it.replacement)),
            ..of(it.record, &it.field)
        },
        Event::TextRedacted(it) => pb::Redaction {
            legal_basis: it.basis.number(),
            request_position: it.request.get(),
            ..of(it.record, &it.field)
        },
        Event::RedactionRefused(it) => pb::Redaction {
            request_position: it.request.get(),
            ground: Some(text(&it.ground)),
            ..of(it.record, &it.field)
        },
        Event::RedactionCompleted(it) => pb::Redaction {
            order_position: it.order.get(),
            checkpoint_size: it.checkpoint_size,
            ..of(it.record, &it.field)
        },
        Event::PersonRegistered(_)
        | Event::FrameworkRegistered(_)
        | Event::SubjectRegistered(_)
        | Event::SubjectRenamed(_)
        | Event::AssessmentOpened(_)
        | Event::AddresseeSet(_)
        | Event::GradeSet(_)
        | Event::EntryRecorded(_)
        | Event::EntryRevised(_)
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
        | Event::KeyRotated(_)
        | Event::AccessRecorded(_) => return None,
    })
}

fn of(record: Position, field: &FieldPath) -> pb::Redaction {
    pb::Redaction {
        redacted_record: record.get(),
        field: field.to_string(),
        ..pb::Redaction::default()
    }
}
