//! Which accounts have data in Azurite.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::error::{Error, Result};
use crate::files::write_private;
use crate::state::{State, StorageAccount, View as _};

/// The file with the `uid` of each account that has data in Azurite. An account that is created with the name of a
/// deleted one must not get its blobs, even if this process was killed before it deleted them.
pub(super) struct Index {
    file: PathBuf,
}

type Uids = BTreeMap<String, Uuid>;

impl Index {
    pub(super) fn in_folder(folder: &Path) -> Self {
        Self {
            file: folder.join("accounts.json"),
        }
    }

    /// The accounts whose data must be deleted.
    pub(super) fn obsolete(&self, state: &State) -> Result<Vec<String>> {
        let uids = uids(state);
        let obsolete = |(name, uid): (String, Uuid)| {
            // An account without a uid has the data that there is.
            let current = uids.get(&name);
            let is_current = current.is_some_and(|current| *current == uid || current.is_nil());
            (!is_current).then_some(name)
        };
        Ok(self.read()?.into_iter().filter_map(obsolete).collect())
    }

    /// Records the state's accounts as the ones that have data.
    pub(super) fn write(&self, state: &State) -> Result<()> {
        let text = serde_json::to_vec(&uids(state)).expect("names and ids are valid JSON");
        write_private(&self.file, &text)
    }

    fn read(&self) -> Result<Uids> {
        match fs::read(&self.file) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                Error::Refused(format!(
                    "{} cannot be parsed ({error}): delete it. Blobs of deleted accounts may then reappear",
                    self.file.display()
                ))
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Uids::new()),
            Err(error) => Err(Error::file(&self.file)(error)),
        }
    }
}

fn uids(state: &State) -> Uids {
    let accounts = state.all::<StorageAccount>();
    accounts
        .map(|account| (account.name().to_owned(), state.uid(account.id())))
        .collect()
}
