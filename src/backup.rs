//! `restaurant-review backup`: copies the SQLite file, also while the site is running.
//!
//! A plain copy of the file lacks what is still in the file `-wal` beside it, or mixes two states of it.

use std::fs::File;
use std::io::ErrorKind;
use std::path::PathBuf;

use crate::config::Config;
use crate::error_chain::chain;
use crate::open::{StartError, photos_folder, sqlite_file};
use crate::private_files;
use crate::store::copy_sqlite;

/// Where the copy goes.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The file to write, which must not exist yet.
    file: PathBuf,
}

/// Copies the restaurants and reviews to a new file. Nothing is overwritten, and nothing is left if it fails.
pub async fn run(config: &Config, options: &Options) -> Result<(), StartError> {
    let target = options.file.display();
    if let Some(database) = &config.database {
        return Err(StartError(format!(
            "Only an SQLite file can be copied, but restaurants and reviews are in the PostgreSQL database {} on {}. \
             Copy it with: pg_dump --format custom --host {} --port {} --username {} --dbname {} --file {target}",
            database.name, database.host, database.host, database.port, database.user, database.name
        )));
    }
    let source = sqlite_file(config);
    if !source.is_file() {
        return Err(StartError(format!(
            "There is no SQLite file {}. Set DATA_DIR to the folder of the site, or run this in the folder in which the \
             site was started.",
            source.display()
        )));
    }
    // Claims the name, so that two backups at the same time cannot write the same file.
    if let Err(error) = private_files::options().create_new(true).open(&options.file) {
        return Err(StartError(match error.kind() {
            ErrorKind::AlreadyExists => {
                format!("{target} exists already, and is not overwritten. Choose another name.")
            }
            _ => format!("{target} cannot be written: {error}."),
        }));
    }
    let copied = async {
        copy_sqlite(&source, &options.file)
            .await
            .map_err(|error| format!("{} cannot be copied to {target}: {}.", source.display(), chain(&error)))?;
        let on_disk = File::open(&options.file).and_then(|file| file.sync_all());
        on_disk.map_err(|error| format!("{target} cannot be written: {error}."))
    };
    if let Err(message) = copied.await {
        let _ = std::fs::remove_file(&options.file);
        return Err(StartError(message));
    }
    println!("copied {} to {target}", source.display());
    if config.storage.is_none() {
        println!(
            "The photos are not in it. Copy their folder now: {}",
            photos_folder(config).display()
        );
    }
    Ok(())
}
