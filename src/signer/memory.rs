//! The signer's memory: one small file, to the byte as the [room](super) says.

use super::{Signed, SignerError};
use crate::{
    disk::{Disk, whole},
    merkle::{Checkpoint, Frontier, Origin, SignedNote},
};

/// The name of the file.
pub(super) const MEMORY: &str = "checkpoint";

const MAGIC: [u8; 8] = *b"jl-sign\n";
const FORMAT: u32 = 1;
const CHECKSUM_BYTES: usize = 4;

/// More than it ever has: the longest note, the deepest frontier, and the numbers.
const BYTES_MAX: usize = SignedNote::BYTES_MAX + 4_096;

pub(super) fn encode(signed: &Signed) -> Vec<u8> {
    let (frontier, note) = (signed.frontier.to_bytes(), signed.note.to_string());
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
    let mut content = MAGIC.to_vec();
    content.extend(FORMAT.to_be_bytes());
    content.extend(length(frontier.len()));
    content.extend(length(note.len()));
    content.extend(&frontier);
    content.extend(note.as_bytes());
    let checksum = crc32c::crc32c(&content);
    content.extend(checksum.to_be_bytes());
    content
}

/// As whom it was signed, if anything was.
pub(super) fn origin(disk: &dyn Disk) -> Result<Option<Origin>, SignerError> {
    Ok(read(disk)?.map(|(_, checkpoint)| checkpoint.origin().clone()))
}

/// What was signed last, if anything was.
pub(super) fn load(disk: &dyn Disk, origin: &Origin) -> Result<Option<Signed>, SignerError> {
    let Some((signed, checkpoint)) = read(disk)? else { return Ok(None) };
    if checkpoint.origin() != origin {
        return Err(SignerError::OtherOrigin {
            file: disk.describe(MEMORY),
            signed: checkpoint.origin().to_string(),
            given: origin.to_string(),
        });
    }
    Ok(Some(signed))
}

fn read(disk: &dyn Disk) -> Result<Option<(Signed, Checkpoint)>, SignerError> {
    let read = whole::read(disk, MEMORY, BYTES_MAX);
    let read = read.map_err(|source| SignerError::Io { file: disk.describe(MEMORY), source })?;
    let Some(content) = read else { return Ok(None) };
    let damaged = || SignerError::Damaged { file: disk.describe(MEMORY) };
    let version = format(&content).ok_or_else(damaged)?;
    if version > FORMAT {
        return Err(SignerError::NewerFormat { file: disk.describe(MEMORY), version });
    }
    let signed = decode(&content).ok_or_else(damaged)?;
    let checkpoint = Checkpoint::parse(signed.note.unverified_text()).map_err(|_| damaged())?;
    Ok(Some((signed, checkpoint)))
}

fn format(content: &[u8]) -> Option<u32> {
    let rest = content.strip_prefix(&MAGIC)?;
    let (format, _) = rest.split_first_chunk()?;
    Some(u32::from_be_bytes(*format))
}

fn decode(content: &[u8]) -> Option<Signed> {
    let (body, checksum) = content.split_last_chunk::<CHECKSUM_BYTES>()?;
    if format(body)? != FORMAT || crc32c::crc32c(body).to_be_bytes() != *checksum {
        return None;
    }
    let (_, rest) = body.split_first_chunk::<12>()?;
    let (frontier_bytes, rest) = rest.split_first_chunk()?;
    let (note_bytes, rest) = rest.split_first_chunk()?;
    let length = |bytes: &[u8; 4]| usize::try_from(u32::from_be_bytes(*bytes)).ok();
    let (frontier, note) = rest.split_at_checked(length(frontier_bytes)?)?;
    if note.len() != length(note_bytes)? {
        return None;
    }
    let frontier = Frontier::from_bytes(frontier).ok()?;
    let note = SignedNote::parse(note).ok()?;
    let head = *Checkpoint::parse(note.unverified_text()).ok()?.head();
    let of_this_tree = head.size == frontier.size() && head.root == frontier.root();
    of_this_tree.then_some(Signed { note, head, frontier })
}
