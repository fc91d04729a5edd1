//! Log lines: as text on a development machine, as JSON on App Service, whose log stream and queries read JSON.
//!
//! A thread of its own writes them. A reader of standard output that stops reading therefore stops no request; it only
//! loses lines.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;
use std::panic::PanicHookInfo;
use std::time::Duration;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::config::Config;
use crate::log_queue::Queue;
use crate::telemetry::Exported;

/// How often the log says how many lines it lost.
const LOSSES_EVERY: Duration = Duration::from_secs(5);
/// How long the end of the process may wait for the lines that are left.
const END_LIMIT: Duration = Duration::from_secs(1);

/// A log that has started.
pub struct Log(Queue);

/// Starts logging to standard output, and to the receiver of logs if there is one.
#[must_use]
pub fn init(config: &Config) -> Log {
    let queue = Queue::before(io::stdout());
    start(config, queue.clone());
    std::panic::set_hook(Box::new(log_panic));
    tokio::spawn(report_losses(queue.clone()));
    Log(queue)
}

impl Log {
    /// Writes the lines that are left, unless that takes too long.
    pub async fn finish(self) {
        let written = tokio::task::spawn_blocking(move || self.0.finish());
        let _ = tokio::time::timeout(END_LIMIT, written).await;
    }
}

fn start(config: &Config, queue: Queue) {
    let out = move || Escaping(queue.clone());
    let lines = if config.is_production() {
        fmt::layer().json().flatten_event(true).with_writer(out).boxed()
    } else {
        fmt::layer()
            .with_target(false)
            .with_writer(out)
            .with_ansi(io::IsTerminal::is_terminal(&io::stdout()))
            .boxed()
    };
    // memory_serve logs a line for every file in static/, which is not useful.
    let filter = config
        .log_filter
        .clone()
        .with_target("memory_serve", tracing::Level::WARN);
    // The filter belongs to the whole subscriber. A filter on one layer would be consulted each time a span is entered.
    let log = tracing_subscriber::registry().with(filter).with(lines);
    match Exported::layer() {
        Some(exported) => log.with(exported).init(),
        None => log.init(),
    }
}

/// Logs a panic like every other error. The standard hook would write to standard error, which may be stuck too.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let cause = panic.payload_as_str().unwrap_or("not a text");
    tracing::error!(cause, place, "a panic");
}

/// Logs how many lines were lost, whenever that number has grown.
async fn report_losses(queue: Queue) {
    let mut reported = 0;
    loop {
        tokio::time::sleep(LOSSES_EVERY).await;
        let lost = queue.lost();
        if lost > reported {
            tracing::warn!(
                lost,
                "log lines have been lost since the start: standard output was read too slowly, or not at all"
            );
            // Otherwise this line may be among the lost ones.
            if queue.lost() == lost {
                reported = lost;
            }
        }
    }
}

/// Writes lines without the characters that could disguise them: those that some programs take for the end of a line,
/// those that control a terminal, and those that turn the direction of the text around.
struct Escaping<W>(W);

impl<W: io::Write> io::Write for Escaping<W> {
    /// Writes a line. The formats of `tracing_subscriber` hand over one at a time.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match std::str::from_utf8(line) {
            Ok(text) => self.0.write_all(escaped(text).as_bytes())?,
            Err(_) => self.0.write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The line with such characters escaped as in JSON, in which they are always part of a string.
fn escaped(line: &str) -> Cow<'_, str> {
    if !line.contains(is_disguise) {
        return Cow::Borrowed(line);
    }
    let mut escaped = String::with_capacity(line.len() + 16);
    for c in line.chars() {
        if is_disguise(c) {
            let _ = write!(escaped, "\\u{:04x}", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// Whether the formats leave this character as it is, although it may change how the line looks.
fn is_disguise(c: char) -> bool {
    matches!(
        c,
        '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::Registry;

    use super::*;

    /// Keeps what is written.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The log of an event with this text as its message, as its fields, and as a field of its span.
    fn log(text: &str, layer: impl FnOnce(Kept) -> Box<dyn Layer<Registry> + Send + Sync>) -> String {
        let kept = Kept::default();
        let subscriber = tracing_subscriber::registry().with(layer(kept.clone()));
        tracing::subscriber::with_default(subscriber, || {
            let _span = tracing::info_span!("request", path = text).entered();
            tracing::error!(cause = text, other = %text, debugged = ?text, "{text}");
        });
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn no_character_disguises_a_line() {
        let characters = ('\u{7f}'..='\u{9f}')
            .chain(['\u{61c}', '\u{200e}', '\u{200f}'])
            .chain('\u{2028}'..='\u{202e}')
            .chain('\u{2066}'..='\u{2069}');
        for c in characters {
            let text = format!("before{c}after");
            let json = log(&text, |kept| {
                let json = fmt::layer().json().flatten_event(true);
                json.with_writer(move || Escaping(kept.clone())).boxed()
            });
            let plain = log(&text, |kept| {
                let plain = fmt::layer().with_ansi(false);
                plain.with_writer(move || Escaping(kept.clone())).boxed()
            });
            for line in [&json, &plain] {
                assert!(!line.contains(c), "{c:?} in {line}");
                assert_eq!(line.lines().count(), 1, "{c:?} in {line}");
            }
            // Whoever reads the JSON still gets what was sent.
            let event: serde_json::Value = serde_json::from_str(&json).unwrap();
            for value in [
                &event["message"],
                &event["cause"],
                &event["other"],
                &event["span"]["path"],
            ] {
                assert_eq!(value, &text);
            }
        }
    }

    #[test]
    fn other_characters_stay_as_they_are() {
        let line = "Zoë's 東京 café \u{1b}[2m12:00\u{1b}[0m – \u{a0}\u{200d}\n";
        assert!(matches!(escaped(line), Cow::Borrowed(text) if text == line));
    }
}
