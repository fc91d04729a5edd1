//! The names of an app: its name in Azure, and the one by which visitors on this machine reach it.
//!
//! An app sees only its name in Azure, such as `contoso.azurewebsites.net`, so that its checks of `Host`, `Origin` and
//! `Referer` work as in Azure. What it answers is translated back, so that a visitor stays at `localhost`.

use std::borrow::Cow;
use std::net::IpAddr;

use axum::http::header::{HOST, LOCATION, ORIGIN, REFERER, SET_COOKIE, STRICT_TRANSPORT_SECURITY};
use axum::http::{HeaderMap, HeaderValue};
use url::{Position, Url};

use crate::host::without_port;
use crate::state::{State, View as _, WebApp};
use crate::tokens::AZURE_AUTHORITY;
use crate::tutorial;

/// The name of an app in Azure.
#[must_use]
pub fn azure_name(app: &str) -> String {
    format!("{}.azurewebsites.net", app.to_ascii_lowercase())
}

/// The name of an app's deployment service in Azure.
#[must_use]
pub fn scm_name(app: &str) -> String {
    format!("{}.scm.azurewebsites.net", app.to_ascii_lowercase())
}

/// The name of the app that a host stands for, which may include a port. This machine's own names stand for the tutorial's
/// app, or for the first one.
pub(crate) fn app_at(state: &State, host: &str) -> Option<String> {
    let name = without_port(host);
    if name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok() {
        let tutorial = state.find::<WebApp>(tutorial::APP);
        return Some(tutorial.or_else(|| state.all().next())?.name().to_owned());
    }
    let (label, domain) = name.split_once('.')?;
    let is_served = ["localhost", "azurewebsites.net"]
        .iter()
        .any(|name| domain.eq_ignore_ascii_case(name));
    let app = is_served.then(|| state.find::<WebApp>(label)).flatten();
    app.map(|app| app.name().to_owned())
}

/// The names of the app that a request is for.
pub(super) struct Names<'a> {
    /// The host that the visitor requested, with its port.
    pub(super) outside: &'a str,
    /// The app's name in Azure.
    pub(super) inside: &'a str,
    /// The front end's ports.
    pub(super) https_port: u16,
    pub(super) http_port: u16,
    /// The port of the storage accounts on this machine, unless clients resolve Azure's names.
    pub(super) blob_port: Option<u16>,
    /// The URL of the tenant's authority (Entra) on this machine, unless clients resolve Azure's names. It ends with a
    /// slash.
    pub(super) authority: Option<&'a str>,
}

/// The parameters of the authority's pages that say where a visitor goes from there.
const RETURNS: [&str; 2] = ["redirect_uri", "post_logout_redirect_uri"];

impl Names<'_> {
    /// Translates a request for the app.
    pub(super) fn translate_request(&self, headers: &mut HeaderMap) {
        let inside = HeaderValue::from_str(self.inside).expect("an app's name consists of letters, digits and hyphens");
        headers.insert(HOST, inside);
        for name in [ORIGIN, REFERER] {
            let url = headers
                .get(&name)
                .and_then(|value| Url::parse(value.to_str().ok()?).ok());
            let Some(url) = url.filter(|url| self.is_outside(url)) else {
                continue;
            };
            let rest = if name == ORIGIN {
                ""
            } else {
                &url[Position::BeforePath..]
            };
            let translated = format!("{}://{}{rest}", url.scheme(), self.inside);
            if let Ok(translated) = translated.parse() {
                headers.insert(name, translated);
            }
        }
    }

    /// Translates the app's answer for the visitor.
    pub(super) fn translate_answer(&self, headers: &mut HeaderMap) {
        let location = headers
            .get(LOCATION)
            .and_then(|value| self.outside_location(value.to_str().ok()?));
        if let Some(location) = location.and_then(|location| location.parse().ok()) {
            headers.insert(LOCATION, location);
        }
        let cookies: Vec<_> = headers.get_all(SET_COOKIE).iter().map(without_domain).collect();
        headers.remove(SET_COOKIE);
        for cookie in cookies {
            headers.append(SET_COOKIE, cookie);
        }
        // For `localhost`, a browser would apply it to every server on this machine.
        headers.remove(STRICT_TRANSPORT_SECURITY);
    }

    /// Whether the URL is at the front end, under the name that the visitor uses.
    fn is_outside(&self, url: &Url) -> bool {
        let port = match url.scheme() {
            "https" => self.https_port,
            "http" => self.http_port,
            _ => return false,
        };
        let host = url.host_str().map(|host| host.trim_matches(['[', ']']));
        host.is_some_and(|host| host.eq_ignore_ascii_case(without_port(self.outside)))
            && url.port_or_known_default() == Some(port)
    }

    /// The outside form of an absolute `Location` at the app's own name, at a storage account, or at a page where visitors
    /// sign in or out.
    fn outside_location(&self, location: &str) -> Option<String> {
        let is_relative = location.starts_with("//");
        let url = if is_relative {
            Url::parse(&format!("https:{location}")).ok()?
        } else {
            Url::parse(location).ok()?
        };
        let rest = &url[Position::BeforePath..];
        let account = url
            .host_str()
            .and_then(|host| host.strip_suffix(".blob.core.windows.net"));
        if let (Some(account), Some(port), "https", None) = (account, self.blob_port, url.scheme(), url.port()) {
            return Some(format!("https://{account}.blob.localhost:{port}{rest}"));
        }
        if let (Some(authority), Some(rest)) = (self.authority, url.as_str().strip_prefix(AZURE_AUTHORITY)) {
            return self.outside_page(&format!("{authority}{rest}"));
        }
        if url.host_str() != Some(self.inside) || url.port().is_some() {
            return None;
        }
        let name = match without_port(self.outside) {
            address if address.contains(':') => format!("[{address}]"),
            name => name.to_owned(),
        };
        match url.scheme() {
            _ if is_relative => Some(format!("//{}{rest}", self.outside)),
            "https" => Some(format!("https://{name}{}{rest}", port_suffix(self.https_port, 443))),
            "http" => Some(format!("http://{name}{}{rest}", port_suffix(self.http_port, 80))),
            _ => None,
        }
    }
}

