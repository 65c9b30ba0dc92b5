//! The directory of a real file system.

use std::{
    any::Any,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{self, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Access, Disk, DiskFile, FlushFailed, Reserve};

/// Only the owner may read what lies here: drafts of judgements, sealed texts and keys.
const FILE_MODE: u32 = 0o600;

/// Told how long each flush of a file took, whatever came of it.
pub type OnFlush = Arc<dyn Fn(Duration) + Send + Sync>;

/// A directory of the operating system's file system.
#[derive(Clone)]
pub struct RealDisk {
    directory: PathBuf,
    reserve: Option<Arc<Reserve>>,
    on_flush: Option<OnFlush>,
}

impl RealDisk {
    /// The directory at `path`, created with its parents, durably, if it is missing.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn at(path: impl Into<PathBuf>) -> io::Result<Self> {
        let directory = path::absolute(path.into())?;
        let missing = directory.ancestors().take_while(|ancestor| !ancestor.exists()).count();
        fs::create_dir_all(&directory)?;
        for created_in in directory.ancestors().skip(1).take(missing) {
            File::open(created_in)?.sync_all().map_err(FlushFailed::mark)?;
        }
        Ok(Self { directory, reserve: None, on_flush: None })
    }

    /// The same directory, which has room for more for as long as `reserve` is kept.
    #[must_use]
    pub fn with_reserve(self, reserve: Arc<Reserve>) -> Self {
        Self { reserve: Some(reserve), ..self }
    }

    /// The same directory, which tells how long flushes of its files take.
    #[must_use]
    pub fn timed(self, on_flush: OnFlush) -> Self {
        Self { on_flush: Some(on_flush), ..self }
    }

    fn file(&self, file: File) -> Arc<dyn DiskFile> {
        Arc::new(RealFile { file, on_flush: self.on_flush.clone() })
    }
}

impl Disk for RealDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            if entry.file_type()?.is_file()
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(self.directory.join(name))?;
        Ok(self.file(file))
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(access == Access::Write)
            .open(self.directory.join(name))?;
        Ok(self.file(file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.directory.join(from), self.directory.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.directory.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all().map_err(FlushFailed::mark)
    }

    fn has_room(&self) -> bool {
        self.reserve.as_ref().is_none_or(|reserve| reserve.is_kept())
    }

    fn lock(&self, name: &str) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(FILE_MODE)
            .open(self.directory.join(name))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn describe(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }
}

struct RealFile {
    file: File,
    on_flush: Option<OnFlush>,
}

impl DiskFile for RealFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, data: &[u8], offset: u64) -> io::Result<usize> {
        self.file.write_at(data, offset)
    }

    fn sync(&self) -> io::Result<()> {
        let Some(on_flush) = &self.on_flush else {
            return self.file.sync_data().map_err(FlushFailed::mark);
        };
        let began = Instant::now();
        let flushed = self.file.sync_data();
        on_flush(began.elapsed());
        flushed.map_err(FlushFailed::mark)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.metadata().map(|metadata| metadata.len())
    }
}
