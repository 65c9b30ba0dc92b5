//! What holds of every message that a record can reach, asked of the descriptors.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor};

use crate::pb;

const PACKAGE: &str = "judgement.ledger.v1";

/// Every string that a record holds, with the reason why it can never be a person's writing: an
/// id or code has a fixed alphabet and no space, a name is made of ids, a label is registered
/// reference data, a number is digits, a path is made of names of fields, a key is public and drawn.
const STRINGS: &[(&str, &str)] = &[
    ("AccessRecorded.of", "name"),
    ("AssessmentOpened.cycle", "id"),
    ("AssessmentOpened.earlier", "name"),
    ("AssessmentOpened.framework", "name"),
    ("AssessmentWithdrawn.fallback", "name"),
    ("AudienceDigest.audience", "id"),
    ("ChallengeDecided.challenge", "id"),
    ("ChallengeReceived.challenge", "id"),
    ("CommittedComparator.comparator_kind", "code"),
    ("CommittedDecider.organisation", "id"),
    ("CommittedEntryContent.area", "id"),
    ("CommittedEntryContent.paragraph", "id"),
    ("CommittedEntryContent.relates_to", "id"),
    ("CommittedEntryContent.section", "id"),
    ("CommittedFollowUp.assessment", "name"),
    ("CommittedFollowUp.carried_to", "id"),
    ("CommittedFollowUp.item", "id"),
    ("CommittedPoint.area", "id"),
    ("CommittedPoint.entry", "id"),
    ("Decimal.value", "number"),
    ("EntryRecorded.entry", "id"),
    ("EntryRevised.entry", "id"),
    ("EvidenceReference.entry", "id"),
    ("FrameworkRegistered.framework", "name"),
    ("GradeSet.area", "id"),
    ("HoldPlaced.hold", "id"),
    ("HoldReleased.hold", "id"),
    ("KeyRotated.vkey", "key"),
    ("PersonRegistered.organisation", "id"),
    ("Record.reason", "code"),
    ("Record.stream", "name"),
    ("RecordCorrected.area", "id"),
    ("RecordCorrected.entry", "id"),
    ("RecordCorrected.reason", "code"),
    ("Recorder.organisation", "id"),
    ("RedactionCompleted.field", "path"),
    ("RedactionRefused.field", "path"),
    ("RedactionRequested.field", "path"),
    ("SignOffRefused.organisation", "id"),
    ("SignedOff.organisation", "id"),
    ("Standing.level", "code"),
    ("Standing.scale", "id"),
    ("Standing.word", "label"),
    ("SubjectRegistered.display_name", "label"),
    ("SubjectRegistered.subject", "name"),
    ("SubjectRegistered.subject_kind", "label"),
    ("SubjectRenamed.display_name", "label"),
    ("SubjectRenamed.subject", "name"),
    ("TextRedacted.field", "path"),
];

fn pool() -> DescriptorPool {
    DescriptorPool::decode(pb::DESCRIPTORS).unwrap()
}

/// Every field that a record can reach, as `Message.field`.
fn reachable() -> BTreeMap<String, FieldDescriptor> {
    let record = pool().get_message_by_name(&format!("{PACKAGE}.Record")).unwrap();
    let mut waiting: Vec<MessageDescriptor> = vec![record];
    let mut fields = BTreeMap::new();
    while let Some(message) = waiting.pop() {
        for field in message.fields() {
            let name = format!("{}.{}", message.name(), field.name());
            let new = fields.insert(name, field.clone()).is_none();
            waiting.extend(field.kind().as_message().filter(|_| new).cloned());
        }
    }
    fields
}

/// The `kind` option of a field; 0 if it has none.
fn mark(field: &FieldDescriptor) -> i32 {
    let kind = pool().get_extension_by_name(&format!("{PACKAGE}.kind")).unwrap();
    assert_eq!(kind.number(), 50_600);
    field.options().get_extension(&kind).as_enum_number().unwrap()
}

fn is_ours(field: &FieldDescriptor) -> bool {
    field.parent_message().package_name() == PACKAGE
}

#[test]
fn every_field_of_a_record_is_structural_or_text() {
    let structural = i32::from(pb::FieldKind::Structural);
    let text = i32::from(pb::FieldKind::Text);
    for (name, field) in reachable().iter().filter(|(_, field)| is_ours(field)) {
        let kind = field.kind();
        let committed = kind.as_message().is_some_and(|it| it.name() == "TextCommitment");
        assert_eq!(mark(field), if committed { text } else { structural }, "{name}");
    }
}

#[test]
fn every_string_of_a_record_has_a_reason() {
    let fields = reachable();
    let strings = fields.iter().filter(|(_, field)| field.kind() == Kind::String);
    let held: BTreeSet<_> = strings.map(|(name, _)| name.as_str()).collect();
    let argued: BTreeSet<_> = STRINGS.iter().map(|(name, _)| *name).collect();
    assert_eq!(held, argued);
}

#[test]
fn a_record_has_neither_maps_nor_floats_nor_messages_of_no_known_shape() {
    for (name, field) in reachable() {
        let vague = matches!(field.kind(), Kind::Double | Kind::Float);
        assert!(!vague && !field.is_map() && !field.is_group(), "{name}");
        let package = field.parent_message().package_name().to_owned();
        let known = [PACKAGE, "google.type", "google.protobuf"].contains(&package.as_str());
        assert!(known, "{name} is of {package}");
    }
}
