//! Where traces, metrics and logs are sent, by the variables that OpenTelemetry defines for every program.

mod standard;

use std::time::Duration;

use url::{Position, Url};

use self::standard::{KINDS, is_followed, warnings};
use super::reader::Variables;

/// Where a program receives telemetry on the same machine, unless a variable says otherwise.
const DEFAULT_ENDPOINT: &str = "http://localhost:4318";
const DEFAULT_TIMEOUT: u64 = 10_000;

/// Where telemetry is sent. By default, nowhere.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TelemetryConfig {
    /// The receiver of traces.
    pub traces: Option<Receiver>,
    /// The receiver of metrics.
    pub metrics: Option<Receiver>,
    /// The receiver of logs.
    pub logs: Option<Receiver>,
    /// Which requests are traced.
    pub sampler: Sampler,
    /// How spans wait until they are sent.
    pub span_batches: Batches,
    /// How log records wait until they are sent.
    pub log_batches: Batches,
    /// The time between two reports of the metrics.
    pub metrics_interval: Duration,
    /// The settings that the site cannot follow, each with what is done in its place.
    pub warnings: Vec<String>,
    /// Whether `APPLICATIONINSIGHTS_CONNECTION_STRING` is set, but no receiver. The site speaks OTLP, which Application
    /// Insights receives only through a collector.
    pub lacks_collector: bool,
}

/// A program that receives one kind of telemetry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    /// The address to which it is posted.
    pub url: Url,
    /// How long one request may take.
    pub timeout: Duration,
    /// Whether it is compressed with gzip.
    pub is_compressed: bool,
}

/// Which requests are traced.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampler {
    /// Whether a request that continues a trace is treated as its sender says.
    pub asks_parent: bool,
    /// The share of the other requests, from 0 to 1.
    pub share: f64,
}

impl Default for Sampler {
    fn default() -> Self {
        Self {
            asks_parent: true,
            share: 1.0,
        }
    }
}

/// How something waits until it is sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batches {
    /// How long at most.
    pub delay: Duration,
    /// How many may wait; more are dropped.
    pub queue: usize,
    /// How many are sent at once.
    pub batch: usize,
}

impl TelemetryConfig {
    /// Reads the variables of [`standard`].
    pub(super) fn read(variables: &Variables) -> Self {
        let settings = Settings(variables);
        if settings
            .get("OTEL_SDK_DISABLED")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
        {
            return Self::default();
        }
        let [traces, metrics, logs] = KINDS.map(|kind| settings.receiver(kind));
        let mut config = Self {
            traces,
            metrics,
            logs,
            sampler: settings.sampler(),
            span_batches: settings.batches("OTEL_BSP", 5000),
            log_batches: settings.batches("OTEL_BLRP", 1000),
            metrics_interval: Duration::from_millis(settings.number("OTEL_METRIC_EXPORT_INTERVAL", 60_000)),
            warnings: warnings(variables),
            lacks_collector: false,
        };
        if settings.get("OTEL_TRACES_SAMPLER_ARG").is_some() && !settings.samples_a_share() {
            config.warnings.push(
                "OTEL_TRACES_SAMPLER_ARG is set, but OTEL_TRACES_SAMPLER is neither traceidratio nor \
                 parentbased_traceidratio: it is ignored."
                    .to_owned(),
            );
        }
        config.lacks_collector = !config.is_on() && variables.contains_key("APPLICATIONINSIGHTS_CONNECTION_STRING");
        config
    }

    /// What is sent where, for the start-up log. Only hosts: an address may have a secret of its receiver.
    #[must_use]
    pub fn describe(&self) -> Option<String> {
        let kinds = [
            ("traces", &self.traces),
            ("metrics", &self.metrics),
            ("logs", &self.logs),
        ];
        let sent = kinds.into_iter().filter_map(|(kind, receiver)| {
            let url = &receiver.as_ref()?.url;
            Some(format!(
                "{kind} to {}",
                &url[Position::BeforeScheme..Position::BeforePath]
            ))
        });
        let sent: Vec<_> = sent.collect();
        (!sent.is_empty()).then(|| sent.join(", "))
    }

