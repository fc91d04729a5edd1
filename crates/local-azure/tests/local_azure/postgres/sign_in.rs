//! Sign-ins that are accepted or refused.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use local_azure::Azure;
use local_azure::state::{ManagedIdentity, PostgresServer};
use local_azure::testing::patiently;
use local_azure::tokens::{POSTGRES, STORAGE, now};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};
use uuid::Uuid;

use crate::rig::{ADMIN, GROUP, IDENTITY, PASSWORD_ADMIN, SERVER, Server, USER, until};

#[tokio::test]
async fn a_token_is_a_password_for_every_client() {
    let server = Server::start().await;
    server.create_identity_role();
    let who = "select current_user, ssl from pg_stat_ssl where pid = pg_backend_pid()";
    let mut client = server.sign_in(IDENTITY, &server.token(IDENTITY));
    for host in ["localhost", "127.0.0.1", "tests.postgres.database.azure.com"] {
        client.host = host;
        assert_eq!(client.psql(who).unwrap(), format!("{IDENTITY}|t"), "{host}");
        let rows = client.psycopg(who).unwrap();
        assert_eq!(rows, serde_json::json!([[IDENTITY, true]]), "{host}");
    }
    client.host = "127.0.0.1";
    let mut connection = client.sqlx().await.unwrap();
    let (user, _): (String, bool) = sqlx::query_as(who).fetch_one(&mut connection).await.unwrap();
    assert_eq!(user, IDENTITY);
    connection.close().await.unwrap();
    let verdicts = server.postgres().verdicts();
    assert!(verdicts.iter().all(|verdict| verdict.refusal.is_none()), "{verdicts:?}");

    client.host = "example.org";
    let error = client.psql(who).unwrap_err();
    assert!(error.contains("does not match host name"), "{error}");
}

