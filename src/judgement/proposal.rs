//! What an order would have recorded: for telling whether a record answers it. (Spec §4.3)
//!
//! A request that comes again is not decided again: what stands has moved on meanwhile. It is
//! compared with the record that its id is bound to. Expectations are not compared, and neither
//! is what the service added: they are circumstances of the first time, not content.

use super::{
    AddresseeSet, AssessmentLocked, AssessmentOrder, AssessmentPublished, AssessmentReopened,
    AssessmentWithdrawn, Award, ChallengeDecided, ChallengeReceived, DecideChallenge, DraftShared,
    EntryRecorded, EntryRevised, Event, FrameworkRegistered, Grade, GradeSet, HoldPlaced,
    HoldReleased, Order, PlaceHold, ReceiveChallenge, RecordCorrected, Redact, RedactionCompleted,
    RedactionRefused, RedactionRequested, RequestRedaction, SetGrade, ShareDraft, SignOffRefused,
    SignedOff, Standing, SubjectRegistered, SubjectRenamed, TextRedacted,
};
use crate::merkle::sha256;

impl<T: Clone> Order<T> {
    /// The event that this order would have caused where `recorded` was caused, taking from
    /// `recorded` what the service adds: the change kind and the level before, the scale found for
    /// a code or word, a lock's edition, a publication's digests, the edition that is opened again, the
    /// fallback of a withdrawal that states none. `None` if it orders something of
    /// another sort or another grade.
    #[must_use]
    pub fn as_recorded<U>(&self, recorded: &Event<U>) -> Option<Event<T>> {
        match (self, recorded) {
            (Self::RegisterFramework(order), Event::FrameworkRegistered(_)) => {
                let framework = order.framework.id.clone();
                let document = *sha256(&[&order.document]).as_bytes();
                Some(Event::FrameworkRegistered(FrameworkRegistered { framework, document }))
            }
            (Self::RegisterSubject(order), Event::SubjectRegistered(_)) => {
                Some(Event::SubjectRegistered(SubjectRegistered {
                    subject: order.subject.clone(),
                    name: order.name.clone(),
                    kind: order.kind.clone(),
                }))
            }
            (Self::Assess(_, order), recorded) => order.as_recorded(recorded),
            (Self::RenameSubject(order), Event::SubjectRenamed(_)) => {
                let (subject, name) = (order.subject.clone(), order.name.clone());
                Some(Event::SubjectRenamed(SubjectRenamed { subject, name }))
            }
            (Self::RecordAccess(order), Event::AccessRecorded(_)) => {
                Some(Event::AccessRecorded(order.clone()))
            }
            (Self::Redact(_, order), recorded) => order.as_recorded(recorded),
            (Self::RotateKey(order), Event::KeyRotated(_)) => {
                Some(Event::KeyRotated(order.clone()))
            }
            (
                Self::RegisterFramework(_)
                | Self::RegisterSubject(_)
                | Self::RenameSubject(_)
                | Self::RecordAccess(_)
                | Self::RotateKey(_),
                _,
            ) => None,
        }
    }
}

impl<T: Clone> AssessmentOrder<T> {
    #[expect(clippy::too_many_lines, reason = "a table: an arm for each order")]
    fn as_recorded<U>(&self, recorded: &Event<U>) -> Option<Event<T>> {
        match (self, recorded) {
            (Self::Open(order), Event::AssessmentOpened(_)) => {
                Some(Event::AssessmentOpened(order.clone()))
            }
            (Self::SetAddressee(order), Event::AddresseeSet(_)) => {
                let addressee = order.addressee.clone();
                Some(Event::AddresseeSet(AddresseeSet { addressee }))
            }
            (Self::SetGrade(order), Event::GradeSet(recorded)) => {
                order.as_recorded(recorded).map(Event::GradeSet)
            }
            (Self::RecordEntry(order), Event::EntryRecorded(_)) => {
                let (entry, content) = (order.entry.clone(), order.content.clone());
                Some(Event::EntryRecorded(EntryRecorded { entry, content }))
            }
            (Self::ReviseEntry(order), Event::EntryRevised(_)) => {
                let (entry, content) = (order.entry.clone(), order.content.clone());
                Some(Event::EntryRevised(EntryRevised { entry, content }))
            }
            (Self::Lock(order), Event::AssessmentLocked(recorded)) => {
                let (edition, digest) = (recorded.edition, order.digest);
                Some(Event::AssessmentLocked(AssessmentLocked { edition, digest }))
            }
            (Self::SignOff(order), Event::SignedOff(_)) => Some(Event::SignedOff(SignedOff {
                organisation: order.organisation.clone(),
                edition: order.edition,
                digest: order.digest,
                signature: order.signature.clone(),
            })),
            (Self::Publish(order), Event::AssessmentPublished(recorded)) => {
                Some(Event::AssessmentPublished(AssessmentPublished {
                    edition: order.edition,
                    letter_date: order.letter_date,
                    digest: recorded.digest,
                    audiences: recorded.audiences.clone(),
                }))
            }
            (Self::RefuseSignOff(order), Event::SignOffRefused(_)) => {
                Some(Event::SignOffRefused(SignOffRefused {
                    organisation: order.organisation.clone(),
                    edition: order.edition,
                    digest: order.digest,
                    objection: order.objection.clone(),
                }))
            }
            (Self::Reopen(order), Event::AssessmentReopened(recorded)) => {
                Some(Event::AssessmentReopened(AssessmentReopened {
                    edition: recorded.edition,
                    authority: order.authority.clone(),
                    reference: order.reference.clone(),
                }))
            }
            (Self::Withdraw(order), Event::AssessmentWithdrawn(recorded)) => {
                let stated = order.fallback.clone();
                Some(Event::AssessmentWithdrawn(AssessmentWithdrawn {
                    edition: order.edition,
                    fallback: stated.unwrap_or_else(|| recorded.fallback.clone()),
                }))
            }
            (Self::PlaceHold(order), Event::HoldPlaced(_)) => {
                let PlaceHold { hold, kind, stops } = order.clone();
                Some(Event::HoldPlaced(HoldPlaced { hold, kind, stops }))
            }
            (Self::ReleaseHold(order), Event::HoldReleased(_)) => {
                Some(Event::HoldReleased(HoldReleased { hold: order.hold.clone() }))
            }
            (Self::ReceiveChallenge(order), Event::ChallengeReceived(_)) => {
                let ReceiveChallenge { challenge, from, kind, points, due } = order.clone();
                let received = ChallengeReceived { challenge, from, kind, points, due };
                Some(Event::ChallengeReceived(received))
            }
            (Self::DecideChallenge(order), Event::ChallengeDecided(_)) => {
                let DecideChallenge { challenge, point, outcome, why, expected: _ } = order.clone();
                let decided = ChallengeDecided { challenge, point, outcome, why };
                Some(Event::ChallengeDecided(decided))
            }
            (Self::ShareDraft(order), Event::DraftShared(recorded)) => {
                order.as_recorded(recorded).map(Event::DraftShared)
            }
            (Self::Correct(order), Event::RecordCorrected(recorded)) => {
                Some(Event::RecordCorrected(RecordCorrected {
                    record: order.record,
                    about: recorded.about.clone(),
                    from: recorded.from,
                    to: order.to.clone(),
                }))
            }
            (
                Self::Open(_)
                | Self::SetAddressee(_)
                | Self::SetGrade(_)
                | Self::RecordEntry(_)
                | Self::ReviseEntry(_)
                | Self::Lock(_)
                | Self::SignOff(_)
                | Self::Publish(_)
                | Self::RefuseSignOff(_)
                | Self::Reopen(_)
                | Self::Withdraw(_)
                | Self::PlaceHold(_)
                | Self::ReleaseHold(_)
                | Self::ReceiveChallenge(_)
                | Self::DecideChallenge(_)
                | Self::ShareDraft(_)
                | Self::Correct(_),
                _,
            ) => None,
        }
    }
}

