//! Microsoft.ManagedIdentity.
//! <https://learn.microsoft.com/rest/api/managedidentity>

use axum::http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::answer::Answer;
use super::call::Call;
use super::error::ArmError;
use super::{locks, scopes};
use crate::state::{FEDERATED_CREDENTIALS, ManagedIdentity, Resource, ResourceId, State};

/// The type of federated identity credentials.
pub const CREDENTIALS: &str = "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials";
/// How many federated identity credentials an identity may have.
/// <https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations>
const CREDENTIAL_LIMIT: usize = 20;

/// Whether the name has 3 to `longest` letters, digits, hyphens and underscores, and a letter or a digit first.
fn is_name(name: &str, longest: usize) -> bool {
    let is_permitted = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    (3..=longest).contains(&name.len())
        && name.chars().all(is_permitted)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// Gives a new identity its service principal.
pub fn put(state: &State, resource: &mut Resource) -> Result<(), ArmError> {
    let name = resource.id.name();
    if !is_name(name, 128) {
        return Err(ArmError::bad_request(
            "InvalidResourceName",
            format!(
                "The resource name '{name}' is not valid. Use 3 to 128 letters, digits, hyphens and underscores, and a \
                 letter or a digit first."
            ),
        ));
    }
    let existing = state.get(&resource.id);
    for property in ["clientId", "principalId"] {
        // A client may send these, but cannot choose them.
        let kept = existing
            .and_then(|identity| identity.guid(property))
            .unwrap_or_else(Uuid::new_v4);
        resource.set(property, kept.to_string());
    }
    resource.set("tenantId", state.tenant.to_string());
    Ok(())
}

/// Azure shows no provisioning state of identities and their credentials.
pub fn show(_: &State, resource: &mut Value) {
    if let Some(properties) = resource["properties"].as_object_mut() {
        properties.remove("provisioningState");
    }
}

/// Checks a federated identity credential.
pub fn put_credential(state: &State, resource: &mut Resource) -> Result<(), ArmError> {
    let invalid = |message: String| ArmError::bad_request("BadRequest", message);
    let name = resource.id.name();
    if !is_name(name, 120) {
        return Err(invalid(format!(
            "The name '{name}' of the federated identity credential is not valid. Use 3 to 120 letters, digits, hyphens and \
             underscores, and a letter or a digit first."
        )));
    }
    for property in ["issuer", "subject"] {
        let text = resource.text(property).unwrap_or_default();
        if text.trim().is_empty() || text.len() > 600 {
            return Err(invalid(format!(
                "A federated identity credential must specify 'issuer', 'subject' and 'audiences'. '{property}' is missing \
                 or longer than 600 characters."
            )));
        }
    }
    let issuer = url::Url::parse(resource.text("issuer").unwrap_or_default());
    if !issuer.is_ok_and(|issuer| issuer.scheme() == "https" && issuer.has_host()) {
        return Err(invalid("The property 'issuer' must be an HTTPS address.".to_owned()));
    }
    let audiences = resource.properties.get("audiences").and_then(Value::as_array);
    if audiences.is_none_or(|all| all.len() != 1 || all[0].as_str().is_none_or(|one| one.trim().is_empty())) {
        return Err(invalid(
            "A federated identity credential must specify 'audiences', a list with one string.".to_owned(),
        ));
    }
    let identity = scopes::parent(&resource.id);
    let others: Vec<_> = state
        .children(&identity, FEDERATED_CREDENTIALS)
        .filter(|other| other.id != resource.id)
        .collect();
    if others.len() >= CREDENTIAL_LIMIT {
        return Err(invalid(format!(
            "An identity has at most {CREDENTIAL_LIMIT} federated identity credentials."
        )));
    }
    let is_same = |other: &&Resource| {
        let same = |name| other.text(name) == resource.text(name);
        same("issuer") && same("subject")
    };
    if others.iter().any(is_same) {
        return Err(ArmError::conflict(
            "Conflict",
            "Issuer and subject combination already exists for this Managed Identity.",
        ));
    }
    Ok(())
}

/// `GET {scope}/providers/Microsoft.ManagedIdentity/identities/default`: the system-assigned identity of a resource.
pub fn system_assigned(call: &Call, scope: &ResourceId) -> Result<Answer, ArmError> {
    if call.method != Method::GET {
        return Err(call.unsupported());
    }
    let state = call.azure.state();
    call.check(&state, "Microsoft.ManagedIdentity/identities/read", scope)?;
    scopes::check_exists(&state, scope)?;
    let resource = state.get(scope).ok_or_else(|| ArmError::no_such_resource(scope))?;
    let system = resource.identity.system.ok_or_else(|| {
        ArmError::not_found(
            "ResourceNotFound",
            format!("The resource '{scope}' has no system-assigned identity."),
        )
    })?;
    Ok(Answer::ok(json!({
        "id": format!("{scope}/providers/Microsoft.ManagedIdentity/identities/default"),
        "name": "default",
        "type": "Microsoft.ManagedIdentity/identities",
        "location": resource.location,
        "tags": resource.tags,
        "properties": {
            "tenantId": state.tenant,
            "principalId": system.principal_id,
            "clientId": system.client_id,
        },
    })))
}

/// `POST …/userAssignedIdentities/{name}/listAssociatedResources`: the resources that use the identity.
pub fn associated_resources(call: &Call, id: &ResourceId) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    let action = "Microsoft.ManagedIdentity/userAssignedIdentities/listAssociatedResources/action";
    locks::check_action(call, &state, action, id)?;
    if state.at::<ManagedIdentity>(id).is_none() {
        return Err(ArmError::no_such_resource(id));
    }
    let users = state.resources().filter(|resource| resource.identity.user.contains(id));
    let show = |resource: &Resource| {
        json!({
            "id": resource.id,
            "name": resource.id.name(),
            "type": resource.id.kind().to_ascii_lowercase(),
            "resourceGroup": resource.id.resource_group(),
            "subscriptionId": state.subscription,
            "subscriptionDisplayName": "Local Azure",
        })
    };
    let values: Vec<Value> = users.map(show).collect();
    let count = values.len();
    let mut answer = Answer::list(call, values)?;
    if let Some(body) = &mut answer.body {
        body["totalCount"] = count.into();
    }
    Ok(answer)
}
