//! A stored photo under another name.

use std::io;

use axum::body::to_bytes;
use photo_processing::ProcessedPhoto;

use super::{PhotoName, PhotoStore, PhotoStoreError};

/// More than the site stores of one photo, in bytes.
const LARGEST: usize = 32 << 20;

/// Stores the photo under another name too. Returns whether there is such a photo.
pub async fn copy_photo(photos: &dyn PhotoStore, from: &PhotoName, to: &PhotoName) -> Result<bool, PhotoStoreError> {
    let (Some(photo), Some(thumbnail)) = (photos.get(from).await?, photos.get(&from.thumbnail()).await?) else {
        return Ok(false);
    };
    let photo = to_bytes(photo.body, LARGEST).await.map_err(io::Error::other)?;
    let medium = match photos.get(&from.medium()).await? {
        Some(medium) => to_bytes(medium.body, LARGEST).await.map_err(io::Error::other)?,
        // A photo that an earlier version stored.
        None => photo.clone(),
    };
    let copy = ProcessedPhoto {
        photo,
        medium,
        thumbnail: to_bytes(thumbnail.body, LARGEST).await.map_err(io::Error::other)?,
    };
    photos.put(to, &copy).await?;
    Ok(true)
}
