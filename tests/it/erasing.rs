//! The eraser on a disk that fails: at every call of a redaction the power is cut, a call fails, the
//! disk is full. What was ordered is erased after the next start; what was not is there.

use std::{collections::BTreeSet, path::Path, time::Duration};

use judgement_ledger::{
    journal::Page,
    judgement::{
        Act, ApproveRedaction, AreaId, AssessmentOpened, AssessmentOrder, Caller, Command, Cycle,
        Event, FieldPath, FrameworkId, Grade, Label, LegalBasis, LevelCode, Order, OrganisationId,
        Position, Redact, Refusal, RegisterSubject, RequestId, RequestRedaction, Role, SetGrade,
        StreamId, SubjectId, Text,
    },
    ledger::{Covering, Mode, Shown, Streamed, Submission, SubmitError},
    record::{Beside, Record},
    vault::{Binding, MasterKey, Reader, Unsealed, system_entropy},
};
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    engine_faults::{Engine, assessment_id, in_memory},
    sim_disk::{Fault, SimDisk},
};

const CHILD: &str = "a child who is named here";

/// How long a step may take. Time passes only where nothing else is to be done.
const PATIENCE: Duration = Duration::from_secs(20);

async fn order(
    engine: &Engine,
    login: &str,
    act: Act<Text>,
    order: Order<Text>,
) -> Result<Position, SubmitError> {
    let organisation = OrganisationId::parse("ofsted").unwrap();
    let mut introductions = engine.ledger.introductions();
    let person = introductions.person(&organisation, &Text::parse(login).unwrap());
    let roles = Role::ALL.into_iter().filter(|role| *role != Role::Service).collect();
    let caller = Caller { person, organisation, roles };
    let commands = vec![Command { caller, act, order }];
    let introductions = introductions.into_new();
    let receipts =
        engine.ledger.submit(Submission { commands, introductions, mode: Mode::Record }).await?;
    Ok(receipts[0].position)
}

fn act() -> Act<Text> {
    Act::of_service(RequestId::new(Uuid::new_v4()))
}

/// A ledger with a grade whose rationale names a child, that was stopped; the grade's record.
async fn prepared() -> (SimDisk, Position) {
    let (disk, views) = (SimDisk::new(), in_memory());
    let engine = Engine::open(&disk, &views.path().join("views")).await.unwrap();
    let subject = RegisterSubject {
        subject: SubjectId::parse("leicester-city").unwrap(),
        name: Label::parse("Leicester City Council").unwrap(),
        kind: Label::parse("local authority").unwrap(),
    };
    order(&engine, "admin", act(), Order::RegisterSubject(subject)).await.unwrap();
    let opened = AssessmentOpened {
        framework: FrameworkId::new("apa", "2006").unwrap(),
        cycle: Cycle::parse("2006").unwrap(),
        periods: Vec::new(),
        addressee: None,
        earlier: Vec::new(),
    };
    let assess = |it| Order::Assess(assessment_id(), it);
    order(&engine, "lead", act(), assess(AssessmentOrder::Open(opened))).await.unwrap();
    let set = SetGrade {
        area: AreaId::parse("capacity-to-improve").unwrap(),
        grade: Grade::Level(None, LevelCode::parse("3").unwrap()),
        qualifier: None,
        expected: None,
    };
    let why = Act { rationale: Some(Text::parse(CHILD).unwrap()), ..act() };
    let at = order(&engine, "inspector", why, assess(AssessmentOrder::SetGrade(set))).await;
    engine.close().await.unwrap();
    (disk.after_kill(), at.unwrap())
}

fn redact(it: Redact<Text>) -> Order<Text> {
    Order::Redact(StreamId::Assessment(assessment_id()), it)
}

/// Asks for the erasure of the rationale, if that was not asked for already, and orders it.
async fn erase(engine: &Engine, record: Position) -> Result<Position, SubmitError> {
    let asked = Redact::Request(RequestRedaction {
        record,
        field: FieldPath::parse("rationale").unwrap(),
        basis: LegalBasis::UnlawfullyRecorded,
        reference: None,
        replacement: Text::parse("a child").unwrap(),
    });
    let request = match order(engine, "officer", act(), redact(asked)).await {
        Err(SubmitError::Refused { refusal: Refusal::RedactionPending { request }, .. }) => request,
        outcome => outcome?,
    };
    let approve = redact(Redact::Approve(ApproveRedaction { request }));
    order(engine, "officer-2", act(), approve).await
}

