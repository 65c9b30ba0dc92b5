//! The directory of the views: which database in it is the present one, and whether its files are
//! what a clean stop left.
//!
//! ```text
//! views/
//!   sled-7/   the database; a rebuilt one gets the next number
//!   seal      after a clean stop: the size and checksum of every file of the database
//!   known     how far the database goes at most; see [`Known`](super::Known)
//! ```
//!
//! A number is never used twice in a process: a broken database whose threads cannot be ended
//! knows its old path only. Files of other names are left alone.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, BufRead, BufReader, Write as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

const DATABASE: &str = "sled-";
const SEAL: &str = "seal";
const SEAL_IN_MOTION: &str = "seal.in-motion";

/// The first line of a seal; another version of it is no seal.
const SEAL_TITLE: &str = "judgement-ledger views, seal 1";

/// How much of a file is read at a time: large enough that the checksum runs at the disk's speed.
const READ_BYTES: usize = 256 * 1024;

/// How often and how many times the database's lock is tried: sled lets go of it a moment after it
/// was closed. Two seconds in all.
const LOCK_TRIES: u32 = 400;
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// A directory in which the views are kept.
#[derive(Debug, Clone)]
pub(super) struct Directory(PathBuf);

/// The largest number given to a database by this process.
static NUMBER: AtomicU64 = AtomicU64::new(0);

impl Directory {
    /// This directory, made if need be.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Ok(Self(path.to_owned()))
    }

    /// The numbers of the databases that are there.
    fn numbers(&self) -> io::Result<BTreeSet<u64>> {
        let mut numbers = BTreeSet::new();
        for entry in fs::read_dir(&self.0)? {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix(DATABASE));
            numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
        }
        Ok(numbers)
    }

    fn numbered(&self, number: u64) -> PathBuf {
        self.0.join(format!("{DATABASE}{number}"))
    }

    /// The present database, if there is one.
    pub(super) fn present(&self) -> io::Result<Option<PathBuf>> {
        Ok(self.numbers()?.last().map(|number| self.numbered(*number)))
    }

    /// Makes room for a new database and deletes all others, as far as they can be deleted: what
    /// remains is deleted the next time, and never opened.
    pub(super) fn renew(&self) -> io::Result<PathBuf> {
        let old = self.numbers()?;
        let largest = old.last().copied().unwrap_or(0);
        let before = NUMBER.fetch_max(largest, Ordering::Relaxed).max(largest);
        NUMBER.fetch_max(before.saturating_add(1), Ordering::Relaxed);
        let path = self.numbered(NUMBER.load(Ordering::Relaxed));
        fs::create_dir_all(&path)?;
        for number in old {
            remove(&self.numbered(number));
        }
        Ok(path)
    }

    /// Whether `database` is just what was sealed. The seal is taken off: what is opened changes.
    /// `None` if there was no seal.
    pub(super) fn break_seal(&self, database: &Path) -> io::Result<Option<bool>> {
        let seal = self.0.join(SEAL);
        let sealed = match fs::read(&seal) {
            Ok(sealed) => sealed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let whole = survey(database).is_ok_and(|found| found.as_bytes() == sealed);
        fs::remove_file(&seal)?;
        Ok(Some(whole))
    }

    /// Seals `database`, which must be closed. Should power fail before the seal is on the disk,
    /// there is none, or one that does not fit: then everything is read or rebuilt.
    pub(super) fn seal(&self, database: &Path) -> io::Result<()> {
        let motion = self.0.join(SEAL_IN_MOTION);
        let mut file = File::create(&motion)?;
        file.write_all(survey(database)?.as_bytes())?;
        file.sync_all()?;
        fs::rename(&motion, self.0.join(SEAL))
    }
}

/// Deletes a database; one that cannot be deleted is only a waste of space.
pub(super) fn remove(database: &Path) {
    if let Err(error) = fs::remove_dir_all(database)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, path = %database.display(), "an old view stays on the disk");
    }
}

/// Waits until nobody has `database` open any more, for a while. Whether that is so.
pub(super) fn wait_until_closed(database: &Path) -> bool {
    let file = match File::open(database.join("db")) {
        Ok(file) => file,
        Err(error) => return error.kind() == io::ErrorKind::NotFound,
    };
    (0..LOCK_TRIES).any(|_| {
        let free = file.try_lock().is_ok();
        if !free {
            thread::sleep(LOCK_PAUSE);
        }
        free
    })
}

/// Name of the database and, per file below it, checksum, size and name, in the order of names.
fn survey(database: &Path) -> io::Result<String> {
    let mut lines = BTreeSet::new();
    let mut directories = vec![database.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory)? {
            let (path, kind) = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)))?;
            if kind.is_dir() {
                directories.push(path);
            } else {
                let (checksum, bytes) = checksum(&path)?;
                let name = path.strip_prefix(database).unwrap_or(&path).display().to_string();
                lines.insert((name, checksum, bytes));
            }
        }
    }
    let mut survey = vec![SEAL_TITLE.to_owned()];
    survey.extend(database.file_name().map(|name| name.display().to_string()));
    let line = |(name, checksum, bytes)| format!("{checksum:08x} {bytes} {name}");
    survey.extend(lines.into_iter().map(line));
    Ok(survey.join("\n"))
}

/// The CRC-32C of a file, and its size.
fn checksum(path: &Path) -> io::Result<(u32, usize)> {
    let mut reader = BufReader::with_capacity(READ_BYTES, File::open(path)?);
    let (mut checksum, mut bytes) = (0, 0_usize);
    loop {
        let read = reader.fill_buf()?;
        if read.is_empty() {
            return Ok((checksum, bytes));
        }
        let length = read.len();
        checksum = crc32c::crc32c_append(checksum, read);
        bytes = bytes.saturating_add(length);
        reader.consume(length);
    }
}
