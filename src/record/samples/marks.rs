//! Samples of what ends an edition, is noted beside grades and entries, corrects a record or erases
//! a text of one.

use proptest::{collection::vec, option, prelude::*};

use super::{date, decider, figure, hash, id, label, organisation, text, uuid};
use crate::judgement::*;

/// What ends an edition.
pub(super) fn endings() -> impl Strategy<Value = Event<Text>> {
    let fallback = option::of(id(AssessmentId::parse))
        .prop_map(|it| it.map_or(Fallback::NotRated, Fallback::Assessment));
    prop_oneof![
        (organisation(), any::<u32>(), hash(), text()).prop_map(
            |(organisation, edition, digest, objection)| {
                Event::SignOffRefused(SignOffRefused { organisation, edition, digest, objection })
            }
        ),
        (any::<u32>(), text(), option::of(text())).prop_map(|(edition, authority, reference)| {
            Event::AssessmentReopened(AssessmentReopened { edition, authority, reference })
        }),
        (any::<u32>(), fallback).prop_map(|(edition, fallback)| {
            Event::AssessmentWithdrawn(AssessmentWithdrawn { edition, fallback })
        }),
    ]
}

/// What is noted beside grades and entries, and corrected in records.
pub(super) fn marks() -> BoxedStrategy<Event<Text>> {
    let hold_kinds = prop::sample::select(vec![
        HoldKind::Representation,
        HoldKind::Complaint,
        HoldKind::Court,
        HoldKind::InformationRequest,
        HoldKind::Preservation,
    ]);
    let stops = prop::sample::select(vec![Stops::Publication, Stops::Erasure, Stops::Both]);
    let kinds = prop::sample::select(vec![
        ChallengeKind::Accuracy,
        ChallengeKind::Representation,
        ChallengeKind::Complaint,
    ]);
    let outcomes = prop::sample::select(vec![
        PointOutcome::Upheld,
        PointOutcome::Partly,
        PointOutcome::Refused,
    ]);
    let about = prop_oneof![
        id(AreaId::parse).prop_map(Challenged::Area),
        id(EntryId::parse).prop_map(Challenged::Entry),
    ];
    let point = (about, text()).prop_map(|(about, text)| Point { about, text });
    let received = (id(ChallengeId::parse), text(), kinds, vec(point, 0..3), option::of(date()));
    let decided = (id(ChallengeId::parse), 1_u32..4, outcomes, text());
    let digest = (id(AudienceId::parse), any::<[u8; 32]>(), hash())
        .prop_map(|(audience, salt, root)| AudienceDigest { audience, salt, root });
    prop_oneof![
        (id(HoldId::parse), hold_kinds, stops).prop_map(|(hold, kind, stops)| {
            Event::HoldPlaced(HoldPlaced { hold, kind, stops })
        }),
        id(HoldId::parse).prop_map(|hold| Event::HoldReleased(HoldReleased { hold })),
        received.prop_map(|(challenge, from, kind, points, due)| {
            Event::ChallengeReceived(ChallengeReceived { challenge, from, kind, points, due })
        }),
        decided.prop_map(|(challenge, number, outcome, why)| {
            Event::ChallengeDecided(ChallengeDecided { challenge, point: number, outcome, why })
        }),
        (text(), 1_u64.., digest).prop_map(|(recipient, at, digest)| {
            Event::DraftShared(DraftShared { recipient, position: Position::new(at), digest })
        }),
        corrections(),
        (id(SubjectId::parse), label()).prop_map(|(subject, name)| {
            Event::SubjectRenamed(SubjectRenamed { subject, name })
        }),
    ]
    .boxed()
}

