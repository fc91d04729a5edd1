//! The programs of the machine's PostgreSQL, and who runs them.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::on_path;
use crate::{Error, Result};

/// Where the programs are, and as whom they run.
#[derive(Clone, Debug)]
pub(super) struct Programs {
    pub(super) folder: PathBuf,
    /// Another user than ours: the server refuses to run as root.
    pub(super) user: Option<User>,
}

/// The user that Debian's package makes for the server.
#[derive(Clone, Copy, Debug)]
pub(super) struct User {
    pub(super) id: u32,
    pub(super) group: u32,
}

const USER: &str = "postgres";

/// A program with its arguments, to be run in a certain folder.
pub(super) struct Invocation {
    pub(super) program: OsString,
    pub(super) arguments: Vec<OsString>,
}

impl Programs {
    /// The programs on the PATH, or else the newest of the usual folders; when data of a certain version are there,
    /// the programs of that version.
    pub(super) fn find(of_data: Option<u32>) -> Result<Self> {
        // The first number of the version, such as 15, and the folder.
        let all: Vec<_> = folders()
            .into_iter()
            .filter_map(|folder| Some((version(&folder)?, folder)))
            .collect();
        let (_, folder) = match of_data {
            None => all.into_iter().next().ok_or_else(missing)?,
            Some(wanted) => {
                let there = all.iter().map(|(version, _)| version.to_string()).collect::<Vec<_>>();
                let of_wanted = all.into_iter().find(|(version, _)| *version == wanted);
                of_wanted.ok_or_else(|| match there.as_slice() {
                    [] => missing(),
                    there => Error::Refused(format!(
                        "the databases were made by PostgreSQL {wanted}, and this machine has {}: install PostgreSQL \
                         {wanted}, or start anew with `local-azure reset`",
                        there.join(" and ")
                    )),
                })?
            }
        };
        let user = match number_of(&["-u"])? {
            0 => {
                if on_path("setpriv").is_none() {
                    return Err(Error::Missing {
                        program: "setpriv",
                        remedy: "sudo apt-get install util-linux".to_owned(),
                    });
                }
                Some(User {
                    id: number_of(&["-u", USER])?,
                    group: number_of(&["-g", USER])?,
                })
            }
            _ => None,
        };
        Ok(Self { folder, user })
    }

    /// How to run that program on what lies in `folder`, which is to be its working directory when it is started.
    /// `arguments` is given the folder as the program can reach it.
    ///
    /// The server's user may not be able to reach the folder by its path, such as one below the 0700 home of root. So
    /// the folder is opened before the user is changed, and goes by the name of the open file.
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

/// Where the programs may be, best first.
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

/// The first number of what `postgres --version` says, such as `postgres (PostgreSQL) 15.18`.
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

/// A number of a user, as `id` says it.
fn number_of(arguments: &[&str]) -> Result<u32> {
    let output = Command::new("id")
        .args(arguments)
        .output()
        .map_err(|error| Error::failed("id", error))?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().map_err(|_| Error::Missing {
        program: "the user that runs PostgreSQL, whose server refuses to run as root,",
        remedy: format!(
            "run Local Azure as a user of your own, or make a user {USER:?} (`sudo apt-get install postgresql` does)"
        ),
    })
}
