//! Who calls, and for which app.

use axum::http::header::HOST;
use axum::http::{HeaderMap, StatusCode};

use super::error::KuduError;
use crate::azure::Azure;
use crate::bearer::{self, Unauthenticated};
use crate::host::without_port;
use crate::state::{Action, View as _, WebApp};
use crate::tokens::{APP_SERVICE, MANAGEMENT, MANAGEMENT_CORE};

/// The permission that a token's principal needs.
const PUBLISH: &str = "Microsoft.Web/sites/publish/action";

/// Who sent a request, and for which app.
pub struct Caller {
    /// The name of the app.
    pub app: String,
    /// The name of the caller.
    pub name: String,
}

/// Who sent the request.
///
/// # Errors
///
/// The host names no app, or the caller may not publish to it.
pub fn caller(azure: &Azure, headers: &HeaderMap) -> Result<Caller, KuduError> {
    let host = headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let host = without_port(host).to_ascii_lowercase();
    let name = host.strip_suffix(".scm.azurewebsites.net").unwrap_or_default();
    let app: Option<WebApp> = azure.read(|state| state.find(name));
    let app = app.ok_or_else(|| KuduError::new(StatusCode::NOT_FOUND, format!("There is no web app {name}.")))?;
    let unauthorized = |message: String| KuduError::new(StatusCode::UNAUTHORIZED, message);
    let principal = bearer::principal(azure, headers, &[APP_SERVICE, MANAGEMENT, MANAGEMENT_CORE]);
    let principal = principal.map_err(|why| match why {
        Unauthenticated::Missing => unauthorized("The 'Authorization' header is missing.".to_owned()),
        Unauthenticated::Scheme => unauthorized("The 'Authorization' header is not valid.".to_owned()),
        Unauthenticated::Token(why) => unauthorized(format!("The access token is not valid: {why}.")),
        Unauthenticated::Principal => unauthorized("The access token's principal was deleted or disabled.".to_owned()),
    })?;
    if !azure.read(|state| state.permits(principal.id, Action::Control(PUBLISH), app.id())) {
        let message = format!(
            "{} may not publish to {}: the action {PUBLISH} is needed, as in the role Website Contributor.",
            principal.display_name,
            app.name()
        );
        return Err(KuduError::new(StatusCode::FORBIDDEN, message));
    }
    Ok(Caller {
        app: app.name().to_owned(),
        name: principal.display_name,
    })
}
