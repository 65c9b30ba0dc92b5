//! Events, as records hold them: one arm of the oneof for each version of each event.

use super::{
    Read, Stored,
    fields::{
        array, date, name, names, number, optional_name, optional_number, store_bytes, store_date,
        store_name, store_names, store_uuid, uuid,
    },
    malformed, read_all, read_optional, read_required, required, store_all, store_optional,
};
use crate::{
    judgement::{
        Addressee, AddresseeSet, AreaId, AssessmentId, AssessmentLocked, AssessmentOpened,
        AssessmentPublished, AudienceDigest, AudienceId, Award, Cycle, EntryId, EntryRecorded,
        EntryRevised, Event, FrameworkId, FrameworkRegistered, GradeSet, Label, LevelCode,
        OrganisationId, Period, PersonId, PersonRegistered, ScaleId, Signature, SignedOff,
        Standing, StreamId, SubjectId, SubjectRegistered,
    },
    merkle::Hash,
    pb::{self, record::Event as Arm},
    record::{Commitment, encoding::Numbered},
};

/// The newest arm of an event.
pub(super) fn store(event: &Event<Commitment>) -> Arm {
    match event {
        Event::PersonRegistered(event) => Arm::PersonRegistered(event.store()),
        Event::FrameworkRegistered(event) => Arm::FrameworkRegistered(event.store()),
        Event::SubjectRegistered(event) => Arm::SubjectRegistered(event.store()),
        Event::AssessmentOpened(event) => Arm::AssessmentOpened(event.store()),
        Event::AddresseeSet(event) => Arm::AddresseeSet(event.store()),
        Event::GradeSet(event) => Arm::GradeSet(event.store()),
        Event::EntryRecorded(event) => Arm::EntryRecorded(event.store()),
        Event::EntryRevised(event) => Arm::EntryRevised(event.store()),
        Event::AssessmentLocked(event) => Arm::AssessmentLocked(event.store()),
        Event::SignedOff(event) => Arm::SignedOff(event.store()),
        Event::AssessmentPublished(event) => Arm::AssessmentPublished(event.store()),
        Event::SignOffRefused(event) => Arm::SignOffRefused(event.store()),
        Event::AssessmentReopened(event) => Arm::AssessmentReopened(event.store()),
        Event::AssessmentWithdrawn(event) => Arm::AssessmentWithdrawn(event.store()),
        Event::HoldPlaced(event) => Arm::HoldPlaced(event.store()),
        Event::HoldReleased(event) => Arm::HoldReleased(event.store()),
        Event::ChallengeReceived(event) => Arm::ChallengeReceived(event.store()),
        Event::ChallengeDecided(event) => Arm::ChallengeDecided(event.store()),
        Event::DraftShared(event) => Arm::DraftShared(event.store()),
        Event::RecordCorrected(event) => Arm::RecordCorrected(event.store()),
        Event::SubjectRenamed(event) => Arm::SubjectRenamed(event.store()),
        Event::RedactionRequested(event) => Arm::RedactionRequested(event.store()),
        Event::TextRedacted(event) => Arm::TextRedacted(event.store()),
        Event::RedactionRefused(event) => Arm::RedactionRefused(event.store()),
        Event::RedactionCompleted(event) => Arm::RedactionCompleted(event.store()),
        Event::KeyRotated(event) => Arm::KeyRotated(event.store()),
        Event::AccessRecorded(event) => Arm::AccessRecorded(event.store()),
    }
}

