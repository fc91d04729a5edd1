//! The folder of a server: its data, its settings and its authentication rules.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use tokio::process::Command;
use uuid::Uuid;

use super::connection::SUPERUSER;
use super::identifier::quote_text;
use super::programs::Programs;
use crate::azure::Azure;
use crate::error::{Error, Result};
use crate::files::write_private;
use crate::process::{Process, Program, plain_environment, signal};
use crate::state::{PostgresServer, View as _};
use crate::state_folder::claim;

/// The role that contains all Entra roles, so that `pg_hba.conf` can match them.
const ENTRA_ROLES: &str = "azure_ad_user";

/// How many seconds the server has to close connections and write its data.
const STOP_LIMIT: u64 = 60;

/// The folder `<state>/postgres/<server>`. It contains the superuser's password and the folder `server`, which belongs
/// to the server's user.
#[derive(Clone)]
pub(super) struct Folder {
    programs: Programs,
    /// The folder that belongs to the server's user.
    own: PathBuf,
    pub(super) log: PathBuf,
    pub(super) password: String,
}

impl Folder {
    /// Opens the folder of that server. Its data is initialised if it does not exist.
    ///
    /// `uid` is that of the resource, and `version` the major version that new data should have.
    pub(super) async fn open(azure: &Azure, server: &str, uid: Uuid, version: Option<u32>) -> Result<Self> {
        let folder = azure.subfolder("postgres")?.join(server);
        claim(&folder, uid)?;
        let own = folder.join("server");
        fs::create_dir_all(&own).map_err(Error::file(&own))?;
        let version_file = own.join("data/PG_VERSION");
        let data_version = match fs::read_to_string(&version_file) {
            Ok(text) => Some(text.trim().parse().map_err(|_| {
                Error::Refused(format!(
                    "{} does not contain a supported PostgreSQL version",
                    version_file.display()
                ))
            })?),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(Error::file(version_file)(error)),
        };
        let programs = Programs::find(data_version, version)?;
        chown(&programs, &own)?;
        fs::set_permissions(&own, fs::Permissions::from_mode(0o700)).map_err(Error::file(&own))?;
        let password_file = folder.join("azuresu.password");
        let password = if data_version.is_some() {
            fs::read_to_string(&password_file).map_err(Error::file(&password_file))?
        } else {
            let password = Uuid::new_v4().simple().to_string();
            write_private(&password_file, password.as_bytes())?;
            password
        };
        let folder = Self {
            programs,
            own,
            log: azure.subfolder("logs")?.join(format!("postgres-{server}.log")),
            password,
        };
        if data_version.is_none() {
            folder.initialize().await?;
        }
        Ok(folder)
    }

    /// PostgreSQL's data directory.
    fn data(&self) -> PathBuf {
        self.own.join("data")
    }

    /// Creates the data. If this fails, no data directory exists.
    async fn initialize(&self) -> Result<()> {
        let new = self.own.join("new");
        if new.exists() {
            fs::remove_dir_all(&new).map_err(Error::file(&new))?;
        }
        let password = self.write("password", &self.password)?;
        let locale = locale().await;
        let invocation = self.programs.invoke("initdb", &self.own, |own| {
            [
                format!("--pgdata={}", own.join("new").display()),
                format!("--pwfile={}", own.join("password").display()),
                format!("--username={SUPERUSER}"),
                "--auth=scram-sha-256".to_owned(),
                "--encoding=UTF8".to_owned(),
                format!("--locale={locale}"),
            ]
            .map(Into::into)
            .to_vec()
        });
        let output = Command::new(&invocation.program)
            .args(&invocation.arguments)
            .env_clear()
            .envs(plain_environment())
            .current_dir(&self.own)
            .stdin(Stdio::null())
            .output()
            .await
            .map_err(|error| Error::failed("PostgreSQL's initdb", error))?;
        let _ = fs::remove_file(password);
        if !output.status.success() {
            return Err(Error::failed("PostgreSQL's initdb", output_text(&output)));
        }
        let settings = new.join("postgresql.conf");
        let mut text = fs::read_to_string(&settings).map_err(Error::file(&settings))?;
        text.push_str("\ninclude 'local-azure.conf'\n");
        fs::write(&settings, text).map_err(Error::file(&settings))?;
        fs::rename(&new, self.data()).map_err(Error::file(new))
    }

    /// Writes the certificate, the settings and the authentication rules, which may change with each start.
    pub(super) fn configure(&self, azure: &Azure, server: &PostgresServer, port: u16, judge: &str) -> Result<()> {
        let host = format!("{}.postgres.database.azure.com", server.name());
        let hosts = ["127.0.0.1", "localhost", &host];
        let certificate = azure.authority().issue(&self.data(), "server", &hosts)?;
        chown(&self.programs, &certificate.certificate)?;
        chown(&self.programs, &certificate.key)?;
        self.write("data/local-azure.conf", &settings(port))?;
        self.write_authentication_rules(server, judge)?;
        Ok(())
    }

    /// Writes the rules, which the server reads when it starts or reloads its settings. Returns whether they have changed.
    pub(super) fn write_authentication_rules(&self, server: &PostgresServer, judge: &str) -> Result<bool> {
        let (name, rules) = ("data/pg_hba.conf", authentication_rules(server, judge));
        let is_new = fs::read_to_string(self.own.join(name)).ok().as_ref() != Some(&rules);
        if is_new {
            self.write(name, &rules)?;
        }
        Ok(is_new)
    }

