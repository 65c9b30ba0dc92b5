//! Destroying: one text is gone from everywhere, every other one stays.

use super::{slot::BlockNumber, *};
use crate::{
    disk::RealDisk,
    vault::{
        block::{Block, Owner, SlotKey},
        secret::SecretKey,
    },
};

#[test]
fn each_text_of_a_record_can_be_erased_alone() {
    for erased in 0..4 {
        let vault = open(&MemoryDisk::default(), &seeded(1)).unwrap();
        let record = Record::new(1, 4);
        let blob = vault.seal(&record.sealings()).unwrap();
        vault.destroy(&[slots_of(&blob).unwrap()[erased]]).unwrap();
        let opened = vault.unseal_all(&blob, &record.bindings()).unwrap();
        for (index, unsealed) in opened.into_iter().enumerate() {
            let expected =
                if index == erased { Unsealed::Destroyed } else { record.present(index) };
            assert_eq!(unsealed.unwrap(), expected);
        }
    }
}

#[test]
fn a_destroyed_text_stays_destroyed() {
    let disk = MemoryDisk::default();
    let entropy = seeded(1);
    let record = Record::new(1, 1500);
    let vault = open(&disk, &entropy).unwrap();
    let blob = vault.seal(&record.sealings()).unwrap();
    let slots = slots_of(&blob).unwrap();
    let erased = [3, 4, 1020, 1030];
    vault.destroy(&erased.map(|index| slots[index])).unwrap();
    vault.destroy(&erased.map(|index| slots[index])).unwrap();
    drop(vault);

    let vault = open(&disk.after_power_cut(Kept::Synced), &entropy).unwrap();
    vault.destroy(&[slots[4], slots[3], slots[4]]).unwrap();
    for (index, unsealed) in
        vault.unseal_all(&blob, &record.bindings()).unwrap().into_iter().enumerate()
    {
        let expected =
            if erased.contains(&index) { Unsealed::Destroyed } else { record.present(index) };
        assert_eq!(unsealed.unwrap(), expected);
    }
}

#[test]
fn what_is_destroyed_already_is_read_once_a_block_and_not_written() {
    let disk = MemoryDisk::default();
    let entropy = seeded(1);
    let vault = open(&disk, &entropy).unwrap();
    let blob = vault.seal(&Record::new(1, 1500).sealings()).unwrap();
    let slots = slots_of(&blob).unwrap();
    vault.destroy(&slots[..1200]).unwrap();
    drop(vault);

    let disk = disk.after_power_cut(Kept::Synced);
    let vault = open(&disk, &entropy).unwrap();
    let (calls, changes) = (disk.calls(), disk.changes());
    vault.destroy(&slots[..1200]).unwrap();
    let read = disk.calls() - calls;
    vault.destroy(&slots[..1200]).unwrap();
    assert_eq!((disk.calls() - calls, disk.changes()), (read, changes), "kept open");
    // One that is left costs the rewriting of its block alone.
    vault.destroy(&slots[..1201]).unwrap();
    assert!(disk.changes() > changes);
}

/// Everything that the master key opens in a block's file.
fn keys_in(file: &[u8], number: u64) -> Vec<SecretKey> {
    let number = Slot::new(number * SLOTS_PER_BLOCK).block();
    let owner = Owner { ledger: LEDGER, master: &master() };
    let block = Block::from_bytes(file, number, owner, "block").unwrap();
    let keys = (0..1024).filter_map(|index| match block.key(index) {
        Some(SlotKey::Present(key)) => Some(key.clone()),
        Some(SlotKey::Destroyed) | None => None,
    });
    keys.collect()
}

fn contains(bytes: &[u8], sought: &[u8]) -> bool {
    bytes.windows(sought.len()).any(|window| window == sought)
}

