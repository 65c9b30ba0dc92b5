//! File systems of their own for tests: images in memory, mounted, cut off and mounted again.

use std::{
    fs::File,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use tempfile::TempDir;

/// Where images lie: in memory, so that a power cut of the image is none of the machine.
const MEMORY: &str = "/dev/shm";

/// Which file system is on an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Xfs,
    Ext4,
    /// No image: a file system in memory of so many bytes, which a power cut would lose.
    Memory(u64),
}

/// A mounted file system; unmounted and gone when it is dropped.
pub struct Image {
    kind: Kind,
    /// Holds the image and the directory that it is mounted on.
    holder: TempDir,
}

impl Image {
    /// A new file system.
    pub fn mounted(kind: Kind) -> Self {
        let holder = tempfile::Builder::new().prefix("jl-image-").tempdir_in(MEMORY).unwrap();
        let image = Self { kind, holder };
        std::fs::create_dir(image.directory()).unwrap();
        // The smallest that mkfs.xfs makes; what is not written takes no memory.
        let (file, bytes) = (image.file(), 320 << 20);
        match kind {
            Kind::Xfs => {
                File::create(&file).unwrap().set_len(bytes).unwrap();
                run("mkfs.xfs", &["-q", path(&file)]);
            }
            Kind::Ext4 => {
                File::create(&file).unwrap().set_len(bytes).unwrap();
                run("mkfs.ext4", &["-q", "-F", path(&file)]);
            }
            Kind::Memory(_) => {}
        }
        image.mount();
        image
    }

    /// Where it is mounted.
    pub fn directory(&self) -> PathBuf {
        self.holder.path().join("mounted")
    }

    fn file(&self) -> PathBuf {
        self.holder.path().join("image")
    }

    fn mount(&self) {
        let (file, directory) = (self.file(), self.directory());
        match self.kind {
            Kind::Xfs | Kind::Ext4 => run("mount", &["-o", "loop", path(&file), path(&directory)]),
            Kind::Memory(bytes) => {
                let size = format!("size={bytes}");
                run("mount", &["-t", "tmpfs", "-o", &size, "tmpfs", path(&directory)]);
            }
        }
    }

    /// Cuts the power: what is not durable is gone, the file system's own log included, and every
    /// call fails from here on.
    pub fn cut(&self) {
        assert!(!matches!(self.kind, Kind::Memory(_)), "this cannot be cut");
        run("xfs_io", &["-x", "-c", "shutdown", path(&self.directory())]);
    }

    /// Mounts it again, as after a cut. Nobody may have a file in it open.
    pub fn remount(&self) {
        self.unmount();
        self.mount();
    }

    fn unmount(&self) {
        let directory = self.directory();
        // The kernel lets go of the files of a killed process a moment after it is gone.
        for _ in 0..200 {
            if attempt("umount", &[path(&directory)]).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        run("umount", &[path(&directory)]);
    }

    /// Fills it to the last byte.
    pub fn fill(&self) {
        let mut file =
            File::options().create(true).append(true).open(self.directory().join("filler"));
        let file = file.as_mut().unwrap();
        for bytes in [1 << 20, 4 << 10, 1] {
            let chunk = vec![1; bytes];
            loop {
                match file.write_all(&chunk) {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::StorageFull => break,
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }

    /// Gives back what [`Self::fill`] took.
    pub fn empty(&self) {
        std::fs::remove_file(self.directory().join("filler")).unwrap();
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // Lazily: a test that failed may have left a process in it.
        drop(attempt("umount", &["-l", path(&self.directory())]));
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn run(program: &str, arguments: &[&str]) {
    if let Err(said) = attempt(program, arguments) {
        panic!(
            "{program} {}: {said}\nThis test makes and mounts file systems: it needs root, loop \
             devices, xfsprogs and e2fsprogs. Where the machine refuses that, it can be left out \
             by name: tests/run --waive power",
            arguments.join(" ")
        );
    }
}

fn attempt(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim()))
}
