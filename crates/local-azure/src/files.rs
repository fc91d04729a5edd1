//! Writes files atomically.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use crate::error::{Error, Result};

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
