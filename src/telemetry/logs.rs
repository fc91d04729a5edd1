//! The site's own log lines, as they are sent. Lines of other crates are not: they may show headers, addresses or SQL.

use std::fmt::{Debug, Write as _};
use std::time::SystemTime;

use opentelemetry::Context;
use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, Severity};
use opentelemetry::trace::{SpanContext, TraceContextExt as _};
use opentelemetry_sdk::logs::SdkLogger;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context as LayerContext;
use tracing_subscriber::registry::LookupSpan;

use super::names::{ONLY_HERE, REQUEST_SPAN};
use super::sending::logger;

/// The crates whose lines are sent. Those of others may have anything.
const CRATES: [&str; 2] = ["restaurant_review", "entra_postgres"];

/// The fields that are sent. Others may name a photo or a person.
const FIELDS: [&str; 9] = [
    "cause",
    "duration_ms",
    "error",
    "folded",
    "last_token_valid_seconds",
    "lost",
    "refused",
    "scope",
    "status",
];

/// A word with this many letters and digits in a row may be a key or a token.
const KEY_LENGTH: usize = 32;

/// Sends log lines.
pub struct Exported(SdkLogger);

impl Exported {
    /// The layer that sends log lines, if they have a receiver.
    #[must_use]
    pub fn layer() -> Option<Self> {
        logger().map(Self)
    }
}

/// The request that a span belongs to.
struct InRequest {
    trace: SpanContext,
    id: Option<AnyValue>,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Exported {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: LayerContext<'_, S>) {
        if attributes.metadata().name() != REQUEST_SPAN {
            return;
        }
        let mut fields = Fields::named(&["id"]);
        attributes.record(&mut fields);
        let request = InRequest {
            trace: Context::map_current(|context| context.span().span_context().clone()),
            id: fields.others.pop().map(|(_, id)| id),
        };
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(request);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: LayerContext<'_, S>) {
        let target = event.metadata().target();
        let name = target.split("::").next().unwrap_or_default();
        if !CRATES.contains(&name) || target == ONLY_HERE {
            return;
        }
        let mut fields = Fields::named(&FIELDS);
        event.record(&mut fields);
        let mut record = self.0.create_log_record();
        record.set_timestamp(SystemTime::now());
        record.set_target(target);
        let level = event.metadata().level();
        record.set_severity_number(severity(*level));
        record.set_severity_text(level.as_str());
        record.set_body(fields.message.into());
        record.add_attributes(fields.others);
        let spans = context.event_scope(event).into_iter().flatten();
        for span in spans {
            if let Some(request) = span.extensions().get::<InRequest>() {
                if request.trace.is_valid() {
                    let trace = &request.trace;
                    record.set_trace_context(trace.trace_id(), trace.span_id(), Some(trace.trace_flags()));
                }
                if let Some(id) = &request.id {
                    record.add_attribute("request.id", id.clone());
                }
            }
        }
        self.0.emit(record);
    }
}

fn severity(level: Level) -> Severity {
    match level {
        Level::ERROR => Severity::Error,
        Level::WARN => Severity::Warn,
        Level::INFO => Severity::Info,
        Level::DEBUG => Severity::Debug,
        Level::TRACE => Severity::Trace,
    }
}

/// The message, and the fields with one of these names.
struct Fields {
    names: &'static [&'static str],
    message: String,
    others: Vec<(&'static str, AnyValue)>,
}

impl Fields {
    fn named(names: &'static [&'static str]) -> Self {
        Self {
            names,
            message: String::new(),
            others: Vec::new(),
        }
    }

    fn add(&mut self, field: &Field, value: impl Into<AnyValue>) {
        if self.names.contains(&field.name()) {
            self.others.push((field.name(), value.into()));
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.message = without_keys(&format!("{value:?}"));
        } else {
            self.record_str(field, &format!("{value:?}"));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, without_keys(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, i64::try_from(value).unwrap_or(i64::MAX));
    }
}

/// The text without names of photos, and without words that may be keys or tokens.
fn without_keys(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for part in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c)) {
        let word = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c));
        let mut runs = word.split(['-', '_', '.']);
        if word.contains(".jpg") || runs.any(|run| run.len() >= KEY_LENGTH) {
            let _ = write!(safe, "[hidden]{}", &part[word.len()..]);
        } else {
            safe.push_str(part);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_photos_are_hidden() {
        let key = "0a1b".repeat(16);
        let photo = uuid::Uuid::new_v4();
        for (text, safe) in [
            (
                format!("http://h/admin/enter/{key}"),
                "http://h/admin/enter/[hidden]".to_owned(),
            ),
            (format!("{key}, twice: {key}"), "[hidden], twice: [hidden]".to_owned()),
            (
                format!("/data/{photo}-thumb.jpg: no room"),
                "/data/[hidden]: no room".to_owned(),
            ),
            (format!("Bearer {key}.{key}-{key}"), "Bearer [hidden]".to_owned()),
        ] {
            assert_eq!(without_keys(&text), safe);
        }
        let plain =
            format!("404 BlobNotFound, request {photo} – é: https://contoso-db.postgres.database.azure.com:5432");
        assert_eq!(without_keys(&plain), plain);
    }
}
