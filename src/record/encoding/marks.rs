//! What is noted beside grades and entries, as records hold it: holds, challenges, drafts.

use super::{
    Read, Stored,
    fields::{date, name, number, optional_name, store_date, store_name},
    malformed, read_all, read_required, store_all,
};
use crate::{
    judgement::{
        AreaId, AudienceDigest, ChallengeDecided, ChallengeId, ChallengeReceived, Challenged,
        DraftShared, EntryId, HoldId, HoldPlaced, HoldReleased, Label, Point, Position, StreamId,
        SubjectId, SubjectRenamed,
    },
    pb,
    record::{Commitment, encoding::Numbered},
};

impl Stored for HoldPlaced {
    type Message = pb::HoldPlaced;

    fn store(&self) -> pb::HoldPlaced {
        pb::HoldPlaced {
            hold: self.hold.to_string(),
            hold_kind: self.kind.number(),
            stops: self.stops.number(),
        }
    }

    fn read(message: &pb::HoldPlaced) -> Read<Self> {
        Ok(Self {
            hold: name(&message.hold, HoldId::parse, "HoldPlaced.hold")?,
            kind: number(message.hold_kind, "HoldPlaced.hold_kind")?,
            stops: number(message.stops, "HoldPlaced.stops")?,
        })
    }
}

impl Stored for HoldReleased {
    type Message = pb::HoldReleased;

    fn store(&self) -> pb::HoldReleased {
        pb::HoldReleased { hold: self.hold.to_string() }
    }

    fn read(message: &pb::HoldReleased) -> Read<Self> {
        Ok(Self { hold: name(&message.hold, HoldId::parse, "HoldReleased.hold")? })
    }
}

impl Stored for ChallengeReceived<Commitment> {
    type Message = pb::ChallengeReceived;

    fn store(&self) -> pb::ChallengeReceived {
        pb::ChallengeReceived {
            challenge: self.challenge.to_string(),
            received_from: Some(self.from.store()),
            challenge_kind: self.kind.number(),
            points: store_all(&self.points),
            due: self.due.map(store_date),
        }
    }

    fn read(message: &pb::ChallengeReceived) -> Read<Self> {
        Ok(Self {
            challenge: name(&message.challenge, ChallengeId::parse, "ChallengeReceived.challenge")?,
            from: read_required(message.received_from.as_ref(), "ChallengeReceived.received_from")?,
            kind: number(message.challenge_kind, "ChallengeReceived.challenge_kind")?,
            points: read_all(&message.points)?,
            due: date(message.due.as_ref(), "ChallengeReceived.due")?,
        })
    }
}

impl Stored for Point<Commitment> {
    type Message = pb::CommittedPoint;

    fn store(&self) -> pb::CommittedPoint {
        let (area, entry) = match &self.about {
            Challenged::Area(area) => (area.to_string(), String::new()),
            Challenged::Entry(entry) => (String::new(), entry.to_string()),
        };
        pb::CommittedPoint { area, entry, text: Some(self.text.store()) }
    }

    fn read(message: &pb::CommittedPoint) -> Read<Self> {
        let area = optional_name(&message.area, AreaId::parse, "CommittedPoint.area")?;
        let entry = optional_name(&message.entry, EntryId::parse, "CommittedPoint.entry")?;
        let about = match (area, entry) {
            (Some(area), None) => Challenged::Area(area),
            (None, Some(entry)) => Challenged::Entry(entry),
            (None, None) | (Some(_), Some(_)) => return Err(malformed("CommittedPoint.area")),
        };
        Ok(Self { about, text: read_required(message.text.as_ref(), "CommittedPoint.text")? })
    }
}

impl Stored for ChallengeDecided<Commitment> {
    type Message = pb::ChallengeDecided;

    fn store(&self) -> pb::ChallengeDecided {
        pb::ChallengeDecided {
            challenge: self.challenge.to_string(),
            point: self.point,
            outcome: self.outcome.number(),
            why: Some(self.why.store()),
        }
    }

    fn read(message: &pb::ChallengeDecided) -> Read<Self> {
        Ok(Self {
            challenge: name(&message.challenge, ChallengeId::parse, "ChallengeDecided.challenge")?,
            point: message.point,
            outcome: number(message.outcome, "ChallengeDecided.outcome")?,
            why: read_required(message.why.as_ref(), "ChallengeDecided.why")?,
        })
    }
}

impl Stored for DraftShared<Commitment> {
    type Message = pb::DraftShared;

    fn store(&self) -> pb::DraftShared {
        pb::DraftShared {
            recipient: Some(self.recipient.store()),
            position: self.position.get(),
            digest: Some(self.digest.store()),
        }
    }

    fn read(message: &pb::DraftShared) -> Read<Self> {
        Ok(Self {
            recipient: read_required(message.recipient.as_ref(), "DraftShared.recipient")?,
            position: Position::new(super::counted(message.position, "DraftShared.position")?),
            digest: read_required::<AudienceDigest>(message.digest.as_ref(), "DraftShared.digest")?,
        })
    }
}

impl Stored for SubjectRenamed {
    type Message = pb::SubjectRenamed;

    fn store(&self) -> pb::SubjectRenamed {
        pb::SubjectRenamed {
            subject: StreamId::Subject(self.subject.clone()).to_string(),
            display_name: store_name(Some(&self.name)),
        }
    }

    fn read(message: &pb::SubjectRenamed) -> Read<Self> {
        Ok(Self {
            subject: name(&message.subject, SubjectId::parse_name, "SubjectRenamed.subject")?,
            name: name(&message.display_name, Label::parse, "SubjectRenamed.display_name")?,
        })
    }
}
