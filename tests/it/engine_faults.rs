//! The whole engine on one disk: journal, keyring, master key and sequencer, views beside them.
//! Every call of the disk in three lives is cut off, failed, refused for a full disk and shortened,
//! one after the other; what was acknowledged is there afterwards, with its texts, and the views,
//! whether left as they were or folded anew, say what the records say.
//!
//! Each point is followed by one start; `JUDGEMENT_LEDGER_FAULTS=all` follows it by four, and each
//! of these by a power cut and another.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::Duration,
};

use jiff::{Timestamp, tz::TimeZone};
use judgement_ledger::{
    journal::{
        JournalError, Page,
        file::{self, FileJournal, FileOptions, Prepare},
    },
    judgement::{
        Act, AreaId, AssessmentId, AssessmentOpened, AssessmentOrder, Caller, ChangeKind, Command,
        Cycle, Event, Expected, FrameworkId, Grade, Label, LevelCode, Order, OrganisationId,
        Position, ReasonCode, RegisterSubject, RequestId, Role, SetGrade, StreamId, SubjectId,
        Text,
    },
    ledger::{
        self, AsOf, BuiltInError, Condition, Covering, KnownAt, Ledger, Mode, Outcome, Parts,
        ReadError, Reading, Receipt, Shown, Stop, Streamed, Submission, SubmitError, View, filing,
    },
    metrics::Metrics,
    record::{Record, read_snapshot, snapshot_of},
    vault::{self, Entropy, MasterKey, Setup, Vault, VaultError},
    views::{SnapshotCodec, Views, ViewsOptions},
};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::sim_disk::{Fault, SimDisk};

/// So small that the texts of some commands fill one.
const SEGMENT_BYTES: u64 = 48 << 10;

/// So few that the views are written to again and again.
const PART_RECORDS: u64 = 4;

/// The length of a rationale, in bytes: five of them fill a segment.
const TEXT_BYTES: usize = 9_000;

/// Why the scenario stopped.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// The disk failed: the engine must be opened again.
    Here,
    /// What was refused for the moment is refused again: so it is on a disk without power only.
    Refused,
    /// Something is wrong.
    Wrong(String),
}

impl From<file::OpenError> for Stopped {
    fn from(error: file::OpenError) -> Self {
        match error {
            file::OpenError::Disk(_) => Self::Here,
            error => Self::Wrong(format!("the journal does not open: {error:?}")),
        }
    }
}

impl From<VaultError> for Stopped {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Io { .. } | VaultError::Unknown { .. } => Self::Here,
            error => Self::Wrong(format!("the keyring does not open: {error:?}")),
        }
    }
}

impl From<ReadError> for Stopped {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Journal(JournalError::Unreadable(_)) => Self::Here,
            error => Self::Wrong(format!("reading answers {error:?}")),
        }
    }
}

impl From<ledger::OpenError> for Stopped {
    fn from(error: ledger::OpenError) -> Self {
        match error {
            ledger::OpenError::Read(error) => error.into(),
            ledger::OpenError::Name { source, .. } => source.into(),
            error => Self::Wrong(format!("the ledger does not open: {error:?}")),
        }
    }
}

/// An open engine.
pub(crate) struct Engine {
    pub(crate) ledger: Ledger,
    journal: Arc<FileJournal>,
    sequencer: JoinHandle<Stop>,
    follower: JoinHandle<Result<(), ledger::OpenError>>,
    eraser: JoinHandle<()>,
}

impl Engine {
    pub(crate) async fn open(disk: &SimDisk, views: &Path) -> Result<Self, Stopped> {
        Self::open_covered(disk, views, Covering::Journal).await
    }

