//! Opens the stores that the configuration names: one for restaurants and reviews, one for photos.
//!
//! SQLite and the folder of photos are opened at once, and an error in them prevents the start. PostgreSQL and Blob
//! Storage are not contacted yet; the server starts before they are available.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use entra_postgres::{EntraPassword, SCOPE};

use crate::app::App;
use crate::azure::credential;
use crate::config::{Config, DatabaseConfig, shown};
use crate::error_chain::chain;
use crate::photos::{BlobPhotos, DirectoryPhotos, PhotoStore};
use crate::private_files;
use crate::store::{PostgresStore, SignIn, SqliteStore, Store, StoreError};
use crate::telemetry;

/// Why the site could not start, for the person who started it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub String);

/// Opens the site.
pub async fn open(config: Config) -> Result<App, StartError> {
    let photos = open_photos(&config).await?;
    let store = open_store(&config).await?;
    Ok(App::new(config, store, photos))
}

/// Opens the store for restaurants and reviews: PostgreSQL, or an SQLite file, which is created if it does not exist.
pub async fn open_store(config: &Config) -> Result<Box<dyn Store>, StartError> {
    if let Some(database) = &config.database {
        let store = PostgresStore::open(database, sign_in(database)?).map_err(|error| StartError(chain(&error)))?;
        return Ok(Box::new(store));
    }
    let file = sqlite_file(config);
    let opened = async {
        create_private(&config.data_dir, &file).map_err(sqlx::Error::Io)?;
        SqliteStore::open(&file).await
    };
    match opened.await {
        Ok(store) => Ok(Box::new(store)),
        Err(error @ StoreError::InUse(_)) => Err(StartError(format!(
            "{}: {error}. Wait until that program has finished, or stop it. Then start this one again.",
            file.display()
        ))),
        Err(error @ StoreError::Damaged(_)) => Err(StartError(format!("{}: {error}.", file.display()))),
        Err(error) => Err(unusable(config, &file, &error)),
    }
}

/// Creates the folder and an empty file, unless they exist. SQLite gives the files beside it (`-wal`, `-shm`) its mode.
fn create_private(folder: &Path, file: &Path) -> io::Result<()> {
    private_files::create_folder(folder)?;
    private_files::options().create(true).truncate(false).open(file)?;
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        private_files::restrict(Path::new(&name))?;
    }
    Ok(())
}

/// The SQLite file of a site without PostgreSQL.
#[must_use]
pub fn sqlite_file(config: &Config) -> PathBuf {
    config.data_dir.join("restaurants.sqlite3")
}

/// Signs in with the password from the settings, or with tokens.
fn sign_in(database: &DatabaseConfig) -> Result<SignIn, StartError> {
    if database.password.is_some() {
        return Ok(SignIn::Password);
    }
    let client_id = database.client_id.clone();
    let make = move || credential(client_id.as_deref());
    // Fails now, instead of at the first token, if the settings do not make a valid credential.
    make().map_err(|error| StartError(chain(&error)))?;
    Ok(SignIn::Token(EntraPassword::start(make, SCOPE)))
}

/// Opens the store for photos: Blob Storage, or a folder, which is created if it does not exist.
pub async fn open_photos(config: &Config) -> Result<Box<dyn PhotoStore>, StartError> {
    if let Some(storage) = &config.storage {
        let credential = credential(storage.client_id.as_deref()).map_err(|error| StartError(chain(&error)))?;
        let photos = BlobPhotos::open(storage, credential, telemetry::client_options())
            .map_err(|error| StartError(chain(&error)))?;
        return Ok(Box::new(photos));
    }
    let folder = photos_folder(config);
    match DirectoryPhotos::open(&folder, config.limits.min_free_bytes).await {
        Ok(photos) => Ok(Box::new(photos)),
        Err(error) => Err(unusable(config, &folder, &error)),
    }
}

/// The folder of photos of a site without Blob Storage.
#[must_use]
pub fn photos_folder(config: &Config) -> PathBuf {
    config.data_dir.join("photos")
}

fn unusable(config: &Config, path: &Path, error: &(dyn Error + 'static)) -> StartError {
    StartError(format!(
        "DATA_DIR is {}, but {} cannot be used: {}. Set it to a folder that this program may write to.",
        shown(&config.data_dir.to_string_lossy()),
        shown(&path.to_string_lossy()),
        chain(error),
    ))
}
