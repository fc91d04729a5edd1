//! Who calls, and for which app.

use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq as _;

use super::error::KuduError;
use crate::azure::Azure;
use crate::bearer::{self, Unauthenticated};
use crate::host::without_port;
use crate::state::{Action, View as _, WebApp};
use crate::tokens::{APP_SERVICE, MANAGEMENT, MANAGEMENT_CORE};

/// The permission that a token's principal needs.
const PUBLISH: &str = "Microsoft.Web/sites/publish/action";

/// A caller who may publish.
pub struct Caller {
    /// The name of the app.
    pub app: String,
    /// The name of the caller.
    pub name: String,
}

/// Authenticates the sender of a request.
///
/// # Errors
///
/// The host names no app, or the caller may not publish to it.
pub fn caller(azure: &Azure, headers: &HeaderMap) -> Result<Caller, KuduError> {
    // A browser that has the publishing password sends it for any page's requests too.
    if headers.contains_key(ORIGIN) {
        let message = "The deployment service takes no requests of web pages.";
        return Err(KuduError::new(StatusCode::FORBIDDEN, message));
    }
    let host = headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let host = without_port(host).to_ascii_lowercase();
    let name = host.strip_suffix(".scm.azurewebsites.net").unwrap_or_default();
    let app: Option<WebApp> = azure.read(|state| state.find(name));
    let app = app.ok_or_else(|| KuduError::new(StatusCode::NOT_FOUND, format!("There is no web app {name}.")))?;
    let name = match password(headers) {
        Some(given) => publishing_user(&app, &given)?,
        None => principal(azure, headers, &app)?,
    };
    Ok(Caller {
        app: app.name().to_owned(),
        name,
    })
}

fn unauthorized(message: impl Into<String>) -> KuduError {
    KuduError::new(StatusCode::UNAUTHORIZED, message)
}

/// The user name and the password of the scheme `Basic`.
fn password(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    // A header that cannot be decoded counts as a wrong password.
    let text = STANDARD
        .decode(encoded.trim())
        .ok()
        .and_then(|text| String::from_utf8(text).ok());
    let text = text.unwrap_or_default();
    let (name, password) = text.split_once(':').unwrap_or((&text, ""));
    Some((name.to_owned(), password.to_owned()))
}

/// The publishing user of the app. Its name is `$app` or `app\\$app`.
fn publishing_user(app: &WebApp, (name, password): &(String, String)) -> Result<String, KuduError> {
    if !app.allows_basic_publishing {
        return Err(unauthorized(
            "The deployment service accepts no password: basicPublishingCredentialsPolicies/scm forbids it.",
        ));
    }
    let user = format!("${}", app.name());
    let is_user = name
        .rsplit('\\')
        .next()
        .is_some_and(|name| name.eq_ignore_ascii_case(&user));
    let expected = app.publishing_password.as_bytes();
    let is_password: bool = password.as_bytes().ct_eq(expected).into();
    if is_user && is_password && !expected.is_empty() {
        return Ok(user);
    }
    Err(unauthorized("The publishing user name or password is wrong."))
}

/// The principal of a token, who may publish to the app.
fn principal(azure: &Azure, headers: &HeaderMap, app: &WebApp) -> Result<String, KuduError> {
    let principal = bearer::principal(azure, headers, &[APP_SERVICE, MANAGEMENT, MANAGEMENT_CORE]);
    let principal = principal.map_err(|why| match why {
        Unauthenticated::Missing => unauthorized("The 'Authorization' header is missing."),
        Unauthenticated::Scheme => unauthorized("The 'Authorization' header is not valid."),
        Unauthenticated::Token(why) => unauthorized(format!("The access token is not valid: {why}.")),
        Unauthenticated::Principal => unauthorized("The access token's principal was deleted or disabled."),
    })?;
    if azure.read(|state| state.permits(principal.id, Action::Control(PUBLISH), app.id())) {
        return Ok(principal.display_name);
    }
    let message = format!(
        "{} may not publish to {}: the action {PUBLISH} is needed, as in the role Website Contributor.",
        principal.display_name,
        app.name()
    );
    Err(KuduError::new(StatusCode::FORBIDDEN, message))
}
