//! The site's own settings, in one place. Each is an environment variable; the Azure libraries read others.

mod connection_string;
mod database;
mod limits;
mod reader;
mod redact;
mod staff;
mod storage;
mod telemetry;

use std::ffi::OsString;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

pub use self::database::DatabaseConfig;
pub use self::limits::{Limits, Pace};
pub use self::reader::Secret;
use self::reader::{Found, Reader, Variables};
pub use self::redact::shown;
pub use self::staff::{Principal, StaffAccess};
pub use self::storage::StorageConfig;
pub use self::telemetry::{Batches, Receiver, Sampler, TelemetryConfig};

/// The settings of the site, read once at start.
#[derive(Debug, Clone)]
pub struct Config {
    /// `WEBSITE_HOSTNAME`: the site's public host name. App Service sets it; its presence means
    /// production.
    pub website_hostname: Option<String>,
    /// `PUBLIC_URL`: the address under which visitors and search engines find the site, if it has a domain of its own. Only
    /// its scheme, host and port count. Default: `WEBSITE_HOSTNAME` with https. Elsewhere than on App Service, its presence
    /// means that a reverse proxy on this machine forwards the requests of visitors.
    pub public_url: Option<Url>,
    /// `HOST`: the address to listen on. Default 127.0.0.1, on App Service 0.0.0.0.
    pub host: IpAddr,
    /// `PORT`: the port to listen on; 0 selects a free one. Default 8000.
    pub port: u16,
    /// `DATA_DIR`: the folder of the SQLite file and the photos. Default `./data`.
    pub data_dir: PathBuf,
    /// `MAX_UPLOAD_BYTES`: the largest photo that can be sent, in bytes. Default 10 MiB.
    pub max_upload_bytes: usize,
    /// `PAGE_CACHE_BYTES`: how much memory rendered pages may use; 0 keeps none. Default 8 MiB.
    pub page_cache_bytes: usize,
    /// `SHUTDOWN_GRACE_SECONDS`: how long a stop waits for requests in flight. Default 10 seconds, on App Service 4: it
    /// kills a container after 5 seconds, unless `WEBSITES_CONTAINER_STOP_TIME_LIMIT` has an effect.
    pub shutdown_grace: Duration,
    /// PostgreSQL, when `DBHOST` is set; otherwise SQLite in `DATA_DIR`.
    pub database: Option<DatabaseConfig>,
    /// Blob Storage, when `STORAGE_ACCOUNT_NAME` is set; otherwise a folder in `DATA_DIR`.
    pub storage: Option<StorageConfig>,
    /// How much of the site clients may use.
    pub limits: Limits,
    /// `ADMIN_PRINCIPALS`: who may use the staff pages. Default: on the embedded stores without `PUBLIC_URL`, the
    /// developer who opens the link in the log on this machine; elsewhere, there are no staff pages.
    pub staff: StaffAccess,
    /// `RUST_LOG`: which log lines are written, such as `debug` or `info,sqlx=debug`. Default `info`.
    pub log_filter: tracing_subscriber::filter::Targets,
    /// `OTEL_…`: where traces, metrics and logs are sent. Default: nowhere.
    pub telemetry: TelemetryConfig,
}

