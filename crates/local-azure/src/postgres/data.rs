//! The folder of a server: its data, its settings, and who is let in how.

use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;
use uuid::Uuid;

use super::programs::Programs;
use crate::process::{Process, Program, plain_environment, signal};
use crate::state::{Azure, PostgresServer, write_private};
use crate::{Error, Result};

/// The superuser, by Azure's name. Nobody but Local Azure signs in as it.
pub(super) const SUPERUSER: &str = "azuresu";

/// How long it has to end connections and write what it has, in seconds.
const STOP_LIMIT: u64 = 60;

/// `<state>/postgres/<server>`: the superuser's password beside the folder `server`, which is the server's own.
#[derive(Clone)]
pub(super) struct Folder {
    programs: Programs,
    /// What the server's user owns.
    own: PathBuf,
    pub(super) log: PathBuf,
    pub(super) password: String,
}

impl Folder {
    /// The folder of that server, with data in it that no one has changed yet when there were none.
    pub(super) async fn open(azure: &Azure, server: &str) -> Result<Self> {
        let folder = azure.subfolder("postgres")?.join(server);
        let own = folder.join("server");
        fs::create_dir_all(&own).map_err(Error::file(&own))?;
        let version_file = own.join("data/PG_VERSION");
        let of_data = match fs::read_to_string(&version_file) {
            Ok(text) => Some(text.trim().parse().map_err(|_| {
                Error::Refused(format!(
                    "{} is no version of a PostgreSQL that is supported",
                    version_file.display()
                ))
            })?),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(Error::file(version_file)(error)),
        };
        let programs = Programs::find(of_data)?;
        give(&programs, &own)?;
        fs::set_permissions(&own, fs::Permissions::from_mode(0o700)).map_err(Error::file(&own))?;
        let password_file = folder.join("azuresu.password");
        let password = if of_data.is_some() {
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
        if of_data.is_none() {
            folder.initialize().await?;
        }
        Ok(folder)
    }

    /// The folder that PostgreSQL calls its data directory.
    fn data(&self) -> PathBuf {
        self.own.join("data")
    }

    /// Makes the data, all or nothing.
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
            return Err(Error::failed("PostgreSQL's initdb", said(&output)));
        }
        let settings = new.join("postgresql.conf");
        let mut text = fs::read_to_string(&settings).map_err(Error::file(&settings))?;
        text.push_str("\ninclude 'local-azure.conf'\n");
        fs::write(&settings, text).map_err(Error::file(&settings))?;
        fs::rename(&new, self.data()).map_err(Error::file(new))
    }

    /// Writes what differs from start to start.
    pub(super) fn configure(&self, azure: &Azure, server: &PostgresServer, port: u16, judge: &str) -> Result<()> {
        let host = format!("{}.postgres.database.azure.com", server.name);
        let hosts = ["127.0.0.1", "localhost", &host];
        let certificate = azure.authority().issue(&self.data(), "server", &hosts)?;
        give(&self.programs, &certificate.certificate)?;
        give(&self.programs, &certificate.key)?;
        self.write("data/local-azure.conf", &settings(port))?;
        let administrator = server.administrator_login.as_deref();
        self.write("data/pg_hba.conf", &who_is_let_in(administrator, judge))?;
        Ok(())
    }

    /// Starts the server, which may not be ready yet.
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
            // Fast shutdown: connections are ended, and what was committed is written.
            stop_signal: "INT",
            stop_limit: STOP_LIMIT,
        };
        Process::start(&program, azure.folder())
    }

    /// Ends what a server that was killed has left: its other processes, each in a session of its own, and its lock.
    fn end_leftovers(&self) {
        let data = self.data();
        if !Path::new("/proc/self/cwd").exists() {
            return; // Without /proc, PostgreSQL's own checks have to do.
        }
        for (name, patience) in [("QUIT", 50), ("KILL", 50)] {
            for id in &processes_in(&data) {
                signal(name, id);
            }
            for _ in 0..patience {
                if processes_in(&data).is_empty() {
                    // Its process id may be another program's by now, for which PostgreSQL would not start.
                    let _ = fs::remove_file(data.join("postmaster.pid"));
                    return;
                }
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }

    /// What the server wrote to its log.
    pub(super) fn log_text(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Writes a file of the server's user.
    fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let file = self.own.join(name);
        write_private(&file, text.as_bytes())?;
        give(&self.programs, &file)?;
        Ok(file)
    }
}

/// Makes a file or folder the server's user's.
fn give(programs: &Programs, file: &Path) -> Result<()> {
    match programs.user {
        Some(user) => std::os::unix::fs::chown(file, Some(user.id), Some(user.group)).map_err(Error::file(file)),
        None => Ok(()),
    }
}

/// The processes of a server whose data these are. Each of them works in the folder of its data.
fn processes_in(data: &Path) -> Vec<String> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter(|entry| {
            let is_server = || {
                let program = fs::read_link(entry.path().join("exe")).ok()?;
                program.file_name()?.to_str()?.starts_with("postgres").then_some(())
            };
            fs::read_link(entry.path().join("cwd")).is_ok_and(|folder| folder == data) && is_server().is_some()
        })
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// Azure's locale, or one with its encoding.
async fn locale() -> &'static str {
    let output = Command::new("locale").arg("-a").output().await;
    let there = output.map_or_else(|_| String::new(), |output| said(&output));
    let wanted = ["en_US.utf8", "en_US.UTF-8", "C.utf8", "C.UTF-8"];
    let mut found = wanted
        .into_iter()
        .filter(|name| there.lines().any(|line| line == *name));
    found.next().unwrap_or("C")
}

fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&text).trim().to_owned()
}

/// What differs from PostgreSQL's defaults.
fn settings(port: u16) -> String {
    format!(
        "listen_addresses = '127.0.0.1'\n\
         port = {port}\n\
         unix_socket_directories = ''\n\
         max_connections = 200\n\
         # As in Azure, some are kept for the service itself: here, for the judge.\n\
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

/// `pg_hba.conf`: over TLS, two may have a password; everybody else has the judge's word. Over plain TCP nobody comes
/// in, and is told so by PostgreSQL in the words of Azure.
fn who_is_let_in(administrator: Option<&str>, judge: &str) -> String {
    let mut lines = String::new();
    for user in [Some(SUPERUSER), administrator].into_iter().flatten() {
        let _ = writeln!(lines, "hostssl all \"{user}\" 127.0.0.1/32 scram-sha-256");
    }
    let _ = writeln!(lines, "hostssl all all 127.0.0.1/32 {judge}");
    lines
}
