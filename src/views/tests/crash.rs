//! The process ends between any two steps, or the power goes: what is opened then, and applied
//! again, answers as if nothing had happened.

use std::{path::PathBuf, time::SystemTime};

use super::*;
use crate::views::{
    part::{Keys, Part},
    writing::{Step, Writing},
};

/// Writes the records from the views' end to `to` as one part, but ends after `steps`
/// transactions, without a seal. Whether the part was all in.
fn crash(directory: &Path, world: &World, to: usize, steps: usize) -> bool {
    let (_, open) = opening::open(directory, &options(1_000)).unwrap();
    assert!(open.rebuilt.is_none(), "{:?}", open.rebuilt);
    let from = usize::try_from(open.saved.written().get()).unwrap();
    let mut part = Part::after(open.saved.tree.clone(), 0, 0);
    let batch = &world.records[from..to];
    part.fold(&Keys::of(batch), batch);
    let mut writing = Writing::begin(&open.store, codec(), &part, open.saved);
    let done = (0..steps).any(|_| matches!(writing.step().unwrap(), Step::Done(_)));
    drop(writing);
    open.store.flush();
    drop(open.store);
    assert!(directory::wait_until_closed(&open.database));
    done
}

#[test]
fn a_crash_between_any_two_transactions_changes_no_answer() {
    let mut world = World::new(
        9,
        world::Size { assessments: 60, records_each: 1_000, areas: 9, entries: 50, persons: 3 },
    );
    world.grow(3_000);
    let mut random = Random::new(10);
    for steps in 0.. {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let (views, _) = Views::open(path, &options(500)).unwrap();
        apply(&views, &world, 1_100, &mut random);
        views.flush(LONG).unwrap();
        drop(views);
        // The part that is cut short is a large one, those that come after are small; and they
        // are cut short as well.
        let done = crash(path, &world, 2_600, steps);
        if !done {
            crash(path, &world, 1_900, steps / 2);
        }
        let (views, opened) = Views::open(path, &options(180)).unwrap();
        assert!(opened.rebuilt.is_none(), "{opened:?}");
        let expected = if done { 2_600 } else { 1_100 };
        assert_eq!(opened.applied.get(), expected, "after {steps} transactions");
        world.agrees(&views, usize::try_from(expected).unwrap(), &mut random).unwrap();
        apply(&views, &world, 1_500, &mut random);
        views.flush(LONG).unwrap();
        world.agrees(&views, 1_500.max(usize::try_from(expected).unwrap()), &mut random).unwrap();
        apply(&views, &world, 3_000, &mut random);
        views.flush(LONG).unwrap();
        world.agrees(&views, 3_000, &mut random).unwrap();
        views.close().unwrap();
        let (views, opened) = Views::open(path, &options(180)).unwrap();
        assert!(opened.rebuilt.is_none(), "{opened:?}");
        world.agrees(&views, 3_000, &mut random).unwrap();
        if done {
            assert!(steps > 4, "the part was too small to be cut short");
            return;
        }
    }
}

#[test]
fn a_copy_of_a_running_directory_is_whole_or_rebuilt() {
    let world = World::small(21, 4_000);
    let mut random = Random::new(22);
    let directory = tempfile::tempdir().unwrap();
    let (views, _) = Views::open(directory.path(), &options(150)).unwrap();
    for count in (250..=4_000).step_by(250) {
        apply(&views, &world, count, &mut random);
        // As a crash of the machine would leave it, more or less: files of different moments.
        let crashed = tempfile::tempdir().unwrap();
        copy(directory.path(), crashed.path());
        let (again, _) = Views::open(crashed.path(), &options(150)).unwrap();
        let applied = usize::try_from(again.head().get()).unwrap();
        world.agrees(&again, applied, &mut random).unwrap();
        apply(&again, &world, count, &mut random);
        world.agrees(&again, count, &mut random).unwrap();
    }
}

/// Opens what a crash left in `path`; it answers for as far as it goes, takes the rest, and is
/// whole when it is opened once more.
fn goes_on(path: &Path, world: &World, random: &mut Random, context: &str) -> Opened {
    let (views, opened) = Views::open(path, &options(150)).unwrap();
    let applied = usize::try_from(opened.applied.get()).unwrap();
    let agrees = world.agrees(&views, applied, random);
    assert!(agrees.is_ok(), "{context}: {agrees:?}");
    apply(&views, world, world.records.len(), random);
    views.flush(LONG).unwrap();
    let agrees = world.agrees(&views, world.records.len(), random);
    assert!(agrees.is_ok(), "{context}, applied: {agrees:?}");
    views.close().unwrap();
    let (views, again) = Views::open(path, &options(150)).unwrap();
    assert!(again.rebuilt.is_none(), "{context}: {again:?}");
    assert_eq!(views.head().get(), u64::try_from(world.records.len()).unwrap(), "{context}");
    opened
}

/// Views of the first half of the world, closed.
fn closed_views(world: &World, random: &mut Random) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let (views, _) = Views::open(directory.path(), &options(150)).unwrap();
    apply(&views, world, world.records.len() / 2, random);
    views.close().unwrap();
    directory
}

