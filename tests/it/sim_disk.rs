//! `SimDisk`: a disk in memory that keeps only what was synced, and fails where it is told to.
//!
//! Every call is numbered. A fault at the n-th call is a power cut, an error or a short transfer.
//! [`SimDisk::after_power_cut`] answers the disk as the next start finds it: of everything not
//! synced, any part may be there, down to sectors of 512 bytes, chosen by a seed.

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{Arc, Mutex, MutexGuard},
};

use judgement_ledger::disk::{Access, Disk, DiskFile, FlushFailed};

const SECTOR_BYTES: usize = 512;

/// What befalls a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The power goes: this call may have had any part of its effect, later ones fail.
    PowerCut,
    /// The call answers an I/O error after a part of its effect.
    Eio,
    /// As `Eio`, with a full disk for a reason.
    Full,
    /// A read or write moves half of its bytes; other calls are not affected.
    Short,
}

/// A small generator of pseudo-random numbers (`SplitMix64`), so that a seed says it all.
#[derive(Debug, Clone)]
pub(crate) struct Seeded(pub u64);

impl Seeded {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// The disk. Clones are the same disk.
#[derive(Clone)]
pub(crate) struct SimDisk(Arc<Mutex<State>>);

#[derive(Clone, Default)]
struct State {
    nodes: Vec<Node>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// Changes of names since the last sync of the directory.
    pending_names: Vec<NameChange>,
    /// A failed sync of a directory must not be tried again.
    directory_syncs_failed: BTreeSet<String>,
    calls: Vec<String>,
    fault: Option<(usize, Fault)>,
    forgets_syncs: bool,
    syncs_tried_again: usize,
    locked: Arc<Mutex<BTreeSet<String>>>,
}

/// Gives the lock up when it is dropped.
struct Lock(Arc<Mutex<BTreeSet<String>>>, String);

impl Drop for Lock {
    fn drop(&mut self) {
        self.0.lock().unwrap().remove(&self.1);
    }
}

#[derive(Clone, Default)]
struct Node {
    content: Vec<u8>,
    durable: Vec<u8>,
    /// Writes since all of the content was durable, oldest first.
    writes: Vec<Write>,
    sync_failed: bool,
}

#[derive(Clone)]
struct Write {
    offset: usize,
    data: Vec<u8>,
    state: Written,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    /// Since the last sync.
    Unsynced,
    /// Durable.
    Synced,
    /// A sync of it has failed: no later sync makes it durable, as the kernel takes the pages for
    /// clean.
    Doubtful,
}

#[derive(Clone)]
enum NameChange {
    Create(String, usize),
    Rename(String, String, usize),
    Remove(String),
}

impl NameChange {
    fn is_in(&self, directory: &str) -> bool {
        match self {
            Self::Create(name, _) | Self::Rename(_, name, _) | Self::Remove(name) => {
                name.starts_with(directory)
            }
        }
    }

    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Create(name, node) => {
                names.insert(name.clone(), *node);
            }
            Self::Rename(from, to, node) => {
                names.remove(from);
                names.insert(to.clone(), *node);
            }
            Self::Remove(name) => {
                names.remove(name);
            }
        }
    }
}

impl State {
    fn fault_hit(&self) -> bool {
        self.fault.is_some_and(|(at, _)| self.calls.len() > at)
    }
}

impl Node {
    fn mark_unsynced(&mut self, state: Written) {
        let unsynced = self.writes.iter_mut().filter(|write| write.state == Written::Unsynced);
        unsynced.for_each(|write| write.state = state);
    }

    /// Forgets the writes that are durable, unless a doubtful one lies below them.
    fn settle(&mut self) {
        if self.writes.iter().all(|write| write.state == Written::Synced) {
            self.writes.drain(..).for_each(|write| write.apply(&mut self.durable));
        }
    }
}

impl Write {
    fn apply(&self, content: &mut Vec<u8>) {
        let end = self.offset + self.data.len();
        if content.len() < end {
            content.resize(end, 0);
        }
        content[self.offset..end].copy_from_slice(&self.data);
    }

    /// The write cut at sector boundaries of the file.
    fn sectors(&self) -> Vec<Self> {
        let (mut sectors, mut at) = (Vec::new(), 0);
        while at < self.data.len() {
            let offset = self.offset + at;
            let count = (SECTOR_BYTES - offset % SECTOR_BYTES).min(self.data.len() - at);
            let data = self.data[at..at + count].to_vec();
            sectors.push(Self { offset, data, state: self.state });
            at += count;
        }
        sectors
    }
}

impl SimDisk {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    /// A disk whose syncs do nothing: the negative control.
    pub(crate) fn forgetting_syncs() -> Self {
        let disk = Self::new();
        disk.state().forgets_syncs = true;
        disk
    }

    pub(crate) fn shared(&self) -> Arc<dyn Disk> {
        self.directory("")
    }

