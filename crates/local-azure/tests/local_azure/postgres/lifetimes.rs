//! Starts, ends, and what is kept over them.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use local_azure::postgres::Postgres;
use local_azure::{Azure, Error};

use crate::rig::{ADMIN, IDENTITY, Rig, SERVER, is_private};

#[tokio::test]
async fn what_was_committed_survives_kill_9_and_restarts() {
    let rig = Rig::start().await;
    rig.create_identity_role();
    rig.admin_psql("create table kept (i int); insert into kept select generate_series(1, 1000)")
        .unwrap();
    let port = rig.postgres().port();
    let count = || rig.admin_psql("select count(*) from kept");
    let site = rig.sign_in(IDENTITY, &rig.token(IDENTITY));
    // A connection that is at work when it happens, and one that is idle.
    let mut busy = site.sqlx().await.unwrap();
    let busy = tokio::spawn(async move { sqlx::query("select pg_sleep(600)").execute(&mut busy).await });
    let mut idle = site.sqlx().await.unwrap();
    let begun = Instant::now();
    while rig
        .admin_psql("select count(*) from pg_stat_activity where query like '%pg_sleep(600)' and state = 'active'")
        .unwrap()
        != "1"
    {
        assert!(begun.elapsed() < Duration::from_mins(1));
    }
    rig.postgres().kill();
    assert!(count().is_err());
    rig.postgres().start_again().await.unwrap();
    assert_eq!(count().unwrap(), "1000");
    assert_eq!(site.psql("select 1").unwrap(), "1");
    busy.await.unwrap().unwrap_err();
    sqlx::query("select 1").execute(&mut idle).await.unwrap_err();
    assert!(rig.postgres().log().contains("not properly shut down"));

    rig.postgres().stop();
    rig.postgres().stop();
    assert!(count().unwrap_err().contains("Connection refused"));
    rig.postgres().start_again().await.unwrap();
    rig.postgres().start_again().await.unwrap();
    assert_eq!(count().unwrap(), "1000");
    rig.postgres().restart().await.unwrap();
    assert_eq!(count().unwrap(), "1000");
    assert_eq!(rig.postgres().port(), port);
}

#[tokio::test]
async fn a_state_that_is_opened_again_has_its_roles_and_data() {
    let mut rig = Rig::start().await;
    rig.create_identity_role();
    rig.postgres().set_administrator_password("secret").await.unwrap();
    rig.admin_psql("create table kept (i int); alter role \"UAManagedIdentityPythonTest\" rename to site")
        .unwrap();
    let (token, port, log) = (rig.token(IDENTITY), rig.postgres().port(), rig.postgres().log());
    let folder = rig.folder.take().unwrap();
    drop(rig.postgres.take());
    drop(rig);

    let azure = Azure::open(&folder.path().join("state")).unwrap();
    let postgres = Some(Postgres::start(&azure, SERVER).await.unwrap());
    let rig = Rig {
        postgres,
        azure,
        folder: Some(folder),
    };
    assert_eq!(rig.postgres().port(), port);
    assert!(rig.postgres().log().starts_with(&log));
    assert_eq!(rig.sign_in("site", &token).psql("select current_user").unwrap(), "site");
    assert_eq!(rig.sign_in("dbadmin", "secret").psql("select 1").unwrap(), "1");
    assert_eq!(rig.admin_psql("select count(*) from kept").unwrap(), "0");
    assert_eq!(
        rig.admin_psql("select count(*) from pgaadauth_list_principals(false)")
            .unwrap(),
        "2"
    );
}

/// A home is closed to the user that the server runs as, when it is root's.
#[tokio::test]
async fn the_state_may_lie_where_nobody_else_may_go() {
    let rig = Rig::start().await;
    assert!(is_private(rig.folder.as_ref().unwrap().path()));
    let password = rig
        .azure
        .folder()
        .join("postgres")
        .join(SERVER)
        .join("azuresu.password");
    assert!(is_private(&password));
    rig.admin_psql("create database anew; create database again").unwrap();
    // What it writes beside its tables: a spilled sort, and a checkpoint.
    rig.superuser(
        "postgres",
        "set work_mem = '64kB'; select count(*) from (select i from generate_series(1, 100000) i order by -i) s; checkpoint",
    )
    .await;
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let rig = Rig::start().await;
    rig.postgres().stop();
    let other = TcpListener::bind(("127.0.0.1", rig.postgres().port())).unwrap();
    let error = rig.postgres().start_again().await.unwrap_err();
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
    drop(other);
    rig.postgres().start_again().await.unwrap();
    assert_eq!(rig.sign_in(ADMIN, &rig.token(ADMIN)).psql("select 1").unwrap(), "1");
}

