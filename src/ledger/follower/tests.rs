//! What becomes of commands and readers while the views are not there.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::{
    judgement::{
        AreaId, Assessment, AssessmentId, AssessmentOpened, AssessmentOrder, Cycle, Expected,
        ExpectedRevision, FrameworkId, Grade, Item, LevelCode, Order, OrganisationId, ReasonCode,
        SetGrade, StreamId, Text, WithdrawAssessment,
    },
    ledger::{
        Condition, Ledger, Mode, Order as Towards, Outcome, Stop, Submission, SubmitError, Test,
        filing,
        ground::{CODEC, Ground, LEDGER, Open, end, ordered, register},
        standing::Standing,
    },
    merkle::leaf_hash,
    views::{Known, Reason},
};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the views say was recorded of this event.
async fn recorded(ledger: &Ledger, event: &'static str) -> Result<Vec<Position>, ReadError> {
    let condition = Condition::Test(Test::Event(event));
    let found = ledger.find(&condition, Towards::OldestFirst, ledger.head(), None, 100).await?;
    Ok(found.records.iter().map(|read| read.record.position).collect())
}

async fn recorded_once_whole(ledger: &Ledger, event: &'static str) -> Vec<Position> {
    let whole = async {
        let mut reads = ledger.reads();
        reads.wait_for(|reads| *reads == Reads::Answered).await.unwrap();
        recorded(ledger, event).await.unwrap()
    };
    tokio::time::timeout(PATIENCE, whole).await.unwrap()
}

fn assessment(name: &str) -> AssessmentId {
    AssessmentId::parse(&format!("subjects/leicester-city/assessments/{name}")).unwrap()
}

fn opening() -> AssessmentOrder<Text> {
    AssessmentOrder::Open(AssessmentOpened {
        framework: FrameworkId::new("apa", "2006").unwrap(),
        cycle: Cycle::parse("2006").unwrap(),
        periods: Vec::new(),
        addressee: None,
        earlier: Vec::new(),
    })
}

fn grading(area: &str, expected: Option<Expected>) -> AssessmentOrder<Text> {
    AssessmentOrder::SetGrade(SetGrade {
        area: AreaId::parse(area).unwrap(),
        grade: Grade::Level(None, LevelCode::parse("3").unwrap()),
        qualifier: None,
        expected,
    })
}

#[tokio::test]
async fn an_idle_ledger_folds_broken_views_anew() {
    let ground = Ground::new(filing());
    let Open { ledger, sequencer, follower } = ground.open(None).await;
    let follower = tokio::spawn(follower.run());
    let before = recorded(&ledger, "FrameworkRegistered").await.unwrap();
    assert!(!before.is_empty());
    ledger.shared.standing.whole().unwrap().discard();
    // Nobody looks yet: all of this shares one thread.
    let broken = recorded(&ledger, "FrameworkRegistered").await;
    assert!(matches!(broken, Err(ReadError::Rebuilding)), "{broken:?}");
    ledger.reads().changed().await.unwrap();
    assert_eq!(recorded_once_whole(&ledger, "FrameworkRegistered").await, before);
    end(ledger, sequencer, Some(follower)).await;
}

#[tokio::test]
async fn a_group_that_broken_views_do_not_take_is_recorded_and_found_later() {
    let ground = Ground::new(filing());
    let Open { ledger, sequencer, follower } = ground.open(None).await;
    ledger.shared.standing.whole().unwrap().discard();
    let submission = register(&ledger, "leicester-city");
    let receipts = ledger.submit(submission.clone()).await.unwrap();
    assert_eq!(receipts[0].outcome, Outcome::Recorded);
    let refused = recorded(&ledger, "SubjectRegistered").await;
    assert!(matches!(refused, Err(ReadError::Rebuilding)), "{refused:?}");
    let follower = tokio::spawn(follower.run());
    let found = recorded_once_whole(&ledger, "SubjectRegistered").await;
    assert_eq!(found, [receipts[0].position]);
    let again = Submission { introductions: Vec::new(), ..submission };
    assert_eq!(ledger.submit(again).await.unwrap()[0].outcome, Outcome::Replayed);
    end(ledger, sequencer, Some(follower)).await;
}

#[tokio::test]
async fn commands_are_taken_before_the_views_are_there_and_readers_wait_for_them() {
    let ground = Ground::new(filing());
    let known = ground.lived().await;
    let Open { ledger, sequencer, follower } = ground.open(Some(known)).await;
    assert_eq!(*ledger.reads().borrow(), Reads::Waiting);
    let first = ledger.submit(register(&ledger, "leicester-city")).await.unwrap();
    // Whoever reads now waits; nothing is seen that the views do not have.
    let reader = ledger.clone();
    let reading = tokio::spawn(async move { recorded(&reader, "SubjectRegistered").await });
    tokio::task::yield_now().await;
    assert!(!reading.is_finished());
    let follower = tokio::spawn(follower.run());
    assert_eq!(reading.await.unwrap().unwrap(), [first[0].position]);
    // From here on the sequencer folds in what it records.
    let second = ledger.submit(register(&ledger, "haringey")).await.unwrap();
    let found = recorded(&ledger, "SubjectRegistered").await.unwrap();
    assert_eq!(found, [first[0].position, second[0].position]);
    end(ledger, sequencer, Some(follower)).await;
}

