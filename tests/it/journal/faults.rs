//! Every I/O call of a run is cut off, failed, refused for a full disk and shortened, one after
//! the other; what was acknowledged must be there afterwards, whatever happened.

use bytes::Bytes;
use judgement_ledger::{
    journal::{
        Group, Journal, JournalError,
        file::{FileJournal, OpenError},
    },
    judgement::Position,
};

use super::{append, content, group, key, now, open, stored, usual_group};
use crate::sim_disk::{Fault, SimDisk};

const SEEDS: [u64; 3] = [1, 2, 3];

/// What the outside knows: the oracle.
#[derive(Default, Clone)]
struct Told {
    /// The groups that were acknowledged.
    groups: Vec<Group>,
    /// The group whose outcome is unknown.
    unknown: Option<Group>,
    checkpoint: Option<Bytes>,
    /// The checkpoint whose outcome is unknown.
    unknown_checkpoint: Option<Bytes>,
}

/// Why the scenario stopped.
enum Stopped {
    /// The journal says nothing certain, or the disk fails: it must be opened again.
    Here,
    /// What was read is wrong.
    Wrong(String),
}

impl Told {
    /// Appends `group`; where nothing was stored, a small group that may still fit, and then the
    /// same again.
    fn append(&mut self, journal: &FileJournal, group: Group) -> Result<(), Stopped> {
        if !self.append_once(journal, group.clone())? {
            self.append_once(journal, super::group(&["small,stream-2|"]))?;
            self.append_once(journal, group)?;
        }
        Ok(())
    }

    /// Whether the group is stored.
    fn append_once(&mut self, journal: &FileJournal, group: Group) -> Result<bool, Stopped> {
        match now(append(journal, group.clone())) {
            Ok(head) => {
                self.groups.push(group);
                let expected = Position::new(stored(&self.groups).len() as u64);
                if head.position != expected {
                    return Err(Stopped::Wrong(format!("the head is {head:?}, not {expected}")));
                }
                Ok(true)
            }
            Err(JournalError::NotApplied(_)) => Ok(false),
            Err(JournalError::Unknown(_)) => {
                let refused = now(append(journal, group.clone()));
                assert!(matches!(refused, Err(JournalError::Poisoned)), "{refused:?}");
                self.unknown = Some(group);
                Err(Stopped::Here)
            }
            Err(error) => Err(Stopped::Wrong(format!("the append answers {error:?}"))),
        }
    }

    fn keep_checkpoint(
        &mut self,
        journal: &FileJournal,
        text: &'static str,
    ) -> Result<(), Stopped> {
        match now(journal.keep_checkpoint(Bytes::from(text))) {
            Ok(()) => self.checkpoint = Some(Bytes::from(text)),
            Err(JournalError::NotApplied(_)) => {}
            Err(JournalError::Unknown(_)) => {
                self.unknown_checkpoint = Some(Bytes::from(text));
                return Err(Stopped::Here);
            }
            Err(error) => return Err(Stopped::Wrong(format!("keeping answers {error:?}"))),
        }
        Ok(())
    }

    fn read(&self, journal: &FileJournal) -> Result<(), Stopped> {
        match now(content(journal)) {
            Ok(found) if found == stored(&self.groups) => Ok(()),
            Ok(found) => Err(Stopped::Wrong(format!("{} entries are read", found.len()))),
            Err(JournalError::Unreadable(_)) => Ok(()),
            Err(error) => Err(Stopped::Wrong(format!("reading answers {error:?}"))),
        }
    }

    fn close(journal: &FileJournal) -> Result<(), Stopped> {
        match now(journal.close()) {
            Ok(()) | Err(JournalError::NotApplied(_)) => Ok(()),
            Err(JournalError::Unknown(_)) => Err(Stopped::Here),
            Err(error) => Err(Stopped::Wrong(format!("closing answers {error:?}"))),
        }
    }

