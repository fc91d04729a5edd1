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
    // memory_serve logs a line for every file in static/, which is not useful.
    let filter = config
        .log_filter
        .clone()
        .with_target("memory_serve", tracing::Level::WARN);
    // The filter belongs to the whole subscriber. A filter on one layer would be consulted each time a span is entered.
    tracing_subscriber::registry().with(filter).with(lines).init();
}
