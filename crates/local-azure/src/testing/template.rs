//! The data of a PostgreSQL server, prepared once for each build of a test program and copied for each of its servers.
//!
//! Preparing the data takes seconds; copying it takes a tenth of a second.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use sqlx::{Connection as _, Executor as _};

use super::ports::on_a_port_async;
use crate::azure::Azure;
use crate::postgres::{self, Postgres};
use crate::state::{PostgresServer, View as _};
use crate::state_folder::unclaim;
use crate::{Error, Result};

/// The server whose data is copied.
const SERVER: &str = "template";

/// Starts the PostgreSQL server of that name, as [`Postgres::start`] does, but faster.
///
/// A server without data gets a copy of data that was prepared once, beside the test program. Writes are not flushed to
/// disk: the data survives if the server is killed, but not if the power fails. The server gets a port that other programs
/// are unlikely to take while it is stopped.
///
/// # Errors
///
/// The same as for [`Postgres::start`], or the test program's folder is not writable.
pub async fn start_postgres(azure: &Azure, server: &str) -> Result<Postgres> {
    let exists = azure.read(|state| state.find::<PostgresServer>(server).is_some());
    let data = azure.subfolder("postgres")?.join(server);
    if exists && !data.exists() {
        Template::open()?.copy_to(&data).await?;
    }
    on_a_port_async(async |port| Postgres::start(azure, server, port).await).await
}

struct Template {
    folder: PathBuf,
    /// Identifies the build of the test program and the PostgreSQL programs that prepared the data.
    stamp: String,
}

impl Template {
    /// The template of this test program.
    fn open() -> Result<Self> {
        let program = std::env::current_exe().map_err(Error::file("the test program"))?;
        let build = fs::metadata(&program).and_then(|file| file.modified());
        let build = build.map_err(Error::file(&program))?;
        let folder = program.with_extension("postgres");
        fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
        Ok(Self {
            folder,
            stamp: format!("{build:?} {}", postgres::program_folder()?.display()),
        })
    }

    fn data(&self) -> PathBuf {
        self.folder.join(SERVER)
    }

    fn stamp_file(&self) -> PathBuf {
        self.folder.join("stamp")
    }

    fn is_current(&self) -> bool {
        fs::read_to_string(self.stamp_file()).is_ok_and(|stamp| stamp == self.stamp)
    }

    async fn copy_to(&self, data: &Path) -> Result<()> {
        loop {
            let lock = self.lock(File::lock_shared).await?;
            if self.is_current() {
                return copy(&self.data(), data);
            }
            drop(lock);
            let _lock = self.lock(File::lock).await?;
            // Another process may have prepared the data in the meantime.
            if !self.is_current() {
                self.prepare().await?;
            }
        }
    }

    /// Locks the template until the returned file is dropped.
    async fn lock(&self, lock: fn(&File) -> std::io::Result<()>) -> Result<File> {
        let path = self.folder.join("lock");
        let file = File::create(&path).map_err(Error::file(&path))?;
        let locked = tokio::task::spawn_blocking(move || lock(&file).map(|()| file)).await;
        locked
            .map_err(|error| Error::failed("the lock of the PostgreSQL template", error))?
            .map_err(Error::file(path))
    }

    async fn prepare(&self) -> Result<()> {
        let _ = fs::remove_file(self.stamp_file());
        // Removes the data of an earlier build, and unfinished data of a killed process.
        for entry in fs::read_dir(&self.folder).map_err(Error::file(&self.folder))?.flatten() {
            if entry.path().is_dir() {
                fs::remove_dir_all(entry.path()).map_err(Error::file(entry.path()))?;
            }
        }
        // On the same file system, so that the data can be moved.
        let state = tempfile::tempdir_in(&self.folder).map_err(Error::file(&self.folder))?;
        let path = state.path().canonicalize().map_err(Error::file(state.path()))?;
        let azure = Azure::open(&path)?;
        azure.change(|state| {
            let id = state.resource_id("tests", PostgresServer::KIND, SERVER);
            state.put(&PostgresServer::new(id, "eastus"));
            Ok(())
        })?;
        let server = Postgres::start(&azure, SERVER, 0).await?;
        let failed = |error| Error::failed("PostgreSQL", error);
        let mut connection = server.superuser("postgres").await?;
        connection
            .execute("alter system set fsync = off")
            .await
            .map_err(failed)?;
        connection.close().await.map_err(failed)?;
        server.stop();
        let prepared = path.join("postgres").join(SERVER);
        unclaim(&prepared)?;
        fs::rename(&prepared, self.data()).map_err(Error::file(prepared))?;
        fs::write(self.stamp_file(), &self.stamp).map_err(Error::file(self.stamp_file()))
    }
}

/// Copies a folder with its owners and modes.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let output = Command::new("cp").arg("-a").arg(from).arg(to).output();
    let output = output.map_err(|error| Error::failed("cp", error))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::failed("cp", String::from_utf8_lossy(&output.stderr).trim()))
}
