//! A span for the statements that a request sends to PostgreSQL, by the conventions for databases:
//! <https://opentelemetry.io/docs/specs/semconv/db/database-spans/>. The conventions also name the text of a statement.
//! It is not sent: the span of the request names the route, whose SQL is in this repository.

use opentelemetry::trace::{Span as _, SpanKind, Status, TraceContextExt, Tracer as _};
use opentelemetry::{Context, KeyValue};
use sqlx::error::DatabaseError;
use sqlx::postgres::PgConnectOptions;

use super::sending::tracer;

/// The result of these statements, which a server of these options carries out. Those that no traced request has caused
/// get no span.
pub async fn of_statements<T>(
    options: &PgConnectOptions,
    statements: impl Future<Output = sqlx::Result<T>>,
) -> sqlx::Result<T> {
    let Some(tracer) = tracer().filter(|_| Context::map_current(TraceContextExt::has_active_span)) else {
        return statements.await;
    };
    let mut attributes = vec![
        KeyValue::new("db.system.name", "postgresql"),
        KeyValue::new("server.address", options.get_host().to_owned()),
    ];
    if let Some(database) = options.get_database() {
        attributes.push(KeyValue::new("db.namespace", database.to_owned()));
    }
    let span = tracer.span_builder("postgresql").with_kind(SpanKind::Client);
    let mut span = span.with_attributes(attributes).start(&tracer);
    let result = statements.await;
    if let Err(error) = &result {
        // The message of the error may have what a visitor typed.
        let code = error.as_database_error().and_then(DatabaseError::code);
        let code = code.unwrap_or("_OTHER".into()).into_owned();
        span.set_attribute(KeyValue::new("error.type", code));
        span.set_status(Status::error(""));
    }
    span.end();
    result
}
