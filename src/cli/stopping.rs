//! How a server is told to stop: SIGTERM or ctrl-c. Told once, it goes down in order; told again, it
//! ends at once.

use std::{convert::Infallible, time::Duration};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::Instant,
};

use super::{failure::Failure, probes::Probes, supervisor, voice::Voice, wiring::Running};

/// What comes so soon after the first signal is the first one again: `timeout`, a shell or a supervisor
/// tells the process and then its group. Nobody who changed their mind is as fast.
const AGAIN: Duration = Duration::from_secs(1);

/// The signals that tell a server to stop.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Hears them from now on; until then they end the process.
    ///
    /// # Errors
    /// If they cannot be heard.
    pub(super) fn hear() -> Result<Self, Failure> {
        let heard = |kind| {
            signal(kind).map_err(|error| Failure::Start {
                doing: "listen for signals",
                source: error.into(),
            })
        };
        let (terminate, interrupt) = (SignalKind::terminate(), SignalKind::interrupt());
        Ok(Self { terminate: heard(terminate)?, interrupt: heard(interrupt)? })
    }

    /// Waits for the next one.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Waits for the next one that is not the first again.
    async fn after(&mut self, first: Instant) {
        loop {
            self.next().await;
            if first.elapsed() >= AGAIN {
                return;
            }
        }
    }
}

/// Waits for a signal or the server's own end, then lets calls under way finish. Meanwhile it does
/// what is to be done for as long as the server runs.
///
/// # Errors
/// Why the server had to stop; [`Failure::Hastened`] if it was told twice.
pub(super) async fn until_told(
    running: Running,
    mut signals: Signals,
    (probes, voice): (&Probes, Voice),
    meanwhile: impl Future<Output = Infallible>,
) -> Result<(), Failure> {
    let goes_down = async {
        tokio::select! {
            () = signals.next() => {}
            () = running.stop.cancelled() => {}
        }
        let first = Instant::now();
        probes.draining();
        supervisor::stopping();
        voice.stopping();
        tokio::select! {
            biased;
            ended = running.stop() => ended,
            () = signals.after(first) => Err(Failure::Hastened),
        }
    };
    tokio::select! {
        ended = goes_down => ended,
        never = meanwhile => match never {},
        never = supervisor::lives() => match never {},
    }
}
