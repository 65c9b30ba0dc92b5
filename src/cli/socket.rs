//! Sockets under a path: refused where another server has one, put in the place of one that a crash
//! left behind, and gone with the server.

use std::{
    fs, io,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
        net::UnixStream,
    },
    path::{Path, PathBuf},
};

use tokio::net::UnixListener;

use super::failure::Failure;

/// The longest path of a socket: what the kernel's structure holds, and a zero after it.
const PATH_BYTES_MAX: usize = 107;

/// A socket that somebody listens on. Removed when this is dropped, unless another took its place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Socket {
    path: PathBuf,
    /// Which file it is: device and inode.
    made: (u64, u64),
}

impl Socket {
    /// Listens. One that nobody listens on, left by a crash, is replaced.
    ///
    /// # Errors
    /// If another process listens there, something else bears the name, or the path is too long.
    pub(super) fn bind(path: &Path, mode: u32) -> Result<(UnixListener, Self), Failure> {
        check(path)?;
        let failed = |source| Failure::File { doing: "make the socket", path: path.into(), source };
        is_free(path).map_err(failed)?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        // Within a directory of its own, so that no moment passes in which others may open it; and
        // renamed, so that it takes the place of an old one in one step.
        let within = tempfile::Builder::new()
            .prefix(".")
            .rand_bytes(4)
            .tempdir_in(parent.unwrap_or(Path::new(".")))
            .map_err(failed)?;
        let hidden = within.path().join("s");
        let listener = UnixListener::bind(&hidden).map_err(failed)?;
        fs::set_permissions(&hidden, fs::Permissions::from_mode(mode)).map_err(failed)?;
        let file = which(&hidden).map_err(failed)?;
        fs::rename(&hidden, path).map_err(failed)?;
        Ok((listener, Self { path: path.to_owned(), made: file }))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if which(&self.path).is_ok_and(|found| found == self.made)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::debug!(%error, "a socket stays where it was");
        }
    }
}

/// Whether a socket may have this path at all.
///
/// # Errors
/// Misuse, for a path that is too long.
pub(super) fn check(path: &Path) -> Result<(), Failure> {
    let bytes = path.as_os_str().as_bytes().len();
    if bytes <= PATH_BYTES_MAX {
        return Ok(());
    }
    Err(Failure::misused(format!(
        "{}: the path of a socket has at most {PATH_BYTES_MAX} bytes, and this one has {bytes}: say a \
         shorter one",
        path.display()
    )))
}

/// Whether nobody listens at `path`, and nothing but a socket bears the name.
fn is_free(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !found.file_type().is_socket() {
        return Err(io::Error::other("there is a file of that name that is no socket"));
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(io::Error::other("another process listens on it")),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Err(error) => Err(error),
    }
}

fn which(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[tokio::test]
    async fn a_socket_is_its_owners_alone_and_goes_with_the_server() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("a.sock");
        let (_listener, socket) = Socket::bind(&path, 0o600).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let names = || fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(names(), 1, "nothing but the socket is left");
        drop(socket);
        assert_eq!(names(), 0);
    }

    #[tokio::test]
    async fn a_socket_of_another_process_is_left_alone_and_a_stale_one_is_replaced() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("a.sock");
        let (listener, first) = Socket::bind(&path, 0o600).unwrap();
        let refused = Socket::bind(&path, 0o600).unwrap_err();
        assert!(refused.lines().join(" ").contains("another process listens on it"));
        // A crash closes what listens and leaves the file.
        drop(listener);
        std::mem::forget(first);
        assert!(path.exists());
        let (_listener, second) = Socket::bind(&path, 0o600).unwrap();
        UnixStream::connect(&path).unwrap();
        drop(second);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn what_is_no_socket_is_left_alone() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("a.sock");
        fs::write(&path, "a letter").unwrap();
        assert!(Socket::bind(&path, 0o600).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"a letter");
    }

    #[test]
    fn a_path_that_no_socket_can_have_is_misuse() {
        let long = PathBuf::from(format!("/{}", "a".repeat(107)));
        assert_eq!(check(&long).unwrap_err().exit_code(), 2);
        assert!(check(Path::new("/run/judgement-ledger/admin.sock")).is_ok());
    }
}
