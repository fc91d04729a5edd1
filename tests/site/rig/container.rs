//! A container for a single test.

use std::fs;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::http::{ClientOptions, Transport};
use azure_storage_blob::{BlobContainerClient, BlobContainerClientOptions};
use futures_util::TryStreamExt;
use local_azure::testing::{Cloud, STORAGE_ACCOUNT};
use local_azure::tokens::STORAGE;
use reqwest::Certificate;
use restaurant_review::config::StorageConfig;
use restaurant_review::photos::{BlobPhotos, PhotoName};

use super::{is_shared, print_logs_if_failed};

/// A container, which is private like every new one. If the test fails, the logs of its cloud are printed.
pub struct Container {
    pub cloud: Arc<Cloud>,
    pub config: StorageConfig,
    pub client: BlobContainerClient,
}

impl Container {
    /// Creates a container.
    pub async fn new(cloud: &Arc<Cloud>) -> Self {
        let container = Self::missing(cloud).await;
        container.client.create(None).await.unwrap();
        container
    }

    /// A container that does not exist.
    pub async fn missing(cloud: &Arc<Cloud>) -> Self {
        Self::named(cloud, &format!("photos-{}", fastrand::u64(..))).await
    }

    /// The container with that name, whether it exists or not.
    pub async fn named(cloud: &Arc<Cloud>, name: &str) -> Self {
        let account_url = cloud.blob_storage().await.account_url(STORAGE_ACCOUNT);
        let url = format!("{account_url}/{name}").parse().unwrap();
        let options = BlobContainerClientOptions {
            client_options: options(http_client(cloud)),
            ..BlobContainerClientOptions::default()
        };
        let credential = Arc::new(TestCredential(cloud.token(STORAGE)));
        Self {
            cloud: cloud.clone(),
            client: BlobContainerClient::new(url, Some(credential), Some(options)).unwrap(),
            config: StorageConfig {
                account_url: account_url.parse().unwrap(),
                container: name.to_owned(),
                photos_base_url: None,
                client_id: None,
            },
        }
    }

    /// The cloud that it is in, which must not be that of other tests: its Blob Storage can be stopped.
    pub fn own_cloud(&self) -> &Cloud {
        assert!(!is_shared(&self.cloud), "other tests store their photos here too");
        &self.cloud
    }

    /// An HTTP client that trusts the service's certificate.
    pub fn http_client(&self) -> reqwest::Client {
        http_client(&self.cloud)
    }

    /// The site's photo store in this container.
    pub fn photos(&self) -> BlobPhotos {
        self.photos_over(options(self.http_client()))
    }

    /// The same, with these client options.
    pub fn photos_over(&self, options: ClientOptions) -> BlobPhotos {
        let credential = Arc::new(TestCredential(self.cloud.token(STORAGE)));
        BlobPhotos::open(&self.config, credential, options).unwrap()
    }

    /// The same, with that token.
    pub fn photos_with(&self, token: String) -> BlobPhotos {
        let options = options(self.http_client());
        BlobPhotos::open(&self.config, Arc::new(TestCredential(token)), options).unwrap()
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
        print_logs_if_failed(&self.cloud);
    }
}

fn http_client(cloud: &Cloud) -> reqwest::Client {
    let root = Certificate::from_pem(&fs::read(cloud.root_certificate()).unwrap()).unwrap();
    reqwest::Client::builder()
        .tls_certs_only([root])
        .no_proxy()
        .build()
        .unwrap()
}

fn options(client: reqwest::Client) -> ClientOptions {
    ClientOptions {
        transport: Some(Transport::new(Arc::new(client))),
        ..ClientOptions::default()
    }
}

/// Always returns that token, which is valid for longer than a test takes.
#[derive(Debug)]
pub struct TestCredential(pub String);

#[async_trait]
impl TokenCredential for TestCredential {
    async fn get_token(&self, _: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        let expires_on = azure_core::time::OffsetDateTime::now_utc() + azure_core::time::Duration::hours(1);
        Ok(AccessToken::new(self.0.clone(), expires_on))
    }
}
