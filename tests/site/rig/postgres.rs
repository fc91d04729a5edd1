//! A real PostgreSQL, Debian's, over TLS.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use restaurant_review::config::{DatabaseConfig, Secret, SslMode};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};

use super::Authority;

/// What a server is reached by in these tests; its certificate is for this and nothing else.
const HOST: &str = "127.0.0.1";
const ADMIN_PASSWORD: &str = "admin of the tests";

/// A PostgreSQL server on a free port, with its data in a temporary folder. It ends with this value, or
/// with the test process, however that ends.
pub struct Server {
    pub authority: Authority,
    pub port: u16,
    folder: PathBuf,
    /// The server refuses to run as root.
    is_root: bool,
    _watch: Child,
}

/// The server that most tests share.
pub fn shared() -> &'static Server {
    static SHARED: LazyLock<Server> = LazyLock::new(Server::start);
    &SHARED
}

impl Server {
    pub fn start() -> Self {
        Self::start_admitting("hostssl all all 127.0.0.1/32 password")
    }

    /// A server that lets others than the administrator in as this line of `pg_hba.conf` says.
    pub fn start_admitting(line: &str) -> Self {
        let folder = tempfile::tempdir().unwrap().keep();
        let is_root = fs::metadata(&folder).unwrap().uid() == 0;
        let authority = Authority::new();
        let certificate = authority.issue(&[HOST]);
        fs::copy(certificate.certificate, folder.join("server.pem")).unwrap();
        fs::copy(certificate.key, folder.join("server.key")).unwrap();
        fs::write(folder.join("password"), ADMIN_PASSWORD).unwrap();
        run(Command::new("chmod").arg("600").arg(folder.join("server.key")));
        if is_root {
            run(Command::new("chown").args(["-R", "postgres:"]).arg(&folder));
        }
        // Takes the server and its files away when its input ends: at the latest with this process.
        let mut stop = as_server(is_root, &binaries().join("pg_ctl"));
        stop.arg("-D")
            .arg(folder.join("data"))
            .args(["-m", "immediate", "stop"]);
        let watch = Command::new("sh")
            .arg("-c")
            .arg("cat; folder=$1 authority=$2; shift 2; \"$@\"; rm -rf \"$folder\" \"$authority\"")
            .arg("watch")
            .arg(&folder)
            .arg(authority.file().parent().unwrap())
            .arg(stop.get_program())
            .args(stop.get_args())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            .spawn()
            .unwrap();
        let mut server = Self {
            authority,
            port: 0,
            folder,
            is_root,
            _watch: watch,
        };
        let data = server.folder.join("data");
        run(server
            .command("initdb")
            .arg("-D")
            .arg(&data)
            .arg(format!("--pwfile={}", server.folder.join("password").display()))
            .args(["--username=admin", "--auth=scram-sha-256"])
            .args(["--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]));
        let lines = format!("hostssl all admin 127.0.0.1/32 password\n{line}\n");
        fs::write(data.join("pg_hba.conf"), lines).unwrap();
        let mut settings = fs::OpenOptions::new()
            .append(true)
            .open(data.join("postgresql.conf"))
            .unwrap();
        let folder = server.folder.display();
        writeln!(
            settings,
            "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nmax_connections = 200\nfsync = off\n\
             ssl = on\nssl_cert_file = '{folder}/server.pem'\nssl_key_file = '{folder}/server.key'"
        )
        .unwrap();
        // Between choosing a port and taking it, somebody else may.
        for _ in 0..10 {
            let free = TcpListener::bind((HOST, 0)).unwrap();
            server.port = free.local_addr().unwrap().port();
            drop(free);
            if server.try_start_again() {
                return server;
            }
        }
        panic!("PostgreSQL does not start: {}", server.log());
    }

    /// Stops the server as a restart does: connections are cut.
    pub fn stop(&self) {
        run(self
            .command("pg_ctl")
            .arg("-D")
            .arg(self.folder.join("data"))
            .args(["-m", "fast", "-w", "stop"]));
    }

    /// kill -9 of the server.
    pub fn kill(&self) {
        let file = fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap();
        run(Command::new("kill").args(["-9", file.lines().next().unwrap()]));
    }

    /// Starts it on the port that it had.
    pub fn start_again(&self) {
        // After kill -9 the processes that it had are not gone at once.
        let started = (0..20).any(|_| self.try_start_again());
        assert!(started, "PostgreSQL does not start: {}", self.log());
    }

    fn try_start_again(&self) -> bool {
        self.command("pg_ctl")
            .arg("-D")
            .arg(self.folder.join("data"))
            .arg("-l")
            .arg(self.folder.join("log"))
            .args(["-w", "-o", &format!("-p {}", self.port), "start"])
            .status()
            .unwrap()
            .success()
    }

    /// What the server wrote to its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// An administrator's connection.
    pub async fn admin(&self, database: &str) -> PgConnection {
        PgConnectOptions::new_without_pgpass()
            .host(HOST)
            .port(self.port)
            .username("admin")
            .password(ADMIN_PASSWORD)
            .database(database)
            .ssl_mode(PgSslMode::Require)
            .connect()
            .await
            .unwrap()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = as_server(self.is_root, &binaries().join(program));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/");
        command
    }
}

/// A database of a test's own. When the test fails, the server's log is printed.
pub struct Database<'a> {
    pub server: &'a Server,
    pub config: DatabaseConfig,
}

impl<'a> Database<'a> {
    /// A fresh database, and a role that may use and create what it likes in its schema `public`, and no
    /// more. Both have names that want quotes.
    pub async fn new(server: &'a Server) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let (name, user, password) = (
            format!("Test {number}"),
            format!("web-{number}"),
            format!("secret-of-{number}"),
        );
        let mut admin = server.admin("postgres").await;
        for command in [
            format!("create role \"{user}\" login password '{password}'"),
            format!("create database \"{name}\" template template0"),
            format!("revoke all on database \"{name}\" from public"),
            format!("grant connect on database \"{name}\" to \"{user}\""),
        ] {
            admin.execute(AssertSqlSafe(command)).await.unwrap();
        }
        let database = Self {
            server,
            config: DatabaseConfig {
                host: HOST.to_owned(),
                port: server.port,
                name,
                user,
                password: Some(Secret::new(password)),
                ssl_mode: SslMode::VerifyFull,
                root_certificates: Some(server.authority.file()),
                client_id: None,
            },
        };
        database.admin("revoke all on schema public from public").await;
        database
            .admin(&format!(
                "grant usage, create on schema public to \"{}\"",
                database.config.user
            ))
            .await;
        database
    }

    /// Runs an administrator's command in this database.
    pub async fn admin(&self, command: &str) {
        let mut admin = self.server.admin(&self.config.name).await;
        admin.execute(AssertSqlSafe(command.to_owned())).await.unwrap();
    }

    /// Ends every connection of the site.
    pub async fn end_connections(&self) {
        self.admin(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'restaurant-review'",
        )
        .await;
    }

    /// A connection of somebody else's with the same role.
    pub async fn plain_sql(&self) -> PgConnection {
        PgConnectOptions::new_without_pgpass()
            .host(&self.config.host)
            .port(self.config.port)
            .username(&self.config.user)
            .password(self.config.password.as_ref().unwrap().expose())
            .database(&self.config.name)
            .ssl_mode(PgSslMode::Require)
            .connect()
            .await
            .unwrap()
    }
}

impl Drop for Database<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.server.log();
            let lines: Vec<_> = log.lines().filter(|line| !line.contains(" LOG: ")).collect();
            let tail = lines.len().saturating_sub(60);
            eprintln!("PostgreSQL's log ends with:\n{}", lines[tail..].join("\n"));
        }
    }
}

/// Where the server's programs are.
fn binaries() -> PathBuf {
    let mut versions: Vec<_> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path().join("bin"))
        .filter(|folder| folder.join("initdb").exists())
        .collect();
    versions.sort();
    versions
        .pop()
        .expect("PostgreSQL's server is installed (Debian package postgresql)")
}

/// A command that runs as one who may start a server.
fn as_server(is_root: bool, program: &Path) -> Command {
    if !is_root {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
        .arg(program);
    command
}

fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}
