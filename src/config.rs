//! Every environment variable that the site reads, in one place.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// How the site is set up. Read once at start.
#[derive(Debug, Clone)]
pub struct Config {
    /// `WEBSITE_HOSTNAME`: the site's public host name. App Service sets it; its presence means
    /// production.
    pub website_hostname: Option<String>,
    /// `HOST`: the address to listen on. Default 127.0.0.1, on App Service 0.0.0.0.
    pub host: IpAddr,
    /// `PORT`: the port to listen on; 0 takes a free one. Default 8000.
    pub port: u16,
    /// `DATA_DIR`: the folder of the SQLite file and the photos. Default `./data`.
    pub data_dir: PathBuf,
    /// `MAX_UPLOAD_BYTES`: the largest photo that can be sent, in bytes. Default 10 MiB.
    pub max_upload_bytes: usize,
    /// `SHUTDOWN_GRACE_SECONDS`: how long a stop waits for what is in flight. Default 10 seconds.
    pub shutdown_grace: Duration,
    /// `RUST_LOG`: which log lines are written, such as `debug` or `info,sqlx=debug`. Default `info`.
    pub log_filter: tracing_subscriber::filter::Targets,
}

/// Settings that are wrong, each with what it wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(Vec<String>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Smallest and largest value of `MAX_UPLOAD_BYTES`: 64 KiB and 100 MiB. An upload is held in
    /// memory while it is processed.
    const UPLOAD_RANGE: std::ops::RangeInclusive<usize> = (64 << 10)..=(100 << 20);

    /// Reads the process's environment.
    pub fn from_env() -> Result<Self, ConfigError> {
        let mut errors = Vec::new();
        let config = Self::read(
            |name| match std::env::var(name) {
                Ok(value) => Some(value),
                Err(std::env::VarError::NotPresent) => None,
                // Reported as what it is: no valid value has this character.
                Err(std::env::VarError::NotUnicode(value)) => Some(value.to_string_lossy().into_owned()),
            },
            &mut errors,
        );
        if errors.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError(errors))
        }
    }

    /// Reads settings from `lookup`, and adds a line to `errors` for each that is wrong.
    fn read(lookup: impl Fn(&str) -> Option<String>, errors: &mut Vec<String>) -> Self {
        // An empty value counts as none: that is how a setting is cleared in a portal or a .env file.
        let get = |name: &str| {
            lookup(name)
                .map(|value| value.trim().to_owned())
                .filter(|value| !value.is_empty())
        };
        let mut or_default = Reader { get: &get, errors };

        let website_hostname = get("WEBSITE_HOSTNAME");
        let everywhere = IpAddr::from([0, 0, 0, 0]);
        let here = IpAddr::from([127, 0, 0, 1]);
        let config = Self {
            host: or_default.parse(
                "HOST",
                "an IP address to listen on, such as 127.0.0.1 or 0.0.0.0",
                if website_hostname.is_some() { everywhere } else { here },
                |_| true,
            ),
            port: or_default.parse("PORT", "a port number from 0 to 65535", 8000, |_| true),
            data_dir: or_default.parse("DATA_DIR", "a folder", PathBuf::from("data"), |_| true),
            max_upload_bytes: or_default.parse(
                "MAX_UPLOAD_BYTES",
                "a number of bytes from 65536 (64 KiB) to 104857600 (100 MiB)",
                10 << 20,
                |bytes| Self::UPLOAD_RANGE.contains(bytes),
            ),
            shutdown_grace: Duration::from_secs(or_default.parse(
                "SHUTDOWN_GRACE_SECONDS",
                "a whole number of seconds from 0 to 600",
                10,
                |seconds| (0..=600).contains(seconds),
            )),
            log_filter: or_default.parse(
                "RUST_LOG",
                "a level (error, warn, info, debug, trace, off) or target=level pairs, separated by commas",
                tracing_subscriber::filter::Targets::new().with_default(tracing::Level::INFO),
                |_| true,
            ),
            website_hostname,
        };
        // Better no start than restaurants in a place where nobody looks for them.
        for name in ["DBHOST", "STORAGE_ACCOUNT_NAME"] {
            if get(name).is_some() {
                errors.push(format!(
                    "{name} is set, but this version keeps its data in DATA_DIR alone (SQLite and a folder). Unset {name}."
                ));
            }
        }
        config
    }

    /// True on App Service.
    #[must_use]
    pub fn is_production(&self) -> bool {
        self.website_hostname.is_some()
    }

    /// Settings for a test: everything under `data_dir`, on a free port of this machine.
    #[must_use]
    pub fn for_test(data_dir: PathBuf) -> Self {
        let mut config = Self::read(|_| None, &mut Vec::new());
        config.data_dir = data_dir;
        config.port = 0;
        config
    }
}

struct Reader<'a, G> {
    get: &'a G,
    errors: &'a mut Vec<String>,
}

impl<G: Fn(&str) -> Option<String>> Reader<'_, G> {
    /// The variable's value; `default` when it is not set or wrong, and then an error as well.
    fn parse<T: FromStr>(&mut self, name: &str, wants: &str, default: T, valid: impl Fn(&T) -> bool) -> T {
        let Some(text) = (self.get)(name) else { return default };
        match text.parse() {
            Ok(value) if valid(&value) => value,
            _ => {
                self.errors.push(format!("{name} is {text:?}, but it wants {wants}."));
                default
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, Vec<String>> {
        let mut errors = Vec::new();
        let lookup = |name: &str| {
            variables
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, value)| (*value).to_owned())
        };
        let config = Config::read(lookup, &mut errors);
        if errors.is_empty() { Ok(config) } else { Err(errors) }
    }

    #[test]
    fn nothing_set_is_a_local_run() {
        let config = read(&[]).unwrap();
        assert_eq!(config.host.to_string(), "127.0.0.1");
        assert_eq!(config.port, 8000);
        assert_eq!(config.data_dir, PathBuf::from("data"));
        assert_eq!(config.max_upload_bytes, 10 * 1024 * 1024);
        assert_eq!(config.shutdown_grace, Duration::from_secs(10));
        assert!(!config.is_production());
    }

    #[test]
    fn app_service_listens_everywhere_unless_told_otherwise() {
        let hostname = ("WEBSITE_HOSTNAME", "contoso.azurewebsites.net");
        assert_eq!(read(&[hostname]).unwrap().host.to_string(), "0.0.0.0");
        assert_eq!(read(&[hostname, ("HOST", "::1")]).unwrap().host.to_string(), "::1");
        assert!(read(&[hostname]).unwrap().is_production());
    }

    #[test]
    fn an_empty_value_is_none() {
        assert_eq!(read(&[("PORT", "")]).unwrap().port, 8000);
    }

    #[test]
    fn every_wrong_setting_is_named_with_its_fault_and_its_wish() {
        let errors = read(&[
            ("HOST", "localhost:1"),
            ("PORT", "eighty"),
            ("MAX_UPLOAD_BYTES", "10"),
            ("SHUTDOWN_GRACE_SECONDS", "-1"),
            ("RUST_LOG", "site=loud"),
            ("DBHOST", "server"),
        ])
        .unwrap_err();
        assert_eq!(errors.len(), 6, "{errors:#?}");
        assert_eq!(
            errors[1],
            "PORT is \"eighty\", but it wants a port number from 0 to 65535."
        );
        assert!(errors[2].starts_with("MAX_UPLOAD_BYTES is \"10\", but it wants a number of bytes"));
        assert!(errors[5].contains("Unset DBHOST"));
    }
}
