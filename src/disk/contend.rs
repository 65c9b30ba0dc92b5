//! Whole files that several processes replace, each with the lock that they share. A process may lose that
//! lock without a word: paused for longer than its lease, it goes on as if it had it.
//!
//! So whoever replaces such a file contends for it. It
//!
//! 1. writes an unfinished file of its own, under a name that nobody else has,
//! 2. removes the unfinished files of all others,
//! 3. looks whether the file is still the one that it means to replace,
//! 4. gives its own the file's name, which fails if another has removed it.
//!
//! Of two who mean to replace the same, one succeeds at most. Say that both do, A first. B looked before A was
//! done, else it would have seen that; and removed others' files before it looked, so that A's, which is
//! there at the end, was written after that. Then A removed B's, which was written before; and B fails.

use std::{
    any::Any,
    io,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use uuid::Uuid;

use super::{
    Access, Disk, DiskFile, ReplaceError,
    whole::{UNFINISHED, remove_if_there, write_all},
};

/// How long a writer waits for another to have written: some flushes.
const WRITERS_WAIT: Duration = Duration::from_secs(5);

/// How long it waits until it looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// A lock file, held until this is dropped.
pub type Lock = Box<dyn Any + Send + Sync>;

/// A lock file, once another gives it back; none if that takes long. Blocks.
///
/// # Errors
/// Whatever the file system says.
pub fn waited_for(disk: &dyn Disk, name: &str) -> io::Result<Option<Lock>> {
    let began = Instant::now();
    loop {
        let held = disk.lock(name)?;
        if held.is_some() || began.elapsed() > WRITERS_WAIT {
            return Ok(held);
        }
        thread::sleep(LOOK_AGAIN);
    }
}

/// One who replaces a file, and has an unfinished one.
pub struct Contender<'d> {
    disk: &'d dyn Disk,
    name: &'d str,
    own: String,
    file: Arc<dyn DiskFile>,
}

impl<'d> Contender<'d> {
    /// Writes what the file `name` is to hold, and removes what others have not finished.
    ///
    /// # Errors
    /// [`ReplaceError`]: the file is what it was.
    pub fn enter(disk: &'d dyn Disk, name: &'d str, content: &[u8]) -> Result<Self, ReplaceError> {
        let own = format!("{name}.{}{UNFINISHED}", Uuid::new_v4().simple());
        // What is left of those that failed would be in the way of this one, on a disk that is nearly full.
        remove_others(disk, name, &own).map_err(ReplaceError::NotBegun)?;
        let file = disk.create(&own).map_err(ReplaceError::NotBegun)?;
        let contender = Self { disk, name, own, file };
        match contender.write(content) {
            Ok(()) => Ok(contender),
            Err(error) => {
                // Whoever comes next removes it, if that fails too.
                drop(contender.withdraw());
                Err(error)
            }
        }
    }

    fn write(&self, content: &[u8]) -> Result<(), ReplaceError> {
        write_all(&*self.file, content).map_err(ReplaceError::NotBegun)?;
        self.file.sync().map_err(ReplaceError::Unknown)?;
        remove_others(self.disk, self.name, &self.own).map_err(ReplaceError::NotBegun)
    }

    /// Replaces the file, durably. To be called once it was found to be what it was.
    ///
    /// # Errors
    /// `NotBegun` if another contends for the file; [`ReplaceError`] as [`whole::replace`](super::whole::replace).
    pub fn replace(self) -> Result<(), ReplaceError> {
        match self.disk.rename(&self.own, self.name) {
            Ok(()) => self.disk.sync().map_err(ReplaceError::Unknown),
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => {
                drop(overwrite(&*self.file));
                Err(ReplaceError::NotBegun(gone))
            }
            Err(error) => Err(ReplaceError::Unknown(error)),
        }
    }

    /// Leaves the file as it is.
    ///
    /// # Errors
    /// Whatever the file system says; the unfinished file is then removed by whoever comes next.
    pub fn withdraw(self) -> io::Result<()> {
        remove_if_there(self.disk, &self.own)?;
        overwrite(&*self.file)
    }
}

/// Removes the unfinished files of all others.
fn remove_others(disk: &dyn Disk, name: &str, own: &str) -> io::Result<()> {
    for unfinished in disk.list()? {
        if target(&unfinished) == Some(name) && unfinished != own {
            discard(disk, &unfinished)?;
        }
    }
    Ok(())
}

