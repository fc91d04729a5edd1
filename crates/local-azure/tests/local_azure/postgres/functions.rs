//! The functions that create roles for principals, and the defaults of databases.

use local_azure::state::{ManagedIdentity, PostgresServer, User, View as _};
use serde_json::json;

use crate::rig::{ADMIN, IDENTITY, PASSWORD_ADMIN, SERVER, Server, USER};

#[tokio::test]
async fn the_statements_of_the_tutorial_work() {
    let server = Server::start().await;
    let sql = "select * from pgaadauth_create_principal('UAManagedIdentityPythonTest', false, false);\
               select * from pgaadauth_list_principals(false);";
    let admin = server.sign_in(ADMIN, &server.token(ADMIN));
    let tenant = server.azure().read(|state| state.tenant);
    let (ada, id) = (server.principal(ADMIN).id, server.principal(IDENTITY).id);
    let expected = format!(
        "Created role for \"{IDENTITY}\"\n{ADMIN}|user|{ada}|{tenant}|0|1\n{IDENTITY}|service|{id}|{tenant}|0|0"
    );
    assert_eq!(admin.psql(sql).unwrap(), expected);
    let rows = admin
        .psycopg(
            "select rolname, principaltype, objectid, tenantid, ismfa, isadmin from pgaadauth_list_principals(true)",
        )
        .unwrap();
    assert_eq!(
        rows,
        json!([[ADMIN, "user", ada.to_string(), tenant.to_string(), 0, 1]])
    );
    let again = admin.psql(sql).unwrap_err();
    assert!(
        again.contains(&format!("role \"{IDENTITY}\" already exists")),
        "{again}"
    );
    let elsewhere = admin.to("Reviews of 'restaurants'").psql(sql).unwrap_err();
    assert!(
        elsewhere.contains("does not exist") && elsewhere.contains("No function matches"),
        "{elsewhere}"
    );
}

#[tokio::test]
async fn only_entra_administrators_create_roles_for_principals() {
    let server = Server::start().await;
    server.create_identity_role();
    server.postgres().set_administrator_password("secret").await.unwrap();
    let id = server.principal("other").id;
    for (function, arguments) in [
        ("pgaadauth_create_principal", "'other', false, false".to_owned()),
        (
            "pgaadauth_create_principal_with_oid",
            format!("'x', '{id}', 'service', false, false"),
        ),
        (
            "pgaadauth_update_principal_with_oid",
            format!("'{PASSWORD_ADMIN}', '{id}', 'service', true, false"),
        ),
    ] {
        let call = format!("select {function}({arguments})");
        for client in [
            server.sign_in(IDENTITY, &server.token(IDENTITY)),
            server.sign_in(PASSWORD_ADMIN, "secret"),
        ] {
            let error = client.psql(&call).unwrap_err();
            let denied = format!("permission denied for function {function}");
            assert!(error.contains(&denied), "{}: {error}", client.user);
        }
    }
    // The administrator with a password may switch to the role of the Entra administrator, but is not signed in as it.
    let switch = format!(
        "grant \"{ADMIN}\" to {PASSWORD_ADMIN}; set role \"{ADMIN}\"; \
                          select pgaadauth_create_principal('other', false, false)"
    );
    let error = server.sign_in(PASSWORD_ADMIN, "secret").psql(&switch).unwrap_err();
    assert!(
        error.contains("permission denied") || error.contains("must have admin option"),
        "{error}"
    );
    // No role can access Local Azure's own tables and functions, regardless of its search path.
    for sql in [
        "select * from local_azure.principals",
        "create schema mine; create table mine.pg_roles as select 'x'::name as rolname; set search_path = mine, pg_catalog; \
         insert into local_azure.principals select",
        "select local_azure.bind('other', gen_random_uuid(), 'service', true, false, false)",
        "select local_azure.set_password_administrator('azuresu', 'known')",
        "set role azuresu",
        "set session authorization azuresu",
    ] {
        let error = server.admin_psql(sql).unwrap_err();
        assert!(error.contains("permission denied"), "{sql}: {error}");
    }
    // An administrator owns the database postgres. Its changes there do not affect the connections of Local Azure.
    server
        .admin_psql(
            "create function public.evil(name, text) returns boolean language plpgsql as \
         $$ begin execute 'create role evil superuser'; return true; end $$; \
         create operator public.= (function = public.evil, leftarg = name, rightarg = text); \
         alter database postgres set search_path = public, pg_catalog; \
         alter database postgres set default_transaction_read_only = on",
        )
        .unwrap();
    server.restart().await;
    server.postgres().reconcile().await.unwrap();
    let evil = "set default_transaction_read_only = off; select pgaadauth_create_principal('other', false, false); \
                select count(*) from pg_roles where rolname operator(pg_catalog.=) 'evil'::name";
    assert_eq!(server.admin_psql(evil).unwrap(), "Created role for other\n0");
    for reserved in ["azure_pg_admin", "azuresu", "pg_monitor"] {
        let update =
            format!("select pgaadauth_update_principal_with_oid('{reserved}', '{id}', 'service', false, false)");
        let error = server.admin_psql(&update).unwrap_err();
        assert!(error.contains("reserved"), "{error}");
    }
}

