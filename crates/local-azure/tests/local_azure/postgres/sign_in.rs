//! Who is let in, and who is not.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use local_azure::Azure;
use local_azure::tokens::{POSTGRES, STORAGE, now};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};
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
    let forged = format!(
        "{}{}",
        if signature.starts_with('A') { 'B' } else { 'A' },
        &signature[1..]
    );
    for (role, password, why) in [
        (IDENTITY, format!("{rest}.{forged}"), "signature"),
        (IDENTITY, format!("{header}.{payload}."), "signature"),
        (IDENTITY, format!("{without_algorithm}.{payload}."), "this is no token"),
        (IDENTITY, rig.azure.token(&principal, STORAGE), "audience"),
        (IDENTITY, other_azure.token(&principal, POSTGRES), "not published"),
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
    for secret in [&signature[1..], payload] {
        assert!(!log.contains(secret), "the log has no part of a token");
    }
}

#[tokio::test]
async fn a_role_without_a_principal_is_nobody_s() {
    let escaped = format!("\\{:02x}{}", IDENTITY.as_bytes()[0], &IDENTITY[1..]);
    let roles = [USER, &IDENTITY.to_lowercase(), &escaped, "azure_pg_admin", "unbound"];
    let rig = Rig::start_without_passwords().await;
    rig.create_identity_role();
    rig.admin_psql("create role unbound login").unwrap();
    for role in roles {
        for whose in [IDENTITY, ADMIN] {
            let error = rig.sign_in(role, &rig.token(whose)).psql("select 1").unwrap_err();
            assert!(error.contains("LDAP authentication failed"), "{role}: {error}");
            let refusal = rig.last_refusal();
            assert!(
                refusal.contains("no Microsoft Entra principal is bound"),
                "{role}: {refusal}"
            );
        }
    }

    // Where there are passwords, a token is a wrong one.
    let rig = Rig::start().await;
    rig.admin_psql("create role unbound login password 'known'").unwrap();
    for role in roles {
        let error = rig.sign_in(role, &rig.token(IDENTITY)).psql("select 1").unwrap_err();
        assert!(error.contains("password authentication failed"), "{role}: {error}");
    }
    assert_eq!(rig.sign_in("unbound", "known").psql("select 1").unwrap(), "1");
}

#[tokio::test]
async fn names_and_tokens_are_of_any_form() {
    let rig = Rig::start().await;
    let id = rig.principal(IDENTITY).id;
    let odd = "O'Hara, chef+cook \\2c \u{e9}";
    let quoted = odd.replace('\'', "''");
    rig.admin_psql(&format!(
        "select pgaadauth_create_principal_with_oid('{quoted}', '{id}', 'service', false, false)"
    ))
    .unwrap();
    // Entra's tokens grow with the identity's groups and roles.
    let long = rig.changed_token(IDENTITY, |claims| claims.xms_mirid = Some("x".repeat(5000)));
    for token in [rig.token(IDENTITY), long] {
        let user = rig.sign_in(odd, &token).psql("select current_user").unwrap();
        assert_eq!(user, odd);
    }
}

#[tokio::test]
async fn a_session_outlives_its_token_but_no_new_one_begins() {
    let rig = Rig::start().await;
    rig.create_identity_role();
    let faults = rig.azure.faults();
    faults.change(|faults| faults.token_lifetime = Some(Duration::from_secs(3)));
    let token = rig.token(IDENTITY);
    let client = rig.sign_in(IDENTITY, &token);
    let mut connection = client.sqlx().await.unwrap();
    while rig.azure.verify(&token, &[POSTGRES]).is_ok() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    connection.execute("select 1").await.unwrap();
    assert!(client.sqlx().await.is_err());
    assert_eq!(rig.last_refusal(), "the token has expired");
    faults.change(|faults| faults.token_lifetime = None);
    rig.sign_in(IDENTITY, &rig.token(IDENTITY)).sqlx().await.unwrap();
}

#[tokio::test]
async fn a_server_that_another_authority_signed_gets_no_token() {
    let rig = Rig::start().await;
    rig.create_identity_role();
    let before = rig.postgres().verdicts().len();
    let folder = tempfile::tempdir().unwrap();
    let stranger = local_azure::certificates::Authority::open(folder.path()).unwrap();
    let client = rig.sign_in(IDENTITY, &rig.token(IDENTITY));
    let options = client.options().ssl_root_cert(stranger.file());
    let error = options.connect().await.unwrap_err().to_string();
    assert!(error.contains("certificate"), "{error}");
    assert_eq!(rig.postgres().verdicts().len(), before);
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
    let rig = Rig::start_without_passwords().await;
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