    /// The same, where erasures wait for what covers their orders.
    pub(crate) async fn open_covered(
        disk: &SimDisk,
        views: &Path,
        covering: Covering,
    ) -> Result<Self, Stopped> {
        let mut options = FileOptions::new(*b"a ledger's id...");
        options.segment_bytes = SEGMENT_BYTES;
        options.prepare = Prepare::Inline;
        let journal = Arc::new(FileJournal::open(disk.directory("journal/"), filing(), options)?);
        let entropy = vault::system_entropy();
        let vault = keyring(disk, &entropy)?;
        let views = views.to_owned();
        let codec = SnapshotCodec { encode: snapshot_of, decode: read_snapshot };
        let options = ViewsOptions {
            part_records: PART_RECORDS,
            pages_bytes: 1 << 20,
            ..ViewsOptions::new(Arc::from(*b"a ledger's id..."), codec)
        };
        let parts = Parts {
            journal: Arc::<FileJournal>::clone(&journal),
            vault: Arc::new(vault),
            views: Box::new(move || Views::open(&views, &options)),
            // The views are brought up first, so that every run makes its calls in one order.
            known: None,
            clock: Arc::new(|| Reading {
                wall: Timestamp::from_second(1_161_000_000).unwrap(),
                monotonic: Duration::ZERO,
            }),
            entropy,
            zone: TimeZone::UTC,
            covering,
            metrics: Metrics::new(0).unwrap(),
        };
        let (ledger, sequencer, follower, eraser) = Ledger::open(parts, &|_, _| {}).await?;
        let sequencer = tokio::spawn(sequencer.run());
        let follower = tokio::spawn(follower.run());
        let eraser = tokio::spawn(eraser.run());
        let engine = Self { ledger, journal, sequencer, follower, eraser };
        engine.register_built_in().await?;
        Ok(engine)
    }

    /// What surely was not recorded is tried once more.
    async fn register_built_in(&self) -> Result<(), Stopped> {
        for _ in 0..2 {
            match self.ledger.register_built_in().await {
                Ok(()) => return Ok(()),
                Err(BuiltInError::Submit(SubmitError::Full | SubmitError::Unavailable)) => {}
                Err(BuiltInError::Submit(SubmitError::OutcomeUnknown | SubmitError::Stopped)) => {
                    return Err(Stopped::Here);
                }
                Err(error) => return Err(Stopped::Wrong(format!("built in: {error:?}"))),
            }
        }
        Err(Stopped::Refused)
    }

    /// Stops in order; a fault may come in between.
    pub(crate) async fn close(self) -> Result<(), Stopped> {
        self.ledger.close();
        drop(self.sequencer.await.unwrap());
        drop(self.follower.await.unwrap());
        self.eraser.await.unwrap();
        drop(tokio::task::spawn_blocking(|| self.ledger.close_views()).await.unwrap());
        match self.journal.close().await {
            Ok(()) | Err(JournalError::NotApplied(_)) => Ok(()),
            Err(JournalError::Unknown(_) | JournalError::Poisoned) => Err(Stopped::Here),
            Err(error) => Err(Stopped::Wrong(format!("closing answers {error:?}"))),
        }
    }

    /// Is gone, as if it were killed: nothing is written any more. (What is in the views' own
    /// caches may still reach the views.)
    pub(crate) async fn vanish(self) {
        self.sequencer.abort();
        self.follower.abort();
        self.eraser.abort();
        drop((self.sequencer.await, self.follower.await, self.eraser.await));
    }
}

fn keyring(disk: &SimDisk, entropy: &Entropy) -> Result<Vault, Stopped> {
    let master = MasterKey::load_or_create(&*disk.directory("etc/"), "master.key", entropy)?;
    let ledger = Uuid::from_bytes(*b"a ledger's id...");
    let setup = Setup { ledger, prepare: vault::Prepare::Inline, last_slot: None };
    Ok(Vault::open(disk.directory("keys/"), master, Arc::clone(entropy), setup)?)
}

pub(crate) fn assessment_id() -> AssessmentId {
    AssessmentId::parse("subjects/leicester-city/assessments/apa-2006").unwrap()
}

fn act(reason: Option<&str>) -> Act<Text> {
    Act {
        reason: reason.map(|code| ReasonCode::parse(code).unwrap()),
        rationale: reason.map(|_| Text::parse("weighed ".repeat(TEXT_BYTES / 8)).unwrap()),
        ..Act::of_service(RequestId::new(Uuid::new_v4()))
    }
}

fn grade(level: &str, expected: Option<Expected>) -> (Act<Text>, Order<Text>) {
    let order = SetGrade {
        area: AreaId::parse("capacity-to-improve").unwrap(),
        grade: Grade::Level(None, LevelCode::parse(level).unwrap()),
        qualifier: None,
        expected,
    };
    let order = Order::Assess(assessment_id(), AssessmentOrder::SetGrade(order));
    (act(Some("FACTUAL_ACCURACY")), order)
}

