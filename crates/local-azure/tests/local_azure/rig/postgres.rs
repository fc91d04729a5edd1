//! A server for the tests, and the clients that it is judged by.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use local_azure::postgres::Postgres;
use local_azure::state::{Application, Group, ManagedIdentity, PostgresServer, Principal, State, User};
use local_azure::tokens::{Claims, POSTGRES};
use local_azure::{Azure, Result};
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};
use uuid::Uuid;

pub const SERVER: &str = "tests";
/// The identity of the tutorial that the sample comes from.
pub const IDENTITY: &str = "UAManagedIdentityPythonTest";
/// The Entra administrator.
pub const ADMIN: &str = "ada@contoso.onmicrosoft.com";
/// A user who is no administrator.
pub const USER: &str = "bob@contoso.onmicrosoft.com";
pub const GROUP: &str = "Readers of reviews";
/// The administrator with a password.
pub const PASSWORD_ADMIN: &str = "dbadmin";

/// When the test fails, the server's log is printed.
pub struct Rig {
    pub postgres: Option<Postgres>,
    pub azure: Azure,
    pub folder: Option<tempfile::TempDir>,
}

impl Rig {
    /// A server with an administrator of each kind, in a folder that nobody else may enter.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// A server that takes tokens only.
    pub async fn start_without_passwords() -> Self {
        Self::start_with(|state| state.postgres_servers[0].administrator_login = None).await
    }

    async fn start_with(change: impl FnOnce(&mut State)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let azure = Azure::open(&folder.path().join("state")).unwrap();
        azure
            .change(|state| {
                fill(state);
                change(state);
                Ok(())
            })
            .unwrap();
        let postgres = Postgres::start(&azure, SERVER).await.unwrap();
        Self {
            postgres: Some(postgres),
            azure,
            folder: Some(folder),
        }
    }

    pub fn postgres(&self) -> &Postgres {
        self.postgres.as_ref().unwrap()
    }

    /// The principal of that display name.
    pub fn principal(&self, name: &str) -> Principal {
        self.azure.read(|state| state.find_principal(name)).unwrap()
    }

    /// A good token of the principal of that name.
    pub fn token(&self, name: &str) -> String {
        self.azure.token(&self.principal(name), POSTGRES)
    }

    /// A token that is properly signed, and changed before.
    pub fn changed_token(&self, name: &str, change: impl FnOnce(&mut Claims)) -> String {
        let mut claims = self.azure.claims(&self.principal(name), POSTGRES);
        change(&mut claims);
        self.azure.sign(&claims)
    }

    /// Changes the state, and lets the server know.
    pub async fn change(&self, change: impl FnOnce(&mut State)) {
        self.azure
            .change(|state| {
                change(state);
                Ok(())
            })
            .unwrap();
        self.postgres().sync_directory().await.unwrap();
    }

    /// Where somebody signs in.
    pub fn sign_in(&self, user: &str, password: &str) -> SignIn<'_> {
        SignIn {
            rig: self,
            user: user.to_owned(),
            password: password.to_owned(),
            database: "postgres".to_owned(),
            mode: "verify-full",
            host: "localhost",
        }
    }

    /// The Entra administrator by psql.
    pub fn admin_psql(&self, sql: &str) -> Result<String, String> {
        self.sign_in(ADMIN, &self.token(ADMIN)).psql(sql)
    }

    /// Runs the superuser's command.
    pub async fn superuser(&self, database: &str, command: &str) {
        let mut connection = self.postgres().superuser(database).await.unwrap();
        connection.execute(AssertSqlSafe(command.to_owned())).await.unwrap();
    }

    /// Makes the role of the tutorial's identity.
    pub fn create_identity_role(&self) {
        let sql = format!("select pgaadauth_create_principal('{IDENTITY}', false, false)");
        self.admin_psql(&sql).unwrap();
    }

    /// Why the last sign-in by token was refused.
    pub fn last_refusal(&self) -> String {
        let last = self.postgres().verdicts().pop().unwrap();
        last.refusal.unwrap_or_else(|| format!("{} was let in", last.role))
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(postgres) = &self.postgres
        {
            eprintln!("PostgreSQL's log:\n{}", postgres.log());
        }
    }
}

