//! What is deployed when nothing else is named: the site of the checkout that this runs in.

use std::fs;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::screen;
use crate::app_service::Package;
use crate::state::Azure;
use crate::{Error, Result};

/// The given package, or the site, built in release mode if it is not yet.
pub async fn package(azure: &Azure, given: Option<&Path>) -> Result<Package> {
    if let Some(given) = given {
        return Ok(if given.is_dir() {
            Package::Folder(given.to_owned())
        } else {
            Package::Zip(given.to_owned())
        });
    }
    let checkout = checkout()?;
    screen::progress("building the site in release mode (the first time this takes minutes)");
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--release", "--locked", "--no-default-features", "--package", "restaurant-review"])
        .current_dir(&checkout)
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
        // Removed first: the one that a web app still runs cannot be written to.
        let to = folder.join(name);
        let _ = fs::remove_file(&to);
        fs::copy(&from, &to).map_err(Error::file(&from))?;
    }
    Ok(Package::Folder(folder))
}

/// The folder of the site's source, which is this one or one above it.
fn checkout() -> Result<PathBuf> {
    let here = std::env::current_dir().map_err(Error::file("the current folder"))?;
    let of_site = |folder: &&Path| {
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
        manifest.contains("name = \"restaurant-review\"") && folder.join("start.sh").exists()
    };
    let found = here.ancestors().find(of_site).map(Path::to_owned);
    found.ok_or_else(|| {
        Error::Refused(
            "there is no checkout of restaurant-review here to build: go into one, or name what to deploy by --package"
                .to_owned(),
        )
    })
}
