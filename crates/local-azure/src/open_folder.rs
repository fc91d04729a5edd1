//! A folder that is kept open, so that the files in it have short paths.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An open folder. Linux limits the path of a socket to 107 bytes, and a state folder may be deeper than that.
#[derive(Clone, Debug)]
pub(crate) struct OpenFolder(Arc<File>);

impl OpenFolder {
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        Ok(Self(Arc::new(File::open(folder)?)))
    }

    /// The path of a file in the folder. It is valid in this process while the folder is open.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        Path::new("/proc/self/fd")
            .join(self.0.as_raw_fd().to_string())
            .join(name)
    }
}
