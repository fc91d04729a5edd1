//! A PostgreSQL server, and the clients that sign in.

use std::fs;
use std::io::Write as _;
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use futures_util::FutureExt as _;
use local_azure::Error;
use local_azure::postgres::Postgres;
use local_azure::state::{Application, Group, ManagedIdentity, PostgresServer, Principal, State, User};
use local_azure::testing::{Cloud, patiently};
use local_azure::tokens::{Claims, POSTGRES};
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};

use super::{change, cloud, identity, script};

pub const SERVER: &str = local_azure::testing::POSTGRES_SERVER;
/// The identity that the tutorial of the sample names.
pub const IDENTITY: &str = "UAManagedIdentityPythonTest";
/// The Entra administrator.
pub const ADMIN: &str = "ada@contoso.onmicrosoft.com";
/// A user without administrator rights.
pub const USER: &str = "bob@contoso.onmicrosoft.com";
pub const GROUP: &str = "Readers of reviews";
/// The administrator with a password.
pub const PASSWORD_ADMIN: &str = "dbadmin";

/// A server with an administrator of each kind.
pub struct Server(Cloud);

impl Deref for Server {
    type Target = Cloud;

    fn deref(&self) -> &Cloud {
        &self.0
    }
}

impl Server {
    pub async fn start() -> Self {
        Self::of(cloud(fill)).await
    }

    /// A server that accepts only tokens.
    pub async fn start_without_passwords() -> Self {
        let cloud = cloud(|state| {
            fill(state);
            state.edit(SERVER, |server: &mut PostgresServer| server.administrator_login = None);
        });
        Self::of(cloud).await
    }

    /// A server whose data is created by initdb, as outside of tests, instead of being copied.
    pub async fn start_with_new_data() -> Self {
        let cloud = cloud(fill);
        drop(Postgres::start(cloud.azure(), SERVER, 0).await.unwrap());
        Self::of(cloud).await
    }

    async fn of(cloud: Cloud) -> Self {
        cloud.postgres().await;
        Self(cloud)
    }

    /// The server after a reboot of the machine.
    pub async fn reopen(self) -> Self {
        Self::of(self.0.reopen()).await
    }

    /// Starts a stopped server again.
    pub async fn start_again(&self) {
        // Another program may use its port for a moment.
        patiently("the server has its port again", async || {
            let started = self.postgres().start_again().await;
            if matches!(started, Err(Error::PortTaken { .. })) {
                return None;
            }
            started.unwrap();
            Some(())
        })
        .await;
    }

    pub async fn restart(&self) {
        match self.postgres().restart().await {
            Err(Error::PortTaken { .. }) => self.start_again().await,
            restarted => restarted.unwrap(),
        }
    }

    pub fn postgres(&self) -> &Postgres {
        self.0.postgres().now_or_never().expect("it was started")
    }

    /// The principal with that display name.
    pub fn principal(&self, name: &str) -> Principal {
        self.azure().read(|state| state.find_principal(name)).unwrap()
    }

    /// A valid token of the principal with that name.
    pub fn token(&self, name: &str) -> String {
        self.azure().token(&self.principal(name), POSTGRES)
    }

    /// A token whose claims are changed before it is signed.
    pub fn changed_token(&self, name: &str, change: impl FnOnce(&mut Claims)) -> String {
        let mut claims = self.azure().claims(&self.principal(name), POSTGRES);
        change(&mut claims);
        self.azure().sign(&claims)
    }

    /// Changes the state, and updates the server.
    pub async fn change(&self, what: impl FnOnce(&mut State)) {
        change(self.azure(), what);
        self.postgres().reconcile().await.unwrap();
    }

    /// A user who signs in.
    pub fn sign_in(&self, user: &str, password: &str) -> SignIn<'_> {
        SignIn {
            server: self,
            user: user.to_owned(),
            password: password.to_owned(),
            database: "postgres".to_owned(),
            mode: "verify-full",
            host: "localhost",
        }
    }

    /// Runs SQL with psql as the Entra administrator.
    pub fn admin_psql(&self, sql: &str) -> Result<String, String> {
        self.sign_in(ADMIN, &self.token(ADMIN)).psql(sql)
    }

    /// Runs a command as the superuser.
    pub async fn superuser(&self, database: &str, command: &str) {
        let mut connection = self.postgres().superuser(database).await.unwrap();
        connection.execute(AssertSqlSafe(command.to_owned())).await.unwrap();
    }

    /// Creates the role of the tutorial's identity.
    pub fn create_identity_role(&self) {
        let sql = format!("select pgaadauth_create_principal('{IDENTITY}', false, false)");
        self.admin_psql(&sql).unwrap();
    }

    /// The reason why the last sign-in with a token was refused.
    pub fn last_refusal(&self) -> String {
        let last = self.postgres().verdicts().pop().unwrap();
        last.refusal.unwrap_or_else(|| format!("{} was accepted", last.role))
    }
}

