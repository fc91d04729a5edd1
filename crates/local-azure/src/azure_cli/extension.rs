//! The extension with which the Azure CLI in `local-azure shell` accepts the spellings of earlier ones, and with which
//! `az webapp up` finds a region.

use std::fs;
use std::path::Path;

use crate::error::{Error, Result};
use crate::files::write_private;
use crate::state_folder::remove;

/// The files as the CLI expects those of a wheel that it has installed.
const FILES: [(&str, &[u8]); 3] = [
    (
        "azext_local_azure/__init__.py",
        include_bytes!("../../azure_cli_extension/azext_local_azure/__init__.py"),
    ),
    (
        "azext_local_azure/sql.py",
        include_bytes!("../../azure_cli_extension/azext_local_azure/sql.py"),
    ),
    (
        "local_azure-1.0.0.dist-info/METADATA",
        include_bytes!("../../azure_cli_extension/METADATA"),
    ),
];

/// What the CLI remembers about which commands are in which extensions.
const INDEXES: [&str; 4] = [
    "commandIndex.json",
    "extensionIndex.json",
    "helpIndex.json",
    "extensionHelpIndex.json",
];

/// Writes the extension into a folder of extensions, unless it is there. The CLI then forgets, in its folder
/// `configuration`, which commands the extensions had before.
pub(crate) fn write(extensions: &Path, configuration: &Path) -> Result<()> {
    let folder = extensions.join("local-azure");
    let is_current = |(name, content): &(&str, &[u8])| fs::read(folder.join(name)).is_ok_and(|text| text == *content);
    if FILES.iter().all(is_current) {
        return Ok(());
    }
    remove(&folder)?;
    for (name, content) in FILES {
        let file = folder.join(name);
        let parent = file.parent().expect("it is in a folder");
        fs::create_dir_all(parent).map_err(Error::file(parent))?;
        write_private(&file, content)?;
    }
    for index in INDEXES {
        remove(&configuration.join(index))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_replaces_the_extension_and_what_the_cli_remembers() {
        let home = tempfile::tempdir().unwrap();
        let (extensions, configuration) = (home.path().join("extensions"), home.path().join("azure-cli"));
        let (index, profile) = (configuration.join(INDEXES[1]), configuration.join("azureProfile.json"));
        let remember = || {
            fs::create_dir_all(&configuration).unwrap();
            fs::write(&index, "{}").unwrap();
            fs::write(&profile, "{}").unwrap();
        };
        let file = extensions.join("local-azure").join(FILES[0].0);
        write(&extensions, &configuration).unwrap();
        remember();
        write(&extensions, &configuration).unwrap();
        assert!(index.exists());
        let cache = file.with_file_name("left.py");
        fs::write(&cache, "").unwrap();
        fs::write(&file, "earlier").unwrap();
        write(&extensions, &configuration).unwrap();
        assert_eq!(fs::read(&file).unwrap(), FILES[0].1);
        assert!(!cache.exists() && !index.exists() && profile.exists());
    }
}
