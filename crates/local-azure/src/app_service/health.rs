//! The health check of instances that have started.
//! <https://learn.microsoft.com/azure/app-service/monitor-instances-health-check>

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{HOST, USER_AGENT};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::app::App;
use super::instance::{Instance, InstanceState};
use super::names::azure_name;
use super::settings::Settings;
use crate::proxy::{Client, Endpoint};

/// How long a response may take.
const PING_LIMIT: Duration = Duration::from_mins(1);

/// Sends one of the platform's own requests to an instance.
pub(super) async fn ping(
    client: &Client,
    endpoint: &Endpoint,
    path: &str,
    host: &str,
    https: bool,
) -> Result<StatusCode, String> {
    let url = endpoint.url();
    let authority = url.authority().expect("the URL has a host");
    let request = Request::get(format!("http://{authority}{path}"))
        .header(HOST, host)
        .header(USER_AGENT, "HealthCheck/1.0")
        .header("x-forwarded-proto", if https { "https" } else { "http" })
        .body(Body::empty())
        .map_err(|error| error.to_string())?;
    let answer = client.request(request).await.map_err(|error| error.to_string())?;
    Ok(answer.status())
}

/// Checks the instance's health at each interval. Returns when the instance must be replaced.
pub(super) async fn watch(app: &App, instance: &Instance, settings: &Settings, endpoint: &Endpoint) {
    let every = app.platform.options.health_check_interval;
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let host = azure_name(&app.name);
    let (mut failures, mut unhealthy_since) = (0, None);
    loop {
        ticks.tick().await;
        let Some(web_app) = app.web_app() else { continue };
        let Some(path) = web_app.health_check_path.filter(|path| !path.is_empty()) else {
            (failures, unhealthy_since) = (0, None);
            instance.set(InstanceState::Ready);
            continue;
        };
        let ping = ping(&app.platform.client, endpoint, &path, &host, web_app.https_only);
        let failure = match timeout(PING_LIMIT, ping).await {
            Ok(Ok(status)) if status.is_success() => None,
            Ok(Ok(status)) => Some(format!("status {}", status.as_u16())),
            Ok(Err(error)) => Some(error),
            Err(_) => Some("no response within a minute".to_owned()),
        };
        let Some(failure) = failure else {
            if unhealthy_since.is_some() {
                app.log(instance, &format!("The health check {path} succeeds again."));
                instance.set(InstanceState::Ready);
                app.notify();
            }
            (failures, unhealthy_since) = (0, None);
            continue;
        };
        failures += 1;
        if failures == 1 {
            app.log(instance, &format!("The health check {path} failed: {failure}"));
        }
        if failures == settings.ping_failures {
            app.log(
                instance,
                &format!(
                    "Unhealthy: the health check {path} failed {failures} times in a row. The last failure: {failure}"
                ),
            );
            instance.set(InstanceState::Unhealthy);
            unhealthy_since = Some(Instant::now());
            app.notify();
        }
        if let Some(since) = unhealthy_since
            && since.elapsed() >= app.platform.options.replace_after
            && app.platform.replacements.try_take(app.platform.options.replace_after)
        {
            app.log(instance, "Replacing the instance because it stayed unhealthy.");
            return;
        }
    }
}