/// All records; none where the disk fails.
async fn records(engine: &Engine) -> Vec<Record> {
    let all = Page { entries_max: usize::MAX, bytes_max: usize::MAX };
    let streamed = engine.ledger.records(Position::START, all).await.unwrap_or_default();
    let record = |it| match it {
        Streamed::Record(passed_on) => Record::decode(&passed_on.entry.record).unwrap(),
        Streamed::Newer(at, _) => panic!("{at} is newer"),
    };
    streamed.into_iter().map(record).collect()
}

/// The completions that are recorded, as the size of the checkpoint of each.
async fn completions(engine: &Engine) -> Vec<u64> {
    let sizes = records(engine).await.into_iter().filter_map(|record| match record.event {
        Event::RedactionCompleted(it) => Some(it.checkpoint_size),
        _ => None,
    });
    sizes.collect()
}

/// Waits until a completion is recorded; whether one was.
async fn is_completed(engine: &Engine) -> bool {
    let mut head = engine.ledger.follow();
    let completed = async {
        while completions(engine).await.is_empty() {
            head.changed().await.unwrap();
        }
    };
    let stopped = engine.ledger.stopped();
    let waited = async {
        tokio::select! {
            () = completed => true,
            () = stopped.cancelled() => false,
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.unwrap_or(false)
}

/// What a reader gets.
async fn rationale(engine: &Engine, record: Position) -> Shown {
    engine.ledger.record(record).await.unwrap().act.rationale.unwrap()
}

/// Whether the key of the rationale is on the disk.
async fn has_key(disk: &SimDisk, engine: &Engine, record: Position) -> bool {
    let master =
        MasterKey::load_or_create(&*disk.directory("etc/"), "master.key", &system_entropy());
    let ledger = Uuid::from_bytes(*b"a ledger's id...");
    let reader = Reader::open(disk.directory("keys/"), master.unwrap(), ledger).unwrap();
    let page = Page { entries_max: 1, bytes_max: 0 };
    let before = Position::new(record.get() - 1);
    let stored = engine.ledger.records(before, page).await.unwrap().remove(0);
    let Streamed::Record(passed_on) = stored else { panic!("{record} is newer") };
    let record = Record::decode(&passed_on.entry.record).unwrap();
    let (field, commitment) = record.fields().remove(0);
    let binding = Binding { record_id: record.id.uuid(), field: &field, commitment };
    let texts = Beside::decode(passed_on.entry.sealed.clone()).unwrap().texts;
    match reader.unseal(&texts, 0, &binding).unwrap() {
        Unsealed::Present { text, .. } => {
            assert_eq!(text.as_str(), CHILD);
            true
        }
        Unsealed::Destroyed => false,
    }
}

/// How far the redaction had come when the fault left the disk as it is.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Left {
    Nothing,
    Ordered,
    Destroyed,
    Completed,
}

/// What a fault left: asked of a ledger that is opened where erasures wait for a checkpoint that
/// never comes, so that nothing goes on.
async fn left(disk: &SimDisk, views: &Path, record: Position) -> Left {
    let (_checkpoints, newest) = watch::channel(0);
    let covering = Covering::Checkpoints(newest);
    let engine = Engine::open_covered(disk, views, covering).await.unwrap();
    let ordered = records(&engine).await.iter().any(|it| it.event.name() == "TextRedacted");
    let completed = !completions(&engine).await.is_empty();
    let key = has_key(disk, &engine, record).await;
    match rationale(&engine, record).await {
        Shown::Present(text) => assert!(!ordered && text.as_str() == CHILD),
        Shown::Erased(erasure) => {
            assert!(ordered, "nothing is erased that was not ordered");
            assert_eq!(erasure.replacement, Text::parse("a child").ok());
        }
        Shown::Missing => panic!("the text is missing"),
    }
    engine.vanish().await;
    match (ordered, key, completed) {
        (false, true, false) => Left::Nothing,
        (true, true, false) => Left::Ordered,
        (true, false, false) => Left::Destroyed,
        (true, false, true) => Left::Completed,
        other => panic!("{other:?} can never be"),
    }
}

/// Lets a fault befall call `at` of a redaction; `None` if it ended before, else what was left.
async fn run(prepared: &(SimDisk, Position), fault: Fault, at: usize) -> Option<Left> {
    let (disk, record) = (prepared.0.after_kill(), prepared.1);
    let views = in_memory();
    let engine = Engine::open(&disk, &views.path().join("first")).await.unwrap();
    disk.fail_after(at, fault);
    let ordered = erase(&engine, record).await;
    if ordered.is_ok() {
        is_completed(&engine).await;
        // The disk may fail here, too.
        if let Ok(read) = engine.ledger.record(record).await {
            assert!(matches!(read.act.rationale.unwrap(), Shown::Erased(_)));
        }
    }
    let hit = disk.fault_hit();
    engine.vanish().await;
    assert_eq!(disk.syncs_tried_again(), 0, "{fault:?} at {at}: a sync was tried again");

    let cut = disk.after_power_cut(at as u64 + 1);
    let left = left(&cut.after_kill(), &views.path().join("left"), record).await;
    let engine = Engine::open(&cut, &views.path().join("next")).await.unwrap();
    if ordered.is_ok() {
        assert_ne!(left, Left::Nothing, "{fault:?} at {at}: an order is lost");
    }
    if left == Left::Nothing {
        erase(&engine, record).await.unwrap();
    }
    assert!(is_completed(&engine).await, "{fault:?} at {at}: after {left:?}");
    assert_eq!(completions(&engine).await, [0], "{fault:?} at {at}: once");
    assert!(!has_key(&cut, &engine, record).await, "{fault:?} at {at}: the key is there");
    assert!(matches!(rationale(&engine, record).await, Shown::Erased(_)));
    engine.close().await.unwrap();
    hit.then_some(left)
}

async fn run_at_every_call(fault: Fault) -> BTreeSet<Left> {
    let prepared = prepared().await;
    let (mut calls, mut all) = (0, BTreeSet::new());
    while let Some(left) = run(&prepared, fault, calls).await {
        all.insert(left);
        calls += 1;
    }
    println!("{fault:?}: {calls} calls");
    assert!(calls > 15, "a redaction has only {calls} calls");
    all
}

#[tokio::test(start_paused = true)]
async fn a_power_cut_at_any_call_of_a_redaction_leaves_what_the_next_start_ends() {
    let left = run_at_every_call(Fault::PowerCut).await;
    let all = [Left::Nothing, Left::Ordered, Left::Destroyed, Left::Completed];
    assert_eq!(left, BTreeSet::from(all), "every step was cut off");
}

#[tokio::test(start_paused = true)]
async fn an_io_error_at_any_call_of_a_redaction_leaves_what_the_next_start_ends() {
    run_at_every_call(Fault::Eio).await;
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_at_any_call_of_a_redaction_is_waited_out() {
    run_at_every_call(Fault::Full).await;
}

#[tokio::test(start_paused = true)]
async fn no_key_is_destroyed_before_a_checkpoint_covers_the_order() {
    let (disk, record) = prepared().await;
    let views = in_memory();
    let (checkpoints, newest) = watch::channel(0);
    let covering = Covering::Checkpoints(newest.clone());
    let first = views.path().join("first");
    let engine = Engine::open_covered(&disk, &first, covering).await.unwrap();
    let ordered = erase(&engine, record).await.unwrap();
    assert!(matches!(rationale(&engine, record).await, Shown::Erased(_)), "nobody reads it");
    checkpoints.send(ordered.get() - 1).unwrap();
    assert!(!is_completed(&engine).await);
    assert!(has_key(&disk, &engine, record).await, "the order is not covered yet");
    engine.close().await.unwrap();

    // A start does not change that.
    let disk = disk.after_kill();
    let covering = Covering::Checkpoints(newest);
    let next = views.path().join("next");
    let engine = Engine::open_covered(&disk, &next, covering).await.unwrap();
    assert!(!is_completed(&engine).await);
    assert!(has_key(&disk, &engine, record).await, "the order is not covered yet");
    checkpoints.send(ordered.get() + 2).unwrap();
    assert!(is_completed(&engine).await);
    assert_eq!(completions(&engine).await, [ordered.get() + 2]);
    assert!(!has_key(&disk, &engine, record).await);
    engine.close().await.unwrap();
}
