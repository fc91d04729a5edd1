//! Whether a folder can be written to: its disk may be full or read-only.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::path::Path;

use tokio::fs::{self, OpenOptions};
use tokio::io::AsyncWriteExt;

use crate::private_files;

/// The smallest unit of most file systems. A full disk may still accept an empty file.
const BLOCK: [u8; 4096] = [0; 4096];

/// Writes a block to the disk, and removes it.
pub async fn write_a_block(folder: &Path) -> io::Result<()> {
    let path = folder.join(".ready");
    let written = async {
        let options: OpenOptions = private_files::options().create(true).truncate(true).clone().into();
        let mut file = options.open(&path).await?;
        file.write_all(&BLOCK).await?;
        // `write_all` only hands the bytes over, and `sync_data` does not report that they could not be written.
        file.flush().await?;
        file.sync_data().await
    };
    let written = written.await;
    match fs::remove_file(&path).await {
        Err(error) if error.kind() != ErrorKind::NotFound => written.and(Err(error)),
        _ => written,
    }
}

/// Whether the error, or one of its causes, is a full disk.
pub fn is_full(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| (*error).source()).any(|error| {
        error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded))
    })
}
