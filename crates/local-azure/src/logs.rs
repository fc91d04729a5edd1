//! `local-azure logs`: what the web app and the parts say, read from their files.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{Error, Result, app_service, world};

/// How often new lines are looked for.
const INTERVAL: Duration = Duration::from_millis(300);

/// Prints the log of a web app (the tutorial's by default) or of a part (`postgres`, `azurite`); with `follow`, goes on
/// until Ctrl-C.
pub async fn print(state: &Path, part: Option<&str>, follow: bool) -> Result<()> {
    let mut log = Log::open(state, part.unwrap_or(world::APP))?;
    loop {
        let text = log.read()?;
        // A reader such as `head` may have gone.
        if io::stdout()
            .write_all(&text)
            .and_then(|()| io::stdout().flush())
            .is_err()
            || !follow
        {
            return Ok(());
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

enum Log {
    App(app_service::Logs),
    Part { file: PathBuf, read: usize },
}

impl Log {
    fn open(state: &Path, part: &str) -> Result<Self> {
        let name = match part {
            "postgres" => format!("postgres-{}", world::SERVER),
            other => other.to_owned(),
        };
        let file = state.join("logs").join(format!("{name}.log"));
        if file.exists() {
            return Ok(Self::Part { file, read: 0 });
        }
        if state.join("apps").join(part).exists() {
            return Ok(Self::App(app_service::logs(state, part)));
        }
        Err(Error::Refused(format!(
            "there is no log of {part:?} in {}: say the name of a web app, postgres or azurite",
            state.display()
        )))
    }

    /// What came since the last reading.
    fn read(&mut self) -> Result<Vec<u8>> {
        match self {
            Self::App(logs) => {
                let lines = logs.lines().into_iter();
                Ok(lines.flat_map(|line| format!("{line}\n").into_bytes()).collect())
            }
            Self::Part { file, read } => {
                let all = std::fs::read(&*file).map_err(Error::file(&*file))?;
                let new = all.get(*read..).unwrap_or_default().to_vec();
                *read = all.len();
                Ok(new)
            }
        }
    }
}
