//! What there is in this Azure, kept in one folder so that it survives restarts and kill -9.

mod directory;
mod headers;
mod resources;
mod roles;

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::directory::{Application, Directory, FederatedCredential, Group, Principal, PrincipalKind, User};
pub use self::headers::IdentityHeaders;
pub use self::resources::{
    AssignedIdentities, Container, ManagedIdentity, PostgresServer, PublicAccess, ResourceGroup, StorageAccount, WebApp,
};
pub use self::roles::{Action, RoleAssignment, RoleDefinition};

use crate::certificates::Authority;
use crate::faults::Faults;
use crate::tokens::SigningKeys;
use crate::{Error, Result};

/// Everything that is kept. A new one is an empty subscription.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// The subscription that every resource is in.
    pub subscription: Uuid,
    /// The Entra tenant that every principal is in.
    pub tenant: Uuid,
    /// Users, groups and applications of the tenant.
    #[serde(default)]
    pub directory: Directory,
    /// Resource groups.
    #[serde(default)]
    pub resource_groups: Vec<ResourceGroup>,
    /// Managed identities, user-assigned and system-assigned.
    #[serde(default)]
    pub identities: Vec<ManagedIdentity>,
    /// The identities of this machine, which the IMDS endpoint answers for.
    #[serde(default)]
    pub machine: AssignedIdentities,
    /// Who may do what where.
    #[serde(default)]
    pub role_assignments: Vec<RoleAssignment>,
    /// PostgreSQL flexible servers.
    #[serde(default)]
    pub postgres_servers: Vec<PostgresServer>,
    /// Storage accounts.
    #[serde(default)]
    pub storage_accounts: Vec<StorageAccount>,
    /// Web apps.
    #[serde(default)]
    pub web_apps: Vec<WebApp>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            subscription: Uuid::new_v4(),
            tenant: Uuid::new_v4(),
            directory: Directory::default(),
            resource_groups: Vec::new(),
            identities: Vec::new(),
            machine: AssignedIdentities::default(),
            role_assignments: Vec::new(),
            postgres_servers: Vec::new(),
            storage_accounts: Vec::new(),
            web_apps: Vec::new(),
        }
    }
}

impl State {
    /// The id of a resource group.
    #[must_use]
    pub fn group_id(&self, group: &str) -> String {
        format!("/subscriptions/{}/resourceGroups/{group}", self.subscription)
    }

    /// The id of a resource, such as `resource_id("rg", "Microsoft.Web/sites", "app")`.
    /// <https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules>
    #[must_use]
    pub fn resource_id(&self, group: &str, kind: &str, name: &str) -> String {
        format!("{}/providers/{kind}/{name}", self.group_id(group))
    }
}

/// This Azure: its state, its keys, its authority and its faults. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Azure(Arc<Inner>);

struct Inner {
    folder: PathBuf,
    state: RwLock<State>,
    keys: SigningKeys,
    authority: Authority,
    faults: Faults,
    headers: IdentityHeaders,
    /// Held as long as this value lives: one process at a time keeps a folder.
    _lock: File,
}