/// The settings that are wrong, each with the values that it accepts.
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
        // No valid value contains the replacement character, so what is not UTF-8 is reported as an error.
        let text = |text: OsString| text.to_string_lossy().into_owned();
        let variables = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
        let config = Self::read(variables, &mut errors);
        if errors.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError(errors))
        }
    }

    /// Reads settings from variables, and adds a line to `errors` for each that is wrong.
    fn read(variables: impl IntoIterator<Item = (String, String)>, errors: &mut Vec<String>) -> Self {
        let variables: Variables = variables
            .into_iter()
            .map(|(name, value)| (name, value.trim().to_owned()))
            // An empty value counts as not set: that is how a portal or a .env file clears a setting.
            .filter(|(_, value)| !value.is_empty())
            .collect();
        let mut reader = Reader {
            variables: &variables,
            errors,
        };

        let website_hostname = variables.get("WEBSITE_HOSTNAME").cloned();
        let everywhere = IpAddr::from([0, 0, 0, 0]);
        let here = IpAddr::from([127, 0, 0, 1]);
        let host = reader.parse(
            "HOST",
            "an IP address to listen on, such as 127.0.0.1 or 0.0.0.0",
            if website_hostname.is_some() { everywhere } else { here },
            |_| true,
        );
        let port = reader.parse("PORT", "a port number from 0 to 65535", 8000, |_| true);
        let data_dir = reader.parse("DATA_DIR", "a folder", PathBuf::from("data"), |_| true);
        let max_upload_bytes = reader.parse(
            "MAX_UPLOAD_BYTES",
            "a number of bytes from 65536 (64 KiB) to 104857600 (100 MiB)",
            10 << 20,
            |bytes| Self::UPLOAD_RANGE.contains(bytes),
        );
        let mut config = Self {
            host,
            port,
            data_dir,
            max_upload_bytes,
            limits: Limits::read(&mut reader, max_upload_bytes),
            page_cache_bytes: reader.parse(
                "PAGE_CACHE_BYTES",
                "a number of bytes from 0 (no pages are cached) to 1073741824 (1 GiB)",
                8 << 20,
                |bytes| (0..=1 << 30).contains(bytes),
            ),
            shutdown_grace: Duration::from_secs(reader.parse(
                "SHUTDOWN_GRACE_SECONDS",
                "a whole number of seconds from 0 to 600",
                if website_hostname.is_some() { 4 } else { 10 },
                |seconds| (0..=600).contains(seconds),
            )),
            log_filter: reader.parse(
                "RUST_LOG",
                "a level (error, warn, info, debug, trace, off) or target=level pairs, separated by commas",
                tracing_subscriber::filter::Targets::new().with_default(tracing::Level::INFO),
                |_| true,
            ),
            telemetry: TelemetryConfig::read(&variables),
            staff: StaffAccess::Off,
            database: None,
            storage: None,
            public_url: read_public_url(&mut reader),
            website_hostname,
        };
        (config.database, config.storage) = read_stores(&mut reader, config.is_production());
        let has_embedded_stores = config.database.is_none() && config.storage.is_none();
        let is_private = has_embedded_stores && !config.is_production() && !config.is_behind_local_proxy();
        config.staff = StaffAccess::read(&mut reader, config.is_production(), is_private);
        config
    }

    /// `PHOTOS_BASE_URL`: where browsers load the photos from, if not from this site.
    #[must_use]
    pub fn photos_base_url(&self) -> Option<&Url> {
        self.storage.as_ref()?.photos_base_url.as_ref()
    }

    /// The beginning of the site's public addresses, such as `https://contoso.azurewebsites.net`. Outside production it
    /// is known only from `PUBLIC_URL`.
    #[must_use]
    pub fn site_url(&self) -> Option<String> {
        match (&self.public_url, &self.website_hostname) {
            (Some(url), _) => Some(url.origin().ascii_serialization()),
            (None, Some(hostname)) => Some(format!("https://{hostname}")),
            (None, None) => None,
        }
    }

    /// True on App Service.
    #[must_use]
    pub fn is_production(&self) -> bool {
        self.website_hostname.is_some()
    }

    /// Whether visitors come over HTTPS. The site itself speaks plain HTTP to the proxy before it.
    #[must_use]
    pub fn is_https(&self) -> bool {
        match &self.public_url {
            Some(url) if !self.is_production() => url.scheme() == "https",
            _ => self.is_production(),
        }
    }

    /// Whether a reverse proxy on this machine forwards the requests of visitors, so that they seem to come from this
    /// machine.
    #[must_use]
    pub fn is_behind_local_proxy(&self) -> bool {
        self.public_url.is_some() && !self.is_production()
    }

    /// Settings for a test: everything under `data_dir`, on a free port of this machine.
    #[must_use]
    pub fn for_test(data_dir: PathBuf) -> Self {
        let mut config = Self::read([], &mut Vec::new());
        config.data_dir = data_dir;
        config.port = 0;
        config
    }
}

/// Reads `PUBLIC_URL`.
fn read_public_url(reader: &mut Reader<'_>) -> Option<Url> {
    let Found { variable, value } = reader.one_of(&["PUBLIC_URL"])?;
    let is_site = |url: &Url| {
        matches!(url.scheme(), "https" | "http")
            && url.username().is_empty()
            && url.password().is_none()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
    };
    let url = Url::parse(&value).ok().filter(is_site);
    if url.is_none() {
        reader.fault(format!(
            "{variable} is {}, but it must be the address of the site's front page, such as https://reviews.contoso.com.",
            shown(&value)
        ));
    }
    url
}

/// Where restaurants, reviews and photos are stored. On App Service, a file and a folder must be allowed.
fn read_stores(reader: &mut Reader<'_>, on_app_service: bool) -> (Option<DatabaseConfig>, Option<StorageConfig>) {
    let secrets = reader.named(&["AZUREPOSTGRESQLCLIENTSECRET", "AZURESTORAGEBLOBCLIENTSECRET"]);
    for variable in secrets {
        reader.fault(format!(
            "{variable} is set, but the site signs in with a managed identity and uses no client secret. In Service \
             Connector, choose a managed identity, and unset {variable}."
        ));
    }
    let faults = reader.errors.len();
    let database = DatabaseConfig::read(reader, on_app_service);
    let lacks_database = database.is_none() && reader.errors.len() == faults;
    let faults = reader.errors.len();
    let storage = StorageConfig::read(reader);
    let lacks_storage = storage.is_none() && reader.errors.len() == faults;

    let allowed = reader.parse("ALLOW_LOCAL_DATA", "1 (yes) or 0 (no)", 0, |flag: &u8| *flag <= 1);
    if on_app_service && allowed == 0 {
        for (is_lacking, what, place, settings) in [
            (
                lacks_database,
                "restaurants and reviews",
                "an SQLite file",
                "DBHOST, DBNAME and DBUSER",
            ),
            (lacks_storage, "photos", "a folder", "STORAGE_ACCOUNT_NAME"),
        ] {
            if is_lacking {
                reader.fault(format!(
                    "WEBSITE_HOSTNAME is set, so this is App Service, but without {settings} the site would \
                     keep {what} in {place}. App Service deletes files outside /home when an instance is replaced, and \
                     /home is network storage, on which SQLite files get damaged. Set {settings}, or set \
                     ALLOW_LOCAL_DATA=1 if the data may be lost."
                ));
            }
        }
    }
    (database, storage)
}

#[cfg(test)]
mod tests;
