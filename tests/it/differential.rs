//! The same random commands on every store: the same answers, and the same records to the byte.
//!
//! Time and randomness are the same for each store, so that nothing may differ: not a receipt, a
//! refusal, what is read, nor a byte of what is stored. The stores are the memory journal, which
//! says what is right, and the file journal on a simulated disk, stopped in order or killed at
//! every restart, with its views kept or lost.
//!
//! All is done on one thread, so that a command never joins the group of the one before it, whose
//! time it would take.
//!
//! `JUDGEMENT_LEDGER_STORES=100` runs so many seeds instead of 2; `JUDGEMENT_LEDGER_STORES_SEED` is
//! the first.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use jiff::{Timestamp, tz::TimeZone};
use judgement_ledger::{
    journal::{
        Journal, MemoryJournal, Page,
        file::{FileJournal, FileOptions, Prepare},
    },
    judgement::{
        Act, AreaId, AssessmentId, AssessmentOpened, AssessmentOrder, Caller, Command, Cycle,
        EntryContent, EntryId, EntryKind, Expected, FrameworkId, Grade, Label, LevelCode, Order,
        OrganisationId, Position, ReasonCode, RecordEntry, RegisterSubject, RequestId, ReviseEntry,
        Role, SectionId, SetGrade, SubjectId, Text,
    },
    ledger::{
        self, AsOf, Condition, Covering, KnownAt, Ledger, Mode, Order as Towards, Parts, Reading,
        Stop, Submission, Test, View, filing,
    },
    metrics::Metrics,
    record::{Beside, read_snapshot, snapshot_of},
    vault::{self, Entropy, MasterKey, Setup, Slot, Vault, slots_of},
    views::{Known, SnapshotCodec, Views, ViewsOptions},
};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::{
    sim_disk::{Seeded, SimDisk},
    simulation::variable,
};

const SEEDS: u64 = 2;
const COMMANDS: usize = 400;

/// A restart every so many commands, on average.
const COMMANDS_PER_LIFE: u64 = 60;

/// Small, so that a run fills several.
const SEGMENT_BYTES: u64 = 32 << 10;

const LEDGER: [u8; 16] = *b"the ledger's id.";
const EVERYTHING: Page = Page { entries_max: usize::MAX, bytes_max: usize::MAX };

/// What is done to a ledger.
#[derive(Debug, Clone)]
enum Deed {
    /// These commands, all or none.
    Submit(Vec<(RequestId, Order<Text>)>, Mode),
    Restart,
}

/// A store, and how it comes through a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Store {
    Memory,
    Files { killed: bool, views_lost: bool },
}

const STORES: [Store; 5] = [
    Store::Memory,
    Store::Files { killed: false, views_lost: false },
    Store::Files { killed: false, views_lost: true },
    Store::Files { killed: true, views_lost: false },
    Store::Files { killed: true, views_lost: true },
];

/// What a ledger said to all of it, and what it stored.
#[derive(Debug, PartialEq, Eq)]
struct Account {
    answers: Vec<String>,
    stored: Vec<(Bytes, Bytes)>,
}

/// Where the two accounts differ first.
fn difference(one: &Account, other: &Account) -> Option<String> {
    let answers = one.answers.iter().zip(&other.answers);
    if let Some((one, other)) = answers.clone().find(|(one, other)| one != other) {
        return Some(format!("one says {one}\nthe other {other}"));
    }
    if one.answers.len() != other.answers.len() {
        return Some("one says more than the other".to_owned());
    }
    let at = (1..).zip(one.stored.iter().zip(&other.stored)).find(|(_, (one, other))| one != other);
    if let Some((at, _)) = at {
        return Some(format!("record {at} is stored otherwise"));
    }
    (one.stored.len() != other.stored.len()).then(|| "one has more records".to_owned())
}

/// Everything outside a ledger that outlives its process.
struct Ground {
    store: Store,
    disk: SimDisk,
    memory: Arc<MemoryJournal>,
    views: TempDir,
    lives: usize,
    wall: Arc<AtomicI64>,
    entropy: Arc<Mutex<Seeded>>,
}

