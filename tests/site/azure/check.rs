//! `restaurant-review check` with roles and identities that lack what the site needs. What it prints is sufficient, word for
//! word.

use local_azure::state::RoleDefinition;
use restaurant_review::store::Store as _;

use super::postgres::store;
use crate::rig::{Database, Resources, check, shared};

/// The settings of a site on that database, with photos in a folder.
fn environment(database: &Database, folder: &tempfile::TempDir) -> Vec<(&'static str, String)> {
    let config = &database.config;
    vec![
        ("DATA_DIR", folder.path().display().to_string()),
        ("DBHOST", config.host.clone()),
        ("DBPORT", config.port.to_string()),
        ("DBNAME", config.name.clone()),
        ("DBUSER", config.user.clone()),
        ("DBPASS", config.password.as_ref().unwrap().expose().to_owned()),
        ("PGSSLROOTCERT", database.cloud.root_certificate().display().to_string()),
    ]
}

/// The commands that `check` prints.
fn grants(text: &str) -> Vec<&str> {
    let line = text
        .lines()
        .find(|line| line.contains("run: "))
        .unwrap_or_else(|| panic!("{text}"));
    line.split_once("run: ").unwrap().1.split("; ").collect()
}

#[tokio::test]
async fn each_missing_privilege_is_named_with_its_grant() {
    let database = Database::with_password(&shared().await).await;
    let folder = tempfile::tempdir().unwrap();
    let environment = environment(&database, &folder);
    let (name, user) = (&database.config.name, &database.config.user);
    // Each: what the role loses, and how the grant begins.
    let assert_named = async |revoked: &[&str], expected: &[&str]| {
        for privilege in revoked {
            database.admin(&format!("revoke {privilege} from \"{user}\"")).await;
        }
        let (ok, text) = check(&environment).await;
        assert!(!ok && text.contains("store          not ready"), "{revoked:?}: {text}");
        assert!(!text.contains("the next start will create"), "{revoked:?}: {text}");
        let expected: Vec<_> = expected.iter().map(|grant| format!("{grant} TO \"{user}\"")).collect();
        assert_eq!(grants(&text), expected, "{text}");
        for grant in grants(&text) {
            database.admin(grant).await;
        }
        check(&environment).await
    };

    // Before there are tables.
    let connect = format!("connect on database \"{name}\"");
    let grant_connect = format!("GRANT CONNECT ON DATABASE \"{name}\"");
    let on_schema = "GRANT USAGE, CREATE ON SCHEMA \"public\"";
    for (revoked, expected) in [
        (connect.as_str(), grant_connect.as_str()),
        ("usage on schema public", on_schema),
        ("create on schema public", on_schema),
        ("all on schema public", on_schema),
    ] {
        let (ok, text) = assert_named(&[revoked], &[expected]).await;
        assert!(ok && text.contains("the next start will create its tables"), "{text}");
    }

    // With tables that another role has created. The site only uses them.
    store(&database.config).prepare().await.unwrap();
    let owner = format!("Owner of {name}");
    database.admin(&format!("create role \"{owner}\"")).await;
    database
        .admin(&format!("revoke create on schema public from \"{user}\""))
        .await;
    for table in [
        "_sqlx_migrations",
        "restaurants",
        "reviews",
        "changes",
        "unclaimed_photos",
    ] {
        database
            .admin(&format!("alter table {table} owner to \"{owner}\""))
            .await;
        database
            .admin(&format!("grant all on table {table} to \"{user}\""))
            .await;
    }
    let (ok, text) = check(&environment).await;
    assert!(ok && !text.contains("the next start"), "{text}");
    let needed = [
        ("_sqlx_migrations", vec!["SELECT"]),
        ("restaurants", vec!["SELECT", "INSERT", "UPDATE", "DELETE"]),
        ("reviews", vec!["SELECT", "INSERT", "UPDATE", "DELETE"]),
        ("changes", vec!["SELECT", "INSERT", "UPDATE"]),
        ("unclaimed_photos", vec!["SELECT", "INSERT", "DELETE"]),
    ];
    let mut cases = vec![
        (vec![connect.clone()], vec![grant_connect.clone()]),
        (
            vec!["usage on schema public".to_owned()],
            vec!["GRANT USAGE ON SCHEMA \"public\"".to_owned()],
        ),
    ];
    for (table, privileges) in &needed {
        for privilege in privileges {
            cases.push((
                vec![format!("{privilege} on table {table}")],
                vec![format!("GRANT {privilege} ON TABLE \"public\".\"{table}\"")],
            ));
        }
    }
    let all = |(table, privileges): &(&str, Vec<&str>)| {
        format!("GRANT {} ON TABLE \"public\".\"{table}\"", privileges.join(", "))
    };
    cases.push((
        needed
            .iter()
            .map(|(table, _)| format!("all on table {table}"))
            .collect(),
        needed.iter().map(all).collect(),
    ));
    for (revoked, expected) in &cases {
        let revoked: Vec<_> = revoked.iter().map(String::as_str).collect();
        let expected: Vec<_> = expected.iter().map(String::as_str).collect();
        let (ok, text) = assert_named(&revoked, &expected).await;
        assert!(ok, "{revoked:?}: {text}");
    }

    // Older tables can be changed only by their owner.
    database.admin("delete from _sqlx_migrations").await;
    let (ok, text) = check(&environment).await;
    assert!(!ok && !text.contains("the next start will create"), "{text}");
    let expected = [
        format!("{on_schema} TO \"{user}\""),
        format!("GRANT \"{owner}\" TO \"{user}\""),
    ];
    assert_eq!(grants(&text), expected);
}

#[tokio::test]
async fn a_container_that_cannot_be_written_is_named_with_its_role() {
    let azure = Resources::start().await;
    let environment = azure.environment().await;
    let set_role = |name: &str| {
        let role = RoleDefinition::find(name).unwrap().id;
        let change = azure.cloud.azure().change(|state| {
            state.role_assignments[0].role = role;
            Ok(())
        });
        change.unwrap();
    };
    set_role("Storage Blob Data Reader");
    let (ok, text) = check(&environment).await;
    let client_id = azure.cloud.identity().client_id;
    let command = format!(
        "az role assignment create --role \"Storage Blob Data Contributor\" --assignee {client_id} --scope $(az storage \
         account show"
    );
    assert!(
        !ok && text.contains("photos         not ready") && text.contains(&command),
        "{text}"
    );
    assert!(text.contains("store          ready"), "{text}");
    set_role("Storage Blob Data Contributor");
    let (ok, text) = check(&environment).await;
    assert!(ok, "{text}");
}