impl Names<'_> {
    /// A page of the authority that leads back to the address of the app that the visitor uses.
    fn outside_page(&self, page: &str) -> Option<String> {
        let mut url = Url::parse(page).ok()?;
        let translate = |(name, value): (Cow<'_, str>, Cow<'_, str>)| {
            let is_of_app = RETURNS.contains(&&*name) && !value.starts_with(AZURE_AUTHORITY);
            let outside = is_of_app.then(|| self.outside_location(&value)).flatten();
            let value = match outside {
                // A registered address may be an origin without a slash.
                Some(outside) if value.ends_with('/') => outside,
                Some(outside) => outside.strip_suffix('/').unwrap_or(&outside).to_owned(),
                None => value.into_owned(),
            };
            (name.into_owned(), value)
        };
        if url.query().is_some() {
            let pairs: Vec<_> = url.query_pairs().map(translate).collect();
            url.query_pairs_mut().clear().extend_pairs(pairs);
        }
        Some(url.into())
    }
}

fn port_suffix(port: u16, default: u16) -> String {
    if port == default {
        String::new()
    } else {
        format!(":{port}")
    }
}

/// The cookie without the attribute `Domain`, so that it belongs to the host that the visitor uses.
fn without_domain(cookie: &HeaderValue) -> HeaderValue {
    let Ok(text) = cookie.to_str() else {
        return cookie.clone();
    };
    let is_domain = |part: &&str| {
        let name = part.split('=').next().unwrap_or_default();
        name.trim().eq_ignore_ascii_case("domain")
    };
    let (pair, attributes) = text.split_once(';').unwrap_or((text, ""));
    let kept = attributes
        .split(';')
        .filter(|part| !part.is_empty() && !is_domain(part));
    let parts: Vec<_> = std::iter::once(pair).chain(kept).collect();
    parts.join(";").parse().unwrap_or_else(|_| cookie.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(outside: &str) -> Names<'_> {
        Names {
            outside,
            inside: "contoso.azurewebsites.net",
            https_port: 7443,
            http_port: 7080,
            blob_port: Some(7446),
            authority: Some("https://localhost:7444/"),
        }
    }

    #[test]
    fn a_request_is_translated() {
        for (outside, origin, inside) in [
            (
                "localhost:7443",
                "https://localhost:7443",
                "https://contoso.azurewebsites.net",
            ),
            (
                "localhost:7080",
                "http://localhost:7080",
                "http://contoso.azurewebsites.net",
            ),
            // The scheme differs, as in Azure.
            (
                "localhost:7443",
                "http://localhost:7080",
                "http://contoso.azurewebsites.net",
            ),
            (
                "Contoso.localhost:7443",
                "https://contoso.localhost:7443",
                "https://contoso.azurewebsites.net",
            ),
            ("[::1]:7443", "https://[::1]:7443", "https://contoso.azurewebsites.net"),
            (
                "contoso.azurewebsites.net:7443",
                "https://contoso.azurewebsites.net:7443",
                "https://contoso.azurewebsites.net",
            ),
            // Another server on this machine stays another one.
            ("localhost:7443", "https://localhost:8000", "https://localhost:8000"),
            ("localhost:7443", "http://localhost:7443", "http://localhost:7443"),
            ("localhost:7443", "https://localhost", "https://localhost"),
            (
                "localhost:7443",
                "https://evil.example:7443",
                "https://evil.example:7443",
            ),
            (
                "localhost:7443",
                "https://localhost.evil.example:7443",
                "https://localhost.evil.example:7443",
            ),
            ("localhost:7443", "null", "null"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, outside.parse().unwrap());
            headers.insert(ORIGIN, origin.parse().unwrap());
            headers.insert(REFERER, format!("{origin}/a%20b?c=//d").parse().unwrap());
            names(outside).translate_request(&mut headers);
            assert_eq!(headers[HOST], "contoso.azurewebsites.net");
            assert_eq!(headers[ORIGIN], inside, "{outside} {origin}");
            assert_eq!(headers[REFERER], format!("{inside}/a%20b?c=//d"), "{outside} {origin}");
        }
    }

    #[test]
    fn a_location_is_translated_back() {
        for (outside, location, translated) in [
            (
                "localhost:7443",
                "https://contoso.azurewebsites.net/a?b#c",
                "https://localhost:7443/a?b#c",
            ),
            (
                "localhost:7443",
                "http://contoso.azurewebsites.net/",
                "http://localhost:7080/",
            ),
            (
                "localhost:7443",
                "https://CONTOSO.azurewebsites.net",
                "https://localhost:7443/",
            ),
            ("localhost:7443", "//contoso.azurewebsites.net/a", "//localhost:7443/a"),
            (
                "[::1]:7443",
                "https://contoso.azurewebsites.net/a",
                "https://[::1]:7443/a",
            ),
            (
                "localhost:7443",
                "/a?next=https://contoso.azurewebsites.net/",
                "/a?next=https://contoso.azurewebsites.net/",
            ),
            ("localhost:7443", "a/b", "a/b"),
            (
                "localhost:7443",
                "https://photos.blob.core.windows.net/c/a%20b.png?sig=x%2F",
                "https://photos.blob.localhost:7446/c/a%20b.png?sig=x%2F",
            ),
            (
                "contoso.localhost:7443",
                "https://login.microsoftonline.com/t/oauth2/v2.0/authorize?\
                 redirect_uri=https%3A%2F%2Fcontoso.azurewebsites.net%2Fcallback&state=a%26b+c",
                "https://localhost:7444/t/oauth2/v2.0/authorize?\
                 redirect_uri=https%3A%2F%2Fcontoso.localhost%3A7443%2Fcallback&state=a%26b+c",
            ),
            (
                "localhost:7443",
                "https://login.microsoftonline.com/t/oauth2/v2.0/logout?\
                 post_logout_redirect_uri=https%3A%2F%2Fcontoso.azurewebsites.net",
                "https://localhost:7444/t/oauth2/v2.0/logout?post_logout_redirect_uri=https%3A%2F%2Flocalhost%3A7443",
            ),
            (
                "localhost:7443",
                "https://login.microsoftonline.com/t/oauth2/v2.0/authorize?redirect_uri=https%3A%2F%2Fevil.example%2F",
                "https://localhost:7444/t/oauth2/v2.0/authorize?redirect_uri=https%3A%2F%2Fevil.example%2F",
            ),
            (
                "localhost:7443",
                "https://login.microsoftonline.com.evil.example/",
                "https://login.microsoftonline.com.evil.example/",
            ),
            (
                "localhost:7443",
                "https://contoso.azurewebsites.net:444/",
                "https://contoso.azurewebsites.net:444/",
            ),
            (
                "localhost:7443",
                "https://contoso.azurewebsites.net.evil.example/",
                "https://contoso.azurewebsites.net.evil.example/",
            ),
            (
                "localhost:7443",
                "https://www.example.com/a",
                "https://www.example.com/a",
            ),
        ] {
            let mut headers = HeaderMap::from_iter([(LOCATION, location.parse().unwrap())]);
            names(outside).translate_answer(&mut headers);
            assert_eq!(headers[LOCATION], translated, "{location}");
        }
    }

    #[test]
    fn cookies_belong_to_the_visitors_host() {
        let mut headers = HeaderMap::new();
        headers.insert(STRICT_TRANSPORT_SECURITY, "max-age=1".parse().unwrap());
        for cookie in [
            "a=1; Domain=contoso.azurewebsites.net; Path=/; Secure",
            "b=2;domain = .azurewebsites.net",
            "domain=3; HttpOnly",
            "c=domain=4",
        ] {
            headers.append(SET_COOKIE, cookie.parse().unwrap());
        }
        names("localhost:7443").translate_answer(&mut headers);
        let cookies: Vec<_> = headers.get_all(SET_COOKIE).iter().collect();
        assert_eq!(
            cookies,
            ["a=1; Path=/; Secure", "b=2", "domain=3; HttpOnly", "c=domain=4"]
        );
        assert!(!headers.contains_key(STRICT_TRANSPORT_SECURITY));
    }
}
