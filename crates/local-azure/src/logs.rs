//! `local-azure logs`: prints the log files of the web app and of other parts.

use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use crate::app_service;
use crate::error::{Error, Result};
use crate::tail::Tail;
use crate::tutorial;

/// How often the files are checked for new lines.
const INTERVAL: Duration = Duration::from_millis(300);

/// Prints the log of a web app (by default the tutorial's), of `postgres` or of `azurite`. With `follow`, keeps printing
/// new lines until Ctrl-C.
pub async fn print(state: &Path, part: Option<&str>, follow: bool) -> Result<()> {
    let mut log = Log::open(state, part.unwrap_or(tutorial::APP))?;
    loop {
        let text = log.read()?;
        let mut output = io::stdout();
        let written = output.write_all(&text).and_then(|()| output.flush());
        // Writing fails if the reader, such as `head`, has exited.
        if written.is_err() || !follow {
            return Ok(());
        }
        tokio::time::sleep(INTERVAL).await;
    }
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
        if file.exists() {
            return Ok(Self::Part(Tail::from_start(file)));
        }
        if state.join("apps").join(part).exists() {
            return Ok(Self::App(app_service::logs(state, part)));
        }
        Err(Error::Refused(format!(
            "there is no log of {part:?} in {}: name a web app, postgres or azurite",
            state.display()
        )))
    }

    /// Returns what was written since the previous call.
    fn read(&mut self) -> Result<Vec<u8>> {
        match self {
            Self::App(logs) => {
                let lines = logs.lines().into_iter();
                Ok(lines.flat_map(|line| format!("{line}\n").into_bytes()).collect())
            }
            Self::Part(tail) => match tail.read() {
                // The log is being replaced: the next file is read from its beginning.
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
                result => result.map_err(Error::file(tail.file())),
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
        assert_eq!(log.read().unwrap(), b"one\n");
        assert_eq!(log.read().unwrap(), b"");
        fs::rename(&file, logs.join("azurite.old")).unwrap();
        assert_eq!(log.read().unwrap(), b"");
        fs::write(&file, "another line\n").unwrap();
        assert_eq!(log.read().unwrap(), b"another line\n");
        let error = Log::open(folder.path(), "nothing").err().unwrap().to_string();
        assert!(error.contains("there is no log of \"nothing\""), "{error}");
    }
}
