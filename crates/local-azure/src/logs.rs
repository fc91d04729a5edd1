//! `local-azure logs`: prints the log files of the web app and of other parts.

use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use crate::app_service;
use crate::error::{Error, Result};
use crate::log_time;
use crate::state_folder::STATE_FILE;
use crate::tail::Tail;
use crate::tutorial;

/// How often the files are checked for new lines.
const INTERVAL: Duration = Duration::from_millis(300);

/// What `local-azure logs` prints.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Options {
    /// Keeps printing new lines until Ctrl-C
    #[arg(short, long)]
    pub follow: bool,
    /// Prints only the last N lines
    #[arg(short = 'n', long, value_name = "N")]
    pub lines: Option<usize>,
    /// Prints only lines since a time such as 2026-01-01T12:00:00Z, or of the last 90s, 10m, 2h or 1d
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// A web app, `postgres`, `azurite` or `control` (the requests to the control plane). Defaults to the tutorial's web
    /// app
    pub part: Option<String>,
}

/// Prints the log of a web app (by default the tutorial's), of `postgres`, of `azurite` or of the control plane, in order of
/// time.
pub async fn print(state: &Path, options: &Options) -> Result<()> {
    let since = match &options.since {
        None => String::new(),
        Some(text) => log_time::parse(text).ok_or_else(|| {
            Error::Refused(format!(
                "{text:?} is not a time: use one such as 2026-01-01T12:00:00Z, or 90s, 10m, 2h or 1d"
            ))
        })?,
    };
    if !state.join(STATE_FILE).exists() {
        return Err(Error::Refused(format!(
            "there is no Local Azure in {}",
            state.display()
        )));
    }
    let mut log = Log::open(state, options.part.as_deref().unwrap_or(tutorial::APP))?;
    let mut lines = log.read()?;
    lines.retain(|line| line.time >= since);
    let last = options.lines.unwrap_or(usize::MAX);
    lines.drain(..lines.len().saturating_sub(last));
    loop {
        let mut output = io::stdout().lock();
        let written = lines.iter().try_for_each(|line| writeln!(output, "{}", line.text));
        // Writing fails if the reader, such as `head`, has exited.
        if written.is_err() || !options.follow {
            return Ok(());
        }
        tokio::time::sleep(INTERVAL).await;
        lines = log.read()?;
    }
}

/// A line as it is printed.
struct Line {
    time: String,
    text: String,
}

enum Log {
    App(app_service::Logs),
    Part(Tail),
}

impl Log {
    fn open(state: &Path, part: &str) -> Result<Self> {
        let name = match part {
            "postgres" => format!("postgres-{}", tutorial::SERVER),
            other => other.to_owned(),
        };
        let file = state.join("logs").join(format!("{name}.log"));
        if file.exists() || ["postgres", "azurite", "control"].contains(&part) {
            return Ok(Self::Part(Tail::from_start(file)));
        }
        if state.join("apps").join(part).exists() || part == tutorial::APP {
            return Ok(Self::App(app_service::logs(state, part)));
        }
        Err(Error::Refused(format!(
            "there is no log of {part:?} in {}: name a web app, postgres, azurite or control",
            state.display()
        )))
    }

    /// Returns the lines that were written since the previous call.
    fn read(&mut self) -> Result<Vec<Line>> {
        match self {
            Self::App(logs) => {
                let lines = logs.lines().into_iter().map(|line| Line {
                    text: line.to_string(),
                    time: line.time,
                });
                Ok(lines.collect())
            }
            Self::Part(tail) => match tail.read_lines() {
                // The part has not started yet, or its log is being replaced: the next file is read from its beginning.
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
                read => Ok(read
                    .map_err(Error::file(tail.file()))?
                    .into_iter()
                    .map(|text| Line {
                        time: log_time::split(&text).0,
                        text,
                    })
                    .collect()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_log_is_followed_across_a_replacement() {
        let folder = tempfile::tempdir().unwrap();
        let logs = folder.path().join("logs");
        fs::create_dir(&logs).unwrap();
        let file = logs.join("azurite.log");
        fs::write(&file, "one\n").unwrap();
        let mut log = Log::open(folder.path(), "azurite").unwrap();
        let mut texts = || {
            let lines = log.read().unwrap().into_iter();
            lines.map(|line| line.text).collect::<Vec<_>>()
        };
        assert_eq!(texts(), ["one"]);
        assert_eq!(texts(), [""; 0]);
        fs::rename(&file, logs.join("azurite.old")).unwrap();
        assert_eq!(texts(), [""; 0]);
        fs::write(&file, "another line\n").unwrap();
        assert_eq!(texts(), ["another line"]);
        let error = Log::open(folder.path(), "nothing").err().unwrap().to_string();
        assert!(error.contains("there is no log of \"nothing\""), "{error}");
    }
}
