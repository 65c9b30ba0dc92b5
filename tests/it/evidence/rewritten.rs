//! History as an insider rewrites it who has the disk and the log's own key: one record is changed,
//! left out, put in, exchanged with the next, or the first of all that are cut off, and everything
//! after it is made to agree again. Positions, revisions, the hashes by which records name each
//! other, what was locked, signed, published and shown, orders to erase, leaves, frontiers, marks,
//! checksums: all as if it had always been so, under a checkpoint that the log's own key signs. Only
//! a checkpoint that was kept elsewhere tells.
//!
//! Two auditors look at it. One folds the leaves and tries the consistency proofs, for every rewrite
//! and for checkpoints kept at many sizes, those on both sides of the change among them. The other
//! is the library's verifier on the files of the rewritten journal: it takes longer, and is asked of
//! a sample, at every tenth position.
//!
//! The negative control is in each case: the same rewrite passes for the ledger itself where no
//! checkpoint was kept of what it changes.
//!
//! Quick: 100 positions, five rewrites each. Another number of them with
//! `JUDGEMENT_LEDGER_REWRITES=1000`; what is random follows from `JUDGEMENT_LEDGER_SEED`.

use std::{
    collections::{BTreeMap, HashMap},
    ops::{AddAssign, ControlFlow},
    path::Path,
    sync::OnceLock,
};

use bytes::Bytes;
use jiff::{ToSpan as _, civil::Date};
use judgement_ledger::{
    disk::RealDisk,
    evidence::{Directory, Place, Report, Trust, Wrong, verify_directory},
    journal::{
        Entry, Group, Journal as _,
        file::{FileJournal, FileOptions, LedgerId, Prepare, Seen, inspect},
    },
    judgement::{
        Assessment, AssessmentId, AudienceDigest, Event, Framework, FrameworkId, LevelCode, Phase,
        Position, RecordId, Revision, Role, Standing, StreamId, audience_digest, edition_digest,
    },
    ledger::filing,
    merkle::{
        Checkpoint, ConsistencyPlan, Frontier, Hash, Node, Origin, RootPlan, SignedNote, Signer,
        TreeHead, Verifier, leaf_hash, sha256,
    },
    pb,
    record::{Beside, Commitment, Previous, Record, read_framework},
};
use tempfile::TempDir;
use uuid::Uuid;

use super::{key_of, newest_checkpoint, read, told::records_of};
use crate::{
    erasure::erase_wholly,
    journal::{append, now},
    killed::{rounds, seed},
    served::{Clients, Ground, Served},
    sim_disk::{Seeded, SimDisk},
    story::{Telling, tell},
};

/// How many positions are rewritten where the environment does not say.
const POSITIONS: u64 = 100;

/// The library's verifier is asked at one of so many positions.
const POSITIONS_PER_VERIFICATION: usize = 10;

/// A framework, and the SHA-256 of its document.
type Registered = (Framework, [u8; 32]);

/// A record as it was stored.
struct Old {
    record: Record,
    entry: Entry,
    leaf: Hash,
    registers: Option<Registered>,
}

impl Old {
    fn new(entry: Entry) -> Self {
        let record = Record::decode(&entry.record).unwrap();
        let document = Beside::decode(entry.sealed.clone()).unwrap().document;
        let registers = (!document.is_empty())
            .then(|| (read_framework(&document).unwrap(), *sha256(&[&document]).as_bytes()));
        let leaf = leaf_hash(&entry.record);
        Self { record, entry, leaf, registers }
    }
}

/// The perfect subtrees of a tree over all records.
#[derive(Clone)]
struct Tree {
    edge: Frontier,
    nodes: HashMap<Node, Hash>,
}

impl Tree {
    fn empty() -> Self {
        Self { edge: Frontier::empty(), nodes: HashMap::new() }
    }