/// What the outside knows.
#[derive(Default, Clone)]
struct Told {
    receipts: Vec<(RequestId, Receipt)>,
    /// What was sent and has an unknown outcome.
    unknown: Option<Submission>,
    /// The last grade.
    last: Option<Position>,
}

impl Told {
    async fn send(
        &mut self,
        engine: &Engine,
        orders: Vec<(Act<Text>, Order<Text>)>,
    ) -> Result<(), Stopped> {
        let organisation = OrganisationId::parse("ofsted").unwrap();
        let mut introductions = engine.ledger.introductions();
        let login = Text::parse("inspector@ofsted").unwrap();
        let person = introductions.person(&organisation, &login);
        let roles = vec![Role::Inspector, Role::LeadInspector, Role::FrameworkAdmin];
        let command = |(act, order)| Command {
            caller: Caller { person, organisation: organisation.clone(), roles: roles.clone() },
            act,
            order,
        };
        let commands = orders.into_iter().map(command).collect();
        let introductions = introductions.into_new();
        let submission = Submission { commands, introductions, mode: Mode::Record };
        self.submit(engine, submission, Outcome::Recorded).await
    }

    /// What surely was not recorded is sent once more.
    async fn submit(
        &mut self,
        engine: &Engine,
        submission: Submission,
        outcome: Outcome,
    ) -> Result<(), Stopped> {
        for _ in 0..2 {
            match engine.ledger.submit(submission.clone()).await {
                Ok(receipts) => {
                    if receipts.iter().any(|receipt| receipt.outcome != outcome) {
                        return Err(Stopped::Wrong(format!("not {outcome:?}: {receipts:?}")));
                    }
                    let requests = submission.commands.iter().map(|it| it.act.request);
                    let grades = submission.commands.iter().filter(|it| it.act.reason.is_some());
                    if grades.count() > 0 {
                        self.last = receipts.last().map(|receipt| receipt.position);
                    }
                    self.receipts.extend(requests.zip(receipts));
                    return Ok(());
                }
                Err(SubmitError::Full | SubmitError::Unavailable) => {}
                Err(SubmitError::OutcomeUnknown) => {
                    self.unknown = Some(submission);
                    return Err(Stopped::Here);
                }
                Err(SubmitError::Stopped) => return Err(Stopped::Here),
                Err(error) => return Err(Stopped::Wrong(format!("submitting answers {error:?}"))),
            }
        }
        Err(Stopped::Refused)
    }

    fn expected(&self) -> Option<Expected> {
        self.last.map(Expected::At)
    }

    /// One grade, and a batch of two.
    async fn grades(&mut self, engine: &Engine) -> Result<(), Stopped> {
        self.send(engine, vec![grade("2", self.expected())]).await?;
        let first = grade("3", self.expected());
        self.send(engine, vec![first, grade("2", Some(Expected::PreviousInBatch))]).await
    }

    /// Three lives over several segments. The first is closed; the second vanishes; before the
    /// third the views are gone.
    async fn scenario(&mut self, disk: &SimDisk, views: &Path) -> Result<(), Stopped> {
        let engine = Engine::open(disk, views).await?;
        let done = self.first_life(&engine).await;
        let closed = engine.close().await;
        done.and(closed)?;
        let engine = Engine::open(disk, views).await?;
        let done = self.grades(&engine).await;
        engine.vanish().await;
        done?;
        forget(views);
        let engine = Engine::open(disk, views).await?;
        let done = self.grades(&engine).await;
        let closed = engine.close().await;
        done.and(closed)
    }

    async fn first_life(&mut self, engine: &Engine) -> Result<(), Stopped> {
        let order = RegisterSubject {
            subject: SubjectId::parse("leicester-city").unwrap(),
            name: Label::parse("Leicester City Council").unwrap(),
            kind: Label::parse("local authority").unwrap(),
        };
        self.send(engine, vec![(act(None), Order::RegisterSubject(order))]).await?;
        let opened = AssessmentOpened {
            framework: FrameworkId::new("apa", "2006").unwrap(),
            cycle: Cycle::parse("2006").unwrap(),
            periods: Vec::new(),
            addressee: None,
            earlier: Vec::new(),
        };
        let open = Order::Assess(assessment_id(), AssessmentOrder::Open(opened));
        self.send(engine, vec![(act(None), open)]).await?;
        self.grades(engine).await
    }

