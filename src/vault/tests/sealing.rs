//! Sealing and opening: only the right text in the right place.

use std::{collections::BTreeSet, thread};

use super::*;

#[test]
fn what_is_sealed_is_opened_again() {
    let vault = open(&MemoryDisk::default(), &seeded(1)).unwrap();
    let record = Record::new(1, 3);
    let blob = vault.seal(&record.sealings()).unwrap();
    let opened = vault.unseal_all(&blob, &record.bindings()).unwrap();
    for (index, unsealed) in opened.into_iter().enumerate() {
        assert_eq!(unsealed.unwrap(), record.present(index));
        let binding = record.bindings()[index];
        assert_eq!(vault.unseal(&blob, index, &binding).unwrap(), record.present(index));
    }
    assert_eq!(vault.seal(&[]).unwrap(), Bytes::new());
    assert_eq!(vault.unseal_all(&[], &[]).unwrap().len(), 0);
}

#[test]
fn the_longest_and_the_shortest_text_are_sealed() {
    let vault = open(&MemoryDisk::default(), &seeded(1)).unwrap();
    for length in [0, 1, 65_536] {
        let mut record = Record::new(1, 1);
        record.texts[0].2 = Text::parse("x".repeat(length)).unwrap();
        let blob = vault.seal(&record.sealings()).unwrap();
        let unsealed = vault.unseal(&blob, 0, &record.bindings()[0]).unwrap();
        assert_eq!(unsealed, record.present(0));
    }
}

#[test]
fn no_byte_of_a_blob_can_be_altered() {
    let vault = open(&MemoryDisk::default(), &seeded(1)).unwrap();
    let record = Record::new(1, 2);
    let blob = vault.seal(&record.sealings()).unwrap();
    for at in 0..blob.len() {
        let mut altered = blob.to_vec();
        altered[at] ^= 0x01;
        let opened = vault.unseal_all(&altered, &record.bindings());
        let all_open = opened.is_ok_and(|texts| texts.iter().all(Result::is_ok));
        assert!(!all_open, "byte {at}");
    }
}

#[test]
fn a_text_opens_in_its_own_place_only() {
    let vault = open(&MemoryDisk::default(), &seeded(1)).unwrap();
    let (record, other) = (Record::new(1, 2), Record::new(2, 2));
    let blob = vault.seal(&record.sealings()).unwrap();
    let right = record.bindings()[0];
    let wrong = [
        record.bindings()[1],
        other.bindings()[0],
        Binding { record_id: other.id, ..right },
        Binding { field: "field-1", ..right },
        Binding { commitment: record.bindings()[1].commitment, ..right },
    ];
    for binding in wrong {
        let error = vault.unseal(&blob, 0, &binding).unwrap_err();
        assert!(matches!(error, VaultError::NotAuthentic { .. }), "{error}");
    }
    let swapped: Vec<_> = record.bindings().into_iter().rev().collect();
    for unsealed in vault.unseal_all(&blob, &swapped).unwrap() {
        assert!(matches!(unsealed, Err(VaultError::NotAuthentic { .. })));
    }
    let error = vault.unseal(&blob, 2, &right).unwrap_err();
    assert!(matches!(error, VaultError::OtherCount { sought: 3, found: 2 }), "{error}");
    let error = vault.unseal_all(&blob, &[right]).unwrap_err();
    assert!(matches!(error, VaultError::OtherCount { sought: 1, found: 2 }), "{error}");
}

#[test]
fn a_commitment_to_another_text_is_found_out() {
    let vault = open(&MemoryDisk::default(), &seeded(1)).unwrap();
    let record = Record::new(1, 1);
    let mut sealing = record.sealings()[0];
    sealing.commitment = Commitment::new([9; 32]);
    let blob = vault.seal(&[sealing]).unwrap();
    let error = vault.unseal(&blob, 0, &sealing.binding()).unwrap_err();
    assert!(matches!(error, VaultError::NotAuthentic { .. }), "{error}");
}

