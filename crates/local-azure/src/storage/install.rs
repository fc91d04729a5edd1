//! Azurite from npm, at the version that this crate was made for.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::process::on_path;
use crate::{Error, Result};

/// The folder with Azurite's package, and the exact versions of all that it needs.
const PACKAGE: &str = include_str!("../../azurite/package.json");
const LOCK_FILE: &str = "package-lock.json";
const LOCK: &str = include_str!("../../azurite/package-lock.json");

/// Where Azurite comes from.
#[derive(Clone, Debug)]
pub enum AzuriteFrom {
    /// From npm into the state folder, at first use and when this crate needs another version. Nothing but the
    /// packages of `azurite/package-lock.json` is downloaded, and none of their scripts runs.
    Npm,
    /// From `node_modules` of this folder, where `npm ci` has put the same version.
    Folder(PathBuf),
}

impl AzuriteFrom {
    /// The program for Node.js, installed into that folder's `azurite` where it has to be.
    pub(super) fn main(&self, state: &Path) -> Result<PathBuf> {
        match self {
            Self::Npm => main_of(&install(&state.join("azurite"))?),
            Self::Folder(folder) => main_of(folder).map_err(|error| Error::Missing {
                program: "Azurite",
                remedy: format!("{error}. Run ./test.sh, or: npm ci --prefix {}", folder.display()),
            }),
        }
    }
}

/// Azurite's program in that folder, if it is the right version.
fn main_of(folder: &Path) -> Result<PathBuf> {
    let package = folder.join("node_modules/azurite");
    let file = package.join("package.json");
    let text = fs::read_to_string(&file).map_err(Error::file(&file))?;
    let field = |text: &str, pointer: &str| {
        let json: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
        json.pointer(pointer)
            .and_then(|value| value.as_str())
            .map(str::to_owned)
    };
    let wanted = field(PACKAGE, "/devDependencies/azurite");
    let there = field(&text, "/version");
    if there != wanted {
        return Err(Error::Refused(format!(
            "{} is Azurite {}, not {}",
            package.display(),
            there.unwrap_or_default(),
            wanted.unwrap_or_default()
        )));
    }
    Ok(package.join("dist/src/blob/main.js"))
}

/// Installs Azurite into that folder, unless the same is there. A folder that is there is whole, since it gets its name
/// at the end; its lock file says which version it has.
fn install(folder: &Path) -> Result<PathBuf> {
    if fs::read_to_string(folder.join(LOCK_FILE)).is_ok_and(|there| there == LOCK) {
        return Ok(folder.to_owned());
    }
    let npm = on_path("npm").ok_or_else(|| Error::Missing {
        program: "npm",
        remedy: "it comes with Node.js, https://nodejs.org/en/download, which Blob Storage needs".to_owned(),
    })?;
    let half = folder.with_extension("new");
    for old in [folder, &half] {
        match fs::remove_dir_all(old) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(Error::file(old)(error)),
            _ => {}
        }
    }
    fs::create_dir_all(&half).map_err(Error::file(&half))?;
    for (name, text) in [("package.json", PACKAGE), (LOCK_FILE, LOCK)] {
        let file = half.join(name);
        fs::write(&file, text).map_err(Error::file(&file))?;
    }
    tracing::info!(folder = %folder.display(), "installing Azurite from npm");
    let output = Command::new(npm)
        .args(["ci", "--include=dev", "--ignore-scripts", "--no-audit", "--no-fund"])
        .args(["--no-progress", "--no-update-notifier"])
        .current_dir(&half)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Error::failed("npm", error))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        return Err(Error::failed(
            "npm ci, which installs Azurite",
            format!("{}\n{}", output.status, String::from_utf8_lossy(&said).trim()),
        ));
    }
    fs::rename(&half, folder).map_err(Error::file(folder))?;
    Ok(folder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let from = AzuriteFrom::Folder(folder.path().to_owned());
        let error = from.main(folder.path()).unwrap_err().to_string();
        assert!(error.contains("npm ci --prefix"), "{error}");
        let package = folder.path().join("node_modules/azurite");
        fs::create_dir_all(&package).unwrap();
        fs::write(package.join("package.json"), r#"{"version": "1.0.0"}"#).unwrap();
        let error = from.main(folder.path()).unwrap_err().to_string();
        assert!(error.contains("is Azurite 1.0.0, not 3."), "{error}");
    }
}
