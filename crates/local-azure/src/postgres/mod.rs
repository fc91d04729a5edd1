//! PostgreSQL flexible servers, each run by the machine's own, unmodified PostgreSQL.
//!
//! In reading order:
//!
//! - [`Postgres`]: a running server. [`Servers`]: all servers of the state.
//! - `programs`: finding PostgreSQL's programs.
//! - `data`: the server's folder, its settings and its authentication rules.
//! - `connection`: the superuser's connections.
//! - `administration` and `parameters`: the operations of Azure's control plane on the server.
//! - `judge`: decides whether a token is the password of a role. [`ldap`]: the messages in which it is asked. `catalogue`:
//!   the principal of each role.
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
pub mod ldap;
mod parameters;
mod programs;
mod servers;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnection;

pub use self::administration::{Database, check_names, is_server_name};
pub(crate) use self::identifier::quote_identifier;
pub use self::judge::Verdict;
pub use self::parameters::{EXTENSIONS, Parameter};
pub use self::programs::installed_versions;
pub use self::servers::Servers;

use self::administration::{Content, ControlPlane, config};
use self::connection::{PART, Superuser};
use self::data::Folder;
use self::judge::Judge;
use self::programs::Programs;
use crate::azure::Azure;
use crate::error::{Error, Result};
use crate::process::Process;
use crate::server::bind;
use crate::state::{DATABASES, View as _};
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
    /// Whether [`Postgres::stop`] or [`Postgres::kill`] stopped it.
    is_held: AtomicBool,
    judge: Judge,
    /// What the server has of the state. It is locked while the server is started or changed.
    content: tokio::sync::Mutex<Option<Content>>,
}