/// The event of any arm ever written, in its newest shape.
pub(super) fn read(arm: &Arm) -> Read<Event<Commitment>> {
    Ok(match arm {
        Arm::PersonRegistered(v1) => Event::PersonRegistered(Stored::read(v1)?),
        Arm::FrameworkRegistered(v1) => Event::FrameworkRegistered(Stored::read(v1)?),
        Arm::SubjectRegistered(v1) => Event::SubjectRegistered(Stored::read(v1)?),
        Arm::AssessmentOpened(v1) => Event::AssessmentOpened(Stored::read(v1)?),
        Arm::AddresseeSet(v1) => Event::AddresseeSet(Stored::read(v1)?),
        Arm::GradeSet(v1) => Event::GradeSet(Stored::read(v1)?),
        Arm::EntryRecorded(v1) => Event::EntryRecorded(Stored::read(v1)?),
        Arm::EntryRevised(v1) => Event::EntryRevised(Stored::read(v1)?),
        Arm::AssessmentLocked(v1) => Event::AssessmentLocked(Stored::read(v1)?),
        Arm::SignedOff(v1) => Event::SignedOff(Stored::read(v1)?),
        Arm::AssessmentPublished(v1) => Event::AssessmentPublished(Stored::read(v1)?),
        Arm::SignOffRefused(v1) => Event::SignOffRefused(Stored::read(v1)?),
        Arm::AssessmentReopened(v1) => Event::AssessmentReopened(Stored::read(v1)?),
        Arm::AssessmentWithdrawn(v1) => Event::AssessmentWithdrawn(Stored::read(v1)?),
        Arm::HoldPlaced(v1) => Event::HoldPlaced(Stored::read(v1)?),
        Arm::HoldReleased(v1) => Event::HoldReleased(Stored::read(v1)?),
        Arm::ChallengeReceived(v1) => Event::ChallengeReceived(Stored::read(v1)?),
        Arm::ChallengeDecided(v1) => Event::ChallengeDecided(Stored::read(v1)?),
        Arm::DraftShared(v1) => Event::DraftShared(Stored::read(v1)?),
        Arm::RecordCorrected(v1) => Event::RecordCorrected(Stored::read(v1)?),
        Arm::SubjectRenamed(v1) => Event::SubjectRenamed(Stored::read(v1)?),
        Arm::RedactionRequested(v1) => Event::RedactionRequested(Stored::read(v1)?),
        Arm::TextRedacted(v1) => Event::TextRedacted(Stored::read(v1)?),
        Arm::RedactionRefused(v1) => Event::RedactionRefused(Stored::read(v1)?),
        Arm::RedactionCompleted(v1) => Event::RedactionCompleted(Stored::read(v1)?),
        Arm::KeyRotated(v1) => Event::KeyRotated(Stored::read(v1)?),
        Arm::AccessRecorded(v1) => Event::AccessRecorded(Stored::read(v1)?),
    })
}

impl Stored for PersonRegistered<Commitment> {
    type Message = pb::PersonRegistered;

    fn store(&self) -> pb::PersonRegistered {
        pb::PersonRegistered {
            person: store_uuid(self.person.uuid()),
            organisation: self.organisation.to_string(),
            name: Some(self.name.store()),
        }
    }

    fn read(message: &pb::PersonRegistered) -> Read<Self> {
        Ok(Self {
            person: PersonId::new(uuid(&message.person, "PersonRegistered.person")?),
            organisation: name(
                &message.organisation,
                OrganisationId::parse,
                "PersonRegistered.organisation",
            )?,
            name: read_required(message.name.as_ref(), "PersonRegistered.name")?,
        })
    }
}

impl Stored for FrameworkRegistered {
    type Message = pb::FrameworkRegistered;

    fn store(&self) -> pb::FrameworkRegistered {
        pb::FrameworkRegistered {
            framework: self.framework.to_string(),
            document_sha256: store_bytes(&self.document),
        }
    }

    fn read(message: &pb::FrameworkRegistered) -> Read<Self> {
        Ok(Self {
            framework: name(
                &message.framework,
                FrameworkId::parse,
                "FrameworkRegistered.framework",
            )?,
            document: array(&message.document_sha256, "FrameworkRegistered.document_sha256")?,
        })
    }
}

impl Stored for SubjectRegistered {
    type Message = pb::SubjectRegistered;

    fn store(&self) -> pb::SubjectRegistered {
        pb::SubjectRegistered {
            subject: StreamId::Subject(self.subject.clone()).to_string(),
            display_name: self.name.to_string(),
            subject_kind: self.kind.to_string(),
        }
    }

    fn read(message: &pb::SubjectRegistered) -> Read<Self> {
        Ok(Self {
            subject: name(&message.subject, SubjectId::parse_name, "SubjectRegistered.subject")?,
            name: name(&message.display_name, Label::parse, "SubjectRegistered.display_name")?,
            kind: name(&message.subject_kind, Label::parse, "SubjectRegistered.subject_kind")?,
        })
    }
}

impl Stored for AssessmentOpened<Commitment> {
    type Message = pb::AssessmentOpened;

    fn store(&self) -> pb::AssessmentOpened {
        pb::AssessmentOpened {
            framework: self.framework.to_string(),
            cycle: self.cycle.to_string(),
            periods: store_all(&self.periods),
            addressee: store_optional(self.addressee.as_ref()),
            earlier: store_names(&self.earlier),
        }
    }

