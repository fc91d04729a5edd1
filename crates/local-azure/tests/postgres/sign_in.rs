//! Who is let in, and who is not.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use local_azure::Azure;
use local_azure::tokens::{STORAGE, now};
use sqlx::Connection as _;
use uuid::Uuid;

use crate::rig::{ADMIN, GROUP, IDENTITY, PASSWORD_ADMIN, Rig, SERVER, USER};

#[tokio::test]
async fn a_token_is_a_password_for_every_client() {
    let rig = Rig::start().await;
    rig.create_identity_role();
    let who = "select current_user, ssl from pg_stat_ssl where pid = pg_backend_pid()";
    let mut client = rig.sign_in(IDENTITY, &rig.token(IDENTITY));
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
    let verdicts = rig.postgres().verdicts();
    assert!(verdicts.iter().all(|verdict| verdict.refusal.is_none()), "{verdicts:?}");
    assert_eq!(
        rig.azure.read(|state| state.postgres_servers[0].port),
        rig.postgres().port()
    );

    client.host = "example.org";
    let error = client.psql(who).unwrap_err();
    assert!(error.contains("does not match host name"), "{error}");
}

#[tokio::test]
async fn what_is_no_token_of_the_role_is_refused() {
    let rig = Rig::start().await;
    rig.create_identity_role();
    let other_folder = tempfile::tempdir().unwrap();
    let other_azure = Azure::open(other_folder.path()).unwrap();
    let principal = rig.principal(IDENTITY);
    let token = rig.token(IDENTITY);
    let (rest, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = rest.split_once('.').unwrap();
    let without_algorithm = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    let forged: String = signature.chars().rev().collect();
    for (role, password, why) in [
        (IDENTITY, format!("{rest}.{forged}"), "signature"),
        (IDENTITY, format!("{header}.{payload}."), "signature"),
        (IDENTITY, format!("{without_algorithm}.{payload}."), "this is no token"),
        (IDENTITY, rig.azure.token(&principal, STORAGE), "audience"),
        (
            IDENTITY,
            other_azure.token(&principal, local_azure::tokens::POSTGRES),
            "not published",
        ),
        (
            IDENTITY,
            rig.changed_token(IDENTITY, |claims| claims.tid = Uuid::new_v4()),
            "another tenant",
        ),
        (
            IDENTITY,
            rig.changed_token(IDENTITY, |claims| claims.exp = now()),
            "expired",
        ),
        (
            IDENTITY,
            rig.changed_token(IDENTITY, |claims| claims.nbf = now() + 600),
            "not valid yet",
        ),
        (IDENTITY, rig.token("other"), "oid mismatch"),
        (
            IDENTITY,
            rig.token(ADMIN),
            "Service Principals cannot generate AAD_AUTH_TOKENTYPE_APP_USER tokens",
        ),
        (ADMIN, token.clone(), "neither an AAD_AUTH_TOKENTYPE_APP_USER"),
        (ADMIN, rig.token(USER), "another user"),
        (USER, rig.token(USER), "no Microsoft Entra principal is bound"),
        (
            &IDENTITY.to_lowercase(),
            token.clone(),
            "no Microsoft Entra principal is bound",
        ),
        (
            "azure_pg_admin",
            rig.token(ADMIN),
            "no Microsoft Entra principal is bound",
        ),
        (IDENTITY, "a password".to_owned(), "this is no token"),
    ] {
        let error = rig.sign_in(role, &password).psql("select 1").unwrap_err();
        assert!(
            error.contains(&format!("authentication failed for user \"{role}\"")),
            "{role}: {error}"
        );
        let refusal = rig.last_refusal();
        assert!(refusal.contains(why), "{role} {why}: {refusal}");
        assert!(
            rig.postgres().log().contains(&refusal),
            "PostgreSQL's log has the reason {refusal}"
        );
    }
    // No password, and one that is empty; a token over plain TCP, which Azure says is not encrypted.
    let error = rig.sign_in(IDENTITY, "").psql("select 1").unwrap_err();
    assert!(error.contains("no password supplied"), "{error}");
    let mut plain = rig.sign_in(IDENTITY, &token);
    plain.mode = "disable";
    for error in [
        plain.psql("select 1").unwrap_err(),
        plain.psycopg("select 1").unwrap_err(),
        plain.sqlx().await.unwrap_err().to_string(),
    ] {
        let user = format!("no pg_hba.conf entry for host \"127.0.0.1\", user \"{IDENTITY}\"");
        assert!(error.contains(&user) && error.contains("no encryption"), "{error}");
    }
    assert_eq!(rig.sign_in(IDENTITY, &token).psql("select 1").unwrap(), "1");
    let log = rig.postgres().log();
    for secret in [signature, payload, forged.as_str()] {
        assert!(!log.contains(secret), "the log has no part of a token");
    }
}

#[tokio::test]
async fn passwords_are_for_the_administrator_with_a_password_alone() {
    let rig = Rig::start().await;
    rig.create_identity_role();
    let admin = |password: &str| rig.sign_in(PASSWORD_ADMIN, password);
    assert!(admin("guess").psql("select 1").is_err(), "it has no password yet");
    let password = "it's a \\riddle\\ of 'mine'";
    rig.postgres().set_administrator_password(password).await.unwrap();
    assert!(admin("guess").psql("select 1").is_err());
    assert!(admin(&rig.token(ADMIN)).psql("select 1").is_err());
    let about = "select rolsuper, rolcreaterole, rolcreatedb, pg_has_role('azure_pg_admin', 'member') from pg_roles \
                 where rolname = current_user";
    assert_eq!(admin(password).psql(about).unwrap(), "f|t|t|t");
    assert_eq!(rig.sign_in(ADMIN, &rig.token(ADMIN)).psql(about).unwrap(), "f|t|t|t");

    // Neither its password nor one that it gives opens a role of a principal.
    assert!(rig.sign_in(ADMIN, password).psql("select 1").is_err());
    admin(password)
        .psql(&format!("alter role \"{IDENTITY}\" password 'known'"))
        .unwrap();
    assert!(rig.sign_in(IDENTITY, "known").psql("select 1").is_err());
    assert!(rig.sign_in("azuresu", &rig.token(ADMIN)).psql("select 1").is_err());

    rig.postgres().set_administrator_password("another").await.unwrap();
    assert!(admin(password).psql("select 1").is_err());
    assert_eq!(admin("another").psql("select 1").unwrap(), "1");
    assert!(!rig.postgres().log().contains("riddle"));
    let folder = rig.azure.folder().to_owned();
    let state = std::fs::read_to_string(folder.join("state.json")).unwrap();
    assert!(!state.contains("riddle"));
    rig.azure
        .change(|state| {
            state.postgres_servers[0].administrator_login = None;
            Ok(())
        })
        .unwrap();
    let refused = rig
        .postgres()
        .set_administrator_password("x")
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains(SERVER), "{refused}");
}

