//! The starts of an app, as files: one for each day, instance and outcome, as App Service keeps them.
//!
//! They are not stored. The app's log tells where a start begins, and whether it ends well.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use url::form_urlencoded;

use super::access::Caller;
use super::error::KuduError;
use super::logs;
use super::service::Kudu;
use crate::app_service::{self, LogLine, START, START_FAILED, STARTED, role_instance_id};

/// A file.
struct StartupLog {
    date: String,
    instance: String,
    outcome: &'static str,
    lines: Vec<LogLine>,
}

impl StartupLog {
    /// Such as `2026_04_13_lw0_failure.log`.
    fn name(&self) -> String {
        format!("{}_{}_{}.log", self.date.replace('-', "_"), self.instance, self.outcome)
    }

    fn into_response(self) -> Response {
        let headers = [
            ("x-startuplog-filename", self.name()),
            ("x-startuplog-date", self.date),
            ("x-startuplog-instance", self.instance),
            ("x-startuplog-outcome", self.outcome.to_owned()),
            (CONTENT_TYPE.as_str(), "text/plain; charset=utf-8".to_owned()),
        ];
        (headers, logs::text(&self.lines)).into_response()
    }
}

/// `GET /api/startuplogs`: all files, perhaps of one outcome and of one instance. With `latest=true`, the content of
/// the last one.
pub fn list(kudu: &Kudu, caller: &Caller, query: &str) -> Result<Response, KuduError> {
    let mut files = files(kudu, caller);
    let mut is_latest = false;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "type" => files.retain(|file| file.outcome == value),
            "instance" => files.retain(|file| file.instance == value),
            "latest" => is_latest = value == "true",
            _ => {}
        }
    }
    if is_latest {
        // Of the last day's files, one that failed.
        let last = files
            .into_iter()
            .max_by_key(|file| (file.date.clone(), file.outcome == FAILURE));
        return last.map(StartupLog::into_response).ok_or_else(none);
    }
    let describe = |file: &StartupLog| json!({"filename": file.name(), "date": file.date, "instance": file.instance, "outcome": file.outcome});
    Ok(Json(files.iter().map(describe).collect::<Vec<_>>()).into_response())
}

/// `GET /api/startuplogs/NAME`: the content of a file.
pub fn one(kudu: &Kudu, caller: &Caller, name: &str) -> Result<Response, KuduError> {
    let found = files(kudu, caller).into_iter().find(|file| file.name() == name);
    found.map(StartupLog::into_response).ok_or_else(none)
}

fn none() -> KuduError {
    KuduError::new(StatusCode::NOT_FOUND, "There is no such startup log.")
}

const SUCCESS: &str = "success";
const FAILURE: &str = "failure";

fn files(kudu: &Kudu, caller: &Caller) -> Vec<StartupLog> {
    split(app_service::logs(kudu.azure.folder(), &caller.app).lines())
}

/// Splits a log into files. What an app logs after it has started belongs to none.
fn split(lines: Vec<LogLine>) -> Vec<StartupLog> {
    let mut starting: Vec<(u32, Vec<LogLine>)> = Vec::new();
    let mut files: Vec<StartupLog> = Vec::new();
    for line in lines {
        let instance = line.instance;
        let is = |prefix: &str| line.platform && line.text.starts_with(prefix);
        let outcome = [(STARTED, SUCCESS), (START_FAILED, FAILURE)]
            .into_iter()
            .find_map(|(prefix, outcome)| is(prefix).then_some(outcome));
        if is(START) {
            starting.retain(|start| start.0 != instance);
            starting.push((instance, Vec::new()));
        }
        let Some(at) = starting.iter().position(|start| start.0 == instance) else {
            continue;
        };
        starting[at].1.push(line);
        let Some(outcome) = outcome else { continue };
        let lines = starting.swap_remove(at).1;
        let date = lines[0].time.chars().take(10).collect::<String>();
        let instance = role_instance_id(instance);
        let same = |file: &&mut StartupLog| (&file.date, &file.instance, file.outcome) == (&date, &instance, outcome);
        match files.iter_mut().find(same) {
            Some(file) => file.lines.extend(lines),
            None => files.push(StartupLog {
                date,
                instance,
                outcome,
                lines,
            }),
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(instance: u32, platform: bool, text: &str) -> LogLine {
        LogLine {
            instance,
            platform,
            time: "2026-01-02T03:04:05.000Z".to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_log_is_split_into_starts() {
        let files = split(vec![
            line(0, true, "Starting on port 8000: ./start.sh"),
            line(1, true, "Starting on port 8000: ./start.sh"),
            line(0, false, "no database"),
            line(1, false, "Ready: the app may say so too"),
            line(0, true, "The app exited with code 3"),
            line(0, true, "Restarting in 1 s."),
            line(0, false, "between two starts"),
            line(1, true, "Ready: the warm-up request was answered after 0.1 s."),
            line(1, false, "a request"),
            line(1, true, "Restarting in 1 s."),
            line(0, true, "Starting on port 8000: ./start.sh"),
        ]);
        let found: Vec<_> = files.iter().map(|file| (file.name(), file.lines.len())).collect();
        assert_eq!(
            found,
            [
                ("2026_01_02_lw0_failure.log".to_owned(), 4),
                ("2026_01_02_lw1_success.log".to_owned(), 3)
            ]
        );
    }
}
