//! Finds the machine's PostgreSQL programs, and the user that runs them.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::error::{Error, Result};
use crate::process::on_path;

/// The programs of one PostgreSQL installation.
#[derive(Clone, Debug)]
pub(super) struct Programs {
    pub(super) folder: PathBuf,
    /// The user that runs them if this process runs as root. The server refuses to run as root.
    pub(super) user: Option<User>,
}

/// The user that Debian's package creates for the server.
#[derive(Clone, Copy, Debug)]
pub(super) struct User {
    pub(super) id: u32,
    pub(super) group: u32,
}

const USER: &str = "postgres";

/// A program with its arguments.
pub(super) struct Invocation {
    pub(super) program: OsString,
    pub(super) arguments: Vec<OsString>,
}

impl Programs {
    /// Finds the programs of the version that is nearest to the preferred one. Without a preference, those on the PATH, or
    /// else the newest version in the usual folders. For existing data, finds the programs of the data's version.
    pub(super) fn find(data_version: Option<u32>, preferred: Option<u32>) -> Result<Self> {
        // The major version, such as 15, and the folder.
        let all: Vec<_> = folders()
            .into_iter()
            .filter_map(|folder| Some((version(&folder)?, folder)))
            .collect();
        let (_, folder) = match data_version {
            // Of two that are equally near, the first one.
            None => all
                .into_iter()
                .min_by_key(|(version, _)| preferred.map_or(0, |preferred| preferred.abs_diff(*version)))
                .ok_or_else(missing)?,
            Some(wanted) => {
                let installed = all.iter().map(|(version, _)| version.to_string()).collect::<Vec<_>>();
                let found = all.into_iter().find(|(version, _)| *version == wanted);
                found.ok_or_else(|| match installed.as_slice() {
                    [] => missing(),
                    installed => Error::Refused(format!(
                        "the databases were created by PostgreSQL {wanted}, but this machine has only {}: install \
                         PostgreSQL {wanted}, or delete everything with `local-azure reset`",
                        installed.join(" and ")
                    )),
                })?
            }
        };
        let user = match numeric_id(&["-u"])? {
            0 => {
                if on_path("setpriv").is_none() {
                    return Err(Error::Missing {
                        program: "setpriv",
                        remedy: "sudo apt-get install util-linux".to_owned(),
                    });
                }
                Some(User {
                    id: numeric_id(&["-u", USER])?,
                    group: numeric_id(&["-g", USER])?,
                })
            }
            _ => None,
        };
        Ok(Self { folder, user })
    }

    /// Returns the command that runs a program on the files in `folder`, which must be its working directory when it
    /// starts. `arguments` gets the path at which the program can reach the folder.
    ///
    /// The server's user may not be allowed to reach the folder by its path, for example if it is below root's home
    /// folder. The folder is therefore opened before the user changes, and addressed through the open file descriptor.
    pub(super) fn invoke(
        &self,
        program: &str,
        folder: &Path,
        arguments: impl FnOnce(&Path) -> Vec<OsString>,
    ) -> Invocation {
        let program = self.folder.join(program).into_os_string();
        if self.user.is_none() {
            return Invocation {
                program,
                arguments: arguments(folder),
            };
        }
        let mut all: Vec<OsString> = [
            "-c",
            "exec 9<. && cd / && exec \"$@\"",
            "sh",
            "setpriv",
            "--reuid",
            USER,
            "--regid",
            USER,
            "--clear-groups",
        ]
        .map(OsString::from)
        .to_vec();
        all.push(program);
        all.extend(arguments(Path::new("/proc/self/fd/9")));
        Invocation {
            program: "/bin/sh".into(),
            arguments: all,
        }
    }
}

/// The major versions of PostgreSQL on this machine.
#[must_use]
pub fn installed_versions() -> &'static [u32] {
    static FOUND: LazyLock<Vec<u32>> = LazyLock::new(|| {
        let mut versions: Vec<_> = folders().iter().filter_map(|folder| version(folder)).collect();
        versions.sort_unstable();
        versions.dedup();
        versions
    });
    &FOUND
}

/// The folders that contain the programs, preferred ones first.
fn folders() -> Vec<PathBuf> {
    let on_path = on_path("postgres").and_then(|file| Some(file.canonicalize().ok()?.parent()?.to_owned()));
    let mut versions = Vec::new();
    for (parent, end) in [
        ("/usr/lib/postgresql", "bin"),
        ("/opt/homebrew/opt", "bin"),
        ("/usr/local/opt", "bin"),
    ] {
        let entries = fs::read_dir(parent).into_iter().flatten().flatten();
        versions.extend(entries.filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let number: u32 = name.strip_prefix("postgresql@").unwrap_or(&name).parse().ok()?;
            Some((number, entry.path().join(end)))
        }));
    }
    versions.sort();
    let usual = versions.into_iter().rev().map(|(_, folder)| folder);
    on_path
        .into_iter()
        .chain(usual)
        .filter(|folder| folder.join("postgres").is_file() && folder.join("initdb").is_file())
        .collect()
}

/// The major version in the output of `postgres --version`, such as `postgres (PostgreSQL) 15.18`.
fn version(folder: &Path) -> Option<u32> {
    let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (_, numbers) = text.split_once("(PostgreSQL) ")?;
    let digits = numbers.split(|character: char| !character.is_ascii_digit()).next()?;
    digits.parse().ok()
}

fn missing() -> Error {
    Error::Missing {
        program: "PostgreSQL's server",
        remedy: if cfg!(target_os = "macos") {
            "brew install postgresql@17".to_owned()
        } else {
            "sudo apt-get install postgresql".to_owned()
        },
    }
}

/// Runs `id`, which prints a numeric user or group id.
fn numeric_id(arguments: &[&str]) -> Result<u32> {
    let output = Command::new("id")
        .args(arguments)
        .output()
        .map_err(|error| Error::failed("id", error))?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().map_err(|_| {
        Error::Refused(format!(
            "PostgreSQL refuses to run as root, and there is no user {USER:?}: run Local Azure as your own user, or install \
             Debian's package postgresql, which creates that user"
        ))
    })
}