#[tokio::test]
async fn users_applications_and_identities_have_roles() {
    let server = Server::start().await;
    let identity = server.principal(IDENTITY).id;
    let made = server
        .admin_psql(&format!(
            "select pgaadauth_create_principal('{USER}', true, false);\
             select pgaadauth_create_principal('pipeline', false, true);\
             select pgaadauth_create_principal_with_oid('web', '{identity}', 'service', false, false);\
             select pgaadauth_create_principal_with_oid('mistaken', '{identity}', 'USER', false, false)"
        ))
        .unwrap();
    assert_eq!(
        made,
        format!(
            "Created role for \"{USER}\"\nCreated role for pipeline\nCreated role for web\nCreated role for mistaken"
        )
    );
    let list = server
        .admin_psql("select rolname, principaltype, ismfa, isadmin from pgaadauth_list_principals(false)")
        .unwrap();
    assert_eq!(
        list,
        format!("{ADMIN}|user|0|1\n{USER}|user|0|1\npipeline|service|1|0\nweb|service|0|0\nmistaken|user|0|0")
    );
    // An administrator can create other roles.
    let bob = server.sign_in(USER, &server.token(USER));
    bob.psql("select pgaadauth_create_principal('other', false, false); create role plain; create database bobs")
        .unwrap();
    assert_eq!(
        server.sign_in("web", &server.token(IDENTITY)).psql("select 1").unwrap(),
        "1"
    );
    assert!(
        server
            .sign_in("mistaken", &server.token(IDENTITY))
            .psql("select 1")
            .is_err()
    );
    assert!(server.last_refusal().contains("Azure AD user token for role[mistaken]"));
    assert!(
        server
            .sign_in("pipeline", &server.token("pipeline"))
            .psql("select 1")
            .is_err()
    );
    assert!(server.last_refusal().contains("multifactor"));
    // A former administrator cannot.
    let bobs_id = server.principal(USER).id;
    server
        .admin_psql(&format!(
            "select pgaadauth_update_principal_with_oid('{USER}', '{bobs_id}', 'user', false, false)"
        ))
        .unwrap();
    assert!(bob.psql("create role another").is_err());
    assert!(
        bob.psql("select pgaadauth_create_principal('nobody', false, false)")
            .is_err()
    );

    for (call, why) in [
        (
            "pgaadauth_create_principal('nobody', false, false)",
            "no principal named \"nobody\"",
        ),
        (
            "pgaadauth_create_principal('OTHER', false, false)",
            "no principal named",
        ),
        (
            "pgaadauth_create_principal_with_oid('x', 'other', 'service', false, false)",
            "GUID",
        ),
        (
            "pgaadauth_create_principal_with_oid('x', gen_random_uuid()::text, 'app', false, false)",
            "user, group or service",
        ),
        (
            "pgaadauth_create_principal_with_oid(repeat('é', 40), gen_random_uuid()::text, 'user', false, false)",
            "too long",
        ),
        (
            "pgaadauth_create_principal_with_oid('pg_x', gen_random_uuid()::text, 'user', false, false)",
            "reserved",
        ),
        (
            "pgaadauth_update_principal_with_oid('x', gen_random_uuid()::text, 'user', false, false)",
            "role \"x\" does not exist",
        ),
    ] {
        let error = server.admin_psql(&format!("select {call}")).unwrap_err();
        assert!(error.contains(why), "{call}: {error}");
    }
}

#[tokio::test]
async fn a_display_name_that_two_principals_have_is_refused() {
    let server = Server::start().await;
    server
        .change(|state| {
            for group in ["one", "two"] {
                state.put(&ManagedIdentity::new(state.resource_id(
                    group,
                    ManagedIdentity::KIND,
                    "twin",
                )));
            }
        })
        .await;
    let error = server
        .admin_psql("select pgaadauth_create_principal('twin', false, false)")
        .unwrap_err();
    assert!(error.contains("2 principals named"), "{error}");
}

