//! The files that are mounted inside the network.

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::addresses::{HTTPS_SOCKET, hosts};
use crate::azure::Azure;
use crate::azure_cli::extension;
use crate::error::{Error, Result};
use crate::files::write_private;
use crate::state_folder::remove;

/// Where distributions keep the certificates that programs trust. Each one that exists is replaced inside.
const BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

const HOSTS: &str = "hosts";
/// The system's certificates and Local Azure's authority.
const CERTIFICATES: &str = "certificates.pem";

/// The folder `network` of the state folder, with the files that every network inside shares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkFiles {
    folder: PathBuf,
}

impl NetworkFiles {
    /// Writes the files.
    pub fn write(azure: &Azure) -> Result<Self> {
        let files = Self {
            folder: azure.subfolder("network")?,
        };
        let system = BUNDLES
            .iter()
            .find_map(|bundle| fs::read(bundle).ok())
            .unwrap_or_default();
        let own = azure.authority().file();
        let own = fs::read(&own).map_err(Error::file(own))?;
        write_private(&files.folder.join(CERTIFICATES), &[own, system].concat())?;
        // A name that is not in the hosts file does not exist, and no server is asked.
        write_private(
            &files.folder.join("nsswitch.conf"),
            b"passwd: files\ngroup: files\nhosts: files\n",
        )?;
        write_private(&files.folder.join("resolv.conf"), b"# Names are in /etc/hosts.\n")?;
        write_private(&files.folder.join("inside.sh"), include_bytes!("inside.sh"))?;
        write_private(&files.folder.join("mounts.sh"), include_bytes!("mounts.sh"))?;
        let words = files.words();
        fs::create_dir_all(&words).map_err(Error::file(&words))?;
        let word = words.join("azlocal");
        write_private(&word, include_bytes!("azlocal.sh"))?;
        fs::set_permissions(&word, Permissions::from_mode(0o700)).map_err(Error::file(&word))?;
        extension::write(&files.azure_cli_extensions(), &azure.folder().join("azure-cli"))?;
        files.copy_program()?;
        files.update(azure)?;
        Ok(files)
    }

    /// Copies this program into the folder, so that the same version is run after another one was built.
    fn copy_program(&self) -> Result<()> {
        let to = self.program();
        // Removed first, because a running program's file cannot be overwritten.
        remove(&to)?;
        fs::copy("/proc/self/exe", &to)
            .and_then(|_| fs::set_permissions(&to, Permissions::from_mode(0o700)))
            .map_err(Error::file(to))
    }

    /// The folder with the words that exist only in a shell.
    #[must_use]
    pub fn words(&self) -> PathBuf {
        self.folder.join("bin")
    }

    /// The folder with the extension that the Azure CLI has in a shell.
    #[must_use]
    pub fn azure_cli_extensions(&self) -> PathBuf {
        self.folder.join("azure-cli-extensions")
    }

    /// The program whose subcommands `forward` and `browse` run inside.
    #[must_use]
    pub fn program(&self) -> PathBuf {
        self.folder.join("local-azure")
    }

    /// The files of a Local Azure that runs with that state folder.
    ///
    /// # Errors
    ///
    /// It runs without names.
    pub fn of_running(state: &Path) -> Result<Self> {
        let folder = state.join("network");
        if folder.join(HTTPS_SOCKET).exists() {
            return Ok(Self { folder });
        }
        Err(Error::Refused(
            "Local Azure is still starting, or runs with --addresses, so Azure's names lead nowhere".to_owned(),
        ))
    }

    /// Writes the hosts file again after resources were created or deleted. The file stays the same one, because it is
    /// mounted in the networks that are running.
    pub fn update(&self, azure: &Azure) -> Result<()> {
        let file = self.folder.join(HOSTS);
        let text = azure.read(hosts);
        if fs::read_to_string(&file).is_ok_and(|existing| existing == text) {
            return Ok(());
        }
        let write = || {
            let mut file = File::options().create(true).truncate(false).write(true).open(&file)?;
            file.write_all(text.as_bytes())?;
            file.set_len(text.len() as u64)
        };
        write().map_err(Error::file(&file))
    }

    /// The variables with which clients that carry their own list of authorities trust Local Azure's too.
    #[must_use]
    pub fn trust(&self) -> [(&'static str, PathBuf); 2] {
        let mounted = BUNDLES.iter().map(PathBuf::from).find(|bundle| bundle.is_file());
        let bundle = mounted.unwrap_or_else(|| self.certificates());
        [("REQUESTS_CA_BUNDLE", bundle.clone()), ("NODE_EXTRA_CA_CERTS", bundle)]
    }

    /// The authorities of this machine and Local Azure's, in one file.
    #[must_use]
    pub fn certificates(&self) -> PathBuf {
        self.folder.join(CERTIFICATES)
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The script that sets up a network.
    #[must_use]
    pub(super) fn script(&self) -> PathBuf {
        self.folder.join("inside.sh")
    }
}
