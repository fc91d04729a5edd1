//! A real PostgreSQL that lets nobody in but by an Entra token, with the rig's judge behind it.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{Connection, Executor, query_scalar};

use crate::rig::postgres::{Database, Server};
use crate::rig::{Authority, IdentityEndpoint, Judge, POSTGRES, now};

/// The server and what stands behind it.
struct Entra {
    identity: IdentityEndpoint,
    judge: Judge,
    server: Server,
}

impl Entra {
    fn start() -> Self {
        let identity = IdentityEndpoint::start();
        let judge = Judge::start(&identity);
        let server = Server::start_admitting(&judge.hba_line());
        Self {
            identity,
            judge,
            server,
        }
    }

    /// A database with a role for the identity, which may connect, use the schema and create in it, and no
    /// more.
    async fn database(&self) -> Database<'_> {
        let database = Database::new(&self.server).await;
        self.judge.bind_role(&database.config.user, self.identity.object_id());
        database
    }
}

fn options(database: &Database<'_>, role: &str, password: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .host(&database.config.host)
        .port(database.config.port)
        .database(&database.config.name)
        .username(role)
        .password(password)
        .ssl_mode(PgSslMode::VerifyFull)
        .ssl_root_cert(database.server.authority.file())
}

async fn connect(database: &Database<'_>, role: &str, password: &str) -> sqlx::Result<PgConnection> {
    PgConnection::connect_with(&options(database, role, password)).await
}

/// Connects and must be refused as PostgreSQL refuses a wrong password under LDAP.
async fn refused(database: &Database<'_>, role: &str, password: &str) {
    let error = connect(database, role, password).await.unwrap_err();
    let error = error.into_database_error().unwrap();
    assert_eq!(error.code().as_deref(), Some("28000"));
    assert_eq!(
        error.message(),
        format!("LDAP authentication failed for user \"{role}\"")
    );
}

/// A role that may connect.
async fn add_role(database: &Database<'_>, role: &str) {
    database.admin(&format!("CREATE ROLE \"{role}\" LOGIN")).await;
    let name = &database.config.name;
    database
        .admin(&format!("GRANT CONNECT ON DATABASE \"{name}\" TO \"{role}\""))
        .await;
}

#[tokio::test]
async fn a_token_is_the_password() {
    let entra = Entra::start();
    let (identity, judge) = (&entra.identity, &entra.judge);
    let database = entra.database().await;
    let role = &*database.config.user;
    let mut connection = connect(&database, role, &identity.token(POSTGRES)).await.unwrap();
    let question = "SELECT current_user || ', TLS ' || ssl || ', superuser ' || usesuper FROM pg_stat_ssl, pg_user \
                    WHERE pid = pg_backend_pid() AND usename = current_user";
    let found: String = query_scalar(question).fetch_one(&mut connection).await.unwrap();
    assert_eq!(found, format!("{role}, TLS true, superuser false"));
    connection.execute("CREATE TABLE plate (name text)").await.unwrap();
    assert!(connection.execute("CREATE SCHEMA another").await.is_err());

    // Entra's tokens grow with the identity's groups and roles.
    let mut claims = identity.claims(POSTGRES);
    claims.xms_mirid = "x".repeat(5000);
    connect(&database, role, &identity.sign(&claims)).await.unwrap();
    // PostgreSQL hands a role's name on as it is.
    let odd = "O'Hara, chef+cook \\2c \u{e9}";
    add_role(&database, odd).await;
    judge.bind_role(odd, identity.object_id());
    connect(&database, odd, &identity.token(POSTGRES)).await.unwrap();

    let verdicts = judge.verdicts();
    assert_eq!((verdicts.len(), verdicts[2].role.as_str()), (3, odd));
    assert!(verdicts.iter().all(|verdict| verdict.refusal.is_none()));
    identity.assert_no_secret_in(&database.server.log());
}

#[tokio::test]
async fn anything_else_is_refused() {
    let entra = Entra::start();
    let (identity, judge) = (&entra.identity, &entra.judge);
    let database = entra.database().await;
    let role = &*database.config.user;
    add_role(&database, "other").await;
    judge.bind_role("other", "44444444-4444-4444-8444-444444444444");
    add_role(&database, "unbound").await;
    let mut expired = identity.claims(POSTGRES);
    (expired.iat, expired.nbf, expired.exp) = (now() - 7200, now() - 7200, now() - 3600);
    let own_password = database.config.password.as_ref().unwrap().expose().to_owned();
    for (role, password, why) in [
        (
            "other",
            identity.token(POSTGRES),
            "the token is of another identity than the role's",
        ),
        ("unbound", identity.token(POSTGRES), "no identity is bound to the role"),
        (role, identity.sign(&expired), "the token has expired"),
        (
            role,
            identity.token("https://storage.azure.com"),
            "the token is for another audience",
        ),
        (
            role,
            IdentityEndpoint::start().token(POSTGRES),
            "the token's signature is not of the known key",
        ),
        // What would be right without the judge.
        (role, own_password, "this is no token"),
    ] {
        refused(&database, role, &password).await;
        assert_eq!(judge.verdicts().pop().unwrap().refusal, Some(why));
        let log = database.server.log();
        assert!(log.contains(&format!("LDAP diagnostics: {why}")), "{log}");
    }
    assert_eq!(judge.verdicts().len(), 6);
    identity.assert_no_secret_in(&database.server.log());
}

#[tokio::test]
async fn a_session_outlives_its_token_but_no_new_one_begins() {
    let entra = Entra::start();
    let database = entra.database().await;
    let role = &*database.config.user;
    entra.identity.set_lifetime(2);
    let token = entra.identity.token(POSTGRES);
    let mut connection = connect(&database, role, &token).await.unwrap();
    tokio::time::sleep(Duration::from_millis(2100)).await;
    connection.execute("SELECT 1").await.unwrap();
    refused(&database, role, &token).await;
    connect(&database, role, &entra.identity.token(POSTGRES)).await.unwrap();
}

#[tokio::test]
async fn a_token_goes_over_verified_tls_alone() {
    let entra = Entra::start();
    let database = entra.database().await;
    let options = options(&database, &database.config.user, &entra.identity.token(POSTGRES));
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
    assert_eq!(entra.judge.verdicts(), []);
}