    /// Opens what is left, holds it against what was told, and goes on.
    async fn check(mut self, disk: &SimDisk, views: &Path) -> Result<(), Stopped> {
        let engine = Engine::open(disk, views).await?;
        self.check_records(&engine).await?;
        if let Some(submission) = self.unknown.take() {
            self.resolve(&engine, submission).await?;
        }
        if self.last.is_some() {
            self.grades(&engine).await?;
        }
        self.check_records(&engine).await?;
        engine.vanish().await;
        if !all() {
            return Ok(());
        }
        let engine = Engine::open(&disk.after_power_cut(9), views).await?;
        self.check_records(&engine).await?;
        engine.close().await
    }

    /// Sends what has an unknown outcome again: it is replayed if it is there, else recorded.
    async fn resolve(
        &mut self,
        engine: &Engine,
        mut submission: Submission,
    ) -> Result<(), Stopped> {
        let there: BTreeSet<_> = records(engine).await?.iter().map(request_of).collect();
        let sent: BTreeSet<_> = submission.commands.iter().map(|it| it.act.request).collect();
        let outcome = match sent.intersection(&there).count() {
            0 => Outcome::Recorded,
            all if all == sent.len() => Outcome::Replayed,
            some => return Err(Stopped::Wrong(format!("{some} commands of a batch are there"))),
        };
        let known = |login: &Text| !engine.ledger.persons_named(login.as_str()).is_empty();
        submission.introductions.retain(|introduction| !known(&introduction.name));
        self.submit(engine, submission, outcome).await
    }

    async fn check_records(&self, engine: &Engine) -> Result<(), Stopped> {
        let records = records(engine).await?;
        let by_request: BTreeMap<_, _> =
            records.iter().map(|record| (request_of(record), record)).collect();
        if by_request.len() != records.len() {
            return Err(Stopped::Wrong("a request was recorded twice".to_owned()));
        }
        for (request, receipt) in &self.receipts {
            let found = by_request.get(request);
            let same = |(position, id)| (position, id) == (receipt.position, receipt.record);
            if !found.is_some_and(|record| same((record.position, record.id))) {
                return Err(Stopped::Wrong(format!("{receipt:?} is lost: {found:?}")));
            }
        }
        check_views(engine, &records).await
    }
}

fn request_of(record: &Record) -> RequestId {
    record.act.request
}

/// A directory in memory, where there is one: the views are opened hundreds of times.
pub(crate) fn in_memory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn forget(views: &Path) {
    if views.exists() {
        std::fs::remove_dir_all(views).unwrap();
    }
}

/// All records, without a gap, with all their texts.
async fn records(engine: &Engine) -> Result<Vec<Record>, Stopped> {
    let all = Page { entries_max: usize::MAX, bytes_max: usize::MAX };
    let mut records = Vec::new();
    for streamed in engine.ledger.records(Position::START, all).await? {
        let Streamed::Record(passed_on) = streamed else {
            return Err(Stopped::Wrong("a record of a newer version".to_owned()));
        };
        let record = Record::decode(&passed_on.entry.record).unwrap();
        let texts = engine.ledger.texts(&passed_on);
        let present = texts.iter().all(|(_, shown)| matches!(shown, Shown::Present(_)));
        let position = Position::new(records.len() as u64 + 1);
        if record.position != position || passed_on.position != position || !present {
            return Err(Stopped::Wrong(format!("at {position} stands {record:?}, {texts:?}")));
        }
        records.push(record);
    }
    Ok(records)
}

/// The views answer what the records say.
async fn check_views(engine: &Engine, records: &[Record]) -> Result<(), Stopped> {
    let stream = StreamId::Assessment(assessment_id());
    let of_assessment = || records.iter().filter(|record| record.stream == stream);
    let as_of = AsOf { view: View::Working, known: KnownAt::Now, effective: None, stated: None };
    let read = engine.ledger.assessment(&assessment_id(), as_of).await?;
    let found = read.map(|read| read.assessment.last.at);
    let expected = of_assessment().next_back().map(|record| record.position);
    if found != expected {
        return Err(Stopped::Wrong(format!("the assessment is at {found:?}, not {expected:?}")));
    }
    let filter = Condition::Test(ledger::Test::Change(ChangeKind::Raised));
    let order = ledger::Order::OldestFirst;
    let moment = engine.ledger.head();
    let found = engine.ledger.find(&filter, order, moment, None, 1_000).await?;
    let found: Vec<_> = found.records.iter().map(|read| read.record.position).collect();
    let raised = |record: &&Record| matches!(&record.event, Event::GradeSet(set) if set.change == ChangeKind::Raised);
    let expected: Vec<_> = of_assessment().filter(raised).map(|record| record.position).collect();
    if found != expected {
        return Err(Stopped::Wrong(format!("raised at {found:?}, not {expected:?}")));
    }
    Ok(())
}