#[tokio::test]
async fn tokens_that_are_invalid_or_of_another_principal_are_refused() {
    let server = Server::start().await;
    server.create_identity_role();
    let other_folder = tempfile::tempdir().unwrap();
    let other_azure = Azure::open(other_folder.path()).unwrap();
    let principal = server.principal(IDENTITY);
    let token = server.token(IDENTITY);
    let (rest, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = rest.split_once('.').unwrap();
    let without_algorithm = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    let forged = format!(
        "{}{}",
        if signature.starts_with('A') { 'B' } else { 'A' },
        &signature[1..]
    );
    for (role, password, why) in [
        (IDENTITY, format!("{rest}.{forged}"), "signature"),
        (IDENTITY, format!("{header}.{payload}."), "signature"),
        (
            IDENTITY,
            format!("{without_algorithm}.{payload}."),
            "this is not a token",
        ),
        (IDENTITY, server.azure().token(&principal, STORAGE), "audience"),
        (IDENTITY, other_azure.token(&principal, POSTGRES), "not published"),
        (
            IDENTITY,
            server.changed_token(IDENTITY, |claims| claims.tid = Uuid::new_v4()),
            "another tenant",
        ),
        (
            IDENTITY,
            server.changed_token(IDENTITY, |claims| claims.exp = now()),
            "expired",
        ),
        (
            IDENTITY,
            server.changed_token(IDENTITY, |claims| claims.nbf = now() + 600),
            "not valid yet",
        ),
        (IDENTITY, server.token("other"), "oid mismatch"),
        (
            IDENTITY,
            server.token(ADMIN),
            "Service Principals cannot generate AAD_AUTH_TOKENTYPE_APP_USER tokens",
        ),
        (ADMIN, token.clone(), "neither an AAD_AUTH_TOKENTYPE_APP_USER"),
        (ADMIN, server.token(USER), "another user"),
        (IDENTITY, "a password".to_owned(), "this is not a token"),
    ] {
        let error = server.sign_in(role, &password).psql("select 1").unwrap_err();
        assert!(
            error.contains(&format!("authentication failed for user \"{role}\"")),
            "{role}: {error}"
        );
        let refusal = server.last_refusal();
        assert!(refusal.contains(why), "{role} {why}: {refusal}");
        assert!(
            server.postgres().log().contains(&refusal),
            "PostgreSQL's log does not contain the reason {refusal}"
        );
    }
    // An empty password is refused, and so is a token over plain TCP. The error is Azure's, which says "no encryption".
    let error = server.sign_in(IDENTITY, "").psql("select 1").unwrap_err();
    assert!(error.contains("no password supplied"), "{error}");
    let mut plain = server.sign_in(IDENTITY, &token);
    plain.mode = "disable";
    for error in [
        plain.psql("select 1").unwrap_err(),
        plain.psycopg("select 1").unwrap_err(),
        plain.sqlx().await.unwrap_err().to_string(),
    ] {
        let user = format!("no pg_hba.conf entry for host \"127.0.0.1\", user \"{IDENTITY}\"");
        assert!(error.contains(&user) && error.contains("no encryption"), "{error}");
    }
    assert_eq!(server.sign_in(IDENTITY, &token).psql("select 1").unwrap(), "1");
    let log = server.postgres().log();
    for secret in [&signature[1..], payload] {
        assert!(!log.contains(secret), "the log contains a part of a token");
    }
}

#[tokio::test]
async fn a_role_without_a_principal_accepts_no_token() {
    let escaped = format!("\\{:02x}{}", IDENTITY.as_bytes()[0], &IDENTITY[1..]);
    let roles = [USER, &IDENTITY.to_lowercase(), &escaped, "azure_pg_admin", "unbound"];
    let server = Server::start_without_passwords().await;
    server.create_identity_role();
    server.admin_psql("create role unbound login").unwrap();
    for role in roles {
        for whose in [IDENTITY, ADMIN] {
            let error = server.sign_in(role, &server.token(whose)).psql("select 1").unwrap_err();
            assert!(error.contains("LDAP authentication failed"), "{role}: {error}");
            let refusal = server.last_refusal();
            assert!(
                refusal.contains("no Microsoft Entra principal is bound"),
                "{role}: {refusal}"
            );
        }
    }

    // On a server that accepts passwords, a token is a wrong password.
    let server = Server::start().await;
    server.admin_psql("create role unbound login password 'known'").unwrap();
    for role in roles {
        let error = server
            .sign_in(role, &server.token(IDENTITY))
            .psql("select 1")
            .unwrap_err();
        assert!(error.contains("password authentication failed"), "{role}: {error}");
    }
    assert_eq!(server.sign_in("unbound", "known").psql("select 1").unwrap(), "1");
}

#[tokio::test]
async fn unusual_names_and_long_tokens_are_accepted() {
    let server = Server::start().await;
    let id = server.principal(IDENTITY).id;
    let odd = "O'Hara, chef+cook \\2c \u{e9}";
    let quoted = odd.replace('\'', "''");
    server
        .admin_psql(&format!(
            "select pgaadauth_create_principal_with_oid('{quoted}', '{id}', 'service', false, false)"
        ))
        .unwrap();
    // Entra's tokens grow with the identity's groups and roles.
    let long = server.changed_token(IDENTITY, |claims| claims.xms_mirid = Some("x".repeat(5000)));
    for token in [server.token(IDENTITY), long] {
        let user = server.sign_in(odd, &token).psql("select current_user").unwrap();
        assert_eq!(user, odd);
    }
}

#[tokio::test]
async fn a_session_outlives_its_token_but_an_expired_token_starts_no_session() {
    let server = Server::start().await;
    server.create_identity_role();
    let faults = server.azure().faults();
    let mut lifetime = Duration::from_secs(3);
    let (token, mut connection) = loop {
        faults.change(|faults| faults.token_lifetime = Some(lifetime));
        let token = server.token(IDENTITY);
        match server.sign_in(IDENTITY, &token).sqlx().await {
            Ok(connection) => break (token, connection),
            // On a slow machine, the token expires before the sign-in.
            Err(error) => assert_eq!(server.last_refusal(), "the token has expired", "{error}"),
        }
        lifetime *= 2;
    };
    until("the token has expired", || {
        server.azure().verify(&token, &[POSTGRES]).is_err()
    })
    .await;
    let client = server.sign_in(IDENTITY, &token);
    connection.execute("select 1").await.unwrap();
    assert!(client.sqlx().await.is_err());
    assert_eq!(server.last_refusal(), "the token has expired");
    faults.change(|faults| faults.token_lifetime = None);
    server.sign_in(IDENTITY, &server.token(IDENTITY)).sqlx().await.unwrap();
}

#[tokio::test]
async fn a_client_sends_no_token_to_a_server_of_another_authority() {
    let server = Server::start().await;
    server.create_identity_role();
    let before = server.postgres().verdicts().len();
    let folder = tempfile::tempdir().unwrap();
    let stranger = local_azure::certificates::Authority::open(folder.path()).unwrap();
    let client = server.sign_in(IDENTITY, &server.token(IDENTITY));
    let options = client.options().ssl_root_cert(stranger.file());
    let error = options.connect().await.unwrap_err().to_string();
    assert!(error.contains("certificate"), "{error}");
    assert_eq!(server.postgres().verdicts().len(), before);
}

#[tokio::test]
async fn only_the_password_administrator_signs_in_with_a_password() {
    let server = Server::start().await;
    server.create_identity_role();
    let admin = |password: &str| server.sign_in(PASSWORD_ADMIN, password);
    assert!(admin("guess").psql("select 1").is_err(), "it has no password yet");
    let password = "it's a \\riddle\\ of 'mine'";
    server.postgres().set_administrator_password(password).await.unwrap();
    assert!(admin("guess").psql("select 1").is_err());
    assert!(admin(&server.token(ADMIN)).psql("select 1").is_err());
    let about = "select rolsuper, rolcreaterole, rolcreatedb, pg_has_role('azure_pg_admin', 'member') from pg_roles \
                 where rolname = current_user";
    assert_eq!(admin(password).psql(about).unwrap(), "f|t|t|t");
    assert_eq!(
        server.sign_in(ADMIN, &server.token(ADMIN)).psql(about).unwrap(),
        "f|t|t|t"
    );

    // A principal's role accepts neither the administrator's password nor a password that the administrator sets.
    assert!(server.sign_in(ADMIN, password).psql("select 1").is_err());
    admin(password)
        .psql(&format!("alter role \"{IDENTITY}\" password 'known'"))
        .unwrap();
    assert!(server.sign_in(IDENTITY, "known").psql("select 1").is_err());
    assert!(
        server
            .sign_in("azuresu", &server.token(ADMIN))
            .psql("select 1")
            .is_err()
    );

    server.postgres().set_administrator_password("another").await.unwrap();
    assert!(admin(password).psql("select 1").is_err());
    assert_eq!(admin("another").psql("select 1").unwrap(), "1");
    assert!(!server.postgres().log().contains("riddle"));
    let folder = server.azure().folder().to_owned();
    let state = std::fs::read_to_string(folder.join("state.json")).unwrap();
    assert!(!state.contains("riddle"));
    server
        .azure()
        .change(|state| {
            state.edit(SERVER, |server: &mut PostgresServer| server.administrator_login = None);
            Ok(())
        })
        .unwrap();
    let refused = server
        .postgres()
        .set_administrator_password("x")
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains(SERVER), "{refused}");
}