#[tokio::test]
async fn an_administrator_gets_a_role_and_loses_it_when_removed() {
    let server = Server::start().await;
    let carol = User::new("carol@contoso.onmicrosoft.com");
    let name = carol.user_principal_name.clone();
    server
        .change(|state| {
            state.edit(SERVER, |server: &mut PostgresServer| {
                server.entra_administrators.push(carol.id);
            });
            state.directory.users.push(carol.clone());
        })
        .await;
    let carols = server.sign_in(&name, &server.token(&name));
    carols.psql("create database carols").unwrap();
    server
        .change(|state| {
            state.edit(SERVER, |server: &mut PostgresServer| {
                server.entra_administrators.retain(|id| *id != carol.id);
            });
        })
        .await;
    assert!(carols.psql("select 1").is_err());
    let left = "select rolcanlogin, rolcreaterole, pg_has_role(oid, 'azure_pg_admin', 'member') from pg_roles \
                where rolname like 'carol%'";
    assert_eq!(
        server.admin_psql(left).unwrap(),
        "f|f|f",
        "the role is kept, because it owns a database"
    );
    server
        .change(|state| {
            state.edit(SERVER, |server: &mut PostgresServer| {
                server.entra_administrators.push(carol.id);
            });
        })
        .await;
    carols.psql("drop database carols").unwrap();
    server
        .change(|state| {
            state.edit(SERVER, |server: &mut PostgresServer| {
                server.entra_administrators.retain(|id| *id != carol.id);
            });
        })
        .await;
    assert_eq!(server.admin_psql(left).unwrap(), "");
}

#[tokio::test]
async fn a_role_needs_a_grant_to_create_tables() {
    let server = Server::start().await;
    server.create_identity_role();
    server.postgres().create_database("shop").await.unwrap();
    server.postgres().create_database("shop").await.unwrap();
    assert_eq!(
        server
            .azure()
            .read(|state| state.find::<PostgresServer>(SERVER))
            .unwrap()
            .databases,
        ["Reviews of 'restaurants'", "shop"]
    );
    server.admin_psql("create database closed template template0").unwrap();
    for database in ["postgres", "shop", "closed", "Reviews of 'restaurants'"] {
        let site = server.sign_in(IDENTITY, &server.token(IDENTITY)).to(database);
        let owner = "select nspowner::regrole from pg_namespace where nspname = 'public'";
        assert_eq!(site.psql(owner).unwrap(), "azure_pg_admin", "{database}");
        let error = site.psql("create table t (i int)").unwrap_err();
        assert!(
            error.contains("permission denied for schema public"),
            "{database}: {error}"
        );
        server
            .sign_in(ADMIN, &server.token(ADMIN))
            .to(database)
            .psql(&format!("grant usage, create on schema public to \"{IDENTITY}\""))
            .unwrap();
        site.psql("create table t (i int)").unwrap();
    }
    let owner = "select datdba::regrole from pg_database where datname = 'shop'";
    assert_eq!(server.admin_psql(owner).unwrap(), "azure_pg_admin");
}

#[tokio::test]
async fn only_allowed_extensions_can_be_created() {
    let server = Server::start().await;
    server.admin_psql("create database closed template template0").unwrap();
    for database in ["postgres", "closed", "Reviews of 'restaurants'"] {
        let admin = server.sign_in(ADMIN, &server.token(ADMIN)).to(database);
        for extension in ["pg_trgm", "\"uuid-ossp\""] {
            let create =
                format!("set azure.extensions = 'pg_trgm,uuid-ossp'; create extension if not exists {extension}");
            let error = admin.psql(&create).unwrap_err();
            let refused = format!(
                "extension \"{}\" is not allow-listed for users in Azure Database for PostgreSQL",
                extension.trim_matches('"')
            );
            assert!(error.contains(&refused) && error.contains("linkid=2301063"), "{error}");
        }
        admin.psql("create extension if not exists plpgsql").unwrap();
        server
            .superuser(database, "create extension citext; drop extension citext")
            .await;
        for change in [
            "drop event trigger local_azure_allowed_extensions",
            "alter event trigger local_azure_allowed_extensions disable",
            "alter system set azure.extensions = 'pg_trgm'",
            "set session_replication_role = replica",
        ] {
            assert!(admin.psql(change).is_err(), "{change}");
        }
    }
    server
        .postgres()
        .allow_extensions(&["pg_trgm", "uuid-ossp"])
        .await
        .unwrap();
    server.restart().await;
    let admin = server.sign_in(ADMIN, &server.token(ADMIN));
    admin
        .psql("create extension pg_trgm; create extension \"uuid-ossp\"")
        .unwrap();
    assert!(admin.psql("create extension citext").is_err());
    assert!(server.postgres().allow_extensions(&["a'b"]).await.is_err());
}
