//! Several vaults over one keyring, as several processes have it.

use std::{any::Any, io, thread};

use super::*;
use crate::disk::{Access, Disk, DiskFile, RealDisk};

fn share(path: &std::path::Path, seed: u64) -> Vault {
    let disk = Arc::new(RealDisk::at(path).unwrap());
    let setup = Setup { prepare: Prepare::Background, ..setup() };
    Vault::share(disk, master(), seeded(seed), setup).unwrap()
}

#[test]
fn vaults_that_share_a_keyring_never_use_a_slot_twice_and_read_each_others_texts() {
    let directory = tempfile::tempdir().unwrap();
    let sealed: Vec<_> = thread::scope(|scope| {
        let each = (1..=4_u64).map(|seed| {
            let path = directory.path();
            scope.spawn(move || {
                let vault = share(path, seed);
                // Three blocks' worth: each prepares some while the others do.
                let records = (0..6).map(|of| Record::new(u128::from(seed) * 100 + of, 500));
                let seal = |record: Record| (vault.seal(&record.sealings()).unwrap(), record);
                records.map(seal).collect::<Vec<_>>()
            })
        });
        let each: Vec<_> = each.collect();
        each.into_iter().flat_map(|it| it.join().unwrap()).collect()
    });
    let slots: Vec<_> = sealed.iter().flat_map(|(blob, _)| slots_of(blob).unwrap()).collect();
    let different: BTreeSet<_> = slots.iter().collect();
    assert_eq!(different.len(), 4 * 6 * 500);
    let other = share(directory.path(), 9);
    for (blob, record) in &sealed {
        let opened = other.unseal_all(blob, &record.bindings()).unwrap();
        for (index, unsealed) in opened.into_iter().enumerate() {
            assert_eq!(unsealed.unwrap(), record.present(index));
        }
    }
}

#[test]
fn destructions_of_several_vaults_in_one_block_do_not_bring_back_each_others_keys() {
    let directory = tempfile::tempdir().unwrap();
    let record = Record::new(1, 400);
    let first = share(directory.path(), 1);
    let blob = first.seal(&record.sealings()).unwrap();
    let slots = slots_of(&blob).unwrap();
    thread::scope(|scope| {
        for (of, every) in (0..4).zip(slots.chunks(100)) {
            let path = directory.path();
            scope.spawn(move || {
                let vault = share(path, 10 + of);
                for slot in every {
                    vault.destroy(&[*slot]).unwrap();
                }
            });
        }
    });
    let read = |vault: &Vault| {
        let opened = vault.unseal_all(&blob, &record.bindings()).unwrap();
        opened.into_iter().map(Result::unwrap).collect::<Vec<_>>()
    };
    assert!(read(&share(directory.path(), 2)).iter().all(|it| *it == Unsealed::Destroyed));
    // Who had the keys in memory has them until it is told.
    first.forget();
    assert!(read(&first).iter().all(|it| *it == Unsealed::Destroyed));
}

#[test]
fn a_slot_that_waits_to_be_handed_out_is_not_destroyed() {
    let directory = tempfile::tempdir().unwrap();
    let (one, other) = (share(directory.path(), 1), share(directory.path(), 2));
    let sealed = |vault: &Vault, number| vault.seal(&Record::new(number, 1).sealings()).unwrap();
    let (of_one, of_other) = (sealed(&one, 1), sealed(&other, 2));
    let slot = |blob: &[u8]| slots_of(blob).unwrap()[0];
    let waiting = slot(&of_one).next();
    assert!(matches!(one.destroy(&[waiting]), Err(VaultError::NotUsed { .. })));
    one.destroy(&[slot(&of_other)]).unwrap();
}

#[test]
fn who_has_sealed_nothing_yet_destroys_the_keys_of_others() {
    let directory = tempfile::tempdir().unwrap();
    let (one, idle) = (share(directory.path(), 1), share(directory.path(), 2));
    let record = Record::new(1, 1);
    let blob = one.seal(&record.sealings()).unwrap();
    idle.destroy(&slots_of(&blob).unwrap()).unwrap();
    assert_eq!(idle.unseal(&blob, 0, &record.bindings()[0]).unwrap(), Unsealed::Destroyed);
}

#[test]
fn who_keeps_the_keyring_for_himself_keeps_those_out_who_share() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Arc::new(RealDisk::at(directory.path()).unwrap());
    let _alone = Vault::open(disk, master(), seeded(1), setup()).unwrap();
    let disk = Arc::new(RealDisk::at(directory.path()).unwrap());
    let shared = Vault::share(disk, master(), seeded(2), setup());
    assert!(matches!(shared.map(drop), Err(VaultError::InUse { .. })));
}

