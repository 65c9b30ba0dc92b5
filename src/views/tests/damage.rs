//! Whatever is done to the files: right answers, or none.

use super::*;
use crate::views::{
    store::{Change, Store},
    tiles::FullTile,
};

use std::path::PathBuf;

/// Views of the first 2,000 records of a world, closed.
fn closed(world: &World, directory: &Path) {
    let (views, _) = Views::open(directory, &options(300)).unwrap();
    apply(&views, world, 2_000, &mut Random::new(1));
    views.close().unwrap();
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    // The note says nothing of what is in the database; its own tests change it.
    files.retain(|path| !path.ends_with("known"));
    files.sort();
    files
}

/// Flips bytes, or cuts or zeroes a stretch, in one file or in all. Whether anything changed.
fn damage(directory: &Path, random: &mut Random) -> bool {
    let mut files = files(directory);
    if random.below(2) == 0 {
        files = vec![files[random.below(files.len())].clone()];
    }
    let (kind, flips) = (random.below(10), 1 << random.below(7));
    let mut changed = false;
    for file in files {
        let before = fs::read(&file).unwrap();
        let mut bytes = before.clone();
        let from = random.below(bytes.len());
        let to = bytes.len().min(from + random.below(4096));
        match kind {
            0 => bytes.truncate(from),
            1 => bytes[from..to].fill(0),
            // Within what is written, mostly: a young database is mostly zeros.
            _ => {
                let used: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
                for _ in 0..flips {
                    if !used.is_empty() {
                        bytes[used[random.below(used.len())]] ^= 1 << random.below(8);
                    }
                }
            }
        }
        changed |= bytes != before;
        fs::write(&file, bytes).unwrap();
    }
    changed
}

#[test]
fn whatever_happens_to_sealed_files_is_seen_before_sled_sees_them() {
    let world = World::small(31, 2_400);
    let origin = tempfile::tempdir().unwrap();
    closed(&world, origin.path());
    for seed in 0..40 {
        let mut random = Random::new(seed);
        let directory = tempfile::tempdir().unwrap();
        copy(origin.path(), directory.path());
        let changed = damage(directory.path(), &mut random);
        let (views, opened) = Views::open(directory.path(), &options(300)).unwrap();
        assert_eq!(matches!(opened.rebuilt, Some(Reason::Altered)), changed, "seed {seed}");
        assert_eq!(opened.applied.get(), if changed { 0 } else { 2_000 }, "seed {seed}");
        if seed % 10 == 0 {
            apply(&views, &world, 2_400, &mut random);
            world.agrees(&views, 2_400, &mut random).unwrap();
        }
    }
}

/// What became of one damaged, unsealed directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Whole,
    Behind,
    Rebuilt,
    BrokeLater,
}

