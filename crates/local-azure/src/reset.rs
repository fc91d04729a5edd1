//! `local-azure reset`: deletes the state folder.

use std::fs::{self, File};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use crate::error::{Error, Result};
use crate::folder_lock::{LOCK_FILE, lock};
use crate::process;
use crate::state_folder::{self, STATE_FILE};

/// Deletes the state folder with its databases, photos, identities and keys. Asks for confirmation unless `yes` is true.
///
/// # Errors
///
/// [`Error::AlreadyRunning`] if another process uses the folder. [`Error::Refused`] if Local Azure did not make the
/// folder, or if it contains anything else; then nothing is deleted.
pub fn reset(state: &Path, yes: bool) -> Result<()> {
    if !state.join(STATE_FILE).exists() {
        println!("There is nothing to delete in {}.", state.display());
        return Ok(());
    }
    let state = state.canonicalize().map_err(Error::file(state))?;
    check_contents(&state)?;
    let lock = lock(&state)?;
    if !yes && !confirmed(&state, io::stdin().is_terminal())? {
        println!("Nothing was deleted.");
        return Ok(());
    }
    let _ = process::clean_up(&state);
    delete(&state, lock)?;
    println!("Deleted {}.", state.display());
    Ok(())
}

/// Refuses a folder that is not Local Azure's alone.
fn check_contents(state: &Path) -> Result<()> {
    if !state_folder::is_own(state) {
        return Err(Error::Refused(format!(
            "{} is not a state folder of Local Azure, although it contains a file called {STATE_FILE}: nothing was deleted",
            state.display()
        )));
    }
    let foreign = state_folder::foreign_names(state)?;
    if foreign.is_empty() {
        return Ok(());
    }
    Err(Error::Refused(format!(
        "{} also contains what Local Azure did not make: {}. Nothing was deleted: move that elsewhere, then reset again",
        state.display(),
        foreign.join(", ")
    )))
}

/// Deletes the folder while holding its lock. The lock file is deleted last, so that no other process can lock a new
/// file of that name in the meantime.
fn delete(folder: &Path, lock: File) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(Error::file(folder))? {
        let entry = entry.map_err(Error::file(folder))?;
        if entry.file_name() == LOCK_FILE {
            continue;
        }
        state_folder::remove(&entry.path())?;
    }
    fs::remove_dir_all(folder).map_err(Error::file(folder))?;
    drop(lock);
    Ok(())
}

fn confirmed(state: &Path, is_terminal: bool) -> Result<bool> {
    if !is_terminal {
        return Err(Error::Refused(
            "reset deletes all databases, photos and identities, and there is no terminal to ask for confirmation: pass \
             --yes to confirm"
                .to_owned(),
        ));
    }
    print!(
        "Delete {} with all databases, photos and identities? [y/N] ",
        state.display()
    );
    let _ = io::stdout().flush();
    let mut answer = String::new();
    io::stdin()
        .read_line(&mut answer)
        .map_err(Error::file("the terminal"))?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::azure::Azure;

    #[test]
    fn a_folder_in_use_is_not_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let azure = Azure::open(&state).unwrap();
        let error = reset(&state, true).unwrap_err();
        assert!(matches!(error, Error::AlreadyRunning { .. }), "{error:?}");
        assert!(state.join("state.json").exists());
        drop(azure);
        reset(&state, true).unwrap();
        assert!(!state.exists());
    }

    #[test]
    fn an_unreadable_state_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        drop(Azure::open(&state).unwrap());
        fs::create_dir_all(state.join("postgres/server")).unwrap();
        fs::write(state.join(STATE_FILE), "{").unwrap();
        reset(&state, true).unwrap();
        assert!(!state.exists());
    }

    #[test]
    fn what_local_azure_did_not_make_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("project");
        fs::create_dir_all(project.join("logs")).unwrap();
        fs::write(project.join("logs/mine.log"), "mine").unwrap();
        fs::write(project.join(STATE_FILE), r#"{"version": 4}"#).unwrap();
        let error = reset(&project, true).unwrap_err().to_string();
        assert!(error.contains("is not a state folder"), "{error}");

        let state = folder.path().join("state");
        drop(Azure::open(&state).unwrap());
        fs::create_dir_all(state.join("photos/2026")).unwrap();
        fs::write(state.join("Notes.md"), "mine").unwrap();
        let error = reset(&state, true).unwrap_err().to_string();
        assert!(error.contains("Notes.md, photos. Nothing was deleted"), "{error}");
        for file in [
            project.join("logs/mine.log"),
            state.join("keys.json"),
            state.join("photos/2026"),
        ] {
            assert!(file.exists(), "{}", file.display());
        }
    }

    #[test]
    fn without_a_terminal_nothing_is_confirmed() {
        let error = confirmed(Path::new("state"), false).unwrap_err();
        assert!(error.to_string().contains("--yes"), "{error}");
    }

    /// Another process that waits for the lock gets it only when nothing is left.
    #[test]
    fn the_lock_is_held_until_everything_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let blobs = state.join("blobs");
        fs::create_dir_all(&blobs).unwrap();
        for index in 0..300 {
            fs::write(blobs.join(index.to_string()), "x").unwrap();
        }
        let held = lock(&state).unwrap();
        let waiting = File::open(state.join(LOCK_FILE)).unwrap();
        let path = state.clone();
        let observer = thread::spawn(move || {
            waiting.lock().unwrap();
            path.exists()
        });
        delete(&state, held).unwrap();
        assert!(
            !observer.join().unwrap(),
            "the lock was released before the folder was deleted"
        );
    }
}
