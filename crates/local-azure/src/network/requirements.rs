//! Whether this machine can run a network inside.

use std::fs;
use std::process::{Command, Stdio};

use rustix::process::geteuid;

use super::inside::namespaces;
use crate::error::{Error, Result};
use crate::process::on_path;

/// What the setup of a network does, in short.
const TRIAL: &str = "PATH=$PATH:/usr/sbin:/sbin; ip link set lo up && mount --bind /etc/hosts /etc/hosts";

/// Checks that networks can be made.
///
/// # Errors
///
/// The error says what is missing, and the command that changes it.
pub fn check() -> Result<()> {
    for (program, package) in [("unshare", "util-linux"), ("mount", "mount"), ("ip", "iproute2")] {
        let folders = ["/usr/sbin", "/sbin"].map(|folder| std::path::Path::new(folder).join(program));
        if on_path(program).is_none() && !folders.iter().any(|file| file.is_file()) {
            return Err(refused(&format!(
                "the program `{program}` is not installed (Debian and Ubuntu: sudo apt-get install {package})"
            )));
        }
    }
    let output = Command::new("unshare")
        .args(namespaces())
        .args(["--", "/bin/sh", "-c", TRIAL])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Error::failed("unshare", error))?;
    if output.status.success() {
        return Ok(());
    }
    let setting = |name: &str| {
        let text = fs::read_to_string(format!("/proc/sys/{}", name.replace('.', "/"))).unwrap_or_default();
        text.trim().parse::<u64>().ok()
    };
    let why = if setting("kernel.apparmor_restrict_unprivileged_userns") == Some(1) && !geteuid().is_root() {
        "AppArmor forbids user namespaces: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0".to_owned()
    } else if setting("kernel.unprivileged_userns_clone") == Some(0) && !geteuid().is_root() {
        "the kernel forbids user namespaces: sudo sysctl kernel.unprivileged_userns_clone=1".to_owned()
    } else if setting("user.max_user_namespaces") == Some(0) && !geteuid().is_root() {
        "the kernel permits no user namespaces: sudo sysctl user.max_user_namespaces=15000".to_owned()
    } else {
        format!(
            "`unshare` failed ({}). In a container, it needs the capability SYS_ADMIN and no seccomp or AppArmor profile \
             that forbids it, as with `docker run --privileged`",
            String::from_utf8_lossy(&output.stderr).trim()
        )
    };
    Err(refused(&why))
}

fn refused(why: &str) -> Error {
    Error::Refused(format!(
        "programs cannot get a network of their own here: {why}. Without one, `local-azure up --addresses` runs the web app \
         with addresses on this machine instead of Azure's names"
    ))
}
