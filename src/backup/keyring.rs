//! A keyring in one file: as it lies, each of its files wrapped by the master key.

use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use super::{
    BackupError,
    file::{FileReader, FileWriter, Magic, Next},
    frame::{Frame, Kind, length_of, take, take_long},
};
use crate::{
    disk::{Disk, whole},
    journal::file::LedgerId,
    vault,
};

const MAGIC: Magic = *b"jl-ring\n";

/// A keyring that is being written into a file.
pub struct KeyringWriter {
    file: FileWriter,
}

impl KeyringWriter {
    /// Begins the file `name`, which takes the place of one of that name once it is finished.
    ///
    /// # Errors
    /// `Io`.
    pub fn begin(disk: &Arc<dyn Disk>, name: &str, ledger: LedgerId) -> Result<Self, BackupError> {
        let mut file = FileWriter::begin(disk, name, MAGIC)?;
        file.add(Kind::Ring, &[&ledger])?;
        Ok(Self { file })
    }

    /// Adds a file of the keyring.
    ///
    /// # Errors
    /// `Io`.
    pub fn add(&mut self, name: &str, content: &[u8]) -> Result<(), BackupError> {
        let length = length_of(name.as_bytes());
        self.file.add(Kind::KeyFile, &[&length, name.as_bytes(), content])
    }

    /// Makes the file count. Its size, in bytes.
    ///
    /// # Errors
    /// `Io`: what was there before still is. `Unknown`.
    pub fn finish(self) -> Result<u64, BackupError> {
        self.file.finish(&[])
    }
}

/// Whether the file `name` is a keyring's, of whichever version and ledger; `None` if there is no such
/// file.
///
/// # Errors
/// `Io`.
pub fn is_keyring(disk: &dyn Disk, name: &str) -> Result<Option<bool>, BackupError> {
    let refused = |source| BackupError::Io { file: disk.describe(name), source };
    let begins = whole::read(disk, name, MAGIC.len()).map_err(refused)?;
    Ok(begins.map(|bytes| bytes.starts_with(&MAGIC)))
}

/// Writes the keyring that lies in the file `name` into an empty directory. It is the caller's
/// business whether it opens: see [`vault::inspect`]. How many files it has.
///
/// # Errors
/// `OtherLedger`, `Damaged`, `Newer`, `Io`, `Unknown`; the directory may then hold a part of it.
pub fn read_keyring(
    disk: &dyn Disk,
    name: &str,
    ledger: LedgerId,
    into: &dyn Disk,
) -> Result<u64, BackupError> {
    let mut file = FileReader::open(disk, name, MAGIC)?;
    let Next::Frame(begins) = file.next_frame()? else {
        return Err(file.damaged(0, "the file has no head"));
    };
    let found = take(&mut begins.payload.as_ref()).filter(|_| begins.kind == Kind::Ring);
    let found: LedgerId =
        found.ok_or_else(|| file.damaged(begins.offset, "the head is malformed"))?;
    if found != ledger {
        let (found, ledger) = (Uuid::from_bytes(found), Uuid::from_bytes(ledger));
        return Err(BackupError::OtherLedger { file: file.name().to_owned(), found, ledger });
    }
    loop {
        let Frame { kind, payload, offset } = match file.next_frame()? {
            Next::Frame(frame) => frame,
            Next::End(trailer) => return Ok(trailer.frames),
        };
        let malformed = || file.damaged(offset, "it is no file of a keyring");
        let (of_keyring, content) = decode(&payload).ok_or_else(malformed)?;
        // Only such a name leads nowhere else.
        if kind != Kind::KeyFile || !vault::is_block(of_keyring) {
            return Err(malformed());
        }
        whole::replace(into, of_keyring, content)
            .map_err(|error| BackupError::replacing(into.describe(of_keyring), error))?;
    }
}

fn decode(payload: &Bytes) -> Option<(&str, &[u8])> {
    let mut rest = payload.as_ref();
    let name = str::from_utf8(take_long(&mut rest)?).ok()?;
    Some((name, rest))
}