    /// Whether anything is sent.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.traces.is_some() || self.metrics.is_some() || self.logs.is_some()
    }
}

/// The variables that the site can follow.
struct Settings<'a>(&'a Variables);

impl Settings<'_> {
    /// The value of the variable, if it is set and can be followed.
    fn get(&self, name: &str) -> Option<&str> {
        is_followed(self.0, name)?.then(|| self.0[name].as_str())
    }

    fn number<T: std::str::FromStr>(&self, name: &str, default: T) -> T {
        self.get(name).and_then(|value| value.parse().ok()).unwrap_or(default)
    }

    /// The receiver of one kind, if a variable names it or asks for it. A receiver that is named, but not by an address,
    /// gets nothing: it must not go to another one in its place.
    fn receiver(&self, kind: &str) -> Option<Receiver> {
        let exporter = format!("OTEL_{kind}_EXPORTER");
        let is_wanted = match is_followed(self.0, &exporter) {
            None => false,
            Some(_) if self.get(&exporter) == Some("otlp") => true,
            Some(_) => return None,
        };
        let own = format!("OTEL_EXPORTER_OTLP_{kind}_ENDPOINT");
        let common = "OTEL_EXPORTER_OTLP_ENDPOINT";
        let path = format!("v1/{}", kind.to_lowercase());
        let url = if is_followed(self.0, &own).is_some() {
            // The address of one kind is used as it is.
            Url::parse(self.get(&own)?).ok()?
        } else if is_followed(self.0, common).is_some() {
            below(Url::parse(self.get(common)?).ok()?, &path)
        } else if is_wanted {
            below(Url::parse(DEFAULT_ENDPOINT).expect("a URL"), &path)
        } else {
            return None;
        };
        let for_kind = |what: &str| {
            let own = self.get(&format!("OTEL_EXPORTER_OTLP_{kind}_{what}"));
            own.or_else(|| self.get(&format!("OTEL_EXPORTER_OTLP_{what}")))
        };
        let timeout = for_kind("TIMEOUT").and_then(|value| value.parse().ok());
        Some(Receiver {
            url,
            timeout: Duration::from_millis(timeout.unwrap_or(DEFAULT_TIMEOUT)),
            is_compressed: for_kind("COMPRESSION") == Some("gzip"),
        })
    }

    fn sampler(&self) -> Sampler {
        let Some(name) = self.get("OTEL_TRACES_SAMPLER") else {
            return Sampler::default();
        };
        Sampler {
            asks_parent: name.starts_with("parentbased_"),
            share: if name.ends_with("always_off") {
                0.0
            } else if self.samples_a_share() {
                self.number("OTEL_TRACES_SAMPLER_ARG", 1.0)
            } else {
                1.0
            },
        }
    }

    fn samples_a_share(&self) -> bool {
        self.get("OTEL_TRACES_SAMPLER")
            .is_some_and(|name| name.ends_with("traceidratio"))
    }

    fn batches(&self, prefix: &str, delay: u64) -> Batches {
        Batches {
            delay: Duration::from_millis(self.number(&format!("{prefix}_SCHEDULE_DELAY"), delay)),
            queue: self.number(&format!("{prefix}_MAX_QUEUE_SIZE"), 2048),
            batch: self.number(&format!("{prefix}_MAX_EXPORT_BATCH_SIZE"), 512),
        }
    }
}

