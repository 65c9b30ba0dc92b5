//! What the running server says about itself: `tracing` events to stderr.
//!
//! Owns the one subscriber of the process. Data goes to stdout and never through here.

use std::io::IsTerminal as _;

use tracing_subscriber::{EnvFilter, fmt, util::TryInitError};
use tracing_subscriber::{layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// How log events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// A line to be read by people.
    Text,
    /// A JSON object a line, to be read by programs.
    Json,
}

/// Sends the log events that `filter` lets through to stderr.
///
/// # Errors
/// If the process logs already.
pub fn init(filter: EnvFilter, format: LogFormat) -> Result<(), TryInitError> {
    let registry = tracing_subscriber::registry().with(filter);
    let layer =
        fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Text => registry.with(layer).try_init(),
        LogFormat::Json => registry.with(layer.json()).try_init(),
    }
}
