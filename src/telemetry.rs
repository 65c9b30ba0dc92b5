//! What the running server says about itself: `tracing` events to stderr.
//!
//! Owns the one subscriber of the process. Data goes to stdout and never through here.
//!
//! - An event is a line, whatever it quotes: control characters are escaped ([`one_line`]).
//! - No place in the code writes more than [a hundred lines a second](bounded): what is more is
//!   counted, and told in one line soon after. So a flood of refusals fills no disk. Events of the
//!   levels debug and trace are written as they come: who asks for them asks for all.
//! - Of the levels debug and trace only our own events are written, whatever the filter asks for.
//! - A panic is an event, too, and quotes nothing that was computed ([`panics`]).

mod bounded;
mod one_line;
mod panics;
#[cfg(feature = "otel")]
mod traces;

use std::{convert::Infallible, io::IsTerminal as _, sync::Arc, time::Duration};

use tracing_subscriber::{EnvFilter, Layer as _, fmt, util::TryInitError};
use tracing_subscriber::{layer::SubscriberExt as _, util::SubscriberInitExt as _};

use bounded::{Bounded, LeftOut};
use one_line::OneLine;

/// How often it is told how many lines were left out.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// How log events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// A line to be read by people.
    Text,
    /// A JSON object a line, to be read by programs.
    Json,
}

/// Told of each line that is left out.
pub type OnLeftOut = Arc<dyn Fn() + Send + Sync>;

/// What is logged, and how.
pub struct LogOptions {
    /// Which events are written.
    pub filter: EnvFilter,
    /// How they are written.
    pub format: LogFormat,
    /// Told of each line that is left out.
    pub on_left_out: OnLeftOut,
    /// The collector that the spans of calls are sent to, if any.
    #[cfg(feature = "otel")]
    pub otlp_endpoint: Option<String>,
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The process logs already.
    #[error("the process logs already")]
    Twice(#[from] TryInitError),
    /// Spans cannot be sent.
    #[cfg(feature = "otel")]
    #[error("spans cannot be sent there")]
    Otlp(#[from] opentelemetry_otlp::ExporterBuildError),
}

/// The log of this process.
#[derive(Debug)]
pub struct Log {
    left_out: Arc<LeftOut>,
    #[cfg(feature = "otel")]
    traces: Option<traces::Traces>,
}

impl Log {
    /// Sends log events to stderr, and panics with them.
    ///
    /// # Errors
    /// If the process logs already, or spans cannot be sent where they are to go.
    pub fn to_stderr(options: LogOptions) -> Result<Self, LogError> {
        let left_out = Arc::new(LeftOut::default());
        let bounded = Bounded::new(Arc::clone(&left_out), options.on_left_out);
        let colours = std::io::stderr().is_terminal();
        let written = match options.format {
            LogFormat::Text => {
                let writer = OneLine::stderr(colours);
                fmt::layer().with_writer(writer).with_ansi(colours).with_filter(bounded).boxed()
            }
            LogFormat::Json => {
                fmt::layer().json().with_writer(std::io::stderr).with_filter(bounded).boxed()
            }
        };
        let registry = tracing_subscriber::registry().with(options.filter).with(written);
        #[cfg(feature = "otel")]
        let traces = options.otlp_endpoint.as_deref().map(traces::Traces::to).transpose()?;
        #[cfg(feature = "otel")]
        let registry = registry.with(traces.as_ref().map(traces::Traces::layer));
        registry.try_init()?;
        panics::log();
        Ok(Self {
            left_out,
            #[cfg(feature = "otel")]
            traces,
        })
    }

    /// Sends what is left to be sent. Whoever is not there to take it is no reason to fail.
    #[cfg(feature = "otel")]
    pub async fn end(self) {
        if let Some(traces) = self.traces {
            let sent = tokio::task::spawn_blocking(|| traces.end()).await;
            tracing::debug!(?sent, "the last spans");
        }
    }

    /// Tells now and then how many lines were left out, for as long as it is polled.
    pub async fn tell(&self) -> Infallible {
        loop {
            tokio::time::sleep(TELL_EVERY).await;
            let lines = self.left_out.take();
            if lines > 0 {
                tracing::warn!(lines, "lines of the log were left out: too many came at once");
            }
        }
    }
}
