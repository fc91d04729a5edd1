//! The pages on which people sign in. They say that they are local, and need no script.

use std::fmt::Write as _;

use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, ORIGIN, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use serde_json::Value;
use uuid::Uuid;

use super::form::Form;
use super::shared::Shared;
use super::users;
use crate::state::User;

/// The titles of pages.
pub const SIGN_IN: &str = "Sign in to Local Azure";
pub const SIGNED_IN: &str = "Signed in to Local Azure";
pub const SIGNED_OUT: &str = "Signed out of Local Azure";
pub const FAILED: &str = "Local Azure cannot sign you in";

/// What each page says that asks for a user.
pub const LOCAL: &str = "<p class=\"local\">This page is part of Local Azure, which runs on this machine. It is not \
                         Microsoft's. A user without a password, such as the developer, needs none: never enter the \
                         password of a real account.</p>";

/// Whether a page of another site sent the form. Every browser states the origin of a form that it posts.
pub fn is_foreign(shared: &Shared, headers: &HeaderMap) -> bool {
    let own = [&shared.authority, &shared.outside].map(|own| own.trim_end_matches('/'));
    let origin = headers.get(ORIGIN);
    origin.is_some_and(|origin| !own.iter().any(|own| origin.as_bytes() == own.as_bytes()))
}

/// The answer to a form that a page of another site sent.
pub fn foreign() -> Response {
    show(
        StatusCode::FORBIDDEN,
        FAILED,
        "<p>The form was sent by a page of another site.</p>",
        "'self'",
    )
}

/// The user that the fields `user` and `password` of a form name. A user without a password stands for the person at this
/// machine, and needs none.
///
/// # Errors
///
/// The status of the answer, and what to tell the person.
pub fn authenticate(shared: &Shared, form: &Form) -> Result<User, (StatusCode, &'static str)> {
    let name = form.get("user").unwrap_or_default().trim();
    let user = users::find(&shared.azure, name).map_err(|_| (StatusCode::BAD_REQUEST, "Choose a user."))?;
    let password = form.get("password").unwrap_or_default();
    if user.password.is_some()
        && let Err(error) = users::check_password(shared, &user, password)
    {
        let text = if error.code() == users::LOCKED {
            "Too many wrong passwords were sent for this user. Try again in a minute."
        } else {
            "The password is wrong."
        };
        return Err((StatusCode::FORBIDDEN, text));
    }
    if user.is_enabled() {
        Ok(user)
    } else {
        Err((StatusCode::FORBIDDEN, "This user is disabled."))
    }
}

/// The fields `user` and `password` of a form. The user with the name `selected` is chosen. Each user is shown with their
/// groups, and their roles in the application if there is one.
pub fn user_fields(shared: &Shared, client: Option<Uuid>, selected: &str) -> String {
    let state = shared.azure.state();
    let all = &state.directory.users;
    let is_named = |user: &&User| user.user_principal_name.eq_ignore_ascii_case(selected);
    let chosen = all.iter().find(is_named).or_else(|| all.first()).map(|user| user.id);
    let mut list = String::new();
    for user in all {
        let name = &user.user_principal_name;
        let shown = user
            .properties
            .get("displayName")
            .and_then(Value::as_str)
            .unwrap_or(name);
        let checked = if chosen == Some(user.id) { " checked" } else { "" };
        let class = if user.password.is_some() {
            " class=\"with-password\""
        } else {
            ""
        };
        let _ = write!(
            list,
            "<label><input type=\"radio\" name=\"user\" value=\"{}\"{class} required{checked}><span><strong>{}</strong>",
            escape(name),
            escape(shown)
        );
        if shown != name {
            let _ = write!(list, " <span>{}</span>", escape(name));
        }
        let roles = client
            .map(|client| state.app_roles(user.id, client))
            .unwrap_or_default();
        let groups = state.groups_of(user.id);
        let groups = state.directory.groups.iter().filter(|group| groups.contains(&group.id));
        let groups = groups.map(|group| group.display_name.clone()).collect();
        for (kind, names) in [("Roles", roles), ("Groups", groups)] {
            if !names.is_empty() {
                let _ = write!(list, " <small>{kind}: {}</small>", escape(&names.join(", ")));
            }
        }
        if !user.is_enabled() {
            list.push_str(" <small>Disabled</small>");
        }
        list.push_str("</span></label>");
    }
    format!(
        "<fieldset><legend>User</legend>{list}</fieldset>\
         <p class=\"password\"><label>Password, if the user has one <input name=\"password\" type=\"password\" \
         autocomplete=\"current-password\"></label></p>"
    )
}

/// A message above a form.
pub fn alert(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    format!("<p role=\"alert\">{}</p>", escape(text))
}

/// A page. `targets` are the sources to which its forms, and redirections that follow, may lead.
pub fn show(status: StatusCode, title: &str, content: &str, targets: &str) -> Response {
    let policy =
        format!("default-src 'none'; style-src 'self'; form-action {targets}; frame-ancestors 'none'; base-uri 'none'");
    with_policy(status, title, content, &policy)
}

/// A page that posts these fields to another site at once, or when the button is pressed if scripts are turned off.
pub fn post_to(url: &str, fields: &[(&str, &str)]) -> Response {
    let mut inputs = String::new();
    for (name, value) in fields {
        let (name, value) = (escape(name), escape(value));
        let _ = write!(inputs, "<input type=\"hidden\" name=\"{name}\" value=\"{value}\">");
    }
    let content = format!(
        "<form method=\"post\" action=\"{}\">{inputs}<p><button>Continue</button></p></form>\
         <script src=\"{SUBMIT}\"></script>",
        escape(url)
    );
    // The address was checked. A limit on it would also apply to where that site leads.
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'";
    with_policy(StatusCode::OK, SIGN_IN, &content, policy)
}

/// The path of [`submit`].
pub const SUBMIT: &str = "/submit.js";

/// `GET /submit.js`
pub async fn submit() -> Response {
    let headers = [("content-type", "text/javascript; charset=utf-8")];
    (headers, "document.forms[0].submit();\n").into_response()
}

/// The path of [`style`].
pub const STYLE: &str = "/sign-in.css";

/// `GET /sign-in.css`
pub async fn style() -> Response {
    let headers = [("content-type", "text/css; charset=utf-8")];
    (headers, include_str!("sign_in.css")).into_response()
}

fn with_policy(status: StatusCode, title: &str, content: &str, policy: &str) -> Response {
    let page = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><title>{title}</title><link rel=\"stylesheet\" \
         href=\"{STYLE}\"></head><body><main><h1>{title}</h1>{content}</main></body></html>"
    );
    let headers = [
        (CONTENT_SECURITY_POLICY, policy),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, Html(page)).into_response()
}

/// Escapes a text for HTML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