/// Removes an unfinished file, and then what was in it, which may be keys. In this order: until it is
/// removed, whoever wrote it may give it the file's name.
///
/// # Errors
/// Whatever the file system says.
pub fn discard(disk: &dyn Disk, unfinished: &str) -> io::Result<()> {
    let gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let file = match disk.open(unfinished, Access::Write) {
        Err(error) if gone(&error) => return Ok(()),
        opened => opened?,
    };
    match disk.remove(unfinished) {
        Err(error) if gone(&error) => Ok(()),
        Err(error) => Err(error),
        Ok(()) => overwrite(&*file),
    }
}

/// Writes zeros over a file that has no name any more.
fn overwrite(file: &dyn DiskFile) -> io::Result<()> {
    let bytes = usize::try_from(file.len()?).map_err(io::Error::other)?;
    write_all(file, &vec![0; bytes])?;
    file.sync()
}

/// What an unfinished file was to become, by its name.
#[must_use]
pub fn target(unfinished: &str) -> Option<&str> {
    let named = unfinished.strip_suffix(UNFINISHED)?;
    let by_one = named.rsplit_once('.').filter(|(_, own)| Uuid::try_parse(own).is_ok());
    Some(by_one.map_or(named, |(name, _)| name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{RealDisk, whole};

    const NAME: &str = "a.keys";

    fn read(disk: &RealDisk) -> Option<Vec<u8>> {
        whole::read(disk, NAME, 100).unwrap()
    }

    #[test]
    fn of_two_who_contend_one_succeeds_at_most_in_whatever_order_they_go() {
        // Who takes the next of its three steps, in every order.
        for order in 0..1_u32 << 6 {
            let turns: Vec<_> = (0..6).map(|turn| order >> turn & 1 == 1).collect();
            if turns.iter().filter(|it| **it).count() != 3 {
                continue;
            }
            let directory = tempfile::tempdir().unwrap();
            let disk = RealDisk::at(directory.path()).unwrap();
            whole::replace(&disk, NAME, b"before").unwrap();
            let (mut contenders, mut steps, mut won) = ([None, None], [0, 0], Vec::new());
            for turn in turns {
                let who = usize::from(turn);
                match steps[who] {
                    0 => {
                        contenders[who] =
                            Some(Contender::enter(&disk, NAME, &[turn.into()]).unwrap());
                    }
                    1 if read(&disk).unwrap() != b"before" => {
                        contenders[who].take().unwrap().withdraw().unwrap();
                    }
                    1 => {}
                    _ => {
                        if let Some(contender) = contenders[who].take()
                            && contender.replace().is_ok()
                        {
                            won.push(u8::from(turn));
                        }
                    }
                }
                steps[who] += 1;
            }
            assert!(won.len() <= 1, "{order:b}: {won:?}");
            assert_eq!(
                read(&disk).unwrap(),
                won.first().map_or(b"before".to_vec(), |it| vec![*it])
            );
            // Alone, one succeeds, whatever the others left.
            Contender::enter(&disk, NAME, b"after").unwrap().replace().unwrap();
            assert_eq!(read(&disk).unwrap(), b"after");
            assert_eq!(disk.list().unwrap(), [NAME]);
        }
    }

    #[test]
    fn what_was_not_finished_is_removed_and_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let disk = RealDisk::at(directory.path()).unwrap();
        let paused = Contender::enter(&disk, NAME, b"a key").unwrap();
        let contents = std::fs::File::open(directory.path().join(&paused.own)).unwrap();
        let next = Contender::enter(&disk, NAME, b"another").unwrap();
        let read = |file: &std::fs::File| {
            let mut bytes = [1; 7];
            let count = std::os::unix::fs::FileExt::read_at(file, &mut bytes, 0).unwrap();
            bytes[..count].to_vec()
        };
        assert_eq!(read(&contents), [0; 5]);
        assert!(matches!(paused.replace(), Err(ReplaceError::NotBegun(_))));
        let withdrawn = std::fs::File::open(directory.path().join(&next.own)).unwrap();
        next.withdraw().unwrap();
        assert_eq!(read(&withdrawn), [0; 7]);
        assert_eq!(disk.list().unwrap(), Vec::<String>::new());
    }

    #[test]
    fn only_what_was_to_become_the_file_is_removed() {
        let own = format!("{NAME}.{}.new", Uuid::new_v4().simple());
        assert_eq!((target("a.keys.new"), target(&own)), (Some(NAME), Some(NAME)));
        for other in ["a.keys", "a.keys.0af", own.strip_suffix(UNFINISHED).unwrap()] {
            assert_eq!(target(other), None);
        }
        assert_eq!(target("b.keys.0af.new"), Some("b.keys.0af"));
    }
}
