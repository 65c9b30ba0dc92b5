//! A small disk in memory that keeps what was synced, and fails when told to.

use std::{
    any::Any,
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard},
};

use crate::disk::{Access, Disk, DiskFile};

/// Transfers at most so much at once, so that files can be torn.
const BYTES_AT_ONCE: usize = 20_000;

/// What a power cut leaves. A real disk may leave any mixture; these are its corners.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kept {
    /// Only what was synced.
    Synced,
    /// All names as they were, but only what was synced of the contents.
    Names,
    /// Everything.
    All,
}

#[derive(Clone, Copy)]
pub(super) enum Fault {
    /// After so many changes every call fails. A crash between two changes is the same wherever
    /// between them it happens.
    Crash(usize),
    /// This call fails, and no other.
    Once(usize),
}

#[derive(Clone, Default)]
pub(super) struct MemoryDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    names: BTreeMap<String, Inode>,
    synced_names: BTreeMap<String, Inode>,
    calls: usize,
    changes: usize,
    fault: Option<Fault>,
    lock: Arc<()>,
    at_end_of_file: Option<Box<dyn FnOnce() + Send>>,
}

type Inode = Arc<Mutex<Content>>;

#[derive(Clone, Default)]
struct Content {
    bytes: Vec<u8>,
    synced: Vec<u8>,
}

impl MemoryDisk {
    pub(super) fn with_fault(self, fault: Fault) -> Self {
        self.lock_state().fault = Some(fault);
        self
    }

    /// From here on nothing fails.
    pub(super) fn heal(&self) {
        self.lock_state().fault = None;
    }

    pub(super) fn with_file(self, name: &str, bytes: &[u8]) -> Self {
        let content = Content { bytes: bytes.to_vec(), synced: bytes.to_vec() };
        let inode = Arc::new(Mutex::new(content));
        self.lock_state().names.insert(name.to_owned(), Arc::clone(&inode));
        self.lock_state().synced_names.insert(name.to_owned(), inode);
        self
    }

    pub(super) fn calls(&self) -> usize {
        self.lock_state().calls
    }

    pub(super) fn changes(&self) -> usize {
        self.lock_state().changes
    }

    /// Every file's bytes, as a program sees them.
    pub(super) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.lock_state();
        let bytes = |inode: &Inode| inode.lock().unwrap().bytes.clone();
        state.names.iter().map(|(name, inode)| (name.clone(), bytes(inode))).collect()
    }

    /// The disk that is found after the power is back. This one is of no more use.
    pub(super) fn after_power_cut(&self, kept: Kept) -> Self {
        let state = self.lock_state();
        let names = match kept {
            Kept::Synced => &state.synced_names,
            Kept::Names | Kept::All => &state.names,
        };
        names.iter().fold(Self::default(), |disk, (name, inode)| {
            let content = inode.lock().unwrap().clone();
            disk.with_file(
                name,
                match kept {
                    Kept::Synced | Kept::Names => &content.synced,
                    Kept::All => &content.bytes,
                },
            )
        })
    }

    /// Does this once, when a reader has reached the end of a file.
    pub(super) fn at_end_of_file(&self, act: impl FnOnce() + Send + 'static) {
        self.lock_state().at_end_of_file = Some(Box::new(act));
    }

    /// The durable content of a file, now and after it has lost its name.
    pub(super) fn watch(&self, name: &str) -> impl Fn() -> Vec<u8> + use<> {
        let inode = Arc::clone(&self.lock_state().names[name]);
        move || inode.lock().unwrap().synced.clone()
    }

    fn lock_state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Counts a call, and fails it if its turn has come.
    fn call(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.lock_state();
        let call = state.calls;
        state.calls += 1;
        let fails = match state.fault {
            None => false,
            Some(Fault::Crash(at)) => state.changes >= at,
            Some(Fault::Once(at)) => call == at,
        };
        if fails { Err(io::Error::other("injected")) } else { Ok(state) }
    }

    /// Counts a call that changes something.
    fn change(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.call()?;
        state.changes += 1;
        Ok(state)
    }
}

impl Disk for MemoryDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.call()?.names.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.change()?;
        if state.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = Inode::default();
        state.names.insert(name.to_owned(), Arc::clone(&inode));
        Ok(Arc::new(MemoryFile { disk: self.clone(), inode }))
    }

    fn open(&self, name: &str, _: Access) -> io::Result<Arc<dyn DiskFile>> {
        let state = self.call()?;
        let inode = state.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(MemoryFile { disk: self.clone(), inode: Arc::clone(inode) }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.change()?;
        let inode = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), inode);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.change()?;
        state.names.remove(name).map(drop).ok_or(io::ErrorKind::NotFound.into())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.change()?;
        state.synced_names = state.names.clone();
        Ok(())
    }

    fn lock(&self, _: &str) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        let state = self.call()?;
        let free = Arc::strong_count(&state.lock) == 1;
        Ok(free.then(|| -> Box<dyn Any + Send + Sync> { Box::new(Arc::clone(&state.lock)) }))
    }

    fn describe(&self, name: &str) -> String {
        format!("memory/{name}")
    }
}

struct MemoryFile {
    disk: MemoryDisk,
    inode: Inode,
}

impl DiskFile for MemoryFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disk.call()?;
        let content = self.inode.lock().unwrap();
        let rest = content.bytes.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
        let count = rest.len().min(buffer.len()).min(BYTES_AT_ONCE);
        buffer[..count].copy_from_slice(&rest[..count]);
        let act = if count == 0 { state.at_end_of_file.take() } else { None };
        drop((content, state));
        if let Some(act) = act {
            act();
        }
        Ok(count)
    }

    fn write_at(&self, data: &[u8], offset: u64) -> io::Result<usize> {
        let _state = self.disk.change()?;
        let mut content = self.inode.lock().unwrap();
        let begin = usize::try_from(offset).unwrap();
        let count = data.len().min(BYTES_AT_ONCE);
        let end = begin + count;
        if content.bytes.len() < end {
            content.bytes.resize(end, 0);
        }
        content.bytes[begin..end].copy_from_slice(&data[..count]);
        Ok(count)
    }

    fn sync(&self) -> io::Result<()> {
        let _state = self.disk.change()?;
        let mut content = self.inode.lock().unwrap();
        content.synced = content.bytes.clone();
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        let _state = self.disk.call()?;
        Ok(u64::try_from(self.inode.lock().unwrap().bytes.len()).unwrap())
    }
}