#[tokio::test]
async fn a_group_s_members_sign_in_by_its_name() {
    let rig = Rig::start().await;
    rig.admin_psql(&format!("select pgaadauth_create_principal('{GROUP}', false, false)"))
        .unwrap();
    for member in [USER, IDENTITY] {
        let user = rig
            .sign_in(GROUP, &rig.token(member))
            .psql("select current_user")
            .unwrap();
        assert_eq!(user, GROUP);
    }
    assert!(rig.sign_in(GROUP, &rig.token("other")).psql("select 1").is_err());
    assert!(rig.last_refusal().contains("no member"));
    rig.change(|state| state.directory.groups[0].members.clear()).await;
    assert!(rig.sign_in(GROUP, &rig.token(USER)).psql("select 1").is_err());
}

#[tokio::test]
async fn an_identity_that_is_made_again_is_another() {
    let rig = Rig::start().await;
    rig.create_identity_role();
    rig.change(|state| state.identities[0] = crate::rig::identity(state, IDENTITY))
        .await;
    let token = rig.token(IDENTITY);
    assert!(rig.sign_in(IDENTITY, &token).psql("select 1").is_err());
    assert!(
        rig.last_refusal().contains("Service principal oid mismatch"),
        "{}",
        rig.last_refusal()
    );

    let id = rig.principal(IDENTITY).id;
    let update = format!("select pgaadauth_update_principal_with_oid('{IDENTITY}', '{id}', 'service', false, false)");
    rig.admin_psql(&update).unwrap();
    assert_eq!(rig.sign_in(IDENTITY, &token).psql("select 1").unwrap(), "1");

    // A role keeps its principal when it is renamed, and loses it when it is dropped.
    rig.admin_psql(&format!("alter role \"{IDENTITY}\" rename to site"))
        .unwrap();
    assert_eq!(rig.sign_in("site", &token).psql("select current_user").unwrap(), "site");
    rig.admin_psql("drop role site; create role site login").unwrap();
    assert!(rig.sign_in("site", &token).psql("select 1").is_err());
    assert!(rig.last_refusal().contains("no Microsoft Entra principal"));
}

#[tokio::test]
async fn many_at_once_are_let_in_and_the_judge_is_heard_when_all_is_taken() {
    let rig = Rig::start().await;
    rig.create_identity_role();
    let client = rig.sign_in(IDENTITY, &rig.token(IDENTITY));
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
    rig.superuser("postgres", "select 1").await;
    connections.truncate(50);
    // Those that were dropped are not gone at once.
    let begun = std::time::Instant::now();
    while client.sqlx().await.is_err() {
        assert!(begun.elapsed().as_secs() < 60, "{}", rig.last_refusal());
    }
}
