//! PostgreSQL flexible servers, each run by the machine's own, unmodified PostgreSQL.
//!
//! In reading order:
//!
//! - [`Postgres`]: a running server.
//! - `programs`: finding PostgreSQL's programs.
//! - `data`: the server's folder, its settings and its authentication rules.
//! - `connection`: the superuser's connections.
//! - `administration`: the operations of Azure's control plane on the server.
//! - `judge`: decides whether a token is the password of a role. `catalogue`: the principal of each role.
//! - `sql/`: gives the server Azure's roles, functions and extension allow-list.
//!
//! There are two differences from Azure, because Azure's own libraries are not in the server. First,
//! `SECURITY LABEL for "pgaadauth"` does not work; `pgaadauth_update_principal_with_oid` binds an existing role to a
//! principal instead. Second, the reason why a sign-in is rejected is only in the server's log, while Azure sends it to
//! the client.

mod administration;
mod catalogue;
mod connection;
mod data;
mod identifier;
mod judge;
mod programs;

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnection;

pub(crate) use self::identifier::quote_identifier;
pub use self::judge::Verdict;

use self::administration::{ControlPlane, check_names, config};
use self::connection::{PART, Superuser};
use self::data::Folder;
use self::judge::Judge;
use self::programs::Programs;
use crate::azure::Azure;
use crate::error::{Error, Result};
use crate::process::Process;
use crate::server::bind;
use crate::tail::Tail;

const FLAG: &str = "--postgres-port";

/// How long a server may take to start. After a crash it first recovers from its write-ahead log.
const START_LIMIT: Duration = Duration::from_mins(2);

/// A running server with its judge. Both stop when this value is dropped, or when this process ends, even if this
/// process is killed.
///
/// It is independent of the runtime in which it was started.
pub struct Postgres {
    azure: Azure,
    name: String,
    superuser: Superuser,
    folder: Folder,
    /// `None` while it is stopped. It is dropped before the judge.
    process: Mutex<Option<Process>>,
    judge: Judge,
    /// Held while the server is started.
    starting: tokio::sync::Mutex<()>,
}

