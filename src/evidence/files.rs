//! A folder of evidence on a disk: read by relative paths with `/`, and nothing read twice.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use super::Wrong;

/// A folder, and which of its files were asked for.
pub(super) struct Folder {
    root: PathBuf,
    read: BTreeSet<String>,
}

impl Folder {
    pub(super) fn at(root: &Path) -> Self {
        Self { root: root.to_owned(), read: BTreeSet::new() }
    }

    /// Whether there is such a file.
    pub(super) fn has(&self, path: &str) -> bool {
        self.root.join(path).is_file()
    }

    /// A file that must be there.
    ///
    /// # Errors
    /// [`Wrong`] if it cannot be read.
    pub(super) fn read(&mut self, path: &str) -> Result<Vec<u8>, Wrong> {
        let read = fs::read(self.root.join(path));
        self.read.insert(path.to_owned());
        read.map_err(|error| Wrong::in_file(path, said(&error)))
    }

    /// A file that holds exactly this.
    ///
    /// # Errors
    /// [`Wrong`] if it cannot be read, or holds anything else.
    pub(super) fn is(&mut self, path: &str, meant: &[u8], what: &str) -> Result<(), Wrong> {
        let found = self.read(path)?;
        if found == meant {
            return Ok(());
        }
        let differs = found.iter().zip(meant).position(|(found, meant)| found != meant);
        let at = differs.unwrap_or_else(|| found.len().min(meant.len()));
        Err(Wrong::in_file(path, format!("{what}, from byte {at} on")))
    }

    /// The files that nobody asked for.
    ///
    /// # Errors
    /// [`Wrong`] if the folder cannot be listed.
    pub(super) fn others(&self) -> Result<Vec<String>, Wrong> {
        let mut others = Vec::new();
        list(&self.root, "", &mut others).map_err(|error| Wrong::whole(said(&error)))?;
        others.retain(|path| !self.read.contains(path));
        others.sort();
        Ok(others)
    }
}

fn said(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::NotFound {
        "the file is missing".to_owned()
    } else {
        error.to_string()
    }
}

fn list(directory: &Path, prefix: &str, into: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            list(&entry.path(), &format!("{path}/"), into)?;
        } else {
            into.push(path);
        }
    }
    Ok(())
}
