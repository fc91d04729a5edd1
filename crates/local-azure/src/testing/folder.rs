//! A temporary state folder that does not outlive its process.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::error::{Error, Result};
use crate::process::MARK;

/// A state folder that is removed when this value is dropped. A value that is never dropped, as in a static, is removed
/// when its process ends, however it ends.
pub(super) struct Folder {
    path: PathBuf,
    keeper: Child,
}

/// Waits until its standard input is closed and the programs that use the folder have ended, and then removes the
/// folder. The supervisors of these programs end them when their own input is closed.
///
/// This is a shell script because a process that is killed cannot clean up after itself.
const KEEPER: &str = r#"
read -r _
for _ in $(seq 1200); do grep -qsxzF "$1" /proc/[0-9]*/environ || break; sleep 0.05; done
rm -rf "$2"
"#;

impl Folder {
    pub(super) fn new() -> Result<Self> {
        // It contains keys.
        let folder = tempfile::Builder::new()
            .prefix("local-azure-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir();
        let folder = folder.map_err(Error::file("a temporary folder"))?;
        let path = folder.path().canonicalize().map_err(Error::file(folder.path()))?;
        let mut keeper = Command::new("/bin/sh");
        keeper
            .args(["-c", KEEPER, "keeper"])
            .arg(format!("{MARK}={}", path.display()))
            .arg(&path)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // Ctrl-C does not reach it.
        std::os::unix::process::CommandExt::process_group(&mut keeper, 0);
        let keeper = keeper.spawn().map_err(|error| Error::failed("/bin/sh", error))?;
        Ok(Self {
            path: folder.keep(),
            keeper,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Closes its input, too.
        let _ = self.keeper.wait();
    }
}
