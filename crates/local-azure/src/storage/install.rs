//! Installs Azurite from npm, in the version that this crate supports.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};
use crate::process::on_path;
use crate::state_folder::remove;

/// The npm package that depends on Azurite. The lock file contains the exact versions of all dependencies.
const PACKAGE: &str = include_str!("../../azurite/package.json");
const LOCK_FILE: &str = "package-lock.json";
const LOCK: &str = include_str!("../../azurite/package-lock.json");

/// Where Azurite is installed.
#[derive(Clone, Debug)]
pub enum AzuriteFrom {
    /// In the user's cache folder, where all state folders share it. npm installs it there when a version is first used.
    /// Only the packages in `azurite/package-lock.json` are downloaded, and their scripts are not run.
    Npm,
    /// In `node_modules` of this folder, where `npm ci` has installed the same version.
    Folder(PathBuf),
}

impl AzuriteFrom {
    /// The path of Azurite's main script, which is installed first if necessary.
    pub(super) fn main(&self, state: &Path) -> Result<PathBuf> {
        match self {
            Self::Npm => {
                let in_state = state.join("azurite");
                let folder = cache_folder().unwrap_or_else(|| in_state.clone());
                install(&folder)?;
                if folder != in_state {
                    // Earlier versions of Local Azure installed it there.
                    remove(&in_state)?;
                }
                main_of(&folder).or_else(|_| {
                    // Something has damaged it.
                    remove(&folder)?;
                    install(&folder)?;
                    main_of(&folder)
                })
            }
            Self::Folder(folder) => main_of(folder)
                .map_err(|error| Error::Refused(format!("{error}: run `npm ci --prefix {}`", folder.display()))),
        }
    }
}

/// Installs Azurite into the user's cache folder, so that the first start needs no npm and no network. Returns the folder.
///
/// # Errors
///
/// There is no cache folder, or npm cannot install it.
pub fn fetch() -> Result<PathBuf> {
    let folder = cache_folder().ok_or_else(|| {
        Error::Refused(
            "there is no cache folder: set HOME, or XDG_CACHE_HOME, to a folder that you can write to".to_owned(),
        )
    })?;
    install(&folder)?;
    Ok(folder)
}

/// The path of Azurite's main script in that folder, if it has the required version.
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
    let installed = field(&text, "/version");
    if installed != wanted {
        return Err(Error::Refused(format!(
            "{} is Azurite {}, not {}",
            package.display(),
            installed.unwrap_or_default(),
            wanted.unwrap_or_default()
        )));
    }
    Ok(package.join("dist/src/blob/main.js"))
}

/// The folder for this version in the user's cache folder; `None` if there is no place for it.
/// <https://specifications.freedesktop.org/basedir-spec/latest/>
fn cache_folder() -> Option<PathBuf> {
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    let folder = cache.join("local-azure");
    fs::create_dir_all(&folder).ok()?;
    let version = hex::encode(Sha256::digest(LOCK));
    Some(folder.join(format!("azurite-{}", &version[..12])))
}

/// Installs Azurite into that folder, unless its lock file shows that the same version is installed. The folder is renamed
/// into place at the end, so it is always complete.
fn install(folder: &Path) -> Result<()> {
    let is_installed = || fs::read_to_string(folder.join(LOCK_FILE)).is_ok_and(|installed| installed == LOCK);
    if is_installed() {
        return Ok(());
    }
    let npm = on_path("npm").ok_or_else(|| Error::Missing {
        program: "npm",
        remedy: "it comes with Node.js, which Blob Storage needs: https://nodejs.org/en/download".to_owned(),
    })?;
    let parent = folder.parent().expect("the folder is in another one");
    let unfinished = tempfile::tempdir_in(parent).map_err(Error::file(parent))?;
    for (name, text) in [("package.json", PACKAGE), (LOCK_FILE, LOCK)] {
        let file = unfinished.path().join(name);
        fs::write(&file, text).map_err(Error::file(&file))?;
    }
    tracing::info!(folder = %folder.display(), "installing Azurite from npm");
    let output = Command::new(npm)
        .args(["ci", "--include=dev", "--ignore-scripts", "--no-audit", "--no-fund"])
        .args(["--no-progress", "--no-update-notifier"])
        .current_dir(unfinished.path())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Error::failed("npm", error))?;
    if !output.status.success() {
        let text = [output.stdout, output.stderr].concat();
        return Err(Error::failed(
            "npm ci, which installs Azurite",
            format!("{}\n{}", output.status, String::from_utf8_lossy(&text).trim()),
        ));
    }
    if !is_installed() {
        remove(folder)?;
    }
    match fs::rename(unfinished.path(), folder) {
        // Another process may have installed it in the meantime.
        Err(error) if !is_installed() => Err(Error::file(folder)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_is_rejected() {
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
