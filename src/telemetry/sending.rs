//! What sends: one provider for each kind of telemetry, with its exporter.

use std::sync::OnceLock;
use std::time::Duration;

use opentelemetry::logs::LoggerProvider as _;
use opentelemetry::metrics::{Meter, MeterProvider as _};
use opentelemetry::trace::{TraceContextExt as _, TraceId, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, MetricExporter, SpanExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{SdkLogger, SdkLoggerProvider};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::resource::{EnvResourceDetector, TelemetryResourceDetector};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

use super::names::SITE;
use super::receiver::Client;
use crate::config::TelemetryConfig;

/// How long a stop waits at most until everything is sent.
const FLUSH_LIMIT: Duration = Duration::from_secs(3);

static TELEMETRY: OnceLock<Telemetry> = OnceLock::new();

/// What is sent, each part if it has a receiver.
struct Telemetry {
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
    logs: Option<SdkLoggerProvider>,
}

/// Starts sending, if the settings name a receiver. Must be called once, within a tokio runtime.
pub fn start(config: &TelemetryConfig) -> Result<(), String> {
    if !config.is_on() {
        return Ok(());
    }
    let telemetry = Telemetry::new(config).map_err(|error| format!("Telemetry cannot be sent: {error}"))?;
    assert!(TELEMETRY.set(telemetry).is_ok(), "telemetry starts once");
    Ok(())
}

/// Whether telemetry is sent.
#[must_use]
pub fn is_on() -> bool {
    current().is_some()
}

fn current() -> Option<&'static Telemetry> {
    TELEMETRY.get()
}

/// The id of the trace to which the current request belongs, if traces are sent.
#[must_use]
pub fn trace_id() -> Option<TraceId> {
    current()?.traces.as_ref()?;
    Context::map_current(|context| {
        let span = context.span();
        let context = span.span_context();
        context.is_valid().then(|| context.trace_id())
    })
}

/// What makes spans, if traces are sent.
pub(super) fn tracer() -> Option<SdkTracer> {
    Some(current()?.traces.as_ref()?.tracer(SITE))
}

/// What makes log records, if logs are sent.
pub(super) fn logger() -> Option<SdkLogger> {
    Some(current()?.logs.as_ref()?.logger(SITE))
}

/// Where measurements are registered, if metrics are sent.
#[must_use]
pub fn meter() -> Option<Meter> {
    Some(current()?.metrics.as_ref()?.meter(SITE))
}

/// How much of the time for a stop is kept for sending what is left.
#[must_use]
pub fn flush_limit(grace: Duration) -> Duration {
    if is_on() {
        FLUSH_LIMIT.min(grace / 2)
    } else {
        Duration::ZERO
    }
}

/// Sends what is left, within this time. Nothing is sent afterwards.
pub async fn stop(limit: Duration) {
    let Some(telemetry) = current() else { return };
    let stopping = async {
        tokio::join!(
            stop_part(telemetry.traces.as_ref(), move |traces| traces
                .shutdown_with_timeout(limit)),
            stop_part(telemetry.metrics.as_ref(), move |metrics| metrics
                .shutdown_with_timeout(limit)),
            stop_part(telemetry.logs.as_ref(), move |logs| logs.shutdown_with_timeout(limit)),
        );
    };
    // What does not arrive in time is lost: the client has logged why, or the receiver is slow.
    let _ = tokio::time::timeout(limit, stopping).await;
}

/// Stops one part, on a thread that may wait.
async fn stop_part<T: Sync>(part: Option<&'static T>, stop: impl FnOnce(&T) -> OTelSdkResult + Send + 'static) {
    if let Some(part) = part {
        let _ = tokio::task::spawn_blocking(move || stop(part)).await;
    }
}

impl Telemetry {
    fn new(config: &TelemetryConfig) -> Result<Self, ExporterBuildError> {
        let resource = resource();
        let traces = config.traces.as_ref().map(|receiver| {
            let exporter = SpanExporter::builder().with_http();
            let exporter = exporter
                .with_http_client(Client::new("traces", receiver.timeout)?)
                .with_endpoint(receiver.url.as_str())
                .with_timeout(receiver.timeout);
            // The batches have a bounded queue, and a thread of their own: what does not fit is dropped.
            let provider = SdkTracerProvider::builder()
                .with_resource(resource.clone())
                .with_batch_exporter(exporter.build()?);
            Ok::<_, ExporterBuildError>(provider.build())
        });
        let metrics = config.metrics.as_ref().map(|receiver| {
            let exporter = MetricExporter::builder().with_http();
            let exporter = exporter
                .with_http_client(Client::new("metrics", receiver.timeout)?)
                .with_endpoint(receiver.url.as_str())
                .with_timeout(receiver.timeout);
            let provider = SdkMeterProvider::builder()
                .with_resource(resource.clone())
                .with_periodic_exporter(exporter.build()?);
            Ok::<_, ExporterBuildError>(provider.build())
        });
        let logs = config.logs.as_ref().map(|receiver| {
            let exporter = LogExporter::builder().with_http();
            let exporter = exporter
                .with_http_client(Client::new("logs", receiver.timeout)?)
                .with_endpoint(receiver.url.as_str())
                .with_timeout(receiver.timeout);
            let provider = SdkLoggerProvider::builder()
                .with_resource(resource.clone())
                .with_batch_exporter(exporter.build()?);
            Ok::<_, ExporterBuildError>(provider.build())
        });
        Ok(Self {
            traces: traces.transpose()?,
            metrics: metrics.transpose()?,
            logs: logs.transpose()?,
        })
    }
}

/// What names this process: `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` have priority.
fn resource() -> Resource {
    // App Service names its instances.
    let instance = std::env::var("WEBSITE_INSTANCE_ID").unwrap_or_else(|_| uuid::Uuid::new_v4().to_string());
    let resource = Resource::builder_empty()
        .with_service_name(SITE)
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", instance),
        ])
        .with_detectors(&[
            Box::new(TelemetryResourceDetector),
            Box::new(EnvResourceDetector::new()),
        ]);
    match std::env::var("OTEL_SERVICE_NAME") {
        Ok(name) if !name.is_empty() => resource.with_service_name(name).build(),
        _ => resource.build(),
    }
}
