//! Log lines: for people locally, as JSON on App Service, whose log stream and queries read it.

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
    // Its line for every file of static/ says nothing that a reader needs.
    let filter = config
        .log_filter
        .clone()
        .with_target("memory_serve", tracing::Level::WARN);
    // Before the lines, not for them alone: then nobody looks it up again whenever a request's span is entered.
    tracing_subscriber::registry().with(filter).with(lines).init();
}
