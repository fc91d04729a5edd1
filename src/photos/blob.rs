//! Photos as blobs in a container of Azure Blob Storage. Every request carries an Entra token, so the container can be
//! private.

mod error;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::{Body, Bytes};
use azure_core::credentials::TokenCredential;
use azure_core::http::{ClientOptions, ExponentialRetryOptions, RetryOptions, StatusCode, Transport};
use azure_storage_blob::models::{
    BlobClientDeleteOptions, BlobClientDownloadOptions, BlobClientUploadOptions, DeleteSnapshotsOptionType,
    StorageErrorCode,
};
use azure_storage_blob::{BlobContainerClient, BlobContainerClientOptions};
use http_body_util::BodyExt;
use tower_http::timeout::{DeadlineBody, TimeoutBody};

pub use self::error::BlobError;
use self::error::{ContainerAddress, MarkedCredential, has_code};
use super::{PhotoName, PhotoStore, PhotoStoreError, ProcessedPhoto, StoredPhoto};
use crate::config::StorageConfig;

/// How long one call may take, including its token and its retries: a visitor is waiting.
const CALL_LIMIT: Duration = Duration::from_secs(10);
/// How long an unused connection is kept.
const IDLE_LIMIT: Duration = Duration::from_secs(5);
/// How long connecting may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// How long a download may stall.
const STALL_LIMIT: Duration = Duration::from_secs(10);
/// How long a download may take: several minutes, because it is as slow as the visitor who receives it.
const DOWNLOAD_LIMIT: Duration = Duration::from_mins(5);
/// The maximum size of a blob that is read, in bytes. Photos of this site are far smaller. The SDK streams a blob of up
/// to this size in one request; it would split a larger one into parts and hold them in memory.
const PHOTO_LIMIT: NonZero<usize> = NonZero::new(64 << 20).expect("not zero");

/// A container of photos.
pub struct BlobPhotos {
    container: BlobContainerClient,
    address: ContainerAddress,
}

impl BlobPhotos {
    /// Uses this container. Nothing is sent yet; [`PhotoStore::ready`] checks that the container exists.
    ///
    /// `options` may contain a transport. This module always sets the retries itself.
    pub fn open(
        config: &StorageConfig,
        credential: Arc<dyn TokenCredential>,
        mut options: ClientOptions,
    ) -> Result<Self, BlobError> {
        let address = ContainerAddress::of(config);
        options.retry = retries();
        if options.transport.is_none() {
            options.transport = Some(transport().map_err(|error| address.misconfigured(&error))?);
        }
        let options = BlobContainerClientOptions {
            client_options: options,
            ..Default::default()
        };
        let credential = Arc::new(MarkedCredential(credential));
        let container = BlobContainerClient::new(address.url(), Some(credential), Some(options))
            .map_err(|error| address.misconfigured(&error))?;
        Ok(Self { container, address })
    }

    /// The result of a call, or an error once it takes too long.
    async fn within_limit<T>(
        &self,
        call: impl Future<Output = azure_core::Result<T>> + Send,
    ) -> Result<T, PhotoStoreError> {
        match tokio::time::timeout(CALL_LIMIT, call).await {
            Ok(result) => result.map_err(|error| self.address.explain(error).into()),
            Err(_) => Err(self.address.timed_out(CALL_LIMIT).into()),
        }
    }

    async fn upload(&self, name: &PhotoName, jpeg: Bytes) -> azure_core::Result<()> {
        let options = BlobClientUploadOptions {
            blob_content_type: Some("image/jpeg".to_owned()),
            // For browsers that load it from here, through PHOTOS_BASE_URL.
            blob_cache_control: Some("public, max-age=31536000, immutable".to_owned()),
            // One request, so that the blob appears complete or not at all.
            partition_size: Some(NonZero::<u64>::MAX),
            ..Default::default()
        };
        // A blob is never replaced, because caches keep it for ever. Names are random, so a blob with this name is this
        // photo, stored by an attempt whose answer was lost.
        let blob = self.container.blob_client(name.as_str());
        match blob.upload(jpeg.into(), Some(options.if_not_exists())).await {
            Err(error) if has_code(&error, &StorageErrorCode::BlobAlreadyExists) => Ok(()),
            result => result.map(drop),
        }
    }

