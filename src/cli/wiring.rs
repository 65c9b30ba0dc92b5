//! The composition root: where flags become a running server. Everything that a server is made
//! of is chosen, opened and joined here, and nowhere else.
//!
//! NOT WIRED YET: [`start`] and [`mint`] answer [`Failure::NotWired`] until the ledger's core and
//! `rpc` are part of the crate. All that calls them is complete.
#![expect(dead_code, reason = "read by `start` once it is wired; the compiler then says so here")]

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::tz::TimeZone;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{demo::DemonstrationClock, failure::Failure};
use crate::judgement::{OrganisationId, Role, Text};

/// What a server is started with.
#[derive(Debug)]
pub(super) struct Setup {
    /// Where it listens; port 0 takes any that is free.
    pub(super) listen: SocketAddr,
    /// The directory that it may write to; it is there, and this process's alone.
    pub(super) data: PathBuf,
    /// What time it is.
    pub(super) clock: Clock,
    /// In which zone a time is a day. (Spec §4.5)
    pub(super) time_zone: TimeZone,
    /// Where its keys are.
    pub(super) keys: Keys,
    /// The size of a journal segment.
    pub(super) segment_mib: u32,
    /// How much memory the views' caches may take.
    pub(super) cache_mib: u32,
    /// From which origins browsers may call.
    pub(super) allow_origins: Vec<http::HeaderValue>,
}

/// What time it is.
#[derive(Debug, Clone)]
pub(super) enum Clock {
    /// The machine's clock, held against its monotonic one. (Spec §4.5)
    System,
    /// One that a demonstration sets. It jumps, so it is its own monotonic clock, and the server
    /// says loudly that it runs on it.
    Demonstration(DemonstrationClock),
}

/// Where keys are.
#[derive(Debug, Clone)]
pub(super) enum Keys {
    /// In files that stay.
    Files {
        /// The key that wraps the keys of texts.
        master: PathBuf,
        /// The key that credentials are checked with.
        token: PathBuf,
    },
    /// Made at start, in the data directory, and gone with it.
    ThrowAway,
}

/// A credential to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Login {
    /// The login.
    pub(super) name: Text,
    /// For whom it acts.
    pub(super) organisation: OrganisationId,
    /// What it may do.
    pub(super) roles: Vec<Role>,
    /// For how long, from the server's now.
    pub(super) valid: Duration,
}

/// Makes credentials that one server accepts.
pub(super) type Mint = Box<dyn Fn(&Login) -> Result<String, Failure> + Send + Sync>;

/// A server that runs.
pub(super) struct Running {
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// Makes credentials for it.
    pub(super) mint: Mint,
    /// Cancelled to stop it: calls under way are finished, then it ends.
    pub(super) stop: CancellationToken,
    /// Ends when it has stopped, or with why it had to. (an outcome unknown, a disk that failed)
    pub(super) ended: JoinHandle<Result<(), Failure>>,
}

impl Running {
    /// Stops the server and waits until it has ended.
    pub(super) async fn stop(self) -> Result<(), Failure> {
        self.stop.cancel();
        ended(self.ended).await
    }
}

/// Waits until a server has ended.
pub(super) async fn ended(server: JoinHandle<Result<(), Failure>>) -> Result<(), Failure> {
    let ended = server.await;
    ended.map_err(|error| Failure::Start { doing: "end the server", source: error.into() })?
}

/// Opens or creates the ledger in `setup.data`, binds, and serves until stopped.
///
/// # Errors
/// If the ledger cannot be opened or the address not bound.
#[expect(clippy::unused_async, reason = "opening a ledger waits for its recovery")]
pub(super) async fn start(setup: Setup) -> Result<Running, Failure> {
    drop(setup);
    Err(Failure::NotWired)
}

/// Makes a credential with the key in `key_file`, as `crate::rpc::credential` does.
///
/// # Errors
/// If the file holds no key.
pub(super) fn mint(login: &Login, key_file: &Path) -> Result<String, Failure> {
    let _ = (login, key_file);
    Err(Failure::NotWired)
}
