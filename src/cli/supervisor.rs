//! What a supervisor is told that asks for it, as systemd does of a unit of `Type=notify`: that the
//! server is ready, that it stops, and, with `WatchdogSec=`, that it lives.
//!
//! It asks by the environment, `NOTIFY_SOCKET` and `WATCHDOG_USEC`. Whoever does not ask is told
//! nothing, and one that does not listen is no reason to stop.

use std::convert::Infallible;

use sd_notify::NotifyState;

/// The server takes calls.
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The server goes down.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Says that the server lives, for as long as it is polled and twice in the time that is allowed. It
/// says nothing of the store: a disk that hangs is seen by probes, and starting again mends no disk.
pub(super) async fn lives() -> Infallible {
    let Some(allowed) = sd_notify::watchdog_enabled() else {
        return std::future::pending().await;
    };
    loop {
        tell(&[NotifyState::Watchdog]);
        tokio::time::sleep(allowed.checked_div(2).unwrap_or(allowed)).await;
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the supervisor cannot be told");
    }
}
