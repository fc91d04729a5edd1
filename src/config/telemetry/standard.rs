//! The variables that OpenTelemetry defines, and what the site makes of each:
//! <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/> and
//! <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>.
//!
//! One rule holds for all of them: a value that the site cannot follow counts as not set, and gives a warning that says
//! what is done in its place. It never keeps the site from serving.

use url::Url;

use super::super::reader::Variables;
use super::super::redact::shown;

/// The kinds of telemetry, as they stand in the names of variables.
pub(super) const KINDS: [&str; 3] = ["TRACES", "METRICS", "LOGS"];
/// What stands for a kind in [`Standard::name`].
const KIND: &str = "{KIND}";

/// One variable, or one for each kind of telemetry.
struct Standard {
    name: &'static str,
    /// Whether the site can follow this value.
    follows: fn(&str) -> bool,
    /// What is done in place of a value that it cannot follow.
    instead: &'static str,
}

const fn standard(name: &'static str, follows: fn(&str) -> bool, instead: &'static str) -> Standard {
    Standard { name, follows, instead }
}

/// All of them. Those that no value can change have [`never`].
const STANDARDS: &[Standard] = &[
    // What is sent, and where.
    standard("OTEL_SDK_DISABLED", is_boolean, "false is used"),
    standard("OTEL_{KIND}_EXPORTER", is_exporter, "nothing of this kind is sent"),
    standard("OTEL_EXPORTER_OTLP_ENDPOINT", is_endpoint, NO_ENDPOINT),
    standard("OTEL_EXPORTER_OTLP_{KIND}_ENDPOINT", is_endpoint, NO_ENDPOINT),
    standard("OTEL_EXPORTER_OTLP_PROTOCOL", is_protocol, OTHER_PROTOCOL),
    standard("OTEL_EXPORTER_OTLP_{KIND}_PROTOCOL", is_protocol, OTHER_PROTOCOL),
    standard("OTEL_EXPORTER_OTLP_HEADERS", is_list, ONLY_PAIRS),
    standard("OTEL_EXPORTER_OTLP_{KIND}_HEADERS", is_list, ONLY_PAIRS),
    standard("OTEL_EXPORTER_OTLP_COMPRESSION", is_compression, NO_COMPRESSION),
    standard("OTEL_EXPORTER_OTLP_{KIND}_COMPRESSION", is_compression, NO_COMPRESSION),
    standard("OTEL_EXPORTER_OTLP_TIMEOUT", is_timeout, OTHER_TIMEOUT),
    standard("OTEL_EXPORTER_OTLP_{KIND}_TIMEOUT", is_timeout, OTHER_TIMEOUT),
    standard("OTEL_EXPORTER_OTLP_CERTIFICATE", never, OTHER_CERTIFICATE),
    standard("OTEL_EXPORTER_OTLP_{KIND}_CERTIFICATE", never, OTHER_CERTIFICATE),
    standard("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", never, NO_CERTIFICATE),
    standard("OTEL_EXPORTER_OTLP_{KIND}_CLIENT_CERTIFICATE", never, NO_CERTIFICATE),
    standard("OTEL_EXPORTER_OTLP_CLIENT_KEY", never, NO_CERTIFICATE),
    standard("OTEL_EXPORTER_OTLP_{KIND}_CLIENT_KEY", never, NO_CERTIFICATE),
    standard("OTEL_EXPORTER_OTLP_INSECURE", is_false, SCHEME_DECIDES),
    standard("OTEL_EXPORTER_OTLP_{KIND}_INSECURE", is_false, SCHEME_DECIDES),
    // What names the site.
    standard("OTEL_SERVICE_NAME", |_| true, ""),
    standard("OTEL_RESOURCE_ATTRIBUTES", is_list, ONLY_PAIRS),
    // How traces are made.
    standard("OTEL_PROPAGATORS", is_propagator, "only tracecontext is used"),
    standard("OTEL_TRACES_SAMPLER", is_sampler, "parentbased_always_on is used"),
    standard("OTEL_TRACES_SAMPLER_ARG", is_share, "1 is used"),
    standard("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", is_limit, "128 is used"),
    standard("OTEL_SPAN_EVENT_COUNT_LIMIT", is_limit, "128 is used"),
    standard("OTEL_SPAN_LINK_COUNT_LIMIT", is_limit, "128 is used"),
    standard("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", never, NO_LIMIT),
    standard("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", never, NO_LIMIT),
    standard("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", never, NO_LIMIT),
    standard("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", never, NO_LIMIT),
    standard("OTEL_ATTRIBUTE_COUNT_LIMIT", never, NO_LIMIT),
    standard("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", never, NO_LIMIT),
    standard("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", never, NO_LIMIT),
    // When telemetry is sent.
    standard("OTEL_BSP_SCHEDULE_DELAY", is_delay, "5000 is used"),
    standard("OTEL_BSP_MAX_QUEUE_SIZE", is_queue, "2048 is used"),
    standard("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", is_queue, "512 is used"),
    standard("OTEL_BSP_EXPORT_TIMEOUT", never, TIMEOUT_DECIDES),
    standard("OTEL_BLRP_SCHEDULE_DELAY", is_delay, "1000 is used"),
    standard("OTEL_BLRP_MAX_QUEUE_SIZE", is_queue, "2048 is used"),
    standard("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", is_queue, "512 is used"),
    standard("OTEL_BLRP_EXPORT_TIMEOUT", never, TIMEOUT_DECIDES),
    standard("OTEL_METRIC_EXPORT_INTERVAL", is_delay, "60000 is used"),
    standard("OTEL_METRIC_EXPORT_TIMEOUT", never, TIMEOUT_DECIDES),
    // How metrics are sent.
    standard(
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
        is_temporality,
        "cumulative is used",
    ),
    standard(
        "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
        |value| value == "explicit_bucket_histogram",
        "explicit_bucket_histogram is used",
    ),
    standard(
        "OTEL_METRICS_EXEMPLAR_FILTER",
        |value| value == "always_off",
        "no exemplars are sent",
    ),
    // Other exporters, and other ways to set all this.
    standard("OTEL_EXPORTER_ZIPKIN_ENDPOINT", never, ONLY_OTLP),
    standard("OTEL_EXPORTER_ZIPKIN_TIMEOUT", never, ONLY_OTLP),
    standard("OTEL_EXPORTER_ZIPKIN_PROTOCOL", never, ONLY_OTLP),
    standard("OTEL_EXPORTER_PROMETHEUS_HOST", never, ONLY_OTLP),
    standard("OTEL_EXPORTER_PROMETHEUS_PORT", never, ONLY_OTLP),
    standard("OTEL_LOG_LEVEL", never, "RUST_LOG decides what is logged"),
    standard("OTEL_CONFIG_FILE", never, NO_FILE),
    standard("OTEL_EXPERIMENTAL_CONFIG_FILE", never, NO_FILE),
];

