//! Starting and stopping servers, and the data that survives.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

use local_azure::Error;
use local_azure::postgres::Postgres;
use local_azure::state::{PostgresServer, View as _};
use local_azure::testing::patiently;

use crate::rig::{IDENTITY, SERVER, Server, change, is_private, runs, until};

/// The folder with the data of the server.
fn data(server: &Server) -> PathBuf {
    server
        .azure()
        .folder()
        .join("postgres")
        .join(SERVER)
        .join("server/data")
}

#[tokio::test]
async fn committed_data_survives_kill_9_and_restarts() {
    let server = Server::start().await;
    server.create_identity_role();
    server
        .admin_psql("create table kept (i int); insert into kept select generate_series(1, 1000)")
        .unwrap();
    let port = server.postgres().port();
    let count = || server.admin_psql("select count(*) from kept");
    let site = server.sign_in(IDENTITY, &server.token(IDENTITY));
    // The server is killed while one connection is busy and another one is idle.
    let mut busy = site.sqlx().await.unwrap();
    let busy = tokio::spawn(async move { sqlx::query("select pg_sleep(600)").execute(&mut busy).await });
    let mut idle = site.sqlx().await.unwrap();
    let sleeping = "select count(*) from pg_stat_activity where query like '%pg_sleep(600)' and state = 'active'";
    until("the connection is busy", || server.admin_psql(sleeping).unwrap() == "1").await;
    server.postgres().kill();
    assert!(count().is_err());
    server.start_again().await;
    assert_eq!(count().unwrap(), "1000");
    assert_eq!(site.psql("select 1").unwrap(), "1");
    busy.await.unwrap().unwrap_err();
    sqlx::query("select 1").execute(&mut idle).await.unwrap_err();
    assert!(server.postgres().log().contains("not properly shut down"));

    server.postgres().stop();
    server.postgres().stop();
    assert!(count().unwrap_err().contains("Connection refused"));
    server.start_again().await;
    server.start_again().await;
    assert_eq!(count().unwrap(), "1000");
    server.restart().await;
    assert_eq!(count().unwrap(), "1000");
    assert_eq!(server.postgres().port(), port);
}

#[tokio::test]
async fn roles_and_data_survive_a_reboot() {
    let server = Server::start().await;
    server.create_identity_role();
    server.postgres().set_administrator_password("secret").await.unwrap();
    server
        .admin_psql("create table kept (i int); alter role \"UAManagedIdentityPythonTest\" rename to site")
        .unwrap();
    let (token, log) = (server.token(IDENTITY), server.postgres().log());
    let server = server.reopen().await;
    assert!(server.postgres().log().starts_with(&log));
    assert_eq!(
        server.sign_in("site", &token).psql("select current_user").unwrap(),
        "site"
    );
    assert_eq!(server.sign_in("dbadmin", "secret").psql("select 1").unwrap(), "1");
    assert_eq!(server.admin_psql("select count(*) from kept").unwrap(), "0");
    assert_eq!(
        server
            .admin_psql("select count(*) from pgaadauth_list_principals(false)")
            .unwrap(),
        "2"
    );
}

/// When root runs Local Azure, the user of the server cannot enter root's home.
#[tokio::test]
async fn the_state_may_be_in_a_folder_that_only_its_owner_can_enter() {
    let server = Server::start_with_new_data().await;
    assert!(is_private(server.azure().folder()));
    let postgres = server.azure().folder().join("postgres");
    assert!(is_private(&postgres.join(SERVER).join("azuresu.password")));
    server.admin_psql("create database one; create database two").unwrap();
    // The server also writes temporary files, for a large sort, and checkpoints.
    server.superuser(
        "postgres",
        "set work_mem = '64kB'; select count(*) from (select i from generate_series(1, 100000) i order by -i) s; checkpoint",
    )
    .await;
}

#[tokio::test]
async fn a_port_in_use_is_reported() {
    let server = Server::start().await;
    server.postgres().stop();
    // Another program may use the port for a moment.
    let taken = patiently("the test has the port", async || {
        TcpListener::bind(("127.0.0.1", server.postgres().port())).ok()
    })
    .await;
    let error = server.postgres().start_again().await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::PortTaken {
                flag: "--postgres-port",
                ..
            }
        ),
        "{error}"
    );
    drop(taken);
    server.start_again().await;
    assert_eq!(server.admin_psql("select 1").unwrap(), "1");
}

#[tokio::test]
async fn a_stale_lock_file_does_not_prevent_a_start() {
    let server = Server::start().await;
    server.postgres().stop();
    // After a reboot, the process id in the lock file may belong to another program, here to this one.
    let lock = data(&server).join("postmaster.pid");
    fs::write(&lock, format!("{}\n/somewhere\n1\n1\n\n\n", std::process::id())).unwrap();
    server.start_again().await;
    assert_eq!(server.admin_psql("select 1").unwrap(), "1");
}

/// This is the state after a crash that also killed the server's supervisor.
#[tokio::test]
async fn a_server_that_was_left_behind_is_replaced() {
    let server = Server::start().await;
    server.create_identity_role();
    let lock = fs::read_to_string(data(&server).join("postmaster.pid")).unwrap();
    let id = lock.lines().next().unwrap().to_owned();
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let supervisor = status
        .lines()
        .find_map(|line| line.strip_prefix("PPid:"))
        .unwrap()
        .trim();
    let children = fs::read_to_string(format!("/proc/{supervisor}/task/{supervisor}/children")).unwrap();
    let supervisors = std::iter::once(supervisor).chain(children.split_whitespace().filter(|child| *child != id));
    let killed = Command::new("kill").arg("-9").args(supervisors).status().unwrap();
    assert!(killed.success());
    let log = server.postgres().log();
    let id: u32 = id.parse().unwrap();
    assert!(runs(id), "{log}");

    let server = server.reopen().await;
    assert!(!runs(id));
    let client = server.sign_in(IDENTITY, &server.token(IDENTITY));
    assert_eq!(client.psql("select 1").unwrap(), "1");
}

#[test]
fn a_server_can_be_used_from_any_runtime() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let server = runtime().block_on(Server::start());
    server.create_identity_role();
    let client = server.sign_in(IDENTITY, &server.token(IDENTITY));
    assert_eq!(client.psql("select 1").unwrap(), "1");
    runtime().block_on(server.restart());
    assert_eq!(client.psql("select 1").unwrap(), "1");
    runtime().block_on(async { drop(client.sqlx().await.unwrap()) });
}

#[tokio::test]
async fn unknown_servers_and_invalid_names_are_refused() {
    let server = Server::start().await;
    let error = Postgres::start(server.azure(), "nobody", 0).await.err().unwrap();
    assert!(error.to_string().contains("no PostgreSQL server \"nobody\""), "{error}");
    for (name, login) in [
        ("x y", None),
        ("x", None),
        ("fine", Some("azuresu")),
        ("fine", Some("a\" all")),
    ] {
        change(server.azure(), |state| {
            let mut other = PostgresServer::new(state.resource_id("rg", PostgresServer::KIND, name), "eastus");
            other.administrator_login = login.map(str::to_owned);
            state.put(&other);
        });
        let error = Postgres::start(server.azure(), name, 0).await.err().unwrap();
        assert!(matches!(error, Error::Refused(_)), "{error}");
    }
}
