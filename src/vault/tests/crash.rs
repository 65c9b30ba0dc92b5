//! Crashing and failing at every call of the disk: never half, never twice, never back.

use std::collections::BTreeSet;

use super::*;

/// The texts that are destroyed, by record and index: they lie in two blocks.
const DESTROYED: [(usize, usize); 3] = [(0, 1), (0, 2), (2, 0)];

/// What a run has been told, before it ended.
#[derive(Default)]
struct Told {
    sealed: Vec<(Record, Bytes)>,
    /// Slots that went to appends that were lost.
    lost: Vec<Slot>,
    /// Whether the destruction was begun.
    begun: bool,
    /// Whether it was answered.
    destroyed: bool,
}

impl Told {
    /// Opens, seals across two blocks, destroys in both and seals on.
    fn run(&mut self, disk: &MemoryDisk, entropy: &Entropy) -> Result<(), VaultError> {
        let vault = open(disk, entropy)?;
        self.seal(&vault)?;
        self.lose(&vault, 600)?;
        self.seal(&vault)?;
        self.lose(&vault, 600)?;
        self.seal(&vault)?;
        self.destroy(&vault)?;
        self.seal(&vault)
    }

    fn seal(&mut self, vault: &Vault) -> Result<(), VaultError> {
        let record = Record::new(self.sealed.len().try_into().unwrap(), 3);
        let blob = vault.seal(&record.sealings())?;
        self.sealed.push((record, blob));
        Ok(())
    }

    fn lose(&mut self, vault: &Vault, count: usize) -> Result<(), VaultError> {
        self.lost.extend(vault.stock.take(count)?.iter().map(|(slot, _)| *slot));
        Ok(())
    }

    fn destroy(&mut self, vault: &Vault) -> Result<(), VaultError> {
        self.begun = true;
        let slot = |(record, index): (usize, usize)| -> Slot {
            slots_of(&self.sealed[record].1).unwrap()[index]
        };
        let outcome = vault.destroy(&DESTROYED.map(slot));
        self.destroyed |= matches!(outcome, Ok(()) | Err(VaultError::Remnant { .. }));
        outcome
    }

    /// Whether all that was told is so.
    fn check(&self, vault: &Vault, context: &str) {
        for (number, (record, blob)) in self.sealed.iter().enumerate() {
            for (index, unsealed) in
                vault.unseal_all(blob, &record.bindings()).unwrap().into_iter().enumerate()
            {
                let unsealed = unsealed.unwrap_or_else(|error| panic!("{context}: {error}"));
                let meant = DESTROYED.contains(&(number, index));
                let destroyed = unsealed == Unsealed::Destroyed;
                assert!(destroyed || unsealed == record.present(index), "{context}: half a text");
                assert!(!destroyed || meant && self.begun, "{context}: nobody destroyed this");
                assert!(destroyed || !(meant && self.destroyed), "{context}: it came back");
            }
        }
        let mut seen = BTreeSet::new();
        let sealed = self.sealed.iter().flat_map(|(_, blob)| slots_of(blob).unwrap());
        for slot in sealed.chain(self.lost.iter().copied()) {
            assert!(seen.insert(slot), "{context}: slot {slot} is used twice");
        }
    }

    /// Makes the destruction again and goes on, as a start of the ledger does.
    fn recover(&mut self, disk: &MemoryDisk, entropy: &Entropy, context: &str) {
        let vault = open(disk, entropy).unwrap_or_else(|error| panic!("{context}: {error}"));
        self.check(&vault, context);
        self.seal(&vault).unwrap();
        if self.begun {
            self.destroy(&vault).unwrap();
        }
        self.check(&vault, context);
        drop(vault);
        // What was told since the crash survives one more.
        let vault = open(&disk.after_power_cut(Kept::Synced), entropy).unwrap();
        self.check(&vault, context);
    }
}

/// A whole run, and the disk that counted its calls.
fn whole_run() -> MemoryDisk {
    let disk = MemoryDisk::default();
    let mut told = Told::default();
    told.run(&disk, &seeded(1)).unwrap();
    assert!(told.destroyed);
    let blocks = disk.files().keys().filter_map(|name| BlockNumber::in_file_name(name)).count();
    assert_eq!(blocks, 2, "texts lie in both");
    disk
}

#[test]
fn a_crash_at_any_call_leaves_every_text_whole_or_destroyed() {
    for kept in [Kept::Synced, Kept::Names, Kept::All] {
        for change in 0..=whole_run().changes() {
            let entropy = seeded(1);
            let disk = MemoryDisk::default().with_fault(Fault::Crash(change));
            let mut told = Told::default();
            // How it ends is known by what was told.
            drop(told.run(&disk, &entropy));
            let context = format!("crash after change {change}, kept {kept:?}");
            told.recover(&disk.after_power_cut(kept), &entropy, &context);
        }
    }
}

/// A killed process, unlike a power cut, leaves all it wrote: but not all of it is durable yet.
#[test]
fn a_kill_at_any_call_and_then_a_power_cut_leave_every_text_whole_or_destroyed() {
    for change in 0..=whole_run().changes() {
        let entropy = seeded(1);
        let disk = MemoryDisk::default().with_fault(Fault::Crash(change));
        let mut told = Told::default();
        drop(told.run(&disk, &entropy));
        disk.heal();
        told.recover(&disk, &entropy, &format!("kill after change {change}"));
    }
}

#[test]
fn a_failure_at_any_call_is_survived_or_stops_all_writing() {
    for call in 0..whole_run().calls() {
        let context = format!("failure at call {call}");
        let entropy = seeded(1);
        let disk = MemoryDisk::default().with_fault(Fault::Once(call));
        let mut told = Told::default();
        let Ok(vault) = open(&disk, &entropy) else { continue };
        let mut work = || -> Result<(), VaultError> {
            told.seal(&vault)?;
            told.lose(&vault, 600)?;
            told.seal(&vault)?;
            told.lose(&vault, 600)?;
            told.seal(&vault)?;
            told.destroy(&vault)?;
            told.lose(&vault, 1024)
        };
        let outcome = work();
        disk.heal();
        told.check(&vault, &context);
        match outcome {
            // A failure in a preparation is not told to whom it does not concern: whether it was
            // one of unknown outcome, the next one to need a block learns.
            Ok(()) | Err(VaultError::Io { .. } | VaultError::Remnant { .. }) => {
                match told.lose(&vault, 2048) {
                    Ok(()) | Err(VaultError::Poisoned) => {}
                    Err(error) => panic!("{context}: {error}"),
                }
            }
            Err(VaultError::Unknown { .. } | VaultError::Poisoned) => {
                let error = told.lose(&vault, 2048).unwrap_err();
                assert!(matches!(error, VaultError::Poisoned), "{context}: {error}");
                // One that may look destroyed already: it may not be so durably. There is none if
                // already the first block failed.
                if let Some((_, blob)) = told.sealed.first() {
                    let slot = slots_of(blob).unwrap()[1];
                    let error = vault.destroy(&[slot]).unwrap_err();
                    assert!(matches!(error, VaultError::Poisoned), "{context}: {error}");
                }
            }
            Err(error) => panic!("{context}: {error}"),
        }
        told.check(&vault, &context);
        drop(vault);
        for kept in [Kept::Synced, Kept::Names, Kept::All] {
            let disk = disk.after_power_cut(kept);
            let vault = open(&disk, &entropy).unwrap();
            told.check(&vault, &context);
        }
    }
}