/// A user who signs in.
#[derive(Clone)]
pub struct SignIn<'a> {
    server: &'a Server,
    pub user: String,
    pub password: String,
    pub database: String,
    pub mode: &'static str,
    pub host: &'static str,
}

impl SignIn<'_> {
    pub fn to(mut self, database: &str) -> Self {
        database.clone_into(&mut self.database);
        self
    }

    /// The output of psql without headers, or its errors.
    pub fn psql(&self, sql: &str) -> Result<String, String> {
        let mut psql = Command::new("psql");
        psql.args(["-X", "-A", "-t", "-w", "-q"]);
        psql.args(["-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=default"]);
        self.run(psql, sql, "psql, of Debian's package postgresql-client,")
    }

    /// The rows that psycopg returns, or its errors.
    pub fn psycopg(&self, sql: &str) -> Result<Value, String> {
        let text = self.run(script("postgres.py"), sql, "psycopg, in tests/clients/.venv,")?;
        Ok(serde_json::from_str(&text).unwrap())
    }

    fn run(&self, mut command: Command, sql: &str, what: &str) -> Result<String, String> {
        let child = command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LC_ALL", "C.UTF-8")
            .env("PGHOST", self.host)
            .env("PGHOSTADDR", "127.0.0.1")
            .env("PGPORT", self.server.postgres().port().to_string())
            .env("PGDATABASE", &self.database)
            .env("PGUSER", &self.user)
            .env("PGPASSWORD", &self.password)
            .env("PGSSLMODE", self.mode)
            .env("PGSSLROOTCERT", self.server.azure().authority().file())
            .env("PGCONNECT_TIMEOUT", "30")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child =
            child.unwrap_or_else(|error| panic!("{what} does not start ({error}): run ./test.sh, which installs it"));
        // It may end before it has read everything.
        let _ = child.stdin.take().unwrap().write_all(sql.as_bytes());
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(
            !errors.contains("No module named"),
            "{what} is missing: run ./test.sh, which installs it"
        );
        if output.status.success() {
            Ok(String::from_utf8(output.stdout).unwrap().trim_end().to_owned())
        } else {
            Err(errors)
        }
    }

    /// A connection of sqlx.
    pub async fn sqlx(&self) -> sqlx::Result<PgConnection> {
        self.options().connect().await
    }

    /// The options for connecting with sqlx.
    pub fn options(&self) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .host(self.host)
            .port(self.server.postgres().port())
            .username(&self.user)
            .password(&self.password)
            .database(&self.database)
            .ssl_mode(match self.mode {
                "disable" => PgSslMode::Disable,
                _ => PgSslMode::VerifyFull,
            })
            .ssl_root_cert(self.server.azure().authority().file())
    }
}

fn fill(state: &mut State) {
    state.clear::<ManagedIdentity>();
    let site = identity(state, IDENTITY);
    state.put(&site);
    state.put(&identity(state, "other"));
    let (ada, bob) = (User::new(ADMIN), User::new(USER));
    let members = vec![bob.id, site.principal_id];
    state.directory.groups.push(Group::new(GROUP, members));
    state.directory.register(Application::new("pipeline"));
    state.edit(SERVER, |server: &mut PostgresServer| {
        server.administrator_login = Some(PASSWORD_ADMIN.to_owned());
        server.entra_administrators = vec![ada.id];
        server.databases = vec!["Reviews of 'restaurants'".to_owned()];
    });
    state.directory.users.extend([ada, bob]);
}

/// Whether only the owner may use the file or enter the folder.
pub fn is_private(folder: &Path) -> bool {
    fs::metadata(folder).unwrap().permissions().mode().trailing_zeros() >= 6
}
