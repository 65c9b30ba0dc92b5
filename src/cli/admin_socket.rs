//! The operator's socket: made so that nobody else may open it, refused where another server has it,
//! and gone with the server.

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
use crate::{
    ledger::Ledger,
    rpc::{self, About},
};

/// What the socket is called in the ledger's directory.
pub(super) const NAME: &str = "admin.sock";

/// The longest path of a socket: what the kernel's structure holds, and a zero after it.
const PATH_BYTES_MAX: usize = 107;

/// Only the owner may open it.
const MODE: u32 = 0o600;

/// A socket that is listened on. Removed when this is dropped, unless another took its place.
pub(super) struct AdminSocket {
    path: PathBuf,
    listener: Option<UnixListener>,
    /// Which file it is: device and inode.
    made: (u64, u64),
}

impl AdminSocket {
    /// Makes the socket. One that nobody listens on, left by a crash, is replaced.
    ///
    /// # Errors
    /// If another process listens there, or something else bears the name.
    pub(super) fn bind(path: &Path) -> Result<Self, Failure> {
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
        fs::set_permissions(&hidden, fs::Permissions::from_mode(MODE)).map_err(failed)?;
        let made = which(&hidden).map_err(failed)?;
        fs::rename(&hidden, path).map_err(failed)?;
        Ok(Self { path: path.to_owned(), listener: Some(listener), made })
    }

    /// Answers the operator until `shutdown` is ready. Whatever becomes of it, the ledger goes on.
    pub(super) async fn serve(
        mut self,
        ledger: Ledger,
        about: About,
        shutdown: impl Future<Output = ()>,
    ) {
        let Some(listener) = self.listener.take() else { return };
        if let Err(error) = rpc::serve_admin(listener, ledger, about, shutdown).await {
            tracing::warn!(%error, "the operator's socket was closed before its calls had ended");
        }
    }
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        if which(&self.path).is_ok_and(|found| found == self.made)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::debug!(%error, "the operator's socket stays where it was");
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
         shorter one with --admin-socket",
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
        let path = directory.path().join(NAME);
        let socket = AdminSocket::bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let names = || fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(names(), 1, "nothing but the socket is left");
        drop(socket);
        assert_eq!(names(), 0);
    }

    #[tokio::test]
    async fn a_socket_of_another_process_is_left_alone_and_a_stale_one_is_replaced() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join(NAME);
        let first = AdminSocket::bind(&path).unwrap();
        let refused = AdminSocket::bind(&path).err().unwrap();
        assert!(refused.lines().join(" ").contains("another process listens on it"));
        // A crash closes what listens and leaves the file.
        let mut crashed = first;
        drop(crashed.listener.take());
        std::mem::forget(crashed);
        assert!(path.exists());
        let second = AdminSocket::bind(&path).unwrap();
        UnixStream::connect(&path).unwrap();
        drop(second);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn what_is_no_socket_is_left_alone() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join(NAME);
        fs::write(&path, "a letter").unwrap();
        assert!(AdminSocket::bind(&path).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"a letter");
    }

    #[test]
    fn a_path_that_no_socket_can_have_is_misuse() {
        let long = PathBuf::from(format!("/{}", "a".repeat(107)));
        assert_eq!(check(&long).unwrap_err().exit_code(), 2);
        assert!(check(Path::new("/run/judgement-ledger/admin.sock")).is_ok());
    }
}