    async fn remove(&self, name: &PhotoName) -> azure_core::Result<()> {
        let options = BlobClientDeleteOptions {
            // Otherwise a blob with snapshots could not be deleted.
            delete_snapshots: Some(DeleteSnapshotsOptionType::Include),
            ..Default::default()
        };
        match self.container.blob_client(name.as_str()).delete(Some(options)).await {
            Err(error) if is_missing(&error) => Ok(()),
            result => result.map(drop),
        }
    }
}

#[async_trait]
impl PhotoStore for BlobPhotos {
    fn describe(&self) -> String {
        self.address.to_string()
    }

    async fn ready(&self) -> Result<(), PhotoStoreError> {
        self.within_limit(self.container.get_properties(None)).await?;
        Ok(())
    }

    async fn put(&self, name: &PhotoName, photo: &ProcessedPhoto) -> Result<(), PhotoStoreError> {
        self.within_limit(async {
            self.upload(&name.thumbnail(), photo.thumbnail.clone()).await?;
            self.upload(&name.medium(), photo.medium.clone()).await?;
            self.upload(name, photo.photo.clone()).await
        })
        .await
    }

    async fn get(&self, name: &PhotoName) -> Result<Option<StoredPhoto>, PhotoStoreError> {
        let options = BlobClientDownloadOptions {
            range: Some((0..PHOTO_LIMIT.get()).into()),
            partition_size: Some(PHOTO_LIMIT),
            parallel: Some(NonZero::<usize>::MIN),
            ..Default::default()
        };
        let blob = self.container.blob_client(name.as_str());
        let download = async {
            match blob.download(Some(options)).await {
                Err(error) if is_missing(&error) => Ok(None),
                result => result.map(Some),
            }
        };
        let Some(download) = self.within_limit(download).await? else {
            return Ok(None);
        };
        let length = download.properties.content_length;
        let Some(length) = length.filter(|length| *length < PHOTO_LIMIT.get() as u64) else {
            return Err(self.address.too_large(name).into());
        };
        let (address, name) = (self.address.clone(), name.clone());
        let body = TimeoutBody::new(STALL_LIMIT, Body::from_stream(download.body));
        let body = DeadlineBody::new(DOWNLOAD_LIMIT, body).map_err(move |error| {
            let error = address.interrupted(&*error);
            tracing::warn!(photo = %name, %error, "the download of a photo was interrupted");
            error
        });
        Ok(Some(StoredPhoto {
            length,
            body: Body::new(body),
        }))
    }

    async fn delete(&self, name: &PhotoName) -> Result<(), PhotoStoreError> {
        self.within_limit(async {
            // All are deleted, even if one of them fails.
            let (medium, thumbnail) = (name.medium(), name.thumbnail());
            let (photo, medium, thumbnail) =
                tokio::join!(self.remove(name), self.remove(&medium), self.remove(&thumbnail));
            photo.and(medium).and(thumbnail)
        })
        .await
    }
}

/// Whether the blob is missing. A missing container is an error.
fn is_missing(error: &azure_core::Error) -> bool {
    error.http_status() == Some(StatusCode::NotFound) && has_code(error, &StorageErrorCode::BlobNotFound)
}

/// Two quick retries. The SDK's default of eight would take a minute.
fn retries() -> RetryOptions {
    RetryOptions::exponential(ExponentialRetryOptions {
        max_retries: 2,
        // Measured from the end of the first attempt. After two failed connections, enough time is left to report the
        // error.
        max_total_elapsed: azure_core::time::Duration::seconds(3),
        ..Default::default()
    })
}

/// The HTTP client of the SDK, with a shorter time limit: by default it waits 20 seconds for a connection. Without
/// decompression, as the SDK requires for downloads.
fn transport() -> reqwest::Result<Transport> {
    let client = reqwest::Client::builder()
        .connect_timeout(CONNECT_LIMIT)
        // A connection that has fallen silent never says so. When one call has waited for its limit, the unused ones are gone.
        .pool_idle_timeout(IDLE_LIMIT)
        .redirect(reqwest::redirect::Policy::none())
        .no_gzip()
        .no_deflate()
        .build()?;
    Ok(Transport::new(Arc::new(client)))
}
