//! Files of frames: written under a name that does not count and renamed once they are whole; read
//! frame by frame, with memory for one of them.

use std::{io, sync::Arc};

use bytes::{Bytes, BytesMut};
use sha2::{Digest as _, Sha256};

use super::{
    BackupError, FORMAT_VERSION,
    frame::{self, CHECKSUM_BYTES, Frame, HEAD_BYTES, Kind, take},
};
use crate::disk::{Access, Disk, DiskFile, whole};

/// What a file is.
pub(super) type Magic = [u8; 8];

/// So many bytes are written or read at once.
const CHUNK_BYTES: usize = 1 << 20;

/// Magic and version.
const BEGINNING_BYTES: usize = 12;

/// The length of the trailer's frame, at the very end.
const TAIL_BYTES: u64 = 4;

/// A file under way.
pub(super) struct FileWriter {
    disk: Arc<dyn Disk>,
    name: String,
    file: Arc<dyn DiskFile>,
    pending: Vec<u8>,
    written: u64,
    frames: u64,
    hash: Sha256,
}

impl FileWriter {
    /// Begins the file `name`, which does not count until it is finished.
    pub(super) fn begin(
        disk: &Arc<dyn Disk>,
        name: &str,
        magic: Magic,
    ) -> Result<Self, BackupError> {
        let unfinished = unfinished(name);
        let refused = |source| BackupError::Io { file: disk.describe(&unfinished), source };
        whole::remove_if_there(&**disk, &unfinished).map_err(refused)?;
        let file = disk.create(&unfinished).map_err(refused)?;
        let mut pending = Vec::with_capacity(CHUNK_BYTES);
        pending.extend(magic);
        pending.extend(FORMAT_VERSION.to_be_bytes());
        let (disk, name) = (Arc::clone(disk), name.to_owned());
        Ok(Self { disk, name, file, pending, written: 0, frames: 0, hash: Sha256::new() })
    }

    /// The file's name as a person would say it.
    pub(super) fn describe(&self) -> String {
        self.disk.describe(&self.name)
    }

    /// Adds a frame.
    pub(super) fn add(&mut self, kind: Kind, parts: &[&[u8]]) -> Result<(), BackupError> {
        self.encode(kind, parts)?;
        if matches!(kind, Kind::Entry | Kind::KeyFile) {
            self.frames = self.frames.saturating_add(1);
        }
        if self.pending.len() >= CHUNK_BYTES { self.write() } else { Ok(()) }
    }

    fn encode(&mut self, kind: Kind, parts: &[&[u8]]) -> Result<(), BackupError> {
        let large = io::ErrorKind::FileTooLarge;
        frame::encode(kind, parts, &mut self.pending)
            .ok_or_else(|| BackupError::Io { file: self.describe(), source: large.into() })
    }

    fn write(&mut self) -> Result<(), BackupError> {
        let refused =
            |source| BackupError::Io { file: self.disk.describe(&unfinished(&self.name)), source };
        let mut rest = self.pending.as_slice();
        while !rest.is_empty() {
            match self.file.write_at(rest, self.written) {
                Ok(0) => return Err(refused(io::ErrorKind::WriteZero.into())),
                Ok(count) => {
                    let done = rest.split_off(..count.min(rest.len())).unwrap_or_default();
                    self.hash.update(done);
                    self.written = self.written.saturating_add(wide(done.len()));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(refused(error)),
            }
        }
        self.pending.clear();
        Ok(())
    }

    /// Adds the trailer and makes the file count, durably. Its size, in bytes.
    pub(super) fn finish(mut self, more: &[u8]) -> Result<u64, BackupError> {
        self.write()?;
        let (frames, offset) = (self.frames.to_be_bytes(), self.written.to_be_bytes());
        let digest = self.hash.clone().finalize();
        self.encode(Kind::Trailer, &[&frames, &offset, &digest, more])?;
        let length = frame::length_of(&self.pending);
        self.pending.extend(length);
        self.write()?;
        // From here on a failure leaves open what a power cut would leave.
        let unknown = |source| BackupError::Unknown { file: self.describe(), source };
        self.file.sync().map_err(unknown)?;
        self.disk.rename(&unfinished(&self.name), &self.name).map_err(unknown)?;
        self.disk.sync().map_err(unknown)?;
        Ok(self.written)
    }

    /// Gives the file up: nothing of it stays.
    pub(super) fn abandon(self) {
        if let Err(error) = whole::remove_if_there(&*self.disk, &unfinished(&self.name)) {
            tracing::debug!(%error, "an unfinished part of a backup stays until the next");
        }
    }
}

/// What a file is called while it does not count.
fn unfinished(name: &str) -> String {
    format!("{name}{}", whole::UNFINISHED)
}

/// What the last frame says, beside what was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trailer {
    /// How many entries or files there are.
    pub(super) frames: u64,
    digest: [u8; 32],
    /// What else it says.
    pub(super) more: Bytes,
}

