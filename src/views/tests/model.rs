//! The views answer as the model does, however they were written, closed and opened.

use super::*;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn views_answer_as_the_model_does() {
    for seed in 0..12 {
        println_seed(seed);
        let world = World::small(seed, 1_500);
        let mut random = Random::new(seed);
        let directory = tempfile::tempdir().unwrap();
        let mut count = 0;
        let part_records = [3, 50, 400, 10_000][random.below(4)];
        let (mut views, opened) = Views::open(directory.path(), &options(part_records)).unwrap();
        assert!(matches!(opened.rebuilt, Some(Reason::Absent)), "{opened:?}");
        while count < world.records.len() {
            count = world.records.len().min(count + random.below(300) + 1);
            apply(&views, &world, count, &mut random);
            match random.below(5) {
                0 => views.flush(LONG).unwrap(),
                // Closed: all is there.
                1 => {
                    views.close().unwrap();
                    let opened;
                    (views, opened) =
                        Views::open(directory.path(), &options(part_records)).unwrap();
                    assert!(opened.rebuilt.is_none(), "{opened:?}");
                    assert_eq!(opened.applied, world.records[count - 1].record.position);
                    assert_eq!(opened.hash, Some(world.records[count - 1].hash));
                }
                // Dropped: what was not written is applied again.
                2 => {
                    drop(views);
                    let opened;
                    (views, opened) =
                        Views::open(directory.path(), &options(part_records)).unwrap();
                    assert!(opened.rebuilt.is_none(), "{opened:?}");
                    apply(&views, &world, count, &mut random);
                }
                _ => {}
            }
            world.agrees(&views, count, &mut random).unwrap();
        }
    }
}

/// Where the seed of a failing run is found: tests show what they print when they fail.
#[expect(clippy::print_stdout, reason = "a failing seed must be seen")]
fn println_seed(seed: u64) {
    println!("seed {seed}");
}

#[test]
fn readers_see_each_position_once_and_in_order_while_parts_are_written() {
    let world = World::small(77, 6_000);
    let directory = tempfile::tempdir().unwrap();
    let (views, _) = Views::open(directory.path(), &options(60)).unwrap();
    let terms = world.terms(300);
    let done = AtomicBool::new(false);
    let read = |towards| {
        let mut random = Random::new(5);
        let mut rounds = 0;
        while !done.load(Ordering::Relaxed) || rounds < 3 {
            let term = &terms[random.below(terms.len())];
            let before = usize::try_from(views.head().get()).unwrap();
            let found = views.postings(term, Range::ALL, towards);
            let mut found = found.collect::<Result<Vec<_>, _>>().unwrap();
            let after = usize::try_from(views.head().get()).unwrap();
            if towards == Direction::Backwards {
                found.reverse();
            }
            let all = world.find(after, &[vec![term.clone()]], Range::ALL, Direction::Forwards);
            let sure = all.partition_point(|at| at.get() <= u64::try_from(before).unwrap());
            assert!(found.len() >= sure, "{term:?}: {} of {sure}", found.len());
            assert_eq!(found, all[..found.len()], "{term:?}");
            if let Term::Assessment(id) = term
                && before > 0
            {
                let state = views.assessment(id).unwrap();
                assert!(state.is_none_or(|state| &state.id == id));
            }
            rounds += 1;
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| read(Direction::Forwards));
        scope.spawn(|| read(Direction::Backwards));
        scope.spawn(|| {
            let id = world.records[0].assessment.as_ref().unwrap().id.clone();
            let mut last = Position::START;
            while !done.load(Ordering::Relaxed) {
                // Never gone and never older than it was.
                let head = views.head();
                let state = views.assessment(&id).unwrap();
                assert!(state.is_some() || head == Position::START, "at {head}");
                let at = state.map_or(Position::START, |state| state.last.at);
                assert!(at >= last);
                last = at;
            }
        });
        apply(&views, &world, world.records.len(), &mut Random::new(6));
        views.flush(LONG).unwrap();
        done.store(true, Ordering::Relaxed);
    });
    world.agrees(&views, world.records.len(), &mut Random::new(7)).unwrap();
}

