//! What sends: one provider for each kind of telemetry, with its exporter.

use std::sync::OnceLock;
use std::time::Duration;

use opentelemetry::logs::LoggerProvider as _;
use opentelemetry::metrics::{Meter, MeterProvider as _};
use opentelemetry::trace::{TraceContextExt as _, TraceId, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{
    Compression, ExporterBuildError, LogExporter, MetricExporter, Protocol, SpanExporter, WithExportConfig,
    WithHttpConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{BatchLogProcessor, SdkLogger, SdkLoggerProvider};
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::resource::{EnvResourceDetector, TelemetryResourceDetector};
use opentelemetry_sdk::trace::{BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider};

use super::names::SITE;
use super::receiver::Client;
use crate::config::{Batches, Receiver, TelemetryConfig, shown};

/// How long a stop waits at most until everything is sent.
const FLUSH_LIMIT: Duration = Duration::from_secs(3);

static TELEMETRY: OnceLock<Telemetry> = OnceLock::new();

/// What is sent, each part if it has a receiver.
struct Telemetry {
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
    logs: Option<SdkLoggerProvider>,
}

/// Starts sending, if the settings name a receiver. Returns what cannot be sent, for the log: the site serves without it.
/// Must be called once, within a tokio runtime.
#[must_use]
pub fn start(config: &TelemetryConfig) -> Vec<String> {
    if !config.is_on() {
        return Vec::new();
    }
    let (telemetry, problems) = Telemetry::new(config);
    assert!(TELEMETRY.set(telemetry).is_ok(), "telemetry starts once");
    problems
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
    /// Each part, and why one of them cannot be sent.
    fn new(config: &TelemetryConfig) -> (Self, Vec<String>) {
        let mut problems = Vec::new();
        let resource = resource();
        let telemetry = Self {
            traces: built("traces", config.traces.as_ref(), &mut problems, |receiver| {
                traces(config, receiver, &resource)
            }),
            metrics: built("metrics", config.metrics.as_ref(), &mut problems, |receiver| {
                metrics(config, receiver, &resource)
            }),
            logs: built("logs", config.logs.as_ref(), &mut problems, |receiver| {
                logs(config, receiver, &resource)
            }),
        };
        (telemetry, problems)
    }
}

/// One part, if it has a receiver. A problem leaves it out.
fn built<T>(
    kind: &str,
    receiver: Option<&Receiver>,
    problems: &mut Vec<String>,
    build: impl Fn(&Receiver) -> Result<T, ExporterBuildError>,
) -> Option<T> {
    build(receiver?)
        .map_err(|error| problems.push(format!("no {kind} are sent: {}", shown(&error.to_string()))))
        .ok()
}

/// The transport of one kind.
fn over_http<B: WithHttpConfig + WithExportConfig>(
    builder: B,
    kind: &'static str,
    receiver: &Receiver,
) -> Result<B, ExporterBuildError> {
    let builder = builder
        .with_http_client(Client::new(kind, receiver.timeout)?)
        .with_endpoint(receiver.url.as_str())
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(receiver.timeout);
    Ok(if receiver.is_compressed {
        builder.with_compression(Compression::Gzip)
    } else {
        builder
    })
}

fn traces(
    config: &TelemetryConfig,
    receiver: &Receiver,
    resource: &Resource,
) -> Result<SdkTracerProvider, ExporterBuildError> {
    let exporter = over_http(SpanExporter::builder().with_http(), "traces", receiver)?.build()?;
    // The batches have a bounded queue, and a thread of their own: what does not fit is dropped.
    let Batches { delay, queue, batch } = config.span_batches;
    let batches = opentelemetry_sdk::trace::BatchConfigBuilder::default()
        .with_scheduled_delay(delay)
        .with_max_queue_size(queue)
        .with_max_export_batch_size(batch);
    let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches.build());
    let share = Sampler::TraceIdRatioBased(config.sampler.share);
    let sampler = if config.sampler.asks_parent {
        Sampler::ParentBased(Box::new(share))
    } else {
        share
    };
    let provider = SdkTracerProvider::builder()
        .with_resource(resource.clone())
        .with_sampler(sampler)
        .with_span_processor(processor.build());
    Ok(provider.build())
}

fn metrics(
    config: &TelemetryConfig,
    receiver: &Receiver,
    resource: &Resource,
) -> Result<SdkMeterProvider, ExporterBuildError> {
    let exporter = over_http(MetricExporter::builder().with_http(), "metrics", receiver)?.build()?;
    let reader = PeriodicReader::builder(exporter).with_interval(config.metrics_interval);
    let provider = SdkMeterProvider::builder()
        .with_resource(resource.clone())
        .with_reader(reader.build());
    Ok(provider.build())
}

fn logs(
    config: &TelemetryConfig,
    receiver: &Receiver,
    resource: &Resource,
) -> Result<SdkLoggerProvider, ExporterBuildError> {
    let exporter = over_http(LogExporter::builder().with_http(), "logs", receiver)?.build()?;
    let Batches { delay, queue, batch } = config.log_batches;
    let batches = opentelemetry_sdk::logs::BatchConfigBuilder::default()
        .with_scheduled_delay(delay)
        .with_max_queue_size(queue)
        .with_max_export_batch_size(batch);
    let processor = BatchLogProcessor::builder(exporter).with_batch_config(batches.build());
    let provider = SdkLoggerProvider::builder()
        .with_resource(resource.clone())
        .with_log_processor(processor.build());
    Ok(provider.build())
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
