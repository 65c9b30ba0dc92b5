//! Making a journal of a backup, and proving that it is the one that was signed.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{BackupError, Chain, PartHead, PartReader};
use crate::{
    evidence::{CheckedCheckpoint, Signed, Trust},
    journal::{Entry, Group, Journal, Stored},
    judgement::{Event, KeyChange, Position},
    ledger::Summary,
    merkle::{Frontier, Hash, TreeHead, leaf_hash},
    record::{Beside, Outline, Record},
    vault::{SLOTS_PER_BLOCK, Slot, slots_of},
};

/// A group of the restored journal has at most so many entries and about so many bytes: few flushes,
/// and little memory.
const GROUP_ENTRIES_MAX: usize = 4_096;
const GROUP_BYTES_MAX: usize = 4 << 20;

/// Whose word is believed, and what was kept elsewhere.
#[derive(Debug, Clone, Default)]
pub struct Proofs {
    /// Keys that were given from outside. Without any, those count that the ledger names itself.
    pub trust: Trust,
    /// Checkpoints that were kept elsewhere, and their names.
    pub kept: Vec<(String, Vec<u8>)>,
}

/// What was restored, all of it proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The tree over all records.
    pub tree: TreeHead,
    /// How many parts there were.
    pub parts: usize,
    /// The checkpoints that hold, and who vouches for them: one of each part, and those kept elsewhere.
    pub checkpoints: Vec<CheckedCheckpoint>,
    /// Slots that texts name, one of each block of keys: see [`vault::check_reached`].
    ///
    /// [`vault::check_reached`]: crate::vault::check_reached
    pub slots: Vec<Slot>,
}

/// Writes all records of a backup into an empty journal, which keeps the backup's newest checkpoint
/// then. `done` is told how many records were written since it was told last.
///
/// # Errors
/// [`BackupError`] with the first thing that does not hold: the journal may then hold records that
/// nobody vouches for, and must not be served.
pub async fn restore(
    chain: &Chain,
    journal: &dyn Journal,
    proofs: &Proofs,
    done: &mut (dyn FnMut(u64) + Send),
) -> Result<Restored, BackupError> {
    let Some(last) = chain.heads().last() else {
        let (directory, first) = (chain.describe(), super::part_name(1));
        return Err(BackupError::Empty { directory, first });
    };
    let mut restoring = Restoring::begin(chain, proofs)?;
    for place in 0..chain.heads().len() {
        let mut part = chain.part(place)?;
        restoring.check_head(chain.heads().get(place), &part)?;
        while let Some(stored) = part.next_entry()? {
            restoring.take(stored, part.name())?;
            if restoring.is_full() {
                restoring.append(journal, part.name(), done).await?;
            }
        }
        restoring.append(journal, part.name(), done).await?;
    }
    journal.keep_checkpoint(last.note().clone()).await?;
    restoring.finish(chain, proofs)
}

/// Proves all that [`restore`] proves of a backup where it lies, and writes nothing: what has rotten on
/// its disk shows, and whether the parts make the roots that were signed. `done` is told how many
/// records were looked at since it was told last.
///
/// # Errors
/// [`BackupError`] with the first thing that does not hold.
pub fn verify(
    chain: &Chain,
    proofs: &Proofs,
    done: &mut dyn FnMut(u64),
) -> Result<Restored, BackupError> {
    if chain.heads().is_empty() {
        let (directory, first) = (chain.describe(), super::part_name(1));
        return Err(BackupError::Empty { directory, first });
    }
    let mut folding = Restoring::begin(chain, proofs)?;
    for place in 0..chain.heads().len() {
        let mut part = chain.part(place)?;
        folding.check_head(chain.heads().get(place), &part)?;
        while let Some(stored) = part.next_entry()? {
            folding.take(stored, part.name())?;
            if folding.is_full() {
                done(folding.forget());
            }
        }
        done(folding.forget());
    }
    folding.finish(chain, proofs)
}

fn head_of(tree: &Frontier) -> TreeHead {
    TreeHead { size: tree.size(), root: tree.root() }
}

/// A journal that is being restored.
struct Restoring {
    tree: Frontier,
    /// Which roots are stated, by the number of records, and by whom.
    stated: BTreeMap<u64, Vec<(String, Hash)>>,
    signed: Vec<Signed>,
    /// The keys that the ledger names itself.
    keys: Vec<String>,
    /// A slot that a text names, by its block.
    slots: BTreeMap<u64, Slot>,
    /// What is appended next, and how many bytes it has.
    group: Vec<Entry>,
    bytes: usize,
}