#[tokio::test]
async fn a_lock_that_was_left_is_no_obstacle() {
    let rig = Rig::start().await;
    rig.postgres().stop();
    // As after a restart of the machine: the number is another program's by now, here ours.
    let lock = rig
        .azure
        .folder()
        .join("postgres")
        .join(SERVER)
        .join("server/data/postmaster.pid");
    std::fs::write(&lock, format!("{}\n/somewhere\n1\n1\n\n\n", std::process::id())).unwrap();
    rig.postgres().start_again().await.unwrap();
    assert_eq!(rig.admin_psql("select 1").unwrap(), "1");
}

/// As after a crash in which those that should have ended the server were killed as well.
#[tokio::test]
async fn a_server_that_was_left_behind_is_replaced() {
    let mut rig = Rig::start().await;
    rig.create_identity_role();
    let lock = rig
        .azure
        .folder()
        .join("postgres")
        .join(SERVER)
        .join("server/data/postmaster.pid");
    let id = std::fs::read_to_string(&lock)
        .unwrap()
        .lines()
        .next()
        .unwrap()
        .to_owned();
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let keeper = status
        .lines()
        .find_map(|line| line.strip_prefix("PPid:"))
        .unwrap()
        .trim();
    let children = std::fs::read_to_string(format!("/proc/{keeper}/task/{keeper}/children")).unwrap();
    let keepers = std::iter::once(keeper).chain(children.split_whitespace().filter(|child| *child != id));
    let killed = std::process::Command::new("kill")
        .arg("-9")
        .args(keepers)
        .status()
        .unwrap();
    assert!(killed.success());
    let (port, log) = (rig.postgres().port(), rig.postgres().log());
    drop(rig.postgres.take());
    // One that has ended and that nobody has asked for yet has no program any more.
    let runs = || std::path::Path::new("/proc").join(&id).join("exe").exists();
    assert!(runs(), "{log}");

    rig.postgres = Some(Postgres::start(&rig.azure, SERVER).await.unwrap());
    assert!(!runs());
    assert_eq!(rig.postgres().port(), port);
    assert_eq!(
        rig.sign_in(IDENTITY, &rig.token(IDENTITY)).psql("select 1").unwrap(),
        "1"
    );
}

/// Started in one runtime, used in others.
#[test]
fn it_outlives_the_runtime_that_it_was_started_in() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let rig = runtime().block_on(Rig::start());
    rig.create_identity_role();
    let client = rig.sign_in(IDENTITY, &rig.token(IDENTITY));
    assert_eq!(client.psql("select 1").unwrap(), "1");
    runtime().block_on(rig.postgres().restart()).unwrap();
    assert_eq!(client.psql("select 1").unwrap(), "1");
    runtime().block_on(async { drop(client.sqlx().await.unwrap()) });
}

#[tokio::test]
async fn what_is_no_server_is_not_started() {
    let rig = Rig::start().await;
    let error = Postgres::start(&rig.azure, "nobody").await.err().unwrap();
    assert!(error.to_string().contains("no PostgreSQL server \"nobody\""), "{error}");
    for (name, login) in [
        ("../x", None),
        ("x", None),
        ("fine", Some("azuresu")),
        ("fine", Some("a\" all")),
    ] {
        rig.azure
            .change(|state| {
                let mut server = state.postgres_servers[0].clone();
                server.name = name.to_owned();
                server.administrator_login = login.map(str::to_owned);
                state.postgres_servers.truncate(1);
                state.postgres_servers.push(server);
                Ok(())
            })
            .unwrap();
        let error = Postgres::start(&rig.azure, name).await.err().unwrap();
        assert!(matches!(error, Error::Refused(_)), "{error}");
    }
}