const NO_ENDPOINT: &str = "nothing is sent there. It must be an http or https URL, such as http://localhost:4318, \
                           without a user name or a password";
const OTHER_PROTOCOL: &str = "http/protobuf is used, which collectors receive on port 4318";
const ONLY_PAIRS: &str = "only its name=value pairs are used";
const NO_COMPRESSION: &str = "it counts as not set. It must be gzip or none";
const OTHER_TIMEOUT: &str = "it counts as not set. It must be a number of milliseconds from 1 to 60000";
const OTHER_CERTIFICATE: &str = "the receiver's certificate must be of an authority that the system trusts";
const NO_CERTIFICATE: &str = "the site shows the receiver no certificate";
const SCHEME_DECIDES: &str = "https in the endpoint's address decides whether the connection is encrypted";
const NO_LIMIT: &str = "there is no such limit";
const TIMEOUT_DECIDES: &str = "OTEL_EXPORTER_OTLP_TIMEOUT decides";
const ONLY_OTLP: &str = "the site sends by OTLP only";
const NO_FILE: &str = "the file is not read, and the other settings hold";

/// The most spans or log records that may wait. Memory for the queue is taken when the site starts.
const QUEUE_MAX: usize = 1 << 16;

fn never(_: &str) -> bool {
    false
}

