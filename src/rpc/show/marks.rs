//! What is noted beside grades and entries: holds, challenges, drafts.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::{
    Records,
    value::{date, text, timestamp},
};
use crate::{
    judgement::{
        Assessment, Challenge, ChallengeDecided, ChallengeId, ChallengeReceived, Challenged, Draft,
        DraftShared, Event, Hold, HoldId, Position, Raised,
    },
    ledger::{ReadError, ReadRecord, Shown},
    pb,
    record::{Numbered, Record},
};

/// The records that hold the texts of challenges and drafts.
pub(super) fn needs(assessment: &Assessment) -> BTreeSet<Position> {
    let mut needs: BTreeSet<Position> = assessment.drafts.iter().map(|it| it.item.at).collect();
    for challenge in assessment.challenges.values() {
        needs.insert(challenge.item.at);
        let decided = challenge.points.iter().filter_map(|point| point.decided);
        needs.extend(decided.map(|(item, _)| item.at));
    }
    needs
}

/// The holds, released ones included.
pub(super) fn holds(assessment: &Assessment) -> Vec<pb::Hold> {
    assessment.holds.iter().map(|(id, it)| hold(id, it)).collect()
}

/// A hold as it stands.
pub(super) fn hold(id: &HoldId, hold: &Hold) -> pb::Hold {
    pb::Hold {
        hold_id: id.to_string(),
        kind: hold.kind.number(),
        stops: hold.stops.number(),
        position: hold.placed.at.get(),
        released_at: hold.released.map_or(0, |it| it.at.get()),
    }
}

/// The challenges with their texts, in the order of their receipt.
pub(super) fn challenges(
    assessment: &Assessment,
    records: &Records,
) -> Result<Vec<pb::Challenge>, ReadError> {
    let mut challenges: Vec<_> = assessment.challenges.iter().collect();
    challenges.sort_by_key(|(_, it)| it.item.at);
    challenges.into_iter().map(|(id, it)| with_texts(id, it, records)).collect()
}

fn with_texts(
    id: &ChallengeId,
    challenge: &Challenge,
    records: &Records,
) -> Result<pb::Challenge, ReadError> {
    let mut shown = without_texts(id, challenge);
    let record = at(records, challenge.item.at)?;
    let Event::ChallengeReceived(received) = &record.event else {
        return Err(ReadError::other(&record.record, "a challenge"));
    };
    shown.received_from = Some(text(&received.from));
    let points = received.points.iter().zip(&challenge.points);
    for (point, (said, raised)) in shown.points.iter_mut().zip(points) {
        point.text = Some(text(&said.text));
        let Some((item, _)) = raised.decided else { continue };
        let decision = at(records, item.at)?;
        let Event::ChallengeDecided(decided) = &decision.event else {
            return Err(ReadError::other(&decision.record, "a decision on a challenge"));
        };
        point.why = Some(text(&decided.why));
    }
    Ok(shown)
}

/// A challenge as the fold holds it: its texts are found in the records.
fn without_texts(id: &ChallengeId, challenge: &Challenge) -> pb::Challenge {
    pb::Challenge {
        challenge_id: id.to_string(),
        received_from: None,
        kind: challenge.kind.number(),
        due: challenge.due.map(date),
        position: challenge.item.at.get(),
        points: (1..).zip(&challenge.points).map(|(number, it)| raised(number, it)).collect(),
    }
}

fn raised(number: u32, raised: &Raised) -> pb::ChallengePoint {
    let (area, entry) = about(&raised.about);
    pb::ChallengePoint {
        number,
        area,
        entry,
        text: None,
        against: raised.against.map_or(0, |it| it.at.get()),
        outcome: raised.decided.map_or(0, |(_, outcome)| outcome.number()),
        decided_at: raised.decided.map_or(0, |(item, _)| item.at.get()),
        why: None,
    }
}

fn about(about: &Challenged) -> (String, String) {
    match about {
        Challenged::Area(area) => (area.to_string(), String::new()),
        Challenged::Entry(entry) => (String::new(), entry.to_string()),
    }
}

/// The challenges to what a record says, each with its points against that record alone.
pub(super) fn against(assessment: &Assessment, record: Position) -> Vec<pb::Challenge> {
    let at = record.get();
    let mut found = Vec::new();
    for (id, challenge) in &assessment.challenges {
        let mut shown = without_texts(id, challenge);
        shown.points.retain(|point| point.against == at);
        if !shown.points.is_empty() {
            found.push(shown);
        }
    }
    found.sort_by_key(|it| it.position);
    found
}

/// What a record says of a challenge that was received.
pub(super) fn received(record: &Record, received: &ChallengeReceived<Shown>) -> pb::Challenge {
    let point = |(number, it): (u32, &crate::judgement::Point<Shown>)| {
        let (area, entry) = about(&it.about);
        let text = Some(text(&it.text));
        pb::ChallengePoint { number, area, entry, text, ..pb::ChallengePoint::default() }
    };
    pb::Challenge {
        challenge_id: received.challenge.to_string(),
        received_from: Some(text(&received.from)),
        kind: received.kind.number(),
        due: received.due.map(date),
        position: record.position.get(),
        points: (1..).zip(&received.points).map(point).collect(),
    }
}

/// What a record says of a point that was decided on.
pub(super) fn decided(record: &Record, decided: &ChallengeDecided<Shown>) -> pb::Challenge {
    let point = pb::ChallengePoint {
        number: decided.point,
        outcome: decided.outcome.number(),
        decided_at: record.position.get(),
        why: Some(text(&decided.why)),
        ..pb::ChallengePoint::default()
    };
    pb::Challenge {
        challenge_id: decided.challenge.to_string(),
        points: vec![point],
        ..pb::Challenge::default()
    }
}

/// The drafts that were shared, in the order in which they were.
pub(super) fn drafts(
    assessment: &Assessment,
    records: &Records,
) -> Result<Vec<pb::Draft>, ReadError> {
    let numbered = (1..).zip(&assessment.drafts);
    let draft = |(number, it): (u32, &Draft)| {
        let record = at(records, it.item.at)?;
        let Event::DraftShared(shared) = &record.event else {
            return Err(ReadError::other(&record.record, "a draft"));
        };
        Ok(pb::Draft { number, ..shared_draft(&record.record, shared) })
    };
    numbered.map(draft).collect()
}

/// A draft as a record says that it was shared.
pub(super) fn shared_draft(record: &Record, shared: &DraftShared<Shown>) -> pb::Draft {
    pb::Draft {
        number: 0,
        recipient: Some(text(&shared.recipient)),
        audience: shared.digest.audience.to_string(),
        known_at_position: shared.position.get(),
        salt: Bytes::copy_from_slice(&shared.digest.salt),
        root: Bytes::copy_from_slice(shared.digest.root.as_bytes()),
        position: record.position.get(),
        recorded_at: Some(timestamp(record.recorded_at)),
    }
}

fn at(records: &Records, position: Position) -> Result<&ReadRecord, ReadError> {
    records.get(&position).ok_or(ReadError::NoRecord(position))
}
