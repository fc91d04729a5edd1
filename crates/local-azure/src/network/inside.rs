//! Runs commands inside a network.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use rustix::process::{getegid, geteuid};

use super::files::NetworkFiles;

/// A network, and what a command in it sees.
pub struct Inside<'a> {
    /// The files of the network.
    pub files: &'a NetworkFiles,
    /// The folder of this network's own socket, `app.sock`, which leads to the port inside.
    pub own: &'a Path,
    /// The port of the app inside; 0 if there is none.
    pub port: u16,
    /// What the command sees.
    pub view: View<'a>,
}

/// The file system and the user that a command inside sees.
pub enum View<'a> {
    /// Those of this process.
    Own,
    /// Those of an instance of App Service: `/home` is the app's, and the user is root.
    App {
        /// The folder at `/home`.
        home: &'a Path,
        /// The folder at `/home/site/wwwroot`.
        version: &'a Path,
        /// Whether that folder is read-only.
        read_only: bool,
    },
}

impl Inside<'_> {
    /// The program and its arguments that run the command inside.
    #[must_use]
    pub fn command(&self, command: impl IntoIterator<Item = OsString>) -> (OsString, Vec<OsString>) {
        let mut arguments = namespaces();
        arguments.extend(["--".into(), "/bin/sh".into(), self.files.script().into()]);
        arguments.extend([self.files.folder().into(), self.files.program().into(), self.own.into()]);
        arguments.push(self.port.to_string().into());
        let none = OsString::new;
        arguments.extend(match self.view {
            // Root outside is root inside.
            View::Own if geteuid().is_root() => [none(), none(), none(), none(), none(), none()],
            View::Own => {
                let (user, group) = (geteuid().as_raw().to_string(), getegid().as_raw().to_string());
                [none(), none(), none(), none(), user.into(), group.into()]
            }
            View::App {
                home,
                version,
                read_only,
            } => {
                let access = if read_only { "ro" } else { "rw" };
                let tools = tools().map_or_else(none, Into::into);
                [home.into(), version.into(), access.into(), tools, none(), none()]
            }
        });
        arguments.extend(command);
        ("unshare".into(), arguments)
    }
}

/// The user's home folder, if programs on PATH are in it and the app's `/home` would hide them.
fn tools() -> Option<PathBuf> {
    let home = PathBuf::from(std::env::var_os("HOME")?);
    let path = std::env::var_os("PATH")?;
    let is_used = std::env::split_paths(&path).any(|folder| folder.starts_with(&home));
    let is_hidden = home.starts_with("/home") && home.file_name() != Some(OsStr::new("home"));
    (is_used && is_hidden && home.is_dir()).then_some(home)
}

/// The options of `unshare` that make the namespaces. Root needs no user namespace.
pub(super) fn namespaces() -> Vec<OsString> {
    let mut options: Vec<OsString> = Vec::new();
    if !geteuid().is_root() {
        options.extend(["--user", "--map-root-user"].map(Into::into));
    }
    // The first process inside is killed when `unshare` ends, and with it everything else inside.
    options.extend(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"].map(Into::into));
    options
}
