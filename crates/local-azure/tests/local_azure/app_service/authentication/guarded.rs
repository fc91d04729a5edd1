//! An app that signs its visitors in, and somebody who signs in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use local_azure::app_service::Options;
use local_azure::entra::{add_secret, hash_password};
use local_azure::state::{AUTHENTICATION, AppRoleAssignment, Application, Group, State, User, View as _, WebApp};
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::rig::{APP, Site, change};

pub const ADA: &str = "ada@contoso.onmicrosoft.com";
pub const PASSWORD: &str = "Riddle-123456";
const CALLBACK: &str = "https://contoso.azurewebsites.net/.auth/login/aad/callback";

/// An app that signs its visitors in, and Ada, who is a chef and a member of a group.
pub struct Guarded {
    pub site: Site,
    pub ada: Uuid,
    pub group: Uuid,
    pub client_id: Uuid,
}

/// The settings of the app, with changes.
pub fn settings(client_id: Uuid, tenant: Uuid, changes: &[(&str, Value)]) -> Value {
    let mut settings = json!({
        "platform": {"enabled": true},
        "globalValidation": {"requireAuthentication": true, "unauthenticatedClientAction": "RedirectToLoginPage"},
        "identityProviders": {"azureActiveDirectory": {"registration": {
            "clientId": client_id,
            "openIdIssuer": format!("https://login.microsoftonline.com/{tenant}/v2.0"),
        }}},
        "login": {"tokenStore": {"enabled": true}, "allowedExternalRedirectUrls": ["https://docs.example/guide"]},
        "httpSettings": {},
    });
    for (path, value) in changes {
        let (parent, name) = path.rsplit_once('/').unwrap();
        settings.pointer_mut(parent).unwrap()[name] = value.clone();
    }
    settings
}

pub fn configure(state: &mut State, app: &str, settings: &Value) {
    let id = state.find::<WebApp>(app).unwrap().id().clone();
    let (kind, name) = AUTHENTICATION;
    state.update(&id.child(kind, name), |part| {
        part.properties.clone_from(settings.as_object().unwrap());
    });
}

impl Guarded {
    pub async fn start(changes: &[(&str, Value)]) -> Self {
        Self::with(changes, false).await
    }

    pub async fn with(changes: &[(&str, Value)], has_secret: bool) -> Self {
        let site = Site::with(&[], Options::default(), |app| app.client_affinity_enabled = false);
        let mut user = User::new(ADA);
        user.password = Some(hash_password(PASSWORD));
        user.properties.insert("displayName".to_owned(), "Ada <L>".into());
        let ada = user.id;
        let group = Group::new("kitchen", vec![ada]);
        let group_id = group.id;
        let role = Uuid::new_v4();
        let mut application = Application::new("contoso");
        let client_id = application.client_id;
        let properties = json!({
            "web": {"redirectUris": [CALLBACK], "implicitGrantSettings": {"enableIdTokenIssuance": true}},
            "appRoles": [{"id": role, "value": "Chef", "isEnabled": true}],
            "groupMembershipClaims": "SecurityGroup",
        });
        application.properties.clone_from(properties.as_object().unwrap());
        let secret = add_secret(&mut application.secrets);
        let mut changes = changes.to_vec();
        if has_secret {
            site.change(|app| _ = app.settings.insert("AAD_SECRET".to_owned(), secret));
            let path = "/identityProviders/azureActiveDirectory/registration/clientSecretSettingName";
            changes.push((path, json!("AAD_SECRET")));
        }
        change(site.azure(), |state| {
            state.directory.users.push(user);
            state.directory.groups.push(group);
            let principal = state.directory.register(application);
            state.directory.app_role_assignments.push(AppRoleAssignment {
                id: Uuid::new_v4(),
                principal_id: group_id,
                resource_id: principal.id,
                app_role_id: role,
                other: serde_json::Map::new(),
            });
            let settings = settings(client_id, state.tenant, &changes);
            configure(state, APP, &settings);
        });
        site.entra();
        Self {
            site: site.up().await,
            ada,
            group: group_id,
            client_id,
        }
    }