    fn push(&mut self, leaf: Hash) {
        self.nodes.insert(Node::new(0, self.edge.size()).unwrap(), leaf);
        let nodes = &mut self.nodes;
        self.edge.push_noting(leaf, |level, index, root| {
            nodes.insert(Node::new(u8::try_from(level).unwrap(), index).unwrap(), root);
        });
    }

    fn head(&self) -> TreeHead {
        TreeHead { size: self.edge.size(), root: self.edge.root() }
    }
}

/// What happened, and what the log signed while it did.
struct History {
    id: LedgerId,
    origin: Origin,
    signer: Signer,
    key: Verifier,
    records: Vec<Old>,
    tree: Tree,
    /// Checkpoints that the log published, oldest first: the last is yesterday's.
    kept: Vec<SignedNote>,
}

/// Five councils' assessments of some length, the records of two and two of them between each
/// other's, and a text that is erased in their midst: yesterday. Then today.
async fn live(home: &Path) -> Vec<SignedNote> {
    let telling = Telling { long_text_bytes: 500, evidence: 170 };
    let served = Served::on(Ground::at(home)).await.unwrap();
    let clients = served.clients();
    let chapter = |chapter| tell(&clients, chapter, telling);
    chapter(0).await;
    let mut kept = vec![newest_checkpoint(home)];
    tokio::join!(chapter(1), chapter(2));
    kept.push(newest_checkpoint(home));
    erase_wholly(&clients, a_rationale(&clients).await, "rationale").await;
    kept.push(newest_checkpoint(home));
    tokio::join!(chapter(3), chapter(4));
    kept.push(newest_checkpoint(home));
    let today = Telling { long_text_bytes: 500, evidence: 4 };
    tell(&clients, 5, today).await;
    served.stop().await;
    kept
}

/// A record that has one.
async fn a_rationale(clients: &Clients) -> u64 {
    let graded = records_of(clients, &["GradeSet"]).await.into_iter();
    let graded = graded.filter_map(|it| it.record).filter(|it| match &it.event {
        Some(pb::record::Event::GradeSet(set)) => set.area == "capacity-to-improve",
        _ => false,
    });
    graded.map(|it| it.position).max().unwrap()
}

/// The one history of all tests.
fn history() -> &'static History {
    static HISTORY: OnceLock<History> = OnceLock::new();
    HISTORY.get_or_init(|| {
        let living = std::thread::spawn(|| {
            let directory = TempDir::new().unwrap();
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let kept = runtime.block_on(live(directory.path()));
            History::of(directory.path(), kept)
        });
        living.join().unwrap()
    })
}

impl History {
    fn of(home: &Path, kept: Vec<SignedNote>) -> Self {
        let mut records = Vec::new();
        let journal = RealDisk::at(home.join("data/journal")).unwrap();
        let inspected = inspect(&journal, &filing(), &mut |seen| {
            if let Seen::Entry(stored, _) = seen {
                records.push(Old::new(stored.entry));
            }
            ControlFlow::Continue(())
        });
        let mut tree = Tree::empty();
        for it in &records {
            tree.push(it.leaf);
        }
        let secret = std::fs::read_to_string(home.join("signer/1.key")).unwrap();
        let secret = *Hash::parse(secret.trim_end()).unwrap().as_bytes();
        let key = key_of(home);
        let signer = Signer::new(key.name().clone(), &secret);
        let origin = read(&newest_checkpoint(home)).origin().clone();
        let id = inspected.unwrap().ledger;
        Self { id, origin, signer, key, records, tree, kept }
    }

    fn size(&self) -> u64 {
        self.tree.edge.size()
    }

    fn old(&self, position: u64) -> &Old {
        &self.records[position as usize - 1]
    }

    fn yesterday(&self) -> &SignedNote {
        self.kept.last().unwrap()
    }

    /// What the log stated, or would have, when it had so many records.
    fn head_at(&self, size: u64) -> TreeHead {
        root_at(size, |node| self.tree.nodes[node])
    }

