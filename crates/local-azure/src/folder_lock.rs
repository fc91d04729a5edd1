//! The lock that lets only one process at a time use a state folder.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::error::{Error, Result};

/// The name of the lock file in the state folder.
pub(crate) const LOCK_FILE: &str = "lock";

/// Locks the folder for this process until the returned file is closed.
///
/// # Errors
///
/// [`Error::AlreadyRunning`] if another process holds the lock.
pub(crate) fn lock(folder: &Path) -> Result<File> {
    let file = folder.join(LOCK_FILE);
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&file)
        .map_err(Error::file(&file))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(Error::AlreadyRunning {
            folder: folder.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(Error::file(file)(error)),
    }
}

/// Whether a process holds the lock of the folder.
pub(crate) fn is_locked(folder: &Path) -> bool {
    let file = File::options().write(true).open(folder.join(LOCK_FILE));
    file.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}