/// An open ledger.
struct Life {
    ledger: Ledger,
    journal: Arc<dyn Journal>,
    files: Option<Arc<FileJournal>>,
    sequencer: JoinHandle<Stop>,
    follower: JoinHandle<Result<(), ledger::OpenError>>,
}

impl Ground {
    fn new(store: Store, seed: u64) -> Self {
        let begin: Timestamp = "2006-10-01T08:00:00Z".parse().unwrap();
        Self {
            store,
            disk: SimDisk::new(),
            memory: Arc::new(MemoryJournal::new(filing())),
            views: tempfile::tempdir_in("/dev/shm").or_else(|_| TempDir::new()).unwrap(),
            lives: 0,
            wall: Arc::new(AtomicI64::new(begin.as_microsecond())),
            entropy: Arc::new(Mutex::new(Seeded(seed))),
        }
    }

    /// The views of this life: in memory they are always those that were kept.
    fn views(&self) -> PathBuf {
        let life = match self.store {
            Store::Files { views_lost: true, .. } => self.lives,
            Store::Memory | Store::Files { .. } => 0,
        };
        self.views.path().join(life.to_string())
    }

    async fn open(&mut self) -> Life {
        let seeded = Arc::clone(&self.entropy);
        let entropy: Entropy = Arc::new(move |bytes| {
            let mut seeded = seeded.lock().unwrap();
            for chunk in bytes.chunks_mut(8) {
                let drawn = seeded.next().to_le_bytes();
                chunk.copy_from_slice(&drawn[..chunk.len()]);
            }
            Ok(())
        });
        let options = FileOptions {
            segment_bytes: SEGMENT_BYTES,
            prepare: Prepare::Inline,
            ..FileOptions::new(LEDGER)
        };
        let (journal, files): (Arc<dyn Journal>, _) = match self.store {
            Store::Memory => (Arc::<MemoryJournal>::clone(&self.memory), None),
            Store::Files { .. } => {
                let disk = self.disk.directory("journal/");
                let files = Arc::new(FileJournal::open(disk, filing(), options).unwrap());
                (Arc::<FileJournal>::clone(&files), Some(files))
            }
        };
        let last_slot = last_slot(&*journal).await;
        let ledger = Uuid::from_bytes(LEDGER);
        let setup = Setup { ledger, prepare: vault::Prepare::Inline, last_slot };
        let master = MasterKey::new([7; MasterKey::BYTES]);
        let keys = self.disk.directory("keys/");
        let vault = Vault::open(keys, master, Arc::clone(&entropy), setup).unwrap();
        let views = self.views();
        let known = Known::noted(&views, &LEDGER, codec());
        let wall = Arc::clone(&self.wall);
        let parts = Parts {
            journal: Arc::clone(&journal),
            vault: Arc::new(vault),
            views: Box::new(move || open_views(&views)),
            known,
            clock: Arc::new(move || {
                let micros = wall.load(Ordering::Relaxed);
                let monotonic = Duration::from_micros(micros.unsigned_abs());
                Reading { wall: Timestamp::from_microsecond(micros).unwrap(), monotonic }
            }),
            entropy,
            zone: TimeZone::UTC,
            covering: Covering::Journal,
            metrics: Metrics::new(0).unwrap(),
        };
        let (ledger, sequencer, follower, _) = Ledger::open(parts, &|_, _| {}).await.unwrap();
        let sequencer = tokio::spawn(sequencer.run());
        let follower = tokio::spawn(follower.run());
        ledger.register_built_in().await.unwrap();
        Life { ledger, journal, files, sequencer, follower }
    }

