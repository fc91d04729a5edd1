//! Microsoft.Authorization/locks: what may not be changed or deleted.
//! <https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources>

use axum::http::{Method, StatusCode};
use serde_json::Value;

use super::answer::{self, Answer, Filterable};
use super::call::{self, Call};
use super::error::ArmError;
use super::scopes;
use crate::state::{Resource, ResourceId, State};

/// The type of locks.
pub const LOCKS: &str = "Microsoft.Authorization/locks";
const FILTERABLE: Filterable = Filterable {
    properties: &["name"],
    functions: &["atScope"],
};

/// A change that a lock may prevent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Creating or changing a resource, or an operation such as listing keys.
    Write,
    /// Deleting a resource.
    Delete,
}

/// # Errors
///
/// A lock on the resource, on what contains it, or, for a deletion, on what it contains prevents the change.
pub fn check(state: &State, id: &ResourceId, change: Change) -> Result<(), ArmError> {
    check_scopes(state, id, change, |locked| {
        locked.contains(id) || change == Change::Delete && id.contains(locked)
    })
}

/// # Errors
///
/// A lock on the resource or on what contains it prevents the change.
pub fn check_above(state: &State, id: &ResourceId, change: Change) -> Result<(), ArmError> {
    check_scopes(state, id, change, |locked| locked.contains(id))
}

fn check_scopes(
    state: &State,
    id: &ResourceId,
    change: Change,
    concerns: impl Fn(&ResourceId) -> bool,
) -> Result<(), ArmError> {
    let prevents = |lock: &&Resource| {
        let is_read_only = level(lock).eq_ignore_ascii_case("ReadOnly");
        (is_read_only || change == Change::Delete) && concerns(&scope_of(&lock.id))
    };
    let scopes: Vec<_> = all(state).filter(prevents).map(|lock| scope_of(&lock.id)).collect();
    if scopes.is_empty() {
        return Ok(());
    }
    let scopes: Vec<_> = scopes.iter().map(ResourceId::as_str).collect();
    let scopes = scopes.join("', '");
    let verb = match change {
        Change::Write => "write",
        Change::Delete => "delete",
    };
    Err(ArmError::conflict(
        "ScopeLocked",
        format!(
            "The scope '{id}' cannot perform {verb} operation because following scope(s) are locked: '{scopes}'. Please \
             remove the lock and try again."
        ),
    ))
}

/// Checks the permission for an operation such as `Microsoft.Web/sites/stop/action`, and that no lock prevents it.
///
/// # Errors
///
/// The method is not POST, the caller may not carry out the operation, or a `ReadOnly` lock prevents it.
pub fn check_action(call: &Call, state: &State, action: &str, id: &ResourceId) -> Result<(), ArmError> {
    call.needs(&Method::POST)?;
    call.check(state, action, id)?;
    check(state, id, Change::Write)
}

fn all(state: &State) -> impl Iterator<Item = &Resource> {
    state.resources().filter(|resource| resource.id.is(LOCKS))
}

fn level(lock: &Resource) -> &str {
    lock.text("level").unwrap_or_default()
}

/// What a lock is on.
fn scope_of(lock: &ResourceId) -> ResourceId {
    let text = lock.as_str();
    let end = text
        .to_ascii_lowercase()
        .rfind("/providers/microsoft.authorization/locks/");
    let scope = &text[..end.unwrap_or(text.len())];
    scope.parse().unwrap_or_else(|_| lock.clone())
}

/// `GET {scope}/providers/Microsoft.Authorization/locks`: the locks on the scope, above it and below it.
pub fn list(call: &Call, scope: &ResourceId) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    call.check(&state, "Microsoft.Authorization/locks/read", scope)?;
    let is_near = |lock: &&Resource| {
        let on = scope_of(&lock.id);
        on.contains(scope) || scope.contains(&on)
    };
    let locks = all(&state)
        .filter(is_near)
        .map(|lock| answer::show(&state, lock))
        .collect();
    let at_scope = |lock: &Value, name: &str, _: &[_]| {
        let on = lock["id"]
            .as_str()
            .and_then(|id| id.parse().ok())
            .map(|id| scope_of(&id));
        name.eq_ignore_ascii_case("atScope") && on.is_some_and(|on| on.contains(scope))
    };
    Answer::list(call, answer::filter(call, locks, &FILTERABLE, at_scope)?)
}

/// A lock by its id.
pub fn handle(call: &Call, id: &ResourceId) -> Result<Answer, ArmError> {
    let scope = scope_of(id);
    let state = call.azure.state();
    match call.method {
        Method::GET => {
            call.check(&state, "Microsoft.Authorization/locks/read", &scope)?;
            let lock = state.get(id).ok_or_else(|| no_such_lock(id))?;
            Ok(Answer::ok(answer::show(&state, lock)))
        }
        Method::PUT => put(call, id, &scope),
        Method::DELETE => {
            call.check(&state, "Microsoft.Authorization/locks/delete", &scope)?;
            let existed = call.change(|state| Ok(state.remove(id)))?;
            let status = if existed {
                StatusCode::OK
            } else {
                StatusCode::NO_CONTENT
            };
            Ok(Answer::empty(status))
        }
        _ => Err(call.unsupported()),
    }
}

fn put(call: &Call, id: &ResourceId, scope: &ResourceId) -> Result<Answer, ArmError> {
    let properties = call.properties()?;
    let level = call::required(properties, "level")?;
    let level = ["CanNotDelete", "ReadOnly"]
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(level))
        .ok_or_else(|| {
            let message = format!("The lock level '{level}' is not valid. Use CanNotDelete or ReadOnly.");
            ArmError::bad_request("InvalidLockLevel", message)
        })?;
    let name = id.name();
    if name.chars().count() > 260 || name.contains(|c: char| c.is_control() || "<>%&\\?/".contains(c)) {
        let message =
            format!("The lock name '{name}' is not valid: it has more than 260 characters, or one of <>%&\\?/.");
        return Err(ArmError::bad_request("InvalidLockName", message));
    }
    call::optional(properties, "notes")?;
    if properties
        .get("owners")
        .is_some_and(|owners| !owners.is_array() && !owners.is_null())
    {
        return Err(ArmError::invalid_content(
            "The request content was invalid: the property 'owners' must be a list.",
        ));
    }
    let status = call.change(|state| {
        call.check(state, "Microsoft.Authorization/locks/write", scope)?;
        scopes::check_exists(state, scope)?;
        let status = if state.get(id).is_some() {
            StatusCode::OK
        } else {
            StatusCode::CREATED
        };
        state.update(id, |lock| {
            lock.properties.clone_from(properties);
            lock.set("level", level);
        });
        Ok(status)
    })?;
    let state = call.azure.state();
    let lock = state.get(id).ok_or_else(|| no_such_lock(id))?;
    Ok(Answer::with(status, answer::show(&state, lock)))
}

fn no_such_lock(id: &ResourceId) -> ArmError {
    ArmError::not_found("LockNotFound", format!("The lock '{}' could not be found.", id.name()))
}