    /// As only the log's key signs.
    fn sign(&self, head: TreeHead) -> SignedNote {
        let checkpoint = Checkpoint::new(self.origin.clone(), head);
        checkpoint.sign(std::slice::from_ref(&self.signer)).unwrap()
    }
}

fn root_at(size: u64, node: impl Fn(&Node) -> Hash) -> TreeHead {
    let plan = RootPlan::new(size);
    let hashes: Vec<Hash> = plan.nodes().iter().map(node).collect();
    plan.fold(&hashes).unwrap()
}

/// The last record of a stream as it is written now.
#[derive(Debug, Clone)]
struct End {
    revision: Revision,
    last: Previous,
}

/// Who writes history, from its first record on: each so that it agrees with those before it.
#[derive(Clone)]
struct Scribe<'h> {
    history: &'h History,
    /// So many records are what they were.
    common: u64,
    tree: Frontier,
    ends: BTreeMap<StreamId, End>,
    assessments: BTreeMap<AssessmentId, Assessment>,
    frameworks: BTreeMap<FrameworkId, &'h Registered>,
    /// All after those, and the subtrees that they complete.
    written: Vec<Entry>,
    leaves: Vec<Hash>,
    nodes: HashMap<Node, Hash>,
    /// Where a record is now that stood here, if it still is anywhere.
    moved: BTreeMap<Position, Previous>,
}

impl<'h> Scribe<'h> {
    fn begin(history: &'h History) -> Self {
        Self {
            history,
            common: 0,
            tree: Frontier::empty(),
            ends: BTreeMap::new(),
            assessments: BTreeMap::new(),
            frameworks: BTreeMap::new(),
            written: Vec::new(),
            leaves: Vec::new(),
            nodes: HashMap::new(),
            moved: BTreeMap::new(),
        }
    }

    /// Writes the next record as it was, which is what shows that this writes as the ledger does.
    fn keep(&mut self) {
        let old = self.history.old(self.common + 1);
        self.write(Some(self.common + 1), old.record.clone(), old);
        assert_eq!(self.written, std::slice::from_ref(&old.entry), "{:?}", old.record);
        self.common += 1;
        self.written.clear();
        self.leaves.clear();
        self.nodes.clear();
        self.moved.clear();
    }

    /// Writes the records from a position on, as far as they can stand.
    fn go_on(&mut self, from: u64) {
        for position in from..=self.history.size() {
            let old = self.history.old(position);
            self.write(Some(position), old.record.clone(), old);
        }
    }

    /// Writes a record, and beside it what lay beside one; nothing if it cannot stand here, since
    /// what it speaks of is gone.
    fn write(&mut self, stood: Option<u64>, mut record: Record, beside: &'h Old) {
        record.position = Position::new(self.tree.size() + 1);
        let end = self.ends.get(&record.stream);
        record.revision = end.map_or(Revision::START, |end| end.revision).next();
        record.previous = end.map(|end| end.last);
        // Taken out, so that folding on need not copy what it changes.
        let before = match &record.stream {
            StreamId::Assessment(id) => self.assessments.remove(id),
            StreamId::Framework(_) | StreamId::Subject(_) | StreamId::Ledger => None,
        };
        let stands =
            self.refer(&mut record).and_then(|()| self.claim(&mut record, before.as_ref()));
        if stands.is_none() {
            self.assessments.extend(before.map(|it| (it.id.clone(), it)));
            return;
        }

        let same = record == beside.record;
        let bytes = if same { beside.entry.record.clone() } else { record.encode().unwrap() };
        let hash = if same { beside.leaf } else { leaf_hash(&bytes) };
        let last = Previous { position: record.position, hash };
        if let Some(stood) = stood {
            self.moved.insert(Position::new(stood), last);
        }
        if let StreamId::Assessment(id) = &record.stream {
            let after = Assessment::after(before, id, &record.fact(hash)).unwrap();
            self.assessments.insert(id.clone(), after);
        }
        if let Event::FrameworkRegistered(event) = &record.event {
            let registered = beside.registers.as_ref().unwrap();
            self.frameworks.insert(event.framework.clone(), registered);
        }
        self.ends.insert(record.stream, End { revision: record.revision, last });
        self.written.push(Entry { record: bytes, sealed: beside.entry.sealed.clone() });
        self.leaves.push(hash);
        let nodes = &mut self.nodes;
        nodes.insert(Node::new(0, self.tree.size()).unwrap(), hash);
        self.tree.push_noting(hash, |level, index, root| {
            nodes.insert(Node::new(u8::try_from(level).unwrap(), index).unwrap(), root);
        });
    }

