//! What counts as the same request again.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::{
    judgement::{
        ApproveRedaction, AreaId, AssessmentId, AssessmentLocked, AssessmentOrder,
        AssessmentPublished, Award, ChangeKind, CompleteRedaction, CorrectRecord, DecideChallenge,
        Event, Expected, Framework, Grade, GradeSet, HoldPlaced, HoldReleased, Label, LevelCode,
        LockAssessment, NonGrade, PlaceHold, PublishAssessment, ReceiveChallenge, RecordCorrected,
        RecordEntry, Redact, RefuseRedaction, RefuseSignOff, RegisterFramework, RegisterSubject,
        ReleaseHold, RenameSubject, ReopenAssessment, RequestId, RequestRedaction, ReviseEntry,
        ScaleId, SetAddressee, SetGrade, ShareDraft, SignOff, Standing, StreamId, SubjectRenamed,
        WithdrawAssessment,
    },
    merkle::Hash,
    record::{
        built_in, framework_of,
        samples::{DOCUMENT, Sample, any_sample, bare_frame, opening, sample_of},
    },
};

fn assessment() -> AssessmentId {
    AssessmentId::parse("subjects/leicester-city/assessments/apa-2006").unwrap()
}

fn framework() -> Framework {
    framework_of(&built_in().unwrap()[0]).unwrap()
}

/// An order that causes the event; none for what no client orders.
#[expect(clippy::too_many_lines, reason = "a table: an arm for each event")]
fn order_of(event: &Event<Text>) -> Option<Order<Text>> {
    let expected = Some(Expected::Any);
    let order = match event.clone() {
        Event::PersonRegistered(_) | Event::KeyRotated(_) => return None,
        Event::AccessRecorded(it) => return Some(Order::RecordAccess(it)),
        Event::FrameworkRegistered(it) => {
            let framework = Arc::new(Framework { id: it.framework, ..framework() });
            let order = RegisterFramework { framework, document: Arc::from(DOCUMENT) };
            return Some(Order::RegisterFramework(order));
        }
        Event::SubjectRegistered(it) => {
            let order = RegisterSubject { subject: it.subject, name: it.name, kind: it.kind };
            return Some(Order::RegisterSubject(order));
        }
        Event::AssessmentOpened(it) => AssessmentOrder::Open(it),
        Event::AddresseeSet(it) => {
            AssessmentOrder::SetAddressee(SetAddressee { addressee: it.addressee, expected })
        }
        Event::GradeSet(it) => {
            let grade = match it.award.standing {
                Standing::Level { word: Some(word), .. } => Grade::Word(word),
                Standing::Level { level, word: None, .. } => Grade::Level(None, level),
                Standing::NotGraded(value) => Grade::NotGraded(value),
            };
            let qualifier = it.award.qualifier;
            AssessmentOrder::SetGrade(SetGrade { area: it.area, grade, qualifier, expected })
        }
        Event::EntryRecorded(it) => {
            AssessmentOrder::RecordEntry(RecordEntry { entry: it.entry, content: it.content })
        }
        Event::EntryRevised(it) => {
            let (entry, content) = (it.entry, it.content);
            AssessmentOrder::ReviseEntry(ReviseEntry { entry, content, expected })
        }
        Event::AssessmentLocked(it) => {
            AssessmentOrder::Lock(LockAssessment { digest: it.digest, expected: None })
        }
        Event::SignedOff(it) => AssessmentOrder::SignOff(SignOff {
            organisation: it.organisation,
            edition: it.edition,
            digest: it.digest,
            signature: it.signature,
            expected: None,
        }),
        Event::AssessmentPublished(it) => {
            let (edition, letter_date) = (it.edition, it.letter_date);
            AssessmentOrder::Publish(PublishAssessment { edition, letter_date, expected: None })
        }
        Event::SignOffRefused(it) => AssessmentOrder::RefuseSignOff(RefuseSignOff {
            organisation: it.organisation,
            edition: it.edition,
            digest: it.digest,
            objection: it.objection,
            expected: None,
        }),
        Event::AssessmentReopened(it) => {
            let (authority, reference) = (it.authority, it.reference);
            AssessmentOrder::Reopen(ReopenAssessment { authority, reference, expected: None })
        }
        Event::AssessmentWithdrawn(it) => {
            let (edition, fallback) = (it.edition, Some(it.fallback));
            AssessmentOrder::Withdraw(WithdrawAssessment { edition, fallback, expected: None })
        }
        Event::HoldPlaced(HoldPlaced { hold, kind, stops }) => {
            AssessmentOrder::PlaceHold(PlaceHold { hold, kind, stops })
        }
        Event::HoldReleased(HoldReleased { hold }) => {
            AssessmentOrder::ReleaseHold(ReleaseHold { hold, expected })
        }
        Event::ChallengeReceived(it) => AssessmentOrder::ReceiveChallenge(ReceiveChallenge {
            challenge: it.challenge,
            from: it.from,
            kind: it.kind,
            points: it.points,
            due: it.due,
        }),
        Event::ChallengeDecided(it) => AssessmentOrder::DecideChallenge(DecideChallenge {
            challenge: it.challenge,
            point: it.point,
            outcome: it.outcome,
            why: it.why,
            expected,
        }),
        Event::DraftShared(it) => AssessmentOrder::ShareDraft(ShareDraft {
            recipient: it.recipient,
            position: Some(it.position),
            audience: it.digest.audience,
        }),
        Event::RecordCorrected(RecordCorrected { record, to, .. }) => {
            AssessmentOrder::Correct(CorrectRecord { record, to, expected })
        }
        Event::SubjectRenamed(SubjectRenamed { subject, name }) => {
            return Some(Order::RenameSubject(RenameSubject { subject, name, expected }));
        }
        Event::RedactionRequested(it) => {
            return Some(redact(Redact::Request(RequestRedaction {
                record: it.record,
                field: it.field,
                basis: it.basis,
                reference: it.reference,
                replacement: it.replacement,
            })));
        }
        Event::TextRedacted(it) => {
            return Some(redact(Redact::Approve(ApproveRedaction { request: it.request })));
        }
        Event::RedactionRefused(it) => {
            let (request, ground) = (it.request, it.ground);
            return Some(redact(Redact::Refuse(RefuseRedaction { request, ground })));
        }
        Event::RedactionCompleted(it) => {
            // What covers an order may have grown since the first time.
            let order = CompleteRedaction { order: it.order, checkpoint_size: 0 };
            return Some(redact(Redact::Complete(order)));
        }
    };
    Some(Order::Assess(assessment(), order))
}