/// Somebody who signs in.
#[derive(Clone)]
pub struct SignIn<'a> {
    rig: &'a Rig,
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

    /// What psql prints, without headers; otherwise its errors.
    pub fn psql(&self, sql: &str) -> Result<String, String> {
        let mut psql = Command::new("psql");
        psql.args([
            "-X",
            "-A",
            "-t",
            "-w",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-v",
            "VERBOSITY=default",
        ]);
        self.run(psql, sql, "psql, of Debian's package postgresql-client,")
    }

    /// The rows that psycopg gets; otherwise its errors.
    pub fn psycopg(&self, sql: &str) -> Result<Value, String> {
        let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
        let mut python = Command::new(clients.join(".venv/bin/python"));
        python.arg(clients.join("postgres.py"));
        let text = self.run(python, sql, "psycopg, in tests/clients/.venv,")?;
        Ok(serde_json::from_str(&text).unwrap())
    }

    fn run(&self, mut command: Command, sql: &str, what: &str) -> Result<String, String> {
        let child = command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LC_ALL", "C.UTF-8")
            .env("PGHOST", self.host)
            .env("PGHOSTADDR", "127.0.0.1")
            .env("PGPORT", self.rig.postgres().port().to_string())
            .env("PGDATABASE", &self.database)
            .env("PGUSER", &self.user)
            .env("PGPASSWORD", &self.password)
            .env("PGSSLMODE", self.mode)
            .env("PGSSLROOTCERT", self.rig.azure.authority().file())
            .env("PGCONNECT_TIMEOUT", "30")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{what} is not there ({error}): run ./test.sh"));
        // It may have ended without reading.
        let _ = child.stdin.take().unwrap().write_all(sql.as_bytes());
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(
            !errors.contains("No module named"),
            "{what} is not there: run ./test.sh"
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

    /// How sqlx connects.
    pub fn options(&self) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .host(self.host)
            .port(self.rig.postgres().port())
            .username(&self.user)
            .password(&self.password)
            .database(&self.database)
            .ssl_mode(match self.mode {
                "disable" => PgSslMode::Disable,
                _ => PgSslMode::VerifyFull,
            })
            .ssl_root_cert(self.rig.azure.authority().file())
    }
}

/// A managed identity of that name.
pub fn identity(state: &State, name: &str) -> ManagedIdentity {
    ManagedIdentity::new(state.resource_id("rg", "Microsoft.ManagedIdentity/userAssignedIdentities", name))
}

fn fill(state: &mut State) {
    let user = |name: &str| User {
        id: Uuid::new_v4(),
        user_principal_name: name.to_owned(),
    };
    state.identities.push(identity(state, IDENTITY));
    state.identities.push(identity(state, "other"));
    let (ada, bob) = (user(ADMIN), user(USER));
    state.directory.groups.push(Group {
        id: Uuid::new_v4(),
        display_name: GROUP.to_owned(),
        members: vec![bob.id, state.identities[0].principal_id],
    });
    state.directory.applications.push(Application {
        id: Uuid::new_v4(),
        client_id: Uuid::new_v4(),
        display_name: "pipeline".to_owned(),
        secrets: Vec::new(),
        certificates: Vec::new(),
        federated_credentials: Vec::new(),
    });
    state.postgres_servers.push(PostgresServer {
        name: SERVER.to_owned(),
        resource_group: "rg".to_owned(),
        location: "eastus".to_owned(),
        port: 0,
        administrator_login: Some(PASSWORD_ADMIN.to_owned()),
        entra_administrators: vec![ada.id],
        databases: vec!["Reviews of 'restaurants'".to_owned()],
    });
    state.directory.users.extend([ada, bob]);
}

/// Whether a folder can be entered by its owner alone.
pub fn is_private(folder: &Path) -> bool {
    fs::metadata(folder).unwrap().permissions().mode().trailing_zeros() >= 6
}