    fn read(message: &pb::AssessmentOpened) -> Read<Self> {
        Ok(Self {
            framework: name(&message.framework, FrameworkId::parse, "AssessmentOpened.framework")?,
            cycle: name(&message.cycle, Cycle::parse, "AssessmentOpened.cycle")?,
            periods: read_all(&message.periods)?,
            addressee: read_optional(message.addressee.as_ref())?,
            earlier: names(&message.earlier, AssessmentId::parse, "AssessmentOpened.earlier")?,
        })
    }
}

impl Stored for Period {
    type Message = pb::Period;

    fn store(&self) -> pb::Period {
        pb::Period { first_day: Some(store_date(self.from)), last_day: Some(store_date(self.to)) }
    }

    fn read(message: &pb::Period) -> Read<Self> {
        let first = date(message.first_day.as_ref(), "Period.first_day")?;
        let last = date(message.last_day.as_ref(), "Period.last_day")?;
        Ok(Self {
            from: required(first, "Period.first_day")?,
            to: required(last, "Period.last_day")?,
        })
    }
}

impl Stored for Addressee<Commitment> {
    type Message = pb::CommittedAddressee;

    fn store(&self) -> pb::CommittedAddressee {
        pb::CommittedAddressee {
            name: Some(self.name.store()),
            role: store_optional(self.role.as_ref()),
            organisation: store_optional(self.organisation.as_ref()),
            lines: store_all(&self.lines),
        }
    }

    fn read(message: &pb::CommittedAddressee) -> Read<Self> {
        Ok(Self {
            name: read_required(message.name.as_ref(), "CommittedAddressee.name")?,
            role: read_optional(message.role.as_ref())?,
            organisation: read_optional(message.organisation.as_ref())?,
            lines: read_all(&message.lines)?,
        })
    }
}

impl Stored for AddresseeSet<Commitment> {
    type Message = pb::AddresseeSet;

    fn store(&self) -> pb::AddresseeSet {
        pb::AddresseeSet { addressee: Some(self.addressee.store()) }
    }

    fn read(message: &pb::AddresseeSet) -> Read<Self> {
        let addressee = read_required(message.addressee.as_ref(), "AddresseeSet.addressee")?;
        Ok(Self { addressee })
    }
}

impl Stored for GradeSet<Commitment> {
    type Message = pb::GradeSet;

    fn store(&self) -> pb::GradeSet {
        pb::GradeSet {
            area: self.area.to_string(),
            standing: Some(self.award.standing.store()),
            qualifier: store_optional(self.award.qualifier.as_ref()),
            change: self.change.number(),
            before: store_optional(self.before.as_ref()),
        }
    }

    fn read(message: &pb::GradeSet) -> Read<Self> {
        Ok(Self {
            area: name(&message.area, AreaId::parse, "GradeSet.area")?,
            award: Award {
                standing: read_required(message.standing.as_ref(), "GradeSet.standing")?,
                qualifier: read_optional(message.qualifier.as_ref())?,
            },
            change: number(message.change, "GradeSet.change")?,
            before: read_optional(message.before.as_ref())?,
        })
    }
}

impl Stored for Standing {
    type Message = pb::Standing;

    fn store(&self) -> pb::Standing {
        match self {
            Self::Level { scale, level, word } => pb::Standing {
                scale: scale.to_string(),
                level: level.to_string(),
                word: store_name(word.as_ref()),
                not_graded: 0,
            },
            Self::NotGraded(value) => {
                pb::Standing { not_graded: value.number(), ..pb::Standing::default() }
            }
        }
    }

    fn read(message: &pb::Standing) -> Read<Self> {
        let graded = [&message.scale, &message.level, &message.word];
        match optional_number(message.not_graded, "Standing.not_graded")? {
            Some(value) if graded.iter().all(|field| field.is_empty()) => {
                Ok(Self::NotGraded(value))
            }
            Some(_) => Err(malformed("Standing.not_graded")),
            None => Ok(Self::Level {
                scale: name(&message.scale, ScaleId::parse, "Standing.scale")?,
                level: name(&message.level, LevelCode::parse, "Standing.level")?,
                word: optional_name(&message.word, Label::parse, "Standing.word")?,
            }),
        }
    }
}

impl Stored for EntryRecorded<Commitment> {
    type Message = pb::EntryRecorded;

