//! Spans of calls, sent to a collector by OTLP.
//!
//! Only the spans of calls: what is logged within them may quote what is nobody's business elsewhere.
//! How many are sampled is said by `OTEL_TRACES_SAMPLER`, as the SDK has it; a caller that names a trace
//! decides for its calls.

use std::time::Duration;

use opentelemetry::{KeyValue, trace::TracerProvider as _};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{Resource, error::OTelSdkResult, trace::SdkTracerProvider};
use tracing::Subscriber;
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

/// The target of the spans that are sent.
const CALLS: &str = "judgement_ledger::call";

/// How long the collector may take: it is near, or not worth waiting for.
const EXPORT_WAIT: Duration = Duration::from_secs(3);

/// Sends spans to a collector.
#[derive(Debug)]
pub(super) struct Traces(SdkTracerProvider);

impl Traces {
    /// Sends them to the collector at `endpoint`. Whether it is there shows later.
    ///
    /// # Errors
    /// If that is no address.
    pub(super) fn to(endpoint: &str) -> Result<Self, ExporterBuildError> {
        let exporter = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .with_timeout(EXPORT_WAIT)
            .build()?;
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource = Resource::builder()
            .with_service_name(env!("CARGO_PKG_NAME"))
            .with_attribute(version)
            .build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource)
            .build();
        Ok(Self(provider))
    }

    /// What takes the spans.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'l> LookupSpan<'l> + Send + Sync,
    {
        let tracer = self.0.tracer(env!("CARGO_PKG_NAME"));
        tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_filter(filter_fn(|it| it.is_span() && it.target() == CALLS))
    }

    /// Sends what is left. Blocks.
    pub(super) fn end(self) -> OTelSdkResult {
        self.0.shutdown()
    }
}
