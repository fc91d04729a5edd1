//! Deploys packages. Each package is unpacked into its own folder, which then becomes the app's `wwwroot`.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use uuid::Uuid;
use zip::ZipArchive;

use crate::error::{Error, Result};
use crate::state_folder;

/// A package to deploy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Package {
    /// A zip file with the app at its root.
    Zip(PathBuf),
    /// A folder with the app, which is copied.
    Folder(PathBuf),
}

impl Package {
    /// The package at that path.
    ///
    /// # Errors
    ///
    /// There is nothing.
    pub fn at(path: &Path) -> Result<Self> {
        let path = path.canonicalize().map_err(Error::file(path))?;
        Ok(if path.is_dir() {
            Self::Folder(path)
        } else {
            Self::Zip(path)
        })
    }

    /// Whether it has a file of that name beside its `start.sh`.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        match self {
            Self::Folder(folder) => folder.join(name).is_file(),
            Self::Zip(file) => {
                let archive = File::open(file).ok().and_then(|file| ZipArchive::new(file).ok());
                archive.is_some_and(|archive| archive.index_for_name(name).is_some())
            }
        }
    }
}

/// The folder of an app. Its `home` has the layout of App Service's `/home`.
///
/// `home/site/wwwroot` is a link to a folder in `versions`. A deployment replaces the link with one rename, and running
/// instances keep the files that they were started with.
/// <https://github.com/projectkudu/kudu/wiki/File-structure-on-azure>
#[derive(Clone, Debug)]
pub(super) struct Site {
    folder: PathBuf,
}

impl Site {
    /// The site in that folder, which does not have to exist.
    pub(super) fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The site in that folder, which is created if it does not exist.
    pub(super) fn open(folder: PathBuf) -> Result<Self> {
        let site = Self::at(folder);
        for folder in [
            site.versions(),
            site.log_folder(),
            site.home().join("site"),
            site.startup(),
            site.deployments(),
        ] {
            fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
        }
        // Deployments that a killed process did not finish.
        let versions = fs::read_dir(site.versions()).into_iter().flatten().flatten();
        for folder in versions
            .map(|entry| entry.path())
            .filter(|folder| is_unfinished(folder))
        {
            remove(&folder);
        }
        Ok(site)
    }

    /// Deletes the folder, if it exists.
    pub(super) fn delete(&self) -> Result<()> {
        if !self.folder.exists() {
            return Ok(());
        }
        set_writable(&self.folder, true).map_err(Error::file(&self.folder))?;
        state_folder::remove(&self.folder)
    }

    /// The app's `HOME`, which deployments leave unchanged.
    pub(super) fn home(&self) -> PathBuf {
        self.folder.join("home")
    }

    /// The folder of the logs.
    pub(super) fn log_folder(&self) -> PathBuf {
        self.home().join("LogFiles")
    }

    /// The folder of the startup scripts.
    pub(super) fn startup(&self) -> PathBuf {
        self.folder.join("startup")
    }

    /// The folder of the records and the logs of its deployments.
    pub(super) fn deployments(&self) -> PathBuf {
        self.folder.join("deployments")
    }

    /// The folder of the network of an instance of one generation.
    pub(super) fn network(&self, number: u32, generation: u64) -> PathBuf {
        self.folder.join("networks").join(format!("{number}-{generation}"))
    }

    /// The state folder.
    fn state(&self) -> PathBuf {
        self.folder.ancestors().nth(2).unwrap_or(&self.folder).to_owned()
    }

    fn versions(&self) -> PathBuf {
        self.folder.join("versions")
    }

    fn wwwroot(&self) -> PathBuf {
        self.home().join("site/wwwroot")
    }

    /// The folder of the deployed version.
    pub(super) fn deployed(&self) -> Option<PathBuf> {
        let version = fs::read_link(self.wwwroot()).ok()?;
        version.is_dir().then_some(version)
    }

    /// Unpacks the package into a new folder, which [`Site::finish`] makes a version. If this fails, nothing is left.
    pub(super) fn unpack(&self, package: &Package) -> Result<PathBuf> {
        let unfinished = self.versions().join(format!(".{}", Uuid::new_v4().simple()));
        let unpacked = match package {
            Package::Zip(file) => unpack(file, &unfinished),
            Package::Folder(folder) => copy(folder, &unfinished, &self.state()),
        };
        let unpacked = unpacked.and_then(|()| make_private(&unfinished).map_err(Error::file(&unfinished)));
        if let Err(error) = unpacked {
            remove(&unfinished);
            return Err(error);
        }
        Ok(unfinished)
    }

