//! Files and folders that only the user of the site may read, whatever the umask of the process.
//!
//! Windows has no such modes: there, whoever creates the folder of the data decides who may read it.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::path::Path;

/// Options to write a file. If they create it, other users have no access to it.
#[must_use]
pub fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Creates a folder, and those above it, unless they exist. Other users have no access to it from then on. Returns
/// whether they had: an earlier version of the site used the umask.
pub fn create_folder(path: &Path) -> io::Result<bool> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    restrict(path)
}

/// Takes a file or folder away from other users, if it exists. Returns whether they had access to it.
#[cfg(unix)]
pub fn restrict(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;

    const OTHERS: u32 = 0o077;
    /// The bit of a folder that is meant for all users, such as /tmp.
    const STICKY: u32 = 0o1000;

    let mut permissions = match path.metadata() {
        Ok(metadata) => metadata.permissions(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let mode = permissions.mode();
    if mode & OTHERS == 0 || mode & STICKY != 0 {
        return Ok(false);
    }
    permissions.set_mode(mode & !OTHERS);
    if let Err(error) = std::fs::set_permissions(path, permissions) {
        tracing::warn!(cause = %error, "other users have access to {}", path.display());
    }
    Ok(true)
}

/// Does nothing.
#[cfg(not(unix))]
pub fn restrict(_path: &Path) -> io::Result<bool> {
    Ok(false)
}
