//! Rules for closing, signing and publishing an edition. (Spec §4, §4.1, §4.8)

use super::Case;
use crate::{
    judgement::{
        AssessmentLocked, AssessmentPublished, AudienceDigest, Event, LockAssessment,
        OrganisationId, Phase, PublishAssessment, Refusal, SignOff, SignedOff, Text,
        audience_digest, edition_digest,
    },
    merkle::{Hash, sha256},
};

pub(super) fn lock(case: &Case<'_>, order: &LockAssessment) -> Result<Event<Text>, Refusal> {
    let missing = missing(case);
    let incomplete = !missing.is_empty();
    let digest = edition_digest(case.assessment, case.framework, case.document);

    case.check_act()?;
    case.check_open()?;
    case.check_revision(order.expected)?;
    Refusal::Incomplete { missing }.when(incomplete)?;
    Refusal::OtherDigest { digest }.when(order.digest != digest)?;
    Ok(Event::AssessmentLocked(AssessmentLocked { edition: case.assessment.edition, digest }))
}

/// What the framework demands of an edition and this one lacks.
fn missing(case: &Case<'_>) -> Vec<String> {
    let judged = |area: &crate::judgement::AreaId| case.assessment.judgements.contains_key(area);
    let unjudged = case.framework.areas.iter().filter(|area| area.demanded && !judged(&area.id));
    let mut missing: Vec<String> =
        unjudged.map(|area| format!("no judgement of {}", area.id)).collect();
    for rule in &case.framework.entry_kinds {
        let in_force = case.assessment.entries.values().filter(|entry| !entry.struck);
        let found = in_force.filter(|entry| entry.kind == rule.kind).count();
        if u32::try_from(found).is_ok_and(|found| found < rule.demanded) {
            let kind = rule.kind.as_str();
            missing.push(format!("{found} of at least {} entries of kind {kind}", rule.demanded));
        }
    }
    if case.assessment.addressee.is_none() {
        missing.push("no addressee".to_owned());
    }
    missing
}

pub(super) fn sign_off(case: &Case<'_>, order: &SignOff<Text>) -> Result<Event<Text>, Refusal> {
    let organisation = order.organisation.clone();
    let own = case.act.origin.is_transcribed() || case.caller.organisation == organisation;
    let signs = own && case.framework.signed_by.contains(&organisation);
    let wrong = Refusal::WrongOrganisation {
        caller: case.caller.organisation.clone(),
        organisation: organisation.clone(),
        signers: case.framework.signed_by.iter().cloned().collect(),
    };

    wrong.when(!signs)?;
    case.check_act()?;
    check_edition(case, order.edition)?;
    let (digest, signed) = locked(case)?;
    Refusal::OtherDigest { digest }.when(order.digest != digest)?;
    Refusal::AlreadySigned { organisation: organisation.clone(), edition: order.edition }
        .when(signed.contains(&organisation))?;
    // The digest says what is signed. A revision need not be expected, or two who sign at once
    // would get in each other's way for nothing.
    order.expected.map_or(Ok(()), |expected| case.check_revision_is(expected))?;
    Ok(Event::SignedOff(SignedOff {
        organisation,
        edition: order.edition,
        digest,
        signature: order.signature.clone(),
    }))
}

pub(super) fn publish(case: &Case<'_>, order: &PublishAssessment) -> Result<Event<Text>, Refusal> {
    case.check_act()?;
    check_edition(case, order.edition)?;
    let (digest, signed) = locked(case)?;
    let unsigned = case.framework.signed_by.iter().filter(|signer| !signed.contains(signer));
    let missing: Vec<OrganisationId> = unsigned.cloned().collect();
    let any = !missing.is_empty();

    case.check_revision(order.expected)?;
    Refusal::Unsigned { missing }.when(any)?;
    Ok(Event::AssessmentPublished(AssessmentPublished {
        edition: order.edition,
        letter_date: order.letter_date,
        digest,
        audiences: audiences(case),
    }))
}

fn check_edition(case: &Case<'_>, given: u32) -> Result<(), Refusal> {
    let working = case.assessment.edition;
    Refusal::OtherEdition { given, working }.when(given != working)
}

/// The locked edition's digest and who signed it so far.
fn locked(case: &Case<'_>) -> Result<(Hash, Vec<OrganisationId>), Refusal> {
    let edition = case.assessment.edition;
    match &case.assessment.phase {
        Phase::Locked { digest, signatures } => Ok((*digest, signatures.keys().cloned().collect())),
        Phase::Open | Phase::Published => {
            Err(Refusal::NotLocked { edition, phase: case.assessment.phase.as_str() })
        }
    }
}

/// A digest for each audience of the framework, each with a salt of its own.
fn audiences(case: &Case<'_>) -> Vec<AudienceDigest> {
    let salt = |audience: &crate::judgement::AudienceId| {
        *sha256(&[&case.situation.seed, audience.as_str().as_bytes()]).as_bytes()
    };
    let digest =
        |audience| audience_digest(case.assessment, case.framework, audience, salt(audience));
    case.framework.audiences.iter().map(digest).collect()
}