impl Trailer {
    fn decode(payload: &Bytes, begins: u64) -> Result<Self, &'static str> {
        let malformed = "the trailer is malformed";
        let mut rest = payload.as_ref();
        let frames = u64::from_be_bytes(take(&mut rest).ok_or(malformed)?);
        let offset = u64::from_be_bytes(take(&mut rest).ok_or(malformed)?);
        let digest = take(&mut rest).ok_or(malformed)?;
        if offset != begins {
            return Err("the trailer is that of a file of another length");
        }
        Ok(Self { frames, digest, more: payload.slice_ref(rest) })
    }
}

/// What comes next in a file.
#[derive(Debug)]
pub(super) enum Next {
    /// A frame, whole.
    Frame(Frame),
    /// The end, which is that of all that came before.
    End(Trailer),
}

/// A file that is read from its beginning.
pub(super) struct FileReader {
    file: Arc<dyn DiskFile>,
    name: String,
    /// Read and not taken.
    ahead: BytesMut,
    /// How far the file was read, and how far it was taken.
    read: u64,
    taken: u64,
    frames: u64,
    hash: Sha256,
}

impl FileReader {
    /// Opens a file and checks that it is one.
    pub(super) fn open(disk: &dyn Disk, name: &str, magic: Magic) -> Result<Self, BackupError> {
        let label = disk.describe(name);
        let file = disk.open(name, Access::Read);
        let file = file.map_err(|source| BackupError::Io { file: label.clone(), source })?;
        let mut reader = Self {
            file,
            name: label,
            ahead: BytesMut::new(),
            read: 0,
            taken: 0,
            frames: 0,
            hash: Sha256::new(),
        };
        reader.check_beginning(magic)?;
        Ok(reader)
    }

    fn check_beginning(&mut self, magic: Magic) -> Result<(), BackupError> {
        let beginning = self.take(BEGINNING_BYTES)?;
        self.hash.update(&beginning);
        let mut rest = beginning.as_ref();
        if take(&mut rest) != Some(magic) {
            return Err(self.damaged(0, "the file is no backup of this kind"));
        }
        match take(&mut rest).map(u32::from_be_bytes) {
            Some(FORMAT_VERSION) => Ok(()),
            Some(found) if found > FORMAT_VERSION => {
                Err(BackupError::Newer { file: self.name.clone(), found, known: FORMAT_VERSION })
            }
            Some(_) | None => Err(self.damaged(8, "there is no such format")),
        }
    }

