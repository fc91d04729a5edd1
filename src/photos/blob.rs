//! Photos as blobs in a container of Azure Blob Storage, private or not. Every request carries an Entra token.

mod fault;
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
use tower_http::timeout::TimeoutBody;

pub use self::fault::BlobError;
use self::fault::{NamedCredential, Place, has_code};
use super::{PhotoName, PhotoStore, PhotoStoreError, ProcessedPhoto, StoredPhoto};
use crate::config::StorageConfig;

/// How long one call may take in all, its token and its retries included: a person waits for it.
const CALL_LIMIT: Duration = Duration::from_secs(10);
/// How long a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// How long a photo on its way may stand still.
const STALL_LIMIT: Duration = Duration::from_secs(10);
/// No photo of this site comes near it. Up to this a blob is read by one request and streamed; the SDK splits
/// what is larger into parts, and holds those in memory.
const PHOTO_LIMIT: NonZero<usize> = NonZero::new(64 << 20).expect("not zero");

/// A container of photos.
pub struct BlobPhotos {
    container: BlobContainerClient,
    place: Place,
}

impl BlobPhotos {
    /// Uses that container. Nothing is sent yet; whether it is there, [`PhotoStore::ready`] says.
    ///
    /// The retries are always this module's own. The transport too, unless `options` bring one.
    pub fn open(
        config: &StorageConfig,
        credential: Arc<dyn TokenCredential>,
        mut options: ClientOptions,
    ) -> Result<Self, BlobError> {
        let place = Place::of(config);
        options.retry = retries();
        if options.transport.is_none() {
            options.transport = Some(transport().map_err(|error| place.unusable(&error))?);
        }
        let options = BlobContainerClientOptions {
            client_options: options,
            ..Default::default()
        };
        let credential = Arc::new(NamedCredential(credential));
        let container = BlobContainerClient::new(place.container_url(), Some(credential), Some(options))
            .map_err(|error| place.unusable(&error))?;
        Ok(Self { container, place })
    }

    /// What a call answers, in time or not.
    async fn within_limit<T>(
        &self,
        call: impl Future<Output = azure_core::Result<T>> + Send,
    ) -> Result<T, PhotoStoreError> {
        match tokio::time::timeout(CALL_LIMIT, call).await {
            Ok(result) => result.map_err(|error| self.place.fault(error).into()),
            Err(_) => Err(self.place.silent(CALL_LIMIT).into()),
        }
    }

    async fn upload(&self, name: &PhotoName, jpeg: Bytes) -> azure_core::Result<()> {
        let options = BlobClientUploadOptions {
            blob_content_type: Some("image/jpeg".to_owned()),
            // For browsers that load it from here, by PHOTOS_BASE_URL.
            blob_cache_control: Some("public, max-age=31536000, immutable".to_owned()),
            // One request: the blob is there whole or not at all.
            partition_size: Some(NonZero::<u64>::MAX),
            ..Default::default()
        };
        // What caches may keep for ever never changes. Names are random: whatever has this one already is this
        // photo, from an attempt whose answer was lost.
        let blob = self.container.blob_client(name.as_str());
        match blob.upload(jpeg.into(), Some(options.if_not_exists())).await {
            Err(error) if has_code(&error, &StorageErrorCode::BlobAlreadyExists) => Ok(()),
            result => result.map(drop),
        }
    }

    async fn remove(&self, name: &PhotoName) -> azure_core::Result<()> {
        let options = BlobClientDeleteOptions {
            // A blob with snapshots would stay.
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
        self.place.to_string()
    }

    async fn ready(&self) -> Result<(), PhotoStoreError> {
        self.within_limit(self.container.get_properties(None)).await?;
        Ok(())
    }

    async fn put(&self, name: &PhotoName, photo: &ProcessedPhoto) -> Result<(), PhotoStoreError> {
        self.within_limit(async {
            self.upload(&name.thumbnail(), photo.thumbnail.clone()).await?;
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
            return Err(self.place.no_photo(name).into());
        };
        let (place, name) = (self.place.clone(), name.clone());
        let body = TimeoutBody::new(STALL_LIMIT, Body::from_stream(download.body)).map_err(move |error| {
            let error = place.broken_off(&*error);
            tracing::warn!(photo = %name, %error, "a photo broke off on its way to a browser");
            error
        });
        Ok(Some(StoredPhoto {
            length,
            body: Body::new(body),
        }))
    }

    async fn delete(&self, name: &PhotoName) -> Result<(), PhotoStoreError> {
        self.within_limit(async {
            // Both are tried, whatever becomes of the other.
            let thumbnail = name.thumbnail();
            let (photo, thumbnail) = tokio::join!(self.remove(name), self.remove(&thumbnail));
            photo.and(thumbnail)
        })
        .await
    }
}

/// A blob that is not there; a container that is not there is a fault.
fn is_missing(error: &azure_core::Error) -> bool {
    error.http_status() == Some(StatusCode::NotFound) && has_code(error, &StorageErrorCode::BlobNotFound)
}

/// A second and a third attempt, soon. The SDK's own eight would go on for a minute.
fn retries() -> RetryOptions {
    RetryOptions::exponential(ExponentialRetryOptions {
        max_retries: 2,
        // Counted from the end of the first attempt. Two that could not connect leave time to say so.
        max_total_elapsed: azure_core::time::Duration::seconds(3),
        ..Default::default()
    })
}

/// The SDK's HTTP client with a time limit of ours: its own waits 20 seconds for a connection. Without
/// decompression, as the SDK wants it for downloads.
fn transport() -> reqwest::Result<Transport> {
    let client = reqwest::Client::builder()
        .connect_timeout(CONNECT_LIMIT)
        .redirect(reqwest::redirect::Policy::none())
        .no_gzip()
        .no_deflate()
        .build()?;
    Ok(Transport::new(Arc::new(client)))
}
