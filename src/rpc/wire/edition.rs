//! Orders that close, sign, publish, open again and withdraw editions.

use super::{
    At, Read,
    content::signature,
    value::{affirmed, date, edition, expected_revision, id, sha256, typed, typed_if_any},
};
use crate::{
    judgement::{
        AssessmentId, AssessmentOrder, Fallback, LockAssessment, OrganisationId, PublishAssessment,
        RefuseSignOff, ReopenAssessment, SignOff, Text, WithdrawAssessment,
    },
    merkle::Hash,
    pb::{self, withdraw_assessment_request::Fallback as Instead},
};

pub(super) fn lock(at: &At<'_>, given: &pb::LockAssessmentRequest) -> Read<AssessmentOrder<Text>> {
    let digest = sha256(&at.field("digest"), &given.digest).map(Hash::new);
    let expected = expected_revision(&at.field("expected"), given.expected.as_ref());
    Ok(AssessmentOrder::Lock(LockAssessment { digest: digest?, expected: expected? }))
}

pub(super) fn sign_off(
    at: &At<'_>,
    given: &pb::SignOffAssessmentRequest,
) -> Read<AssessmentOrder<Text>> {
    let organisation = id(&at.field("organisation"), &given.organisation, OrganisationId::parse);
    let edition = edition(&at.field("edition"), given.edition);
    let digest = sha256(&at.field("digest"), &given.digest).map(Hash::new);
    let signature = signature(&at.field("signature"), given.signature.as_ref());
    let expected = expected_revision(&at.field("expected"), given.expected.as_ref());
    Ok(AssessmentOrder::SignOff(SignOff {
        organisation: organisation?,
        edition: edition?,
        digest: digest?,
        signature: signature?,
        expected: expected?,
    }))
}

pub(super) fn publish(
    at: &At<'_>,
    given: &pb::PublishAssessmentRequest,
) -> Read<AssessmentOrder<Text>> {
    let edition = edition(&at.field("edition"), given.edition);
    let letter_date = date(&at.field("letter_date"), given.letter_date);
    let expected = expected_revision(&at.field("expected"), given.expected.as_ref());
    Ok(AssessmentOrder::Publish(PublishAssessment {
        edition: edition?,
        letter_date: letter_date?,
        expected: expected?,
    }))
}

pub(super) fn refuse_sign_off(
    at: &At<'_>,
    given: &pb::RefuseSignOffRequest,
) -> Read<AssessmentOrder<Text>> {
    let organisation = id(&at.field("organisation"), &given.organisation, OrganisationId::parse);
    let edition = edition(&at.field("edition"), given.edition);
    let digest = sha256(&at.field("digest"), &given.digest).map(Hash::new);
    let objection = typed(&at.field("objection"), &given.objection);
    let expected = expected_revision(&at.field("expected"), given.expected.as_ref());
    Ok(AssessmentOrder::RefuseSignOff(RefuseSignOff {
        organisation: organisation?,
        edition: edition?,
        digest: digest?,
        objection: objection?,
        expected: expected?,
    }))
}

pub(super) fn reopen(
    at: &At<'_>,
    given: &pb::ReopenAssessmentRequest,
) -> Read<AssessmentOrder<Text>> {
    let authority = typed(&at.field("authority"), &given.authority);
    let reference = typed_if_any(&at.field("reference"), &given.reference);
    let expected = expected_revision(&at.field("expected"), given.expected.as_ref());
    Ok(AssessmentOrder::Reopen(ReopenAssessment {
        authority: authority?,
        reference: reference?,
        expected: expected?,
    }))
}

pub(super) fn withdraw(
    at: &At<'_>,
    given: &pb::WithdrawAssessmentRequest,
) -> Read<AssessmentOrder<Text>> {
    let edition = edition(&at.field("edition"), given.edition);
    let fallback = match &given.fallback {
        Some(Instead::AssessmentInstead(name)) => {
            let name = id(&at.field("assessment_instead"), name, AssessmentId::parse);
            name.map(|name| Some(Fallback::Assessment(name)))
        }
        Some(Instead::NotRated(stated)) => {
            affirmed(&at.field("not_rated"), *stated).map(|()| Some(Fallback::NotRated))
        }
        None => Ok(None),
    };
    let expected = expected_revision(&at.field("expected"), given.expected.as_ref());
    Ok(AssessmentOrder::Withdraw(WithdrawAssessment {
        edition: edition?,
        fallback: fallback?,
        expected: expected?,
    }))
}