impl Postgres {
    /// Starts the server with that name and returns when it accepts connections. Its data is created at the first start.
    ///
    /// If its port is 0, a free one is chosen and saved in the state.
    pub async fn start(azure: &Azure, server: &str) -> Result<Self> {
        let config = config(azure, server)?;
        check_names(&config)?;
        let folder = Folder::open(azure, &config.name).await?;
        // A server that an earlier run left behind would still use the port.
        folder.end_leftovers();
        let mut last = None;
        // Another program may take the port between the moment it is chosen and the moment the server binds it.
        for _ in 0..5 {
            let port = bind(config.port, PART, FLAG)?
                .local_addr()
                .map_err(|error| Error::failed(PART, error))?
                .port();
            let superuser = Superuser {
                port,
                password: folder.password.clone(),
                root_certificate: azure.authority().file(),
            };
            let judge = Judge::start(azure, superuser.isolated_options("postgres"))?;
            folder.configure(azure, &config, port, &judge.method())?;
            let server = Self {
                azure: azure.clone(),
                name: config.name.clone(),
                superuser,
                folder: folder.clone(),
                process: Mutex::new(None),
                judge,
                starting: tokio::sync::Mutex::new(()),
            };
            match server.start_again().await {
                Ok(()) => {
                    server.control_plane().prepare().await?;
                    return Ok(server);
                }
                Err(error @ Error::PortTaken { .. }) if config.port == 0 => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(last.unwrap_or_else(|| Error::failed(PART, "the server did not start")))
    }

    /// The loopback port that it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.superuser.port
    }

    /// Stops it as Azure does: connections are closed, and committed transactions are kept. Returns when it has stopped.
    pub fn stop(&self) {
        let process = self
            .process
            .lock()
            .expect("no thread panics while holding the lock")
            .take();
        drop(process);
    }

    /// Kills the server with SIGKILL. Returns when it has ended.
    pub fn kill(&self) {
        let process = self
            .process
            .lock()
            .expect("no thread panics while holding the lock")
            .take();
        if let Some(process) = process {
            process.kill();
        }
    }

    /// Starts it again on the same port, if it is not running. Returns when it accepts connections.
    pub async fn start_again(&self) -> Result<()> {
        let _one = self.starting.lock().await;
        if let Some(process) = &*self.process.lock().expect("no thread panics while holding the lock")
            && process.ended().is_none()
        {
            return Ok(());
        }
        drop(bind(self.port(), PART, FLAG)?);
        let log = &self.folder.log;
        let mut log = Tail::from_end(log.clone()).map_err(Error::file(log))?;
        let process = self.folder.start(&self.azure)?;
        let started = Instant::now();
        loop {
            if process.ended().is_some() {
                let output = log.read().map_err(Error::file(log.file()))?;
                let output = String::from_utf8_lossy(&output);
                if output.contains("Address already in use") {
                    return Err(Error::PortTaken {
                        port: self.port(),
                        part: PART,
                        flag: FLAG,
                    });
                }
                return Err(Error::failed(
                    PART,
                    format!("the server did not start: {}", output.trim()),
                ));
            }
            // The timeout is short, so that the end of the process is noticed soon.
            match tokio::time::timeout(Duration::from_millis(500), self.judge.wait_for_server()).await {
                Ok(Ok(())) => break,
                _ if started.elapsed() > START_LIMIT => {
                    return Err(Error::failed(
                        PART,
                        format!(
                            "the server did not accept connections within {} seconds",
                            START_LIMIT.as_secs()
                        ),
                    ));
                }
                _ => {}
            }
        }
        *self.process.lock().expect("no thread panics while holding the lock") = Some(process);
        Ok(())
    }

    /// Restarts it, as Azure does after some parameter changes.
    pub async fn restart(&self) -> Result<()> {
        self.stop();
        self.start_again().await
    }

    /// Connects as the superuser. Azure does not offer this to its customers.
    pub async fn superuser(&self, database: &str) -> Result<PgConnection> {
        self.superuser.connect(database).await
    }

    /// Copies the tenant's directory and the server's Entra administrators from the state into the server. The functions
    /// look up principals in that directory, and each Entra administrator gets a role with its display name. Call this
    /// after either has changed.
    pub async fn sync_directory(&self) -> Result<()> {
        self.control_plane().sync_directory().await
    }

    /// Creates the database if it does not exist, as `az postgres flexible-server db create` does, and records it in the
    /// state.
    pub async fn create_database(&self, name: &str) -> Result<()> {
        self.control_plane().create_database(name).await
    }

    /// Sets the password of the administrator that signs in with a password.
    pub async fn set_administrator_password(&self, password: &str) -> Result<()> {
        self.control_plane().set_administrator_password(password).await
    }

    /// Sets the server parameter `azure.extensions`: the extensions that users may create. By default it is empty.
    /// <https://learn.microsoft.com/azure/postgresql/extensions/how-to-allow-extensions>
    pub async fn allow_extensions(&self, names: &[&str]) -> Result<()> {
        self.control_plane().allow_extensions(names).await
    }

    fn control_plane(&self) -> ControlPlane<'_> {
        ControlPlane {
            azure: &self.azure,
            server: &self.name,
            superuser: &self.superuser,
        }
    }

    /// Everything in the server's log.
    #[must_use]
    pub fn log(&self) -> String {
        self.folder.log_text()
    }

    /// The verdicts on the last 1000 sign-ins with a token, oldest first.
    #[must_use]
    pub fn verdicts(&self) -> Vec<Verdict> {
        self.judge.verdicts()
    }
}

/// The folder with the PostgreSQL programs that create new servers.
pub(crate) fn program_folder() -> Result<PathBuf> {
    Ok(Programs::find(None)?.folder)
}