    /// Where a record is now.
    fn now_at(&self, stood: Position) -> Option<Previous> {
        if stood.get() <= self.common {
            let hash = self.history.records.get(stood.get().checked_sub(1)? as usize)?.leaf;
            return Some(Previous { position: stood, hash });
        }
        self.moved.get(&stood).copied()
    }

    /// Makes a record name others as they are now.
    fn refer(&self, record: &mut Record) -> Option<()> {
        record.act.evidence.retain_mut(|cited| {
            let now = self.now_at(cited.at);
            cited.at = now.map_or(cited.at, |it| it.position);
            now.is_some()
        });
        match &mut record.event {
            Event::RedactionRequested(event) => {
                let now = self.now_at(event.record)?;
                (event.record, event.record_hash) = (now.position, now.hash);
            }
            Event::TextRedacted(event) => {
                let now = self.now_at(event.record)?;
                (event.record, event.record_hash) = (now.position, now.hash);
                event.request = self.now_at(event.request)?.position;
            }
            Event::RedactionRefused(event) => {
                event.record = self.now_at(event.record)?.position;
                event.request = self.now_at(event.request)?.position;
            }
            Event::RedactionCompleted(event) => {
                event.record = self.now_at(event.record)?.position;
                event.order = self.now_at(event.order)?.position;
            }
            Event::RecordCorrected(event) => {
                event.record = self.now_at(event.record)?.position;
                event.from = self.now_at(event.from)?.position;
            }
            Event::AccessRecorded(event) => {
                if let Some(run) = &mut event.records {
                    let newest = Position::new(self.tree.size());
                    run.last = self.now_at(run.last).map_or(newest, |it| it.position);
                    run.first = run.first.min(run.last);
                }
            }
            _ => {}
        }
        Some(())
    }

    /// Makes a record claim what stands before it now.
    fn claim(&self, record: &mut Record, before: Option<&Assessment>) -> Option<()> {
        if let StreamId::Assessment(_) = &record.stream {
            return match (&mut record.event, before) {
                (Event::AssessmentOpened(event), None) => {
                    self.frameworks.get(&event.framework).map(|_| ())
                }
                (_, None) => None,
                (event, Some(before)) => self.claim_of(event, before),
            };
        }
        Some(())
    }

    fn claim_of(&self, event: &mut Event<Commitment>, before: &Assessment) -> Option<()> {
        let (framework, document) = self.frameworks.get(&before.framework)?;
        let renewed =
            |of: &AudienceDigest| audience_digest(before, framework, &of.audience, of.salt);
        let locked = match &before.phase {
            Phase::Locked { digest, .. } => Some(*digest),
            Phase::Open | Phase::Published => None,
        };
        match event {
            Event::GradeSet(event) => {
                let stood = before.judgements.get(&event.area);
                event.before = stood.map(|it| it.standing.clone());
            }
            Event::AssessmentLocked(event) => {
                event.digest = edition_digest(before, framework, document);
            }
            Event::SignedOff(event) => event.digest = locked?,
            Event::SignOffRefused(event) => event.digest = locked?,
            Event::AssessmentPublished(event) => {
                event.digest = locked?;
                event.audiences = event.audiences.iter().map(renewed).collect();
            }
            Event::DraftShared(event) => {
                let shown = self.now_at(event.position);
                event.position = shown.map_or(before.last.at, |it| it.position);
                if event.position >= before.last.at {
                    event.digest = renewed(&event.digest);
                }
            }
            _ => {}
        }
        Some(())
    }

