//! Orders that note something beside grades and entries, or correct a record.

use super::{
    At, Names, Read,
    act::decider,
    closed::one_of,
    content::wording,
    value::{date, date_if_any, edition, expected, id, typed},
};
use crate::{
    judgement::{
        AreaId, AssessmentOrder, AudienceId, ChallengeId, Challenged, CorrectRecord, Correction,
        DecideChallenge, EntryId, HoldId, PlaceHold, Point, Position, ReasonCode, ReceiveChallenge,
        ReleaseHold, ShareDraft, Text,
    },
    pb::{self, stated_correction::Field, stated_point::About},
};

/// The most points of one challenge: each has a text of its own beside the record.
const POINTS_MAX: usize = 1_000;

pub(super) fn place_hold(at: &At<'_>, given: &pb::PlaceHoldRequest) -> Read<AssessmentOrder<Text>> {
    let hold = id(&at.field("hold_id"), &given.hold_id, HoldId::parse);
    let kind = one_of(&at.field("kind"), given.kind);
    let stops = one_of(&at.field("stops"), given.stops);
    Ok(AssessmentOrder::PlaceHold(PlaceHold { hold: hold?, kind: kind?, stops: stops? }))
}

pub(super) fn release_hold(
    at: &At<'_>,
    given: &pb::ReleaseHoldRequest,
) -> Read<AssessmentOrder<Text>> {
    let hold = id(&at.field("hold_id"), &given.hold_id, HoldId::parse);
    let expected = expected(&at.field("expected"), given.expected.as_ref());
    Ok(AssessmentOrder::ReleaseHold(ReleaseHold { hold: hold?, expected: expected? }))
}

pub(super) fn receive_challenge(
    at: &At<'_>,
    given: &pb::ReceiveChallengeRequest,
) -> Read<AssessmentOrder<Text>> {
    let challenge = id(&at.field("challenge_id"), &given.challenge_id, ChallengeId::parse);
    let from = typed(&at.field("received_from"), &given.received_from);
    let kind = one_of(&at.field("kind"), given.kind);
    let points = points(&at.field("points"), &given.points);
    let due = date_if_any(&at.field("due"), given.due);
    Ok(AssessmentOrder::ReceiveChallenge(ReceiveChallenge {
        challenge: challenge?,
        from: from?,
        kind: kind?,
        points: points?,
        due: due?,
    }))
}

fn points(at: &At<'_>, given: &[pb::StatedPoint]) -> Read<Vec<Point<Text>>> {
    let count = given.len();
    if count > POINTS_MAX {
        return Err(at.violated(format_args!("has {count}; at most {POINTS_MAX} are taken")));
    }
    at.required((count > 0).then_some(()))?;
    at.each(given, point)
}

fn point(at: &At<'_>, given: &pb::StatedPoint) -> Read<Point<Text>> {
    let about = match &given.about {
        Some(About::Area(area)) => id(&at.field("area"), area, AreaId::parse).map(Challenged::Area),
        Some(About::Entry(entry)) => {
            id(&at.field("entry"), entry, EntryId::parse).map(Challenged::Entry)
        }
        None => Err(at.violated("needs an area or an entry")),
    };
    let text = typed(&at.field("text"), &given.text);
    Ok(Point { about: about?, text: text? })
}

pub(super) fn decide_challenge(
    at: &At<'_>,
    given: &pb::DecideChallengeRequest,
) -> Read<AssessmentOrder<Text>> {
    let challenge = id(&at.field("challenge_id"), &given.challenge_id, ChallengeId::parse);
    let point = edition(&at.field("point"), given.point);
    let outcome = one_of(&at.field("outcome"), given.outcome);
    let why = typed(&at.field("why"), &given.why);
    let expected = expected(&at.field("expected"), given.expected.as_ref());
    Ok(AssessmentOrder::DecideChallenge(DecideChallenge {
        challenge: challenge?,
        point: point?,
        outcome: outcome?,
        why: why?,
        expected: expected?,
    }))
}

pub(super) fn share_draft(
    at: &At<'_>,
    given: &pb::ShareDraftRequest,
) -> Read<AssessmentOrder<Text>> {
    let recipient = typed(&at.field("recipient"), &given.recipient);
    let audience = id(&at.field("audience"), &given.audience, AudienceId::parse);
    let position = (given.known_at_position != 0).then(|| Position::new(given.known_at_position));
    Ok(AssessmentOrder::ShareDraft(ShareDraft {
        recipient: recipient?,
        position,
        audience: audience?,
    }))
}

pub(super) fn correct_record(
    at: &At<'_>,
    given: &pb::CorrectRecordRequest,
    names: &mut Names<'_>,
) -> Read<AssessmentOrder<Text>> {
    let record = at.field("position").required((given.position != 0).then_some(given.position));
    let to = correction(&at.field("to"), given.to.as_ref(), names);
    let expected = expected(&at.field("expected"), given.expected.as_ref());
    Ok(AssessmentOrder::Correct(CorrectRecord {
        record: Position::new(record?),
        to: to?,
        expected: expected?,
    }))
}

fn correction(
    at: &At<'_>,
    given: Option<&pb::StatedCorrection>,
    names: &mut Names<'_>,
) -> Read<Correction<Text>> {
    let given = at.required(given)?;
    match &given.field {
        Some(Field::DecidedBy(stated)) => {
            let at = at.field("decided_by");
            let decider = decider(&at, Some(stated), names)?;
            at.required(decider).map(Correction::DecidedBy)
        }
        Some(Field::DecidedOn(day)) => {
            date(&at.field("decided_on"), Some(*day)).map(Correction::DecidedOn)
        }
        Some(Field::EffectiveOn(day)) => {
            date(&at.field("effective_on"), Some(*day)).map(Correction::EffectiveOn)
        }
        Some(Field::Reason(reason)) => {
            id(&at.field("reason"), reason, ReasonCode::parse).map(Correction::Reason)
        }
        Some(Field::Transcription(stated)) => {
            wording(&at.field("transcription"), stated).map(Correction::Transcription)
        }
        Some(Field::Grade(_)) => Err(at.field("grade").violated("is set anew, not corrected")),
        Some(Field::Area(_)) => Err(at.field("area").violated("is set anew, not corrected")),
        None => Err(at.violated("needs what is right instead")),
    }
}
