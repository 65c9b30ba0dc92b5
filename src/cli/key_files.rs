//! Files of keys that more than their owner can read.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// The mode in which Kubernetes and systemd give a secret to one account, by a group of its own.
const SECRET_MODE: u32 = 0o440;

/// Where the keys of a server lie.
#[derive(Debug, Clone)]
pub(super) struct KeyFiles {
    /// Single files.
    pub(super) files: Vec<PathBuf>,
    /// The directory of the signer, in which each `.key` is one.
    pub(super) signer: PathBuf,
}

impl KeyFiles {
    /// Warns of every key that others may read. They are used all the same: whoever runs the server
    /// decides who else is on the machine.
    pub(super) fn check(&self) {
        let entries = fs::read_dir(&self.signer).into_iter().flatten().flatten();
        let signing = entries.map(|entry| entry.path());
        let signing = signing.filter(|path| path.extension().is_some_and(|it| it == "key"));
        self.files.iter().cloned().chain(signing).for_each(|path| check(&path));
    }
}

fn check(path: &Path) {
    let Ok(found) = fs::metadata(path) else { return };
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 != 0 && mode != SECRET_MODE {
        tracing::warn!(
            "{} can be read by others than its owner (mode {mode:o}): chmod 600 it, and think of whoever \
             may have read it",
            path.display()
        );
    }
}