fn is_boolean(value: &str) -> bool {
    is_false(value) || value.eq_ignore_ascii_case("true")
}

fn is_false(value: &str) -> bool {
    value.eq_ignore_ascii_case("false")
}

fn is_exporter(value: &str) -> bool {
    ["otlp", "none"].contains(&value)
}

fn is_endpoint(value: &str) -> bool {
    Url::parse(value).is_ok_and(|url| {
        let is_http = ["http", "https"].contains(&url.scheme());
        is_http && url.has_host() && url.username().is_empty() && url.password().is_none()
    })
}

fn is_protocol(value: &str) -> bool {
    value == "http/protobuf"
}

fn is_compression(value: &str) -> bool {
    ["gzip", "none"].contains(&value)
}

fn is_list(value: &str) -> bool {
    let is_pair = |entry: &str| entry.split_once('=').is_some_and(|(name, _)| !name.trim().is_empty());
    value.split_terminator(',').all(is_pair)
}

fn is_timeout(value: &str) -> bool {
    value.parse().is_ok_and(|time: u64| (1..=60_000).contains(&time))
}

fn is_propagator(value: &str) -> bool {
    value.split(',').all(|name| name.trim() == "tracecontext")
}

fn is_sampler(value: &str) -> bool {
    let own = value.strip_prefix("parentbased_").unwrap_or(value);
    ["always_on", "always_off", "traceidratio"].contains(&own)
}

fn is_share(value: &str) -> bool {
    value.parse().is_ok_and(|share: f64| (0.0..=1.0).contains(&share))
}

fn is_limit(value: &str) -> bool {
    value.parse::<u32>().is_ok()
}

/// Without a delay, a thread would never rest.
fn is_delay(value: &str) -> bool {
    value.parse().is_ok_and(|delay: u64| (1..=86_400_000).contains(&delay))
}

fn is_queue(value: &str) -> bool {
    value
        .parse()
        .is_ok_and(|length: usize| (1..=QUEUE_MAX).contains(&length))
}

fn is_temporality(value: &str) -> bool {
    let known = ["cumulative", "delta", "lowmemory"];
    known.iter().any(|name| value.eq_ignore_ascii_case(name))
}

/// The names of one row of the table.
fn names(standard: &Standard) -> Vec<String> {
    if standard.name.contains(KIND) {
        KINDS.iter().map(|kind| standard.name.replace(KIND, kind)).collect()
    } else {
        vec![standard.name.to_owned()]
    }
}

/// Whether the site follows the value that this variable has. `None` if it is not set.
pub(super) fn is_followed(variables: &Variables, name: &str) -> Option<bool> {
    let value = variables.get(name)?;
    let mut rows = STANDARDS.iter();
    let row = rows.find(|row| names(row).iter().any(|own| own == name));
    Some(row.is_some_and(|row| (row.follows)(value)))
}

/// A line for each variable that is set to something that the site cannot follow.
pub(super) fn warnings(variables: &Variables) -> Vec<String> {
    let mut lines = Vec::new();
    for (row, name) in STANDARDS
        .iter()
        .flat_map(|row| names(row).into_iter().map(move |name| (row, name)))
    {
        let Some(value) = variables.get(&name).filter(|value| !(row.follows)(value)) else {
            continue;
        };
        // What a receiver asks for in a header is often a key.
        let value = if name.ends_with("_HEADERS") {
            "[hidden because it may hold a secret]".to_owned()
        } else {
            shown(value)
        };
        lines.push(format!(
            "{name} is {value}, which this site cannot follow: {}.",
            row.instead
        ));
    }
    let known: Vec<_> = STANDARDS.iter().flat_map(names).collect();
    let others = variables
        .keys()
        .filter(|name| name.starts_with("OTEL_") && !known.contains(name));
    lines.extend(others.map(|name| format!("{name} is set, but this site does not know it: it is ignored.")));
    lines
}

#[cfg(test)]
mod tests {
    use super::super::super::Config;
    use super::*;

