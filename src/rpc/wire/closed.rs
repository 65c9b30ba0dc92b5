//! Closed sets: the numbers of proto enums and what they stand for.

use super::{At, Read};
use crate::{
    judgement::{Basis, FollowUpStatus, LetterPart, NonGrade, Role},
    pb,
    record::Numbered,
};

/// A number of a closed set: 0 is "not stated", a number that is not in the set is a violation.
pub(super) fn closed<E: TryFrom<i32>>(at: &At<'_>, number: i32) -> Read<E> {
    E::try_from(number)
        .map_err(|_| at.violated(format_args!("has no value {number} in this version")))
}

/// A value of a closed set that must be stated.
pub(super) fn one_of<N: Numbered>(at: &At<'_>, number: i32) -> Read<N> {
    at.required((number != 0).then_some(()))?;
    let unknown = || at.violated(format_args!("has no value {number} in this version"));
    N::numbered(number).ok_or_else(unknown)
}

pub(super) fn role_if_any(at: &At<'_>, number: i32) -> Read<Option<Role>> {
    Ok(Some(match closed(at, number)? {
        pb::Role::Unspecified => return Ok(None),
        pb::Role::Inspector => Role::Inspector,
        pb::Role::LeadInspector => Role::LeadInspector,
        pb::Role::Moderator => Role::Moderator,
        pb::Role::Signatory => Role::Signatory,
        pb::Role::Publisher => Role::Publisher,
        pb::Role::RecordsOfficer => Role::RecordsOfficer,
        pb::Role::FrameworkAdmin => Role::FrameworkAdmin,
        pb::Role::Auditor => Role::Auditor,
        pb::Role::Consumer => Role::Consumer,
        pb::Role::Service => return Err(at.violated("is a person's role: SERVICE is none")),
    }))
}

pub(super) fn basis_if_any(at: &At<'_>, number: i32) -> Read<Option<Basis>> {
    Ok(match closed(at, number)? {
        pb::Basis::Unspecified => None,
        pb::Basis::NewEvidence => Some(Basis::NewEvidence),
        pb::Basis::SameEvidence => Some(Basis::SameEvidence),
        pb::Basis::DataCorrected => Some(Basis::DataCorrected),
        pb::Basis::Framework => Some(Basis::Framework),
        pb::Basis::Error => Some(Basis::Error),
    })
}

pub(super) fn non_grade(at: &At<'_>, number: i32) -> Read<NonGrade> {
    at.required(match closed(at, number)? {
        pb::NonGrade::Unspecified => None,
        pb::NonGrade::NotJudged => Some(NonGrade::NotJudged),
        pb::NonGrade::NotApplicable => Some(NonGrade::NotApplicable),
        pb::NonGrade::SubjectToReview => Some(NonGrade::SubjectToReview),
    })
}

pub(super) fn letter_part_if_any(at: &At<'_>, number: i32) -> Read<Option<LetterPart>> {
    Ok(match closed(at, number)? {
        pb::LetterPart::Unspecified => None,
        pb::LetterPart::Letterhead => Some(LetterPart::Letterhead),
        pb::LetterPart::Title => Some(LetterPart::Title),
        pb::LetterPart::Salutation => Some(LetterPart::Salutation),
        pb::LetterPart::Opening => Some(LetterPart::Opening),
        pb::LetterPart::Heading => Some(LetterPart::Heading),
        pb::LetterPart::LeadIn => Some(LetterPart::LeadIn),
        pb::LetterPart::Footnote => Some(LetterPart::Footnote),
        pb::LetterPart::Confirmation => Some(LetterPart::Confirmation),
        pb::LetterPart::Valediction => Some(LetterPart::Valediction),
    })
}

pub(super) fn follow_up_status(at: &At<'_>, number: i32) -> Read<FollowUpStatus> {
    at.required(match closed(at, number)? {
        pb::FollowUpStatus::Unspecified => None,
        pb::FollowUpStatus::Resolved => Some(FollowUpStatus::Resolved),
        pb::FollowUpStatus::Improved => Some(FollowUpStatus::Improved),
        pb::FollowUpStatus::Maintained => Some(FollowUpStatus::Maintained),
        pb::FollowUpStatus::Remains => Some(FollowUpStatus::Remains),
        pb::FollowUpStatus::NotReported => Some(FollowUpStatus::NotReported),
    })
}
