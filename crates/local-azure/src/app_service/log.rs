//! The logs of a web app: the output of its instances, and the platform's messages about them.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::instance::role_instance_id;
use crate::files::open_regular;
use crate::log_time;
use crate::tail::Tail;

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The number of the instance.
    pub instance: u32,
    /// Whether the line is from the platform instead of the app.
    pub platform: bool,
    /// The time, such as `2026-01-01T00:00:00.000Z`.
    pub time: String,
    /// The text.
    pub text: String,
}

impl std::fmt::Display for LogLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let source = if self.platform { "platform" } else { "app" };
        write!(f, "{} [{} {source}] {}", self.time, self.instance, self.text)
    }
}

/// Reads the logs of one web app, which another process may be writing.
#[derive(Debug)]
pub struct Logs {
    folder: PathBuf,
    files: Vec<LogFile>,
}

#[derive(Debug)]
struct LogFile {
    instance: u32,
    platform: bool,
    tail: Tail,
    /// The time of the last line.
    time: String,
}

/// What the platform's message begins with when an instance starts, when it is ready, and when it has failed.
pub(crate) const START: &str = "Starting on port ";
pub(crate) const STARTED: &str = "Ready: ";
pub(crate) const START_FAILED: &str = "Restarting in ";

/// The suffix of the names of the platform's log files.
/// <https://learn.microsoft.com/azure/app-service/troubleshoot-diagnostic-logs>
const PLATFORM: &str = "_docker.log";
/// The suffix of the names of the files with an instance's output.
const OUTPUT: &str = "_default_docker.log";

/// The size in bytes above which a file is rotated when an instance starts.
const SIZE_LIMIT: u64 = 35 << 20;

/// The file with the output of an instance.
pub(super) fn output_file(folder: &Path, instance: u32) -> PathBuf {
    folder.join(format!("{}{OUTPUT}", role_instance_id(instance)))
}

/// The file with the platform's messages about an instance.
fn platform_file(folder: &Path, instance: u32) -> PathBuf {
    folder.join(format!("{}{PLATFORM}", role_instance_id(instance)))
}

/// Logs a platform message about an instance.
pub(super) fn log_platform(folder: &Path, instance: u32, message: &str) {
    append(&platform_file(folder, instance), message);
}

/// Appends lines to a log, each with the time. A full disk must not stop what is logged, so an error is only reported.
pub(super) fn append(file: &Path, message: &str) {
    let now = log_time::now();
    let mut text = String::new();
    for line in message.lines() {
        let _ = writeln!(text, "{now} {line}");
    }
    let opened = open_regular(File::options().create(true).append(true), file);
    if let Err(error) = opened.and_then(|mut file| file.write_all(text.as_bytes())) {
        tracing::warn!("{}: {error}", file.display());
    }
}

/// Rotates an instance's log files if they are too large. Returns a tail that starts at the current end of its output.
pub(super) fn start_output(folder: &Path, instance: u32) -> io::Result<Tail> {
    let output = output_file(folder, instance);
    for file in [platform_file(folder, instance), output.clone()] {
        if fs::metadata(&file).is_ok_and(|metadata| metadata.len() > SIZE_LIMIT) {
            let _ = fs::rename(&file, file.with_extension("old"));
        }
    }
    Tail::from_end(output)
}

/// The last lines that were appended to the output, without their times.
pub(super) fn last_lines(output: &mut Tail, count: usize) -> Vec<String> {
    let bytes = output.read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().map(|line| log_time::split(line).1.to_owned()).collect();
    lines[lines.len().saturating_sub(count)..].to_vec()
}

impl Logs {
    /// Opens the logs in an app's `LogFiles`, at their beginning.
    pub(super) fn open(folder: PathBuf) -> Self {
        Self {
            folder,
            files: Vec::new(),
        }
    }

    /// Returns the complete lines that were written since the last call, in order of time. The lines of one file keep
    /// their order.
    pub fn lines(&mut self) -> Vec<LogLine> {
        self.find_files();
        let mut lines = Vec::new();
        for file in &mut self.files {
            for line in file.tail.read_lines().unwrap_or_default() {
                let (time, text) = log_time::split(&line);
                if !time.is_empty() {
                    file.time = time;
                }
                lines.push(LogLine {
                    instance: file.instance,
                    platform: file.platform,
                    time: file.time.clone(),
                    text: text.to_owned(),
                });
            }
        }
        lines.sort_by(|a, b| a.time.cmp(&b.time));
        lines
    }

    fn find_files(&mut self) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()) {
            let Some((instance, platform)) = parse_name(&path) else {
                continue;
            };
            if self.files.iter().all(|file| file.tail.file() != path) {
                self.files.push(LogFile {
                    instance,
                    platform,
                    tail: Tail::from_start(path),
                    time: String::new(),
                });
            }
        }
        self.files.sort_by_key(|file| (file.instance, !file.platform));
    }
}

/// The instance of a log file, and whether it contains the platform's messages.
fn parse_name(file: &Path) -> Option<(u32, bool)> {
    let name = file.file_name()?.to_str()?.strip_prefix("lw")?;
    let (number, platform) = match name.strip_suffix(OUTPUT) {
        Some(number) => (number, false),
        None => (name.strip_suffix(PLATFORM)?, true),
    };
    Some((number.parse().ok()?, platform))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complete_lines_are_returned_once_in_order_of_time() {
        let folder = tempfile::tempdir().unwrap();
        let mut logs = Logs::open(folder.path().to_owned());
        assert_eq!(logs.lines(), []);
        log_platform(folder.path(), 1, "Starting");
        let mut started = start_output(folder.path(), 1).unwrap();
        let output = output_file(folder.path(), 1);
        let append = |text: &str| {
            let mut file = File::options().create(true).append(true).open(&output).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        };
        append("2000-01-01T00:00:00.000Z one\n2999-01-01T00:00:00.000Z tw");
        let lines = logs.lines();
        assert_eq!(lines[0].to_string(), "2000-01-01T00:00:00.000Z [1 app] one");
        assert_eq!((lines[1].platform, lines[1].text.as_str()), (true, "Starting"));
        assert_eq!(last_lines(&mut started, 1), ["tw"]);
        append("o\n");
        let line = LogLine {
            instance: 1,
            platform: false,
            time: "2999-01-01T00:00:00.000Z".to_owned(),
            text: "two".to_owned(),
        };
        assert_eq!(logs.lines(), [line]);
        fs::write(&output, "new\n").unwrap();
        assert_eq!(logs.lines()[0].text, "new");
    }

    #[test]
    fn only_the_output_of_the_last_start_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let output = output_file(folder.path(), 1);
        fs::write(&output, "earlier\none\ntw").unwrap();
        let mut started = start_output(folder.path(), 1).unwrap();
        assert_eq!(last_lines(&mut started, 9), [""; 0]);
        let mut opened = File::options().append(true).open(&output).unwrap();
        opened.write_all(b"one\ntwo\nthr").unwrap();
        assert_eq!(last_lines(&mut started, 2), ["two", "thr"]);
    }
}
