//! `local-azure reset`: deletes the state folder.

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use crate::state::Azure;
use crate::{Error, Result, process};

/// Deletes everything that is kept in that folder: databases, photos, identities, keys. Asks first, unless `yes`.
pub fn reset(state: &Path, yes: bool) -> Result<()> {
    if !state.join("state.json").exists() {
        println!("There is nothing in {}.", state.display());
        return Ok(());
    }
    // It fails while another runs with it. One whose state cannot be read is deleted all the same.
    if let Err(error @ Error::Refused(_)) = Azure::open(state)
        && error.to_string().contains("runs already")
    {
        return Err(error);
    }
    if !yes && !confirmed(state)? {
        println!("Nothing was deleted.");
        return Ok(());
    }
    let state = state.canonicalize().map_err(Error::file(state))?;
    let _ = process::clean_up(&state);
    fs::remove_dir_all(&state).map_err(Error::file(&state))?;
    println!("{} is deleted.", state.display());
    Ok(())
}

fn confirmed(state: &Path) -> Result<bool> {
    if !io::stdin().is_terminal() {
        return Err(Error::Refused(
            "reset deletes all databases, photos and identities, and there is no terminal to ask at: say --yes"
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
