//! The parts of a backup in their order, and adding the next one.

use std::{any::Any, sync::Arc};

use uuid::Uuid;

use super::{
    BackupError, PartHead, PartReader,
    file::FileWriter,
    frame::Kind,
    part::{MAGIC, entry_parts},
};
use crate::{
    disk::Disk,
    journal::Stored,
    merkle::{Frontier, TreeHead, leaf_hash},
};

/// The file in a backup's directory that is locked while a part is added.
pub const LOCK: &str = "backup.lock";

/// Before and after the number in the name of a part.
const NAME: (&str, &str) = ("part-", ".backup");

/// What the part of this number is called, such as `part-0001.backup`.
#[must_use]
pub fn part_name(number: u64) -> String {
    let (before, after) = NAME;
    format!("{before}{number:04}{after}")
}

/// Whether this is the name of a part.
#[must_use]
pub fn is_part(name: &str) -> bool {
    number_in(name).is_some()
}

/// The number in a name made by [`part_name`]; none for any other name.
fn number_in(name: &str) -> Option<u64> {
    let (before, after) = NAME;
    let digits = name.strip_prefix(before)?.strip_suffix(after)?;
    let number = digits.parse().ok()?;
    (part_name(number) == name).then_some(number)
}

/// What the part at a place is called, counted from 0.
fn name_at(place: usize) -> String {
    part_name(u64::try_from(place).unwrap_or(u64::MAX).saturating_add(1))
}

/// All parts that are in a directory, each of which begins where the one before ends, at a checkpoint
/// that follows from that one's.
pub struct Chain {
    disk: Arc<dyn Disk>,
    heads: Vec<PartHead>,
    /// The edge of the tree after the last part.
    edge: Frontier,
    /// Held while a part may be added.
    _lock: Option<Box<dyn Any + Send + Sync>>,
}

impl Chain {
    /// Reads the parts in a directory, of which there may be none. Of each only the head and the end
    /// are looked at.
    ///
    /// # Errors
    /// `PartMissing`, `OtherLedger`, `OutOfPlace`, `OtherHistory`, `Damaged`, `Newer`, `Io`.
    pub fn read(disk: Arc<dyn Disk>) -> Result<Self, BackupError> {
        let refused = |source| BackupError::Io { file: disk.describe("."), source };
        let names = disk.list().map_err(refused)?;
        let mut numbers: Vec<_> = names.iter().filter_map(|name| number_in(name)).collect();
        numbers.sort_unstable();
        let mut chain = Self { disk, heads: Vec::new(), edge: Frontier::empty(), _lock: None };
        for (number, expected) in numbers.into_iter().zip(1..) {
            if number != expected {
                let file = chain.disk.describe(&part_name(expected));
                return Err(BackupError::PartMissing { file });
            }
            let part = PartReader::open(&*chain.disk, &part_name(number))?;
            chain.check(part.head(), part.name())?;
            chain.edge = part.edge()?;
            chain.heads.push(part.head().clone());
        }
        Ok(chain)
    }

    /// The same, for adding a part: no other process adds one meanwhile.
    ///
    /// # Errors
    /// `InUse`; as [`Chain::read`].
    pub fn open(disk: Arc<dyn Disk>) -> Result<Self, BackupError> {
        let file = disk.describe(LOCK);
        let lock = disk.lock(LOCK);
        let lock = lock.map_err(|source| BackupError::Io { file: file.clone(), source })?;
        let lock = lock.ok_or(BackupError::InUse { file })?;
        Ok(Self { _lock: Some(lock), ..Self::read(disk)? })
    }

    /// Its parts, the first one first.
    #[must_use]
    pub fn heads(&self) -> &[PartHead] {
        &self.heads
    }

    /// The tree that its last record completes.
    #[must_use]
    pub fn tree(&self) -> TreeHead {
        TreeHead { size: self.edge.size(), root: self.edge.root() }
    }