    /// The whole run: three lives of a journal over several segments, after the first of which it
    /// is closed, and after the second not.
    fn scenario(&mut self, disk: &SimDisk) -> Result<(), Stopped> {
        let journal = opened(disk)?;
        for number in 0..18 {
            self.append(&journal, usual_group(number))?;
        }
        self.keep_checkpoint(&journal, "first")?;
        self.read(&journal)?;
        if let Err(error) = now(journal.latest(key("stream-1"), Position::new(4)))
            && !matches!(error, JournalError::Unreadable(_))
        {
            return Err(Stopped::Wrong(format!("looking up answers {error:?}")));
        }
        Self::close(&journal)?;
        drop(journal);
        let journal = opened(disk)?;
        self.read(&journal)?;
        self.keep_checkpoint(&journal, "second")?;
        for number in 18..26 {
            self.append(&journal, usual_group(number))?;
        }
        drop(journal);
        let journal = opened(disk)?;
        self.read(&journal)?;
        for number in 26..32 {
            self.append(&journal, usual_group(number))?;
        }
        Ok(())
    }

    /// Opens what is left, checks it against what was told, and goes on.
    fn check(mut self, disk: &SimDisk) -> Result<(), String> {
        let journal = open(disk.shared()).map_err(|error| format!("not opened: {error:?}"))?;
        let found = now(content(&journal)).map_err(|error| format!("not read: {error:?}"))?;
        let acknowledged = stored(&self.groups);
        let with_unknown = stored(self.groups.iter().chain(&self.unknown));
        if found == with_unknown && self.unknown.is_some() {
            self.groups.extend(self.unknown.take());
        } else if found != acknowledged {
            return Err(format!("{} entries of {} acknowledged", found.len(), acknowledged.len()));
        }
        let checkpoint = now(journal.checkpoint()).map_err(|error| format!("{error:?}"))?;
        if checkpoint != self.checkpoint
            && (checkpoint.is_none() || checkpoint != self.unknown_checkpoint)
        {
            return Err(format!("the checkpoint is {checkpoint:?}"));
        }
        self.check_latest(&journal)?;
        let next = group(&["own-next|after all"]);
        now(append(&journal, next.clone())).map_err(|error| format!("no append: {error:?}"))?;
        self.groups.push(next);
        drop(journal);
        let journal = open(disk.after_power_cut(9).shared())
            .map_err(|error| format!("not opened again: {error:?}"))?;
        let found = now(content(&journal)).map_err(|error| format!("not read again: {error:?}"))?;
        if found != stored(&self.groups) {
            return Err(format!("{} entries after the next append", found.len()));
        }
        self.check_latest(&journal)
    }

    fn check_latest(&self, journal: &FileJournal) -> Result<(), String> {
        for stream in ["stream-0", "stream-1", "stream-2"] {
            let held = |stored: &judgement_ledger::journal::Stored| {
                String::from_utf8_lossy(&stored.entry.record).contains(stream)
            };
            let expected =
                stored(&self.groups).into_iter().rfind(held).map(|stored| stored.position);
            let found = now(journal.latest(key(stream), Position::new(u64::MAX)));
            let found = found.map_err(|error| format!("{error:?}"))?;
            if found != expected {
                return Err(format!("the latest of {stream} is {found:?}, not {expected:?}"));
            }
        }
        Ok(())
    }
}

fn opened(disk: &SimDisk) -> Result<FileJournal, Stopped> {
    match open(disk.shared()) {
        Ok(journal) => Ok(journal),
        Err(OpenError::Disk(_)) => Err(Stopped::Here),
        Err(error) => Err(Stopped::Wrong(format!("opening answers {error:?}"))),
    }
}

/// Runs the scenario with a fault at call `at`; `false` if it ended before.
fn run(fault: Fault, at: usize) -> bool {
    let disk = SimDisk::new();
    disk.fail_after(at, fault);
    let context = |what: &str| {
        let calls = disk.calls();
        let around = &calls[at.saturating_sub(4).min(calls.len())..calls.len().min(at + 3)];
        format!("{fault:?} at call {at} ({around:?}): {what}")
    };
    let mut told = Told::default();
    if let Err(Stopped::Wrong(what)) = told.scenario(&disk) {
        panic!("{}", context(&what));
    }
    assert_eq!(disk.syncs_tried_again(), 0, "{}", context("a sync was tried again"));
    let mut starts: Vec<_> = SEEDS.iter().map(|seed| disk.after_power_cut(*seed)).collect();
    // The process dies and the next one sees the caches as they are.
    starts.push(disk.after_kill());
    for start in starts {
        if let Err(what) = told.clone().check(&start) {
            panic!("{}", context(&what));
        }
    }
    disk.fault_hit()
}

