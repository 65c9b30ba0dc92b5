//! The circumstances of a command, as a record holds them.

use super::{
    Read, Stored, array,
    fields::{date, name, optional_number, store_bytes, store_date, store_uuid, uuid},
    malformed, read_optional, read_required, store_optional,
};
use crate::{
    judgement::{
        Decider, Deciding, EntryId, EvidenceRef, OrganisationId, Origin, Panel, PersonId, Position,
        Role,
    },
    pb::{self, committed_decider::Who},
    record::{Commitment, encoding::Numbered},
};

impl Stored for Decider<Commitment> {
    type Message = pb::CommittedDecider;

    fn store(&self) -> pb::CommittedDecider {
        pb::CommittedDecider {
            role: Numbered::store_optional(self.role),
            organisation: self.organisation.to_string(),
            who: Some(match &self.who {
                Deciding::Person(person) => Who::Person(store_uuid(person.uuid())),
                Deciding::Panel(panel) => Who::Panel(panel.store()),
            }),
        }
    }

    fn read(message: &pb::CommittedDecider) -> Read<Self> {
        Ok(Self {
            who: match &message.who {
                Some(Who::Person(person)) => {
                    Deciding::Person(PersonId::new(uuid(person, "CommittedDecider.person")?))
                }
                Some(Who::Panel(panel)) => Deciding::Panel(Panel::read(panel)?),
                None => return Err(malformed("CommittedDecider.who")),
            },
            role: optional_number::<Role>(message.role, "CommittedDecider.role")?,
            organisation: name(
                &message.organisation,
                OrganisationId::parse,
                "CommittedDecider.organisation",
            )?,
        })
    }
}

impl Stored for Panel<Commitment> {
    type Message = pb::CommittedPanel;

    fn store(&self) -> pb::CommittedPanel {
        pb::CommittedPanel {
            name: Some(self.name.store()),
            members: self.members.iter().map(|member| store_uuid(member.uuid())).collect(),
            meeting: self.meeting.map(store_date),
            minutes: store_optional(self.minutes.as_ref()),
        }
    }

    fn read(message: &pb::CommittedPanel) -> Read<Self> {
        let member = |member: &bytes::Bytes| uuid(member, "CommittedPanel.members");
        Ok(Self {
            name: read_required(message.name.as_ref(), "CommittedPanel.name")?,
            members: message
                .members
                .iter()
                .map(|bytes| member(bytes).map(PersonId::new))
                .collect::<Read<_>>()?,
            meeting: date(message.meeting.as_ref(), "CommittedPanel.meeting")?,
            minutes: read_optional(message.minutes.as_ref())?,
        })
    }
}

impl Stored for EvidenceRef {
    type Message = pb::EvidenceReference;

    fn store(&self) -> pb::EvidenceReference {
        pb::EvidenceReference { entry: self.entry.to_string(), position: self.at.get() }
    }

    fn read(message: &pb::EvidenceReference) -> Read<Self> {
        Ok(Self {
            entry: name(&message.entry, EntryId::parse, "EvidenceReference.entry")?,
            at: Position::new(message.position),
        })
    }
}

/// What was witnessed has no transcription.
pub(super) fn store_origin(origin: &Origin<Commitment>) -> Option<pb::CommittedTranscription> {
    match origin {
        Origin::Witnessed => None,
        Origin::Transcribed { source, sha256 } => Some(pb::CommittedTranscription {
            source: Some(source.store()),
            sha256: sha256.as_ref().map(|sha256| store_bytes(sha256)).unwrap_or_default(),
        }),
    }
}

pub(super) fn read_origin(
    message: Option<&pb::CommittedTranscription>,
) -> Read<Origin<Commitment>> {
    let Some(message) = message else { return Ok(Origin::Witnessed) };
    let sha256 = match message.sha256.len() {
        0 => None,
        _ => Some(array(&message.sha256, "CommittedTranscription.sha256")?),
    };
    let source = read_required(message.source.as_ref(), "CommittedTranscription.source")?;
    Ok(Origin::Transcribed { source, sha256 })
}