impl Postgres {
    /// Starts the server with that name on that port, and returns when it accepts connections. Its data is created at the
    /// first start. Port 0 selects a free one.
    ///
    /// # Errors
    ///
    /// There is no such server, the port is in use, PostgreSQL is missing, or it fails.
    pub async fn start(azure: &Azure, server: &str, port: u16) -> Result<Self> {
        let state = azure.state();
        let config = config(&state, server)?;
        check_names(&config)?;
        let folder = Folder::open(azure, config.name(), state.uid(&config.id), config.version).await?;
        // A server that an earlier run left behind would still use the port.
        folder.end_leftovers();
        let mut last = None;
        // Another program may take the port between the moment it is chosen and the moment the server binds it.
        for _ in 0..5 {
            let chosen = bind(port, PART, FLAG)?
                .local_addr()
                .map_err(|error| Error::failed(PART, error))?
                .port();
            let superuser = Superuser {
                port: chosen,
                password: folder.password.clone(),
                root_certificate: azure.authority().file(),
            };
            let judge = Judge::start(azure, superuser.isolated_options("postgres"))?;
            folder.configure(azure, &config, chosen, &judge.method())?;
            let server = Self {
                azure: azure.clone(),
                name: config.name().to_owned(),
                superuser,
                folder: folder.clone(),
                process: Mutex::new(None),
                is_held: AtomicBool::new(false),
                judge,
                content: tokio::sync::Mutex::new(None),
            };
            match server.start_process().await {
                Ok(()) => {
                    server.control_plane().prepare().await?;
                    server.reconcile().await?;
                    return Ok(server);
                }
                Err(error @ Error::PortTaken { .. }) if port == 0 => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(last.unwrap_or_else(|| Error::failed(PART, "the server did not start")))
    }

    /// Makes the server equal to the state: starts or stops it, copies the directory and the administrators into it, and
    /// creates its databases. A server that [`Postgres::stop`] stopped stays stopped.
    ///
    /// # Errors
    ///
    /// The server was deleted, or it fails.
    pub async fn reconcile(&self) -> Result<()> {
        let mut content = self.content.lock().await;
        let wanted = Content::of(&self.azure.state(), &self.name)?;
        if wanted.config.is_stopped || self.azure.faults().active().database_away.concerns(&self.name) {
            self.end(drop);
            return Ok(());
        }
        if self.is_held.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.start_process().await?;
        if content.as_ref() != Some(&wanted) {
            let has_new_rules = self
                .folder
                .write_authentication_rules(&wanted.config, &self.judge.method())?;
            self.control_plane().apply(&wanted, has_new_rules).await?;
            *content = Some(wanted);
        }
        Ok(())
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The loopback port that it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.superuser.port
    }

    /// Stops it as Azure does: connections are closed, and committed transactions are kept. Returns when it has stopped.
    pub fn stop(&self) {
        self.is_held.store(true, Ordering::Relaxed);
        self.end(drop);
    }

    /// Kills the server with SIGKILL. Returns when it has ended.
    pub fn kill(&self) {
        self.is_held.store(true, Ordering::Relaxed);
        self.end(|process| process.kill());
    }

    fn end(&self, end: fn(Process)) {
        let process = self
            .process
            .lock()
            .expect("no thread panics while holding the lock")
            .take();
        if let Some(process) = process {
            end(process);
        }
    }

    /// Starts it again on the same port, if it is not running. Returns when it accepts connections.
    pub async fn start_again(&self) -> Result<()> {
        let _one = self.content.lock().await;
        self.is_held.store(false, Ordering::Relaxed);
        self.start_process().await
    }

    /// Starts the process if it is not running.
    async fn start_process(&self) -> Result<()> {
        {
            let mut process = self.process.lock().expect("no thread panics while holding the lock");
            if process.as_ref().is_some_and(|process| process.ended().is_none()) {
                return Ok(());
            }
            // What a killed supervisor has left behind would still use the port.
            *process = None;
        }
        self.folder.end_leftovers();
        let parameters = config(&self.azure.state(), &self.name)?.parameters;
        self.folder.write_parameters(&parameters)?;
        let started = self.try_process().await;
        if started.is_ok() || parameters.is_empty() || matches!(started, Err(Error::PortTaken { .. })) {
            return started;
        }
        // Otherwise a value that PostgreSQL takes, but cannot start with, could never be changed again.
        tracing::warn!(
            "{} does not start with its server parameters, and starts without them",
            self.name
        );
        self.folder.write_parameters(&BTreeMap::new())?;
        self.try_process().await
    }

    async fn try_process(&self) -> Result<()> {
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

    /// Creates a database if it does not exist, as `az postgres flexible-server db create` does.
    ///
    /// # Errors
    ///
    /// The server was deleted, the name is not valid, or the server fails.
    pub async fn create_database(&self, name: &str) -> Result<()> {
        self.azure.change(|state| {
            let id = config(state, &self.name)?.id.try_child(DATABASES, name);
            let id = id.map_err(|error| Error::Refused(error.to_string()))?;
            if name != "postgres" {
                state.update(&id, |_| {});
            }
            Ok(())
        })?;
        self.reconcile().await
    }

    /// Sets the password of the administrator that signs in with a password.
    ///
    /// # Errors
    ///
    /// The server accepts only Entra's tokens, or it fails.
    pub async fn set_administrator_password(&self, password: &str) -> Result<()> {
        self.azure.change(|state| {
            let mut server = config(state, &self.name)?;
            if server.administrator_login.is_none() {
                return Err(Error::Refused(format!(
                    "the server {} has no administrator with a password: it accepts only Microsoft Entra tokens",
                    self.name
                )));
            }
            server.administrator_password = Some(password_verifier(password));
            server.write(state);
            Ok(())
        })?;
        self.reconcile().await
    }

    /// Sets the server parameter `azure.extensions`: the extensions that users may create. By default it is empty.
    /// <https://learn.microsoft.com/azure/postgresql/extensions/how-to-allow-extensions>
    ///
    /// # Errors
    ///
    /// One of the extensions does not exist, or the server fails.
    pub async fn allow_extensions(&self, names: &[&str]) -> Result<()> {
        let names = names.join(",");
        self.check_parameter(EXTENSIONS, &names).await?;
        self.azure.change(|state| {
            let mut server = config(state, &self.name)?;
            server.parameters.insert(EXTENSIONS.to_owned(), names);
            server.write(state);
            Ok(())
        })?;
        self.reconcile().await
    }

    /// # Errors
    ///
    /// The server does not take this value of the parameter.
    pub async fn check_parameter(&self, name: &str, value: &str) -> Result<()> {
        // The trial must not undo what is set meanwhile.
        let _one = self.content.lock().await;
        self.control_plane().check_parameter(name, value).await
    }

    /// The server's parameters.
    ///
    /// # Errors
    ///
    /// The server does not answer.
    pub async fn parameters(&self) -> Result<Vec<Parameter>> {
        self.control_plane().parameters().await
    }

    /// The server's databases, whoever created them.
    ///
    /// # Errors
    ///
    /// The server does not answer.
    pub async fn databases(&self) -> Result<Vec<Database>> {
        self.control_plane().databases().await
    }

    /// Deletes a database, whoever uses it, if it exists.
    ///
    /// # Errors
    ///
    /// The server does not answer.
    pub async fn drop_database(&self, name: &str) -> Result<()> {
        // The state that is being applied may still have it.
        let _one = self.content.lock().await;
        self.control_plane().drop_database(name).await
    }

    /// Whether the running server matches the state.
    pub(crate) fn is_settled(&self) -> bool {
        let Ok(content) = self.content.try_lock() else {
            return false;
        };
        let Ok(wanted) = Content::of(&self.azure.state(), &self.name) else {
            return false;
        };
        let is_running = self
            .process
            .lock()
            .expect("no thread panics while holding the lock")
            .is_some();
        if wanted.config.is_stopped || self.azure.faults().active().database_away.concerns(&self.name) {
            return !is_running;
        }
        is_running && content.as_ref() == Some(&wanted)
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

/// What PostgreSQL stores of a password, from which the password cannot be found.
#[must_use]
pub fn password_verifier(password: &str) -> String {
    postgres_protocol::password::scram_sha_256(password.as_bytes())
}

/// The folder with the PostgreSQL programs that create new servers.
pub(crate) fn program_folder() -> Result<PathBuf> {
    Ok(Programs::find(None, None)?.folder)
}
