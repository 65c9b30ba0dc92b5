//! Rules for what is noted beside grades and entries: holds, challenges, drafts. (Spec §4)

use super::{Case, check_references, check_stated};
use crate::judgement::{
    AudienceId, ChallengeDecided, ChallengeReceived, Challenged, Dangling, DecideChallenge,
    DraftShared, Event, HoldId, HoldPlaced, HoldReleased, Lack, NamedBy, Place, PlaceHold,
    ReceiveChallenge, Refusal, ReleaseHold, ShareDraft, Text, audience_digest,
};

pub(super) fn place_hold(case: &Case<'_>, order: &PlaceHold) -> Result<Event<Text>, Refusal> {
    let PlaceHold { hold, kind, stops } = order.clone();
    let taken = case.assessment.holds.contains_key(&hold);

    case.check_act()?;
    check_said(case, "a reason or a rationale: something is held")?;
    Refusal::Exists { name: format!("{}/holds/{hold}", case.assessment.id) }.when(taken)?;
    Ok(Event::HoldPlaced(HoldPlaced { hold, kind, stops }))
}

pub(super) fn release_hold(case: &Case<'_>, order: &ReleaseHold) -> Result<Event<Text>, Refusal> {
    let hold = order.hold.clone();
    let Some(placed) = case.assessment.holds.get(&hold) else {
        return Err(Refusal::UnknownHold { hold });
    };
    let last = Some(placed.last());

    case.check_act()?;
    check_said(case, "a reason or a rationale: a hold is released")?;
    check_stated(last, order.expected)?;
    case.check_expected(|| format!("hold {hold}"), last, order.expected)?;
    Refusal::HoldReleased { hold: hold.clone() }.when(placed.released.is_some())?;
    Ok(Event::HoldReleased(HoldReleased { hold }))
}

/// The holds that stop publication now.
pub(super) fn holding_publication(case: &Case<'_>) -> Vec<HoldId> {
    let holds = case.assessment.holds.iter();
    let stop = holds.filter(|(_, it)| it.released.is_none() && it.stops.publication());
    stop.map(|(id, _)| id.clone()).collect()
}

pub(super) fn receive(
    case: &Case<'_>,
    order: &ReceiveChallenge<Text>,
) -> Result<Event<Text>, Refusal> {
    let ReceiveChallenge { challenge, from, kind, points, due } = order.clone();
    let taken = case.assessment.challenges.contains_key(&challenge);

    let mut dangling = Vec::new();
    for (index, point) in points.iter().enumerate() {
        match &point.about {
            Challenged::Area(area) => {
                case.area(area, NamedBy::Point(index))?;
            }
            Challenged::Entry(entry) if case.assessment.entries.contains_key(entry) => {}
            Challenged::Entry(entry) => {
                let (place, lack) = (Place::Point(index), Lack::Entry);
                dangling.push(Dangling { place, entry: entry.clone(), lack });
            }
        }
    }
    check_references(dangling)?;
    case.check_act()?;
    Refusal::Exists { name: format!("{}/challenges/{challenge}", case.assessment.id) }
        .when(taken)?;
    Ok(Event::ChallengeReceived(ChallengeReceived { challenge, from, kind, points, due }))
}

pub(super) fn decide(
    case: &Case<'_>,
    order: &DecideChallenge<Text>,
) -> Result<Event<Text>, Refusal> {
    let DecideChallenge { challenge, point, outcome, why, expected } = order.clone();
    let Some(received) = case.assessment.challenges.get(&challenge) else {
        return Err(Refusal::UnknownChallenge { challenge });
    };
    let Some(raised) = received.point(point) else {
        let points = received.points.len();
        return Err(Refusal::UnknownPoint { challenge, point, points });
    };
    let last = raised.decided.map(|(item, _)| item);

    case.check_act()?;
    check_stated(last, expected)?;
    case.check_expected(|| format!("point {point} of challenge {challenge}"), last, expected)?;
    Ok(Event::ChallengeDecided(ChallengeDecided { challenge, point, outcome, why }))
}

pub(super) fn share(case: &Case<'_>, order: &ShareDraft<Text>) -> Result<Event<Text>, Refusal> {
    let ShareDraft { recipient, position, audience } = order.clone();
    let opened = case.assessment.opened.at;

    check_audience(case, &audience)?;
    case.check_act()?;
    let Some(shown) = case.draft else {
        return Err(Refusal::NotThereAt { position, opened });
    };
    let digest =
        audience_digest(shown, case.framework, &audience, super::salt(case.situation, &audience));
    let position = position.unwrap_or(shown.last.at);
    Ok(Event::DraftShared(DraftShared { recipient, position, digest }))
}

/// The audience is one of the framework's.
fn check_audience(case: &Case<'_>, audience: &AudienceId) -> Result<(), Refusal> {
    let audiences = &case.framework.audiences;
    Refusal::AudienceNotInFramework { audience: audience.clone(), audiences: audiences.clone() }
        .when(!audiences.contains(audience))
}

/// What keeps something from happening, or lets it, says why.
fn check_said(case: &Case<'_>, needs: &'static str) -> Result<(), Refusal> {
    let unsaid = case.act.reason.is_none() && case.act.rationale.is_none();
    Refusal::RationaleRequired { needs }.when(unsaid)
}