/// What a submission is answered, in words: of receipts only what became of the command, since
/// whatever is only validated draws another id each time.
async fn answered(ledger: &Ledger, submission: Submission) -> String {
    match ledger.submit(submission).await {
        Ok(receipts) => format!("{:?}", receipts[0].outcome),
        Err(error) => format!("{error:?}"),
    }
}

/// The journal says who and what was registered, which requests there were and what stands.
#[tokio::test]
async fn what_is_decided_before_the_views_are_there_is_decided_as_after() {
    let ground = Ground::new(filing());
    let Open { ledger, sequencer, follower } = ground.open(None).await;
    drop(follower);
    let id = assessment("apa-2006");
    ledger.submit(register(&ledger, "leicester-city")).await.unwrap();
    ledger.submit(ordered(&ledger, Order::Assess(id.clone(), opening()))).await.unwrap();
    let graded = ordered(&ledger, Order::Assess(id.clone(), grading("social-care", None)));
    let first = ledger.submit(graded.clone()).await.unwrap()[0].position;
    let head = ledger.head().position;
    end(ledger, sequencer, None).await;
    let known = Known::noted(&ground.files.path().join("views"), LEDGER, CODEC);

    let Open { ledger, sequencer, follower } = ground.open(known).await;
    assert_eq!(ledger.head().position, head, "no framework is registered again");
    let checked = |order| {
        let mut submission = Submission { mode: Mode::Validate, ..ordered(&ledger, order) };
        let act = &mut submission.commands[0].act;
        act.reason = Some(ReasonCode::parse("COURT_ORDER").unwrap());
        act.rationale = Some(Text::parse("So it was ordered.").unwrap());
        submission
    };
    let grade = |expected| Order::Assess(id.clone(), grading("social-care", Some(expected)));
    let mut other = graded.clone();
    other.commands[0].order = Order::Assess(id.clone(), grading("capacity-to-improve", None));
    let same_cycle = Order::Assess(assessment("another"), opening());
    let never = Order::Assess(assessment("never"), grading("social-care", None));
    let cases = [
        (graded, "Replayed"),
        (other, "KeyReused"),
        (Submission { mode: Mode::Validate, ..register(&ledger, "leicester-city") }, "Exists"),
        (Submission { mode: Mode::Validate, ..register(&ledger, "haringey") }, "Validated"),
        (checked(Order::Assess(id.clone(), opening())), "Exists"),
        (checked(same_cycle), "assessments/apa-2006"),
        (checked(never), "UnknownAssessment"),
        (checked(grade(Expected::NoneYet)), "Stale"),
        (checked(grade(Expected::At(Position::new(first.get() - 1)))), "Stale"),
        (checked(grade(Expected::At(first))), "Validated"),
    ];
    let mut before = Vec::new();
    for (submission, expected) in &cases {
        let answer = answered(&ledger, submission.clone()).await;
        assert!(answer.contains(expected), "{answer}, not {expected}");
        before.push(answer);
    }
    assert!(ledger.shared.standing.whole().is_none());
    let follower = tokio::spawn(follower.run());
    recorded_once_whole(&ledger, "GradeSet").await;
    for ((submission, _), before) in cases.into_iter().zip(before) {
        assert_eq!(answered(&ledger, submission).await, before);
    }
    assert_eq!(ledger.head().position, head);
    end(ledger, sequencer, Some(follower)).await;
}

/// What a withdrawal falls back to, earlier versions filed nowhere: only the views know.
#[tokio::test]
async fn a_withdrawal_is_refused_until_the_views_are_there_and_then_decided() {
    let ground = Ground::new(filing());
    let known = ground.lived().await;
    let Open { ledger, sequencer, follower } = ground.open(Some(known)).await;
    let id = assessment("apa-2006");
    ledger.submit(register(&ledger, "leicester-city")).await.unwrap();
    ledger.submit(ordered(&ledger, Order::Assess(id.clone(), opening()))).await.unwrap();
    let withdrawal =
        WithdrawAssessment { edition: 1, fallback: None, expected: Some(ExpectedRevision::Any) };
    let withdraw = ordered(&ledger, Order::Assess(id, AssessmentOrder::Withdraw(withdrawal)));
    let refused = ledger.submit(withdraw.clone()).await;
    assert!(matches!(refused, Err(SubmitError::Unavailable)), "{refused:?}");
    let follower = tokio::spawn(follower.run());
    recorded_once_whole(&ledger, "AssessmentOpened").await;
    let decided = ledger.submit(withdraw).await;
    assert!(matches!(decided, Err(SubmitError::Refused { .. })), "{decided:?}");
    end(ledger, sequencer, Some(follower)).await;
}