/// How the engine is started again: after a power cut or a kill, with the views as they were left
/// or with none.
const STARTS: [(bool, bool); 4] = [(true, true), (false, false), (true, false), (false, true)];

/// Whether the long form is asked for.
fn all() -> bool {
    std::env::var("JUDGEMENT_LEDGER_FAULTS").is_ok_and(|asked| asked == "all")
}

fn copy_directory(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (entry, kind) = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?))).unwrap();
        let target = to.join(entry.file_name().unwrap());
        if kind.is_dir() {
            copy_directory(&entry, &target);
        } else {
            std::fs::copy(&entry, &target).unwrap();
        }
    }
}

/// Runs the scenario with a fault at call `at`; `false` if it ended before.
async fn run(fault: Fault, at: usize) -> bool {
    let (disk, views) = (SimDisk::new(), in_memory());
    let views = views.path().join("views");
    disk.fail_after(at, fault);
    let context = |what: &str| {
        let calls = disk.calls();
        let around = &calls[at.saturating_sub(4).min(calls.len())..calls.len().min(at + 3)];
        format!("{fault:?} at call {at} ({around:?}): {what}")
    };
    let mut told = Told::default();
    match told.scenario(&disk, &views).await {
        Ok(()) | Err(Stopped::Here) => {}
        Err(Stopped::Refused) => assert_eq!(fault, Fault::PowerCut, "{}", context("refused")),
        Err(Stopped::Wrong(what)) => panic!("{}", context(&what)),
    }
    assert_eq!(disk.syncs_tried_again(), 0, "{}", context("a sync was tried again"));
    for (number, (cut, keep)) in STARTS.into_iter().enumerate() {
        if !all() && number != at % STARTS.len() {
            continue;
        }
        let start = if cut { disk.after_power_cut(at as u64 + 1) } else { disk.after_kill() };
        let copy = views.with_extension(number.to_string());
        if keep && views.exists() {
            copy_directory(&views, &copy);
        }
        match told.clone().check(&start, &copy).await {
            Ok(()) => {}
            Err(Stopped::Here | Stopped::Refused) => panic!("{}", context("it fails unfaulted")),
            Err(Stopped::Wrong(what)) => panic!("{}", context(&what)),
        }
    }
    disk.fault_hit()
}

/// Lets the fault befall each call of the run in turn.
async fn run_at_every_call(fault: Fault) {
    let mut calls = 0;
    while run(fault, calls).await {
        calls += 1;
    }
    println!("{fault:?}: {calls} calls");
    assert!(calls > 100, "the scenario has only {calls} calls");
}

#[tokio::test]
async fn a_power_cut_at_any_call_of_the_engine_loses_nothing_acknowledged() {
    run_at_every_call(Fault::PowerCut).await;
}

#[tokio::test]
async fn an_io_error_at_any_call_of_the_engine_loses_nothing_acknowledged() {
    run_at_every_call(Fault::Eio).await;
}

#[tokio::test]
async fn a_full_disk_at_any_call_of_the_engine_loses_nothing_acknowledged() {
    run_at_every_call(Fault::Full).await;
}

#[tokio::test]
async fn a_short_transfer_at_any_call_of_the_engine_changes_nothing() {
    run_at_every_call(Fault::Short).await;
}

/// The negative control: were the syncs left out, the checks above would say so.
#[tokio::test]
async fn an_engine_on_a_disk_that_forgets_its_syncs_is_found_out() {
    let (disk, views) = (SimDisk::forgetting_syncs(), in_memory());
    let views = views.path().join("views");
    let mut told = Told::default();
    assert!(told.scenario(&disk, &views).await.is_ok());
    for seed in 1..=3 {
        let checked = told.clone().check(&disk.after_power_cut(seed), &views).await;
        assert!(checked.is_err(), "nothing was lost with seed {seed}");
    }
}
