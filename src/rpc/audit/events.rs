//! The names of events, as requests state them.

/// Every event that can be recorded so far. (Spec §4)
const EVENTS: [&str; 27] = [
    "PersonRegistered",
    "FrameworkRegistered",
    "SubjectRegistered",
    "AssessmentOpened",
    "AddresseeSet",
    "GradeSet",
    "EntryRecorded",
    "EntryRevised",
    "AssessmentLocked",
    "SignedOff",
    "AssessmentPublished",
    "SignOffRefused",
    "AssessmentReopened",
    "AssessmentWithdrawn",
    "HoldPlaced",
    "HoldReleased",
    "ChallengeReceived",
    "ChallengeDecided",
    "DraftShared",
    "RecordCorrected",
    "SubjectRenamed",
    "RedactionRequested",
    "TextRedacted",
    "RedactionRefused",
    "RedactionCompleted",
    "KeyRotated",
    "AccessRecorded",
];

/// The event of this name.
///
/// # Errors
/// What is wrong with a name that no event has.
pub(super) fn event(name: &str) -> Result<&'static str, String> {
    let found = EVENTS.into_iter().find(|event| *event == name);
    found.ok_or_else(|| format!("is no event; there are {}", EVENTS.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The arms of the stored `oneof` are the events; a new one must be listed here.
    #[test]
    fn every_event_that_can_be_stored_has_a_name_to_ask_for() {
        let pool = prost_reflect::DescriptorPool::decode(crate::pb::DESCRIPTORS).unwrap();
        let record = pool.get_message_by_name("judgement.ledger.v1.Record").unwrap();
        let oneof = record.oneofs().find(|oneof| oneof.name() == "event").unwrap();
        let stored: Vec<_> = oneof
            .fields()
            .map(|field| field.kind().as_message().unwrap().name().to_owned())
            .collect();
        assert_eq!(stored, EVENTS);
        assert_eq!(event("GradeSet"), Ok("GradeSet"));
        assert!(event("gradeset").unwrap_err().starts_with("is no event; there are Person"));
    }
}