/// The files below a directory.
fn files_below(path: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Every state between two steps of giving up a database and beginning another.
#[test]
fn a_crash_at_any_step_of_a_rebuild_changes_no_answer() {
    let world = World::small(31, 800);
    let mut random = Random::new(32);
    let closed = closed_views(&world, &mut random);
    let (_, old) = opening::open(closed.path(), &options(150)).unwrap();
    let old_name = old.database.file_name().unwrap().to_owned();
    drop(old.store);
    assert!(directory::wait_until_closed(&closed.path().join(&old_name)));
    let files = files_below(&closed.path().join(&old_name)).len();
    let mut rebuilt = 0;
    // The new directory is made; then the old files go, one after the other; then the new database
    // is opened, and last it is told how far it goes.
    for removed in 0..=files {
        for begun in [false, true] {
            let crashed = tempfile::tempdir().unwrap();
            copy(closed.path(), crashed.path());
            let new = crashed.path().join("sled-1000000");
            fs::create_dir(&new).unwrap();
            if begun {
                drop(Store::open(&new, 1 << 20).unwrap());
                assert!(directory::wait_until_closed(&new));
            }
            for file in files_below(&crashed.path().join(&old_name)).iter().take(removed) {
                fs::remove_file(file).unwrap();
            }
            let context = format!("{removed} files removed, begun: {begun}");
            let opened = goes_on(crashed.path(), &world, &mut random, &context);
            rebuilt += usize::from(opened.rebuilt.is_some());
        }
    }
    // What was begun is empty, so that there is nothing to believe: each is begun once more.
    assert_eq!(rebuilt, 2 * (files + 1));
}

/// Every state between two steps of sealing and of breaking the seal.
#[test]
fn a_crash_at_any_step_of_sealing_changes_no_answer() {
    let world = World::small(33, 800);
    let mut random = Random::new(34);
    let closed = closed_views(&world, &mut random);
    let seal = fs::read(closed.path().join("seal")).unwrap();
    let half = u64::try_from(world.records.len() / 2).unwrap();
    for written in 0..=seal.len() {
        if written % 16 != 0 && written != seal.len() {
            continue;
        }
        for (name, believed) in [("seal.in-motion", true), ("seal", written == seal.len())] {
            let crashed = tempfile::tempdir().unwrap();
            copy(closed.path(), crashed.path());
            fs::remove_file(crashed.path().join("seal")).unwrap();
            fs::write(crashed.path().join(name), &seal[..written]).unwrap();
            let context = format!("{written} bytes of {name}");
            let opened = goes_on(crashed.path(), &world, &mut random, &context);
            assert_eq!(opened.rebuilt.is_none(), believed, "{context}: {opened:?}");
            assert_eq!(opened.applied.get(), if believed { half } else { 0 }, "{context}");
        }
    }
}

/// A power cut keeps any of the pages that were written since the last flush: each page of each
/// file is that of one moment or of the next.
#[test]
fn a_power_cut_while_a_part_is_written_changes_no_answer() {
    const PAGE_BYTES: usize = 4096;
    let world = World::small(35, 2_000);
    let mut random = Random::new(36);
    let directory = tempfile::tempdir().unwrap();
    let (views, _) = Views::open(directory.path(), &options(150)).unwrap();
    let mut before = tempfile::tempdir().unwrap();
    copy(directory.path(), before.path());
    let (mut whole, mut rebuilt) = (0, 0);
    for count in (200..=2_000).step_by(200) {
        let unchanged = changed_last(directory.path());
        apply(&views, &world, count, &mut random);
        // Every second time something was surely written, however busy the machine is: else whoever
        // is quick copies nothing new.
        while count % 400 == 0 && changed_last(directory.path()) == unchanged {
            thread::sleep(Duration::from_millis(1));
        }
        let after = tempfile::tempdir().unwrap();
        copy(directory.path(), after.path());
        for cut in 0..3 {
            let crashed = tempfile::tempdir().unwrap();
            copy(after.path(), crashed.path());
            for path in files_below(crashed.path()) {
                let old = before.path().join(path.strip_prefix(crashed.path()).unwrap());
                let (old, mut new) = (fs::read(old).unwrap_or_default(), fs::read(&path).unwrap());
                for (page, old) in new.chunks_mut(PAGE_BYTES).zip(old.chunks(PAGE_BYTES)) {
                    if page.len() == old.len() && random.below(2) == 0 {
                        page.copy_from_slice(old);
                    }
                }
                if random.below(3) == 0 {
                    new.truncate(old.len());
                }
                fs::write(&path, new).unwrap();
            }
            let context = format!("cut {cut} after {count} records");
            let opened = goes_on(crashed.path(), &world, &mut random, &context);
            if opened.rebuilt.is_some() { rebuilt += 1 } else { whole += 1 }
        }
        before = after;
    }
    assert!(rebuilt > 0 && whole > 0, "{whole} were whole, {rebuilt} rebuilt: these are no cuts");
}

/// When a file below `path` was last written.
fn changed_last(path: &Path) -> Option<SystemTime> {
    // One that is written whole goes by another name until it is there.
    let changed = |path: PathBuf| fs::metadata(path).ok().map(|it| it.modified().unwrap());
    files_below(path).into_iter().filter_map(changed).max()
}
