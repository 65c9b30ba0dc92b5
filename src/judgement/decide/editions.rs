//! Rules for closing, signing, publishing an edition, and for what undoes each. (Spec §4, §4.1, §4.8)

use super::{Case, marks};
use crate::{
    judgement::{
        AssessmentLocked, AssessmentPublished, AssessmentReopened, AssessmentWithdrawn,
        AudienceDigest, Event, ExpectedRevision, Fallback, LockAssessment, OrganisationId, Phase,
        PublishAssessment, Refusal, RefuseSignOff, ReopenAssessment, SignOff, SignOffRefused,
        SignedOff, Text, WithdrawAssessment, audience_digest, edition_digest,
    },
    merkle::Hash,
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
    let digest = check_signing(case, &organisation, (order.edition, order.digest), order.expected)?;
    Ok(Event::SignedOff(SignedOff {
        organisation,
        edition: order.edition,
        digest,
        signature: order.signature.clone(),
    }))
}

pub(super) fn refuse(case: &Case<'_>, order: &RefuseSignOff<Text>) -> Result<Event<Text>, Refusal> {
    let organisation = order.organisation.clone();
    let digest = check_signing(case, &organisation, (order.edition, order.digest), order.expected)?;
    Ok(Event::SignOffRefused(SignOffRefused {
        organisation,
        edition: order.edition,
        digest,
        objection: order.objection.clone(),
    }))
}

/// What a signature and the refusal of one have in common; the digest that is signed. Who has signed
/// is bound by it and cannot object any more: the lead inspector can still open the edition again.
fn check_signing(
    case: &Case<'_>,
    organisation: &OrganisationId,
    (edition, seen): (u32, Hash),
    expected: Option<ExpectedRevision>,
) -> Result<Hash, Refusal> {
    check_own(case, organisation)?;
    case.check_act()?;
    check_edition(case, edition)?;
    let (digest, signed) = locked(case)?;
    Refusal::OtherDigest { digest }.when(seen != digest)?;
    Refusal::AlreadySigned { organisation: organisation.clone(), edition }
        .when(signed.contains(organisation))?;
    // The digest says what is signed. A revision need not be expected, or two who sign at once
    // would get in each other's way for nothing.
    expected.map_or(Ok(()), |expected| case.check_revision_is(expected))?;
    Ok(digest)
}

/// An organisation signs, or refuses to, for itself only, and only if it has to sign. History is
/// told of any.
fn check_own(case: &Case<'_>, organisation: &OrganisationId) -> Result<(), Refusal> {
    let own = case.act.origin.is_transcribed() || case.caller.organisation == *organisation;
    let signs = own && case.framework.signed_by.contains(organisation);
    Refusal::WrongOrganisation {
        caller: case.caller.organisation.clone(),
        organisation: organisation.clone(),
        signers: case.framework.signed_by.iter().cloned().collect(),
    }
    .when(!signs)
}

pub(super) fn reopen(
    case: &Case<'_>,
    order: &ReopenAssessment<Text>,
) -> Result<Event<Text>, Refusal> {
    let working = case.assessment.edition;
    // §2: the number advances only after a publication.
    let (open, edition) = match case.assessment.phase {
        Phase::Open => (true, working),
        Phase::Locked { .. } => (false, working),
        Phase::Published => (false, working.saturating_add(1)),
    };

    case.check_act()?;
    check_reasoned(case, "a reason: what was closed is opened again")?;
    Refusal::AlreadyOpen { edition: working }.when(open)?;
    case.check_revision(order.expected)?;
    Ok(Event::AssessmentReopened(AssessmentReopened {
        edition,
        authority: order.authority.clone(),
        reference: order.reference.clone(),
    }))
}

pub(super) fn withdraw(
    case: &Case<'_>,
    order: &WithdrawAssessment,
) -> Result<Event<Text>, Refusal> {
    let edition = order.edition;

    case.check_act()?;
    check_reasoned(case, "a reason: what was published is taken back")?;
    if let Some(state) = out_of_force(case, edition) {
        return Err(Refusal::NotPublished { edition, state });
    }
    case.check_revision(order.expected)?;
    let fallback = match &order.fallback {
        Some(Fallback::Assessment(stated)) => {
            let stands = case.peers.iter().any(|peer| peer.assessment == *stated);
            Refusal::FallbackNotPublished { fallback: stated.clone() }.when(!stands)?;
            Fallback::Assessment(stated.clone())
        }
        Some(Fallback::NotRated) => Fallback::NotRated,
        None => default_fallback(case),
    };
    Ok(Event::AssessmentWithdrawn(AssessmentWithdrawn { edition, fallback }))
}

/// Why an edition is not in force, if it is not.
fn out_of_force(case: &Case<'_>, number: u32) -> Option<&'static str> {
    let editions = &case.assessment.published;
    match editions.iter().find(|edition| edition.number == number) {
        None => Some("it was not published"),
        Some(edition) if edition.withdrawn.is_some() => Some("it was withdrawn"),
        // A superseded edition never returns by itself, so nothing is left to withdraw.
        Some(edition) if editions.last() != Some(edition) => Some("a later edition superseded it"),
        Some(_) => None,
    }
}

/// The subject's latest assessment in force under the same framework id, whatever its version,
/// else "not rated". (Spec §4)
fn default_fallback(case: &Case<'_>) -> Fallback {
    let family = case.framework.id.family();
    let latest = case.peers.iter().find(|peer| peer.framework.family() == family);
    latest.map_or(Fallback::NotRated, |peer| Fallback::Assessment(peer.assessment.clone()))
}

/// What undoes a step that others rely on says for which reason.
fn check_reasoned(case: &Case<'_>, needs: &'static str) -> Result<(), Refusal> {
    Refusal::RationaleRequired { needs }.when(case.act.reason.is_none())
}

pub(super) fn publish(case: &Case<'_>, order: &PublishAssessment) -> Result<Event<Text>, Refusal> {
    case.check_act()?;
    check_edition(case, order.edition)?;
    let (digest, signed) = locked(case)?;
    let unsigned = case.framework.signed_by.iter().filter(|signer| !signed.contains(signer));
    let missing: Vec<OrganisationId> = unsigned.cloned().collect();
    let any = !missing.is_empty();

    case.check_revision(order.expected)?;
    let holds = marks::holding_publication(case);
    let held = !holds.is_empty();
    Refusal::OnHold { what: "publication", holds }.when(held)?;
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
    let digest = |audience| {
        let salt = super::salt(case.situation, audience);
        audience_digest(case.assessment, case.framework, audience, salt)
    };
    case.framework.audiences.iter().map(digest).collect()
}