/// As on a disk that is full: a file lies where their directory would be made.
#[tokio::test]
async fn views_that_cannot_be_opened_are_opened_once_they_can() {
    let ground = Ground::new(filing());
    let known = ground.lived().await;
    let views = ground.files.path().join("views");
    std::fs::remove_dir_all(&views).unwrap();
    std::fs::write(&views, "in the way").unwrap();
    let Open { ledger, sequencer, follower } = ground.open(Some(known)).await;
    let follower = tokio::spawn(follower.run());
    let mut reads = ledger.reads();
    let refused = reads.wait_for(|reads| *reads == Reads::Refused);
    tokio::time::timeout(PATIENCE, refused).await.unwrap().unwrap();
    let refused = recorded(&ledger, "SubjectRegistered").await;
    assert!(matches!(refused, Err(ReadError::Rebuilding)), "{refused:?}");
    let receipts = ledger.submit(register(&ledger, "leicester-city")).await.unwrap();
    std::fs::remove_file(&views).unwrap();
    let found = recorded_once_whole(&ledger, "SubjectRegistered").await;
    assert_eq!(found, [receipts[0].position]);
    end(ledger, sequencer, Some(follower)).await;
}

#[tokio::test]
async fn records_that_come_while_the_views_are_brought_up_are_folded_in_once() {
    let ground = Ground::new(filing());
    let known = ground.lived().await;
    let Open { ledger, sequencer, follower } = ground.open(Some(known)).await;
    let follower = tokio::spawn(follower.run());
    let mut positions = Vec::new();
    for number in 0..200 {
        let receipts = ledger.submit(register(&ledger, &format!("council-{number}"))).await;
        positions.push(receipts.unwrap()[0].position);
    }
    let mut found = Vec::new();
    while let Some(next) = {
        let condition = Condition::Test(Test::Event("SubjectRegistered"));
        let from = found.last().copied();
        let page = ledger.find(&condition, Towards::OldestFirst, ledger.head(), from, 50).await;
        let page = page.unwrap();
        found.extend(page.records.iter().map(|read| read.record.position));
        page.next
    } {
        assert_eq!(found.last(), Some(&next));
    }
    assert_eq!(found, positions);
    end(ledger, sequencer, Some(follower)).await;
}

#[tokio::test]
async fn a_journal_that_lacks_what_the_views_know_is_refused_before_anything_is_taken() {
    let ground = Ground::new(filing());
    let known = ground.lived().await;
    let farther = Position::new(1_000);
    let ahead = Known { position: farther, ..known.clone() };
    let refused = ground.try_open(Some(ahead)).await.err().unwrap();
    let OpenError::RolledBack { head, known: found } = refused else { panic!("{refused:?}") };
    assert_eq!((head, found), (known.position, farther));
    let exchanged = Known { hash: leaf_hash(b"another record"), ..known.clone() };
    let not_taken = ground.try_open(Some(exchanged)).await.err().unwrap();
    let OpenError::Exchanged { position } = not_taken else { panic!("{not_taken:?}") };
    assert_eq!(position, known.position);
    ground.open(Some(known)).await.end().await;
}

/// Views of this very ledger, folded from another journal; only what is in them tells.
#[tokio::test]
async fn views_of_an_exchanged_journal_close_the_ledger_when_they_are_opened() {
    let mut ground = Ground::new(filing());
    let other = Ground::new(filing());
    ground.lived().await;
    let known = other.lived().await;
    ground.journal = Arc::clone(&other.journal);
    std::fs::remove_dir_all(ground.files.path().join("keys")).unwrap();
    std::fs::rename(other.files.path().join("keys"), ground.files.path().join("keys")).unwrap();
    let Open { ledger, sequencer, follower } = ground.open(Some(known)).await;
    let refused = follower.run().await.unwrap_err();
    assert!(matches!(refused, OpenError::Exchanged { .. }), "{refused:?}");
    assert!(matches!(sequencer.await.unwrap(), Stop::Closed));
    let unseen = recorded(&ledger, "FrameworkRegistered");
    assert!(matches!(
        tokio::time::timeout(PATIENCE, unseen).await.unwrap(),
        Err(ReadError::Rebuilding)
    ));
}