fn corrections() -> BoxedStrategy<Event<Text>> {
    let words = || option::of(text());
    let wording = (words(), words(), vec(figure(), 0..3), words())
        .prop_map(|(text, quote, figures, source)| Wording { text, quote, figures, source });
    let to = prop_oneof![
        decider().prop_map(Correction::DecidedBy),
        date().prop_map(Correction::DecidedOn),
        date().prop_map(Correction::EffectiveOn),
        id(ReasonCode::parse).prop_map(Correction::Reason),
        wording.prop_map(Correction::Transcription),
    ];
    let about = prop_oneof![
        id(AreaId::parse).prop_map(About::Area),
        id(EntryId::parse).prop_map(About::Entry),
        Just(About::Neither),
    ];
    (1_u64..9, about, 1_u64.., to)
        .prop_map(|(record, about, from, to)| {
            let (record, from) = (Position::new(record), Position::new(from));
            Event::RecordCorrected(RecordCorrected { record, about, from, to })
        })
        .boxed()
}

fn path() -> impl Strategy<Value = FieldPath> {
    let paths = prop::sample::select(vec!["rationale", "text", "figures/0/measure", "name"]);
    paths.prop_map(|it| FieldPath::parse(it).unwrap())
}

fn position() -> impl Strategy<Value = Position> {
    (1_u64..).prop_map(Position::new)
}

/// What erases texts.
pub(super) fn redactions() -> BoxedStrategy<Event<Text>> {
    let bases = || {
        prop::sample::select(vec![
            LegalBasis::ErasureRequest,
            LegalBasis::Objection,
            LegalBasis::CourtOrder,
            LegalBasis::RetentionExpired,
            LegalBasis::UnlawfullyRecorded,
            LegalBasis::Safeguarding,
        ])
    };
    let asked = (position(), hash(), path(), bases(), option::of(text()), text());
    let ordered = ((position(), position()), hash(), uuid(), path(), any::<[u8; 32]>(), bases());
    prop_oneof![
        asked.prop_map(|(record, record_hash, field, basis, reference, replacement)| {
            Event::RedactionRequested(RedactionRequested {
                record,
                record_hash,
                field,
                basis,
                reference,
                replacement,
            })
        }),
        ordered.prop_map(|((request, record), record_hash, id, field, commitment, basis)| {
            let record_id = RecordId::new(id);
            Event::TextRedacted(TextRedacted {
                request,
                record,
                record_hash,
                record_id,
                field,
                commitment,
                basis,
            })
        }),
        (position(), position(), path(), text()).prop_map(|(request, record, field, ground)| {
            Event::RedactionRefused(RedactionRefused { request, record, field, ground })
        }),
        (position(), position(), path(), any::<u64>()).prop_map(
            |(order, record, field, checkpoint_size)| {
                Event::RedactionCompleted(RedactionCompleted {
                    order,
                    record,
                    field,
                    checkpoint_size,
                })
            }
        ),
    ]
    .boxed()
}

/// The keys that the ledger signs with, and what was taken out of it.
pub(super) fn custody() -> BoxedStrategy<Event<Text>> {
    let key = "example\\.com/log\\+[0-9a-f]{8}\\+[A-Za-z0-9+/]{4,8}"
        .prop_map(|it| VerifierKey::parse(&it).unwrap());
    let changes = prop::sample::select(vec![KeyChange::Added, KeyChange::Retired]);
    let kinds = prop::sample::select(vec![
        AccessKind::Trail,
        AccessKind::EntryBundles,
        AccessKind::Case,
        AccessKind::Evidence,
        AccessKind::Stream,
        AccessKind::Letter,
        AccessKind::Openings,
    ]);
    let run = (position(), position()).prop_map(|(first, last)| Run { first, last });
    let taken = (kinds, option::of(id(StreamId::parse)), option::of(run), option::of(text()));
    prop_oneof![
        (key, changes).prop_map(|(key, change)| Event::KeyRotated(KeyRotated { key, change })),
        taken.prop_map(|(kind, of, records, purpose)| {
            Event::AccessRecorded(AccessRecorded { kind, of, records, purpose })
        }),
    ]
    .boxed()
}
