//! An app that signs its visitors in itself, for example with MSAL, and knows only Azure's addresses.

use local_azure::entra::add_secret;
use local_azure::state::{Application, User};
use reqwest::header::LOCATION;
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use crate::rig::{Site, change};

const ADA: &str = "ada@contoso.onmicrosoft.com";

#[tokio::test]
async fn a_visitor_stays_on_this_machine() {
    let site = Site::new(&[]);
    let mut application = Application::new("contoso");
    let secret = add_secret(&mut application.secrets);
    let client = application.client_id.to_string();
    // Registered as in Azure, one of them without a path.
    let registered = [
        "https://contoso.azurewebsites.net/callback",
        "https://contoso.azurewebsites.net",
    ];
    let properties = json!({"web": {"redirectUris": registered}});
    application.properties.clone_from(properties.as_object().unwrap());
    change(site.azure(), |state| {
        state.directory.users.push(User::new(ADA));
        state.directory.register(application);
    });
    let token_url = site.entra().token_url();
    let site = site.up().await;
    for redirect_uri in registered {
        let query = Serializer::new(String::new())
            .append_pair("client_id", &client)
            .append_pair("response_type", "code")
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("scope", "openid profile")
            .append_pair("state", "a b&c")
            .finish();
        let sent = site.get(&format!("/sign-in?{query}")).await;
        let page = sent.headers()[LOCATION].to_str().unwrap();
        assert!(page.starts_with("https://localhost:"), "{page}");
        let signed_in = site.client.post(page).form(&[("user", ADA)]).send().await.unwrap();
        let back = signed_in.headers()[LOCATION].to_str().unwrap();
        let path = redirect_uri.trim_start_matches("https://contoso.azurewebsites.net");
        assert!(
            back.starts_with(&site.url(path)) && back.contains("state=a+b%26c"),
            "{back}"
        );
        let (_, code) = back.split_once("code=").unwrap();
        let code = code.split('&').next().unwrap();
        // The app redeems the code with the address that it knows.
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", &client),
            ("client_secret", &secret),
            ("code", code),
            ("redirect_uri", redirect_uri),
        ];
        let answer = site.client.post(&token_url).form(&form).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        assert!(answer["id_token"].is_string(), "{answer}");
    }
}
