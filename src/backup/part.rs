//! The parts of a backup: what a head says, and reading one entry by entry.

use bytes::Bytes;

use super::{
    BackupError,
    file::{FileReader, Magic, Next},
    frame::{Frame, Kind, take, take_long},
};
use crate::{
    disk::Disk,
    journal::{Entry, Stored, file::LedgerId},
    judgement::Position,
    merkle::{Checkpoint, ConsistencyProof, Frontier, Hash, Origin, SignedNote, TreeHead},
};

pub(super) const MAGIC: Magic = *b"jl-bkup\n";

/// Which records a part holds, and the checkpoint that vouches for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartHead {
    ledger: LedgerId,
    from: u64,
    note: Bytes,
    consistency: ConsistencyProof,
    origin: Origin,
    tree: TreeHead,
}

impl PartHead {
    /// Of the records after the first `from`, up to those that the signed note `note` covers.
    /// `consistency` leads from the tree of the first `from` records to its tree.
    ///
    /// `None` if the note is no checkpoint, or one of fewer records.
    #[must_use]
    pub fn new(ledger: LedgerId, from: u64, note: Bytes, consistency: Vec<Hash>) -> Option<Self> {
        let signed = SignedNote::parse(&note).ok()?;
        let checkpoint = Checkpoint::parse(signed.unverified_text()).ok()?;
        let (origin, tree) = (checkpoint.origin().clone(), *checkpoint.head());
        let consistency = ConsistencyProof::new(consistency);
        (tree.size >= from).then_some(Self { ledger, from, note, consistency, origin, tree })
    }

    /// Whose ledger it is.
    #[must_use]
    pub fn ledger(&self) -> LedgerId {
        self.ledger
    }

    /// How many records come before its first.
    #[must_use]
    pub fn from(&self) -> u64 {
        self.from
    }

    /// The signed note of its checkpoint.
    #[must_use]
    pub fn note(&self) -> &Bytes {
        &self.note
    }

    /// Which log it is of.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The tree that its last record completes, as the checkpoint states it.
    #[must_use]
    pub fn tree(&self) -> &TreeHead {
        &self.tree
    }

    /// Whether its tree begins with an earlier one.
    #[must_use]
    pub fn follows(&self, earlier: &TreeHead) -> bool {
        // Nothing is to be proven of a tree without leaves: the roots of all begin with it.
        let proven = self.consistency.verify(earlier, &self.tree).is_ok();
        self.from == earlier.size && (proven || earlier.size == 0)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(self.ledger);
        bytes.extend(self.from.to_be_bytes());
        bytes.extend(super::frame::length_of(&self.note));
        bytes.extend_from_slice(&self.note);
        for hash in self.consistency.hashes() {
            bytes.extend_from_slice(hash.as_bytes());
        }
        bytes
    }

    fn decode(payload: &Bytes) -> Option<Self> {
        let mut rest = payload.as_ref();
        let (ledger, from) = (take(&mut rest)?, u64::from_be_bytes(take(&mut rest)?));
        let note = payload.slice_ref(take_long(&mut rest)?);
        let (hashes, left_over) = rest.as_chunks();
        let hashes = hashes.iter().copied().map(Hash::new).collect();
        left_over.is_empty().then(|| Self::new(ledger, from, note, hashes))?
    }
}

/// A part that is read.
pub struct PartReader {
    file: FileReader,
    head: PartHead,
    last: Position,
}

impl PartReader {
    /// Opens a part.
    ///
    /// # Errors
    /// `Io`, `Newer`, `Damaged`.
    pub fn open(disk: &dyn Disk, name: &str) -> Result<Self, BackupError> {
        let mut file = FileReader::open(disk, name, MAGIC)?;
        let head = match file.next_frame()? {
            Next::Frame(Frame { kind: Kind::Head, payload, offset }) => PartHead::decode(&payload)
                .ok_or_else(|| file.damaged(offset, "the head is malformed"))?,
            Next::Frame(Frame { offset, .. }) => {
                return Err(file.damaged(offset, "the file does not begin with a head"));
            }
            Next::End(_) => return Err(file.damaged(0, "the file has no head")),
        };
        let last = Position::new(head.from);
        Ok(Self { file, head, last })
    }

    /// What it says that it holds.
    #[must_use]
    pub fn head(&self) -> &PartHead {
        &self.head
    }

    /// The file's name as a person would say it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.file.name()
    }

    /// The next entry; none at the end, once the whole part is found to be what was written.
    ///
    /// # Errors
    /// `Damaged`, `OutOfOrder`, `RecordsMissing`, `Io`.
    pub fn next_entry(&mut self) -> Result<Option<Stored>, BackupError> {
        let frame = match self.file.next_frame()? {
            Next::Frame(frame) => frame,
            Next::End(_) if self.last.get() == self.head.tree.size => return Ok(None),
            Next::End(_) => {
                return Err(BackupError::RecordsMissing {
                    size: self.last.get(),
                    who: format!("the checkpoint of {}", self.name()),
                    covered: self.head.tree.size,
                });
            }
        };
        let malformed = || self.file.damaged(frame.offset, "the entry is malformed");
        if frame.kind != Kind::Entry {
            return Err(malformed());
        }
        let stored = decode_entry(&frame.payload).ok_or_else(malformed)?;
        let (position, found) = (self.last.next(), stored.position);
        if found != position || found.get() > self.head.tree.size {
            let file = self.name().to_owned();
            return Err(BackupError::OutOfOrder { file, position, found });
        }
        self.last = position;
        Ok(Some(stored))
    }

    /// The edge of the tree after the part, as the part itself says it: its root is the one that the
    /// checkpoint states. Only the part's end is read.
    ///
    /// # Errors
    /// `Damaged`, `Io`.
    pub(super) fn edge(&self) -> Result<Frontier, BackupError> {
        let trailer = self.file.trailer()?;
        let frontier = Frontier::from_bytes(&trailer.more)
            .ok()
            .filter(|edge| TreeHead { size: edge.size(), root: edge.root() } == self.head.tree);
        frontier.ok_or_else(|| self.file.damaged(0, "its end is not that of its head"))
    }
}

/// The parts of the payload of an entry's frame.
pub(super) fn entry_parts(stored: &Stored) -> ([u8; 8], [u8; 4]) {
    let length = super::frame::length_of(&stored.entry.record);
    (stored.position.get().to_be_bytes(), length)
}

fn decode_entry(payload: &Bytes) -> Option<Stored> {
    let mut rest = payload.as_ref();
    let position = Position::new(u64::from_be_bytes(take(&mut rest)?));
    let record = payload.slice_ref(take_long(&mut rest)?);
    let sealed = payload.slice_ref(rest);
    Some(Stored { position, entry: Entry { record, sealed } })
}
