//! How much of the site's limited resources is in use, measured when metrics are sent.

use opentelemetry::KeyValue;

use crate::app::App;
use crate::telemetry;

/// Measures this site from now on, if metrics are sent.
pub fn register(app: &App) {
    let Some(meter) = telemetry::meter() else { return };
    let site = app.clone();
    meter
        .i64_observable_up_down_counter("db.client.connection.count")
        .with_unit("{connection}")
        .with_description("Connections to PostgreSQL, by state.")
        .with_callback(move |count| {
            if let Some(connections) = site.store.connections() {
                let state = |state| [pool(), KeyValue::new("db.client.connection.state", state)];
                count.observe(whole(connections.used), &state("used"));
                count.observe(whole(connections.idle), &state("idle"));
            }
        })
        .build();
    let site = app.clone();
    meter
        .i64_observable_up_down_counter("db.client.connection.pending_requests")
        .with_unit("{request}")
        .with_description("Requests that wait for a connection to PostgreSQL.")
        .with_callback(move |pending| {
            if let Some(connections) = site.store.connections() {
                pending.observe(whole(connections.waiting), &[pool()]);
            }
        })
        .build();
    let site = app.clone();
    meter
        .i64_observable_up_down_counter("restaurant_review.form.memory")
        .with_unit("By")
        .with_description("Memory of the forms that are being received.")
        .with_callback(move |memory| memory.observe(whole(site.uploads.memory_used()), &[]))
        .build();
}

/// The name of the pool, which the conventions require with every measurement of it.
fn pool() -> KeyValue {
    KeyValue::new("db.client.connection.pool.name", "postgresql")
}

fn whole(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