#[tokio::test]
async fn members_of_a_group_sign_in_with_its_name() {
    let server = Server::start().await;
    server
        .admin_psql(&format!("select pgaadauth_create_principal('{GROUP}', false, false)"))
        .unwrap();
    for member in [USER, IDENTITY] {
        let user = server
            .sign_in(GROUP, &server.token(member))
            .psql("select current_user")
            .unwrap();
        assert_eq!(user, GROUP);
    }
    assert!(server.sign_in(GROUP, &server.token("other")).psql("select 1").is_err());
    assert!(server.last_refusal().contains("not a member"));
    server.change(|state| state.directory.groups[0].members.clear()).await;
    assert!(server.sign_in(GROUP, &server.token(USER)).psql("select 1").is_err());
}

#[tokio::test]
async fn an_identity_that_is_created_again_is_a_different_principal() {
    let server = Server::start_without_passwords().await;
    server.create_identity_role();
    server
        .change(|state| {
            let id = state.find::<ManagedIdentity>(IDENTITY).unwrap().resource_id;
            state.remove(&id);
            state.put(&ManagedIdentity::new(id));
        })
        .await;
    let token = server.token(IDENTITY);
    assert!(server.sign_in(IDENTITY, &token).psql("select 1").is_err());
    assert!(
        server.last_refusal().contains("Service principal oid mismatch"),
        "{}",
        server.last_refusal()
    );

    let id = server.principal(IDENTITY).id;
    let update = format!("select pgaadauth_update_principal_with_oid('{IDENTITY}', '{id}', 'service', false, false)");
    server.admin_psql(&update).unwrap();
    assert_eq!(server.sign_in(IDENTITY, &token).psql("select 1").unwrap(), "1");

    // A role keeps its principal when it is renamed, and loses it when it is dropped.
    server
        .admin_psql(&format!("alter role \"{IDENTITY}\" rename to site"))
        .unwrap();
    assert_eq!(
        server.sign_in("site", &token).psql("select current_user").unwrap(),
        "site"
    );
    server.admin_psql("drop role site; create role site login").unwrap();
    assert!(server.sign_in("site", &token).psql("select 1").is_err());
    assert!(server.last_refusal().contains("no Microsoft Entra principal"));
}

#[tokio::test]
async fn many_clients_sign_in_at_once_and_a_full_server_still_accepts_the_superuser() {
    let server = Server::start().await;
    server
        .superuser("postgres", "alter system set max_connections = 80")
        .await;
    server.restart().await;
    server.create_identity_role();
    let client = server.sign_in(IDENTITY, &server.token(IDENTITY));
    let all = futures_util::future::join_all((0..60).map(|_| client.sqlx())).await;
    let mut connections: Vec<_> = all.into_iter().map(Result::unwrap).collect();
    let full = loop {
        match client.sqlx().await {
            Ok(connection) => connections.push(connection),
            Err(error) => break error.to_string(),
        }
        assert!(connections.len() < 500);
    };
    assert!(full.contains("remaining connection slots are reserved"), "{full}");
    server.superuser("postgres", "select 1").await;
    connections.truncate(50);
    // The server does not close dropped connections immediately.
    patiently("there is room for a connection", async || client.sqlx().await.ok()).await;
}