    /// Makes an unpacked package a version, which [`Site::activate`] deploys.
    pub(super) fn finish(&self, unfinished: &Path) -> Result<PathBuf> {
        let name = unfinished.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let version = self.versions().join(name.trim_start_matches('.'));
        fs::rename(unfinished, &version).map_err(Error::file(unfinished))?;
        Ok(version)
    }

    /// Makes a version the deployed one.
    pub(super) fn activate(&self, version: &Path) -> Result<()> {
        let link = self.folder.join("wwwroot.new");
        let _ = fs::remove_file(&link);
        symlink(version, &link).map_err(Error::file(&link))?;
        fs::rename(&link, self.wwwroot()).map_err(Error::file(self.wwwroot()))
    }

    /// Deletes an unpacked package or a version.
    pub(super) fn discard(&self, version: &Path) {
        debug_assert!(version.starts_with(self.versions()));
        remove(version);
    }

    /// Deletes the versions that are neither deployed nor in use.
    pub(super) fn remove_unused(&self, in_use: &[PathBuf]) {
        let deployed = self.deployed();
        for entry in fs::read_dir(self.versions()).into_iter().flatten().flatten() {
            let folder = entry.path();
            if Some(&folder) != deployed.as_ref() && !in_use.contains(&folder) && !is_unfinished(&folder) {
                remove(&folder);
            }
        }
    }
}

/// The maximum size of a package in bytes.
/// <https://learn.microsoft.com/azure/app-service/deploy-run-package>
pub const PACKAGE_LIMIT: u64 = 1 << 30;

/// The maximum size in bytes of what a package contains, which is that of the files of an app on a basic plan.
/// <https://learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits>
const UNPACKED_LIMIT: u64 = 10 << 30;

/// Whether the folder is an unpacked package that is not a version yet.
fn is_unfinished(folder: &Path) -> bool {
    let name = folder.file_name().and_then(OsStr::to_str);
    name.is_some_and(|name| name.starts_with('.'))
}

/// Unpacks a zip file with its permissions. A name or a link that leads out of the folder is an error.
fn unpack(file: &Path, folder: &Path) -> Result<()> {
    let zip = File::open(file).map_err(Error::file(file))?;
    let size = zip.metadata().map_err(Error::file(file))?.len();
    if size > PACKAGE_LIMIT {
        return Err(Error::Refused(format!("{} is larger than 1 GiB", file.display())));
    }
    let unusable = |error| Error::Refused(format!("{} cannot be unpacked: {error}", file.display()));
    let mut archive = ZipArchive::new(zip).map_err(unusable)?;
    let mut unpacked: u64 = 0;
    for at in 0..archive.len() {
        unpacked = unpacked.saturating_add(archive.by_index_raw(at).map_err(unusable)?.size());
    }
    if unpacked > UNPACKED_LIMIT {
        return Err(Error::Refused(format!(
            "{} is larger than 10 GiB when it is unpacked",
            file.display()
        )));
    }
    archive.extract(folder).map_err(unusable)
}

/// Copies a folder with its permissions. Links stay links. The state folder, which may be in a project's folder, is left
/// out.
fn copy(from: &Path, to: &Path, state: &Path) -> Result<()> {
    fs::create_dir(to).map_err(Error::file(to))?;
    for entry in fs::read_dir(from).map_err(Error::file(from))? {
        let entry = entry.map_err(Error::file(from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(Error::file(&source))?;
        if kind.is_dir() && source == state {
            continue;
        }
        if kind.is_dir() {
            copy(&source, &target, state)?;
        } else if kind.is_symlink() {
            let link = fs::read_link(&source).map_err(Error::file(&source))?;
            symlink(link, &target).map_err(Error::file(&target))?;
        } else if kind.is_file() {
            fs::copy(&source, &target).map_err(Error::file(&source))?;
        }
    }
    Ok(())
}

/// Makes a folder and its contents writable for the owner, or read-only for everyone.
pub(super) fn set_writable(folder: &Path, writable: bool) -> io::Result<()> {
    change_modes(folder, |mode| if writable { mode | 0o200 } else { mode & !0o222 })
}

/// Takes all permissions for other users from a folder and its contents.
fn make_private(folder: &Path) -> io::Result<()> {
    change_modes(folder, |mode| mode & !0o077)
}

fn change_modes(path: &Path, change: impl Fn(u32) -> u32 + Copy) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_symlink() {
        return Ok(());
    }
    let mode = metadata.permissions().mode();
    if change(mode) != mode {
        fs::set_permissions(path, Permissions::from_mode(change(mode)))?;
    }
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            change_modes(&entry?.path(), change)?;
        }
    }
    Ok(())
}

