//! Tenants, subscriptions, locations and resource providers.
//! <https://learn.microsoft.com/rest/api/resources/subscriptions>

use serde_json::{Value, json};

use super::answer::Answer;
use super::call::{Call, required};
use super::error::ArmError;
use super::types::{PROVIDERS, Provider, provider};
use crate::state::{ResourceId, State};

/// The names of the regions, as `az account list-locations` shows them.
const LOCATIONS: [(&str, &str); 12] = [
    ("eastus", "East US"),
    ("eastus2", "East US 2"),
    ("westus", "West US"),
    ("westus2", "West US 2"),
    ("westus3", "West US 3"),
    ("centralus", "Central US"),
    ("northeurope", "North Europe"),
    ("westeurope", "West Europe"),
    ("uksouth", "UK South"),
    ("germanywestcentral", "Germany West Central"),
    ("switzerlandnorth", "Switzerland North"),
    ("southeastasia", "Southeast Asia"),
];

/// `GET /tenants`
pub fn tenants(call: &Call) -> Result<Answer, ArmError> {
    let tenant = call.azure.state().tenant;
    let value = json!({
        "id": format!("/tenants/{tenant}"),
        "tenantId": tenant,
        "displayName": "Contoso",
        "defaultDomain": "contoso.onmicrosoft.com",
        "countryCode": "US",
        "tenantCategory": "Home",
        "tenantType": "AAD",
        "domains": ["contoso.onmicrosoft.com"],
    });
    Answer::list(call, vec![value])
}

/// `GET /subscriptions`. A caller without any role in the subscription does not see it.
pub fn list(call: &Call) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    let is_visible = sees_something(call, &state);
    Answer::list(call, is_visible.then(|| show(&state)).into_iter().collect())
}

/// `GET /subscriptions/{id}`
pub fn get(call: &Call) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    if sees_something(call, &state) {
        return Ok(Answer::ok(show(&state)));
    }
    let id = ResourceId::subscription(state.subscription);
    Err(call.refusal("Microsoft.Resources/subscriptions/read", &id))
}

/// Whether the caller has a role anywhere in the subscription.
fn sees_something(call: &Call, state: &State) -> bool {
    let mut holders = state.groups_of(call.caller.id);
    holders.push(call.caller.id);
    let mut assignments = state.role_assignments.iter();
    assignments.any(|assignment| holders.contains(&assignment.principal_id))
}

fn show(state: &State) -> Value {
    let (subscription, tenant) = (state.subscription, state.tenant);
    json!({
        "id": format!("/subscriptions/{subscription}"),
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": subscription,
        "tenantId": tenant,
        "displayName": "Local Azure",
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    })
}

/// `GET /subscriptions/{id}/locations`
pub fn locations(call: &Call) -> Result<Answer, ArmError> {
    let subscription = call.azure.state().subscription;
    let location = |(name, display): &(&str, &str)| {
        json!({
            "id": format!("/subscriptions/{subscription}/locations/{name}"),
            "name": name,
            "type": "Region",
            "displayName": display,
            "regionalDisplayName": display,
            "metadata": {"regionType": "Physical", "regionCategory": "Recommended"},
        })
    };
    Answer::list(call, LOCATIONS.iter().map(location).collect())
}

/// `GET /subscriptions/{id}/providers`
pub fn providers(call: &Call) -> Result<Answer, ArmError> {
    let subscription = call.azure.state().subscription;
    let all = PROVIDERS.iter();
    Answer::list(
        call,
        all.map(|provider| show_provider(provider, subscription)).collect(),
    )
}

/// `GET /subscriptions/{id}/providers/{namespace}`, and the operations `register` and `unregister` on it. Every emulated
/// provider is registered.
pub fn one_provider(call: &Call, namespace: &str) -> Result<Answer, ArmError> {
    let found = provider(namespace).ok_or_else(|| {
        ArmError::not_found(
            "InvalidResourceNamespace",
            format!("The resource namespace '{namespace}' is invalid: Local Azure does not emulate it."),
        )
    })?;
    Ok(Answer::ok(show_provider(found, call.azure.state().subscription)))
}

/// `POST /providers/Microsoft.Resources/checkResourceName`: whether a name has a reserved word.
/// <https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-reserved-resource-name>
pub fn check_name(call: &Call) -> Result<Answer, ArmError> {
    let body = call.object()?;
    let (name, kind) = (required(body, "name")?, required(body, "type")?);
    let upper = name.to_uppercase();
    if ["MICROSOFT", "WINDOWS"].iter().any(|word| upper.contains(word)) || upper.starts_with("LOGIN") {
        return Err(ArmError::bad_request(
            "ReservedResourceName",
            format!("The resource name '{name}' or a part of the name is a trademarked or reserved word."),
        ));
    }
    Ok(Answer::ok(json!({"name": name, "type": kind, "status": "Allowed"})))
}

fn show_provider(provider: &Provider, subscription: uuid::Uuid) -> Value {
    let locations: Vec<_> = LOCATIONS.iter().map(|(_, display)| *display).collect();
    let versions: Vec<_> = provider.versions.iter().rev().collect();
    let types: Vec<_> = provider
        .types
        .iter()
        .map(|name| {
            json!({
                "resourceType": name,
                "locations": locations,
                "apiVersions": versions,
                "capabilities": "SupportsTags, SupportsLocation",
            })
        })
        .collect();
    json!({
        "id": format!("/subscriptions/{subscription}/providers/{}", provider.namespace),
        "namespace": provider.namespace,
        "resourceTypes": types,
        "registrationState": "Registered",
        "registrationPolicy": "RegistrationRequired",
    })
}

/// The region as it is written without blanks, if it is known.
pub fn location(text: &str) -> Option<&'static str> {
    let plain = text.replace(' ', "").to_lowercase();
    LOCATIONS.iter().map(|(name, _)| *name).find(|name| *name == plain)
}