fn redact(order: Redact<Text>) -> Order<Text> {
    Order::Redact(StreamId::Assessment(assessment()), order)
}

fn is_replay(sample: &Sample, act: &Act<Text>, order: &Order<Text>) -> bool {
    sample.record.is_caused_by(act, order, &mut |place| Some(opening(place)))
}

/// An act with another wording at the `place`-th text of act and event together.
fn reworded(sample: &Sample, place: usize) -> (Act<Text>, Event<Text>) {
    let mut places = 0..;
    map_both(sample.act.clone(), sample.event.clone(), &mut |_, text: Text| {
        if places.next() == Some(place) {
            Text::parse(format!("{}!", text.as_str())).unwrap()
        } else {
            text
        }
    })
}

proptest! {
    #[test]
    fn the_same_request_is_known_again(sample in any_sample()) {
        let Some(order) = order_of(&sample.event) else { return Ok(()) };
        let mut sample = sample;
        sample.record.stream = order.stream();
        prop_assert!(is_replay(&sample, &sample.act, &order));

        let mut elsewhere = sample.clone();
        elsewhere.record.stream = match order.stream() {
            StreamId::Ledger => StreamId::Assessment(assessment()),
            StreamId::Assessment(_) | StreamId::Framework(_) | StreamId::Subject(_) => {
                StreamId::Ledger
            }
        };
        prop_assert!(!is_replay(&elsewhere, &sample.act, &order));
        let request = RequestId::new(uuid::Uuid::max());
        let other = Act { request, ..sample.act.clone() };
        prop_assert!(!is_replay(&sample, &other, &order));
    }

    #[test]
    fn another_wording_is_another_content_until_the_text_is_erased(
        sample in any_sample(),
        place in any::<prop::sample::Index>(),
    ) {
        let texts = sample.committed.texts.len();
        prop_assume!(texts > 0);
        let place = place.index(texts);
        let (act, event) = reworded(&sample, place);
        let Some(order) = order_of(&event) else { return Ok(()) };
        let mut sample = sample;
        sample.record.stream = order.stream();

        prop_assert!(!is_replay(&sample, &act, &order));
        let mut erased = |at: usize| (at != place).then(|| opening(at));
        prop_assert!(sample.record.is_caused_by(&act, &order, &mut erased));
    }

    #[test]
    fn no_event_is_caused_by_the_order_of_another(one in any_sample(), other in any_sample()) {
        let Some(order) = order_of(&other.event) else { return Ok(()) };
        prop_assume!(one.event.name() != other.event.name());
        prop_assert_eq!(order.as_recorded(&one.event), None);
    }
}