    /// The first position at which a record stands, or none, that is not what it was.
    fn changed(&self) -> u64 {
        let olds = self.history.records[self.common as usize..].iter();
        let same = olds.zip(&self.leaves).take_while(|(old, leaf)| old.leaf == **leaf).count();
        self.common + same as u64 + 1
    }

    /// What anybody is shown of it, signed with the log's own key.
    fn show(&self) -> Shown<'_> {
        let head = TreeHead { size: self.tree.size(), root: self.tree.root() };
        Shown { checkpoint: self.history.sign(head), scribe: self }
    }

    /// The files of a journal in which all of it was written, in order, by a service that stopped.
    fn journal(&self) -> SimDisk {
        let disk = SimDisk::new();
        let mut options = FileOptions::new(self.history.id);
        options.segment_bytes = 256 << 10;
        options.prepare = Prepare::Inline;
        let journal = FileJournal::open(disk.shared(), filing(), options).unwrap();
        let common = self.history.records[..self.common as usize].iter().map(|it| &it.entry);
        let entries: Vec<Entry> = common.chain(&self.written).cloned().collect();
        let mut tree = Frontier::empty();
        for entries in entries.chunks(40) {
            for it in entries {
                tree.push(leaf_hash(&it.record));
            }
            let last = Record::decode(&entries.last().unwrap().record).unwrap();
            // A mark: version ‖ microseconds since 1970 ‖ frontier.
            let mut mark = vec![1];
            mark.extend(last.recorded_at.as_microsecond().to_be_bytes());
            mark.extend(tree.to_bytes());
            let group = Group { entries: entries.to_vec(), mark: Bytes::from(mark) };
            now(append(&journal, group)).unwrap();
        }
        let checkpoint = self.show().checkpoint.to_string();
        now(journal.keep_checkpoint(Bytes::from(checkpoint))).unwrap();
        now(journal.close()).unwrap();
        disk
    }
}

/// A log as it is shown today.
struct Shown<'s> {
    checkpoint: SignedNote,
    scribe: &'s Scribe<'s>,
}

impl Shown<'_> {
    fn node(&self, node: &Node) -> Hash {
        let scribe = self.scribe;
        let common = node.leaves().end <= scribe.common;
        if common { scribe.history.tree.nodes[node] } else { scribe.nodes[node] }
    }
}

/// Why a log is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    /// Records are missing that it once signed for.
    Shrunk,
    /// The records are others than it once signed for.
    Rewritten,
}

/// Looks at a log as whoever kept what it once signed: what each that was kept says of it. The log's
/// own checkpoint is always good.
fn audit(shown: &Shown<'_>, kept: &[TreeHead]) -> Vec<Result<(), Refused>> {
    let history = shown.scribe.history;
    let keys = std::slice::from_ref(&history.key);
    let today = Checkpoint::open(&shown.checkpoint, &history.origin, keys).unwrap();
    let today = today.head();
    assert_eq!(root_at(today.size, |node| shown.node(node)), *today);
    let say = |kept: &TreeHead| {
        let Ok(plan) = ConsistencyPlan::new(kept.size, today.size) else {
            return Err(Refused::Shrunk);
        };
        let hashes: Vec<Hash> = plan.nodes().iter().map(|node| shown.node(node)).collect();
        let proven = plan.fold(&hashes).unwrap().verify(kept, today).is_ok();
        let same = root_at(kept.size, |node| shown.node(node)) == *kept;
        assert_eq!(proven, same, "records and proofs tell the same");
        if same { Ok(()) } else { Err(Refused::Rewritten) }
    };
    kept.iter().map(say).collect()
}

