//! A real PostgreSQL that lets nobody in but by an Entra token, with the rig's judge behind it.

use std::fs::{self, File};
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{Connection, Executor, query_scalar};
use tempfile::TempDir;

use crate::rig::{Authority, Certificate, IdentityEndpoint, Judge, POSTGRES, now};

const ROLE: &str = "restaurant-review";

/// PostgreSQL with one role, which may connect, use the schema and create in it, and no more.
struct Server {
    folder: TempDir,
    process: Child,
    port: u16,
    authority: Authority,
}

/// A program of Debian's PostgreSQL, as the user it wants to run as.
fn program(name: &str) -> Command {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("the Debian package postgresql is installed");
    let mut found: Vec<PathBuf> = versions.map(|version| version.unwrap().path()).collect();
    found.sort();
    let mut command = Command::new(found.last().unwrap().join("bin").join(name));
    if let Some(user) = user() {
        command.uid(user).gid(user);
    }
    command.stdin(Stdio::null());
    command
}

/// PostgreSQL refuses to run as root; its package brings a user.
fn user() -> Option<u32> {
    let id = |arguments: &[&str]| {
        let Output { stdout, .. } = Command::new("id").args(arguments).output().unwrap();
        String::from_utf8(stdout).unwrap().trim().parse().unwrap()
    };
    (id(&["-u"]) == 0).then(|| id(&["-u", "postgres"]))
}

impl Server {
    fn start(hba_line: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let own = |path: PathBuf| chown(path, user(), user()).unwrap();
        own(folder.path().to_owned());
        let path = |name: &str| folder.path().join(name);
        let initdb = program("initdb")
            .args(["--username=postgres", "--auth=trust", "--no-sync", "-D"])
            .arg(path("data"))
            .output()
            .unwrap();
        assert!(initdb.status.success(), "{}", String::from_utf8_lossy(&initdb.stderr));
        // The socket, in a folder of the test's own, is the administrator's.
        fs::write(path("hba"), format!("local all postgres trust\n{hba_line}\n")).unwrap();
        let authority = Authority::new();
        let Certificate { certificate, key } = authority.issue(&["127.0.0.1"]);
        fs::copy(certificate, path("cert")).unwrap();
        fs::copy(key, path("key")).unwrap();
        fs::set_permissions(path("key"), fs::Permissions::from_mode(0o600)).unwrap();
        for name in ["hba", "cert", "key"] {
            own(path(name));
        }

        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut postgres = program("postgres");
        postgres.arg("-D").arg(path("data")).args(["-p", &port.to_string()]);
        for (setting, value) in [
            ("listen_addresses", "127.0.0.1".into()),
            ("unix_socket_directories", folder.path().to_owned()),
            ("hba_file", path("hba")),
            ("ssl", "on".into()),
            ("ssl_cert_file", path("cert")),
            ("ssl_key_file", path("key")),
            ("fsync", "off".into()),
        ] {
            postgres.arg("-c").arg(format!("{setting}={}", value.display()));
        }
        let log = File::create(path("log")).unwrap();
        let process = postgres.stderr(log.try_clone().unwrap()).stdout(log).spawn().unwrap();
        let server = Self {
            folder,
            process,
            port,
            authority,
        };
        for attempt in 0.. {
            if server.admin("SELECT 1", "postgres").is_ok() {
                break;
            }
            assert!(attempt < 300, "{}", server.log());
            std::thread::sleep(Duration::from_millis(100));
        }
        server.admin("CREATE DATABASE reviews", "postgres").unwrap();
        server.add_role(ROLE);
        server
    }

    /// Runs SQL as the administrator.
    fn admin(&self, sql: &str, database: &str) -> Result<(), String> {
        let mut psql = program("psql")
            .args([
                "-X",
                "-q",
                "-v",
                "ON_ERROR_STOP=1",
                "-U",
                "postgres",
                "-d",
                database,
                "-h",
            ])
            .arg(self.folder.path())
            .args(["-p", &self.port.to_string()])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        psql.stdin.take().unwrap().write_all(sql.as_bytes()).unwrap();
        let output = psql.wait_with_output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        output.status.success().then_some(()).ok_or(error)
    }

    fn add_role(&self, role: &str) {
        let grants = format!(
            "CREATE ROLE \"{role}\" LOGIN; GRANT CONNECT ON DATABASE reviews TO \"{role}\"; \
             GRANT USAGE, CREATE ON SCHEMA public TO \"{role}\";"
        );
        self.admin(&grants, "reviews").unwrap();
    }

