//! What is counted and measured while the ledger runs: names, labels and buckets, all in one place.
//!
//! A [`Metrics`] is a value, not a global: whoever opens a ledger makes one and hands it in, so that
//! two ledgers of one process count apart. It is rendered as Prometheus reads it (text format 0.0.4).
//!
//! No label and no help text names an organisation, person, subject or assessment, nor anything that
//! a client made up: labels are methods that the descriptors declare, gRPC codes and the reasons of
//! `errors.proto`. So the page may be shown to whoever operates the server, and never grows.
//!
//! The library is `prometheus`, not the facade `metrics`: that one has one recorder for the whole
//! process, and keeps each measurement of a histogram until somebody asks for the page; and not
//! `prometheus-client`, which writes `OpenMetrics` alone, of which `promtool check metrics` takes the
//! counters for metrics without a type.
//!
//! Durations are taken from the machine's monotonic clock, here and by whoever measures: nothing is
//! decided by them, and a simulated ledger comes to the same records whatever they are.

mod calls;
mod flow;
mod operating;
mod process;
mod readers;
mod state;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use prometheus::{
    Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder, core::Collector,
};

pub use calls::{CallKind, Calls, MethodCalls};
pub use flow::Flow;
pub(crate) use flow::GroupSize;
pub use readers::{Reader, Readers};
pub use state::State;

pub(crate) use operating::OpenConnection;

use operating::Operating;
use process::Process;

/// Why metrics cannot be had: a name, a label or a bucket of this build is wrong.
#[derive(Debug, thiserror::Error)]
#[error("the metrics of this build contradict each other")]
pub struct MetricsError(#[from] prometheus::Error);

/// Everything that is counted and measured of one server and its ledger.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// The calls that are answered.
    pub calls: Calls,
    /// What passes through the sequencer.
    pub flow: Flow,
    /// Who follows the ledger's records.
    pub readers: Readers,
    /// Refusals by reason.
    refusals: IntCounterVec,
    /// Lines of the log that were left out.
    unlogged: IntCounter,
    head: IntGauge,
    covered: IntGauge,
    views_applied: IntGauge,
    views_lag: IntGauge,
    checkpoint_age: Gauge,
    /// When the newest checkpoint was published; held for the moment of reading or setting it.
    checkpoint_at: Mutex<Instant>,
    /// Nothing is recorded since the disk has no room for another record.
    pub disk_full: State,
    /// A journal that others share cannot be asked: nothing is recorded, readings are of before.
    pub journal_unreachable: State,
    read_only: IntGauge,
    durability: IntGaugeVec,
    operating: Operating,
    process: Process,
}

/// Where the ledger stands, as it is told to whoever asks for the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levels {
    /// The position of the last record that is published.
    pub head: u64,
    /// How many records the newest checkpoint covers.
    pub covered: u64,
    /// Whether nothing may be recorded, since the journal is not the one that was signed.
    pub read_only: bool,
}

impl Metrics {
    /// Nothing counted so far, by a process that started so many seconds after 1970.
    ///
    /// # Errors
    /// [`MetricsError`]; a test of this module shows that there is none.
    pub fn new(started_at_s: i64) -> Result<Arc<Self>, MetricsError> {
        let registry = Registry::new();
        let told = Told(&registry);
        told.gauge(
            "process_start_time_seconds",
            "When the process started, in seconds since 1970.",
        )?
        .set(started_at_s);
        let (name, help) =
            ("judgement_ledger_build_info", "1; its label is the version that runs.");
        let build = told.info(name, help, "version")?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let refusals = IntCounterVec::new(
            Opts::new(
                "judgement_ledger_refusals_total",
                "Calls, commands of streams, and connections that were refused or failed, by the reason.",
            ),
            &["reason"],
        )?;
        told.of(&refusals)?;
        let metrics = Self {
            durability: told.info(
                "judgement_ledger_durability_info",
                "1; its label is what it takes until a command is answered: disk, local or quorum.",
                "level",
            )?,
            calls: Calls::new(&told)?,
            flow: Flow::new(&told)?,
            readers: Readers::new(&told)?,
            refusals,
            unlogged: told.counter(
                "judgement_ledger_log_lines_left_out_total",
                "Lines on single calls that were left out of the log, since too many came at once.",
            )?,
            head: told.gauge(
                "judgement_ledger_head_position",
                "The position of the last record that is published.",
            )?,
            covered: told.gauge(
                "judgement_ledger_covered_position",
                "The position up to which the newest signed checkpoint covers the records.",
            )?,
            views_applied: told.gauge(
                "judgement_ledger_views_applied_position",
                "The position up to which the views have folded the records.",
            )?,
            views_lag: told.gauge(
                "judgement_ledger_views_lag_records",
                "How many published records the views have not folded yet.",
            )?,
            checkpoint_age: told.of_new(Gauge::new(
                "judgement_ledger_checkpoint_age_seconds",
                "How long ago the newest checkpoint was published; before the first, since the start.",
            )?)?,
            checkpoint_at: Mutex::new(Instant::now()),
            disk_full: State::of_disk(&told)?,
            journal_unreachable: State::of_journal(&told)?,
            read_only: told.gauge(
                "judgement_ledger_read_only",
                "1 if nothing is recorded since the journal is not the one that was signed, else 0.",
            )?,
            operating: Operating::new(&told, started_at_s)?,
            process: Process::new(&told)?,
            registry: registry.clone(),
        };
        Ok(Arc::new(metrics))
    }

