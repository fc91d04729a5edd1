//! Azurite, Microsoft's emulator of Blob Storage: the real service's protocol, over HTTPS, with tokens.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::http::{ClientOptions, Transport};
use azure_storage_blob::{BlobContainerClient, BlobContainerClientOptions};
use futures_util::TryStreamExt;
use reqwest::Certificate as Root;
use restaurant_review::config::StorageConfig;
use restaurant_review::photos::{BlobPhotos, PhotoName};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::Authority;
use super::ca::Certificate;

/// A running Azurite with one account, `devstoreaccount1`.
pub struct Azurite {
    authority: Authority,
    certificate: Certificate,
    folder: TempDir,
    port: u16,
    /// It is never dropped, so its files go with the process.
    is_static: bool,
    process: Mutex<Option<Child>>,
}

impl Azurite {
    /// The one that most tests share, each with a container of its own: it takes seconds to start.
    pub async fn shared() -> Arc<Self> {
        static SHARED: OnceCell<Arc<Azurite>> = OnceCell::const_new();
        SHARED.get_or_init(|| Self::start_as(true)).await.clone()
    }

    /// One of a test's own, that it may stop.
    pub async fn start() -> Arc<Self> {
        Self::start_as(false).await
    }

    async fn start_as(is_static: bool) -> Arc<Self> {
        let authority = Authority::new();
        let mut azurite = Self {
            certificate: authority.issue(&["127.0.0.1"]),
            authority,
            folder: tempfile::tempdir().unwrap(),
            port: 0,
            is_static,
            process: Mutex::new(None),
        };
        azurite.port = azurite.run(0).await;
        Arc::new(azurite)
    }

    /// Ends the process; what it stored stays.
    pub async fn stop(self: &Arc<Self>) {
        let this = self.clone();
        tokio::task::spawn_blocking(move || this.end()).await.unwrap();
    }

    /// Runs it once more, at the same address.
    pub async fn start_again(&self) {
        assert_eq!(self.run(self.port).await, self.port);
    }

    /// Runs it on that port, or a free one for 0, until it listens; the port.
    async fn run(&self, port: u16) -> u16 {
        let program = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("crates/local-azure/azurite/node_modules/azurite/dist/src/blob/main.js");
        assert!(
            program.exists(),
            "Azurite is not installed in crates/local-azure/azurite. Run ./test.sh, which installs what the tests need \
             (or: npm ci --prefix crates/local-azure/azurite)."
        );
        let log = self.log_file();
        let before = fs::metadata(&log).map_or(0, |log| log.len());
        let output = File::options().create(true).append(true).open(&log).unwrap();
        // The shell ends Azurite when its input ends: by `end`, or with this process however that ends.
        let script = "remove=$1; also=$2; shift 2; \"$@\" & azurite=$!; read -r _; kill $azurite; \
                      for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 $azurite 2>/dev/null || break; sleep 0.3; done; \
                      kill -9 $azurite 2>/dev/null; rm -rf \"$remove\" \"$also\"";
        let none = Path::new("");
        let (remove, also) = match self.root_file().parent() {
            Some(authority) if self.is_static => (self.folder.path(), authority.to_owned()),
            _ => (none, none.to_owned()),
        };
        let process = Command::new("sh")
            .args(["-c", script, "sh"])
            .args([remove, &also])
            .arg("node")
            .arg(program)
            .args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string()])
            .args(["--oauth", "basic", "--disableTelemetry"])
            // The crate speaks a newer version of the protocol than this Azurite knows by name.
            .arg("--skipApiVersionCheck")
            .arg("--location")
            .arg(self.folder.path().join("data"))
            .arg("--cert")
            .arg(&self.certificate.certificate)
            .arg("--key")
            .arg(&self.certificate.key)
            .stdin(Stdio::piped())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        *self.process.lock().unwrap() = Some(process);

        let begun = Instant::now();
        loop {
            let said = fs::read(&log).unwrap();
            let said = String::from_utf8_lossy(&said[usize::try_from(before).unwrap()..]).into_owned();
            if let Some((_, rest)) = said.split_once("successfully listens on https://127.0.0.1:") {
                return rest.split_whitespace().next().unwrap().parse().unwrap();
            }
            assert!(
                begun.elapsed() < Duration::from_mins(2),
                "Azurite does not listen; it said:\n{said}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn end(&self) {
        if let Some(mut process) = self.process.lock().unwrap().take() {
            drop(process.stdin.take());
            process.wait().unwrap();
        }
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("azurite.log")
    }

    /// The blob service, as `STORAGE_ACCOUNT_NAME` takes it.
    pub fn account_url(&self) -> String {
        format!("https://127.0.0.1:{}/devstoreaccount1", self.port)
    }

    /// The file to trust, for `SSL_CERT_FILE`.
    pub fn root_file(&self) -> PathBuf {
        self.authority.file()
    }

    /// An HTTP client that trusts its certificate.
    pub fn http_client(&self) -> reqwest::Client {
        let root = Root::from_pem(&fs::read(self.root_file()).unwrap()).unwrap();
        reqwest::Client::builder()
            .tls_certs_only([root])
            .no_proxy()
            .build()
            .unwrap()
    }

    /// Options of a client that trusts its certificate.
    pub fn options(&self) -> ClientOptions {
        ClientOptions {
            transport: Some(Transport::new(Arc::new(self.http_client()))),
            ..ClientOptions::default()
        }
    }

    /// A new container, private as every container is at first.
    pub async fn container(self: &Arc<Self>) -> Container {
        let container = self.missing_container();
        container.client.create(None).await.unwrap();
        container
    }

    /// A container that is not there.
    pub fn missing_container(self: &Arc<Self>) -> Container {
        let name = format!("photos-{}", fastrand::u64(..));
        let account_url = self.account_url().parse().unwrap();
        let url = format!("{account_url}/{name}").parse().unwrap();
        let options = BlobContainerClientOptions {
            client_options: self.options(),
            ..BlobContainerClientOptions::default()
        };
        let credential = Arc::new(TestCredential::for_storage());
        Container {
            client: BlobContainerClient::new(url, Some(credential), Some(options)).unwrap(),
            config: StorageConfig {
                account_url,
                container: name,
                photos_base_url: None,
                client_id: None,
            },
            azurite: self.clone(),
        }
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        self.end();
    }
}

