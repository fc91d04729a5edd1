//! A span for each request to Azure, which carries the trace on (`traceparent`, `tracestate`). The address of a blob has the name of a
//! photo, so only the host is sent.

use std::sync::Arc;

use async_trait::async_trait;
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{ClientOptions, Context as CallContext, Request};
use opentelemetry::trace::{FutureExt as _, SpanKind, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::SdkTracer;

use super::sending::tracer;
use super::trace_state::TraceState;

/// The options of a client for Azure. Without traces, these are the default ones.
#[must_use]
pub fn client_options() -> ClientOptions {
    let mut options = ClientOptions::default();
    if let Some(tracer) = tracer() {
        options.per_try_policies.push(Arc::new(Traced(tracer)));
    }
    options
}

#[derive(Debug)]
struct Traced(SdkTracer);

#[async_trait]
impl Policy for Traced {
    async fn send(&self, call: &CallContext, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        let method = request.method().as_str().to_owned();
        let mut attributes = vec![KeyValue::new("http.request.method", method.clone())];
        if let Some(host) = request.url().host_str() {
            attributes.push(KeyValue::new("server.address", host.to_owned()));
        }
        let span = self.0.span_builder(method).with_kind(SpanKind::Client);
        let context = Context::current_with_span(span.with_attributes(attributes).start(&self.0));
        let span = context.span();
        let trace = span.span_context();
        let parent = format!(
            "00-{}-{}-{:02x}",
            trace.trace_id(),
            trace.span_id(),
            trace.trace_flags()
        );
        request.insert_header("traceparent", parent);
        if let Some(state) = context.get::<TraceState>() {
            let (name, value) = state.header();
            request.insert_header(name, value);
        }

        let (policy, rest) = next.split_first().expect("a pipeline ends with its transport");
        let result = policy.send(call, request, rest).with_context(context.clone()).await;
        let problem = match &result {
            Ok(response) => {
                let status = u16::from(response.status());
                span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
                (status >= 400).then(|| status.to_string())
            }
            // The message of the error may have the address.
            Err(_) => Some("_OTHER".to_owned()),
        };
        if let Some(problem) = problem {
            span.set_attribute(KeyValue::new("error.type", problem));
            span.set_status(Status::error(""));
        }
        span.end();
        result
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use azure_core::http::headers::{HeaderName, Headers};
    use azure_core::http::{AsyncRawResponse, Method, StatusCode};
    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::trace::SdkTracerProvider;

    use super::*;

    /// Keeps the parent that a request names, and what is noted about the trace.
    #[derive(Debug, Default)]
    struct Kept(Mutex<[Option<String>; 2]>);

    #[async_trait]
    impl Policy for Kept {
        async fn send(&self, _: &CallContext, request: &mut Request, _: &[Arc<dyn Policy>]) -> PolicyResult {
            let headers = request.headers();
            *self.0.lock().unwrap() =
                ["traceparent", "tracestate"].map(|name| headers.get_optional_string(&HeaderName::from_static(name)));
            Ok(AsyncRawResponse::from_bytes(
                StatusCode::Created,
                Headers::new(),
                Vec::new(),
            ))
        }
    }

    #[tokio::test]
    async fn a_request_names_its_own_span_in_the_trace() {
        let tracer = SdkTracerProvider::builder().build().tracer("test");
        let headers = [("tracestate".parse().unwrap(), "rojo=00f067aa0ba902b7".parse().unwrap())];
        let state = TraceState::of(&headers.into_iter().collect()).unwrap();
        let page = Context::new().with_value(state).with_span(tracer.start("a page"));
        let kept = Arc::new(Kept::default());
        let next: [Arc<dyn Policy>; 1] = [kept.clone()];
        let url = "https://contoso.blob.core.windows.net/photos/a.jpg".parse().unwrap();
        let mut request = Request::new(url, Method::Put);
        let (policy, call) = (Traced(tracer), CallContext::default());
        let sending = policy.send(&call, &mut request, &next);
        sending.with_context(page.clone()).await.unwrap();
        let [parent, state] = kept.0.lock().unwrap().clone();
        assert_eq!(state.as_deref(), Some("rojo=00f067aa0ba902b7"));
        let parent = parent.unwrap();
        let (page, parts) = (page.span(), parent.split('-').collect::<Vec<_>>());
        let page = page.span_context();
        assert_eq!(
            (parts[0], parts[1], parts[3]),
            ("00", page.trace_id().to_string().as_str(), "01")
        );
        assert_ne!(parts[2], page.span_id().to_string());
    }
}
