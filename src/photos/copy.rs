//! A stored photo under another name.

use std::io;
use std::time::Duration;

use axum::body::{Bytes, to_bytes};
use photo_processing::ProcessedPhoto;
use tokio::time::timeout;

use super::{PhotoName, PhotoStore, PhotoStoreError, StoredPhoto};

/// More than the site stores of one photo, in bytes.
const LARGEST: usize = 32 << 20;
/// How long reading one may take. No visitor receives it, so only the photo store can be slow.
const READ_LIMIT: Duration = Duration::from_secs(30);

/// Stores the photo under another name too. Returns whether there is such a photo.
pub async fn copy_photo(photos: &dyn PhotoStore, from: &PhotoName, to: &PhotoName) -> Result<bool, PhotoStoreError> {
    let Some(photo) = photos.get(from).await? else {
        return Ok(false);
    };
    let photo = bytes(photo).await?;
    // A photo that an earlier version stored may lack a size.
    let smaller = async |name: PhotoName| match photos.get(&name).await? {
        Some(smaller) => bytes(smaller).await,
        None => Ok(photo.clone()),
    };
    let (medium, thumbnail) = (smaller(from.medium()).await?, smaller(from.thumbnail()).await?);
    let copy = ProcessedPhoto {
        photo,
        medium,
        thumbnail,
    };
    photos.put(to, &copy).await?;
    Ok(true)
}

async fn bytes(photo: StoredPhoto) -> Result<Bytes, PhotoStoreError> {
    let read = timeout(READ_LIMIT, to_bytes(photo.body, LARGEST)).await;
    Ok(read.map_err(io::Error::from)?.map_err(io::Error::other)?)
}
