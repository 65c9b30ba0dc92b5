//! The small files beside the segments, each replaced as a whole: `FORMAT`, `CHECKPOINT`, `CLEAN`.

use std::io;

use bytes::{BufMut, Bytes};

use super::{
    FORMAT_VERSION,
    layout::{array_at, narrow, u32_at, wide},
    transfer,
};
use crate::disk::{Access, Disk};

/// The bytes before the payload.
const HEAD_BYTES: usize = 20;

/// No payload is larger: a checkpoint has some hundred bytes, a mark some thousand.
pub(super) const PAYLOAD_BYTES_MAX: usize = 1 << 20;

/// One of the small files.
#[derive(Debug, Clone, Copy)]
pub(super) struct Note {
    pub(super) name: &'static str,
    pub(super) temporary: &'static str,
    magic: [u8; 8],
}

/// Says whose journal this is and in which format.
pub(super) const FORMAT: Note =
    Note { name: "FORMAT", temporary: "FORMAT.tmp", magic: *b"\xfbJLFORM\n" };

/// Holds the newest checkpoint. It exists, if only empty, for as long as the journal does, so
/// that its removal is noticed.
pub(super) const CHECKPOINT: Note =
    Note { name: "CHECKPOINT", temporary: "CHECKPOINT.tmp", magic: *b"\xfbJLCHKP\n" };

/// Stands while the journal is stopped cleanly; see [`super::stop`].
pub(super) const CLEAN: Note =
    Note { name: "CLEAN", temporary: "CLEAN.tmp", magic: *b"\xfbJLCLEA\n" };

/// Where replacing a note failed.
#[derive(Debug)]
pub(super) enum ReplaceError {
    /// Before the new note took the old one's name: the old one stands. The cause may be a failed
    /// flush of the new one.
    Before(io::Error),
    /// While or after it took the name: either stands, and which may change with a crash.
    During(io::Error),
}

impl ReplaceError {
    pub(super) fn into_source(self) -> io::Error {
        match self {
            Self::Before(source) | Self::During(source) => source,
        }
    }
}

/// Why a file cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// It was written by a newer format, of this version.
    Newer(u32),
    /// It is not what was written: where, in bytes, and what was found.
    Damaged(u64, &'static str),
}

impl Note {
    /// The whole file's bytes, `None` if there is no such file.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub(super) fn load(self, disk: &dyn Disk) -> io::Result<Option<Vec<u8>>> {
        let file = match disk.open(self.name, Access::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        // One byte more than any note has, so that a longer file is seen to be longer.
        let bytes_max = PAYLOAD_BYTES_MAX.saturating_add(HEAD_BYTES).saturating_add(1);
        let length = narrow(file.len()?).min(bytes_max);
        transfer::read(file.as_ref(), 0, length).map(Some)
    }

    /// The file for `payload`.
    pub(super) fn encode(self, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let mut bytes = Vec::with_capacity(HEAD_BYTES.saturating_add(payload.len()));
        bytes.put_slice(&self.magic);
        bytes.put_u32_le(FORMAT_VERSION);
        bytes.put_u32_le(length);
        let checksum = crc32c::crc32c_append(crc32c::crc32c(&bytes), payload);
        bytes.put_u32_le(checksum);
        bytes.put_slice(payload);
        bytes
    }

    /// The payload of the file `bytes`. Magic and version are looked at before all else: what
    /// follows them may be different in a newer format.
    pub(super) fn decode(self, bytes: &[u8]) -> Result<Bytes, Unusable> {
        if array_at(bytes, 0) != Some(self.magic) {
            return Err(Unusable::Damaged(0, "the file does not begin as it should"));
        }
        match u32_at(bytes, 8) {
            Some(FORMAT_VERSION) => {}
            Some(newer) if newer > FORMAT_VERSION => return Err(Unusable::Newer(newer)),
            Some(_) | None => return Err(Unusable::Damaged(8, "there is no such format version")),
        }
        let payload = bytes.get(HEAD_BYTES..).unwrap_or_default();
        if u32_at(bytes, 12).map(u64::from) != Some(wide(payload.len())) {
            return Err(Unusable::Damaged(12, "the file is shorter or longer than it says"));
        }
        let head = bytes.get(..16).unwrap_or_default();
        let checksum = crc32c::crc32c_append(crc32c::crc32c(head), payload);
        if u32_at(bytes, 16) != Some(checksum) {
            return Err(Unusable::Damaged(16, "the checksum does not match"));
        }
        Ok(Bytes::copy_from_slice(payload))
    }

    /// Puts a new note in the place of the old one: durable on return, and the old one or the new
    /// one whole at any moment before.
    ///
    /// # Errors
    /// Where it failed, and what the disk said. No sync is tried again: the next replacement
    /// writes a file of its own.
    pub(super) fn replace(self, disk: &dyn Disk, payload: &[u8]) -> Result<(), ReplaceError> {
        self.write_temporary(disk, payload).map_err(ReplaceError::Before)?;
        disk.rename(self.temporary, self.name).map_err(ReplaceError::During)?;
        disk.sync().map_err(ReplaceError::During)
    }

    fn write_temporary(self, disk: &dyn Disk, payload: &[u8]) -> io::Result<()> {
        remove_if_there(disk, self.temporary)?;
        let file = disk.create(self.temporary)?;
        transfer::write(file.as_ref(), &self.encode(payload), 0)?;
        file.sync()
    }
}

/// Removes a file, if there is one.
///
/// # Errors
/// Whatever else the disk says.
pub(super) fn remove_if_there(disk: &dyn Disk, name: &str) -> io::Result<()> {
    match disk.remove(name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_comes_back() {
        let bytes = CHECKPOINT.encode(b"payload");
        assert_eq!(CHECKPOINT.decode(&bytes), Ok(Bytes::from_static(b"payload")));
    }

    #[test]
    fn any_flipped_bit_is_noticed() {
        let bytes = CLEAN.encode(b"payload");
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                assert!(CLEAN.decode(&flipped).is_err(), "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn a_newer_version_is_seen_before_its_content() {
        let mut bytes = FORMAT.encode(b"");
        bytes[8] = 2;
        assert_eq!(FORMAT.decode(&bytes[..12]), Err(Unusable::Newer(2)));
    }
}