impl<T: Clone> Redact<T> {
    /// What is redacted by a decision is the request's, and so is its basis; the hash, the
    /// commitment and the checkpoint are the service's.
    fn as_recorded<U>(&self, recorded: &Event<U>) -> Option<Event<T>> {
        match (self, recorded) {
            (Self::Request(order), Event::RedactionRequested(recorded)) => {
                let RequestRedaction { record, field, basis, reference, replacement } =
                    order.clone();
                let record_hash = recorded.record_hash;
                let asked = RedactionRequested {
                    record,
                    record_hash,
                    field,
                    basis,
                    reference,
                    replacement,
                };
                Some(Event::RedactionRequested(asked))
            }
            (Self::Approve(order), Event::TextRedacted(recorded)) => {
                let request = order.request;
                Some(Event::TextRedacted(TextRedacted { request, ..recorded.clone() }))
            }
            (Self::Refuse(order), Event::RedactionRefused(recorded)) => {
                Some(Event::RedactionRefused(RedactionRefused {
                    request: order.request,
                    record: recorded.record,
                    field: recorded.field.clone(),
                    ground: order.ground.clone(),
                }))
            }
            (Self::Complete(it), Event::RedactionCompleted(recorded)) => {
                let order = it.order;
                Some(Event::RedactionCompleted(RedactionCompleted { order, ..recorded.clone() }))
            }
            (Self::Request(_) | Self::Approve(_) | Self::Refuse(_) | Self::Complete(_), _) => None,
        }
    }
}

impl<T: Clone> ShareDraft<T> {
    /// The salt and root are the service's, and so is the position where none was stated.
    fn as_recorded<U>(&self, recorded: &DraftShared<U>) -> Option<DraftShared<T>> {
        let position = self.position.unwrap_or(recorded.position);
        (self.audience == recorded.digest.audience).then(|| DraftShared {
            recipient: self.recipient.clone(),
            position,
            digest: recorded.digest.clone(),
        })
    }
}

impl<T: Clone> SetGrade<T> {
    fn as_recorded<U>(&self, recorded: &GradeSet<U>) -> Option<GradeSet<T>> {
        let standing = &recorded.award.standing;
        self.grade.may_have_become(standing).then(|| GradeSet {
            area: self.area.clone(),
            award: Award { standing: standing.clone(), qualifier: self.qualifier.clone() },
            change: recorded.change,
            before: recorded.before.clone(),
        })
    }
}

impl Grade {
    /// Whether this grade, found on a scale, can be what stands: a code on the scale that was
    /// named, if one was; a word as it was stated.
    fn may_have_become(&self, standing: &Standing) -> bool {
        match (self, standing) {
            (Self::Level(named, code), Standing::Level { scale, level, word: None }) => {
                code == level && named.as_ref().is_none_or(|named| named == scale)
            }
            (Self::Word(stated), Standing::Level { word: Some(word), .. }) => stated == word,
            (Self::NotGraded(stated), Standing::NotGraded(value)) => stated == value,
            (Self::Level(..) | Self::Word(_) | Self::NotGraded(_), _) => false,
        }
    }
}