/// What earlier versions recorded is filed under no registration: it is found all the same.
#[tokio::test]
async fn registrations_that_an_earlier_version_filed_are_found() {
    let old = Arc::new(AtomicBool::new(true));
    let is_old = Arc::clone(&old);
    let (now, registrations) = (filing(), filing::of_registrations());
    let ground = Ground::new(Arc::new(move |record| {
        let mut keys = now(record);
        keys.retain(|key| *key != registrations || !is_old.load(Ordering::Relaxed));
        keys
    }));
    let open = ground.open(None).await;
    let frameworks = open.ledger.frameworks().len();
    assert!(frameworks > 1);
    let admin = |ledger: &Ledger| ledger.person(&OrganisationId::parse("ofsted").unwrap(), "admin");
    open.ledger.submit(register(&open.ledger, "leicester-city")).await.unwrap();
    let before = admin(&open.ledger).unwrap();
    open.end().await;
    // The next one is registered by a version of today.
    old.store(false, Ordering::Relaxed);
    for _ in 0..2 {
        let later = ground.open(None).await;
        let (ledger, head) = (&later.ledger, later.ledger.head());
        assert_eq!((ledger.frameworks().len(), admin(ledger)), (frameworks, Some(before)));
        let organisation = OrganisationId::parse("csci").unwrap();
        let mut submission = register(ledger, "haringey");
        let mut introductions = ledger.introductions();
        submission.commands[0].caller.person =
            introductions.person(&organisation, &Text::parse("admin").unwrap());
        submission.commands[0].caller.organisation = organisation.clone();
        submission.introductions = introductions.into_new();
        drop(ledger.submit(submission).await);
        assert!(ledger.person(&organisation, "admin").is_some(), "after {head:?}");
        later.end().await;
    }
}

/// An assessment is not folded from its first record where the views noted a later state.
#[tokio::test]
async fn an_assessment_goes_on_from_a_state_that_its_records_confirm() {
    let ground = Ground::new(filing());
    let Open { ledger, sequencer, follower } = ground.open(None).await;
    drop(follower);
    let id = assessment("apa-2006");
    ledger.submit(register(&ledger, "leicester-city")).await.unwrap();
    let mut orders = vec![opening()];
    for area in ["capacity-to-improve", "social-care", "childrens-services"] {
        orders.push(grading(area, None));
    }
    let mut states = Vec::new();
    for order in orders {
        ledger.submit(ordered(&ledger, Order::Assess(id.clone(), order))).await.unwrap();
        states.push(ledger.shared.views().await.unwrap().assessment(&id).unwrap().unwrap());
    }
    let head = ledger.head().position;
    let stream = StreamId::Assessment(id);
    let folded = async |state: Assessment| {
        let standing = Arc::new(Standing::behind());
        let journal = Arc::clone(&ledger.shared.journal);
        let mut fold = fold::Fold::new(journal, standing, vec![Arc::new(state)]);
        let stream = fold.stream(&stream, head).await.unwrap().unwrap();
        stream.assessment.unwrap().as_ref().clone()
    };
    let [.., last] = states.as_slice() else { panic!("{states:?}") };
    for state in &states {
        // Marked, to see that it is what the fold went on from.
        let marked = Assessment { cycle: Cycle::parse("marked").unwrap(), ..(**state).clone() };
        let expected = Assessment { cycle: marked.cycle.clone(), ..(**last).clone() };
        assert_eq!(folded(marked.clone()).await, expected);
        // What no record confirms is not believed.
        let hash = leaf_hash(b"another record");
        let other = Assessment { last: Item { hash, ..marked.last }, ..marked };
        assert_eq!(folded(other).await, **last);
    }
    end(ledger, sequencer, None).await;
}

#[test]
fn what_cannot_pass_closes_the_ledger_and_what_may_is_tried_again() {
    let (at, broken) = (Position::new(7), || Reason::Discarded);
    let unread = || OpenError::Read(ReadError::NoRecord(at));
    let out_of_order = ViewsError::OutOfOrder { expected: at, given: at.next() };
    for (error, at_first, later) in [
        (OpenError::Views(ViewsError::Lag), true, true),
        (OpenError::Views(ViewsError::Broken(broken())), true, true),
        (OpenError::Views(ViewsError::Unopened(broken())), true, true),
        (OpenError::Thread(ended()), false, true),
        (unread(), false, true),
        (OpenError::Views(out_of_order), false, false),
        (OpenError::RolledBack { head: at, known: at.next() }, false, false),
        (OpenError::Exchanged { position: at }, false, false),
    ] {
        assert_eq!((may_pass(&error, false), may_pass(&error, true)), (at_first, later), "{error}");
    }
}

#[test]
fn views_are_near_up_to_a_second_of_folding() {
    let at = |position| Position::new(position);
    assert!(is_near(at(0), at(NEAR_RECORDS)));
    assert!(!is_near(at(0), at(NEAR_RECORDS + 1)));
    assert!(is_near(at(10_000_000), at(10_000_000)));
}
