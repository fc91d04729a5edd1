//! Where traces, metrics and logs are sent, by the variables that OpenTelemetry defines for every program:
//! <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>.

use std::time::Duration;

use url::{Position, Url};

use super::reader::Reader;

/// Where a program receives telemetry on the same machine, unless a variable says otherwise.
const DEFAULT_ENDPOINT: &str = "http://localhost:4318";
const DEFAULT_TIMEOUT: u64 = 10_000;

/// Where telemetry is sent. By default, nowhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TelemetryConfig {
    /// The receiver of traces.
    pub traces: Option<Receiver>,
    /// The receiver of metrics.
    pub metrics: Option<Receiver>,
    /// The receiver of logs.
    pub logs: Option<Receiver>,
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
}

impl TelemetryConfig {
    /// Reads `OTEL_SDK_DISABLED`, and the variables whose names begin with `OTEL_EXPORTER_OTLP_`. The OpenTelemetry SDK
    /// itself reads those that shape what is sent, such as `OTEL_TRACES_SAMPLER` and `OTEL_METRIC_EXPORT_INTERVAL`.
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let disabled = reader.variables.get("OTEL_SDK_DISABLED");
        if disabled.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Self::default();
        }
        let mut config = Self {
            traces: receiver(reader, "TRACES", "v1/traces"),
            metrics: receiver(reader, "METRICS", "v1/metrics"),
            logs: receiver(reader, "LOGS", "v1/logs"),
            lacks_collector: false,
        };
        config.lacks_collector =
            !config.is_on() && reader.variables.contains_key("APPLICATIONINSIGHTS_CONNECTION_STRING");
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

/// The receiver of one kind, if a variable names it or asks for it.
fn receiver(reader: &mut Reader<'_>, kind: &str, path: &str) -> Option<Receiver> {
    let exporter = format!("OTEL_{kind}_EXPORTER");
    let is_wanted = match reader.variables.get(&exporter).map(String::as_str) {
        None => false,
        Some("otlp") => true,
        Some("none") => return None,
        Some(_) => {
            let expected = "otlp, or none to send no telemetry of this kind";
            reader.parse(&exporter, expected, String::new(), |_| false);
            return None;
        }
    };
    let own = format!("OTEL_EXPORTER_OTLP_{kind}_ENDPOINT");
    let common = "OTEL_EXPORTER_OTLP_ENDPOINT";
    let default = Url::parse(DEFAULT_ENDPOINT).expect("a URL");
    let expected = "an http or https URL, such as http://localhost:4318, without a user name or a password";
    let url = if reader.variables.contains_key(&own) {
        // The address of one kind is used as it is.
        reader.parse(&own, expected, default, is_endpoint)
    } else if reader.variables.contains_key(common) {
        below(reader.parse(common, expected, default, is_endpoint), path)
    } else if is_wanted {
        below(default, path)
    } else {
        return None;
    };

    let for_kind = |reader: &Reader<'_>, what: &str| {
        let own = format!("OTEL_EXPORTER_OTLP_{kind}_{what}");
        let is_set = reader.variables.contains_key(&own);
        if is_set {
            own
        } else {
            format!("OTEL_EXPORTER_OTLP_{what}")
        }
    };
    let protocol = for_kind(reader, "PROTOCOL");
    let expected = "http/protobuf, the only protocol of this site; collectors receive it on port 4318";
    reader.parse(&protocol, expected, String::new(), |name| name == "http/protobuf");
    let compression = for_kind(reader, "COMPRESSION");
    reader.parse(&compression, "gzip or none", String::new(), |name| {
        ["gzip", "none"].contains(&name.as_str())
    });
    let timeout = for_kind(reader, "TIMEOUT");
    let expected = "a number of milliseconds from 1 to 60000";
    let timeout = reader.parse(&timeout, expected, DEFAULT_TIMEOUT, |time| (1..=60_000).contains(time));
    Some(Receiver {
        url,
        timeout: Duration::from_millis(timeout),
    })
}

fn is_endpoint(url: &Url) -> bool {
    let is_http = ["http", "https"].contains(&url.scheme());
    is_http && url.has_host() && url.username().is_empty() && url.password().is_none()
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

    fn read(variables: &[(&str, &str)]) -> Result<TelemetryConfig, Vec<String>> {
        let mut errors = Vec::new();
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let config = Config::read(variables, &mut errors).telemetry;
        if errors.is_empty() { Ok(config) } else { Err(errors) }
    }

    fn addresses(variables: &[(&str, &str)]) -> [Option<String>; 3] {
        let config = read(variables).unwrap();
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
        let config = read(&[("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "https://d:1/logs?key=a")]).unwrap();
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
        let config = config.unwrap();
        assert_eq!(config.traces.unwrap().timeout, Duration::from_millis(200));
        assert_eq!(config.logs.unwrap().timeout, Duration::from_millis(300));
    }

    #[test]
    fn a_wrong_setting_is_named_once() {
        let errors = read(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "c:4318"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "http/json"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
            ("OTEL_TRACES_EXPORTER", "console"),
        ]);
        let names: Vec<_> = errors
            .unwrap_err()
            .iter()
            .map(|error| error.split(' ').next().unwrap().to_owned())
            .collect();
        assert_eq!(
            names,
            [
                "OTEL_TRACES_EXPORTER",
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                "OTEL_EXPORTER_OTLP_PROTOCOL",
                "OTEL_EXPORTER_OTLP_COMPRESSION",
                "OTEL_EXPORTER_OTLP_TIMEOUT",
                "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL",
            ]
        );
        let with_password = read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://ada:s3cret@c")]).unwrap_err();
        assert!(!with_password[0].contains("s3cret"), "{with_password:?}");
    }

    #[test]
    fn application_insights_needs_a_collector() {
        let insights = ("APPLICATIONINSIGHTS_CONNECTION_STRING", "InstrumentationKey=a");
        assert!(read(&[insights]).unwrap().lacks_collector);
        let with_collector = read(&[insights, ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318")]);
        assert!(!with_collector.unwrap().lacks_collector);
    }
}
