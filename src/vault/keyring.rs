//! The keyring: the directory of blocks, read by [`Keyring`] and written by [`Writer`].

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use uuid::Uuid;

use crate::disk::{
    Access, Disk, DiskFile,
    contend::{self, Lock},
};

use super::{
    block::{Block, Owner},
    entropy::Entropy,
    error::VaultError,
    files,
    layout::{self, FILE_BYTES},
    master_key::MasterKey,
    slot::{BlockNumber, Slot},
};

/// Locked by the one process that has the keyring for itself.
const LOCK: &str = "keyring.lock";

/// Locked, of those that share the keyring, by the one that writes.
const SHARED_LOCK: &str = "keyring.shared.lock";

/// The blocks in a directory, as far as reading them goes.
pub(super) struct Keyring {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) master: MasterKey,
    pub(super) ledger: Uuid,
}

impl Keyring {
    fn owner(&self) -> Owner<'_> {
        Owner { ledger: self.ledger, master: &self.master }
    }

    /// Block `number` as it is on the disk now; none if it has no file.
    pub(super) fn load(&self, number: BlockNumber) -> Result<Option<Block>, VaultError> {
        match self.read(number) {
            // Another process that shares the keyring may have replaced the file just then, and
            // overwritten the one that was being read.
            Err(VaultError::Damaged { .. }) => self.read(number),
            read => read,
        }
    }

    fn read(&self, number: BlockNumber) -> Result<Option<Block>, VaultError> {
        let name = number.file_name();
        let Some(bytes) = files::read(&*self.disk, &name, FILE_BYTES)? else {
            return Ok(None);
        };
        Block::from_bytes(&bytes, number, self.owner(), &self.describe(number)).map(Some)
    }

    /// The highest number that any block has, once its file is found to be readable: so that a
    /// wrong master key, another ledger's keyring or a newer format shows before anything is
    /// written.
    pub(super) fn newest(&self) -> Result<BlockNumber, VaultError> {
        let newest = newest_in(&*self.disk)?.unwrap_or(BlockNumber::NONE);
        self.load(newest)?;
        Ok(newest)
    }

    /// The names of its files, the oldest block's first.
    pub(super) fn files(&self) -> Result<Vec<String>, VaultError> {
        let names = self.disk.list().map_err(|source| refused(&*self.disk, source))?;
        let mut numbers: Vec<_> =
            names.iter().filter_map(|name| BlockNumber::in_file_name(name)).collect();
        numbers.sort_unstable();
        Ok(numbers.into_iter().map(BlockNumber::file_name).collect())
    }

    /// The bytes of one of its files as it is on the disk now; none if there is no such file.
    pub(super) fn file(&self, name: &str) -> Result<Option<Vec<u8>>, VaultError> {
        if !is_block(name) {
            return Ok(None);
        }
        files::read(&*self.disk, name, FILE_BYTES)
    }

    /// The name of a block's file for people.
    pub(super) fn describe(&self, number: BlockNumber) -> String {
        self.disk.describe(&number.file_name())
    }
}

/// Whether there is a keyring in the directory `disk`: then its master key must be there too, and
/// a new one would be of no use. Nothing is written.
///
/// # Errors
/// `Io`.
pub fn is_begun(disk: &dyn Disk) -> Result<bool, VaultError> {
    Ok(newest_in(disk)?.is_some())
}

/// Whether the newest block of the keyring in `disk`, if there is one, opens with `master`, be it
/// of whichever ledger. Nothing is written.
///
/// # Errors
/// `NewerFormat`, `Damaged`, `WrongMasterKey`, `Io`.
pub fn check_newest(disk: &dyn Disk, master: &MasterKey) -> Result<(), VaultError> {
    let Some(number) = newest_in(disk)? else { return Ok(()) };
    let name = number.file_name();
    let Some(bytes) = files::read(disk, &name, FILE_BYTES)? else { return Ok(()) };
    let file = disk.describe(&name);
    let ledger = layout::ledger_of(&bytes, &file)?;
    Block::from_bytes(&bytes, number, Owner { ledger, master }, &file).map(drop)
}

/// Looks at every file of the keyring in `disk`, which is of the ledger `ledger`, and changes
/// nothing: each block is whole; with a master key it opens, too. What is no block and harms nothing
/// is remarked on, in a sentence each.
///
/// # Errors
/// `Damaged`, `NewerFormat` or `OtherLedger` with the first block that is not what was written,
/// `WrongMasterKey`, `Io`.
pub fn inspect(
    disk: &dyn Disk,
    ledger: Uuid,
    master: Option<&MasterKey>,
) -> Result<Vec<String>, VaultError> {
    let mut remarks = Vec::new();
    for name in disk.list().map_err(|source| refused(disk, source))? {
        let file = disk.describe(&name);
        let bytes = files::read(disk, &name, FILE_BYTES)?.unwrap_or_default();
        let Some(number) = BlockNumber::in_file_name(&name) else {
            if name.ends_with(files::UNFINISHED) {
                remarks.push(format!("{file}: half written, removed at the next start"));
            } else if name != LOCK && name != SHARED_LOCK {
                remarks.push(format!("{file}: no file of the keyring"));
            } else if !bytes.is_empty() {
                remarks.push(format!("{file}: the lock file is not empty, which harms nothing"));
            }
            continue;
        };
        layout::check(&bytes, number, ledger, &file)?;
        if let Some(master) = master {
            Block::from_bytes(&bytes, number, Owner { ledger, master }, &file)?;
        }
    }
    Ok(remarks)
}

