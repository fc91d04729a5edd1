//! Writes files atomically, and opens files in folders that others can change.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

use crate::error::{Error, Result};

/// Opens a file in a folder that a web app can change. A link could lead out of the app's folders, and a pipe would block.
///
/// # Errors
///
/// It is not a regular file, or cannot be opened.
pub(crate) fn open_regular(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = flags.bits().try_into().expect("the flags are those of the system");
    let file = options.custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::other("it is not a regular file"))
}

/// Writes a file that only its owner can read. A crash at any moment leaves either the old content or the new.
pub(crate) fn write_private(file: &Path, content: &[u8]) -> Result<()> {
    let folder = file.parent().expect("a file is in a folder");
    let write = || {
        // `NamedTempFile` creates the file with mode 0600.
        let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
        temporary.write_all(content)?;
        temporary.as_file().sync_all()?;
        temporary.persist(file)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(Error::file(file))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_a_regular_file_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "text").unwrap();
        symlink(&file, &link).unwrap();
        let open = |path: &Path| open_regular(File::options().read(true), path);
        assert!(open(&file).is_ok());
        for other in [&link, folder.path(), Path::new("/dev/zero")] {
            assert!(open(other).is_err(), "{}", other.display());
        }
        assert!(open_regular(File::options().append(true).create(true), &link).is_err());
        assert!(open_regular(File::options().append(true).create(true), &folder.path().join("new")).is_ok());
    }
}