    fn store(&self) -> pb::EntryRecorded {
        pb::EntryRecorded { entry: self.entry.to_string(), content: Some(self.content.store()) }
    }

    fn read(message: &pb::EntryRecorded) -> Read<Self> {
        Ok(Self {
            entry: name(&message.entry, EntryId::parse, "EntryRecorded.entry")?,
            content: read_required(message.content.as_ref(), "EntryRecorded.content")?,
        })
    }
}

impl Stored for EntryRevised<Commitment> {
    type Message = pb::EntryRevised;

    fn store(&self) -> pb::EntryRevised {
        pb::EntryRevised {
            entry: self.entry.to_string(),
            content: store_optional(self.content.as_ref()),
        }
    }

    fn read(message: &pb::EntryRevised) -> Read<Self> {
        Ok(Self {
            entry: name(&message.entry, EntryId::parse, "EntryRevised.entry")?,
            content: read_optional(message.content.as_ref())?,
        })
    }
}

impl Stored for AssessmentLocked {
    type Message = pb::AssessmentLocked;

    fn store(&self) -> pb::AssessmentLocked {
        pb::AssessmentLocked { edition: self.edition, digest: store_bytes(self.digest.as_bytes()) }
    }

    fn read(message: &pb::AssessmentLocked) -> Read<Self> {
        Ok(Self {
            edition: message.edition,
            digest: Hash::new(array(&message.digest, "AssessmentLocked.digest")?),
        })
    }
}

impl Stored for SignedOff<Commitment> {
    type Message = pb::SignedOff;

    fn store(&self) -> pb::SignedOff {
        pb::SignedOff {
            organisation: self.organisation.to_string(),
            edition: self.edition,
            digest: store_bytes(self.digest.as_bytes()),
            signature: Some(self.signature.store()),
        }
    }

    fn read(message: &pb::SignedOff) -> Read<Self> {
        Ok(Self {
            organisation: name(
                &message.organisation,
                OrganisationId::parse,
                "SignedOff.organisation",
            )?,
            edition: message.edition,
            digest: Hash::new(array(&message.digest, "SignedOff.digest")?),
            signature: read_required(message.signature.as_ref(), "SignedOff.signature")?,
        })
    }
}

impl Stored for Signature<Commitment> {
    type Message = pb::CommittedSignature;

    fn store(&self) -> pb::CommittedSignature {
        pb::CommittedSignature {
            name: Some(self.name.store()),
            role: store_optional(self.role.as_ref()),
            organisation: store_optional(self.organisation.as_ref()),
            transcribed: store_optional(self.transcribed.as_ref()),
        }
    }

    fn read(message: &pb::CommittedSignature) -> Read<Self> {
        Ok(Self {
            name: read_required(message.name.as_ref(), "CommittedSignature.name")?,
            role: read_optional(message.role.as_ref())?,
            organisation: read_optional(message.organisation.as_ref())?,
            transcribed: read_optional(message.transcribed.as_ref())?,
        })
    }
}

impl Stored for AssessmentPublished {
    type Message = pb::AssessmentPublished;

    fn store(&self) -> pb::AssessmentPublished {
        pb::AssessmentPublished {
            edition: self.edition,
            letter_date: Some(store_date(self.letter_date)),
            digest: store_bytes(self.digest.as_bytes()),
            audiences: store_all(&self.audiences),
        }
    }

    fn read(message: &pb::AssessmentPublished) -> Read<Self> {
        let letter_date = date(message.letter_date.as_ref(), "AssessmentPublished.letter_date")?;
        Ok(Self {
            edition: message.edition,
            letter_date: required(letter_date, "AssessmentPublished.letter_date")?,
            digest: Hash::new(array(&message.digest, "AssessmentPublished.digest")?),
            audiences: read_all(&message.audiences)?,
        })
    }
}

impl Stored for AudienceDigest {
    type Message = pb::AudienceDigest;

    fn store(&self) -> pb::AudienceDigest {
        pb::AudienceDigest {
            audience: self.audience.to_string(),
            salt: store_bytes(&self.salt),
            root: store_bytes(self.root.as_bytes()),
        }
    }

    fn read(message: &pb::AudienceDigest) -> Read<Self> {
        Ok(Self {
            audience: name(&message.audience, AudienceId::parse, "AudienceDigest.audience")?,
            salt: array(&message.salt, "AudienceDigest.salt")?,
            root: Hash::new(array(&message.root, "AudienceDigest.root")?),
        })
    }
}
