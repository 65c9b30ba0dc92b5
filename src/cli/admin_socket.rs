//! The operator's socket: nobody but its owner may open it.

use std::path::Path;

use tokio::net::UnixListener;

use super::{failure::Failure, socket::Socket};
use crate::{
    ledger::Ledger,
    rpc::{self, About, WentDown},
};

/// What the socket is called in the ledger's directory.
pub(super) const NAME: &str = "admin.sock";

/// Only the owner may open it.
const MODE: u32 = 0o600;

/// The operator's socket, which is gone when this is dropped.
pub(super) struct AdminSocket {
    listener: UnixListener,
    socket: Socket,
}

impl AdminSocket {
    /// Makes the socket.
    ///
    /// # Errors
    /// As [`Socket::bind`].
    pub(super) fn bind(path: &Path) -> Result<Self, Failure> {
        let (listener, socket) = Socket::bind(path, MODE)?;
        Ok(Self { listener, socket })
    }

    /// Answers the operator until `shutdown` is ready. Whatever becomes of it, the ledger goes on.
    pub(super) async fn serve(
        self,
        ledger: Ledger,
        about: About,
        shutdown: impl Future<Output = ()>,
    ) {
        let Self { listener, socket: _held } = self;
        let closed = "the operator's socket was closed before its calls had ended";
        match rpc::serve_admin(listener, ledger, about, shutdown).await {
            Ok(WentDown::InOrder) => {}
            // The calls of all servers are counted together.
            Ok(WentDown::Cut { calls: _, after_s }) => tracing::warn!(after_s, "{closed}"),
            Err(error) => tracing::warn!(%error, "{closed}"),
        }
    }
}