#[test]
fn who_reads_the_store_as_it_was_looks_again() {
    let world = World::small(78, 900);
    let directory = tempfile::tempdir().unwrap();
    let (views, _) = Views::open(directory.path(), &options(10_000)).unwrap();
    let id = world.records[0].assessment.as_ref().unwrap().id.clone();
    let store = views.shared.memory().store().unwrap();
    let mut random = Random::new(1);
    let mut before = Position::START;
    for count in [300, 600, 900] {
        apply(&views, &world, count, &mut random);
        views.flush(LONG).unwrap();
        let stored = views.stored(&store, &id, before).unwrap();
        assert!(matches!(stored, Stored::Moved), "{stored:?}");
        before = views.head();
        let stored = views.stored(&store, &id, before).unwrap();
        assert!(matches!(stored, Stored::Found(Some(_))), "{stored:?}");
    }
}

#[test]
fn a_batch_that_does_not_go_on_is_refused_whole() {
    let world = World::small(3, 20);
    let directory = tempfile::tempdir().unwrap();
    let (views, _) = Views::open(directory.path(), &options(100)).unwrap();
    views.apply(&world.records[..5]).unwrap();
    for bad in [&world.records[6..8], &world.records[4..8], &[][..]] {
        let expected = if bad.is_empty() { 5 } else { 6 };
        match views.apply(bad) {
            Ok(()) => assert_eq!(expected, 5),
            Err(ViewsError::OutOfOrder { expected: next, given }) => {
                assert_eq!((next.get(), given), (expected, bad[0].record.position));
            }
            Err(error) => panic!("{error:?}"),
        }
        world.agrees(&views, 5, &mut Random::new(1)).unwrap();
    }
}

#[test]
fn three_parts_fill_the_memory_and_then_the_ledger_waits() {
    let world = World::small(4, 100);
    let directory = tempfile::tempdir().unwrap();
    // No indexer: nothing is ever written.
    let (_, open) = opening::open(directory.path(), &options(10)).unwrap();
    let cache = Cache::new(0, open.saved.written());
    let memory = Memory::new(Arc::new(open.store), open.saved.tree, 10);
    let shared = Shared::new(memory, cache, &options(10), open.database);
    for record in &world.records[..30] {
        shared.apply(std::slice::from_ref(record)).unwrap();
    }
    for _ in 0..2 {
        let lag = shared.apply(&world.records[30..40]);
        assert!(matches!(lag, Err(ViewsError::Lag)), "{lag:?}");
    }
    assert_eq!(shared.memory().head(), Position::new(30));
    assert!(!shared.wait(Duration::from_millis(1), |memory| !memory.is_full()));
    assert!(shared.close());
}

#[test]
fn a_page_of_a_frequent_term_reads_two_blocks() {
    let mut world = World::new(
        1,
        world::Size { assessments: 40, records_each: 1_000, areas: 9, entries: 99, persons: 1 },
    );
    world.grow(9_000);
    let directory = tempfile::tempdir().unwrap();
    let (views, _) = Views::open(directory.path(), &options(4_000)).unwrap();
    apply(&views, &world, 9_000, &mut Random::new(1));
    views.flush(LONG).unwrap();
    let person = world.records[0].record.recorded_by.person;
    let term = Term::RecordedBy(person);
    let store = views.shared.memory().store().unwrap();
    let blocks = store.down_to(In::Postings, &term.key(), Position::START).unwrap();
    assert_eq!(blocks.len(), 9_000_usize.div_ceil(block::POSITIONS_MAX));
    let newest = views.postings(&term, Range::ALL, Direction::Backwards).take(50);
    let newest: Vec<u64> = newest.map(|found| found.unwrap().get()).collect();
    assert_eq!(newest, (8_951..=9_000).rev().collect::<Vec<_>>());
}

/// A snapshot is named by a hash: read for another world's, it would be a wrong answer that no
/// view gave.
#[test]
fn worlds_of_two_sizes_share_no_hash() {
    let small = World::small(9, 1_500);
    let size =
        world::Size { assessments: 60, records_each: 1_000, areas: 9, entries: 50, persons: 3 };
    let mut large = World::new(9, size);
    large.grow(3_000);
    let hashes = |world: &World| world.records.iter().map(|it| it.hash).collect::<BTreeSet<_>>();
    assert!(hashes(&small).is_disjoint(&hashes(&large)));
}