    /// The directory as a person would name it.
    #[must_use]
    pub fn describe(&self) -> String {
        self.disk.describe("")
    }

    /// Opens one of its parts, by its place from 0.
    pub(super) fn part(&self, place: usize) -> Result<PartReader, BackupError> {
        PartReader::open(&*self.disk, &name_at(place))
    }

    /// What the part that comes next is called.
    fn next_name(&self) -> String {
        name_at(self.heads.len())
    }

    /// Whether a part continues this chain.
    fn check(&self, head: &PartHead, file: &str) -> Result<(), BackupError> {
        let file = file.to_owned();
        let (tree, size) = (self.tree(), head.tree().size);
        let first = self.heads.first();
        if let Some(first) = first.filter(|it| it.ledger() != head.ledger()) {
            let (found, ledger) =
                (Uuid::from_bytes(head.ledger()), Uuid::from_bytes(first.ledger()));
            return Err(BackupError::OtherLedger { file, found, ledger });
        }
        if head.from() != tree.size {
            return Err(BackupError::OutOfPlace { file, from: head.from(), size: tree.size });
        }
        if first.is_some_and(|it| it.origin() != head.origin()) || !head.follows(&tree) {
            return Err(BackupError::OtherHistory { file, from: tree.size, size });
        }
        Ok(())
    }

    /// Begins the next part, which is to hold what `head` says; nothing if that is no record.
    ///
    /// # Errors
    /// `OtherLedger`, `OutOfPlace`, `OtherHistory` if it would not continue this chain; `Io`.
    pub fn begin(&self, head: PartHead) -> Result<Next, BackupError> {
        let name = self.next_name();
        self.check(&head, &self.disk.describe(&name))?;
        if head.from() == head.tree().size {
            return Ok(Next::Nothing);
        }
        let mut file = FileWriter::begin(&self.disk, &name, MAGIC)?;
        file.add(Kind::Head, &[&head.encode()])?;
        Ok(Next::Part(Box::new(PartWriter { file, head, edge: self.edge.clone() })))
    }
}

/// What comes next in a backup.
pub enum Next {
    /// A part.
    Part(Box<PartWriter>),
    /// Nothing is new.
    Nothing,
}

/// A part that is being written.
pub struct PartWriter {
    file: FileWriter,
    head: PartHead,
    edge: Frontier,
}

impl PartWriter {
    /// Adds the next entry, as it lies in the journal.
    ///
    /// # Errors
    /// `OutOfOrder`, `Io`.
    pub fn add(&mut self, stored: &Stored) -> Result<(), BackupError> {
        let (next, found) = (self.edge.size().saturating_add(1), stored.position);
        if found.get() != next || next > self.head.tree().size {
            let (file, position) = (self.file.describe(), crate::judgement::Position::new(next));
            return Err(BackupError::OutOfOrder { file, position, found });
        }
        self.edge.push(leaf_hash(&stored.entry.record));
        let (position, length) = entry_parts(stored);
        let parts = [&position[..], &length, &stored.entry.record, &stored.entry.sealed];
        self.file.add(Kind::Entry, &parts)
    }

    /// Makes the part count, once its records are found to make the root that its checkpoint states.
    /// Its size, in bytes.
    ///
    /// # Errors
    /// `RecordsMissing`, `OtherRoot`, `Io`: there is no such part. `Unknown`: there may be.
    pub fn finish(self) -> Result<u64, BackupError> {
        let Self { file, head, edge } = self;
        let who = format!("the checkpoint of {}", file.describe());
        let (size, root, stated) = (edge.size(), edge.root(), head.tree());
        if size != stated.size {
            file.abandon();
            return Err(BackupError::RecordsMissing { size, who, covered: stated.size });
        }
        if root != stated.root {
            file.abandon();
            return Err(BackupError::OtherRoot { size, root, who, stated: stated.root });
        }
        file.finish(&edge.to_bytes())
    }
}
