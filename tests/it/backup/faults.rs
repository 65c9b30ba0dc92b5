//! Parts written to a disk that fails: at every call the power is cut, a call fails, the disk is full, a
//! transfer is short. A part is then there as a whole or not at all, and doing it again makes it.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use judgement_ledger::{
    backup::{BackupError, Chain, Next, PartHead, PartReader, is_part},
    disk::{Disk, RealDisk},
    journal::Stored,
};

use crate::sim_disk::{Fault, SimDisk};

/// The parts of a backup that was made before: what a server would send.
struct Sent(Vec<(PartHead, Vec<Stored>)>);

impl Sent {
    fn read() -> Self {
        let at = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/backups/v1/backup");
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::at(&at).unwrap());
        let mut names: Vec<_> = disk.list().unwrap().into_iter().filter(|it| is_part(it)).collect();
        names.sort_unstable();
        let part = |name: &String| {
            let mut part = PartReader::open(&*disk, name).unwrap();
            let mut entries = Vec::new();
            while let Some(entry) = part.next_entry().unwrap() {
                entries.push(entry);
            }
            (part.head().clone(), entries)
        };
        Self(names.iter().map(part).collect())
    }

    /// Adds the parts that a disk does not have.
    fn write(&self, disk: &SimDisk) -> Result<(), BackupError> {
        let had = Chain::read(disk.shared())?.heads().len();
        for (head, entries) in &self.0[had..] {
            let chain = Chain::open(disk.shared())?;
            let Next::Part(mut part) = chain.begin(head.clone())? else { panic!("it is new") };
            for entry in entries {
                part.add(entry)?;
            }
            part.finish()?;
        }
        Ok(())
    }
}

/// What counts on a disk.
fn parts(disk: &SimDisk) -> BTreeMap<String, Vec<u8>> {
    disk.files().into_iter().filter(|(name, _)| is_part(name)).collect()
}

/// What a whole run leaves, and how many calls it takes.
fn whole(sent: &Sent) -> (BTreeMap<String, Vec<u8>>, usize) {
    let disk = SimDisk::new();
    sent.write(&disk).unwrap();
    let whole = parts(&disk);
    assert_eq!(whole.len(), sent.0.len());
    (whole, disk.calls().len())
}

fn at_every_call(fault: Fault) {
    let seed = crate::killed::seed();
    println!("JUDGEMENT_LEDGER_SEED={seed}");
    let sent = Sent::read();
    let (whole, calls) = whole(&sent);
    assert!(calls > 2 * whole.len(), "{calls}");
    for call in 0..calls {
        let disk = SimDisk::new();
        disk.fail_after(call, fault);
        let ended = sent.write(&disk);
        assert!(disk.fault_hit(), "call {call}");
        match ended {
            Err(BackupError::Io { .. } | BackupError::Unknown { .. }) if fault != Fault::Short => {}
            // What fails was not needed, such as to look for what is not there.
            Ok(()) if fault != Fault::PowerCut => assert_eq!(parts(&disk), whole, "call {call}"),
            ended => panic!("call {call}, {}: {ended:?}", disk.calls()[call]),
        }
        assert_eq!(disk.syncs_tried_again(), 0, "call {call}");
        for found in [disk.after_kill(), disk.after_power_cut(seed ^ call as u64)] {
            // What counts is a beginning of what was to be written, to the byte.
            let left = parts(&found);
            assert!(left.iter().eq(whole.iter().take(left.len())), "call {call}");
            sent.write(&found).unwrap_or_else(|error| panic!("after call {call}: {error}"));
            assert_eq!(parts(&found), whole, "after call {call}");
        }
    }
}

#[test]
fn a_power_cut_at_any_call_leaves_whole_parts() {
    at_every_call(Fault::PowerCut);
}

#[test]
fn an_io_error_at_any_call_leaves_whole_parts() {
    at_every_call(Fault::Eio);
}

#[test]
fn a_full_disk_at_any_call_leaves_whole_parts() {
    at_every_call(Fault::Full);
}

#[test]
fn a_short_transfer_at_any_call_changes_nothing() {
    at_every_call(Fault::Short);
}

/// A disk that forgets what was synced loses parts that were said to be there: so the rest is no accident.
#[test]
fn without_flushes_a_part_would_be_lost() {
    let sent = Sent::read();
    let (whole, _) = whole(&sent);
    let lost = (0..20).any(|seed| {
        let disk = SimDisk::forgetting_syncs();
        sent.write(&disk).unwrap();
        parts(&disk.after_power_cut(seed)) != whole
    });
    assert!(lost);
}
