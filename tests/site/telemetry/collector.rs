//! A receiver of OTLP over HTTP, which decodes with OpenTelemetry's own definitions.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::routing::post;
use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;

/// Attributes by name, their values as text.
pub type Attributes = BTreeMap<String, String>;

/// What has arrived.
#[derive(Default)]
pub struct Received {
    pub spans: Vec<Span>,
    pub logs: Vec<LogRecord>,
    /// The measurements of each metric.
    pub metrics: BTreeMap<String, Vec<(Attributes, f64)>>,
    pub resources: Vec<Attributes>,
    /// All bodies as they arrived.
    pub bytes: Vec<u8>,
}

/// A receiver on a free port of this machine.
pub struct Collector {
    pub url: String,
    received: Arc<Mutex<Received>>,
}

impl Collector {
    pub async fn start() -> Self {
        Self::start_at("127.0.0.1:0").await
    }

    pub async fn start_at(address: &str) -> Self {
        let received = Arc::new(Mutex::new(Received::default()));
        let routes = Router::new()
            .route("/v1/traces", post(traces))
            .route("/v1/metrics", post(metrics))
            .route("/v1/logs", post(logs))
            .with_state(Arc::clone(&received));
        let listener = TcpListener::bind(address).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { url, received }
    }

    /// The settings of a site that sends to it, quickly.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("OTEL_EXPORTER_OTLP_ENDPOINT", self.url.clone()),
            ("OTEL_BSP_SCHEDULE_DELAY", "100".to_owned()),
            ("OTEL_BLRP_SCHEDULE_DELAY", "100".to_owned()),
            ("OTEL_METRIC_EXPORT_INTERVAL", "200".to_owned()),
        ]
    }

    /// What has arrived, taken away.
    pub fn take(&self) -> Received {
        std::mem::take(&mut self.received.lock().unwrap())
    }

    /// Something of what has arrived.
    pub fn find<T>(&self, look: impl FnOnce(&Received) -> Option<T>) -> Option<T> {
        look(&self.received.lock().unwrap())
    }
}

fn decoded<T: Message + Default>(headers: &HeaderMap, body: &Bytes, received: &mut Received) -> T {
    assert_eq!(headers[CONTENT_TYPE], "application/x-protobuf");
    let mut plain = Vec::new();
    if headers.contains_key(CONTENT_ENCODING) {
        GzDecoder::new(&body[..]).read_to_end(&mut plain).unwrap();
    } else {
        plain.extend_from_slice(body);
    }
    received.bytes.extend_from_slice(&plain);
    T::decode(&plain[..]).unwrap()
}

async fn traces(State(received): State<Arc<Mutex<Received>>>, headers: HeaderMap, body: Bytes) {
    let mut received = received.lock().unwrap();
    let request: ExportTraceServiceRequest = decoded(&headers, &body, &mut received);
    for group in request.resource_spans {
        received.resources.push(of_resource(group.resource));
        let spans = group.scope_spans.into_iter().flat_map(|scope| scope.spans);
        received.spans.extend(spans);
    }
}

async fn logs(State(received): State<Arc<Mutex<Received>>>, headers: HeaderMap, body: Bytes) {
    let mut received = received.lock().unwrap();
    let request: ExportLogsServiceRequest = decoded(&headers, &body, &mut received);
    for group in request.resource_logs {
        received.resources.push(of_resource(group.resource));
        let records = group.scope_logs.into_iter().flat_map(|scope| scope.log_records);
        received.logs.extend(records);
    }
}

async fn metrics(State(received): State<Arc<Mutex<Received>>>, headers: HeaderMap, body: Bytes) {
    let mut received = received.lock().unwrap();
    let request: ExportMetricsServiceRequest = decoded(&headers, &body, &mut received);
    for group in request.resource_metrics {
        received.resources.push(of_resource(group.resource));
        let metrics = group.scope_metrics.into_iter().flat_map(|scope| scope.metrics);
        for metric in metrics {
            let points: Vec<_> = match metric.data.unwrap() {
                Data::Histogram(histogram) => {
                    let points = histogram.data_points.into_iter();
                    #[expect(clippy::cast_precision_loss, reason = "a test sends few requests")]
                    points
                        .map(|point| (named(point.attributes), point.count as f64))
                        .collect()
                }
                Data::Sum(sum) => {
                    let points = sum.data_points.into_iter();
                    points
                        .map(|point| (named(point.attributes), number(point.value)))
                        .collect()
                }
                other => panic!("{other:?}"),
            };
            received.metrics.insert(metric.name, points);
        }
    }
}

fn of_resource(resource: Option<Resource>) -> Attributes {
    named(resource.unwrap().attributes)
}

/// The attributes by name.
pub fn named(attributes: Vec<KeyValue>) -> Attributes {
    let attributes = attributes.into_iter();
    attributes
        .map(|attribute| (attribute.key, text(attribute.value)))
        .collect()
}

/// A value as text.
pub fn text(value: Option<AnyValue>) -> String {
    match value.unwrap().value.unwrap() {
        any_value::Value::StringValue(text) => text,
        any_value::Value::IntValue(number) => number.to_string(),
        other => panic!("{other:?}"),
    }
}

fn number(value: Option<Value>) -> f64 {
    match value.unwrap() {
        Value::AsDouble(number) => number,
        #[expect(clippy::cast_precision_loss, reason = "the numbers of a test are small")]
        Value::AsInt(number) => number as f64,
    }
}
