//! A span and a measurement for each request, by the conventions for HTTP servers:
//! <https://opentelemetry.io/docs/specs/semconv/http/http-spans/>. A path may hold the key of a private link, and a query
//! what a visitor searches for. So neither is sent, although the conventions name them: only the route.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, Method};
use axum::middleware::{Next, from_fn_with_state, map_request};
use axum::response::Response;
use opentelemetry::metrics::Histogram;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{FutureExt as _, SpanKind, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracer;

use super::sending::{is_on, meter, tracer};
use super::trace_state::TraceState;

const TRACEPARENT: &str = "traceparent";
const METHOD: &str = "http.request.method";
const ROUTE: &str = "http.route";
const STATUS: &str = "http.response.status_code";
const ERROR: &str = "error.type";
const SCHEME: &str = "url.scheme";

/// The upper bounds of the ranges in which durations are counted, in seconds, as the conventions advise.
const BOUNDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// What observes requests.
#[derive(Clone)]
struct Observer {
    tracer: Option<SdkTracer>,
    /// How long requests take until the head of their response.
    durations: Option<Histogram<f64>>,
    scheme: &'static str,
}

impl Observer {
    fn new(is_https: bool) -> Self {
        let durations = meter().map(|meter| {
            let durations = meter.f64_histogram("http.server.request.duration").with_unit("s");
            let durations = durations.with_description("Duration of HTTP server requests.");
            durations.with_boundaries(BOUNDS.to_vec()).build()
        });
        Self {
            tracer: tracer(),
            durations,
            scheme: if is_https { "https" } else { "http" },
        }
    }
}

/// The route of a request, known once the request has reached it.
#[derive(Clone, Default)]
struct Route(Arc<OnceLock<MatchedPath>>);

/// Adds the layer that observes requests around `layers`, which the caller puts around the routes. Without telemetry,
/// adds nothing. `is_https` says how visitors reach the site.
pub fn around(routes: Router, is_https: bool, layers: impl FnOnce(Router) -> Router) -> Router {
    if is_on() {
        let observer = Observer::new(is_https);
        layers(routes.layer(map_request(note_route))).layer(from_fn_with_state(observer, observe))
    } else {
        layers(routes)
    }
}

/// Tells the outer layer which route the request has taken.
async fn note_route(request: Request) -> Request {
    let (route, path) = (
        request.extensions().get::<Route>(),
        request.extensions().get::<MatchedPath>(),
    );
    if let (Some(route), Some(path)) = (route, path) {
        let _ = route.0.set(path.clone());
    }
    request
}

async fn observe(State(observer): State<Observer>, mut request: Request, next: Next) -> Response {
    let scheme = observer.scheme;
    let start = Instant::now();
    let method = known(request.method());
    let route = Route::default();
    request.extensions_mut().insert(route.clone());
    let context = observer.tracer.map(|tracer| {
        let span = tracer.span_builder(method).with_kind(SpanKind::Server);
        let span = span.with_attributes([KeyValue::new(METHOD, method), KeyValue::new(SCHEME, scheme)]);
        let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &Parent(request.headers()));
        let span = tracer.build_with_context(span, &parent);
        match TraceState::of(request.headers()).filter(|_| parent.has_active_span()) {
            Some(state) => parent.with_value(state).with_span(span),
            None => parent.with_span(span),
        }
    });
    let response = match &context {
        Some(context) => next.run(request).with_context(context.clone()).await,
        None => next.run(request).await,
    };

    let status = response.status();
    let mut outcome = vec![KeyValue::new(STATUS, i64::from(status.as_u16()))];
    if status.is_server_error() {
        outcome.push(KeyValue::new(ERROR, status.as_str().to_owned()));
    }
    let path = route.0.get().map(|path| path.as_str().to_owned());
    if let Some(path) = &path {
        outcome.push(KeyValue::new(ROUTE, path.clone()));
    }
    if let Some(context) = context {
        let span = context.span();
        if let Some(path) = path {
            span.update_name(format!("{method} {path}"));
        }
        if status.is_server_error() {
            span.set_status(Status::error(""));
        }
        span.set_attributes(outcome.iter().cloned());
        span.end();
    }
    if let Some(durations) = observer.durations {
        outcome.extend([KeyValue::new(METHOD, method), KeyValue::new(SCHEME, scheme)]);
        durations.record(start.elapsed().as_secs_f64(), &outcome);
    }
    response
}

/// The method, if it is a usual one. A client may invent others.
fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        "CONNECT" => "CONNECT",
        "TRACE" => "TRACE",
        _ => "_OTHER",
    }
}

/// The trace that the sender of a request is part of. What else it says about the trace is a [`TraceState`].
struct Parent<'a>(&'a HeaderMap);

impl Extractor for Parent<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.0.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) if name == TRACEPARENT => value.to_str().ok(),
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}