fn area() -> AreaId {
    AreaId::parse("social-care").unwrap()
}

fn level(scale: &str, level: &str, word: Option<&str>) -> Standing {
    Standing::Level {
        scale: ScaleId::parse(scale).unwrap(),
        level: LevelCode::parse(level).unwrap(),
        word: word.map(|word| Label::parse(word).unwrap()),
    }
}

fn code(scale: Option<&str>, code: &str) -> Grade {
    let scale = scale.map(|scale| ScaleId::parse(scale).unwrap());
    Grade::Level(scale, LevelCode::parse(code).unwrap())
}

fn word(word: &str) -> Grade {
    Grade::Word(Label::parse(word).unwrap())
}

#[test]
fn a_grade_is_compared_as_it_was_stated() {
    let numbered = level("apa-1-4", "3", None);
    let worded = level("apa-words", "outstanding", Some("excellent"));
    let none = Standing::NotGraded(NonGrade::NotJudged);
    for (grade, standing, same) in [
        (code(None, "3"), &numbered, true),
        (code(Some("apa-1-4"), "3"), &numbered, true),
        (code(Some("apa-words"), "3"), &numbered, false),
        (code(None, "2"), &numbered, false),
        (word("3"), &numbered, false),
        (word("excellent"), &worded, true),
        (word("outstanding"), &worded, false),
        (code(None, "outstanding"), &worded, false),
        (Grade::NotGraded(NonGrade::NotJudged), &none, true),
        (Grade::NotGraded(NonGrade::NotApplicable), &none, false),
        (code(None, "3"), &none, false),
        (Grade::NotGraded(NonGrade::NotJudged), &numbered, false),
    ] {
        let award = Award { standing: standing.clone(), qualifier: None };
        let change = ChangeKind::Raised;
        let before = Some(level("apa-1-4", "2", None));
        let event = Event::GradeSet(GradeSet { area: area(), award, change, before });
        let sample = sample_of(event);
        let order = SetGrade { area: area(), grade, qualifier: None, expected: None };
        let order = Order::Assess(assessment(), AssessmentOrder::SetGrade(order));
        assert_eq!(is_replay(&sample, &sample.act, &order), same, "{order:?} {standing:?}");
    }
}

#[test]
fn what_the_service_adds_is_no_content() {
    let digest = Hash::new([5; 32]);
    let locked = sample_of(Event::AssessmentLocked(AssessmentLocked { edition: 4, digest }));
    let lock = |seen| {
        let order = AssessmentOrder::Lock(LockAssessment { digest: seen, expected: None });
        Order::Assess(assessment(), order)
    };
    assert!(is_replay(&locked, &locked.act, &lock(digest)));
    assert!(!is_replay(&locked, &locked.act, &lock(Hash::new([6; 32]))));

    let letter_date = bare_frame().recorded_on;
    let audiences = Vec::new();
    let event = AssessmentPublished { edition: 1, letter_date, digest, audiences };
    let published = sample_of(Event::AssessmentPublished(event));
    let publish = |edition| {
        let order = PublishAssessment { edition, letter_date, expected: None };
        Order::Assess(assessment(), AssessmentOrder::Publish(order))
    };
    assert!(is_replay(&published, &published.act, &publish(1)));
    assert!(!is_replay(&published, &published.act, &publish(2)));
}
