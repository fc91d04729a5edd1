//! Where a visitor may be sent after signing in or out: to a page of the app, or to an address that the app allows.
//! <https://learn.microsoft.com/azure/app-service/configure-authentication-customize-sign-in-out>

use url::{Position, Url};

use super::visit::Visit;

/// The address to which a visitor is sent who asked for `wanted`. `None` if it is neither the app's nor allowed.
///
/// An address of the app is always returned with its origin, so that no browser can read a path as another host.
pub(super) fn target(visit: &Visit<'_>, wanted: &str) -> Option<String> {
    let own = Url::parse(&visit.origin()).ok()?;
    // Browsers drop these characters, or read a backslash as a slash.
    if wanted.contains(|c: char| c.is_control() || c == '\\') || wanted.trim() != wanted {
        return None;
    }
    let url = if wanted.starts_with('/') {
        own.join(wanted).ok()?
    } else {
        Url::parse(wanted).ok()?
    };
    let has_user = !url.username().is_empty() || url.password().is_some();
    let is_in_azure = url.scheme() == "https" && url.host_str() == Some(visit.inside) && url.port().is_none();
    if !has_user && (url.origin() == own.origin() || is_in_azure) {
        return Some(format!("{}{}", visit.origin(), &url[Position::BeforePath..]));
    }
    let allowed = &visit.settings.allowed_redirects;
    let is_allowed = allowed.iter().filter_map(|allowed| Url::parse(allowed).ok());
    let mut is_allowed = is_allowed.map(|allowed| without_query(&allowed) == without_query(&url));
    (!has_user && is_allowed.any(|is_same| is_same)).then(|| url.to_string())
}

/// The address that the visitor requested.
pub(super) fn requested(visit: &Visit<'_>, path_and_query: &str) -> String {
    format!("{}{path_and_query}", visit.origin())
}

/// The part of an address that must be allowed.
fn without_query(url: &Url) -> &str {
    &url[..Position::AfterPath]
}
