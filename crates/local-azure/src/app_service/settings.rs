//! The app settings that configure the platform.

use std::ops::RangeInclusive;
use std::time::Duration;

use axum::http::StatusCode;

use crate::state::WebApp;

/// The environment variable that an app setting of that name becomes, if it becomes one.
pub(crate) fn variable(name: &str) -> Option<String> {
    let name = name.replace('.', "_");
    let is_valid = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_valid.then_some(name)
}

/// The app settings that configure the platform.
/// <https://learn.microsoft.com/azure/app-service/reference-app-settings>
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    /// `WEBSITE_WARMUP_PATH`.
    pub(super) warmup_path: String,
    /// `WEBSITE_WARMUP_STATUSES`. If it is empty, every status is accepted.
    pub(super) warmup_statuses: Vec<u16>,
    /// `WEBSITES_CONTAINER_START_TIME_LIMIT`.
    pub(super) start_limit: Duration,
    /// `WEBSITES_CONTAINER_STOP_TIME_LIMIT`, in seconds.
    pub(super) stop_limit: u64,
    /// `WEBSITE_HEALTHCHECK_MAXPINGFAILURES`.
    pub(super) ping_failures: u64,
    /// `WEBSITE_RUN_FROM_PACKAGE`.
    pub(super) read_only: bool,
    /// `PORT`.
    pub(super) port: Option<u16>,
    /// Whether the app has an identity and `WEBSITE_DISABLE_MSI` is not set.
    pub(super) identity: bool,
}

impl Settings {
    pub(super) fn of(app: &WebApp) -> Self {
        let get = |name| app.settings.get(name).map(|value: &String| value.trim());
        let number = |name, range: RangeInclusive<u64>, default| match get(name).map(str::parse::<u64>) {
            Some(Ok(number)) => number.clamp(*range.start(), *range.end()),
            _ => default,
        };
        let is_on = |name| get(name).is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"));
        let path = get("WEBSITE_WARMUP_PATH").filter(|path| path.starts_with('/'));
        let statuses = get("WEBSITE_WARMUP_STATUSES").unwrap_or_default().split(',');
        Self {
            warmup_path: path.unwrap_or("/robots933456.txt").to_owned(),
            warmup_statuses: statuses.filter_map(|status| status.trim().parse().ok()).collect(),
            start_limit: Duration::from_secs(number("WEBSITES_CONTAINER_START_TIME_LIMIT", 10..=1800, 230)),
            stop_limit: number("WEBSITES_CONTAINER_STOP_TIME_LIMIT", 0..=120, 5),
            ping_failures: number("WEBSITE_HEALTHCHECK_MAXPINGFAILURES", 2..=10, 10),
            read_only: is_on("WEBSITE_RUN_FROM_PACKAGE"),
            port: get("PORT").and_then(|port| port.parse().ok()).filter(|port| *port != 0),
            identity: !app.identity.is_empty() && !is_on("WEBSITE_DISABLE_MSI"),
        }
    }

    /// Describes the statuses that complete the start.
    pub(super) fn accepted_statuses(&self) -> String {
        if self.warmup_statuses.is_empty() {
            return "with any status".to_owned();
        }
        let statuses: Vec<_> = self.warmup_statuses.iter().map(u16::to_string).collect();
        format!("with status {}", statuses.join(" or "))
    }

    /// Whether a warm-up request with this status completes the start.
    pub(super) fn is_warm(&self, status: StatusCode) -> bool {
        self.warmup_statuses.is_empty() || self.warmup_statuses.contains(&status.as_u16())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::state::{Plan, State, View as _};

    pub(in crate::app_service) fn app(settings: &[(&str, &str)]) -> WebApp {
        let state = State::default();
        let plan = Plan::new(state.resource_id("rg", Plan::KIND, "plan"), "eastus");
        let mut app = WebApp::new(state.resource_id("rg", WebApp::KIND, "contoso"), &plan);
        app.startup_command = "exec sh ./start.sh".to_owned();
        let settings = settings.iter();
        app.settings = settings
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        app
    }

    #[test]
    fn the_defaults_are_azures() {
        let settings = Settings::of(&app(&[]));
        assert_eq!(settings.warmup_path, "/robots933456.txt");
        assert!(settings.is_warm(StatusCode::BAD_GATEWAY));
        assert_eq!(settings.start_limit.as_secs(), 230);
        assert_eq!((settings.stop_limit, settings.ping_failures), (5, 10));
        assert!(!settings.read_only && !settings.identity && settings.port.is_none());
    }

    #[test]
    fn values_are_clamped_to_their_limits() {
        let settings = Settings::of(&app(&[
            ("WEBSITE_WARMUP_PATH", "/healthz"),
            ("WEBSITE_WARMUP_STATUSES", "200, 204"),
            ("WEBSITES_CONTAINER_START_TIME_LIMIT", "3000"),
            ("WEBSITES_CONTAINER_STOP_TIME_LIMIT", "500"),
            ("WEBSITE_HEALTHCHECK_MAXPINGFAILURES", "1"),
            ("WEBSITE_RUN_FROM_PACKAGE", "1"),
            ("PORT", "8000"),
        ]));
        assert_eq!(settings.warmup_path, "/healthz");
        assert!(settings.is_warm(StatusCode::OK) && !settings.is_warm(StatusCode::NOT_FOUND));
        assert_eq!(settings.start_limit.as_secs(), 1800);
        assert_eq!((settings.stop_limit, settings.ping_failures), (120, 2));
        assert!(settings.read_only);
        assert_eq!(settings.port, Some(8000));
    }
}
