//! The file that contains the state, and changes to it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::sync::watch;

use super::{SCHEMA, State, version_1, version_2};
use crate::error::{Error, Result};
use crate::files::write_private;

/// The state, which one writer at a time changes. Readers never wait for the disk.
pub(crate) struct Store {
    file: PathBuf,
    /// Held while a change is made.
    writer: Mutex<()>,
    current: watch::Sender<Arc<State>>,
}

impl Store {
    /// Opens the file. A file that does not exist is created, with an empty subscription.
    pub(crate) fn open(file: PathBuf) -> Result<Self> {
        let state = match fs::read(&file) {
            Ok(bytes) => {
                let mut state = read(&file, &bytes)?;
                if state.complete() {
                    save(&file, &state)?;
                }
                state
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let state = State::default();
                save(&file, &state)?;
                state
            }
            Err(error) => return Err(Error::file(file)(error)),
        };
        Ok(Self {
            file,
            writer: Mutex::default(),
            current: watch::Sender::new(Arc::new(state)),
        })
    }

    /// The state as it is now. It does not change while the caller holds it.
    pub(crate) fn state(&self) -> Arc<State> {
        self.current.borrow().clone()
    }

    /// Changes the state and saves it. Nothing changes if `change` fails or the file cannot be written.
    pub(crate) fn change<T, E: From<Error>>(&self, change: impl FnOnce(&mut State) -> Result<T, E>) -> Result<T, E> {
        let _one = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = State::clone(&self.state());
        let answer = change(&mut state)?;
        save(&self.file, &state)?;
        self.current.send_replace(Arc::new(state));
        Ok(answer)
    }

    /// A receiver of each new state.
    pub(crate) fn changes(&self) -> watch::Receiver<Arc<State>> {
        self.current.subscribe()
    }
}

/// Reads a state of this version or an earlier one.
fn read(file: &Path, bytes: &[u8]) -> Result<State> {
    let invalid = |error: serde_json::Error| {
        Error::Refused(format!(
            "{} cannot be parsed ({error}): repair it, or delete everything with `local-azure reset`",
            file.display()
        ))
    };
    let json: Value = serde_json::from_slice(bytes).map_err(invalid)?;
    // The earlier program cannot read the new form.
    let keep = |version: u64| write_private(&file.with_file_name(format!("state.version-{version}.json")), bytes);
    match json.get("schema").and_then(Value::as_u64) {
        None => {
            let state = version_1::read(json).map_err(invalid)?;
            keep(1)?;
            Ok(state)
        }
        Some(2) => {
            let state = version_2::read(json).map_err(invalid)?;
            keep(2)?;
            Ok(state)
        }
        Some(schema) if schema == u64::from(SCHEMA) => serde_json::from_value(json).map_err(invalid),
        Some(schema) => Err(Error::Refused(format!(
            "{} is of version {schema}, and this Local Azure reads versions up to {SCHEMA}: use the newer Local Azure, or \
             another folder with --state",
            file.display()
        ))),
    }
}

fn save(file: &Path, state: &State) -> Result<()> {
    let text = serde_json::to_vec_pretty(state).expect("the state is valid JSON");
    write_private(file, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(text: &str) -> (tempfile::TempDir, Result<Store>) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.json");
        fs::write(&file, text).unwrap();
        (folder, Store::open(file))
    }

    #[test]
    fn a_file_of_a_newer_version_is_left_unchanged() {
        let text = r#"{"schema": 99, "subscription": "x"}"#;
        let (folder, opened) = open(text);
        let error = opened.err().unwrap().to_string();
        assert!(error.contains("version 99"), "{error}");
        assert_eq!(fs::read_to_string(folder.path().join("state.json")).unwrap(), text);
    }

    #[test]
    fn readers_do_not_wait_for_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("state.json")).unwrap();
        let before = store.state();
        let changed = store.change(|state| {
            state.add_group("rg", "eastus");
            assert_eq!(store.state().resources().count(), 0);
            Ok::<_, Error>(())
        });
        changed.unwrap();
        assert_eq!(before.resources().count(), 0);
        assert_eq!(store.state().resources().count(), 1);
    }
}
