//! Digests that a file leaves to the importer: it locks and signs, or refuses to sign, what it has
//! just written.

use bytes::Bytes;

use super::file::Step;
use crate::{
    cli::{client::Client, failure::Failure},
    pb::{self, command::Order, import_step},
};

/// The assessment whose digest `step` leaves open, and where the digest goes.
pub(super) fn open_digest(step: &mut Step) -> Option<(&str, &mut Bytes)> {
    let Some(import_step::Step::Command(command)) = &mut step.message.step else { return None };
    let (assessment, digest) = match command.order.as_mut()? {
        Order::LockAssessment(it) => (it.assessment.as_str(), &mut it.digest),
        Order::SignOffAssessment(it) => (it.assessment.as_str(), &mut it.digest),
        Order::RefuseSignOff(it) => (it.assessment.as_str(), &mut it.digest),
        Order::OpenAssessment(_)
        | Order::SetAddressee(_)
        | Order::SetGrade(_)
        | Order::RecordEntry(_)
        | Order::ReviseEntry(_)
        | Order::PublishAssessment(_)
        | Order::ReopenAssessment(_)
        | Order::WithdrawAssessment(_)
        | Order::PlaceHold(_)
        | Order::ReleaseHold(_)
        | Order::ReceiveChallenge(_)
        | Order::DecideChallenge(_)
        | Order::ShareDraft(_)
        | Order::CorrectRecord(_) => return None,
    };
    digest.is_empty().then_some((assessment, digest))
}

/// Fills the digest that `step` leaves open, if it does, with that of the assessment as it stands
/// at `position` or later.
pub(super) async fn fill(step: &mut Step, caller: &Client, position: u64) -> Result<(), Failure> {
    let doing = format!("{}: reading what is signed", step.title());
    let Some((assessment, digest)) = open_digest(step) else { return Ok(()) };
    let request = pb::GetAssessmentRequest {
        name: assessment.to_owned(),
        view: pb::AssessmentView::Working.into(),
        content: pb::AssessmentContent::Full.into(),
        min_position: position,
        // The digest is of all entries, however few are answered.
        page_size: 1,
        ..pb::GetAssessmentRequest::default()
    };
    let answer = caller.assessments().get_assessment(request).await;
    *digest = answer.map_err(|status| Failure::refused(doing, status))?.into_inner().digest;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{super::file::parse, *};

    #[test]
    fn only_a_lock_or_signature_without_a_digest_leaves_it_open() {
        let text = r#"
            {"command": {"lockAssessment": {"assessment": "subjects/a/assessments/b"}}}
            {"command": {"signOffAssessment": {"assessment": "subjects/a/assessments/b"}}}
            {"command": {"lockAssessment": {"assessment": "x", "digest": "AAAA"}}}
            {"command": {"publishAssessment": {"assessment": "x"}}}
            {"registerSubject": {"subject": "subjects/a"}}"#;
        let mut steps = parse(text, "test").unwrap();
        let open: Vec<_> = steps.iter_mut().map(|step| open_digest(step).is_some()).collect();
        assert_eq!(open, [true, true, false, false, false]);
    }
}
