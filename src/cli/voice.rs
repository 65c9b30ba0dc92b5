//! What a server says of itself, whatever is logged of others: how it is configured, where it listens,
//! that it stops, and how it ended.
//!
//! In text these are lines to be read by people and by scripts. Where the log is JSON they are events
//! of it like all others, so that whoever reads stderr line by line never meets anything else.

use std::net::SocketAddr;

use tracing_subscriber::{EnvFilter, filter::Directive};

use super::{failure::Failure, output};
use crate::telemetry::LogFormat;

/// The target of these events.
const TARGET: &str = "judgement_ledger::server";

/// How a server speaks of itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Voice(LogFormat);

impl Voice {
    /// As the log is written.
    pub(super) fn of(format: LogFormat) -> Self {
        Self(format)
    }

    /// The filter through which it is heard: as in text, no level silences it.
    pub(super) fn heard_through(self, filter: EnvFilter) -> EnvFilter {
        let heard = format!("{TARGET}=info").parse::<Directive>();
        match (self.0, heard) {
            (LogFormat::Json, Ok(heard)) => filter.add_directive(heard),
            (LogFormat::Json | LogFormat::Text, _) => filter,
        }
    }

    /// The configuration: a line of what it is, then a line for each setting.
    pub(super) fn configured(self, said: &str) {
        let LogFormat::Json = self.0 else { return output::note(said) };
        let mut lines = said.lines();
        let program = lines.next().unwrap_or_default();
        tracing::info!(target: TARGET, program, "starting");
        for line in lines {
            let (setting, value) = line.trim().split_once("  ").unwrap_or((line.trim(), ""));
            tracing::info!(target: TARGET, setting, value = value.trim(), "configured");
        }
    }

    /// Metrics and probes are answered.
    pub(super) fn probes(self, address: SocketAddr) {
        let url = format!("http://{address}");
        match self.0 {
            LogFormat::Text => output::note(&format!("metrics and probes on {url}")),
            LogFormat::Json => tracing::info!(target: TARGET, url, "metrics and probes"),
        }
    }

    /// Calls are answered.
    pub(super) fn serving(self, url: &str) {
        match self.0 {
            LogFormat::Text => output::note(&format!("serving on {url}")),
            LogFormat::Json => tracing::info!(target: TARGET, url, "serving"),
        }
    }

    /// It goes down.
    pub(super) fn stopping(self) {
        let said = "stopping: calls under way are finished; a second signal ends at once";
        match self.0 {
            LogFormat::Text => output::note(said),
            LogFormat::Json => tracing::info!(target: TARGET, "{said}"),
        }
    }

    /// It has ended, and how. What is said here is not said again.
    pub(super) fn ended(self, ended: Result<(), Failure>) -> Result<(), Failure> {
        match (self.0, ended) {
            (LogFormat::Text, Ok(())) => output::note("stopped"),
            (LogFormat::Json, Ok(())) => tracing::info!(target: TARGET, "stopped"),
            (LogFormat::Text, Err(failure)) => return Err(failure),
            (LogFormat::Json, Err(failure)) => {
                let exit_code = failure.exit_code();
                let lines = failure.lines();
                let causes = lines.iter().skip(1).map(|line| line.trim());
                let causes = causes.collect::<Vec<_>>().join("; ");
                tracing::error!(target: TARGET, error = %failure, causes, exit_code, "failed");
                return Err(Failure::Said { exit_code });
            }
        }
        Ok(())
    }
}