    fn options(&self, role: &str, password: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.port)
            .database("reviews")
            .username(role)
            .password(password)
            .ssl_mode(PgSslMode::VerifyFull)
            .ssl_root_cert(self.authority.file())
    }

    async fn connect(&self, role: &str, password: &str) -> sqlx::Result<PgConnection> {
        PgConnection::connect_with(&self.options(role, password)).await
    }

    /// Connects and must be refused as PostgreSQL refuses a wrong password under LDAP.
    async fn refused(&self, role: &str, password: &str) {
        let error = self.connect(role, password).await.unwrap_err();
        let error = error.into_database_error().unwrap();
        assert_eq!(error.code().as_deref(), Some("28000"));
        assert_eq!(
            error.message(),
            format!("LDAP authentication failed for user \"{role}\"")
        );
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // At once: nothing in it is worth keeping.
        let _ = Command::new("kill")
            .args(["-QUIT", &self.process.id().to_string()])
            .status();
        let _ = self.process.wait();
    }
}

fn set_up() -> (IdentityEndpoint, Judge, Server) {
    let identity = IdentityEndpoint::start();
    let judge = Judge::start(&identity);
    judge.bind_role(ROLE, identity.object_id());
    let server = Server::start(&judge.hba_line());
    (identity, judge, server)
}

#[tokio::test]
async fn a_token_is_the_password() {
    let (identity, judge, server) = set_up();
    let mut connection = server.connect(ROLE, &identity.token(POSTGRES)).await.unwrap();
    let question = "SELECT current_user || ', TLS ' || ssl || ', superuser ' || usesuper FROM pg_stat_ssl, pg_user \
                    WHERE pid = pg_backend_pid() AND usename = current_user";
    let found: String = query_scalar(question).fetch_one(&mut connection).await.unwrap();
    assert_eq!(found, "restaurant-review, TLS true, superuser false");
    connection.execute("CREATE TABLE plate (name text)").await.unwrap();
    assert!(connection.execute("CREATE SCHEMA another").await.is_err());

    // Entra's tokens grow with the identity's groups and roles.
    let mut claims = identity.claims(POSTGRES);
    claims.xms_mirid = "x".repeat(5000);
    server.connect(ROLE, &identity.sign(&claims)).await.unwrap();
    // PostgreSQL hands a role's name on as it is.
    let odd = "O'Hara, chef+cook \\2c \u{e9}";
    server.add_role(odd);
    judge.bind_role(odd, identity.object_id());
    server.connect(odd, &identity.token(POSTGRES)).await.unwrap();

    let verdicts = judge.verdicts();
    assert_eq!((verdicts.len(), verdicts[2].role.as_str()), (3, odd));
    assert!(verdicts.iter().all(|verdict| verdict.refusal.is_none()));
    identity.assert_no_secret_in(&server.log());
}

#[tokio::test]
async fn anything_else_is_refused() {
    let (identity, judge, server) = set_up();
    server.add_role("other");
    judge.bind_role("other", "44444444-4444-4444-8444-444444444444");
    server.add_role("unbound");
    let mut expired = identity.claims(POSTGRES);
    (expired.iat, expired.nbf, expired.exp) = (now() - 7200, now() - 7200, now() - 3600);
    for (role, password, why) in [
        (
            "other",
            identity.token(POSTGRES),
            "the token is of another identity than the role's",
        ),
        ("unbound", identity.token(POSTGRES), "no identity is bound to the role"),
        (ROLE, identity.sign(&expired), "the token has expired"),
        (
            ROLE,
            identity.token("https://storage.azure.com"),
            "the token is for another audience",
        ),
        (
            ROLE,
            IdentityEndpoint::start().token(POSTGRES),
            "the token's signature is not of the known key",
        ),
        (ROLE, "a plain password".to_owned(), "this is no token"),
    ] {
        server.refused(role, &password).await;
        assert_eq!(judge.verdicts().pop().unwrap().refusal, Some(why));
        let log = server.log();
        assert!(log.contains(&format!("LDAP diagnostics: {why}")), "{log}");
    }
    assert_eq!(judge.verdicts().len(), 6);
    identity.assert_no_secret_in(&server.log());
}

#[tokio::test]
async fn a_session_outlives_its_token_but_no_new_one_begins() {
    let (identity, _judge, server) = set_up();
    identity.set_lifetime(2);
    let token = identity.token(POSTGRES);
    let mut connection = server.connect(ROLE, &token).await.unwrap();
    tokio::time::sleep(Duration::from_millis(2100)).await;
    connection.execute("SELECT 1").await.unwrap();
    server.refused(ROLE, &token).await;
    server.connect(ROLE, &identity.token(POSTGRES)).await.unwrap();
}

#[tokio::test]
async fn a_token_goes_over_verified_tls_alone() {
    let (identity, judge, server) = set_up();
    let options = server.options(ROLE, &identity.token(POSTGRES));
    let plain = options.clone().ssl_mode(PgSslMode::Disable);
    let error = PgConnection::connect_with(&plain).await.unwrap_err().to_string();
    assert!(
        error.contains("no pg_hba.conf entry") && error.contains("no encryption"),
        "{error}"
    );
    let stranger = Authority::new();
    let error = PgConnection::connect_with(&options.ssl_root_cert(stranger.file()))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    assert_eq!(judge.verdicts(), []);
}
