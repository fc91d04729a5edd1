//! Photos: decoded and cleaned by [`processing`], kept by a [`PhotoStore`].

mod blob;
pub mod cleanup;
mod directory;
mod name;
pub mod processing;
mod urls;

use std::io;

use async_trait::async_trait;
use axum::body::Body;

pub use self::blob::{BlobError, BlobPhotos};
pub use self::directory::DirectoryPhotos;
pub use self::name::PhotoName;
pub use self::processing::{PhotoError, Photographer, ProcessedPhoto};
pub use self::urls::PhotoUrls;

/// Why the photo store could not answer.
#[derive(Debug, thiserror::Error)]
pub enum PhotoStoreError {
    /// The folder or the disk under it does not do its work now.
    #[error("the photo store is not available: {0}")]
    Unavailable(#[from] io::Error),
    /// Blob Storage refuses or cannot be reached; the text says which role or command is missing.
    #[error("the photo store is not available: {0}")]
    Blob(#[from] BlobError),
}

/// A stored photo on its way to a browser.
pub struct StoredPhoto {
    /// Its length in bytes.
    pub length: u64,
    /// Its bytes, as they come from the store.
    pub body: Body,
}

/// Where photos live. A name never gets other content, so a photo can be kept by caches for ever.
#[async_trait]
pub trait PhotoStore: Send + Sync {
    /// What this is and where, in a few words for the start-up lines.
    fn describe(&self) -> String;

    /// Succeeds when photos can be stored and read.
    async fn ready(&self) -> Result<(), PhotoStoreError>;

    /// Stores a photo and its thumbnail; nothing of them can be seen before all is written.
    async fn put(&self, name: &PhotoName, photo: &ProcessedPhoto) -> Result<(), PhotoStoreError>;

    /// The photo or thumbnail of that name; `None`: there is none.
    async fn get(&self, name: &PhotoName) -> Result<Option<StoredPhoto>, PhotoStoreError>;

    /// Removes a photo and its thumbnail; one that is not there is no error.
    async fn delete(&self, name: &PhotoName) -> Result<(), PhotoStoreError>;
}
