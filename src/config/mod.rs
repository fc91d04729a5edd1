//! The site's own settings, in one place. Each is an environment variable; the Azure libraries read others.

mod database;
mod reader;
mod storage;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use self::database::DatabaseConfig;
use self::reader::Reader;
pub use self::reader::Secret;
pub use self::storage::StorageConfig;

/// The settings of the site, read once at start.
#[derive(Debug, Clone)]
pub struct Config {
    /// `WEBSITE_HOSTNAME`: the site's public host name. App Service sets it; its presence means
    /// production.
    pub website_hostname: Option<String>,
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
    /// `SHUTDOWN_GRACE_SECONDS`: how long a stop waits for requests in flight. Default 10 seconds.
    pub shutdown_grace: Duration,
    /// PostgreSQL, when `DBHOST` is set; otherwise SQLite in `DATA_DIR`.
    pub database: Option<DatabaseConfig>,
    /// Blob Storage, when `STORAGE_ACCOUNT_NAME` is set; otherwise a folder in `DATA_DIR`.
    pub storage: Option<StorageConfig>,
    /// `RUST_LOG`: which log lines are written, such as `debug` or `info,sqlx=debug`. Default `info`.
    pub log_filter: tracing_subscriber::filter::Targets,
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
        let config = Self::read(
            |name| match std::env::var(name) {
                Ok(value) => Some(value),
                Err(std::env::VarError::NotPresent) => None,
                // No valid value contains the replacement character, so this is reported as an error.
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
        // An empty value counts as not set: that is how a portal or a .env file clears a setting.
        let get = |name: &str| {
            lookup(name)
                .or_else(|| database::from_connection_string(name, &lookup("AZURE_POSTGRESQL_CONNECTIONSTRING")?))
                .map(|value| value.trim().to_owned())
                .filter(|value| !value.is_empty())
        };
        let mut reader = Reader { get: &get, errors };

        let website_hostname = get("WEBSITE_HOSTNAME");
        let everywhere = IpAddr::from([0, 0, 0, 0]);
        let here = IpAddr::from([127, 0, 0, 1]);
        Self {
            host: reader.parse(
                "HOST",
                "an IP address to listen on, such as 127.0.0.1 or 0.0.0.0",
                if website_hostname.is_some() { everywhere } else { here },
                |_| true,
            ),
            port: reader.parse("PORT", "a port number from 0 to 65535", 8000, |_| true),
            data_dir: reader.parse("DATA_DIR", "a folder", PathBuf::from("data"), |_| true),
            max_upload_bytes: reader.parse(
                "MAX_UPLOAD_BYTES",
                "a number of bytes from 65536 (64 KiB) to 104857600 (100 MiB)",
                10 << 20,
                |bytes| Self::UPLOAD_RANGE.contains(bytes),
            ),
            page_cache_bytes: reader.parse(
                "PAGE_CACHE_BYTES",
                "a number of bytes from 0 (no pages are cached) to 1073741824 (1 GiB)",
                8 << 20,
                |bytes| (0..=1 << 30).contains(bytes),
            ),
            shutdown_grace: Duration::from_secs(reader.parse(
                "SHUTDOWN_GRACE_SECONDS",
                "a whole number of seconds from 0 to 600",
                10,
                |seconds| (0..=600).contains(seconds),
            )),
            log_filter: reader.parse(
                "RUST_LOG",
                "a level (error, warn, info, debug, trace, off) or target=level pairs, separated by commas",
                tracing_subscriber::filter::Targets::new().with_default(tracing::Level::INFO),
                |_| true,
            ),
            database: DatabaseConfig::read(&mut reader, website_hostname.is_some()),
            storage: StorageConfig::read(&mut reader),
            website_hostname,
        }
    }

    /// `PHOTOS_BASE_URL`: where browsers load the photos from, if not from this site.
    #[must_use]
    pub fn photos_base_url(&self) -> Option<&url::Url> {
        self.storage.as_ref()?.photos_base_url.as_ref()
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

#[cfg(test)]
mod tests {
    use sqlx::postgres::PgSslMode;

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
    fn without_settings_the_site_runs_locally() {
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
    fn an_empty_value_counts_as_not_set() {
        assert_eq!(read(&[("PORT", "")]).unwrap().port, 8000);
    }

    #[test]
    fn every_wrong_setting_is_named_with_its_value_and_the_valid_ones() {
        let errors = read(&[
            ("HOST", "localhost:1"),
            ("PORT", "eighty"),
            ("MAX_UPLOAD_BYTES", "10"),
            ("PAGE_CACHE_BYTES", "8 MB"),
            ("SHUTDOWN_GRACE_SECONDS", "-1"),
            ("RUST_LOG", "site=loud"),
            ("DBHOST", "server"),
            ("DBSSLMODE", "sometimes"),
            ("STORAGE_ACCOUNT_NAME", "http://127.0.0.1:10000/devstoreaccount1"),
            ("STORAGE_CONTAINER_NAME", "Photos"),
            ("PHOTOS_BASE_URL", "photos"),
        ])
        .unwrap_err();
        assert_eq!(errors.len(), 12, "{errors:#?}");
        assert_eq!(
            errors[1],
            "PORT is \"eighty\", but it must be a port number from 0 to 65535."
        );
        assert!(errors[2].starts_with("MAX_UPLOAD_BYTES is \"10\", but it must be a number of bytes"));
        assert!(errors[6].starts_with("DBHOST is set, but DBNAME is not."));
    }

    #[test]
    fn the_site_signs_in_with_a_token_unless_there_is_a_password() {
        let settings = [
            ("DBHOST", "contoso-db"),
            ("DBNAME", "restaurant"),
            ("DBUSER", "web-identity"),
        ];
        let database = read(&settings).unwrap().database.unwrap();
        assert_eq!((database.host.as_str(), database.port), ("contoso-db", 5432));
        assert_eq!(
            (database.name.as_str(), database.user.as_str()),
            ("restaurant", "web-identity")
        );
        assert_eq!(database.password, None);
        assert!(matches!(database.ssl_mode, PgSslMode::VerifyFull));

        let hostname = ("WEBSITE_HOSTNAME", "contoso.azurewebsites.net");
        let in_azure = read(&[&settings[..], &[hostname]].concat()).unwrap().database.unwrap();
        assert_eq!(in_azure.host, "contoso-db.postgres.database.azure.com");

        let unverified = ("DBSSLMODE", "require");
        let errors = read(&[&settings[..], &[unverified]].concat()).unwrap_err();
        assert!(errors[0].contains("an Entra token is sent to it"), "{errors:?}");
        let local = read(&[&settings[..], &[unverified, ("DBPASS", "local only")]].concat()).unwrap();
        assert!(!format!("{local:?}").contains("local only"));
    }

    #[test]
    fn an_account_is_a_name_or_a_url() {
        let account = |value| read(&[("STORAGE_ACCOUNT_NAME", value)]).map(|config| config.storage.unwrap());
        let by_name = account("contoso").unwrap();
        assert_eq!(by_name.account_url.as_str(), "https://contoso.blob.core.windows.net/");
        assert_eq!(by_name.container, "photos");
        let azurite = account("https://127.0.0.1:10000/devstoreaccount1/").unwrap();
        assert_eq!(azurite.account_url.as_str(), "https://127.0.0.1:10000/devstoreaccount1");
        for wrong in [
            "Contoso",
            "ab",
            "http://contoso.blob.core.windows.net",
            "https://",
            "https://a/?sig=1",
        ] {
            assert!(account(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn service_connectors_names_are_understood_and_a_conflict_is_named() {
        let config = read(&[
            ("AZURE_POSTGRESQL_HOST", "contoso-db.postgres.database.azure.com"),
            ("AZURE_POSTGRESQL_NAME", "restaurant"),
            ("AZURE_POSTGRESQL_USER", "aad_web"),
            ("AZURE_POSTGRESQL_CLIENTID", "5a5a"),
            (
                "AZURE_STORAGEBLOB_RESOURCEENDPOINT",
                "https://contoso.blob.core.windows.net/",
            ),
            ("STORAGE_ACCOUNT_NAME", "contoso"),
        ])
        .unwrap();
        let database = config.database.unwrap();
        assert_eq!(database.user, "aad_web");
        let string =
            "dbname=restaurant host=contoso-db.postgres.database.azure.com port=5433 sslmode=require user='aad_web'";
        let by_string = read(&[("AZURE_POSTGRESQL_CONNECTIONSTRING", string)])
            .unwrap()
            .database
            .unwrap();
        assert_eq!(
            (by_string.host, by_string.name, by_string.user),
            (database.host, database.name, database.user)
        );
        assert_eq!(by_string.port, 5433);
        assert!(matches!(by_string.ssl_mode, PgSslMode::VerifyFull));
        assert_eq!(database.client_id.as_deref(), Some("5a5a"));
        assert_eq!(
            config.storage.unwrap().account_url.as_str(),
            "https://contoso.blob.core.windows.net/"
        );

        let errors = read(&[
            ("DBHOST", "a"),
            ("AZURE_POSTGRESQL_HOST", "b"),
            ("DBNAME", "n"),
            ("DBUSER", "u"),
            ("AZURE_CLIENT_ID", "1"),
            ("AZURE_STORAGEBLOB_CLIENTID", "2"),
            ("STORAGE_ACCOUNT_NAME", "contoso"),
        ])
        .unwrap_err();
        assert_eq!(errors.len(), 2, "{errors:?}");
        assert!(errors[0].starts_with("DBHOST and AZURE_POSTGRESQL_HOST are both set"));
        assert!(errors[1].starts_with("AZURE_CLIENT_ID and AZURE_STORAGEBLOB_CLIENTID are both set"));
    }

    #[test]
    fn a_setting_that_needs_another_one_names_it() {
        let errors = read(&[
            ("DBNAME", "restaurant"),
            ("PHOTOS_BASE_URL", "https://cdn.example/photos"),
        ])
        .unwrap_err();
        assert!(errors[0].starts_with("DBNAME is set, but DBHOST is not."));
        assert!(errors[1].starts_with("PHOTOS_BASE_URL is set, but STORAGE_ACCOUNT_NAME is not"));
    }
}
