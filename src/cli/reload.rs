//! Files that are read again while a server runs: certificates, the issuers, and their keys.

use std::{convert::Infallible, future::Future, sync::Arc, time::Duration};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};

use crate::rpc::{Credentials, Tls};

/// How often the files are looked at. Their content is compared, since what exchanges certificates
/// may exchange links or whole folders.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Looks at the files now and then, and on SIGHUP. Runs until it is dropped. The signal is heard from now on,
/// not only once this is waited for: unheard, it would end the process.
///
/// Certificates wait for no issuer: one that does not answer takes seconds.
pub(super) fn keep_new(
    credentials: Arc<Credentials>,
    tls: Option<Arc<Tls>>,
) -> impl Future<Output = Infallible> + Send {
    let (first, second) = (hangups(), hangups());
    let certificates = async {
        match tls {
            Some(tls) => again_and_again(first, move || tls.refresh()).await,
            None => std::future::pending().await,
        }
    };
    let issuers = again_and_again(second, move || credentials.refresh());
    async {
        tokio::select! {
            never = certificates => never,
            never = issuers => never,
        }
    }
}

/// Each SIGHUP from now on.
fn hangups() -> Option<Signal> {
    signal(SignalKind::hangup())
        .inspect_err(|error| {
            tracing::warn!(%error, "SIGHUP cannot be heard; files are looked at all the same");
        })
        .ok()
}

/// Looks now and then, and on SIGHUP.
async fn again_and_again(
    mut told: Option<Signal>,
    look: impl Fn() + Clone + Send + 'static,
) -> Infallible {
    let mut looking = interval(LOOK_EVERY);
    looking.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let hangup = async {
            match &mut told {
                Some(told) => told.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = looking.tick() => {}
            _ = hangup => {}
        }
        // It says by itself what it found.
        drop(spawn_blocking(look.clone()).await);
    }
}