#[test]
fn no_slot_is_handed_out_twice() {
    let mut disk = MemoryDisk::default();
    let entropy = seeded(1);
    let mut seen = BTreeSet::new();
    for kept in [Kept::All, Kept::Synced, Kept::Synced] {
        let vault = open(&disk, &entropy).unwrap();
        for number in 0..5 {
            let blob = vault.seal(&Record::new(number, 300).sealings()).unwrap();
            for slot in slots_of(&blob).unwrap() {
                assert!(seen.insert(slot), "slot {slot}");
            }
        }
        // The vault is not closed: the next one finds what a crash leaves.
        disk = disk.after_power_cut(kept);
    }
    assert_eq!(seen.len(), 3 * 5 * 300);
}

#[test]
fn more_texts_than_a_block_has_slots_are_sealed_at_once() {
    for prepare in [Prepare::Inline, Prepare::Background] {
        let disk = Arc::new(MemoryDisk::default());
        let vault = Vault::open(disk, master(), seeded(1), Setup { prepare, ..setup() }).unwrap();
        let record = Record::new(1, 3000);
        let blob = vault.seal(&record.sealings()).unwrap();
        for index in [0, 1023, 1024, 2999] {
            let unsealed = vault.unseal(&blob, index, &record.bindings()[index]).unwrap();
            assert_eq!(unsealed, record.present(index));
        }
    }
}

#[test]
fn many_threads_seal_read_and_destroy() {
    let disk = Arc::new(MemoryDisk::default());
    let background = Setup { prepare: Prepare::Background, ..setup() };
    let vault = Vault::open(disk, master(), seeded(1), background).unwrap();
    let slots: Vec<Slot> = thread::scope(|scope| {
        let work = |worker: u128| {
            let vault = &vault;
            move || {
                let mut slots = Vec::new();
                for number in 0..40 {
                    let record = Record::new(worker * 1000 + number, 20);
                    let blob = vault.seal(&record.sealings()).unwrap();
                    let named = slots_of(&blob).unwrap();
                    vault.destroy(&named[..1]).unwrap();
                    let opened = vault.unseal_all(&blob, &record.bindings()).unwrap();
                    for (index, unsealed) in opened.into_iter().enumerate() {
                        let expected = match index {
                            0 => Unsealed::Destroyed,
                            _ => record.present(index),
                        };
                        assert_eq!(unsealed.unwrap(), expected);
                    }
                    slots.extend(named);
                }
                slots
            }
        };
        let workers: Vec<_> = (0..4).map(|worker| scope.spawn(work(worker))).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert_eq!(slots.iter().collect::<BTreeSet<_>>().len(), 4 * 40 * 20);
}

#[test]
fn a_seal_writes_nothing_while_there_are_keys() {
    let disk = MemoryDisk::default();
    let vault = open(&disk, &seeded(1)).unwrap();
    assert_eq!(disk.files().len(), 0, "who seals nothing has no keys");
    vault.seal(&Record::new(99, 1).sealings()).unwrap();
    let before = disk.calls();
    for number in 0..50 {
        vault.seal(&Record::new(number, 10).sealings()).unwrap();
    }
    assert_eq!(disk.calls(), before);
    vault.seal(&Record::new(50, 13).sealings()).unwrap();
    assert!(disk.calls() > before, "half of the block is used up");
}

#[test]
fn a_thread_that_dies_leaves_nobody_waiting() {
    let seed = seeded(1);
    let count = AtomicU64::new(0);
    let entropy: Entropy = Arc::new(move |buffer| {
        // The first block takes 1024 keys, a block key and two nonces.
        assert!(count.fetch_add(1, Ordering::Relaxed) < 1027, "the source of randomness is gone");
        seed(buffer)
    });
    let background = Setup { prepare: Prepare::Background, ..setup() };
    let vault =
        Vault::open(Arc::new(MemoryDisk::default()), master(), entropy, background).unwrap();
    let error = vault.seal(&Record::new(1, 1025).sealings()).unwrap_err();
    assert!(matches!(error, VaultError::Poisoned), "{error}");
}
