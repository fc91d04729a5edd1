//! The addresses to which a sign-in may lead: those that the application has registered.
//! <https://learn.microsoft.com/entra/identity-platform/reply-url>

use serde_json::Value;
use url::{Position, Url};
use uuid::Uuid;

use super::codes::Platform;
use super::error::OAuthError;
use super::shared::Shared;
use super::users;
use crate::app_service::{app_at, azure_name};
use crate::state::Application;

/// The properties of an application that list its addresses.
const PLATFORMS: [(&str, Platform); 3] = [
    ("web", Platform::Web),
    ("spa", Platform::Spa),
    ("publicClient", Platform::Public),
];

/// The addresses of this machine. Plain HTTP is permitted only there.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// An address that an application has registered.
pub struct Registered {
    pub platform: Platform,
    /// The address in Azure that it stands for, if it is that of a web app on this machine.
    pub in_azure: Option<String>,
}

/// Checks the address of a request.
///
/// An address must be registered literally, with two exceptions. The port of a loopback address does not matter, as in
/// Entra. The address of a web app on this machine stands for its address in Azure, which is the registered one.
///
/// # Errors
///
/// The application has not registered it.
pub fn check(shared: &Shared, client: Uuid, uri: &str) -> Result<Registered, OAuthError> {
    let refused = || {
        let text = format!(
            "The redirect URI '{uri}' specified in the request does not match the redirect URIs configured for the \
             application '{client}'. Make sure the redirect URI sent in the request matches one added to your \
             application in the Azure portal."
        );
        OAuthError::request("invalid_request", 50_011, text)
    };
    let address = Address::new(shared, uri).ok_or_else(refused)?;
    let platform = if users::is_known(client) {
        address.is("http://localhost").then_some(Platform::Public)
    } else {
        shared.azure.read(|state| {
            let mut all = state.directory.applications.iter();
            address.platform_of(all.find(|one| one.client_id == client)?)
        })
    };
    Ok(Registered {
        platform: platform.ok_or_else(refused)?,
        in_azure: address.in_azure,
    })
}

/// Whether any application has registered the address, to which a person who signs out may then be sent.
pub fn is_registered(shared: &Shared, uri: &str) -> bool {
    let Some(address) = Address::new(shared, uri) else {
        return false;
    };
    let is_of = |application: &Application| address.platform_of(application).is_some();
    shared
        .azure
        .read(|state| state.directory.applications.iter().any(is_of))
}

/// The address of a request.
struct Address<'a> {
    uri: &'a str,
    url: Url,
    in_azure: Option<String>,
}

impl<'a> Address<'a> {
    fn new(shared: &Shared, uri: &'a str) -> Option<Self> {
        let url = canonical(uri)?;
        let in_azure = address_in_azure(shared, uri, &url);
        Some(Self { uri, url, in_azure })
    }

    /// Whether it is that registered address.
    fn is(&self, registered: &str) -> bool {
        registered == self.uri
            || self.in_azure.as_deref() == Some(registered)
            || is_same_but_for_the_port(registered, &self.url)
    }

    /// What an application has registered it for.
    fn platform_of(&self, application: &Application) -> Option<Platform> {
        let mut platforms = PLATFORMS.iter();
        let found = platforms.find(|(name, _)| {
            let uris = application.properties.get(*name).map(|one| &one["redirectUris"]);
            let uris = uris.and_then(Value::as_array).into_iter().flatten();
            uris.filter_map(Value::as_str).any(|uri| self.is(uri))
        });
        found.map(|(_, platform)| *platform)
    }
}

/// Parses an address that is written as browsers read it: `https`, or `http` on this machine, without a user name, a
/// fragment, dot segments or anything else that two readers may read differently.
fn canonical(uri: &str) -> Option<Url> {
    let url = Url::parse(uri).ok()?;
    let is_literal = url.as_str() == uri || url.as_str().strip_suffix('/') == Some(uri);
    let is_loopback = url.host_str().is_some_and(|host| LOOPBACK.contains(&host));
    let is_permitted = url.scheme() == "https" || url.scheme() == "http" && is_loopback;
    let has_user = !url.username().is_empty() || url.password().is_some();
    (is_literal && is_permitted && !has_user && url.fragment().is_none()).then_some(url)
}

/// The address in Azure of a web app on this machine.
fn address_in_azure(shared: &Shared, uri: &str, url: &Url) -> Option<String> {
    if url.scheme() != "https" || url.port_or_known_default() != shared.app_port.get().copied() {
        return None;
    }
    let app = shared.azure.read(|state| app_at(state, url.host_str()?))?;
    // The slash at the end of an origin may be missing.
    let rest = &url[Position::BeforePath..];
    let rest = if uri.ends_with('/') || rest != "/" { rest } else { "" };
    Some(format!("https://{}{rest}", azure_name(&app)))
}

/// Whether both are the same address at `http://localhost` or `http://127.0.0.1`, whatever the port.
fn is_same_but_for_the_port(registered: &str, url: &Url) -> bool {
    let Some(registered) = Url::parse(registered).ok() else {
        return false;
    };
    let is_local = |url: &Url| url.scheme() == "http" && matches!(url.host_str(), Some("localhost" | "127.0.0.1"));
    let rest = |url: &Url| url[Position::BeforePath..].to_owned();
    is_local(&registered) && is_local(url) && registered.host_str() == url.host_str() && rest(&registered) == rest(url)
}

/// The origin of an address that was checked, for a content security policy.
pub fn origin(uri: &str) -> String {
    Url::parse(uri).map_or_else(|_| "'none'".to_owned(), |url| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_reading() {
        for uri in [
            "https://contoso.azurewebsites.net/.auth/login/aad/callback",
            "https://contoso.com",
            "https://contoso.com/?a=b",
            "http://localhost:8400",
            "http://127.0.0.1:1/a",
        ] {
            assert!(canonical(uri).is_some(), "{uri}");
        }
        for uri in [
            "",
            "/callback",
            "//contoso.com/",
            "http://contoso.com/",
            "javascript:alert(1)",
            "data:text/html,x",
            "https:contoso.com",
            "https:\\\\contoso.com\\",
            "https://contoso.com\\@evil.example/",
            "https://user@contoso.com/",
            "https://contoso.com/#x",
            "https://contoso.com/a/../b",
            "https://contoso.com/a/%2e%2e/b",
            "https://CONTOSO.com/",
            "https://contoso.com:443/",
            "https://contoso.com/ ",
            " https://contoso.com/",
            "https://contoso.com/\n",
            "https://cont\toso.com/",
            "https://contoso.com/ü",
        ] {
            assert!(canonical(uri).is_none(), "{uri}");
        }
    }
}
