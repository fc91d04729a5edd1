//! Users, and the signed-in one.
//! <https://learn.microsoft.com/graph/api/resources/user>

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::answer::Answer;
use super::call::{Call, take_text};
use super::error::GraphError;
use super::{directory_objects, query, shown};
use crate::entra::hash_password;
use crate::state::{PrincipalKind, State, User};

/// The domain of the tenant.
const DOMAIN: &str = "contoso.onmicrosoft.com";

/// `/users` and what is below it.
pub fn handle(call: &Call, path: &[&str]) -> Result<Answer, GraphError> {
    let state = call.azure.state();
    match (&call.method, path) {
        (&Method::GET, []) => {
            let users = state.directory.users.iter().map(shown::user).collect();
            Ok(Answer::ok(query::list(call, "users", users)?))
        }
        (&Method::POST, []) => create(call),
        (_, [id, rest @ ..]) => {
            let user = find(&state, id)?;
            one(call, user, rest)
        }
        _ => Err(call.unsupported()),
    }
}

/// `/me` and what is below it.
pub fn me(call: &Call, path: &[&str]) -> Result<Answer, GraphError> {
    if call.caller.kind != PrincipalKind::User {
        return Err(GraphError::bad_request(
            "/me request is only valid with delegated authentication flow.",
        ));
    }
    let state = call.azure.state();
    if let ["ownedobjects"] = path {
        return directory_objects::owned_by(call, call.caller.id);
    }
    one(call, find(&state, &call.caller.id.to_string())?, path)
}

fn one(call: &Call, user: &User, path: &[&str]) -> Result<Answer, GraphError> {
    let id = user.id;
    match (&call.method, path) {
        (&Method::GET, []) => Ok(Answer::ok(query::one(call, "users", shown::user(user)))),
        (&Method::PATCH, []) => {
            let mut body = call.object()?;
            let password = password(&mut body)?;
            call.change(|state| {
                let name = take_text(&mut body, "userPrincipalName");
                if let Some(name) = &name {
                    check_name(state, name, Some(id))?;
                }
                let mut users = state.directory.users.iter_mut();
                let user = users
                    .find(|user| user.id == id)
                    .ok_or_else(|| GraphError::not_found(&id.to_string()))?;
                if let Some(name) = name {
                    user.user_principal_name = name;
                }
                if let Some(password) = password {
                    user.password = Some(password);
                }
                user.other.extend(body);
                Ok(())
            })?;
            Ok(Answer::empty(StatusCode::NO_CONTENT))
        }
        (&Method::DELETE, []) => {
            call.change(|state| {
                state.directory.users.retain(|user| user.id != id);
                directory_objects::forget(state, id);
                Ok(())
            })?;
            Ok(Answer::empty(StatusCode::NO_CONTENT))
        }
        (_, rest) => directory_objects::relations(call, id, rest),
    }
}

fn create(call: &Call) -> Result<Answer, GraphError> {
    let mut body = call.object()?;
    let name = take_text(&mut body, "userPrincipalName").filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| GraphError::invalid_property("userPrincipalName"))?;
    for required in ["displayName", "mailNickname"] {
        if body.get(required).and_then(Value::as_str).is_none_or(str::is_empty) {
            return Err(GraphError::invalid_property(required));
        }
    }
    if !body.get("accountEnabled").is_some_and(Value::is_boolean) {
        return Err(GraphError::required("accountEnabled"));
    }
    let mut user = User::new(&name);
    user.password = password(&mut body)?;
    if user.password.is_none() {
        return Err(GraphError::invalid_property("passwordProfile"));
    }
    user.other = body;
    let shown = shown::user(&user);
    call.change(|state| {
        check_name(state, &name, None)?;
        state.directory.users.push(user);
        Ok(())
    })?;
    Ok(Answer::created(query::one(call, "users", shown)))
}

/// Takes the password out of a body, and returns its hash.
/// <https://learn.microsoft.com/entra/identity/authentication/concept-sspr-policy>
fn password(body: &mut Map<String, Value>) -> Result<Option<String>, GraphError> {
    let Some(profile) = body.remove("passwordProfile") else {
        return Ok(None);
    };
    let password = profile["password"].as_str().unwrap_or_default();
    let kinds: [fn(char) -> bool; 4] = [
        |c| c.is_lowercase(),
        |c| c.is_uppercase(),
        |c| c.is_numeric(),
        |c| !c.is_alphanumeric(),
    ];
    let found = kinds.iter().filter(|is_one| password.contains(**is_one)).count();
    if !(8..=256).contains(&password.chars().count()) || found < 3 {
        return Err(GraphError::bad_request(
            "The specified password does not comply with password complexity requirements. Please provide a different \
             password.",
        ));
    }
    Ok(Some(hash_password(password)))
}

/// # Errors
///
/// The name is not one of the tenant's domain, or another user has it.
fn check_name(state: &State, name: &str, own: Option<Uuid>) -> Result<(), GraphError> {
    let (local, domain) = name.split_once('@').unwrap_or_default();
    if local.is_empty() || !domain.eq_ignore_ascii_case(DOMAIN) || name.len() > 113 {
        return Err(GraphError::bad_request(
            "The domain portion of the userPrincipalName property is invalid. You must use one of the verified domain \
             names in your organization.",
        ));
    }
    let mut users = state.directory.users.iter();
    let is_other = |user: &User| user.user_principal_name.eq_ignore_ascii_case(name) && Some(user.id) != own;
    if users.any(is_other) {
        return Err(GraphError::bad_request(
            "Another object with the same value for property userPrincipalName already exists.",
        ));
    }
    Ok(())
}

/// The user with that object id or name.
fn find<'a>(state: &'a State, id: &str) -> Result<&'a User, GraphError> {
    let guid = Uuid::try_parse(id).ok();
    let mut users = state.directory.users.iter();
    let found = users.find(|user| Some(user.id) == guid || user.user_principal_name.eq_ignore_ascii_case(id));
    found.ok_or_else(|| GraphError::not_found(id))
}
