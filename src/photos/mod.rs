//! Photos: the crate `photo-processing` decodes and cleans them, and a [`PhotoStore`] keeps them.

mod blob;
mod copy;
mod directory;
mod name;
mod urls;

use std::io;
use std::path::PathBuf;

use async_trait::async_trait;
use axum::body::Body;

pub use photo_processing::{PhotoError, PhotoProcessor, ProcessedPhoto};

pub use self::blob::{BlobError, BlobPhotos};
pub use self::copy::copy_photo;
pub use self::directory::DirectoryPhotos;
pub use self::name::PhotoName;
pub use self::urls::PhotoUrls;

/// Why the photo store failed.
#[derive(Debug, thiserror::Error)]
pub enum PhotoStoreError {
    /// The folder or its disk failed.
    #[error("the photo store is not available: {0}")]
    Unavailable(#[from] io::Error),
    /// The disk of the folder is full, or nearly so.
    #[error(
        "the disk of the folder {} has no room for photos: {free} bytes are free, and MIN_FREE_BYTES is {floor}. Make \
         room on it, or move DATA_DIR to a larger disk",
        folder.display()
    )]
    Full {
        /// The folder.
        folder: PathBuf,
        /// The free space of its disk, in bytes.
        free: u64,
        /// `MIN_FREE_BYTES`.
        floor: u64,
    },
    /// Blob Storage refused the request or could not be reached. The text names the missing role or command.
    #[error("the photo store is not available: {0}")]
    Blob(#[from] BlobError),
}

/// A stored photo on its way to a browser.
pub struct StoredPhoto {
    /// Its length in bytes.
    pub length: u64,
    /// Its bytes, streamed from the store.
    pub body: Body,
}

/// Where photos are stored. The content under a name never changes, so caches can keep a photo for ever.
#[async_trait]
pub trait PhotoStore: Send + Sync {
    /// The kind and location of the store, for the start-up log.
    fn describe(&self) -> String;

    /// Succeeds if the store can be reached and its folder or container exists.
    async fn ready(&self) -> Result<(), PhotoStoreError>;

    /// A problem that prevents part of the work, as `/readyz` shows it.
    async fn warning(&self) -> Option<&'static str> {
        None
    }

    /// Stores a photo in its three sizes. Each appears only once it is complete.
    async fn put(&self, name: &PhotoName, photo: &ProcessedPhoto) -> Result<(), PhotoStoreError>;

    /// The photo with this name, in the size that the name says; `None` if there is none.
    async fn get(&self, name: &PhotoName) -> Result<Option<StoredPhoto>, PhotoStoreError>;

    /// Removes a photo in all its sizes. A missing one is not an error.
    async fn delete(&self, name: &PhotoName) -> Result<(), PhotoStoreError>;
}