/// What another process does meanwhile.
type Meanwhile = Box<dyn FnOnce() + Send>;

/// The directory as one process has it that has lost its lock and does not know it; it is paused before one
/// of its calls, while another goes about its business.
struct Lapsed {
    directory: RealDisk,
    /// How many calls are left until then, and what is done.
    paused: std::sync::Mutex<(usize, Option<Meanwhile>)>,
}

impl Lapsed {
    fn call(&self) {
        let due = {
            let mut paused = self.paused.lock().unwrap();
            match paused.0 {
                0 => paused.1.take(),
                left => {
                    paused.0 = left - 1;
                    None
                }
            }
        };
        if let Some(meanwhile) = due {
            meanwhile();
        }
    }

    /// Pauses before the call of this number, counted from now.
    fn pause_at(&self, call: usize, meanwhile: Meanwhile) {
        *self.paused.lock().unwrap() = (call, Some(meanwhile));
    }

    /// Whether it came to that.
    fn was_paused(&self) -> bool {
        self.paused.lock().unwrap().1.is_none()
    }
}

impl Disk for Lapsed {
    fn list(&self) -> io::Result<Vec<String>> {
        self.call();
        self.directory.list()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.call();
        self.directory.create(name)
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        self.call();
        self.directory.open(name, access)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.call();
        self.directory.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.call();
        self.directory.remove(name)
    }

    fn sync(&self) -> io::Result<()> {
        self.call();
        self.directory.sync()
    }

    fn lock(&self, _: &str) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        Ok(Some(Box::new(())))
    }

    fn describe(&self, name: &str) -> String {
        self.directory.describe(name)
    }
}

fn lapsed(path: &std::path::Path, seed: u64) -> (Arc<Lapsed>, Vault) {
    let directory = RealDisk::at(path).unwrap();
    let disk = Arc::new(Lapsed { directory, paused: std::sync::Mutex::default() });
    let vault = Vault::share(Arc::<Lapsed>::clone(&disk), master(), seeded(seed), setup()).unwrap();
    (disk, vault)
}

/// What comes of it in the end: another process is in the way once at most.
fn in_the_end<T>(mut attempt: impl FnMut() -> Result<T, VaultError>) -> T {
    match attempt() {
        Err(VaultError::Io { .. }) => attempt().unwrap(),
        outcome => outcome.unwrap(),
    }
}

#[test]
fn who_lost_the_lock_at_any_call_brings_back_no_key_that_another_destroyed() {
    for call in 0.. {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_owned();
        let record = Record::new(1, 2);
        let blob = share(&path, 1).seal(&record.sealings()).unwrap();
        let slots = slots_of(&blob).unwrap();
        let (disk, vault) = lapsed(&path, 2);
        let (other, slot) = (path.clone(), slots[1]);
        disk.pause_at(call, Box::new(move || share(&other, 3).destroy(&[slot]).unwrap()));
        in_the_end(|| vault.destroy(&[slots[0]]));
        if !disk.was_paused() {
            assert!(call > 5, "it makes more calls");
            return;
        }
        let fresh = share(&path, 4);
        for (index, binding) in record.bindings().iter().enumerate() {
            let read = fresh.unseal(&blob, index, binding).unwrap();
            assert_eq!(read, Unsealed::Destroyed, "text {index}, paused before call {call}");
        }
    }
}

#[test]
fn who_lost_the_lock_at_any_call_writes_no_block_over_anothers() {
    for call in 0.. {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_owned();
        let (disk, vault) = lapsed(&path, 2);
        let (other, (told, sealed)) = (path.clone(), std::sync::mpsc::channel());
        let seal = |vault: &Vault, number| vault.seal(&Record::new(number, 1).sealings());
        disk.pause_at(
            call,
            Box::new(move || told.send(seal(&share(&other, 3), 2).unwrap()).unwrap()),
        );
        let own = in_the_end(|| seal(&vault, 1));
        if !disk.was_paused() {
            assert!(call > 3, "it makes more calls");
            return;
        }
        let fresh = share(&path, 4);
        for (number, blob) in [(1, own), (2, sealed.recv().unwrap())] {
            let record = Record::new(number, 1);
            let read = fresh.unseal(&blob, 0, &record.bindings()[0]).unwrap();
            assert_eq!(read, record.present(0), "record {number}, paused before call {call}");
        }
    }
}
