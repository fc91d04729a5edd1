//! A stored photo under another name.

use std::io;

use axum::body::{Bytes, to_bytes};
use photo_processing::ProcessedPhoto;

use super::{PhotoName, PhotoStore, PhotoStoreError, StoredPhoto};

/// More than the site stores of one photo, in bytes.
const LARGEST: usize = 32 << 20;

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
    Ok(to_bytes(photo.body, LARGEST).await.map_err(io::Error::other)?)
}