    /// A call, a command or a connection was refused for a reason, as `errors.proto` writes it.
    pub fn refused(&self, reason: &'static str) {
        self.refusals.with_label_values(&[reason]).inc();
    }

    /// Refusals are counted by these reasons from now on, and by each from 0: of a series that begins
    /// with its first refusal nobody sees that it grew.
    pub fn may_refuse(&self, reasons: impl IntoIterator<Item = &'static str>) {
        for reason in reasons {
            self.refusals.with_label_values(&[reason]);
        }
    }

    /// A line of the log was left out.
    pub fn left_out(&self) {
        self.unlogged.inc();
    }

    /// The views have folded all records up to a position.
    pub fn views_are_at(&self, position: u64) {
        self.views_applied.set(count(position));
    }

    /// A checkpoint was published that covers more than the one before.
    pub fn checkpoint_published(&self) {
        *self.checkpoint_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// So many bytes are free on the disk of the ledger.
    pub fn disk_has(&self, free_bytes: u64) {
        self.operating.disk_has(free_bytes);
    }

    /// A connection is open, for as long as what is returned lives.
    pub(crate) fn connection(&self) -> OpenConnection {
        self.operating.connection()
    }

    /// A backup was handed out whole.
    pub(crate) fn backed_up(&self) {
        self.operating.backed_up();
    }

    /// What it takes until a command is answered, by its name.
    pub fn durability_is(&self, level: &'static str) {
        self.durability.with_label_values(&[level]).set(1);
    }

    /// The page, with the ledger where it stands; without it, as long as it is not open.
    ///
    /// # Errors
    /// [`MetricsError`] if a family of metrics is empty in a way that the format does not allow.
    pub fn page(&self, levels: Option<Levels>) -> Result<String, MetricsError> {
        if let Some(Levels { head, covered, read_only }) = levels {
            // The views may be told of a record just before its position is published.
            let applied = u64::try_from(self.views_applied.get()).unwrap_or(0);
            self.head.set(count(head));
            self.covered.set(count(covered));
            self.views_lag.set(count(head.saturating_sub(applied)));
            self.read_only.set(i64::from(read_only));
            self.readers.measure(head);
        }
        self.process.measure();
        let since = *self.checkpoint_at.lock().unwrap_or_else(PoisonError::into_inner);
        self.checkpoint_age.set(since.elapsed().as_secs_f64());
        Ok(TextEncoder::new().encode_to_string(&self.registry.gather())?)
    }
}

/// Where metrics are registered as they are made.
struct Told<'r>(&'r Registry);

impl Told<'_> {
    fn of<C: Collector + Clone + 'static>(&self, metric: &C) -> Result<(), MetricsError> {
        Ok(self.0.register(Box::new(metric.clone()))?)
    }

    fn of_new<C: Collector + Clone + 'static>(&self, metric: C) -> Result<C, MetricsError> {
        self.of(&metric)?;
        Ok(metric)
    }

    /// A metric that says something by its only label.
    fn info(&self, name: &str, help: &str, label: &str) -> Result<IntGaugeVec, MetricsError> {
        self.of_new(IntGaugeVec::new(Opts::new(name, help), &[label])?)
    }

    fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, MetricsError> {
        self.of_new(IntGauge::new(name, help)?)
    }

    fn counter(&self, name: &str, help: &str) -> Result<IntCounter, MetricsError> {
        self.of_new(IntCounter::new(name, help)?)
    }

    fn histogram(
        &self,
        name: &str,
        help: &str,
        buckets: &[f64],
    ) -> Result<Histogram, MetricsError> {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.of_new(Histogram::with_opts(options)?)
    }
}

/// A number of records, as a gauge shows it.
fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number of things, as a histogram takes it.
fn measure(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// How long something took, in seconds.
fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

#[cfg(test)]
mod tests;