    /// Writes the server parameters that were set, as `alter system` would.
    pub(super) fn write_parameters(&self, parameters: &BTreeMap<String, String>) -> Result<()> {
        let mut text = String::new();
        for (name, value) in parameters {
            let _ = writeln!(text, "{name} = {}", quote_text(value));
        }
        self.write("data/postgresql.auto.conf", &text)?;
        Ok(())
    }

    /// Starts the server without waiting until it is ready.
    pub(super) fn start(&self, azure: &Azure) -> Result<Process> {
        self.end_leftovers();
        let invocation = self.programs.invoke("postgres", &self.own, |own| {
            vec!["-D".into(), own.join("data").into_os_string()]
        });
        let program = Program {
            program: invocation.program,
            arguments: invocation.arguments,
            environment: plain_environment(),
            folder: self.own.clone(),
            log: self.log.clone(),
            // Fast shutdown: closes connections and writes committed transactions.
            stop_signal: "INT",
            stop_limit: STOP_LIMIT,
            prints_times: true,
            in_namespace: false,
        };
        Process::start(&program, azure.folder())
    }

    /// Ends the processes that a killed server left behind, each of which has its own session, and removes its lock
    /// file.
    pub(super) fn end_leftovers(&self) {
        let data = self.data();
        if !Path::new("/proc/self/cwd").exists() {
            return; // Without /proc, PostgreSQL's own checks must suffice.
        }
        for how in [Signal::QUIT, Signal::KILL] {
            for id in processes_in(&data) {
                signal(how, id);
            }
            for _ in 0..50 {
                if processes_in(&data).is_empty() {
                    // PostgreSQL does not start if the process id in this file now belongs to another program.
                    let _ = fs::remove_file(data.join("postmaster.pid"));
                    return;
                }
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }

    /// Everything in the server's log.
    pub(super) fn log_text(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Writes a file that belongs to the server's user.
    fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let file = self.own.join(name);
        write_private(&file, text.as_bytes())?;
        chown(&self.programs, &file)?;
        Ok(file)
    }
}

/// Gives a file or folder to the server's user.
fn chown(programs: &Programs, file: &Path) -> Result<()> {
    match programs.user {
        Some(user) => std::os::unix::fs::chown(file, Some(user.id), Some(user.group)).map_err(Error::file(file)),
        None => Ok(()),
    }
}

/// The processes of the server with that data directory, which is the working directory of each.
fn processes_in(data: &Path) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter(|entry| {
            let is_server = || {
                let program = fs::read_link(entry.path().join("exe")).ok()?;
                program.file_name()?.to_str()?.starts_with("postgres").then_some(())
            };
            fs::read_link(entry.path().join("cwd")).is_ok_and(|folder| folder == data) && is_server().is_some()
        })
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// Azure's locale if it is installed, or one with the same encoding.
async fn locale() -> &'static str {
    let output = Command::new("locale").arg("-a").output().await;
    let installed = output.map_or_else(|_| String::new(), |output| output_text(&output));
    let wanted = ["en_US.utf8", "en_US.UTF-8", "C.utf8", "C.UTF-8"];
    let mut found = wanted
        .into_iter()
        .filter(|name| installed.lines().any(|line| line == *name));
    found.next().unwrap_or("C")
}

fn output_text(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&text).trim().to_owned()
}

/// The settings that differ from PostgreSQL's defaults.
fn settings(port: u16) -> String {
    format!(
        "listen_addresses = '127.0.0.1'\n\
         port = {port}\n\
         unix_socket_directories = ''\n\
         max_connections = 200\n\
         # As on Azure, some connections are reserved for the service itself: here, for the judge.\n\
         superuser_reserved_connections = 15\n\
         ssl = on\n\
         ssl_cert_file = 'server.pem'\n\
         ssl_key_file = 'server.key'\n\
         ssl_min_protocol_version = 'TLSv1.2'\n\
         password_encryption = 'scram-sha-256'\n\
         timezone = 'UTC'\n\
         log_timezone = 'UTC'\n\
         lc_messages = 'C'\n\
         log_line_prefix = '%m [%p] %q%u@%d '\n\
         azure.extensions = ''\n"
    )
}

/// The content of `pg_hba.conf`. Over TLS, the judge authenticates Entra roles. If the server has an administrator with a
/// password, other roles authenticate with passwords. Connections without TLS are rejected with the same message as on
/// Azure.
fn authentication_rules(server: &PostgresServer, judge: &str) -> String {
    let mut lines = format!("hostssl all \"{SUPERUSER}\" 127.0.0.1/32 scram-sha-256\n");
    let has_passwords = server.administrator_login.is_some();
    if server.accepts_entra {
        let roles = if has_passwords {
            format!("+{ENTRA_ROLES}")
        } else {
            "all".to_owned()
        };
        let _ = writeln!(lines, "hostssl all {roles} 127.0.0.1/32 {judge}");
    }
    if has_passwords {
        lines.push_str("hostssl all all 127.0.0.1/32 scram-sha-256\n");
    }
    lines
}