    /// Values of every sort, of which each variable follows some, and hardly any follows all.
    const VALUES: [&str; 22] = [
        "planted",
        "-1",
        "0",
        "0.5",
        "1",
        "200",
        "120000",
        "99999999999999999999",
        "1e999",
        "NaN",
        "true",
        "FALSE",
        "none",
        "otlp",
        "console,otlp",
        "gzip",
        "grpc",
        "http/protobuf",
        "http://127.0.0.1:4318",
        "http://ada:planted@c",
        "tracecontext",
        "a=b,planted",
    ];

    /// Every variable of the table set to every value: the settings stay valid, and what is not followed is named once.
    #[test]
    fn no_value_of_a_standard_variable_keeps_the_site_from_serving() {
        for (row, name) in STANDARDS
            .iter()
            .flat_map(|row| names(row).into_iter().map(move |name| (row, name)))
        {
            for value in VALUES {
                let mut errors = Vec::new();
                let config = Config::read([(name.clone(), value.to_owned())], &mut errors);
                assert_eq!(errors, Vec::<String>::new(), "{name}={value}");
                let lines = config.telemetry.warnings;
                let disabled = name == "OTEL_SDK_DISABLED" && value == "true";
                // The share alone says nothing without a sampler that takes it.
                let alone = name == "OTEL_TRACES_SAMPLER_ARG";
                let expected = usize::from(!disabled && (alone || !(row.follows)(value)));
                assert_eq!(lines.len(), expected, "{name}={value}: {lines:?}");
                for line in lines {
                    assert!(line.starts_with(&format!("{name} is ")), "{line}");
                    assert!(value != "http://ada:planted@c" || !line.contains("planted"), "{line}");
                }
            }
        }
    }

    #[test]
    fn each_variable_follows_what_its_standard_says() {
        for (name, followed) in [
            ("OTEL_SDK_DISABLED", &["true", "FALSE"][..]),
            ("OTEL_TRACES_EXPORTER", &["none", "otlp"]),
            ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", &["http://127.0.0.1:4318"]),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", &["http/protobuf"]),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", &["none", "gzip"]),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", &["1", "200"]),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", &[]),
            ("OTEL_EXPORTER_OTLP_INSECURE", &["FALSE"]),
            ("OTEL_PROPAGATORS", &["tracecontext"]),
            ("OTEL_TRACES_SAMPLER", &[]),
            ("OTEL_TRACES_SAMPLER_ARG", &["0", "0.5", "1"]),
            ("OTEL_SPAN_LINK_COUNT_LIMIT", &["0", "1", "200", "120000"]),
            ("OTEL_BSP_MAX_QUEUE_SIZE", &["1", "200"]),
            ("OTEL_METRIC_EXPORT_INTERVAL", &["1", "200", "120000"]),
        ] {
            for value in VALUES {
                let variables = [(name.to_owned(), value.to_owned())].into();
                assert_eq!(
                    is_followed(&variables, name),
                    Some(followed.contains(&value)),
                    "{name}={value}"
                );
            }
        }
        for sampler in ["always_on", "parentbased_always_off", "parentbased_traceidratio"] {
            assert!(is_sampler(sampler));
        }
    }

    #[test]
    fn a_header_is_never_shown() {
        let variables = [("OTEL_EXPORTER_OTLP_HEADERS".to_owned(), "Bearer planted".to_owned())].into();
        let lines = warnings(&variables);
        assert!(lines.len() == 1 && !lines[0].contains("planted"), "{lines:?}");
    }

    #[test]
    fn a_mistyped_variable_is_named_without_its_value() {
        let variables = [("OTEL_EXPORTER_OTLP_ENDPONT".to_owned(), "http://planted".to_owned())].into();
        let expected = "OTEL_EXPORTER_OTLP_ENDPONT is set, but this site does not know it: it is ignored.";
        assert_eq!(warnings(&variables), [expected]);
    }

    /// An operator finds every variable in the documentation.
    #[test]
    fn the_documentation_has_every_variable() {
        let document = include_str!("../../../docs/operations.md");
        for row in STANDARDS {
            assert!(document.contains(&format!("`{}`", row.name)), "{}", row.name);
        }
    }
}
