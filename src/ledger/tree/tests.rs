//! What is said of the tree is what a tree over all records says, however the views came about.

use std::{path::Path, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::*;
use crate::{
    disk::RealDisk,
    journal::{Entry, Group, Journal, MemoryJournal},
    judgement::{Event, Label, RecordId, Revision, StreamId, SubjectId, SubjectRegistered, Text},
    ledger::{
        Covering, Follower, Parts, Reading, Reads, Stop, filing, mark::Summary, recovery::OpenError,
    },
    merkle::root_of,
    metrics::Metrics,
    record::{Record, read_snapshot, samples::sample_of, snapshot_of},
    vault::{MasterKey, Prepare, Setup, Vault, system_entropy},
    views::{Known, SnapshotCodec, Views, ViewsOptions},
};

/// More than the 65,536 of a tile of level 1, and more than two parts of the views.
const RECORDS: u64 = 66_100;

const LEDGER: &[u8] = b"tree";
const CODEC: SnapshotCodec = SnapshotCodec { encode: snapshot_of, decode: read_snapshot };

fn record(position: u64) -> Bytes {
    let subject = SubjectId::parse(&format!("city-{position}")).unwrap();
    let label = Label::parse("A city council").unwrap();
    let event: Event<Text> = Event::SubjectRegistered(SubjectRegistered {
        subject: subject.clone(),
        name: label.clone(),
        kind: label,
    });
    let record = Record {
        stream: StreamId::Subject(subject),
        position: Position::new(position),
        revision: Revision::new(1),
        id: RecordId::new(uuid::Uuid::from_u128(u128::from(position))),
        previous: None,
        ..sample_of(event).record
    };
    record.encode().unwrap()
}

/// A journal and the files beside it, on which one ledger after the other opens.
pub(in crate::ledger) struct Ground {
    pub(in crate::ledger) journal: Arc<MemoryJournal>,
    records: Vec<Bytes>,
    leaves: Vec<Hash>,
    files: TempDir,
}

pub(in crate::ledger) struct Open {
    pub(in crate::ledger) ledger: Ledger,
    sequencer: JoinHandle<Stop>,
    follower: JoinHandle<Result<(), OpenError>>,
}

impl Ground {
    pub(in crate::ledger) async fn with(count: u64) -> Self {
        let ground = Self {
            journal: Arc::new(MemoryJournal::new(filing())),
            records: (1..=count).map(record).collect(),
            leaves: (1..=count).map(|position| leaf_hash(&record(position))).collect(),
            files: tempfile::tempdir().unwrap(),
        };
        let mut frontier = Frontier::empty();
        ground.leaves.iter().for_each(|leaf| frontier.push(*leaf));
        let entries = ground.records.iter().cloned();
        let entries = entries.map(|record| Entry { record, sealed: Bytes::new() }).collect();
        let mark = Summary { frontier, recorded_at: Timestamp::UNIX_EPOCH }.to_bytes();
        ground.journal.turn().await.unwrap().append(Group { entries, mark }).await.unwrap();
        ground
    }

    fn views(&self) -> &Path {
        self.files.path()
    }

    /// Opens the ledger; `known` if its views are opened later.
    pub(in crate::ledger) async fn open(&self, known: Option<Known>) -> Open {
        let (ledger, sequencer, follower) = self.parts(known).await.unwrap();
        let (sequencer, follower) = (tokio::spawn(sequencer.run()), tokio::spawn(follower.run()));
        Open { ledger, sequencer, follower }
    }

    async fn parts(
        &self,
        known: Option<Known>,
    ) -> Result<(Ledger, super::super::Sequencer, Follower), OpenError> {
        let setup = Setup { ledger: uuid::Uuid::nil(), prepare: Prepare::Inline, last_slot: None };
        let keys = Arc::new(RealDisk::at(self.files.path().join("keys")).unwrap());
        let master = MasterKey::new([7; MasterKey::BYTES]);
        let vault = Vault::open(keys, master, system_entropy(), setup).unwrap();
        let options = ViewsOptions::new(Arc::from(LEDGER), CODEC);
        let views = self.views().join("views");
        let parts = Parts {
            journal: Arc::<MemoryJournal>::clone(&self.journal),
            vault: Arc::new(vault),
            views: Box::new(move || Views::open(&views, &options)),
            known,
            covering: Covering::Journal,
            clock: Arc::new(|| Reading { wall: Timestamp::UNIX_EPOCH, monotonic: Duration::ZERO }),
            entropy: system_entropy(),
            zone: TimeZone::UTC,
            metrics: Metrics::new(0).unwrap(),
        };
        let opened = Ledger::open(parts, &|_, _| {}).await;
        opened.map(|(ledger, sequencer, follower, _)| (ledger, sequencer, follower))
    }

    /// The edge of the tree over the first records.
    pub(in crate::ledger) fn edge(&self, size: usize) -> Frontier {
        let mut frontier = Frontier::empty();
        self.leaves[..size].iter().for_each(|leaf| frontier.push(*leaf));
        frontier
    }

    fn tree(&self, size: u64) -> TreeHead {
        TreeHead { size, root: root_of(&self.leaves[..usize::try_from(size).unwrap()]) }
    }
}

impl Open {
    /// Stops it, in order or as a crash would.
    pub(in crate::ledger) async fn end(self, in_order: bool) {
        self.ledger.close();
        self.sequencer.await.unwrap();
        self.follower.await.unwrap().unwrap();
        if in_order {
            self.ledger.close_views().unwrap();
        }
    }
}

/// Sizes at which trees and tiles change their shape, and some between, up to `max`.
fn sizes(max: u64) -> Vec<u64> {
    let edges = [0, 1, 2, 3, 4, 5, 7, 8, 255, 256, 257, 511, 512, 513, 1_000, 32_768, 65_535];
    let later = [65_536, 65_537, 65_791, 65_792, 65_793, 66_047, 66_048, 66_099, 66_100];
    edges.into_iter().chain(later).filter(|size| *size <= max).collect()
}

async fn agrees(ground: &Ground, ledger: &Ledger, max: u64) {
    let sizes = sizes(max);
    for (nth, &size) in sizes.iter().enumerate() {
        let tree = ground.tree(size);
        assert_eq!(ledger.root_at(size).await.unwrap(), tree);
        let indices = [0, size / 3, size / 2, size.saturating_sub(1)];
        for index in indices.into_iter().filter(|index| *index < size) {
            let included = ledger.inclusion(index, size).await.unwrap();
            let leaf = ground.leaves[usize::try_from(index).unwrap()];
            assert_eq!((included.tree, included.leaf), (tree, leaf));
            included.proof.verify(&leaf, index, &tree).unwrap();
        }
        for &from in sizes.iter().take(nth.saturating_add(1)).step_by(4) {
            let grown = ledger.consistency(from, size).await.unwrap();
            assert_eq!((grown.from, grown.to), (ground.tree(from), tree));
            grown.proof.verify(&grown.from, &tree).unwrap();
        }
    }
}

async fn tiles_agree(ground: &Ground, ledger: &Ledger, size: u64) {
    for tile in Tile::all(size).filter(|tile| tile.level() > 0 || tile.index() % 50 == 0) {
        let hashes = tile.nodes().map(|node| {
            let leaves = node.leaves();
            let (start, end) = (usize::try_from(leaves.start), usize::try_from(leaves.end));
            root_of(&ground.leaves[start.unwrap()..end.unwrap()])
        });
        let expected = tile.encode(&hashes.collect::<Vec<_>>()).unwrap();
        assert_eq!(ledger.tile(tile).await.unwrap(), expected, "{tile:?}");
    }
    for bundle in EntryBundle::all(size).step_by(40) {
        let entries = bundle.entries();
        let (start, end) = (usize::try_from(entries.start), usize::try_from(entries.end));
        let expected = bundle.encode(&ground.records[start.unwrap()..end.unwrap()]).unwrap();
        assert_eq!(ledger.entry_bundle(bundle).await.unwrap(), expected, "{bundle:?}");
    }
}

#[tokio::test]
async fn the_tree_is_that_of_all_records_however_the_views_came_about() {
    let ground = Ground::with(RECORDS).await;
    let open = ground.open(None).await;
    assert_eq!(open.ledger.tree(), ground.tree(RECORDS));
    agrees(&ground, &open.ledger, RECORDS).await;
    for size in [1, 256, 700, 65_536, RECORDS] {
        tiles_agree(&ground, &open.ledger, size).await;
    }
    open.end(false).await;
    // What a crash left is brought up; then nothing is missing.
    let open = ground.open(None).await;
    agrees(&ground, &open.ledger, RECORDS).await;
    open.end(true).await;
    let before = ground.files.path().join("before");
    copy(&ground.views().join("views"), &before);
    let open = ground.open(None).await;
    agrees(&ground, &open.ledger, RECORDS).await;
    // Records that come meanwhile, of which the views that are put back know nothing.
    open.ledger.register_built_in().await.unwrap();
    let head = open.ledger.tree();
    open.end(true).await;
    std::fs::remove_dir_all(ground.views().join("views")).unwrap();
    copy(&before, &ground.views().join("views"));
    let open = ground.open(None).await;
    assert_eq!(open.ledger.tree(), head);
    agrees(&ground, &open.ledger, RECORDS).await;
    tiles_agree(&ground, &open.ledger, RECORDS).await;
    open.ledger.consistency(RECORDS, head.size).await.unwrap();
    open.end(true).await;
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, target) = entry.map(|it| (it.path(), to.join(it.file_name()))).unwrap();
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

#[tokio::test]
async fn what_is_not_in_the_tree_is_refused() {
    let ground = Ground::with(5).await;
    let Open { ledger, sequencer, follower } = ground.open(None).await;
    assert!(matches!(ledger.root_at(6).await, Err(ReadError::NotReached { .. })));
    assert!(matches!(ledger.inclusion(5, 5).await, Err(ReadError::NoRecord(at)) if at.get() == 6));
    let shrunk = ledger.consistency(4, 3).await;
    assert!(matches!(shrunk, Err(ReadError::Shrunk { from: 4, to: 3 })), "{shrunk:?}");
    let tile = ledger.tile(Tile::new(0, 0, 6).unwrap()).await;
    assert!(matches!(tile, Err(ReadError::NotReached { .. })), "{tile:?}");
    Open { ledger, sequencer, follower }.end(true).await;
}

/// Of 256 records and fewer all hashes lie in the journal.
#[tokio::test]
async fn a_small_tree_needs_no_views() {
    let ground = Ground::with(200).await;
    ground.open(None).await.end(true).await;
    let known = Known::noted(&ground.views().join("views"), LEDGER, CODEC);
    let (ledger, sequencer, follower) = ground.parts(known).await.unwrap();
    assert_eq!(*ledger.reads().borrow(), Reads::Waiting);
    agrees(&ground, &ledger, 200).await;
    drop((ledger, sequencer, follower));
}

/// As if views held a wrong root, or a record had been changed: no proof is given, and the views are
/// folded anew.
#[tokio::test]
async fn hashes_that_do_not_make_the_root_give_no_proof_and_the_views_are_folded_anew() {
    let ground = Ground::with(700).await;
    let Open { ledger, sequencer, follower } = ground.open(None).await;
    let mut reads = ledger.reads();
    let mut leaves = ground.leaves[256..512].to_vec();
    leaves[44] = leaf_hash(b"another record");
    ledger.shared.leaves.keep(1, leaves.into());
    for tried in 0..3 {
        reads.wait_for(|reads| *reads == Reads::Answered).await.unwrap();
        let refused = match tried {
            0 => ledger.inclusion(300, 700).await.map(drop),
            1 => ledger.tile(Tile::new(0, 1, 256).unwrap()).await.map(drop),
            _ => ledger.root_at(400).await.map(drop),
        };
        assert!(matches!(refused, Err(ReadError::Rebuilding)), "{refused:?}");
        assert_eq!(*reads.borrow(), Reads::Refused);
    }
    *ledger.shared.leaves.0.lock().unwrap() = LruCache::new(TILES_KEPT);
    reads.wait_for(|reads| *reads == Reads::Answered).await.unwrap();
    agrees(&ground, &ledger, 700).await;
    Open { ledger, sequencer, follower }.end(true).await;
}

/// The views that are there are folded anew first: it may be they who are wrong.
#[tokio::test]
async fn records_that_do_not_make_the_tree_of_the_mark_are_not_served() {
    let mut ground = Ground::with(300).await;
    ground.open(None).await.end(true).await;
    let mut frontier = Frontier::empty();
    (0..300).for_each(|_| frontier.push(leaf_hash(b"another record")));
    let mark = Summary { frontier, recorded_at: Timestamp::UNIX_EPOCH }.to_bytes();
    let entries = ground.records.iter().cloned();
    let entries = entries.map(|record| Entry { record, sealed: Bytes::new() }).collect();
    ground.journal = Arc::new(MemoryJournal::new(filing()));
    ground.journal.turn().await.unwrap().append(Group { entries, mark }).await.unwrap();
    let refused = ground.parts(None).await.map(drop);
    assert!(matches!(refused, Err(OpenError::OtherTree { size: 300 })), "{refused:?}");
}