    /// Ends a life as this store does.
    async fn end(&mut self, life: Life) {
        let Life { ledger, journal, files, sequencer, follower } = life;
        drop(journal);
        if let Store::Files { killed: true, .. } = self.store {
            sequencer.abort();
            follower.abort();
            drop((sequencer.await, follower.await));
            drop((ledger, files));
            self.disk = self.disk.after_kill();
        } else {
            ledger.close();
            assert!(matches!(sequencer.await.unwrap(), Stop::Closed));
            follower.await.unwrap().unwrap();
            tokio::task::spawn_blocking(move || ledger.close_views()).await.unwrap().unwrap();
            if let Some(files) = files {
                files.close().await.unwrap();
            }
            self.disk = self.disk.after_kill();
        }
        self.lives += 1;
    }
}

fn codec() -> SnapshotCodec {
    SnapshotCodec { encode: snapshot_of, decode: read_snapshot }
}

fn open_views(
    path: &Path,
) -> Result<(Views, judgement_ledger::views::Opened), judgement_ledger::views::ViewsError> {
    let options = ViewsOptions {
        part_records: 16,
        pages_bytes: 1 << 20,
        ..ViewsOptions::new(Arc::from(LEDGER.as_slice()), codec())
    };
    Views::open(path, &options)
}

/// The highest slot that any record names.
async fn last_slot(journal: &dyn Journal) -> Option<Slot> {
    let stored = journal.read(Position::START, EVERYTHING).await.unwrap();
    let slots = stored.into_iter().flat_map(|stored| {
        let beside = Beside::decode(stored.entry.sealed).unwrap_or_default();
        slots_of(&beside.texts).unwrap()
    });
    slots.max()
}

/// Does all of it to a store.
async fn account(store: Store, deeds: &[Deed], entropy: u64) -> Account {
    let mut ground = Ground::new(store, entropy);
    let mut life = ground.open().await;
    let mut answers = Vec::new();
    for deed in deeds {
        ground.wall.fetch_add(1_000_000, Ordering::Relaxed);
        match deed {
            Deed::Restart => {
                answers.extend(read(&life.ledger).await);
                ground.end(life).await;
                life = ground.open().await;
                answers.extend(read(&life.ledger).await);
            }
            Deed::Submit(orders, mode) => {
                let submission = submission(&life.ledger, orders, *mode);
                answers.push(format!("{:?}", life.ledger.submit(submission).await));
            }
        }
    }
    answers.extend(read(&life.ledger).await);
    let stored = life.journal.read(Position::START, EVERYTHING).await.unwrap();
    let stored = stored.into_iter().map(|it| (it.entry.record, it.entry.sealed)).collect();
    ground.end(life).await;
    Account { answers, stored }
}

fn submission(ledger: &Ledger, orders: &[(RequestId, Order<Text>)], mode: Mode) -> Submission {
    let organisation = OrganisationId::parse("ofsted").unwrap();
    let mut introductions = ledger.introductions();
    let person = introductions.person(&organisation, &Text::parse("inspector").unwrap());
    let roles = vec![Role::Inspector, Role::LeadInspector, Role::FrameworkAdmin];
    let command = |(request, order): &(RequestId, Order<Text>)| Command {
        caller: Caller { person, organisation: organisation.clone(), roles: roles.clone() },
        act: Act {
            reason: Some(ReasonCode::parse("FACTUAL_ACCURACY").unwrap()),
            rationale: Some(Text::parse("weighed again").unwrap()),
            ..Act::of_service(*request)
        },
        order: order.clone(),
    };
    let commands = orders.iter().map(command).collect();
    Submission { commands, introductions: introductions.into_new(), mode }
}

/// What stands, what stood, and what searches find.
async fn read(ledger: &Ledger) -> Vec<String> {
    let mut said = Vec::new();
    let head = ledger.head();
    let middle = Position::new(head.position.get() / 2);
    for number in 0..ASSESSMENTS {
        for known in [KnownAt::Now, KnownAt::Position(middle)] {
            let as_of = AsOf { view: View::Working, known, effective: None, stated: None };
            let read = ledger.assessment(&assessment(number), as_of).await.unwrap();
            said.push(format!("{:?}", read.map(|read| (read.assessment, read.moment))));
        }
    }
    for event in ["GradeSet", "EntryRevised", "SubjectRegistered"] {
        let filter = Condition::Test(Test::Event(event));
        for towards in [Towards::OldestFirst, Towards::NewestFirst] {
            let found = ledger.find(&filter, towards, head, None, 1_000).await.unwrap();
            said.push(format!("{found:?}"));
        }
    }
    said
}