impl Azure {
    /// What is in that folder; a new subscription if there is nothing.
    pub fn open(folder: &Path) -> Result<Self> {
        crate::tls::choose_provider();
        fs::create_dir_all(folder).map_err(Error::file(folder))?;
        let folder = folder.canonicalize().map_err(Error::file(folder))?;
        let lock = lock(&folder)?;
        let file = folder.join(STATE_FILE);
        let state = match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                Error::Refused(format!(
                    "{} cannot be read ({error}): mend it, or start anew with `local-azure reset`",
                    file.display()
                ))
            })?,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let state = State::default();
                save(&folder, &state)?;
                state
            }
            Err(error) => return Err(Error::file(file)(error)),
        };
        Ok(Self(Arc::new(Inner {
            keys: SigningKeys::open(&folder)?,
            authority: Authority::open(&folder)?,
            faults: Faults::default(),
            headers: IdentityHeaders::default(),
            state: RwLock::new(state),
            folder,
            _lock: lock,
        })))
    }

    /// The folder that everything is kept in; an absolute path.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// A folder in it, made if it is not there.
    pub fn subfolder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.0.folder.join(name);
        fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
        Ok(folder)
    }

    /// Looks at the state.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.0.state.read().expect("no change panics"))
    }

    /// Changes the state, all or nothing: when `change` fails or the file cannot be written, nothing has changed.
    pub fn change<T>(&self, change: impl FnOnce(&mut State) -> Result<T>) -> Result<T> {
        let mut state = self.0.state.write().expect("no change panics");
        let mut changed = state.clone();
        let answer = change(&mut changed)?;
        save(&self.0.folder, &changed)?;
        *state = changed;
        Ok(answer)
    }

    /// The keys that sign tokens.
    #[must_use]
    pub fn keys(&self) -> &SigningKeys {
        &self.0.keys
    }

    /// The authority that signs certificates.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.0.authority
    }

    /// The secrets by which web apps ask for tokens.
    #[must_use]
    pub fn identity_headers(&self) -> &IdentityHeaders {
        &self.0.headers
    }

    /// What fails on purpose.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.0.faults
    }
}

const STATE_FILE: &str = "state.json";

/// Keeps other processes out of that folder.
fn lock(folder: &Path) -> Result<File> {
    let file = folder.join("lock");
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&file)
        .map_err(Error::file(&file))?;
    lock.try_lock().map_err(|_| {
        Error::Refused(format!(
            "Local Azure runs already with the state of {}: `local-azure status` shows it, `local-azure down` ends it",
            folder.display()
        ))
    })?;
    Ok(lock)
}

fn save(folder: &Path, state: &State) -> Result<()> {
    let text = serde_json::to_vec_pretty(state).expect("the state is JSON");
    write_private(&folder.join(STATE_FILE), &text)
}

/// Writes a file that only the owner may read, all or nothing, so that it survives a crash at any moment.
pub(crate) fn write_private(file: &Path, content: &[u8]) -> Result<()> {
    let folder = file.parent().expect("a file is in a folder");
    let write = || {
        // Made with mode 0600.
        let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
        temporary.write_all(content)?;
        temporary.as_file().sync_all()?;
        temporary.persist(file)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(Error::file(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_changed_is_there_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let azure = Azure::open(folder.path()).unwrap();
        let tenant = azure.read(|state| state.tenant);
        let group = ResourceGroup::new("rg", "eastus");
        azure
            .change(|state| {
                state.resource_groups.push(group.clone());
                Ok(())
            })
            .unwrap();
        let refused = azure.change(|state| {
            state.resource_groups.clear();
            Err::<(), _>(Error::Refused("no".to_owned()))
        });
        assert!(refused.is_err());
        let root = fs::read(azure.authority().file()).unwrap();
        drop(azure);

        let azure = Azure::open(folder.path()).unwrap();
        assert_eq!(azure.read(|state| state.tenant), tenant);
        assert_eq!(azure.read(|state| state.resource_groups.clone()), [group]);
        assert_eq!(fs::read(azure.authority().file()).unwrap(), root);
    }

    #[test]
    fn a_folder_is_kept_by_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let _azure = Azure::open(folder.path()).unwrap();
        let Err(error) = Azure::open(folder.path()) else {
            panic!("the folder was opened twice");
        };
        assert!(error.to_string().contains("runs already"), "{error}");
    }

    #[test]
    fn a_state_that_cannot_be_read_is_named_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(STATE_FILE);
        fs::write(&file, "{").unwrap();
        let Err(error) = Azure::open(folder.path()) else {
            panic!("the state was read");
        };
        assert!(error.to_string().contains("state.json"), "{error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "{");
    }
}