    /// The directory of the files whose names begin so.
    pub(crate) fn directory(&self, name: &str) -> Arc<dyn Disk> {
        Arc::new(Directory { disk: self.clone(), name: name.to_owned() })
    }

    /// Lets `fault` befall the call after `calls` more calls.
    pub(crate) fn fail_after(&self, calls: usize, fault: Fault) {
        let mut state = self.state();
        state.fault = Some((state.calls.len() + calls, fault));
    }

    pub(crate) fn fault_hit(&self) -> bool {
        self.state().fault_hit()
    }

    /// How often a sync was tried again after it had failed.
    pub(crate) fn syncs_tried_again(&self) -> usize {
        self.state().syncs_tried_again
    }

    /// All calls so far, as `verb name`.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.state().calls.clone()
    }

    /// The files as a process sees them.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state();
        state
            .names
            .iter()
            .map(|(name, node)| (name.clone(), state.nodes[*node].content.clone()))
            .collect()
    }

    /// A disk that holds `files`, all synced.
    pub(crate) fn holding(files: &BTreeMap<String, Vec<u8>>) -> Self {
        let disk = Self::new();
        let mut state = disk.state();
        for (name, content) in files {
            let node =
                Node { content: content.clone(), durable: content.clone(), ..Node::default() };
            state.nodes.push(node);
            let number = state.nodes.len() - 1;
            state.names.insert(name.clone(), number);
        }
        state.durable_names = state.names.clone();
        drop(state);
        disk
    }

    /// The disk as the next process finds it after this one was killed: caches and all.
    pub(crate) fn after_kill(&self) -> Self {
        let mut state = self.state().clone();
        state.fault = None;
        state.locked = Arc::default();
        // It is another process: it cannot know which sync has failed, and syncs anew.
        state.directory_syncs_failed.clear();
        state.nodes.iter_mut().for_each(|node| node.sync_failed = false);
        Self(Arc::new(Mutex::new(state)))
    }

    /// The disk as the next start finds it after the power was cut.
    pub(crate) fn after_power_cut(&self, seed: u64) -> Self {
        let state = self.state();
        let mut seeded = Seeded(seed);
        let mut names = state.durable_names.clone();
        for change in &state.pending_names {
            if seeded.below(2) == 0 {
                change.apply(&mut names);
            }
        }
        let mut found = State { forgets_syncs: state.forgets_syncs, ..State::default() };
        for (name, node) in names {
            let node = &state.nodes[node];
            let content = survivors(node, &mut seeded);
            found.nodes.push(Node { durable: content.clone(), content, ..Node::default() });
            found.names.insert(name, found.nodes.len() - 1);
        }
        found.durable_names = found.names.clone();
        Self(Arc::new(Mutex::new(found)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Counts a call; the fault that befalls it, if any.
    fn call(&self, verb: &str, name: &str) -> io::Result<(MutexGuard<'_, State>, Option<Fault>)> {
        let mut state = self.state();
        if state.fault_hit() && state.fault.is_some_and(|(_, fault)| fault == Fault::PowerCut) {
            return Err(io::Error::other("the power is off"));
        }
        let number = state.calls.len();
        state.calls.push(format!("{verb} {name}"));
        let fault = state.fault.filter(|(at, _)| *at == number).map(|(_, fault)| fault);
        Ok((state, fault))
    }

    /// Counts a call that has no effect.
    fn plain_call(&self, verb: &str, name: &str) -> io::Result<MutexGuard<'_, State>> {
        let (state, fault) = self.call(verb, name)?;
        fail(fault).map(|()| state)
    }

    /// Counts a change of names: one that fails may still have happened.
    fn change(
        &self,
        verb: &str,
        name: &str,
        make: impl FnOnce(&mut State) -> io::Result<NameChange>,
    ) -> io::Result<()> {
        let (mut state, fault) = self.call(verb, name)?;
        let change = make(&mut state)?;
        let happens = match fault {
            None | Some(Fault::Short | Fault::PowerCut) => true,
            Some(Fault::Full) => false,
            Some(Fault::Eio) => state.calls.len() % 2 == 0,
        };
        if happens {
            change.apply(&mut state.names);
            state.pending_names.push(change);
        }
        fail(fault)
    }
}

/// The content of a file after a power cut.
fn survivors(node: &Node, seeded: &mut Seeded) -> Vec<u8> {
    let mut content = node.durable.clone();
    for write in &node.writes {
        match seeded.below(4) {
            _ if write.state == Written::Synced => write.apply(&mut content),
            0 => {}
            1 => write.apply(&mut content),
            _ => {
                let survives = |_: &Write| seeded.below(2) == 0;
                write
                    .sectors()
                    .into_iter()
                    .filter(survives)
                    .for_each(|sector| sector.apply(&mut content));
            }
        }
    }
    content
}

fn fail(fault: Option<Fault>) -> io::Result<()> {
    match fault {
        None | Some(Fault::Short) => Ok(()),
        Some(Fault::PowerCut) => Err(io::Error::other("the power goes")),
        Some(Fault::Eio) => Err(io::Error::other("input/output error")),
        Some(Fault::Full) => Err(io::ErrorKind::StorageFull.into()),
    }
}

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

/// A directory of the disk: the files whose names begin with its name.
struct Directory {
    disk: SimDisk,
    name: String,
}

impl Directory {
    fn path(&self, name: &str) -> String {
        format!("{}{name}", self.name)
    }
}

impl Disk for Directory {
    fn list(&self) -> io::Result<Vec<String>> {
        let state = self.disk.plain_call("list", &self.name)?;
        let names = state.names.keys().filter_map(|name| name.strip_prefix(&self.name));
        Ok(names.map(str::to_owned).collect())
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let name = self.path(name);
        let mut number = 0;
        self.disk.change("create", &name, |state| {
            if state.names.contains_key(&name) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            state.nodes.push(Node::default());
            number = state.nodes.len() - 1;
            Ok(NameChange::Create(name.clone(), number))
        })?;
        let disk = self.disk.clone();
        Ok(Arc::new(SimFile { disk, node: number, name, access: Access::Write }))
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        let name = self.path(name);
        let node = *self.disk.plain_call("open", &name)?.names.get(&name).ok_or_else(not_found)?;
        Ok(Arc::new(SimFile { disk: self.disk.clone(), node, name, access }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let (from, to) = (self.path(from), self.path(to));
        self.disk.change("rename", &from, |state| {
            let node = *state.names.get(&from).ok_or_else(not_found)?;
            Ok(NameChange::Rename(from.clone(), to, node))
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let name = self.path(name);
        self.disk.change("remove", &name, |state| {
            state.names.get(&name).ok_or_else(not_found)?;
            Ok(NameChange::Remove(name.clone()))
        })
    }

    fn sync(&self) -> io::Result<()> {
        let (mut state, fault) = self.disk.call("sync", &self.path("directory"))?;
        if state.directory_syncs_failed.contains(&self.name) {
            state.syncs_tried_again += 1;
        }
        if let Err(error) = fail(fault) {
            state.directory_syncs_failed.insert(self.name.clone());
            return Err(FlushFailed::mark(error));
        }
        if !state.forgets_syncs {
            let here = |change: &NameChange| change.is_in(&self.name);
            let (synced, pending): (Vec<_>, Vec<_>) = state.pending_names.drain(..).partition(here);
            state.pending_names = pending;
            for change in synced {
                change.apply(&mut state.durable_names);
            }
        }
        Ok(())
    }

    fn lock(&self, name: &str) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        let name = self.path(name);
        let locked = Arc::clone(&self.disk.plain_call("lock", &name)?.locked);
        if !locked.lock().unwrap().insert(name.clone()) {
            return Ok(None);
        }
        Ok(Some(Box::new(Lock(locked, name))))
    }

    fn describe(&self, name: &str) -> String {
        format!("sim/{}", self.path(name))
    }
}

struct SimFile {
    disk: SimDisk,
    node: usize,
    name: String,
    access: Access,
}

impl DiskFile for SimFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let (state, fault) = self.disk.call("read", &self.name)?;
        fail(fault)?;
        let content = &state.nodes[self.node].content;
        let rest = content.get(offset as usize..).unwrap_or_default();
        let mut count = rest.len().min(buffer.len());
        if fault == Some(Fault::Short) {
            count = count.div_ceil(2);
        }
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&self, data: &[u8], offset: u64) -> io::Result<usize> {
        assert_eq!(self.access, Access::Write, "{} is open for reading only", self.name);
        let (mut state, fault) = self.disk.call("write", &self.name)?;
        let count = match fault {
            None | Some(Fault::PowerCut) => data.len(),
            Some(Fault::Short | Fault::Full) => data.len().div_ceil(2),
            // An odd part, so that a write may end anywhere.
            Some(Fault::Eio) => data.len() / 3,
        };
        let write = Write {
            offset: offset as usize,
            data: data[..count].to_vec(),
            state: Written::Unsynced,
        };
        let node = &mut state.nodes[self.node];
        write.apply(&mut node.content);
        node.writes.push(write);
        fail(fault).map(|()| count)
    }

    fn sync(&self) -> io::Result<()> {
        let (mut state, fault) = self.disk.call("sync", &self.name)?;
        let forgets = state.forgets_syncs;
        let tried_again = usize::from(state.nodes[self.node].sync_failed);
        state.syncs_tried_again += tried_again;
        let node = &mut state.nodes[self.node];
        if let Err(error) = fail(fault) {
            node.sync_failed = true;
            node.mark_unsynced(Written::Doubtful);
            return Err(FlushFailed::mark(error));
        }
        if !forgets {
            node.mark_unsynced(Written::Synced);
            node.settle();
        }
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.plain_call("length", &self.name)?.nodes[self.node].content.len() as u64)
    }
}
