//! Apps that sign people in with MSAL, Microsoft's own library, in Python and JavaScript.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::Stdio;

use local_azure::process::plain_environment;
use serde_json::{Value, json};
use uuid::Uuid;

use super::page::{ADA, PASSWORD, Page, WEB};
use crate::rig::{change, script};

/// A person signs in to an app, which validates the ID token, keeps the tokens, and gets new ones.
#[tokio::test(flavor = "multi_thread")]
async fn apps_sign_people_in_with_msal() {
    let page = Page::start();
    let role = Uuid::new_v4();
    page.edit(|application| {
        let roles = json!([{"id": role, "value": "Chef", "isEnabled": true}]);
        application.properties.insert("appRoles".to_owned(), roles);
        application
            .properties
            .insert("groupMembershipClaims".to_owned(), "SecurityGroup".into());
    });
    let (ada, client) = (page.ada, page.client);
    let group = Uuid::new_v4();
    change(page.tenant.azure(), |state| {
        let mut principals = state.directory.service_principals.iter();
        let resource = principals.find(|one| one.client_id == client).unwrap().id;
        let assignment =
            json!({"id": Uuid::new_v4(), "principal_id": ada, "resource_id": resource, "app_role_id": role});
        state
            .directory
            .app_role_assignments
            .push(serde_json::from_value(assignment).unwrap());
        let kitchen = json!({"id": group, "display_name": "kitchen", "members": [ada]});
        state.directory.groups.push(serde_json::from_value(kitchen).unwrap());
    });
    let authority = format!("{}{}", page.tenant.entra().authority_host(), page.tenant.tenant());
    let root = page.tenant.azure().authority().file();
    for name in ["sign_in.py", "sign_in.mjs"] {
        let mut app = script(name)
            .args([&authority, &client.to_string(), WEB, "User.Read"])
            .env_clear()
            .envs(plain_environment())
            .env("CLIENT_SECRET", &page.secret)
            .env("REQUESTS_CA_BUNDLE", &root)
            .env("SSL_CERT_FILE", &root)
            .env("NODE_EXTRA_CA_CERTS", &root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(app.stdout.take().unwrap());
        let mut address = String::new();
        output.read_line(&mut address).unwrap();
        let form = [("user", ADA), ("password", PASSWORD)];
        let request = page.tenant.https_without_redirects().post(address.trim()).form(&form);
        let answer = request.send().await.unwrap();
        let back = answer.headers()["location"].to_str().unwrap();
        writeln!(app.stdin.take().unwrap(), "{back}").unwrap();
        let mut text = String::new();
        output.read_to_string(&mut text).unwrap();
        assert!(app.wait().unwrap().success(), "{name}: {text}");
        let said: Value = serde_json::from_str(&text).unwrap();
        let (id_token, access_token) = (&said["id_token"], &said["access_token"]);
        for (claims, claim, expected) in [
            (id_token, "aud", json!(client)),
            (id_token, "oid", json!(ada)),
            (id_token, "preferred_username", json!(ADA)),
            (id_token, "roles", json!(["Chef"])),
            (id_token, "groups", json!([group])),
            (access_token, "aud", json!("https://graph.microsoft.com")),
            (access_token, "scp", json!("User.Read")),
            (access_token, "appidacr", json!("1")),
            (&said, "username", json!(ADA)),
        ] {
            assert_eq!(claims[claim], expected, "{name} {claim}: {said}");
        }
    }
}
