//! The disks of the simulated machine: three directories under one power switch.
//!
//! Everything is kept by [`SimDisk`]; what is added here is that a fault befalls the n-th call that
//! changes anything, whichever directory it goes to, and that a power cut takes all of them at once.

use std::{
    any::Any,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use judgement_ledger::disk::{Access, Disk, DiskFile};

use crate::sim_disk::{Fault, SimDisk};

/// The switch, and what is about to happen.
#[derive(Debug, Default)]
pub(super) struct Power {
    off: AtomicBool,
    /// So many changing calls more, and `fails` befalls one; below zero: none.
    countdown: AtomicI64,
    /// Whether the fault is an I/O error rather than a power cut.
    is_error: AtomicBool,
    /// Whether the disk has no room.
    full: AtomicBool,
    /// Whether anything has befallen this machine since it was started.
    hit: AtomicBool,
}

impl Power {
    pub(super) fn on() -> Arc<Self> {
        let power = Self::default();
        power.countdown.store(-1, Ordering::SeqCst);
        Arc::new(power)
    }

    /// Lets the power fail at the changing call after `calls` more of them.
    pub(super) fn cut_after(&self, calls: u32) {
        self.is_error.store(false, Ordering::SeqCst);
        self.countdown.store(i64::from(calls), Ordering::SeqCst);
    }

    /// Lets the changing call after `calls` more of them answer an I/O error.
    pub(super) fn fail_after(&self, calls: u32) {
        self.is_error.store(true, Ordering::SeqCst);
        self.countdown.store(i64::from(calls), Ordering::SeqCst);
    }

    pub(super) fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
        self.hit.fetch_or(full, Ordering::SeqCst);
    }

    pub(super) fn is_off(&self) -> bool {
        self.off.load(Ordering::SeqCst)
    }

    /// Whether a disk has failed since the machine was started: it may then stop by itself.
    pub(super) fn was_hit(&self) -> bool {
        self.hit.load(Ordering::SeqCst)
    }

    /// What befalls the next changing call. `grows` says whether it needs room.
    fn befalls(&self, grows: bool) -> io::Result<Option<Fault>> {
        if self.is_off() {
            return Err(io::Error::other("the power is off"));
        }
        if grows && self.full.load(Ordering::SeqCst) {
            return Ok(Some(Fault::Full));
        }
        if self.countdown.load(Ordering::SeqCst) < 0
            || self.countdown.fetch_sub(1, Ordering::SeqCst) > 0
        {
            return Ok(None);
        }
        self.hit.store(true, Ordering::SeqCst);
        if self.is_error.load(Ordering::SeqCst) {
            return Ok(Some(Fault::Eio));
        }
        self.off.store(true, Ordering::SeqCst);
        Ok(Some(Fault::PowerCut))
    }
}

/// One directory of the machine.
pub(super) struct PoweredDisk {
    pub(super) disk: SimDisk,
    pub(super) power: Arc<Power>,
    /// Whether the content of files is synced on return, or only when the file is written next.
    pub(super) syncs: Syncs,
}

/// When a sync takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syncs {
    /// Before it answers.
    InTime,
    /// Only before the next write to the same file: what is answered meanwhile is not durable. The
    /// negative control of "durable, then answered".
    Late,
}

impl PoweredDisk {
    /// Does a changing call under whatever befalls it.
    fn change<T>(&self, grows: bool, call: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        if let Some(fault) = self.power.befalls(grows)? {
            self.disk.fail_after(0, fault);
        }
        call()
    }

    fn file(&self, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        let (disk, power) = (self.disk.clone(), Arc::clone(&self.power));
        let disk = Self { disk, power, syncs: self.syncs };
        Arc::new(PoweredFile { disk, file, sync_is_due: AtomicBool::new(false) })
    }
}

impl Disk for PoweredDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.shared().list()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.change(true, || self.disk.shared().create(name)).map(|file| self.file(file))
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        self.disk.shared().open(name, access).map(|file| self.file(file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.change(false, || self.disk.shared().rename(from, to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.change(false, || self.disk.shared().remove(name))
    }

    fn sync(&self) -> io::Result<()> {
        self.change(false, || self.disk.shared().sync())
    }

    fn lock(&self, name: &str) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        self.disk.shared().lock(name)
    }

    fn describe(&self, name: &str) -> String {
        self.disk.shared().describe(name)
    }
}

struct PoweredFile {
    disk: PoweredDisk,
    file: Arc<dyn DiskFile>,
    sync_is_due: AtomicBool,
}

impl DiskFile for PoweredFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, data: &[u8], offset: u64) -> io::Result<usize> {
        if self.sync_is_due.swap(false, Ordering::SeqCst) {
            self.disk.change(false, || self.file.sync())?;
        }
        let end = offset.saturating_add(data.len() as u64);
        let grows = end > self.file.len()?;
        self.disk.change(grows, || self.file.write_at(data, offset))
    }

    fn sync(&self) -> io::Result<()> {
        match self.disk.syncs {
            Syncs::InTime => self.disk.change(false, || self.file.sync()),
            Syncs::Late => {
                self.sync_is_due.store(true, Ordering::SeqCst);
                Ok(())
            }
        }
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
}