    /// The file's name as a person would say it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn damaged(&self, offset: u64, what: &'static str) -> BackupError {
        BackupError::Damaged { file: self.name.clone(), offset, what }
    }

    /// The next frame, or the end.
    pub(super) fn next_frame(&mut self) -> Result<Next, BackupError> {
        let offset = self.taken;
        if !self.fill(HEAD_BYTES)? {
            return Err(self.damaged(offset, "the file is cut off"));
        }
        let head = self.ahead.get(..HEAD_BYTES).unwrap_or_default();
        let (kind, length) = frame::decode_head(head).map_err(|what| self.damaged(offset, what))?;
        let beside = HEAD_BYTES.saturating_add(CHECKSUM_BYTES);
        let whole = self.take(length.saturating_add(beside))?;
        let payload = frame::decode_payload(&whole).map_err(|what| self.damaged(offset, what))?;
        if kind == Kind::Trailer {
            return self.end(&payload, (offset, whole.len())).map(Next::End);
        }
        self.hash.update(&whole);
        if matches!(kind, Kind::Entry | Kind::KeyFile) {
            self.frames = self.frames.saturating_add(1);
        }
        Ok(Next::Frame(Frame { kind, payload, offset }))
    }

    /// The trailer, if it is that of all that was read, and nothing follows.
    fn end(
        &mut self,
        payload: &Bytes,
        (offset, length): (u64, usize),
    ) -> Result<Trailer, BackupError> {
        let trailer =
            Trailer::decode(payload, offset).map_err(|what| self.damaged(offset, what))?;
        if trailer.digest != *self.hash.clone().finalize() {
            return Err(self.damaged(offset, "the digest is not that of the file"));
        }
        if trailer.frames != self.frames {
            return Err(self.damaged(offset, "the number of frames is another"));
        }
        let ends = self.taken;
        let tail = self.take(CHECKSUM_BYTES)?;
        if usize::try_from(u32::from_be_bytes(tail.as_ref().try_into().unwrap_or_default()))
            != Ok(length)
        {
            return Err(self.damaged(ends, "the file does not end as it is written"));
        }
        let at = self.taken;
        if !self.ahead.is_empty() || self.fill(1)? {
            return Err(self.damaged(at, "the file goes on after its end"));
        }
        Ok(trailer)
    }

    /// Takes `count` bytes.
    fn take(&mut self, count: usize) -> Result<Bytes, BackupError> {
        if !self.fill(count)? {
            return Err(self.damaged(self.taken, "the file is cut off"));
        }
        self.taken = self.taken.saturating_add(wide(count));
        Ok(self.ahead.split_to(count).freeze())
    }

    /// Reads until `count` bytes are ahead; whether the file has so many.
    fn fill(&mut self, count: usize) -> Result<bool, BackupError> {
        while self.ahead.len() < count {
            let before = self.ahead.len();
            let missing = count.saturating_sub(before).max(CHUNK_BYTES);
            self.ahead.resize(before.saturating_add(missing), 0);
            let room = self.ahead.get_mut(before..).unwrap_or_default();
            let filled = match self.file.read_at(room, self.read) {
                Ok(filled) => filled,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    self.ahead.truncate(before);
                    continue;
                }
                Err(source) => return Err(BackupError::Io { file: self.name.clone(), source }),
            };
            self.ahead.truncate(before.saturating_add(filled));
            self.read = self.read.saturating_add(wide(filled));
            if filled == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The trailer of the file, found from its end and read alone: the digest is not checked.
    pub(super) fn trailer(&self) -> Result<Trailer, BackupError> {
        let refused = |source| BackupError::Io { file: self.name.clone(), source };
        let ends = self.file.len().map_err(refused)?;
        let cut = || self.damaged(ends, "the file is cut off");
        let tail_at = ends.checked_sub(TAIL_BYTES).ok_or_else(cut)?;
        let tail = self.read_exactly(tail_at, 4)?.ok_or_else(cut)?;
        let length = u32::from_be_bytes(tail.as_ref().try_into().unwrap_or_default());
        let begins = tail_at.checked_sub(u64::from(length)).ok_or_else(cut)?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > frame::PAYLOAD_BYTES_MAX {
            return Err(cut());
        }
        let whole = self.read_exactly(begins, length)?.ok_or_else(cut)?;
        let damaged = |what| self.damaged(begins, what);
        let head = whole.get(..HEAD_BYTES).unwrap_or_default();
        let (kind, _) = frame::decode_head(head).map_err(damaged)?;
        if kind != Kind::Trailer {
            return Err(cut());
        }
        let payload = frame::decode_payload(&whole).map_err(damaged)?;
        Trailer::decode(&payload, begins).map_err(damaged)
    }

    fn read_exactly(&self, offset: u64, count: usize) -> Result<Option<Bytes>, BackupError> {
        let mut bytes = vec![0; count];
        let mut filled = 0_usize;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, offset.saturating_add(wide(filled))) {
                Ok(0) => return Ok(None),
                Ok(more) => filled = filled.saturating_add(more),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(BackupError::Io { file: self.name.clone(), source }),
            }
        }
        Ok(Some(Bytes::from(bytes)))
    }
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