fn fate(origin: &Path, world: &World, seed: u64) -> Fate {
    let mut random = Random::new(seed);
    let directory = tempfile::tempdir().unwrap();
    copy(origin, directory.path());
    fs::remove_file(directory.path().join("seal")).unwrap();
    damage(directory.path(), &mut random);
    let (views, opened) = Views::open(directory.path(), &options(300)).unwrap();
    let applied = usize::try_from(opened.applied.get()).unwrap();
    let answers = world.agrees(&views, applied, &mut random).and_then(|()| {
        apply(&views, world, 2_400, &mut random);
        world.agrees(&views, 2_400, &mut random)
    });
    match (answers, opened.rebuilt) {
        (Err(ViewsError::Broken(_)), _) => Fate::BrokeLater,
        (Err(error), _) => panic!("{error:?}"),
        (Ok(()), Some(_)) => Fate::Rebuilt,
        (Ok(()), None) if applied == 2_000 => Fate::Whole,
        (Ok(()), None) => Fate::Behind,
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "a failing seed and the tally must be seen")]
fn whatever_happens_to_unsealed_files_no_answer_is_wrong() {
    let world = World::small(32, 2_400);
    let origin = tempfile::tempdir().unwrap();
    closed(&world, origin.path());
    let seeds = std::env::var("VIEWS_DAMAGE_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    let mut fates = Vec::new();
    for seed in 0..seeds.unwrap_or(100) {
        println!("seed {seed}");
        fates.push(fate(origin.path(), &world, seed));
    }
    let of = |fate| fates.iter().filter(|other| **other == fate).count();
    for fate in [Fate::Whole, Fate::Behind, Fate::Rebuilt, Fate::BrokeLater] {
        println!("{fate:?}: {}", of(fate));
    }
    assert!(of(Fate::Rebuilt) > 0, "the damage did no damage");
}

/// Opens the database of closed views and lets `spoil` change it behind their back; the sum is
/// brought up to date if `summed`.
fn spoil(directory: &Path, summed: bool, spoil: impl Fn(&Store) -> Vec<Change>) {
    let (_, open) = opening::open(directory, &options(300)).unwrap();
    assert!(open.rebuilt.is_none(), "{:?}", open.rebuilt);
    let changes = spoil(&open.store);
    let mut saved = open.saved;
    if summed {
        saved.sum = open.store.summed(saved.sum, &changes);
    }
    open.store.commit(&changes, &saved).unwrap();
    drop(open.store);
    assert!(directory::wait_until_closed(&open.database));
}

/// The newest block under a term, with a byte flipped.
fn flipped(store: &Store, tree: In, name: &[u8]) -> Vec<Change> {
    let (key, old) = store.last(tree, name, Position::new(u64::MAX)).unwrap().unwrap();
    let mut new = old.to_vec();
    let middle = new.len() / 2;
    new[middle] ^= 4;
    vec![Change { tree, key: key.to_vec(), old: Some(old), new: Some(new) }]
}

#[test]
fn a_block_with_a_flipped_byte_breaks_the_views_and_they_are_rebuilt() {
    let world = World::small(33, 2_400);
    let directory = tempfile::tempdir().unwrap();
    closed(&world, directory.path());
    let term = Term::Event("GradeSet");
    spoil(directory.path(), true, |store| flipped(store, In::Postings, &term.key()));

    let (views, opened) = Views::open(directory.path(), &options(300)).unwrap();
    assert!(opened.rebuilt.is_none(), "{opened:?}");
    let mut found = views.postings(&term, Range::ALL, Direction::Backwards);
    let answer = found.next();
    assert!(matches!(answer, Some(Err(ViewsError::Broken(Reason::Damaged(_))))), "{answer:?}");
    assert!(found.next().is_none());
    assert!(matches!(views.health(), Health::Broken(Reason::Damaged(_))));
    let id = world.records[0].assessment.as_ref().unwrap().id.clone();
    assert!(matches!(views.assessment(&id), Err(ViewsError::Broken(_))));
    assert!(matches!(views.apply(&world.records[2_000..2_001]), Err(ViewsError::Broken(_))));
    assert!(matches!(views.flush(LONG), Ok(()) | Err(ViewsError::Broken(_))));

    // While the broken views are still in somebody's hands.
    let (again, opened) = Views::open(directory.path(), &options(300)).unwrap();
    assert!(opened.rebuilt.is_some(), "{opened:?}");
    apply(&again, &world, 2_400, &mut Random::new(1));
    again.flush(LONG).unwrap();
    drop(views);
    world.agrees(&again, 2_400, &mut Random::new(2)).unwrap();
    again.close().unwrap();
    let (again, opened) = Views::open(directory.path(), &options(300)).unwrap();
    assert_eq!((opened.applied.get(), opened.rebuilt.is_none()), (2_400, true));
    world.agrees(&again, 2_400, &mut Random::new(2)).unwrap();
}

#[test]
fn a_snapshot_with_a_flipped_byte_is_refused() {
    let world = World::small(34, 2_400);
    let directory = tempfile::tempdir().unwrap();
    closed(&world, directory.path());
    let id = world.records[0].assessment.as_ref().unwrap().id.clone();
    let name = Term::Assessment(id.clone()).key();
    spoil(directory.path(), true, |store| flipped(store, In::Assessments, &name));
    let (views, _) = Views::open(directory.path(), &options(300)).unwrap();
    let answer = views.assessment(&id);
    assert!(matches!(answer, Err(ViewsError::Broken(Reason::Damaged(_)))), "{answer:?}");
}

#[test]
fn a_tile_that_was_changed_or_lost_is_refused() {
    let world = World::small(39, 2_400);
    for lost in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        closed(&world, directory.path());
        spoil(directory.path(), true, |store| {
            let key = FullTile { level: 0, index: 3 }.key().to_vec();
            let old = store.tile(&key).unwrap().unwrap();
            let mut changed = old.to_vec();
            changed[7] ^= 1;
            let new = (!lost).then_some(changed);
            vec![Change { tree: In::Tiles, key, old: Some(old), new }]
        });
        let (views, _) = Views::open(directory.path(), &options(300)).unwrap();
        assert!(views.tile_roots(0, 0..3).unwrap().is_some(), "the others are there");
        let answer = views.tile_roots(0, 0..7);
        assert!(matches!(answer, Err(ViewsError::Broken(Reason::Damaged(_)))), "{answer:?}");
    }
}