/// Whether this is the name of a file of a keyring.
#[must_use]
pub fn is_block(name: &str) -> bool {
    BlockNumber::in_file_name(name).is_some()
}

/// Whether the keyring in `disk` has the block of each of these slots, which the journal names.
///
/// # Errors
/// `OlderThanJournal` if it ends before one of them, `Missing` if a block of it is gone; `Io`.
pub fn check_reached(disk: &dyn Disk, slots: &[Slot]) -> Result<(), VaultError> {
    let names = disk.list().map_err(|source| refused(disk, source))?;
    let newest = newest_in(disk)?.unwrap_or(BlockNumber::NONE);
    for &slot in slots {
        let name = slot.block().file_name();
        if slot.block() > newest {
            let file = disk.describe(&newest.file_name());
            return Err(VaultError::OlderThanJournal { file, slot });
        }
        if !names.contains(&name) {
            return Err(VaultError::Missing { file: disk.describe(&name), slot });
        }
    }
    Ok(())
}

/// The highest number that any block has.
fn newest_in(disk: &dyn Disk) -> Result<Option<BlockNumber>, VaultError> {
    let names = disk.list().map_err(|source| refused(disk, source))?;
    Ok(names.iter().filter_map(|name| BlockNumber::in_file_name(name)).max())
}

fn refused(disk: &dyn Disk, source: io::Error) -> VaultError {
    VaultError::Io { file: disk.describe("."), source }
}

/// The one who writes blocks: new ones, and old ones without some of their keys.
pub(super) struct Writer {
    keyring: Arc<Keyring>,
    entropy: Entropy,
    /// Set once a write has ended as unknown, never unset.
    poisoned: AtomicBool,
    /// Held while a block is read, changed and replaced, disk and all: two destructions at once
    /// in one block would each bring back the other's keys. Nothing but a destruction takes it.
    destroying: Mutex<()>,
    exclusion: Exclusion,
}

/// How other processes are kept from writing at the same time.
enum Exclusion {
    /// For as long as this writer lives.
    Always { _lock: Lock },
    /// While it writes: several processes share the keyring.
    Writing,
}

impl Writer {
    /// Takes the right to write the keyring. Nothing is changed yet.
    ///
    /// # Errors
    /// `InUse` if another process has it, `Io`.
    pub(super) fn lock(keyring: Arc<Keyring>, entropy: Entropy) -> Result<Self, VaultError> {
        let lock = lock(&*keyring.disk, LOCK)?.ok_or_else(|| in_use(&*keyring.disk))?;
        Ok(Self::new(keyring, entropy, Exclusion::Always { _lock: lock }))
    }

    /// Writes a keyring that other processes write as well: each keeps the others out while it does.
    pub(super) fn share(keyring: Arc<Keyring>, entropy: Entropy) -> Self {
        Self::new(keyring, entropy, Exclusion::Writing)
    }

    fn new(keyring: Arc<Keyring>, entropy: Entropy, exclusion: Exclusion) -> Self {
        let poisoned = AtomicBool::new(false);
        Self { keyring, entropy, poisoned, destroying: Mutex::new(()), exclusion }
    }

