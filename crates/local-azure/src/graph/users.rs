//! Users, and the signed-in one.
//! <https://learn.microsoft.com/graph/api/resources/user>

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::answer::Answer;
use super::call::Call;
use super::error::GraphError;
use super::{directory_objects, kinds, properties, query, references, shown};
use crate::entra::{hash_password, is_complex};
use crate::state::{DOMAIN, PrincipalKind, State, User};
use crate::tokens::now;

/// `/users` and what is below it.
pub fn handle(call: &Call, path: &[&str]) -> Result<Answer, GraphError> {
    let state = call.azure.state();
    match (&call.method, path) {
        (&Method::GET, []) => {
            let users = state.directory.users.iter().map(shown::user).collect();
            Ok(Answer::ok(query::list(call, "users", users)?))
        }
        (&Method::POST, []) => {
            call.needs_administrator(&state, path)?;
            create(call)
        }
        (_, [id, rest @ ..]) => {
            call.needs_administrator(&state, rest)?;
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
    call.needs_administrator(&state, path)?;
    one(call, find(&state, &call.caller.id.to_string())?, path)
}

fn one(call: &Call, user: &User, path: &[&str]) -> Result<Answer, GraphError> {
    let id = user.id;
    match (&call.method, path) {
        (&Method::GET, []) => Ok(Answer::ok(query::one(call, "users", shown::user(user))?)),
        (&Method::PATCH, []) => {
            let mut body = call.object()?;
            kinds::USER.check(&body)?;
            if body.get("displayName") == Some(&Value::Null) {
                return Err(kinds::USER.invalid("displayName"));
            }
            let password = password(&mut body)?;
            let name = body.remove("userPrincipalName");
            call.change(|state| {
                let had_administrator = state.has_administrator();
                if let Some(name) = &name {
                    check_name(state, name.as_str().unwrap_or_default(), Some(id))?;
                }
                let mut users = state.directory.users.iter_mut();
                let user = users
                    .find(|user| user.id == id)
                    .ok_or_else(|| GraphError::not_found(&id.to_string()))?;
                if let Some(Value::String(name)) = name {
                    user.user_principal_name = name;
                }
                if let Some(password) = password {
                    set_password(user, password);
                }
                properties::set(&mut user.properties, body);
                check_administrator(state, had_administrator)
            })?;
            Ok(Answer::empty(StatusCode::NO_CONTENT))
        }
        (&Method::DELETE, []) => {
            call.change(|state| {
                let had_administrator = state.has_administrator();
                state.directory.users.retain(|user| user.id != id);
                references::forget(state, id);
                check_administrator(state, had_administrator)
            })?;
            Ok(Answer::empty(StatusCode::NO_CONTENT))
        }
        (_, rest) => directory_objects::relations(call, id, rest),
    }
}

/// # Errors
///
/// The change would leave no principal that can assign roles in the subscription. Azure permits this, but here it could not
/// be undone.
fn check_administrator(state: &State, had_one: bool) -> Result<(), GraphError> {
    if !had_one || state.has_administrator() {
        return Ok(());
    }
    Err(GraphError::bad_request(
        "This is the last user that can assign roles in the subscription of Local Azure. Assign the role Owner to another \
         one first.",
    ))
}

fn create(call: &Call) -> Result<Answer, GraphError> {
    let mut body = call.object()?;
    kinds::USER.check(&body)?;
    for required in ["userPrincipalName", "displayName", "mailNickname"] {
        if body.get(required).and_then(Value::as_str).is_none_or(str::is_empty) {
            return Err(GraphError::text_required(required));
        }
    }
    if !body.contains_key("accountEnabled") {
        return Err(GraphError::value_required("accountEnabled"));
    }
    let password = password(&mut body)?.ok_or_else(|| GraphError::value_required("passwordProfile"))?;
    let name = body.remove("userPrincipalName").unwrap_or_default();
    let name = name.as_str().unwrap_or_default();
    let mut user = User::new(name);
    set_password(&mut user, password);
    properties::set(&mut user.properties, body);
    user.properties
        .insert("createdDateTime".to_owned(), crate::log_time::now().into());
    let shown = shown::user(&user);
    call.change(|state| {
        check_name(state, name, None)?;
        state.directory.users.push(user);
        Ok(())
    })?;
    Ok(Answer::created(query::one(call, "users", shown)?))
}

fn set_password(user: &mut User, hash: String) {
    user.password = Some(hash);
    user.password_set = Some(now());
}

/// Takes the password profile out of a body, and returns the hash of its password.
/// <https://learn.microsoft.com/entra/identity/authentication/concept-sspr-policy>
fn password(body: &mut Map<String, Value>) -> Result<Option<String>, GraphError> {
    let Some(Value::Object(profile)) = body.remove("passwordProfile") else {
        return Ok(None);
    };
    kinds::PASSWORD_PROFILE.check(&profile)?;
    let Some(password) = profile.get("password").and_then(Value::as_str) else {
        return Ok(None);
    };
    if !(8..=256).contains(&password.chars().count()) || !is_complex(password) {
        return Err(GraphError::bad_request(
            "The specified password does not comply with password complexity requirements. Please provide a different \
             password.",
        ));
    }
    Ok(Some(hash_password(password)))
}

/// # Errors
///
/// The name is not permitted, is not one of the tenant's domain, or another user has it.
fn check_name(state: &State, name: &str, own: Option<Uuid>) -> Result<(), GraphError> {
    let (local, domain) = name.split_once('@').unwrap_or_default();
    if !properties::is_user_name(local) {
        return Err(GraphError::bad_request("Property userPrincipalName is invalid."));
    }
    if !domain.eq_ignore_ascii_case(DOMAIN) {
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