#[test]
fn a_block_that_is_lost_is_missed_at_the_next_opening() {
    let world = World::small(35, 2_400);
    let directory = tempfile::tempdir().unwrap();
    closed(&world, directory.path());
    let key = Term::Event("GradeSet").key();
    spoil(directory.path(), false, |store| {
        let mut changes = flipped(store, In::Postings, &key);
        changes[0].new = None;
        changes
    });
    let (_, opened) = Views::open(directory.path(), &options(300)).unwrap();
    assert!(matches!(opened.rebuilt, Some(Reason::Damaged(_))), "{opened:?}");
    assert_eq!(opened.applied, Position::START);
}

#[test]
fn deleted_views_and_those_of_another_ledger_are_rebuilt() {
    let world = World::small(36, 2_400);
    let directory = tempfile::tempdir().unwrap();
    closed(&world, directory.path());

    let other = ViewsOptions { ledger: Arc::from(b"another".as_slice()), ..options(300) };
    let (views, opened) = Views::open(directory.path(), &other).unwrap();
    assert!(matches!(opened.rebuilt, Some(Reason::OtherLedger)), "{opened:?}");
    assert_eq!((opened.applied, opened.hash), (Position::START, None));
    assert_eq!(files(directory.path()).len(), files(&views.shared.database).len());
    views.close().unwrap();

    fs::remove_dir_all(directory.path()).unwrap();
    let (views, opened) = Views::open(directory.path(), &options(300)).unwrap();
    assert!(matches!(opened.rebuilt, Some(Reason::Absent)), "{opened:?}");
    apply(&views, &world, 2_400, &mut Random::new(1));
    world.agrees(&views, 2_400, &mut Random::new(1)).unwrap();
}

#[test]
fn views_that_are_in_use_are_left_alone() {
    let world = World::small(38, 2_400);
    let directory = tempfile::tempdir().unwrap();
    let (views, _) = Views::open(directory.path(), &options(300)).unwrap();
    apply(&views, &world, 2_000, &mut Random::new(1));
    let second = Views::open(directory.path(), &options(300));
    assert!(matches!(second, Err(ViewsError::Unopened(Reason::InUse))), "{second:?}");
    apply(&views, &world, 2_400, &mut Random::new(1));
    views.close().unwrap();
    let (views, opened) = Views::open(directory.path(), &options(300)).unwrap();
    assert_eq!((opened.applied.get(), opened.rebuilt.is_none()), (2_400, true));
    world.agrees(&views, 2_400, &mut Random::new(1)).unwrap();
}

#[test]
fn views_that_are_discarded_begin_from_nothing() {
    let world = World::small(37, 2_400);
    let directory = tempfile::tempdir().unwrap();
    closed(&world, directory.path());
    let (views, _) = Views::open(directory.path(), &options(300)).unwrap();
    views.discard();
    assert!(matches!(views.health(), Health::Broken(Reason::Discarded)));
    drop(views);
    let (_, opened) = Views::open(directory.path(), &options(300)).unwrap();
    assert!(matches!(opened.rebuilt, Some(Reason::Absent)), "{opened:?}");
}

#[test]
fn files_that_are_not_the_views_own_are_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let kept = directory.path().join("sled-notes.txt");
    fs::write(&kept, "keep").unwrap();
    fs::write(directory.path().join("seal"), "not a seal").unwrap();
    let (views, _) = Views::open(directory.path(), &options(300)).unwrap();
    views.discard();
    drop(views);
    assert_eq!(fs::read_to_string(kept).unwrap(), "keep");
}
