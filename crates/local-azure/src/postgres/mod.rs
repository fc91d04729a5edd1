//! PostgreSQL flexible servers, each made of the machine's own, unmodified PostgreSQL.
//!
//! In reading order: [`Postgres`] is a server that runs; `programs` finds PostgreSQL; `data` is its folder, its
//! settings and who is let in how; `administration` is what Azure's control plane does to it; `judge` says whether a token is a role's password; `catalogue` knows whose role it
//! is; `sql/` makes the server Azure's: its roles, its functions, its allow-list of extensions.
//!
//! What cannot be had without Azure's own libraries in the server: `SECURITY LABEL for "pgaadauth"`, in whose place
//! `pgaadauth_update_principal_with_oid` binds a role that is there to a principal; and the reason of a refusal, which
//! Azure tells the client and which is in the server's log here.

mod administration;
mod catalogue;
mod data;
mod judge;
mod programs;

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};

pub use self::judge::Verdict;

use self::data::{Folder, SUPERUSER};
use self::judge::Judge;
use self::programs::Programs;
use crate::process::Process;
use crate::server::{LOOPBACK, bind};
use crate::state::{Azure, PostgresServer};
use crate::{Error, Result};

const PART: &str = "PostgreSQL";
const FLAG: &str = "--postgres-port";

/// How long a server may take to start; after a crash it reads its log again first.
const START_LIMIT: Duration = Duration::from_mins(2);

/// A server of the state that runs, with its judge. Both end with this value, or with this process, however that ends.
///
/// It has no tie to the runtime that it was started in.
pub struct Postgres {
    azure: Azure,
    name: String,
    port: u16,
    folder: Folder,
    /// `None`: it was stopped. Ends before the judge does.
    process: Mutex<Option<Process>>,
    judge: Judge,
    /// One start at a time.
    starting: tokio::sync::Mutex<()>,
}

impl Postgres {
    /// Starts the server of that name, makes the data at first, and returns when it lets people in.
    ///
    /// When its port is 0, a free one is chosen and kept in the state.
    pub async fn start(azure: &Azure, server: &str) -> Result<Self> {
        let config = config(azure, server)?;
        administration::check_names(&config)?;
        let folder = Folder::open(azure, &config.name).await?;
        // A server that was left behind has the port.
        folder.end_leftovers();
        let mut last = None;
        // Between choosing a port and taking it, somebody else may.
        for _ in 0..5 {
            let port = bind(config.port, PART, FLAG)?
                .local_addr()
                .map_err(|error| Error::failed(PART, error))?
                .port();
            let judge = Judge::start(azure, own_options(azure, port, &folder.password, "postgres"))?;
            folder.configure(azure, &config, port, &judge.method())?;
            let server = Self {
                azure: azure.clone(),
                name: config.name.clone(),
                port,
                folder: folder.clone(),
                process: Mutex::new(None),
                judge,
                starting: tokio::sync::Mutex::new(()),
            };
            match server.start_again().await {
                Ok(()) => {
                    server.prepare().await?;
                    return Ok(server);
                }
                Err(error @ Error::PortTaken { .. }) if config.port == 0 => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(last.unwrap_or_else(|| Error::failed(PART, "it does not start")))
    }

    /// The port that it listens on, at 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends it as Azure's stop does: connections are ended, what was committed is kept. Returns when it has ended.
    pub fn stop(&self) {
        let process = self.process.lock().expect("nobody panics").take();
        drop(process);
    }

    /// kill -9 of the server. Returns when it has ended.
    pub fn kill(&self) {
        let process = self.process.lock().expect("nobody panics").take();
        if let Some(process) = process {
            process.kill();
        }
    }

    /// Starts it on the port that it had, when it does not run. Returns when it lets people in.
    pub async fn start_again(&self) -> Result<()> {
        let _one = self.starting.lock().await;
        if let Some(process) = &*self.process.lock().expect("nobody panics")
            && process.ended().is_none()
        {
            return Ok(());
        }
        drop(bind(self.port, PART, FLAG)?);
        let old_log = self.folder.log_text().len();
        let process = self.folder.start(&self.azure)?;
        let begun = Instant::now();
        loop {
            if process.ended().is_some() {
                let log = self.folder.log_text();
                let said = log.get(old_log..).unwrap_or_default().trim();
                if said.contains("Address already in use") {
                    return Err(Error::PortTaken {
                        port: self.port,
                        part: PART,
                        flag: FLAG,
                    });
                }
                return Err(Error::failed(PART, format!("it does not start: {said}")));
            }
            // Asked again and again, to see as soon as it ends.
            match tokio::time::timeout(Duration::from_millis(500), self.judge.reaches_server()).await {
                Ok(Ok(())) => break,
                _ if begun.elapsed() > START_LIMIT => {
                    return Err(Error::failed(
                        PART,
                        format!("it does not answer, {} seconds after its start", START_LIMIT.as_secs()),
                    ));
                }
                _ => {}
            }
        }
        *self.process.lock().expect("nobody panics") = Some(process);
        Ok(())
    }

    /// Stops it and starts it again, as Azure does for some changes of parameters.
    pub async fn restart(&self) -> Result<()> {
        self.stop();
        self.start_again().await
    }

    /// A connection of the superuser, whom Azure keeps for itself. On Azure nobody has such a connection.
    pub async fn superuser(&self, database: &str) -> Result<PgConnection> {
        let options = connect_options(&self.azure, self.port, &self.folder.password);
        options.database(database).connect().await.map_err(failed)
    }

    /// A connection for what Local Azure does by itself.
    async fn own_connection(&self, database: &str) -> Result<PgConnection> {
        let options = own_options(&self.azure, self.port, &self.folder.password, database);
        options.connect().await.map_err(failed)
    }

    /// What the server wrote to its log, since it was made.
    #[must_use]
    pub fn log(&self) -> String {
        self.folder.log_text()
    }

    /// The last sign-ins by token, in the order in which they were judged; at most a thousand.
    #[must_use]
    pub fn verdicts(&self) -> Vec<Verdict> {
        self.judge.verdicts()
    }
}

/// The folder with PostgreSQL's programs that new servers are made by.
pub(crate) fn program_folder() -> Result<PathBuf> {
    Ok(Programs::find(None)?.folder)
}

fn config(azure: &Azure, name: &str) -> Result<PostgresServer> {
    let server = azure.read(|state| {
        state
            .postgres_servers
            .iter()
            .find(|server| server.name == name)
            .cloned()
    });
    server.ok_or_else(|| Error::Refused(format!("there is no PostgreSQL server {name:?}")))
}

/// How the superuser connects: as strictly as everybody should.
fn connect_options(azure: &Azure, port: u16, password: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .host(LOOPBACK)
        .port(port)
        .username(SUPERUSER)
        .password(password)
        .ssl_mode(PgSslMode::VerifyFull)
        .ssl_root_cert(azure.authority().file())
        .application_name("local-azure")
}

/// The same, for what Local Azure does by itself: the owner of a database can change what holds in it by default, such
/// as where names are looked up.
fn own_options(azure: &Azure, port: u16, password: &str, database: &str) -> PgConnectOptions {
    connect_options(azure, port, password).database(database).options([
        ("search_path", "pg_catalog"),
        ("default_transaction_read_only", "off"),
        ("statement_timeout", "0"),
    ])
}

fn failed(error: sqlx::Error) -> Error {
    Error::failed(PART, error)
}
