//! Tests of the views as a whole, against a model that only ever filters all records.

mod cost;
mod crash;
mod damage;
mod model;
mod world;

use std::{fs, path::Path, time::Duration};

use super::*;
use world::{Random, World, codec};

/// Far more than anything here takes.
const LONG: Duration = Duration::from_mins(2);

fn options(part_records: u64) -> ViewsOptions {
    ViewsOptions {
        part_records,
        pages_bytes: 8 * 1024 * 1024,
        // Room for a few snapshots only, so that reading goes to the store.
        assessments_bytes: 8 * 1024,
        ..ViewsOptions::new(Arc::from(b"the ledger".as_slice()), codec())
    }
}

/// Applies what the views do not have yet of the first `count` records, in random batches.
fn apply(views: &Views, world: &World, count: usize, random: &mut Random) {
    let mut from = usize::try_from(views.head().get()).unwrap();
    while from < count {
        let to = count.min(from.saturating_add(random.below(40)).saturating_add(1));
        match views.apply(&world.records[from..to]) {
            Ok(()) => from = to,
            Err(ViewsError::Lag) => assert!(views.wait_for_room(LONG), "the indexer is stuck"),
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// Copies all that is below `from`, but for files that go while it does: a note in the making.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, target) = entry.map(|it| (it.path(), to.join(it.file_name()))).unwrap();
        if path.is_dir() {
            copy(&path, &target);
        } else {
            let copied = fs::copy(&path, &target);
            let gone = copied.as_ref().is_err_and(|it| it.kind() == io::ErrorKind::NotFound);
            assert!(copied.is_ok() || gone, "{copied:?}");
        }
    }
}

/// Three different assessments.
pub(super) fn some_assessments() -> [Arc<Assessment>; 3] {
    let world = World::small(1, 200);
    let states = world.records.iter().filter_map(|applied| applied.assessment.clone());
    let mut states: Vec<_> = states.collect();
    states.sort_by(|one, other| one.id.cmp(&other.id));
    states.dedup_by(|one, other| one.id == other.id);
    states.truncate(3);
    states.try_into().unwrap()
}