/// A container of a test's own.
pub struct Container {
    pub azurite: Arc<Azurite>,
    pub config: StorageConfig,
    pub client: BlobContainerClient,
}

impl Container {
    /// The site's photo store on it.
    pub fn photos(&self) -> BlobPhotos {
        self.photos_as(TestCredential::for_storage(), self.azurite.options())
    }

    pub fn photos_as(&self, credential: TestCredential, options: ClientOptions) -> BlobPhotos {
        BlobPhotos::open(&self.config, Arc::new(credential), options).unwrap()
    }

    /// The address of a blob in it.
    pub fn url(&self, name: &PhotoName) -> String {
        format!("{}/{name}", self.client.url())
    }

    /// The names of the blobs in it.
    pub async fn names(&self) -> Vec<String> {
        let blobs: Vec<_> = self.client.list_blobs(None).unwrap().try_collect().await.unwrap();
        blobs.into_iter().map(|blob| blob.name.unwrap()).collect()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Of others' requests to a shared Azurite, nothing.
            let log = fs::read_to_string(self.azurite.log_file()).unwrap_or_default();
            let other = |line: &&str| line.contains("/devstoreaccount1/") && !line.contains(&self.config.container);
            let lines: Vec<_> = log.lines().filter(|line| !other(line)).collect();
            eprintln!("Azurite said:\n{}", lines.join("\n"));
        }
    }
}

/// Makes tokens with the claims that Azurite checks; it does not check signatures.
#[derive(Debug)]
pub struct TestCredential {
    audience: &'static str,
}

impl TestCredential {
    /// What Entra issues for Blob Storage.
    pub fn for_storage() -> Self {
        Self::for_audience("https://storage.azure.com")
    }

    pub fn for_audience(audience: &'static str) -> Self {
        Self { audience }
    }

    /// A token that is good for an hour.
    pub fn token(&self) -> String {
        let now = azure_core::time::OffsetDateTime::now_utc().unix_timestamp();
        let claims = format!(
            r#"{{"iss":"https://sts.windows.net/11111111-2222-3333-4444-555555555555/","aud":"{}","iat":{now},"nbf":{},"exp":{}}}"#,
            self.audience,
            now - 60,
            now + 3600
        );
        let part = |text: &str| azure_core::base64::encode_url_safe(text);
        format!(
            "{}.{}.{}",
            part(r#"{"alg":"RS256","typ":"JWT"}"#),
            part(&claims),
            part("no signature")
        )
    }
}

#[async_trait]
impl TokenCredential for TestCredential {
    async fn get_token(&self, _: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        let expires_on = azure_core::time::OffsetDateTime::now_utc() + azure_core::time::Duration::hours(1);
        Ok(AccessToken::new(self.token(), expires_on))
    }
}