/// The library's verifier, by whoever trusts the log's key and has no keyring.
fn verify(history: &History, journal: &SimDisk, kept: &[SignedNote]) -> Result<Report, Wrong> {
    let kept = kept.iter().map(|it| ("what was kept".to_owned(), it.to_string().into_bytes()));
    let directory = Directory {
        journal: journal.shared(),
        keys: None,
        master: None,
        checkpoints: kept.collect(),
    };
    verify_directory(&directory, &Trust { keys: vec![history.key.clone()] }, &mut |_| ())
}

/// What is done at a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Edit,
    Delete,
    Insert,
    Swap,
    Truncate,
}

const KINDS: [Kind; 5] = [Kind::Edit, Kind::Delete, Kind::Insert, Kind::Swap, Kind::Truncate];

/// History with one thing in it that is otherwise. `before` has written all before the position.
fn rewrite<'h>(before: &Scribe<'h>, kind: Kind, random: &mut Seeded) -> Scribe<'h> {
    let (history, at) = (before.history, before.common + 1);
    let (old, mut scribe) = (history.old(at), before.clone());
    match kind {
        Kind::Edit => {
            scribe.write(Some(at), edited(&old.record, random), old);
            scribe.go_on(at + 1);
        }
        Kind::Delete => scribe.go_on(at + 1),
        Kind::Insert => {
            put_in(&mut scribe, random);
            scribe.go_on(at);
        }
        Kind::Swap => {
            let next = history.old(at + 1);
            let (mut first, mut second) = (next.record.clone(), old.record.clone());
            // Time goes on as it did.
            std::mem::swap(&mut first.recorded_at, &mut second.recorded_at);
            std::mem::swap(&mut first.recorded_on, &mut second.recorded_on);
            std::mem::swap(&mut first.clock, &mut second.clock);
            scribe.write(Some(at + 1), first, next);
            scribe.write(Some(at), second, old);
            scribe.go_on(at + 2);
        }
        // The end is gone, or other records came instead of it.
        Kind::Truncate => {
            let size = if random.below(2) == 0 { 0 } else { history.size() };
            while scribe.tree.size() < size {
                put_in(&mut scribe, random);
            }
        }
    }
    scribe
}

/// Another level; where there is none, another role or day.
fn edited(record: &Record, random: &mut Seeded) -> Record {
    let mut record = record.clone();
    if let Event::GradeSet(event) = &mut record.event
        && let Standing::Level { level, .. } = &mut event.award.standing
    {
        let other = if level.as_str() == "4" { "3" } else { "4" };
        *level = LevelCode::parse(other).unwrap();
    } else if random.below(2) == 0 {
        let by = &mut record.recorded_by.role;
        *by = if *by == Role::Inspector { Role::Moderator } else { Role::Inspector };
    } else {
        let day = Date::constant(2004, 1, 1) + i64::try_from(random.below(365)).unwrap().days();
        record.act.decided_on = Some(day);
    }
    record
}

/// Puts in a record that never was: such as stood here or before, but of this moment.
fn put_in(scribe: &mut Scribe<'_>, random: &mut Seeded) {
    let history = scribe.history;
    let at = scribe.common + 1;
    let likely = |it: &&Old| {
        let event = &it.record.event;
        matches!(event, Event::GradeSet(_) | Event::EntryRecorded(_) | Event::PersonRegistered(_))
    };
    // Of the ledger's first records, one that needs none before it.
    let person = |it: &&Old| matches!(it.record.event, Event::PersonRegistered(_));
    let model = history.records[..at as usize - 1].iter().rev().find(likely);
    let model = model.or_else(|| history.records.iter().find(person)).unwrap();
    let moment: &Record = &history.old(at).record;
    let id = model.record.id.uuid().as_u128() ^ u128::from(random.next() >> 2 | 1);
    let record = Record {
        id: RecordId::new(Uuid::from_u128(id)),
        recorded_at: moment.recorded_at,
        recorded_on: moment.recorded_on,
        clock: None,
        ..model.record.clone()
    };
    scribe.write(None, record, model);
}