    pub async fn get(&self, path: &str, cookie: &str) -> Response {
        let request = self.site.client.get(self.site.url(path)).header(COOKIE, cookie);
        request.send().await.unwrap()
    }

    /// Begins a sign-in. Returns the address of the sign-in page, and the cookie.
    pub async fn begin(&self, path: &str) -> (String, String) {
        let answer = self.get(path, "").await;
        assert_eq!(answer.status(), StatusCode::FOUND, "{path}");
        (location(&answer), cookie(&answer, "Nonce"))
    }

    /// Signs in on the page. Returns the form that it posts.
    pub async fn sign_in_at(&self, page: &str) -> Vec<(String, String)> {
        let html = self.site.client.get(page).send().await.unwrap();
        assert_eq!(html.status(), 200);
        let html = html.text().await.unwrap();
        assert!(html.contains("Local Azure") && html.contains(ADA), "{html}");
        let form = [("user", ADA), ("password", PASSWORD)];
        let answer = self.site.client.post(page).form(&form).send().await.unwrap();
        fields(&answer.text().await.unwrap())
    }

    pub async fn complete(&self, form: &[(String, String)], cookie: &str) -> Response {
        let request = self.site.client.post(self.site.url("/.auth/login/aad/callback"));
        request.header(COOKIE, cookie).form(form).send().await.unwrap()
    }

    /// Signs in. Returns the session's cookie, and where the visitor is sent.
    pub async fn sign_in(&self, path: &str) -> (String, String) {
        let (page, nonce) = self.begin(path).await;
        let answer = self.complete(&self.sign_in_at(&page).await, &nonce).await;
        assert_eq!(answer.status(), StatusCode::FOUND, "{:?}", answer.text().await);
        (cookie(&answer, "AppServiceAuthSession"), location(&answer))
    }

    /// The headers that the app sees.
    pub async fn seen(&self, cookie: &str) -> Value {
        let answer = self.get("/headers", cookie).await;
        assert_eq!(answer.status(), 200);
        answer.json().await.unwrap()
    }
}

pub fn location(answer: &Response) -> String {
    answer.headers()[LOCATION].to_str().unwrap().to_owned()
}

/// The cookie of that name that an answer sets, as a browser sends it back.
pub fn cookie(answer: &Response, name: &str) -> String {
    let mut all = answer
        .headers()
        .get_all(SET_COOKIE)
        .iter()
        .map(|one| one.to_str().unwrap());
    let found = all.find(|one| one.starts_with(&format!("{name}=")) && !one.contains("Max-Age=0"));
    let found = found.unwrap_or_else(|| panic!("{name} is not set: {:?}", answer.headers()));
    for attribute in ["Path=/", "HttpOnly", "Secure", "SameSite="] {
        assert!(found.contains(attribute), "{found}");
    }
    assert!(!found.contains("Domain"), "{found}");
    found.split(';').next().unwrap().to_owned()
}

/// The hidden fields of a page.
fn fields(html: &str) -> Vec<(String, String)> {
    let inputs = html.split("<input type=\"hidden\" name=\"").skip(1);
    let fields: Vec<_> = inputs
        .map(|input| {
            let (name, rest) = input.split_once("\" value=\"").unwrap();
            let (value, _) = rest.split_once('"').unwrap();
            (name.to_owned(), value.to_owned())
        })
        .collect();
    assert!(!fields.is_empty(), "{html}");
    fields
}

pub fn principal(headers: &Value) -> Value {
    let encoded = headers["x-ms-client-principal"].as_str().unwrap();
    serde_json::from_slice(&STANDARD.decode(encoded).unwrap()).unwrap()
}

pub fn values<'a>(claims: &'a Value, typ: &str) -> Vec<&'a str> {
    let claims = claims.as_array().unwrap().iter().filter(|claim| claim["typ"] == typ);
    claims.map(|claim| claim["val"].as_str().unwrap()).collect()
}