#[test]
fn neither_key_nor_text_is_left_in_any_file() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Arc::new(RealDisk::at(directory.path()).unwrap());
    let key_file = MasterKey::load_or_create(&*disk, "master.key", &system_entropy()).unwrap();
    drop(key_file);
    let background = Setup { prepare: Prepare::Background, ..setup() };
    let vault = Vault::open(disk, master(), system_entropy(), background).unwrap();
    let record = Record::new(1, 3);
    let blob = vault.seal(&record.sealings()).unwrap();
    let slots = slots_of(&blob).unwrap();

    let path = directory.path().join("block-0000000001.keys");
    let old = std::fs::read(&path).unwrap();
    let key = keys_in(&old, 1).swap_remove(slots[1].index());
    vault.destroy(&[slots[1]]).unwrap();

    let mut files = 0;
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!contains(&bytes, key.as_bytes()), "the slot's key");
        assert!(!contains(&bytes, record.texts[1].2.as_str().as_bytes()), "the text");
        assert!(!contains(&bytes, &old[72..104]), "the wrapped old block key");
        assert!(!contains(&bytes, &old[144..176]), "the old slots");
        files += 1;
    }
    assert!(files >= 3, "a lock, a master key and a block at least");
    let left = keys_in(&std::fs::read(&path).unwrap(), 1);
    assert_eq!(left.len(), 1023);
    assert!(left.iter().all(|left| left.as_bytes() != key.as_bytes()));
}

#[test]
fn the_replaced_file_is_overwritten() {
    let disk = MemoryDisk::default();
    let vault = open(&disk, &seeded(1)).unwrap();
    let blob = vault.seal(&Record::new(1, 1).sealings()).unwrap();
    let old = disk.watch("block-0000000001.keys");
    assert!(old().iter().any(|byte| *byte != 0));
    vault.destroy(&slots_of(&blob).unwrap()).unwrap();
    assert!(old().iter().all(|byte| *byte == 0));
}

#[test]
fn a_block_read_before_a_destruction_is_not_kept_after_it() {
    let disk = MemoryDisk::default();
    let vault = Arc::new(open(&disk, &seeded(1)).unwrap());
    let record = Record::new(1, 1);
    let blob = vault.seal(&record.sealings()).unwrap();
    let binding = record.bindings()[0];
    let (other, slots) = (Arc::clone(&vault), slots_of(&blob).unwrap());
    // The reading holds no lock meanwhile, or this would never return.
    disk.at_end_of_file(move || other.destroy(&slots).unwrap());

    let during = vault.unseal(&blob, 0, &binding).unwrap();
    assert_eq!(during, record.present(0), "it began before the destruction");
    assert_eq!(vault.unseal(&blob, 0, &binding).unwrap(), Unsealed::Destroyed);
}

#[test]
fn a_slot_without_a_text_is_not_destroyed() {
    let vault = open(&MemoryDisk::default(), &seeded(1)).unwrap();
    let record = Record::new(1, 1);
    let blob = vault.seal(&record.sealings()).unwrap();
    let used = slots_of(&blob).unwrap()[0];
    for unused in [used.next(), Slot::new(used.get() + 1024), Slot::new(u64::MAX)] {
        let error = vault.destroy(&[used, unused]).unwrap_err();
        assert!(matches!(error, VaultError::NotUsed { slot } if slot == unused), "{error}");
    }
    let unsealed = vault.unseal(&blob, 0, &record.bindings()[0]).unwrap();
    assert_eq!(unsealed, record.present(0), "a refused destruction destroys nothing");
}

#[test]
fn a_missing_block_is_not_a_destroyed_one() {
    let disk = MemoryDisk::default();
    let entropy = seeded(1);
    let record = Record::new(1, 1);
    let blob = open(&disk, &entropy).unwrap().seal(&record.sealings()).unwrap();
    open(&disk, &entropy).unwrap().seal(&Record::new(2, 1).sealings()).unwrap();
    Disk::remove(&disk, "block-0000000001.keys").unwrap();

    let vault = open(&disk, &entropy).unwrap();
    let error = vault.unseal(&blob, 0, &record.bindings()[0]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "memory/block-0000000001.keys: the block with the key of slot 1024 is missing"
    );
    let error = vault.destroy(&slots_of(&blob).unwrap()).unwrap_err();
    assert!(matches!(error, VaultError::Missing { .. }), "{error}");
    assert_eq!(BlockNumber::NONE.next().file_name(), "block-0000000001.keys");
}