impl Restoring {
    fn begin(chain: &Chain, proofs: &Proofs) -> Result<Self, BackupError> {
        let mut signed = Vec::new();
        for (head, number) in chain.heads().iter().zip(1..) {
            signed.push(Signed::read(&super::part_name(number), head.note())?);
        }
        for (name, note) in &proofs.kept {
            signed.push(Signed::read(name, note)?);
        }
        let mut stated: BTreeMap<u64, Vec<(String, Hash)>> = BTreeMap::new();
        let size = chain.tree().size;
        for checkpoint in &signed {
            let (who, head) = (checkpoint.found().to_owned(), checkpoint.head());
            if head.size > size {
                return Err(BackupError::RecordsMissing { size, who, covered: head.size });
            }
            stated.entry(head.size).or_default().push((who, head.root));
        }
        let begun = Self {
            tree: Frontier::empty(),
            stated,
            signed,
            keys: Vec::new(),
            slots: BTreeMap::new(),
            group: Vec::new(),
            bytes: 0,
        };
        begun.check_roots()?;
        Ok(begun)
    }

    /// A part is still what it was when the chain was read.
    fn check_head(&self, known: Option<&PartHead>, part: &PartReader) -> Result<(), BackupError> {
        if known == Some(part.head()) {
            return Ok(());
        }
        let (file, size) = (part.name().to_owned(), self.tree.size());
        Err(BackupError::OutOfPlace { file, from: part.head().from(), size })
    }

    fn take(&mut self, stored: Stored, file: &str) -> Result<(), BackupError> {
        let Stored { position, entry } = stored;
        let wrong = |what: String| BackupError::Record { file: file.to_owned(), position, what };
        let outline = Outline::of(&entry.record).map_err(|error| wrong(error.to_string()))?;
        if outline.event == "KeyRotated" {
            let record = Record::decode(&entry.record).map_err(|error| wrong(error.to_string()))?;
            self.note_key(&record);
        }
        let beside = Beside::decode(entry.sealed.clone());
        let texts = beside.map_err(|error| wrong(error.to_string()))?.texts;
        for slot in slots_of(&texts)? {
            let block = slot.get().checked_div(SLOTS_PER_BLOCK).unwrap_or_default();
            self.slots.entry(block).or_insert(slot);
        }
        self.tree.push(leaf_hash(&entry.record));
        self.bytes =
            self.bytes.saturating_add(entry.record.len()).saturating_add(entry.sealed.len());
        self.group.push(entry);
        self.check_roots()
    }

    fn note_key(&mut self, record: &Record) {
        if let Event::KeyRotated(event) = &record.event
            && event.change == KeyChange::Added
        {
            self.keys.push(event.key.to_string());
        }
    }

    /// The records so far make every root that is stated of them.
    fn check_roots(&self) -> Result<(), BackupError> {
        let (size, all) = (self.tree.size(), self.stated.get(&self.tree.size()));
        let Some(all) = all else { return Ok(()) };
        let root = self.tree.root();
        match all.iter().find(|(_, stated)| *stated != root) {
            None => Ok(()),
            Some((who, stated)) => {
                Err(BackupError::OtherRoot { size, root, who: who.clone(), stated: *stated })
            }
        }
    }

    fn is_full(&self) -> bool {
        self.group.len() >= GROUP_ENTRIES_MAX || self.bytes >= GROUP_BYTES_MAX
    }

    /// Lets go of what was taken, and of which nothing more is wanted; how many records it was.
    fn forget(&mut self) -> u64 {
        self.bytes = 0;
        let count = u64::try_from(self.group.len()).unwrap_or(u64::MAX);
        self.group.clear();
        count
    }

    /// Who vouches for the checkpoints, once the records have made all of them.
    fn finish(self, chain: &Chain, proofs: &Proofs) -> Result<Restored, BackupError> {
        let Self { tree, signed, keys, slots, .. } = self;
        Ok(Restored {
            tree: head_of(&tree),
            parts: chain.heads().len(),
            checkpoints: proofs.trust.check(&signed, &keys)?,
            slots: slots.into_values().collect(),
        })
    }

    /// Appends what was taken, with a mark as the ledger would have kept it.
    async fn append(
        &mut self,
        journal: &dyn Journal,
        file: &str,
        done: &mut (dyn FnMut(u64) + Send),
    ) -> Result<(), BackupError> {
        let Some(last) = self.group.last() else { return Ok(()) };
        let position = Position::new(self.tree.size());
        let record = Record::decode(&last.record).map_err(|error| BackupError::Record {
            file: file.to_owned(),
            position,
            what: error.to_string(),
        })?;
        let summary = Summary { frontier: self.tree.clone(), recorded_at: record.recorded_at };
        let entries = std::mem::take(&mut self.group);
        self.bytes = 0;
        let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        let turn = journal.turn().await?;
        let found = turn.head().position;
        if found.plus(count) != position {
            let (file, position) = (file.to_owned(), position);
            return Err(BackupError::OutOfOrder { file, position, found });
        }
        let mark: Bytes = summary.to_bytes();
        turn.append(Group { entries, mark }).await?;
        done(count);
        Ok(())
    }
}
