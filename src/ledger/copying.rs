//! Copying a journal from one store into another: the same bytes at the same positions, and so the same
//! tree.
//!
//! What is there already is not copied again, once it is seen to be what the source has: a copy that was
//! cut short goes on. Groups are cut anew, never within one, and each has its mark.

use super::{
    BadMark, Keep, ReadError, Summary, catching_up::last_group, replay::PAGE, tree::head_of,
};
use crate::{
    journal::{Entry, Group, Head, Journal, JournalError},
    judgement::Position,
    merkle::{Frontier, TreeHead, leaf_hash},
};

/// How many bytes one append has, about: as many as a flush of a busy ledger.
const GROUP_BYTES: usize = 1 << 20;

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// How many records were copied now.
    pub records: u64,
    /// The tree over all records of both.
    pub tree: TreeHead,
}

/// Why a journal was not copied. What was copied before stays, and is not copied again.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// A store failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A record cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A mark cannot be read.
    #[error(transparent)]
    Mark(#[from] BadMark),
    /// The target has records that the source has not.
    #[error("the target has {found} records, the source {there}: it is no beginning of it")]
    Longer {
        /// In the target.
        found: Position,
        /// In the source.
        there: Position,
    },
    /// The target has other records than the source.
    #[error("the {size} records of the target are not the first of the source")]
    Other {
        /// How many the target has.
        size: u64,
    },
    /// Somebody went on with the source meanwhile.
    #[error(
        "the source went on from {expected} to {found} while it was copied: stop its servers, and copy it \
         once more"
    )]
    Moved {
        /// Where it ended when the copy began.
        expected: Position,
        /// Where it ends.
        found: Position,
    },
    /// Somebody else writes to the target.
    #[error("somebody else writes to the target: it is at {found}, not at {expected}")]
    Overtaken {
        /// Where the copy was.
        expected: Position,
        /// Where the target is.
        found: Position,
    },
}

/// Copies all that a journal has into another, whose beginning it may have already, and its checkpoint.
/// Nobody else may append to either. `progress` is told how many of how many records are there.
///
/// # Errors
/// [`CopyError`].
pub async fn copy(
    from: &dyn Journal,
    to: &dyn Journal,
    progress: &mut (dyn FnMut(Position, Position) + Send),
) -> Result<Copied, CopyError> {
    let (source, begun) = (from.head().await?, to.head().await?);
    if begun.position > source.position {
        return Err(CopyError::Longer { found: begun.position, there: source.position });
    }
    let mut copying = Copying { to, frontier: same_beginning(from, &begun).await?, bytes: 0 };
    let (mut read, mut pending) = (begun.position, Vec::new());
    while read < source.position {
        let page = from.read(read, PAGE).await?;
        let before = read;
        for stored in page.into_iter().take_while(|stored| stored.position <= source.position) {
            read = stored.position;
            copying.bytes = copying.bytes.saturating_add(size_of(&stored.entry));
            pending.push(Keep::of(stored)?);
            if copying.bytes >= GROUP_BYTES {
                copying.append_whole(&mut pending).await?;
            }
        }
        if read == before {
            return Err(ReadError::NoRecord(read.next()).into());
        }
        progress(read, source.position);
    }
    copying.append(pending).await?;
    let ends = from.head().await?.position;
    if ends != source.position {
        return Err(CopyError::Moved { expected: source.position, found: ends });
    }
    if let Some(checkpoint) = from.checkpoint().await? {
        to.keep_checkpoint(checkpoint).await?;
    }
    let records = source.position.since(begun.position);
    Ok(Copied { records, tree: head_of(&copying.frontier) })
}

/// The edge of the tree over what a target has already, which must be what the source has there.
async fn same_beginning(from: &dyn Journal, begun: &Head) -> Result<Frontier, CopyError> {
    let mut frontier = Frontier::empty();
    let mut read = Position::START;
    while read < begun.position {
        let page = from.read(read, PAGE).await?;
        for stored in page.iter().take_while(|stored| stored.position <= begun.position) {
            read = stored.position;
            frontier.push(leaf_hash(&stored.entry.record));
        }
        if page.is_empty() {
            return Err(ReadError::NoRecord(read.next()).into());
        }
    }
    let marked = begun.mark.as_ref().filter(|mark| mark.at == begun.position);
    let marked = marked.map(|mark| Summary::from_bytes(&mark.bytes)).transpose()?;
    match marked {
        Some(summary) if summary.frontier == frontier => Ok(frontier),
        None if begun.position == Position::START => Ok(frontier),
        Some(_) | None => Err(CopyError::Other { size: begun.position.get() }),
    }
}

/// A copy under way.
struct Copying<'a> {
    to: &'a dyn Journal,
    /// Over all that the target has.
    frontier: Frontier,
    /// How many bytes are pending.
    bytes: usize,
}

impl Copying<'_> {
    /// Appends what is surely whole groups; the last one stays, more of it may come.
    async fn append_whole(&mut self, pending: &mut Vec<Keep>) -> Result<(), CopyError> {
        // Groups that were recorded while a clock stood still cannot be told apart. They may be cut: of a
        // copy nobody reads anything until it is whole.
        let whole = match last_group(pending) {
            0 => pending.len(),
            begins => begins,
        };
        let whole = pending.drain(..whole).collect();
        self.append(whole).await?;
        self.bytes = pending.iter().map(|keep| size_of(&keep.entry)).sum();
        Ok(())
    }

    async fn append(&mut self, records: Vec<Keep>) -> Result<(), CopyError> {
        let Some(last) = records.last() else { return Ok(()) };
        let recorded_at = last.record.recorded_at;
        let (expected, turn) = (Position::new(self.frontier.size()), self.to.turn().await?);
        let found = turn.head().position;
        if found != expected {
            return Err(CopyError::Overtaken { expected, found });
        }
        let mut frontier = self.frontier.clone();
        for keep in &records {
            frontier.push(keep.hash);
        }
        let entries = records.into_iter().map(|keep| keep.entry).collect();
        let summary = Summary { frontier, recorded_at };
        turn.append(Group { entries, mark: summary.to_bytes() }).await?;
        self.frontier = summary.frontier;
        Ok(())
    }
}

fn size_of(entry: &Entry) -> usize {
    entry.record.len().saturating_add(entry.sealed.len())
}

#[cfg(test)]
mod tests;