/// Deletes a version. If that fails, the next deployment tries again.
fn remove(folder: &Path) {
    let removed = set_writable(folder, true).and_then(|()| fs::remove_dir_all(folder));
    if let Err(error) = removed
        && error.kind() != ErrorKind::NotFound
    {
        tracing::warn!("{}: {error}", folder.display());
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn site() -> (tempfile::TempDir, Site) {
        let folder = tempfile::tempdir().unwrap();
        let site = Site::open(folder.path().join("app")).unwrap();
        (folder, site)
    }

    fn zip(file: &Path, entries: &[(&str, u32)]) -> Package {
        let mut zip = ZipWriter::new(File::create(file).unwrap());
        for (name, mode) in entries {
            let options = SimpleFileOptions::default().unix_permissions(*mode);
            zip.start_file(*name, options).unwrap();
            zip.write_all(name.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
        Package::Zip(file.to_owned())
    }

    /// Unpacks a package, and deploys it without a build.
    fn deploy(site: &Site, package: &Package) -> Result<PathBuf> {
        let version = site.finish(&site.unpack(package)?)?;
        site.activate(&version)?;
        Ok(version)
    }

    fn mode(file: &Path) -> u32 {
        fs::metadata(file).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_zip_is_unpacked_with_its_permissions_for_the_owner_alone() {
        let (folder, site) = site();
        let package = zip(
            &folder.path().join("app.zip"),
            &[("start.sh", 0o755), ("a/b.txt", 0o644)],
        );
        assert_eq!(site.deployed(), None);
        let version = deploy(&site, &package).unwrap();
        assert_eq!(site.deployed(), Some(version.clone()));
        assert_eq!(mode(&version.join("start.sh")), 0o700);
        assert_eq!(mode(&version.join("a/b.txt")), 0o600);
        assert_eq!(
            fs::read_to_string(site.home().join("site/wwwroot/a/b.txt")).unwrap(),
            "a/b.txt"
        );
    }

    #[test]
    fn a_rejected_package_leaves_the_old_version_deployed() {
        let (folder, site) = site();
        let old = deploy(&site, &zip(&folder.path().join("app.zip"), &[("a", 0o644)])).unwrap();
        let slip = zip(&folder.path().join("slip.zip"), &[("a", 0o644), ("../../slip", 0o644)]);
        assert!(deploy(&site, &slip).is_err());
        let broken = folder.path().join("broken.zip");
        fs::write(&broken, "PK\x03\x04 and no more").unwrap();
        assert!(deploy(&site, &Package::Zip(broken)).is_err());
        assert!(deploy(&site, &Package::Folder(folder.path().join("none"))).is_err());
        assert_eq!(site.deployed(), Some(old));
        assert_eq!(fs::read_dir(site.versions()).unwrap().count(), 1);
        assert!(!folder.path().join("slip").exists() && !site.folder.join("slip").exists());
    }

    #[test]
    fn a_folder_is_copied_and_unused_versions_are_deleted() {
        let (folder, site) = site();
        let source = folder.path().join("source");
        fs::create_dir_all(source.join("b")).unwrap();
        fs::write(source.join("b/run"), "x").unwrap();
        fs::set_permissions(source.join("b/run"), Permissions::from_mode(0o750)).unwrap();
        symlink("b/run", source.join("link")).unwrap();
        let package = Package::Folder(source);
        let [old, used, new] = [(); 3].map(|()| deploy(&site, &package).unwrap());
        assert_eq!(mode(&new.join("b/run")), 0o700);
        assert_eq!(fs::read_link(new.join("link")).unwrap(), Path::new("b/run"));
        set_writable(&old, false).unwrap();
        assert_eq!(mode(&old.join("b/run")), 0o500);
        let unfinished = site.unpack(&package).unwrap();
        site.remove_unused(std::slice::from_ref(&used));
        assert!(!old.exists() && used.exists() && new.exists() && unfinished.exists());
        // The next process does not know about an unfinished one.
        Site::open(folder.path().join("app")).unwrap();
        assert!(new.exists() && !unfinished.exists());
    }
}