/// Lets the fault befall each call of the run in turn; how many calls there were.
fn run_at_every_call(fault: Fault) -> usize {
    let calls = (0..10_000).find(|at| !run(fault, *at)).unwrap();
    assert!(calls > 200, "the scenario has only {calls} calls");
    calls
}

#[test]
fn a_power_cut_at_any_call_loses_nothing_acknowledged() {
    run_at_every_call(Fault::PowerCut);
}

#[test]
fn an_io_error_at_any_call_loses_nothing_acknowledged() {
    run_at_every_call(Fault::Eio);
}

#[test]
fn a_full_disk_at_any_call_loses_nothing_acknowledged() {
    run_at_every_call(Fault::Full);
}

#[test]
fn a_short_transfer_at_any_call_changes_nothing() {
    run_at_every_call(Fault::Short);
}

/// The power goes during the run, and during the recovery something fails as well.
#[test]
fn a_fault_during_recovery_loses_nothing_acknowledged() {
    let mut recoveries = 0;
    for at in (0..).step_by(5) {
        let disk = SimDisk::new();
        disk.fail_after(at, Fault::PowerCut);
        let mut told = Told::default();
        if told.scenario(&disk).is_ok() {
            break;
        }
        for fault in [Fault::PowerCut, Fault::Eio] {
            let mut hit = true;
            for call in 0.. {
                let left = disk.after_power_cut(at as u64);
                left.fail_after(call, fault);
                drop(open(left.shared()));
                hit &= left.fault_hit();
                if !hit {
                    break;
                }
                assert_eq!(left.syncs_tried_again(), 0);
                let next =
                    if fault == Fault::Eio { left.after_kill() } else { left.after_power_cut(7) };
                if let Err(what) = told.clone().check(&next) {
                    panic!("power cut at call {at}, {fault:?} at call {call} of recovery: {what}");
                }
                recoveries += 1;
            }
        }
    }
    assert!(recoveries > 1000, "only {recoveries} recoveries");
}

/// The negative control: were the syncs left out, the checks above would say so.
#[test]
fn a_disk_that_forgets_its_syncs_is_found_out() {
    let disk = SimDisk::forgetting_syncs();
    let mut told = Told::default();
    assert!(told.scenario(&disk).is_ok());
    let found_out = |seed: &u64| told.clone().check(&disk.after_power_cut(*seed)).is_err();
    assert!(SEEDS.iter().all(found_out));
}

/// A process that is killed during an append, whose successor is then cut off from power: what
/// the successor has shown must be there afterwards.
#[test]
fn what_was_read_after_a_kill_is_durable() {
    for calls in 0..60 {
        let disk = SimDisk::new();
        let journal = open(disk.shared()).unwrap();
        disk.fail_after(calls, Fault::PowerCut);
        for number in 0..8 {
            if now(append(&journal, usual_group(number))).is_err() {
                break;
            }
        }
        let disk = disk.after_kill();
        let journal = open(disk.shared()).unwrap();
        let shown = now(content(&journal)).unwrap();
        for seed in SEEDS {
            let journal = open(disk.after_power_cut(seed).shared()).unwrap();
            assert_eq!(now(content(&journal)).unwrap(), shown, "{calls} calls, seed {seed}");
        }
    }
}

/// A frame whose sync failed may look whole in the cache and be nowhere on the disk.
#[test]
fn what_was_read_after_a_failed_sync_is_durable() {
    for calls in 0..60 {
        let disk = SimDisk::new();
        let journal = open(disk.shared()).unwrap();
        disk.fail_after(calls, Fault::Eio);
        let mut number = 0;
        while number < 8
            && !matches!(now(append(&journal, usual_group(number))), Err(JournalError::Unknown(_)))
        {
            number += 1;
        }
        drop(journal);
        let disk = disk.after_kill();
        let journal = open(disk.shared()).unwrap();
        let shown = now(content(&journal)).unwrap();
        for seed in SEEDS {
            let journal = open(disk.after_power_cut(seed).shared()).unwrap();
            assert_eq!(now(content(&journal)).unwrap(), shown, "{calls} calls, seed {seed}");
        }
    }
}