    /// Whether other processes write the keyring as well.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self.exclusion, Exclusion::Writing)
    }

    /// Keeps others from writing until the answer is dropped. Blocks. Of those that share the keyring one may be
    /// frozen with its lock: it is waited for, and then no more, since a block is contended for all the same.
    ///
    /// # Errors
    /// `InUse` if another has the keyring for itself, `Io`.
    fn exclude(&self) -> Result<Option<Lock>, VaultError> {
        if !self.is_shared() {
            return Ok(None);
        }
        let disk = &*self.keyring.disk;
        drop(waited_for(disk, LOCK)?.ok_or_else(|| in_use(disk))?);
        let lock = waited_for(disk, SHARED_LOCK)?;
        if lock.is_none() {
            tracing::warn!(file = disk.describe(SHARED_LOCK), "another process holds it for long");
        }
        Ok(lock)
    }

    /// Removes the files that a crash left unfinished. They never counted: a new block of which
    /// no key was handed out, or a destruction that nobody was told of. What it finished is durable on
    /// return: a killed process may have renamed a file, and not have flushed the directory.
    pub(super) fn tidy(&self) -> Result<(), VaultError> {
        let _others = self.exclude()?;
        let disk = &*self.keyring.disk;
        for name in disk.list().map_err(|source| refused(disk, source))? {
            if contend::target(&name).and_then(BlockNumber::in_file_name).is_some() {
                let removed = if self.is_shared() {
                    contend::discard(disk, &name)
                } else {
                    files::remove_if_there(disk, &name)
                };
                removed.map_err(|source| VaultError::Io { file: disk.describe(&name), source })?;
            }
        }
        self.sync()
    }

    /// Makes durable what the directory names.
    fn sync(&self) -> Result<(), VaultError> {
        let disk = &*self.keyring.disk;
        disk.sync().map_err(|source| VaultError::Unknown { file: disk.describe("."), source })
    }

    /// A new block, durable on return; of a keyring that is shared, of a higher number where others
    /// have used this one.
    ///
    /// # Errors
    /// `Io`, `InUse` or `Entropy` if there is no such block, `Unknown` if there may be one; its number
    /// must then not be used again.
    pub(super) fn prepare(&self, mut number: BlockNumber) -> Result<Block, VaultError> {
        let _others = self.exclude()?;
        if self.is_shared() {
            let newest = newest_in(&*self.keyring.disk)?.unwrap_or(BlockNumber::NONE);
            number = number.max(newest.next());
        }
        let block = Block::draw(number, &self.entropy)?;
        self.write(number, &block, None)?;
        Ok(block)
    }

    /// Destroys the keys at `indexes` in block `number`, for good on return; none if there is no
    /// such block.
    ///
    /// # Errors
    /// `Io`, `InUse` or `Entropy` if nothing changed, `Unknown`, or `Remnant` if they are destroyed but
    /// the old file's bytes could not be overwritten.
    pub(super) fn destroy(
        &self,
        number: BlockNumber,
        indexes: impl IntoIterator<Item = usize>,
    ) -> Result<Option<()>, VaultError> {
        let _turn = self.destroying.lock().unwrap_or_else(PoisonError::into_inner);
        let _others = self.exclude()?;
        let Some(mut block) = self.keyring.load(number)? else {
            return Ok(None);
        };
        let before = block.generation();
        if !block.destroy(indexes) {
            // An earlier call did it, and durably: one of this process that could not tell has
            // poisoned the writer, and what a killed process left was made durable when this one
            // opened the keyring. Another process that shares it may have been killed since then.
            self.check_usable()?;
            return if self.is_shared() { self.sync().map(Some) } else { Ok(Some(())) };
        }
        let name = number.file_name();
        let disk = &*self.keyring.disk;
        let old = disk
            .open(&name, Access::Write)
            .map_err(|source| VaultError::Io { file: disk.describe(&name), source })?;
        self.write(number, &block, Some(before))?;
        // Past this line the keys are gone: the directory names the new file alone, and durably.
        overwrite(&*old)
            .map_err(|source| VaultError::Remnant { file: disk.describe(&name), source })?;
        Ok(Some(()))
    }

    /// Writes a block in place of its generation `before`, or where there is none.
    fn write(
        &self,
        number: BlockNumber,
        block: &Block,
        before: Option<u64>,
    ) -> Result<(), VaultError> {
        self.check_usable()?;
        let bytes = block.to_bytes(self.keyring.owner(), &self.entropy)?;
        let (disk, name) = (&*self.keyring.disk, number.file_name());
        let written = if self.is_shared() {
            let there = || Ok(self.keyring.load(number)?.map(|it| it.generation()));
            files::replace_among(disk, &name, &bytes, || there().map(|there| there == before))
        } else {
            files::replace(disk, &name, &bytes)
        };
        if let Err(VaultError::Unknown { .. }) = written {
            self.poisoned.store(true, Ordering::Release);
        }
        written
    }

    /// Whether there is room for another block.
    ///
    /// # Errors
    /// `Io` if there is not.
    pub(super) fn check_room(&self) -> Result<(), VaultError> {
        let disk = &*self.keyring.disk;
        if disk.has_room() {
            return Ok(());
        }
        Err(refused(disk, io::ErrorKind::StorageFull.into()))
    }

    /// # Errors
    /// `Poisoned` once a write has ended as unknown.
    pub(super) fn check_usable(&self) -> Result<(), VaultError> {
        if self.poisoned.load(Ordering::Acquire) {
            return Err(VaultError::Poisoned);
        }
        Ok(())
    }
}

/// A lock of a keyring, unless another process has it.
fn lock(disk: &dyn Disk, name: &str) -> Result<Option<Lock>, VaultError> {
    disk.lock(name).map_err(|source| VaultError::Io { file: disk.describe(name), source })
}

/// The same, once another gives it back; none if that takes long.
fn waited_for(disk: &dyn Disk, name: &str) -> Result<Option<Lock>, VaultError> {
    let refused = |source| VaultError::Io { file: disk.describe(name), source };
    contend::waited_for(disk, name).map_err(refused)
}

fn in_use(disk: &dyn Disk) -> VaultError {
    VaultError::InUse { file: disk.describe(LOCK) }
}

/// Writes zeros over a file that no longer has a name. It is the best that can be done through a
/// file system; the module says what it does not reach.
fn overwrite(file: &dyn DiskFile) -> io::Result<()> {
    files::write_all(file, &vec![0; FILE_BYTES])?;
    file.sync()
}