/// What became of rewrites.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Tally {
    rewrites: u64,
    /// Taken for the ledger by whoever kept yesterday's checkpoint.
    accepted: u64,
    /// Taken for it by whoever kept none of what they change.
    believed: u64,
    /// Refused since it has fewer records than yesterday.
    shrunk: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.rewrites += other.rewrites;
        self.accepted += other.accepted;
        self.believed += other.believed;
        self.shrunk += other.shrunk;
    }
}

/// Positions of what yesterday's checkpoint covers, in the order of the ledger: each once before any
/// is there twice.
fn positions(history: &History, wanted: u64, random: &mut Seeded) -> Vec<u64> {
    let covered = read(history.yesterday()).head().size;
    let mut positions = Vec::new();
    while (positions.len() as u64) < wanted {
        let mut all: Vec<u64> = (1..=covered).collect();
        for end in (1..all.len()).rev() {
            all.swap(end, random.below(end as u64 + 1) as usize);
        }
        positions.extend(all);
    }
    positions.truncate(wanted as usize);
    positions.sort_unstable();
    positions
}

/// Does something with every rewrite, on two threads.
fn at_all(
    history: &History,
    positions: &[u64],
    seed: u64,
    look: impl Fn(Kind, &Scribe<'_>) -> Tally + Sync,
) -> Tally {
    let half = |which: usize| {
        let (mut scribe, mut tally) = (Scribe::begin(history), Tally::default());
        for (turn, at) in positions.iter().enumerate().skip(which).step_by(2) {
            while scribe.common + 1 < *at {
                scribe.keep();
            }
            for (number, kind) in KINDS.into_iter().enumerate() {
                let mut random = Seeded(seed ^ ((turn * KINDS.len() + number) as u64) << 20);
                tally += look(kind, &rewrite(&scribe, kind, &mut random));
            }
        }
        tally
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| half(1));
        let mut tally = half(0);
        tally += other.join().unwrap();
        tally
    })
}

/// The tree's auditor, with what may have been kept: yesterday's checkpoint, what the log published
/// before, one in each eighth of the ledger, and the two that the change lies between.
fn looked_at(kind: Kind, rewritten: &Scribe<'_>) -> Tally {
    let history = rewritten.history;
    let (shown, changed) = (rewritten.show(), rewritten.changed());
    assert!(changed > rewritten.common && changed <= history.size(), "{kind:?} changes something");
    let eighths = (0..=8).map(|it| history.size() * it / 8);
    let published = history.kept.iter().map(|it| read(it).head().size);
    let sizes = eighths.chain([changed - 1, changed]).chain(published);
    let kept: Vec<TreeHead> = sizes.map(|size| history.head_at(size)).collect();
    let said = audit(&shown, &kept);
    for (kept, said) in kept.iter().zip(&said) {
        let size = kept.size;
        assert_eq!(said.is_err(), size >= changed, "{kind:?} at {changed}, kept at {size}");
    }
    // All that was kept before agrees with it.
    let mut early = kept.iter().zip(&said).filter(|(kept, _)| kept.size < changed);
    let yesterday = *said.last().unwrap();
    Tally {
        rewrites: 1,
        accepted: u64::from(yesterday.is_ok()),
        believed: u64::from(early.all(|(_, said)| said.is_ok())),
        shrunk: u64::from(yesterday == Err(Refused::Shrunk)),
    }
}

