//! The state folder: what Local Azure keeps in it, and who may use it.

use std::fs::{self, DirBuilder, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::files::write_private;
use crate::folder_lock::LOCK_FILE;

/// The name of the file that contains the state.
pub(crate) const STATE_FILE: &str = "state.json";

/// The file in the folder of a resource that contains the resource's `uid`.
const OWNER_FILE: &str = "resource";

/// The files and folders that Local Azure creates in a state folder.
const OWN_NAMES: [&str; 19] = [
    "apps",
    "azure-cli",
    "azurite",
    "azurite.new",
    "ca.key",
    "ca.pem",
    "control.sock",
    "keys.json",
    LOCK_FILE,
    "logs",
    "network",
    "package",
    "postgres",
    STATE_FILE,
    "state.version-1.json",
    "state.version-2.json",
    "storage",
    "uploads",
    "workload",
];

/// Creates the folder if it does not exist, and makes it private. Returns its absolute path.
///
/// # Errors
///
/// [`Error::Refused`] if the folder belongs to another user: the files that this process creates would lock that user
/// out, or this user later. Nothing has been written then.
pub(crate) fn open(folder: &Path) -> Result<PathBuf> {
    let create = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    create.map_err(Error::file(folder))?;
    let folder = folder.canonicalize().map_err(Error::file(folder))?;
    let metadata = fs::metadata(&folder).map_err(Error::file(&folder))?;
    check_owner(&folder, metadata.uid(), geteuid().as_raw())?;
    check_new(&folder)?;
    if metadata.mode() & 0o077 != 0 {
        fs::set_permissions(&folder, Permissions::from_mode(0o700)).map_err(Error::file(&folder))?;
    }
    Ok(folder)
}

/// # Errors
///
/// The folder is not a state folder, and has something in it, which `reset` would delete.
fn check_new(folder: &Path) -> Result<()> {
    if is_own(folder) {
        return Ok(());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::file(folder))? {
        let name = entry.map_err(Error::file(folder))?.file_name();
        names.push(name.to_string_lossy().into_owned());
    }
    // A kill right after the first start leaves these.
    names.retain(|name| name != LOCK_FILE && name != STATE_FILE && !is_temporary(name));
    if names.is_empty() {
        return Ok(());
    }
    names.sort_unstable();
    Err(Error::Refused(format!(
        "{} is not a state folder of Local Azure, but contains {}: choose an empty or a new folder with --state",
        folder.display(),
        names.join(", ")
    )))
}

/// Whether it is the temporary file that a kill during `write_private` leaves behind.
fn is_temporary(name: &str) -> bool {
    name.starts_with(".tmp") && name.len() == 10
}

fn check_owner(folder: &Path, owner: u32, user: u32) -> Result<()> {
    if owner == user {
        return Ok(());
    }
    let name = |id| match id {
        0 => "root".to_owned(),
        id => format!("user {id}"),
    };
    Err(Error::Refused(format!(
        "{} belongs to {}, but this is {}: one of the two could not use what the other creates there. Run Local Azure as \
         the folder's owner, or choose another folder with --state",
        folder.display(),
        name(owner),
        name(user)
    )))
}

/// Whether Local Azure made the folder. A folder is not Local Azure's only because it contains a file called
/// `state.json`.
pub(crate) fn is_own(folder: &Path) -> bool {
    let is_state = |bytes: Vec<u8>| {
        let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
        json["subscription"].is_string() && json["tenant"].is_string()
    };
    let has_keys = ["ca.pem", "ca.key", "keys.json"]
        .iter()
        .all(|name| folder.join(name).is_file());
    has_keys || fs::read(folder.join(STATE_FILE)).is_ok_and(is_state)
}

/// The names in the folder that Local Azure did not create.
pub(crate) fn foreign_names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::file(folder))? {
        let name = entry.map_err(Error::file(folder))?.file_name();
        let name = name.to_string_lossy().into_owned();
        if !is_temporary(&name) && !OWN_NAMES.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Gives a folder to the resource with that `uid`. A folder of a deleted resource, which had the same name, is emptied
/// first. A folder without an owner is kept, and so is any folder if the `uid` is nil.
pub(crate) fn claim(folder: &Path, uid: Uuid) -> Result<()> {
    let file = folder.join(OWNER_FILE);
    match fs::read_to_string(&file) {
        Ok(text) if text == uid.to_string() || uid.is_nil() => return Ok(()),
        Ok(_) => {
            tracing::warn!("{} belongs to a deleted resource, and is emptied", folder.display());
            remove(folder)?;
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(Error::file(file)(error)),
    }
    fs::create_dir_all(folder).map_err(Error::file(folder))?;
    if uid.is_nil() {
        return Ok(());
    }
    write_private(&file, uid.to_string().as_bytes())
}

/// Whether the folder belongs to the resource with that `uid`.
pub(crate) fn is_claimed(folder: &Path, uid: Uuid) -> bool {
    let owner = fs::read_to_string(folder.join(OWNER_FILE));
    uid.is_nil() || owner.is_ok_and(|owner| owner == uid.to_string())
}

/// Deletes the folders of resources that were deleted while Local Azure did not run: those below `folder` that belong to
/// a resource whose name is not one of `names`.
pub(crate) fn remove_orphans<'a>(folder: &Path, names: impl Iterator<Item = &'a str>) -> Result<()> {
    let names: Vec<_> = names.map(str::to_ascii_lowercase).collect();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().to_ascii_lowercase();
        let belongs_to_one = entry.path().join(OWNER_FILE).exists();
        if belongs_to_one && !names.contains(&name) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Makes the folder one without an owner.
pub(crate) fn unclaim(folder: &Path) -> Result<()> {
    remove(&folder.join(OWNER_FILE))
}

/// Removes a file or a folder with everything in it, if it exists.
pub(crate) fn remove(path: &Path) -> Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::file(path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::azure::Azure;

    #[test]
    fn a_folder_of_another_user_is_refused_with_the_reason() {
        let path = Path::new("/home/ada/.local-azure");
        assert!(check_owner(path, 1000, 1000).is_ok());
        let error = check_owner(path, 1000, 0).unwrap_err().to_string();
        assert!(error.contains("belongs to user 1000, but this is root"), "{error}");
        assert!(check_owner(path, 0, 1000).is_err());
    }

    #[test]
    fn the_folder_is_private() {
        let parent = tempfile::tempdir().unwrap();
        let new = parent.path().join("a/b");
        let existing = parent.path().join("c");
        fs::create_dir(&existing).unwrap();
        fs::set_permissions(&existing, Permissions::from_mode(0o755)).unwrap();
        for folder in [new, existing] {
            let opened = open(&folder).unwrap();
            assert_eq!(fs::metadata(opened).unwrap().mode() & 0o777, 0o700);
        }
    }

    #[test]
    fn a_folder_of_a_deleted_resource_is_emptied() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("contoso");
        let (first, second) = (Uuid::new_v4(), Uuid::new_v4());
        fs::create_dir(&folder).unwrap();
        let file = folder.join("data");
        fs::write(&file, "of the first version").unwrap();
        for (uid, is_kept) in [
            (Uuid::nil(), true),
            (first, true),
            (first, true),
            (Uuid::nil(), true),
            (second, false),
        ] {
            claim(&folder, uid).unwrap();
            assert_eq!(file.exists(), is_kept);
        }
        assert!(is_claimed(&folder, second) && !is_claimed(&folder, first));
        fs::create_dir(parent.path().join("of-no-resource")).unwrap();
        remove_orphans(parent.path(), ["Contoso"].into_iter()).unwrap();
        assert!(folder.exists());
        remove_orphans(parent.path(), std::iter::empty()).unwrap();
        assert!(!folder.exists() && parent.path().join("of-no-resource").exists());
    }

    #[test]
    fn everything_in_a_state_folder_is_known() {
        let folder = tempfile::tempdir().unwrap();
        drop(Azure::open(folder.path()).unwrap());
        assert!(is_own(folder.path()));
        assert_eq!(foreign_names(folder.path()).unwrap(), [""; 0]);
        fs::write(folder.path().join("notes.txt"), "mine").unwrap();
        assert_eq!(foreign_names(folder.path()).unwrap(), ["notes.txt"]);
    }

    #[test]
    fn a_state_of_another_program_is_not_local_azures() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_own(folder.path()));
        for text in [
            "",
            "{",
            "{}",
            "[1]",
            r#"{"version": 4, "subscription": null, "tenant": 1}"#,
        ] {
            fs::write(folder.path().join(STATE_FILE), text).unwrap();
            assert!(!is_own(folder.path()), "{text}");
        }
    }
}
