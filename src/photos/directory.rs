//! Photos as files in a folder, for development without any other service.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use axum::body::Body;
use tokio::fs::{self, File, OpenOptions};
use tokio::io::AsyncWriteExt;
use tokio_util::io::ReaderStream;

use super::{PhotoName, PhotoStore, PhotoStoreError, ProcessedPhoto, StoredPhoto};
use crate::{disk, private_files};

/// How much of a photo is read at a time. A client that takes it slowly makes the site hold twice as much.
const PIECE: usize = 16 << 10;

/// A folder of photos.
pub struct DirectoryPhotos {
    folder: PathBuf,
    min_free_bytes: u64,
}

impl DirectoryPhotos {
    /// Uses this folder, and creates it if it is missing. Stores photos while its disk has this many free bytes.
    pub async fn open(folder: &Path, min_free_bytes: u64) -> io::Result<Self> {
        if private_files::create_folder(folder)? {
            let mut files = fs::read_dir(folder).await?;
            while let Some(file) = files.next_entry().await? {
                private_files::restrict(&file.path())?;
            }
        }
        Ok(Self {
            folder: folder.to_owned(),
            min_free_bytes,
        })
    }

    fn path(&self, name: &PhotoName) -> PathBuf {
        self.folder.join(name.as_str())
    }

    /// The path of a file until it is complete.
    fn part_path(&self, name: &PhotoName) -> PathBuf {
        self.folder.join(format!("{name}.part"))
    }

    /// Writes a file that appears under its name complete or not at all, even after a crash.
    async fn write(&self, name: &PhotoName, bytes: &[u8]) -> io::Result<()> {
        let part = self.part_path(name);
        let mut file = create(&part).await?;
        file.write_all(bytes).await?;
        // `write_all` only hands the bytes over, and `sync_all` does not report that they could not be written.
        file.flush().await?;
        file.sync_all().await?;
        drop(file);
        fs::rename(part, self.path(name)).await
    }

    /// The free space of the disk, in bytes.
    async fn free_space(&self) -> io::Result<u64> {
        let folder = self.folder.clone();
        tokio::task::spawn_blocking(move || fs4::available_space(folder)).await?
    }

    async fn check_free_space(&self) -> Result<(), PhotoStoreError> {
        let free = self.free_space().await?;
        if free < self.min_free_bytes {
            return Err(self.full(free));
        }
        Ok(())
    }

    fn full(&self, free: u64) -> PhotoStoreError {
        PhotoStoreError::Full {
            folder: self.folder.clone(),
            free,
            floor: self.min_free_bytes,
        }
    }

    /// Makes the names in the folder permanent: without this, a power cut could undo a rename.
    #[cfg(unix)]
    async fn sync_folder(&self) -> io::Result<()> {
        File::open(&self.folder).await?.sync_all().await
    }

    /// Does nothing: Windows cannot open a folder to sync it.
    #[cfg(not(unix))]
    async fn sync_folder(&self) -> io::Result<()> {
        Ok(())
    }
}

#[async_trait]
impl PhotoStore for DirectoryPhotos {
    fn describe(&self) -> String {
        format!("folder {}", self.folder.display())
    }

    async fn ready(&self) -> Result<(), PhotoStoreError> {
        Ok(disk::write_a_block(&self.folder).await?)
    }

    async fn warning(&self) -> Option<&'static str> {
        let is_below = matches!(self.check_free_space().await, Err(PhotoStoreError::Full { .. }));
        is_below.then_some("the disk has less free space than MIN_FREE_BYTES, so photos are refused")
    }

    async fn put(&self, name: &PhotoName, photo: &ProcessedPhoto) -> Result<(), PhotoStoreError> {
        self.check_free_space().await?;
        let written = async {
            self.write(&name.thumbnail(), &photo.thumbnail).await?;
            self.write(&name.medium(), &photo.medium).await?;
            self.write(name, &photo.photo).await?;
            self.sync_folder().await
        };
        let Err(error) = written.await else { return Ok(()) };
        // What was written of it would keep a full disk full until the clean-up.
        if let Err(error) = self.delete(name).await {
            tracing::warn!(%error, "a photo that could not be stored remains until the clean-up");
        }
        Err(if disk::is_full(&error) {
            self.full(self.free_space().await?)
        } else {
            error.into()
        })
    }

    async fn get(&self, name: &PhotoName) -> Result<Option<StoredPhoto>, PhotoStoreError> {
        let file = match File::open(self.path(name)).await {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let length = file.metadata().await?.len();
        let body = Body::from_stream(ReaderStream::with_capacity(file, PIECE));
        Ok(Some(StoredPhoto { length, body }))
    }

    async fn delete(&self, name: &PhotoName) -> Result<(), PhotoStoreError> {
        for name in [name.photo(), name.medium(), name.thumbnail()] {
            for path in [self.path(&name), self.part_path(&name)] {
                fs::remove_file(path).await.or_else(ignore_missing)?;
            }
        }
        Ok(())
    }
}

/// Creates a file that other users cannot read, or empties it.
async fn create(path: &Path) -> io::Result<File> {
    let options: OpenOptions = private_files::options().create(true).truncate(true).clone().into();
    options.open(path).await
}

fn ignore_missing(error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::NotFound {
        Ok(())
    } else {
        Err(error)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use axum::body::Bytes;

    use super::*;

    #[tokio::test]
    async fn a_photo_that_does_not_fit_on_the_disk_is_not_stored() {
        let folder = tempfile::tempdir().unwrap();
        let photos = DirectoryPhotos::open(folder.path(), 0).await.unwrap();
        let photo = ProcessedPhoto {
            photo: Bytes::from_static(b"photo"),
            medium: Bytes::from_static(b"medium"),
            thumbnail: Bytes::from_static(b"thumbnail"),
        };
        let name = PhotoName::random();
        // It refuses each byte, as a full disk does.
        std::os::unix::fs::symlink("/dev/full", photos.part_path(&name)).unwrap();
        let error = photos.put(&name, &photo).await.unwrap_err();
        assert!(matches!(error, PhotoStoreError::Full { .. }), "{error:?}");
        assert!(photos.get(&name).await.unwrap().is_none());
    }
}
