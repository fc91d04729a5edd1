//! The figures of a soak as a table, which may be written into a document.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use time::OffsetDateTime;

use super::journal::{Figures, Journal, NO_FAULT};
use super::options::Options;

/// Prints the figures of the soak with that name, and writes them into the document.
pub fn publish(name: &str, journal: &Journal, options: &Options) {
    let table = table(&journal.figures(), options);
    println!("{name}: {table}");
    if let Some(document) = &options.report {
        write_into(document, name, &table);
    }
}

/// The table, and the run that it comes from.
fn table(figures: &BTreeMap<&'static str, Figures>, options: &Options) -> String {
    let minutes = options.length.as_secs() / 60;
    let mut text = format!(
        "{}, {minutes} minutes, seed {}, {}, {}.\n\n\
         | Fault | Times | Acknowledged | Lost | Doubled | Given up | Seconds to recover: median, most | What visitors got |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n",
        OffsetDateTime::now_utc().date(),
        options.seed,
        if cfg!(debug_assertions) {
            "debug build"
        } else {
            "release build"
        },
        machine(),
    );
    let faults = figures.iter().filter(|(name, _)| **name != NO_FAULT);
    for (name, figures) in faults.chain(figures.get_key_value(NO_FAULT)) {
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {} | {} | {} | {} |",
            if *name == NO_FAULT {
                String::new()
            } else {
                figures.times.to_string()
            },
            figures.acknowledged,
            figures.lost,
            figures.doubled,
            figures.given_up,
            seconds(&figures.recoveries),
            answers(&figures.answers),
        );
    }
    let sum = |of: fn(&Figures) -> u64| figures.values().map(of).sum::<u64>();
    let _ = writeln!(
        text,
        "| **all** | {} | {} | {} | {} | {} | | |",
        figures.values().map(|figures| figures.times).sum::<u32>(),
        sum(|figures| figures.acknowledged),
        sum(|figures| figures.lost),
        sum(|figures| figures.doubled),
        sum(|figures| figures.given_up),
    );
    text
}

fn seconds(recoveries: &[Duration]) -> String {
    let mut sorted = recoveries.to_vec();
    sorted.sort();
    match (sorted.get(sorted.len() / 2), sorted.last()) {
        (Some(median), Some(most)) => format!("{:.1}, {:.1}", median.as_secs_f64(), most.as_secs_f64()),
        _ => String::new(),
    }
}

fn answers(answers: &BTreeMap<Option<u16>, u64>) -> String {
    let all: u64 = answers.values().sum();
    // Those without an answer come last.
    let mut sorted: Vec<_> = answers.iter().collect();
    sorted.sort_by_key(|(status, _)| status.unwrap_or(u16::MAX));
    let answers = sorted.into_iter().map(|(status, count)| {
        let status = status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        #[expect(clippy::cast_precision_loss, reason = "a percentage with one decimal")]
        let percent = *count as f64 * 100.0 / all as f64;
        format!("{status}: {count} ({percent:.1} %)")
    });
    answers.collect::<Vec<_>>().join(", ")
}

/// What the figures depend on.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = memory.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok());
    let gib = kib.unwrap_or_default() >> 20;
    format!("{cores} cores, {gib} GiB of memory")
}

/// Replaces what is between the two comments with that name in a document.
fn write_into(document: &Path, name: &str, text: &str) {
    let old = fs::read_to_string(document).unwrap();
    let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
    let (before, rest) = old.split_once(&begin).expect("the document has the first comment");
    let (_, after) = rest.split_once(&end).expect("the document has the second comment");
    fs::write(document, format!("{before}{begin}\n{text}\n{end}{after}")).unwrap();
}
