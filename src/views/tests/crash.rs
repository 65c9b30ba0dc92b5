//! The process ends between two transactions: what is opened then, and applied again, answers as
//! if nothing had happened.

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
    let from = usize::try_from(open.saved.written.get()).unwrap();
    let mut part = Part::after(open.saved.written, 0, 0);
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