/// The address with that path at its end.
fn below(mut base: Url, path: &str) -> Url {
    let path = format!("{}/{path}", base.path().trim_end_matches('/'));
    base.set_path(&path);
    base
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn read(variables: &[(&str, &str)]) -> TelemetryConfig {
        let mut errors = Vec::new();
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let config = Config::read(variables, &mut errors).telemetry;
        assert_eq!(errors, Vec::<String>::new());
        config
    }

    fn addresses(variables: &[(&str, &str)]) -> [Option<String>; 3] {
        let config = read(variables);
        [config.traces, config.metrics, config.logs].map(|receiver| receiver.map(|receiver| receiver.url.into()))
    }

    #[test]
    fn each_kind_is_sent_to_its_own_receiver_or_the_common_one() {
        let some = |url: &str| Some(url.to_owned());
        assert_eq!(addresses(&[]), [None, None, None]);
        assert_eq!(addresses(&[("OTEL_SERVICE_NAME", "a")]), [None, None, None]);
        assert_eq!(
            addresses(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318/")]),
            ["traces", "metrics", "logs"].map(|kind| Some(format!("http://c:4318/v1/{kind}")))
        );
        assert_eq!(
            addresses(&[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c/otlp"),
                ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://d/logs?key=a"),
                ("OTEL_METRICS_EXPORTER", "none"),
            ]),
            [some("https://c/otlp/v1/traces"), None, some("http://d/logs?key=a")]
        );
        assert_eq!(
            addresses(&[("OTEL_TRACES_EXPORTER", "otlp")]),
            [some("http://localhost:4318/v1/traces"), None, None]
        );
        let disabled = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"),
            ("OTEL_SDK_DISABLED", "TRUE"),
        ];
        assert_eq!(addresses(&disabled), [None, None, None]);
    }

    #[test]
    fn the_start_up_log_has_no_secret_of_a_receiver() {
        let config = read(&[("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "https://d:1/logs?key=a")]);
        assert_eq!(config.describe().unwrap(), "logs to https://d:1");
        assert_eq!(TelemetryConfig::default().describe(), None);
    }

    #[test]
    fn a_time_limit_holds_for_one_kind_or_for_all() {
        let config = read(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "200"),
            ("OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", "300"),
        ]);
        assert_eq!(config.traces.unwrap().timeout, Duration::from_millis(200));
        assert_eq!(config.logs.unwrap().timeout, Duration::from_millis(300));
    }

    /// The address of one receiver must not get what was meant for another.
    #[test]
    fn what_cannot_be_sent_there_is_sent_nowhere() {
        let common = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c");
        let to_c = |kind: &str| Some(format!("http://c/v1/{kind}"));
        assert_eq!(
            addresses(&[common, ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "c:4318")]),
            [None, to_c("metrics"), to_c("logs")]
        );
        assert_eq!(
            addresses(&[common, ("OTEL_LOGS_EXPORTER", "console")]),
            [to_c("traces"), to_c("metrics"), None]
        );
        let with_password = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://ada:s3cret@c"),
            ("OTEL_TRACES_EXPORTER", "otlp"),
        ];
        assert_eq!(addresses(&with_password), [None, None, None]);
    }

    #[test]
    fn the_sampler_has_its_share() {
        let sampler = |settings: &[(&str, &str)]| {
            let Sampler { asks_parent, share } = read(settings).sampler;
            (asks_parent, (share * 100.0).round().to_string())
        };
        let share = ("OTEL_TRACES_SAMPLER_ARG", "0.25");
        for (settings, asks_parent, percent) in [
            (&[][..], true, "100"),
            (&[("OTEL_TRACES_SAMPLER", "always_on"), share], false, "100"),
            (&[("OTEL_TRACES_SAMPLER", "always_off")], false, "0"),
            (&[("OTEL_TRACES_SAMPLER", "parentbased_always_off")], true, "0"),
            (&[("OTEL_TRACES_SAMPLER", "traceidratio"), share], false, "25"),
            (
                &[("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), share],
                true,
                "25",
            ),
            (&[("OTEL_TRACES_SAMPLER", "traceidratio")], false, "100"),
            (&[("OTEL_TRACES_SAMPLER", "jaeger_remote"), share], true, "100"),
        ] {
            assert_eq!(sampler(settings), (asks_parent, percent.to_owned()), "{settings:?}");
        }
        let ignored = read(&[("OTEL_TRACES_SAMPLER", "always_on"), share]).warnings;
        assert!(ignored.len() == 1 && ignored[0].starts_with("OTEL_TRACES_SAMPLER_ARG is set, but"));
    }

    #[test]
    fn application_insights_needs_a_collector() {
        let insights = ("APPLICATIONINSIGHTS_CONNECTION_STRING", "InstrumentationKey=a");
        assert!(read(&[insights]).lacks_collector);
        let with_collector = read(&[insights, ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318")]);
        assert!(!with_collector.lacks_collector);
    }
}
