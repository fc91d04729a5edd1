//! Signing out. No one stays signed in here, so this only sends a person back to the application.
//! <https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#send-a-sign-out-request>

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use url::Url;

use super::form::Form;
use super::shared::Shared;
use super::{pages, redirects};

/// `GET /{tenant}/oauth2/v2.0/logout`: leads to the address in `post_logout_redirect_uri` if an application has registered
/// it, and otherwise to a page.
pub async fn page(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Response {
    let form = Form::parse(&HeaderMap::new(), query.unwrap_or_default().as_bytes());
    let wanted = form.get("post_logout_redirect_uri");
    let target = wanted
        .filter(|uri| form.repeated().is_none() && redirects::is_registered(&shared, uri))
        .and_then(|uri| Url::parse(uri).ok());
    if let Some(mut target) = target {
        if let Some(state) = form.get("state") {
            target.query_pairs_mut().append_pair("state", state);
        }
        let headers = [(LOCATION, target.to_string()), (CACHE_CONTROL, "no-store".to_owned())];
        return (StatusCode::SEE_OTHER, headers).into_response();
    }
    let why = match wanted {
        Some(_) => "<p>No application has registered the address to which you were to be sent.</p>",
        None => "",
    };
    let content = format!("<p>Local Azure keeps no one signed in. You can close this page.</p>{why}");
    pages::show(StatusCode::OK, pages::SIGNED_OUT, &content, "'none'")
}
