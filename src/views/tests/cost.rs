//! What the views cost; run by hand: `cargo test --release --lib views::tests::cost -- --ignored
//! --nocapture`.

use super::*;

use std::time::Instant;

use crate::views::part::{Keys, Part};

const RECORDS: usize = 200_000;

fn bytes_of(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let meta = entry.metadata().unwrap();
            if meta.is_dir() { bytes_of(&entry.path()) } else { meta.len() }
        })
        .sum()
}

#[test]
#[ignore = "prints what a record costs the views: a measurement, not a check"]
#[expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::as_conversions,
    reason = "prints what it measures"
)]
fn cost() {
    // A thousand inspections at a time, of forty records each.
    let size =
        world::Size { assessments: 1_000, records_each: 40, areas: 10, entries: 20, persons: 300 };
    let mut world = World::new(1, size);
    world.grow(RECORDS);
    let directory = tempfile::tempdir().unwrap();
    let options = ViewsOptions::new(Arc::from(b"l".as_slice()), codec());
    let (views, _) = Views::open(directory.path(), &options).unwrap();
    println!("folding alone: {:?} a record", folding_alone(&world));
    let begun = Instant::now();
    let (mut folding, mut longest, mut waiting) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    for batch in world.records.chunks(64) {
        loop {
            let at = Instant::now();
            let applied = views.apply(batch);
            let took = at.elapsed();
            if applied.is_ok() {
                folding += took;
                longest = longest.max(took);
                break;
            }
            assert!(views.wait_for_room(LONG));
            waiting += at.elapsed();
        }
    }
    views.flush(LONG).unwrap();
    let each = |time: Duration| time.as_secs_f64() * 1e6 / RECORDS as f64;
    println!("apply: {:.2} µs a record; longest batch of 64: {longest:?}", each(folding));
    println!("written: {:.2} µs a record; waited {waiting:?}", each(begun.elapsed()));
    reads(&views, &world);
    views.close().unwrap();
    let bytes = bytes_of(directory.path());
    println!("on the disk: {} bytes a record", bytes / RECORDS as u64);
    for sealed in [true, false] {
        if !sealed {
            fs::remove_file(directory.path().join("seal")).unwrap();
        }
        let at = Instant::now();
        let (views, opened) = Views::open(directory.path(), &options).unwrap();
        assert_eq!(opened.applied.get(), RECORDS as u64, "{opened:?}");
        println!("opened in {:?}, sealed: {sealed}", at.elapsed());
        views.close().unwrap();
    }
}

/// Without locks, and without the indexer on the other core.
fn folding_alone(world: &World) -> [Duration; 2] {
    let (mut making, mut folding) = (Duration::ZERO, Duration::ZERO);
    let mut part = Part::after(Frontier::empty(), 0, 0);
    for batch in world.records.chunks(64) {
        let at = Instant::now();
        let keys = Keys::of(batch);
        making += at.elapsed();
        let at = Instant::now();
        part.fold(&keys, batch);
        folding += at.elapsed();
        if part.records() >= 32_768 {
            part = part.next();
        }
    }
    let records = u32::try_from(world.records.len()).unwrap();
    [making / records, folding / records]
}

#[expect(clippy::print_stdout, reason = "prints what it measures")]
fn reads(views: &Views, world: &World) {
    let mut random = Random::new(3);
    let terms = world.terms(2_000);
    let at = Instant::now();
    for _ in 0..2_000 {
        let term = &terms[random.below(terms.len())];
        let newest = views.postings(term, Range::ALL, Direction::Backwards).take(50);
        std::hint::black_box(newest.map(Result::unwrap).count());
    }
    println!("50 newest of a term: {:?}", at.elapsed() / 2_000);
    let at = Instant::now();
    for _ in 0..2_000 {
        let record = &world.records[random.below(world.records.len())];
        if let Some(state) = &record.assessment {
            views.assessment(&state.id).unwrap().unwrap();
        }
    }
    println!("an assessment: {:?}", at.elapsed() / 2_000);
}