const ASSESSMENTS: u64 = 3;

fn assessment(number: u64) -> AssessmentId {
    AssessmentId::parse(&format!("subjects/council-{number}/assessments/apa-2006")).unwrap()
}

/// Random deeds: most commands are well, some are not, some come again.
fn deeds(seed: u64) -> Vec<Deed> {
    let mut seeded = Seeded(seed);
    let mut deeds: Vec<Deed> = Vec::new();
    for number in 0..ASSESSMENTS {
        let subject = AssessmentOpened {
            framework: FrameworkId::new("apa", "2006").unwrap(),
            cycle: Cycle::parse("2006").unwrap(),
            periods: Vec::new(),
            addressee: None,
            earlier: Vec::new(),
        };
        let open = Order::Assess(assessment(number), AssessmentOrder::Open(subject));
        for order in [register(number), open] {
            deeds.push(Deed::Submit(vec![(request(&mut seeded), order)], Mode::Record));
        }
    }
    while deeds.len() < COMMANDS {
        let again = seeded.below(deeds.len() as u64) as usize;
        deeds.push(match (seeded.below(10), &deeds[again]) {
            _ if seeded.below(COMMANDS_PER_LIFE) == 0 => Deed::Restart,
            // The same again, or something else under the same request.
            (0, Deed::Submit(orders, mode)) => Deed::Submit(orders.clone(), *mode),
            (1, Deed::Submit(orders, _)) => {
                Deed::Submit(vec![(orders[0].0, order(&mut seeded, 0))], Mode::Record)
            }
            (2, _) => {
                Deed::Submit(vec![(request(&mut seeded), order(&mut seeded, 0))], Mode::Validate)
            }
            (3 | 4, _) => {
                let number = seeded.below(ASSESSMENTS);
                let orders = (0..2 + seeded.below(3)).map(|_| {
                    let order = on(&mut seeded, number);
                    (request(&mut seeded), order)
                });
                Deed::Submit(orders.collect(), Mode::Record)
            }
            _ => {
                let number = seeded.below(ASSESSMENTS);
                Deed::Submit(vec![(request(&mut seeded), order(&mut seeded, number))], Mode::Record)
            }
        });
    }
    deeds
}

fn request(seeded: &mut Seeded) -> RequestId {
    let halves = [seeded.next().to_be_bytes(), seeded.next().to_be_bytes()];
    RequestId::new(
        uuid::Builder::from_random_bytes(halves.concat().try_into().unwrap()).into_uuid(),
    )
}

fn register(number: u64) -> Order<Text> {
    Order::RegisterSubject(RegisterSubject {
        subject: SubjectId::parse(&format!("council-{number}")).unwrap(),
        name: Label::parse(&format!("Council {number}")).unwrap(),
        kind: Label::parse("local authority").unwrap(),
    })
}

fn order(seeded: &mut Seeded, number: u64) -> Order<Text> {
    match seeded.below(20) {
        // Some are there already.
        0 => register(seeded.below(40)),
        // Nobody opened it.
        1 => on(seeded, ASSESSMENTS),
        _ => on(seeded, number),
    }
}

/// Something on an assessment.
fn on(seeded: &mut Seeded, number: u64) -> Order<Text> {
    let order = match seeded.below(6) {
        0 => AssessmentOrder::RecordEntry(RecordEntry {
            entry: entry(seeded),
            content: content(seeded),
        }),
        1 => AssessmentOrder::ReviseEntry(ReviseEntry {
            entry: entry(seeded),
            content: (seeded.below(3) > 0).then(|| content(seeded)),
            expected: expected(seeded),
        }),
        _ => {
            let areas = ["social-care", "capacity-to-improve", "childrens-services"];
            let area = match seeded.below(20) {
                0 => "no-such-area",
                drawn => areas[drawn as usize % areas.len()],
            };
            let level = match seeded.below(20) {
                0 => 9,
                drawn => 1 + drawn % 4,
            };
            AssessmentOrder::SetGrade(SetGrade {
                area: AreaId::parse(area).unwrap(),
                grade: Grade::Level(None, LevelCode::parse(&level.to_string()).unwrap()),
                qualifier: None,
                expected: expected(seeded),
            })
        }
    };
    Order::Assess(assessment(number), order)
}

