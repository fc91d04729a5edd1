//! Log lines: as text on a development machine, as JSON on App Service, whose log stream and queries read JSON.

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::config::Config;

/// Starts logging to standard output.
pub fn init(config: &Config) {
    let lines = if config.is_production() {
        fmt::layer().json().flatten_event(true).boxed()
    } else {
        fmt::layer()
            .with_target(false)
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stdout()))
            .boxed()
    };
    // It logs a line for every file in static/, which is of no use.
    let filter = config
        .log_filter
        .clone()
        .with_target("memory_serve", tracing::Level::WARN);
    // A filter of the whole subscriber, not of one layer: a filter of a layer would be asked on every entry of a span.
    tracing_subscriber::registry().with(filter).with(lines).init();
}
