//! The logs of an app: as a stream, and as files.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use tokio::time::{Instant, sleep};
use tokio_util::io::ReaderStream;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::access::Caller;
use super::error::KuduError;
use super::service::Kudu;
use crate::app_service::{self, LogLine, Logs};
use crate::error::{Error, Result};
use crate::files::open_regular;
use crate::log_time;

/// How many lines that were written earlier a stream starts with.
const EARLIER_LINES: usize = 50;
/// How often new lines are looked for.
const INTERVAL: Duration = Duration::from_millis(300);
/// After how long without a line a stream says that there is none, which also notices a client that has gone.
const SILENCE: Duration = Duration::from_mins(1);
/// How long a stream lasts. Azure's limit is the same.
const LIMIT: Duration = Duration::from_hours(2);

/// `GET /logstream`: the last lines, and new ones as they are written.
pub fn stream(kudu: &Kudu, caller: &Caller) -> Response {
    let mut logs = app_service::logs(kudu.azure.folder(), &caller.app);
    let lines = logs.lines();
    let earlier = &lines[lines.len().saturating_sub(EARLIER_LINES)..];
    let welcome = format!(
        "{} Welcome, you are now connected to log-streaming service.\r\n{}",
        log_time::now(),
        text(earlier)
    );
    let follow = Follow {
        logs,
        next: Some(welcome),
        until: Instant::now() + LIMIT,
    };
    let body = stream::unfold(follow, |mut follow| async move {
        let text = follow.next().await?;
        Some((Ok::<_, io::Error>(Bytes::from(text)), follow))
    });
    ([(CONTENT_TYPE, "text/plain; charset=utf-8")], Body::from_stream(body)).into_response()
}

/// A stream that follows the log.
struct Follow {
    logs: Logs,
    next: Option<String>,
    until: Instant,
}

impl Follow {
    /// The next part, or `None` at the end.
    async fn next(&mut self) -> Option<String> {
        if let Some(next) = self.next.take() {
            return Some(next);
        }
        let silent_until = Instant::now() + SILENCE;
        while Instant::now() < self.until {
            let lines = self.logs.lines();
            if !lines.is_empty() {
                return Some(text(&lines));
            }
            if Instant::now() > silent_until {
                return Some(format!("{} No new trace in the past 1 min(s).\r\n", log_time::now()));
            }
            sleep(INTERVAL).await;
        }
        None
    }
}

pub fn text(lines: &[LogLine]) -> String {
    let mut text = String::new();
    for line in lines {
        let _ = write!(text, "{line}\r\n");
    }
    text
}

/// `GET /dump`: all logs in a zip file.
pub async fn dump(kudu: &Kudu, caller: &Caller) -> Result<Response, KuduError> {
    let folders = app_service::log_folders(kudu.azure.folder(), &caller.app);
    let packed = tokio::task::spawn_blocking(move || -> Result<File> {
        let failed = |error: &dyn std::fmt::Display| Error::failed("the zip file of the logs", error);
        let mut zip = ZipWriter::new(tempfile::tempfile().map_err(|error| failed(&error))?);
        for (name, folder) in folders {
            add(&mut zip, name, &folder).map_err(|error| failed(&error))?;
        }
        let mut file = zip.finish().map_err(|error| failed(&error))?;
        io::Seek::rewind(&mut file).map_err(|error| failed(&error))?;
        Ok(file)
    });
    let file = packed
        .await
        .map_err(|error| Error::failed("the zip file of the logs", error))??;
    let body = Body::from_stream(ReaderStream::new(tokio::fs::File::from_std(file)));
    let name = format!("attachment; filename=\"{}-logs.zip\"", caller.app);
    let headers = [
        (CONTENT_TYPE, "application/zip".to_owned()),
        (CONTENT_DISPOSITION, name),
    ];
    Ok((headers, body).into_response())
}

/// Adds the files of a folder, below a folder of this name.
fn add(zip: &mut ZipWriter<File>, name: &str, folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(mut file) = open_regular(File::options().read(true), &entry.path()) else {
            continue;
        };
        let file_name = format!("{name}/{}", entry.file_name().to_string_lossy());
        zip.start_file(file_name, SimpleFileOptions::default())
            .map_err(io::Error::other)?;
        io::copy(&mut file, zip)?;
    }
    Ok(())
}
