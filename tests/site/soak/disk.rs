//! A small disk that can be filled.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use local_azure::testing::patiently;
use tempfile::TempDir;

/// A disk of its own in memory, which is unmounted with this value.
pub struct Disk(TempDir);

impl Disk {
    /// Mounts a disk of this size.
    pub fn mount(megabytes: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={megabytes}m");
        let target = folder.path().to_str().unwrap();
        assert!(
            mount(&["-t", "tmpfs", "-o", &size, "tmpfs", target]),
            "A small disk cannot be mounted. Run the test as root, or allow this user to run sudo without a password; in a \
             container, give it the capability CAP_SYS_ADMIN."
        );
        Self(folder)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Leaves no space.
    pub fn fill(&self) {
        let mut ballast = File::create(self.ballast()).unwrap();
        loop {
            match ballast.write_all(&[0; 4096]) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Gives the space back.
    pub fn empty(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }

    /// Makes a folder on it read-only, for root too.
    pub async fn protect(folder: &Path) {
        let path = folder.to_str().unwrap();
        assert!(mount(&["--bind", path, path]));
        // The kernel refuses while a file in it is open for writing.
        patiently("the folder is read-only", async || {
            mount(&["-o", "remount,bind,ro", path]).then_some(())
        })
        .await;
    }

    /// Ends that.
    pub fn release(folder: &Path) {
        assert!(unmount(folder));
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        unmount(self.path());
    }
}

fn mount(arguments: &[&str]) -> bool {
    succeeds(as_root("mount").args(arguments))
}

/// Unmounts it at once; whoever still uses it keeps it until then.
fn unmount(path: &Path) -> bool {
    succeeds(as_root("umount").arg("--lazy").arg(path))
}

/// A command that only root may run; sudo must not ask for a password.
fn as_root(program: &str) -> Command {
    if rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.args(["--non-interactive", program]);
    command
}

fn succeeds(command: &mut Command) -> bool {
    let status = command.stdin(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
