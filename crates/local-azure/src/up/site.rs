//! The package that is deployed by default: the site of the current checkout.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::options::Options;
use super::progress::Progress;
use crate::app_service::Package;
use crate::azure::Azure;
use crate::error::{Error, Result};

/// The arguments of cargo that build the site as it is deployed.
pub const BUILD: [&str; 6] = [
    "build",
    "--release",
    "--locked",
    "--no-default-features",
    "--package",
    "restaurant-review",
];

/// What is deployed.
pub enum Source {
    /// A package that exists.
    Package(Package),
    /// The site in this checkout, which is built first.
    Checkout(PathBuf),
}

impl Source {
    /// The package of the options, or else the site of the current checkout. `None` if there is neither, and with
    /// `--empty`.
    ///
    /// # Errors
    ///
    /// There is no package at the path.
    pub fn find(options: &Options) -> Result<Option<Self>> {
        match &options.package {
            Some(path) => Ok(Some(Self::Package(Package::at(path)?))),
            None if options.empty => Ok(None),
            None => Ok(checkout().map(Self::Checkout)),
        }
    }

    /// Whether it is the site of this repository.
    pub fn is_site(&self) -> bool {
        match self {
            Self::Package(package) => package.contains("restaurant-review"),
            Self::Checkout(_) => true,
        }
    }

    /// The package. The site is built in release mode first.
    pub async fn package(&self, azure: &Azure, progress: &Progress) -> Result<Package> {
        match self {
            Self::Package(package) => Ok(package.clone()),
            Self::Checkout(checkout) => build(azure, checkout, progress).await,
        }
    }
}

/// Builds the site in this checkout.
async fn build(azure: &Azure, checkout: &Path, progress: &Progress) -> Result<Package> {
    progress.report("building the site in release mode (the first build takes minutes)");
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(BUILD)
        .current_dir(checkout)
        .kill_on_drop(true)
        .status()
        .await
        .map_err(|error| Error::failed("cargo", error))?;
    if !status.success() {
        return Err(Error::failed("cargo build --release", status));
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| checkout.join("target"), |dir| checkout.join(dir));
    let folder = azure.subfolder("package")?;
    for (from, name) in [
        (target.join("release/restaurant-review"), "restaurant-review"),
        (checkout.join("start.sh"), "start.sh"),
    ] {
        // Removed first, because a running program's file cannot be overwritten.
        let to = folder.join(name);
        let _ = fs::remove_file(&to);
        fs::copy(&from, &to).map_err(Error::file(&from))?;
        fs::set_permissions(&to, Permissions::from_mode(0o700)).map_err(Error::file(&to))?;
    }
    Ok(Package::Folder(folder))
}

/// The folder of the site's source: the current folder or one above it.
fn checkout() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    let is_site = |folder: &&Path| {
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
        manifest.contains("name = \"restaurant-review\"") && folder.join("start.sh").exists()
    };
    here.ancestors().find(is_site).map(Path::to_owned)
}
