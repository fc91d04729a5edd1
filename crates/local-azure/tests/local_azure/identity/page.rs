//! The sign-in page, for the tests of what leads there and of what comes back.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use local_azure::entra::{add_secret, hash_password};
use local_azure::state::{Application, User};
use reqwest::Response;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;
use uuid::Uuid;

use crate::rig::{Tenant, change, send};

pub const ADA: &str = "ada@contoso.onmicrosoft.com";
pub const PASSWORD: &str = "Riddle-123456";
pub const VERIFIER: &str = "a-verifier-of-at-least-43-characters-0123456789";
pub const WEB: &str = "https://contoso.example/callback?a=b";
pub const SPA: &str = "https://spa.example/";

/// A sign-in page, Ada, and an application with an address of each kind.
pub struct Page {
    pub tenant: Tenant,
    pub ada: Uuid,
    pub client: Uuid,
    pub secret: String,
}

impl Page {
    pub fn start() -> Self {
        let tenant = Tenant::start();
        let mut user = User::new(ADA);
        user.password = Some(hash_password(PASSWORD));
        let ada = user.id;
        let mut application = Application::new("<b>contoso</b>");
        let client = application.client_id;
        let properties = json!({
            "web": {"redirectUris": [WEB], "implicitGrantSettings": {"enableIdTokenIssuance": true}},
            "spa": {"redirectUris": [SPA]},
            "publicClient": {"redirectUris": ["http://localhost/done", "http://127.0.0.1/loopback"]},
        });
        application.properties.clone_from(properties.as_object().unwrap());
        let secret = add_secret(&mut application.secrets);
        change(tenant.azure(), |state| {
            state.directory.users.push(user);
            state.directory.register(application);
        });
        Self {
            tenant,
            ada,
            client,
            secret,
        }
    }

    /// The address of the sign-in page for a request that is valid except for these changes.
    pub fn url(&self, changes: &[(&str, &str)]) -> String {
        let mut url = Url::parse(&self.tenant.entra().authority_host()).unwrap();
        url.set_path("common/oauth2/v2.0/authorize");
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
        let mut parameters = vec![
            ("client_id".to_owned(), self.client.to_string()),
            ("response_type".to_owned(), "code".to_owned()),
            ("redirect_uri".to_owned(), WEB.to_owned()),
            ("scope".to_owned(), "openid profile".to_owned()),
            ("state".to_owned(), "a state&b".to_owned()),
            ("nonce".to_owned(), "n1".to_owned()),
            ("code_challenge".to_owned(), challenge),
            ("code_challenge_method".to_owned(), "S256".to_owned()),
        ];
        for (name, value) in changes {
            parameters.retain(|(known, _)| known != name);
            if !value.is_empty() {
                parameters.push(((*name).to_owned(), (*value).to_owned()));
            }
        }
        url.query_pairs_mut().extend_pairs(parameters);
        url.into()
    }

    pub async fn sign_in(&self, url: &str) -> Response {
        let form = [("user", ADA), ("password", PASSWORD)];
        self.tenant
            .https_without_redirects()
            .post(url)
            .form(&form)
            .send()
            .await
            .unwrap()
    }

    /// A code for the application.
    pub async fn code(&self, changes: &[(&str, &str)]) -> String {
        let answer = self.sign_in(&self.url(changes)).await;
        assert_eq!(answer.status(), 303);
        let location = Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap();
        let mut pairs = location.query_pairs();
        pairs.find(|(name, _)| name == "code").unwrap().1.into_owned()
    }

    pub async fn redeem(&self, code: &str, changes: &[(&str, &str)]) -> (u16, Value) {
        let form = [
            ("grant_type", "authorization_code"),
            ("redirect_uri", WEB),
            ("code", code),
            ("code_verifier", VERIFIER),
        ];
        self.token(&form, changes).await
    }

    /// A request to the token endpoint with changes. The change `origin` is a header, which the script of a page sends.
    pub async fn token(&self, form: &[(&str, &str)], changes: &[(&str, &str)]) -> (u16, Value) {
        let client = self.client.to_string();
        let mut form = form.to_vec();
        form.extend([("client_id", client.as_str()), ("client_secret", self.secret.as_str())]);
        let mut request = self.tenant.https().post(self.tenant.entra().token_url());
        for (name, value) in changes {
            form.retain(|(known, _)| known != name);
            match (*name, *value) {
                (_, "") => {}
                ("origin", origin) => request = request.header("Origin", origin),
                _ => form.push((name, value)),
            }
        }
        send(request.form(&form)).await
    }

    /// Changes the application.
    pub fn edit(&self, edit: impl FnOnce(&mut Application)) {
        change(self.tenant.azure(), |state| {
            let mut all = state.directory.applications.iter_mut();
            edit(all.find(|one| one.client_id == self.client).unwrap());
        });
    }
}

/// The claims of a token.
pub fn payload(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}
