//! Tenants, subscriptions and locations.
//! <https://learn.microsoft.com/rest/api/resources/subscriptions>

use axum::http::Method;
use serde_json::{Value, json};

use super::answer::Answer;
use super::call::{Call, required};
use super::error::ArmError;
use super::locations::LOCATIONS;
use crate::state::{DOMAIN, State};

const READ: &str = "Microsoft.Resources/subscriptions/read";

/// `GET /tenants`
pub fn tenants(call: &Call) -> Result<Answer, ArmError> {
    let tenant = call.azure.state().tenant;
    let value = json!({
        "id": format!("/tenants/{tenant}"),
        "tenantId": tenant,
        "displayName": "Contoso",
        "defaultDomain": DOMAIN,
        "countryCode": "US",
        "tenantCategory": "Home",
        "tenantType": "AAD",
        "domains": [DOMAIN],
    });
    Answer::list(call, vec![value])
}

/// `GET /subscriptions`. A caller without any role in the subscription does not see it.
pub fn list(call: &Call) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    let is_visible = call.check_member(&state, READ).is_ok();
    Answer::list(call, is_visible.then(|| show(&state)).into_iter().collect())
}

/// `GET /subscriptions/{id}`
pub fn get(call: &Call) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    call.check_member(&state, READ)?;
    Ok(Answer::ok(show(&state)))
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
    let state = call.azure.state();
    call.check_member(&state, "Microsoft.Resources/subscriptions/locations/read")?;
    let subscription = state.subscription;
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

/// `POST /providers/Microsoft.Resources/checkResourceName`: whether a name has a reserved word.
/// <https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-reserved-resource-name>
pub fn check_name(call: &Call) -> Result<Answer, ArmError> {
    call.needs(&Method::POST)?;
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