fn entry(seeded: &mut Seeded) -> EntryId {
    EntryId::parse(&format!("n-{}", seeded.below(12))).unwrap()
}

fn content(seeded: &mut Seeded) -> EntryContent<Text> {
    let said = "placements are stable ".repeat(1 + seeded.below(60) as usize);
    EntryContent {
        kind: EntryKind::Narrative,
        section: SectionId::parse("staying-safe").unwrap(),
        area: Some(AreaId::parse("staying-safe").unwrap()),
        order: seeded.below(5) as u32,
        text: Some(Text::parse(&said).unwrap()),
        quote: None,
        figures: Vec::new(),
        paragraph: None,
        source: None,
        relates_to: Vec::new(),
    }
}

fn expected(seeded: &mut Seeded) -> Option<Expected> {
    match seeded.below(20) {
        0 => None,
        1 => Some(Expected::NoneYet),
        2 => Some(Expected::PreviousInBatch),
        3 => Some(Expected::At(Position::new(1 + seeded.below(150)))),
        _ => Some(Expected::Any),
    }
}

#[tokio::test]
async fn every_store_gives_the_same_answers_and_the_same_bytes() {
    let first = variable("JUDGEMENT_LEDGER_STORES_SEED").unwrap_or(1);
    for seed in first..first + variable("JUDGEMENT_LEDGER_STORES").unwrap_or(SEEDS) {
        let deeds = deeds(seed);
        let model = account(STORES[0], &deeds, seed).await;
        let (good, bad): (Vec<_>, Vec<_>) =
            model.answers.iter().partition(|answer| answer.starts_with("Ok("));
        println!("seed {seed}: {} records, {} taken", model.stored.len(), good.len());
        assert!(model.stored.len() > 100 && good.len() > 100 && bad.len() > 20, "seed {seed}");
        for store in &STORES[1..] {
            let other = account(*store, &deeds, seed).await;
            let found = difference(&model, &other);
            assert_eq!(found, None, "seed {seed}: memory and {store:?}");
        }
    }
}

/// The negative control: one command more or less, or one that says something else, is seen in the
/// answers, and other randomness in the bytes.
#[tokio::test]
async fn a_store_that_differs_is_seen() {
    let deeds = deeds(7);
    let files = STORES[1];
    let model = account(Store::Memory, &deeds, 7).await;
    assert_eq!(difference(&model, &account(files, &deeds, 7).await), None);
    let recorded =
        |deed: &Deed| matches!(deed, Deed::Submit(orders, Mode::Record) if orders.len() == 1);
    let last = deeds.iter().rposition(recorded).unwrap();
    let mut forgetful = deeds.clone();
    forgetful.remove(last);
    assert!(difference(&model, &account(files, &forgetful, 7).await).is_some());
    let mut doubled = deeds.clone();
    doubled
        .insert(last, Deed::Submit(vec![(request(&mut Seeded(99)), register(99))], Mode::Record));
    assert!(difference(&model, &account(files, &doubled, 7).await).is_some());
    let otherwise = account(files, &deeds, 8).await;
    assert!(difference(&model, &otherwise).is_some(), "other ids");
    assert_eq!(model.stored.len(), otherwise.stored.len(), "and nothing else");
    let mut altered = account(files, &deeds, 7).await;
    let (record, _) = &mut altered.stored[40];
    let mut bytes = record.to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    *record = Bytes::from(bytes);
    assert_eq!(difference(&model, &altered), Some("record 41 is stored otherwise".to_owned()));
}
