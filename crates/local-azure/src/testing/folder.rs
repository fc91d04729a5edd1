//! A temporary folder that does not outlive its process.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::error::{Error, Result};
use crate::process::MARK;

/// A state folder that is removed with this value; when that is never dropped, as in a static, with the process,
/// however it ends.
pub(super) struct Folder {
    path: PathBuf,
    keeper: Child,
}

/// Removes the folder when its own input ends, as soon as the programs that work in it are gone. They end by
/// keepers of their own, at the same sign.
///
/// It is a shell's job, since a process that is killed cannot clean up after itself.
const KEEPER: &str = r#"
read -r _
for _ in $(seq 600); do grep -qsxzF "$1" /proc/[0-9]*/environ || break; sleep 0.1; done
rm -rf "$2"
"#;

impl Folder {
    pub(super) fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("local-azure-").tempdir();
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
        // Ctrl-C is not for it.
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
