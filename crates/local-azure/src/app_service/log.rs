//! The logs of a web app: what its instances say, and what the platform says of them.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::startup::role_instance;

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The number of the instance that it is about.
    pub instance: u32,
    /// Whether the platform says it, and not the app.
    pub platform: bool,
    /// What it says.
    pub text: String,
}

impl std::fmt::Display for LogLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let who = if self.platform { "platform" } else { "app" };
        write!(f, "[{} {who}] {}", self.instance, self.text)
    }
}

/// The logs of one web app, read from where the last reading ended. The files may be written by another process.
#[derive(Debug)]
pub struct Logs {
    folder: PathBuf,
    /// How far each file was read.
    read: Vec<(PathBuf, u64)>,
}

/// The names of the files end so: those of the platform come first.
/// <https://learn.microsoft.com/azure/app-service/troubleshoot-diagnostic-logs>
const PLATFORM: &str = "_docker.log";
const OUTPUT: &str = "_default_docker.log";

/// A file that has grown beyond this, in bytes, is put aside when an instance starts.
const SIZE_LIMIT: u64 = 35 << 20;

/// The file of what an instance says.
pub(super) fn output_file(folder: &Path, instance: u32) -> PathBuf {
    folder.join(format!("{}{OUTPUT}", role_instance(instance)))
}

/// The file of what the platform says of an instance.
fn platform_file(folder: &Path, instance: u32) -> PathBuf {
    folder.join(format!("{}{PLATFORM}", role_instance(instance)))
}

/// Adds to what the platform says of an instance.
pub(super) fn say(folder: &Path, instance: u32, what: &str) {
    let now = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
    let mut text = String::new();
    for line in what.lines() {
        let _ = writeln!(text, "{now} {line}");
    }
    let file = platform_file(folder, instance);
    let opened = File::options().create(true).append(true).open(&file);
    if let Err(error) = opened.and_then(|mut file| file.write_all(text.as_bytes())) {
        tracing::warn!("{}: {error}", file.display());
    }
}

/// Puts files aside that have grown too large; how long the output is now.
pub(super) fn begin(folder: &Path, instance: u32) -> u64 {
    let length = |file: &Path| fs::metadata(file).map_or(0, |metadata| metadata.len());
    let output = output_file(folder, instance);
    for file in [platform_file(folder, instance), output.clone()] {
        if length(&file) > SIZE_LIMIT {
            let _ = fs::rename(&file, file.with_extension("old"));
        }
    }
    length(&output)
}

/// The last lines that an instance has said since that length.
pub(super) fn last_lines(folder: &Path, instance: u32, since: u64, count: usize) -> Vec<String> {
    let mut reader = (output_file(folder, instance), since);
    let lines = read_on(&mut reader, true);
    lines[lines.len().saturating_sub(count)..].to_vec()
}

impl Logs {
    /// The logs in the `LogFiles` of an app, from their beginning.
    pub(super) fn open(folder: PathBuf) -> Self {
        Self {
            folder,
            read: Vec::new(),
        }
    }

    /// The whole lines that have come since the last call: those of one file in their order; of an instance, the
    /// platform's first.
    pub fn lines(&mut self) -> Vec<LogLine> {
        self.find_files();
        let mut lines = Vec::new();
        for reader in &mut self.read {
            let Some((instance, platform)) = meaning(&reader.0) else {
                continue;
            };
            lines.extend(read_on(reader, false).into_iter().map(|text| LogLine {
                instance,
                platform,
                text,
            }));
        }
        lines
    }

    fn find_files(&mut self) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for file in entries.map(|entry| entry.path()) {
            if meaning(&file).is_some() && self.read.iter().all(|(known, _)| *known != file) {
                self.read.push((file, 0));
            }
        }
        let rank = |file: &Path| meaning(file).map(|(instance, platform)| (instance, !platform));
        self.read.sort_by_key(|(file, _)| rank(file));
    }
}

/// Which instance a file is of, and whether it is the platform's.
fn meaning(file: &Path) -> Option<(u32, bool)> {
    let name = file.file_name()?.to_str()?.strip_prefix("lw")?;
    let (number, platform) = match name.strip_suffix(OUTPUT) {
        Some(number) => (number, false),
        None => (name.strip_suffix(PLATFORM)?, true),
    };
    Some((number.parse().ok()?, platform))
}

/// The lines from there on, and the end of the last; `partial`: a line without an end counts too.
fn read_on((file, position): &mut (PathBuf, u64), partial: bool) -> Vec<String> {
    let mut bytes = Vec::new();
    let Ok(mut opened) = File::open(file) else {
        return Vec::new();
    };
    if opened.metadata().is_ok_and(|metadata| metadata.len() < *position) {
        *position = 0;
    }
    if opened.seek(SeekFrom::Start(*position)).is_err() || opened.read_to_end(&mut bytes).is_err() {
        return Vec::new();
    }
    if !partial {
        let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        bytes.truncate(end);
    }
    *position += bytes.len() as u64;
    String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_once_and_whole() {
        let folder = tempfile::tempdir().unwrap();
        let mut logs = Logs::open(folder.path().to_owned());
        assert_eq!(logs.lines(), []);
        say(folder.path(), 1, "Starting");
        let output = output_file(folder.path(), 1);
        fs::write(&output, "one\ntw").unwrap();
        let lines: Vec<_> = logs.lines().iter().map(ToString::to_string).collect();
        assert!(
            lines[0].starts_with("[1 platform] 2") && lines[0].ends_with(" Starting"),
            "{lines:?}"
        );
        assert_eq!(lines[1..], ["[1 app] one"]);
        assert_eq!(last_lines(folder.path(), 1, 2, 9), ["e", "tw"]);
        File::options()
            .append(true)
            .open(&output)
            .unwrap()
            .write_all(b"o\n")
            .unwrap();
        let line = LogLine {
            instance: 1,
            platform: false,
            text: "two".to_owned(),
        };
        assert_eq!(logs.lines(), [line]);
        fs::write(&output, "new\n").unwrap();
        assert_eq!(logs.lines()[0].text, "new");
    }
}
