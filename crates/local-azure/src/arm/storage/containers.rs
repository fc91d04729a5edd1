//! The containers of a storage account, as the control plane sees them.
//! <https://learn.microsoft.com/rest/api/storagerp/blob-containers>

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::arm::answer::Answer;
use crate::arm::call::{self, Call, invalid_id};
use crate::arm::error::ArmError;
use crate::arm::locks::{self, Change};
use crate::arm::running::wait;
use crate::arm::service::Arm;
use crate::state::{CONTAINERS, Container, PublicAccess, ResourceId, State, StorageAccount};

/// The type of containers.
const KIND: &str = "Microsoft.Storage/storageAccounts/blobServices/containers";

/// `GET …/blobServices`: an account has one blob service.
pub fn services(call: &Call, account: &ResourceId) -> Result<Answer, ArmError> {
    Answer::list(call, vec![show_service(call, account)?])
}

/// `GET …/blobServices/default`
pub fn service(call: &Call, account: &ResourceId) -> Result<Answer, ArmError> {
    show_service(call, account).map(Answer::ok)
}

fn show_service(call: &Call, account: &ResourceId) -> Result<Value, ArmError> {
    let state = call.azure.state();
    call.check(&state, "Microsoft.Storage/storageAccounts/blobServices/read", account)?;
    find(&state, account)?;
    Ok(json!({
        "id": format!("{account}/blobServices/default"),
        "name": "default",
        "type": "Microsoft.Storage/storageAccounts/blobServices",
        "properties": {"cors": {"corsRules": []}, "deleteRetentionPolicy": {"enabled": false}},
    }))
}

fn find(state: &State, account: &ResourceId) -> Result<StorageAccount, ArmError> {
    state.at(account).ok_or_else(|| ArmError::no_such_resource(account))
}

/// `GET …/containers`: those that were created through the blob service too.
pub fn list(arm: &Arm, call: &Call, account: &ResourceId) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    call.check(&state, &format!("{KIND}/read"), account)?;
    let containers = containers(arm, &find(&state, account)?)?;
    let prefix = call.query("$filter").unwrap_or_default();
    let containers = containers.iter().filter(|container| container.name.starts_with(prefix));
    let values = containers.map(|container| show(account, container));
    Answer::list(call, values.collect())
}

/// A container.
pub fn one(arm: &Arm, call: &Call, account: &ResourceId, name: &str) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    let id = account.try_child(CONTAINERS, name).map_err(invalid_id)?;
    let verb = match call.method {
        Method::GET => "read",
        Method::PUT | Method::PATCH => "write",
        Method::DELETE => "delete",
        _ => return Err(call.unsupported()),
    };
    call.check(&state, &format!("{KIND}/{verb}"), &id)?;
    let existing = containers(arm, &find(&state, account)?)?
        .into_iter()
        .find(|one| one.name == name);
    match (&call.method, &existing) {
        (&Method::GET | &Method::PATCH, None) => Err(ArmError::not_found(
            "ContainerNotFound",
            "The container does not exist.",
        )),
        (&Method::GET, Some(found)) => Ok(Answer::ok(show(account, found))),
        (&Method::DELETE, _) => {
            locks::check(&state, &id, Change::Delete)?;
            let known = call.change(|state| {
                state.remove(&id);
                find(state, account)
            })?;
            if let Some(blobs) = &arm.running.blobs {
                wait(blobs.delete_container(&known, name))?;
            }
            let status = if existing.is_some() {
                StatusCode::OK
            } else {
                StatusCode::NO_CONTENT
            };
            Ok(Answer::empty(status))
        }
        _ => put(arm, call, account, name, existing.as_ref()),
    }
}

fn put(
    arm: &Arm,
    call: &Call,
    account: &ResourceId,
    name: &str,
    existing: Option<&Container>,
) -> Result<Answer, ArmError> {
    check_name(name)?;
    let properties = call::optional_object(call.object()?, "properties")?;
    let level = match properties {
        None => None,
        Some(properties) => call::optional(properties, "publicAccess")?,
    };
    let level = match level.map(str::to_lowercase).as_deref() {
        None => existing.map(|container| container.public_access).unwrap_or_default(),
        Some("none") => PublicAccess::None,
        Some("blob") => PublicAccess::Blob,
        Some("container") => PublicAccess::Container,
        Some(_) => {
            return Err(ArmError::invalid_content(
                "The request content was invalid: publicAccess must be None, Blob or Container.",
            ));
        }
    };
    let container = Container {
        name: name.to_owned(),
        public_access: level,
    };
    call.change(|state| {
        let mut account = find(state, account)?;
        locks::check(state, &account.id, Change::Write)?;
        if level != PublicAccess::None && !account.allow_blob_public_access {
            return Err(ArmError::conflict(
                "PublicAccessNotPermitted",
                "Public access is not permitted on this storage account.",
            ));
        }
        account.containers.retain(|other| other.name != name);
        account.containers.push(container.clone());
        state.put(&account);
        Ok(())
    })?;
    if let Some(blobs) = &arm.running.blobs {
        wait(blobs.reconcile())?;
    }
    let created = containers(arm, &find(&call.azure.state(), account)?)?;
    if !created.iter().any(|one| one.name == name) {
        return Err(ArmError::internal());
    }
    let status = if existing.is_some() {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    Ok(Answer::with(status, show(account, &container)))
}

/// <https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata>
fn check_name(name: &str) -> Result<(), ArmError> {
    let is_permitted = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let has_parts = name.split('-').all(|part| !part.is_empty());
    if (3..=63).contains(&name.len()) && name.bytes().all(is_permitted) && has_parts || name == "$root" {
        return Ok(());
    }
    Err(ArmError::bad_request(
        "ContainerOperationFailure",
        format!(
            "The container name '{name}' is not valid: use 3 to 63 lower-case letters, digits and single hyphens, with a \
             letter or a digit at both ends."
        ),
    ))
}

/// The containers of the running service, or those of the state.
fn containers(arm: &Arm, account: &StorageAccount) -> Result<Vec<Container>, ArmError> {
    match &arm.running.blobs {
        Some(blobs) => wait(blobs.containers(account)),
        None => Ok(account.containers.clone()),
    }
}

fn show(account: &ResourceId, container: &Container) -> Value {
    json!({
        "id": format!("{account}/blobServices/default/containers/{}", container.name),
        "name": container.name,
        "type": KIND,
        "properties": {
            "publicAccess": container.public_access,
            "leaseStatus": "Unlocked",
            "leaseState": "Available",
            "hasImmutabilityPolicy": false,
            "hasLegalHold": false,
        },
    })
}