/// The library's verifier, on the journal's files.
fn verified(kind: Kind, rewritten: &Scribe<'_>) -> Tally {
    let (history, changed) = (rewritten.history, rewritten.changed());
    let (journal, size) = (rewritten.journal(), rewritten.tree.size());
    // The newest that could have been kept before what was changed.
    let early = history.sign(history.head_at(changed - 1));
    let report = verify(history, &journal, &[early]);
    let report = report.unwrap_or_else(|wrong| panic!("{kind:?} at {changed}: {wrong}"));
    assert_eq!(report.records, size);
    assert!(report.checkpoints.iter().all(|it| it.trusted));
    assert_eq!(report.remarks, Vec::<String>::new());

    let covered = read(history.yesterday()).head().size;
    let late = verify(history, &journal, &[history.yesterday().clone()]);
    if let Err(wrong) = &late {
        let said = if size < covered {
            format!("there are {size} records; what was kept covers {covered}: records are missing")
        } else {
            format!("the first {covered} records have the root ")
        };
        assert_eq!(wrong.place, Place::Whole, "{kind:?} at {changed}: {wrong}");
        assert!(wrong.what.starts_with(&said), "{kind:?} at {changed}: {wrong}");
    }
    let accepted = u64::from(late.is_ok());
    let shrunk = u64::from(size < covered);
    Tally { rewrites: 1, accepted, believed: 1, shrunk }
}

#[test]
fn whoever_kept_a_checkpoint_takes_no_rewritten_history_for_the_ledgers() {
    let (seed, wanted) = (seed(), rounds("JUDGEMENT_LEDGER_REWRITES", POSITIONS));
    println!("JUDGEMENT_LEDGER_SEED={seed} JUDGEMENT_LEDGER_REWRITES={wanted}");
    let history = history();
    let positions = positions(history, wanted, &mut Seeded(seed));
    let tally = at_all(history, &positions, seed, looked_at);
    println!("{} records: {tally:?}", history.size());
    assert_eq!(tally.rewrites, wanted * KINDS.len() as u64);
    assert_eq!(tally.accepted, 0, "yesterday's checkpoint tells");
    assert_eq!(tally.believed, tally.rewrites, "without it, nothing does");
}

#[test]
fn the_verifier_refuses_a_rewritten_history_for_nothing_but_the_checkpoint_that_was_kept() {
    let (seed, wanted) = (seed(), rounds("JUDGEMENT_LEDGER_REWRITES", POSITIONS));
    println!("JUDGEMENT_LEDGER_SEED={seed} JUDGEMENT_LEDGER_REWRITES={wanted}");
    let history = history();
    let positions = positions(history, wanted, &mut Seeded(seed));
    let some: Vec<u64> = positions.into_iter().step_by(POSITIONS_PER_VERIFICATION).collect();
    let tally = at_all(history, &some, seed, verified);
    println!("{} records: {tally:?}", history.size());
    assert_eq!(tally.rewrites, (some.len() * KINDS.len()) as u64);
    assert_eq!((tally.accepted, tally.believed), (0, tally.rewrites));
}

#[test]
fn a_history_that_is_written_anew_as_it_was_is_what_every_checkpoint_says() {
    let history = history();
    let mut scribe = Scribe::begin(history);
    while scribe.common < history.size() {
        scribe.keep();
    }
    let kept: Vec<TreeHead> = history.kept.iter().map(|it| *read(it).head()).collect();
    for head in &kept {
        assert_eq!(history.head_at(head.size), *head);
    }
    assert!(kept.is_sorted_by_key(|it| it.size));
    let covered = kept.last().unwrap().size;
    assert!(covered > 1_000 && covered < history.size(), "{covered} of {}", history.size());
    assert_eq!(scribe.show().checkpoint, history.sign(history.tree.head()));
    assert_eq!(audit(&scribe.show(), &kept), vec![Ok(()); kept.len()]);
    let report = verify(history, &scribe.journal(), &history.kept).unwrap();
    assert_eq!(
        (report.records, report.root),
        (history.size(), history.tree.head().root.to_string())
    );
}
