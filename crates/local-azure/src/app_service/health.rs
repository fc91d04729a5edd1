//! The health check: whether an instance that has started is still well.
//! <https://learn.microsoft.com/azure/app-service/monitor-instances-health-check>

use std::sync::Mutex;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{HOST, USER_AGENT};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::app::App;
use super::instance::{Instance, InstanceState};
use super::settings::Settings;
use crate::proxy::Client;
use crate::server::LOOPBACK;

/// How long an answer may take.
const PING_LIMIT: Duration = Duration::from_mins(1);

/// One request of the platform's own.
pub(super) async fn ping(
    client: &Client,
    port: u16,
    path: &str,
    host: &str,
    https: bool,
) -> Result<StatusCode, String> {
    let request = Request::get(format!("http://{LOOPBACK}:{port}{path}"))
        .header(HOST, host)
        .header(USER_AGENT, "HealthCheck/1.0")
        .header("x-forwarded-proto", if https { "https" } else { "http" })
        .body(Body::empty())
        .map_err(|error| error.to_string())?;
    let answer = client.request(request).await.map_err(|error| error.to_string())?;
    Ok(answer.status())
}

/// Asks every minute; ends when the instance is to be replaced.
pub(super) async fn watch(app: &App, instance: &Instance, settings: &Settings, port: u16) {
    let every = app.platform.options.health_check_interval;
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let host = app.platform.host(&app.name);
    let (mut failures, mut unwell_since) = (0, None);
    loop {
        ticks.tick().await;
        let Some(web_app) = app.web_app() else { continue };
        let Some(path) = web_app.health_check_path.filter(|path| !path.is_empty()) else {
            (failures, unwell_since) = (0, None);
            instance.set(InstanceState::Ready);
            continue;
        };
        let ping = ping(&app.platform.client, port, &path, &host, web_app.https_only);
        let failure = match timeout(PING_LIMIT, ping).await {
            Ok(Ok(status)) if status.is_success() => None,
            Ok(Ok(status)) => Some(format!("status {}", status.as_u16())),
            Ok(Err(error)) => Some(error),
            Err(_) => Some("no answer within a minute".to_owned()),
        };
        let Some(failure) = failure else {
            if unwell_since.is_some() {
                app.say(instance, &format!("The health check {path} succeeds again."));
                instance.set(InstanceState::Ready);
                app.changed();
            }
            (failures, unwell_since) = (0, None);
            continue;
        };
        failures += 1;
        if failures == 1 {
            app.say(instance, &format!("The health check {path} failed: {failure}"));
        }
        if failures == settings.ping_failures {
            app.say(
                instance,
                &format!("Unhealthy: {path} failed {failures} times in a row, at last by {failure}"),
            );
            instance.set(InstanceState::Unhealthy);
            unwell_since = Some(Instant::now());
            app.changed();
        }
        if let Some(since) = unwell_since
            && since.elapsed() >= app.platform.options.replace_after
            && app.platform.replacements.take(app.platform.options.replace_after)
        {
            app.say(instance, "Replaced: it stayed unhealthy.");
            return;
        }
    }
}

/// The replacements that there were: at most one in an hour and three in a day, for all apps together, which stand for
/// one App Service plan.
#[derive(Default)]
pub(super) struct Replacements(Mutex<Vec<Instant>>);

impl Replacements {
    /// Takes one, if there is one left. `hour` is the time after which the next may follow.
    fn take(&self, hour: Duration) -> bool {
        let mut taken = self.0.lock().expect("nobody panics");
        taken.retain(|at| at.elapsed() < hour * 24);
        let free = taken.len() < 3 && taken.iter().all(|at| at.elapsed() >= hour);
        if free {
            taken.push(Instant::now());
        }
        free
    }
}
