//! App Service plans.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::arm::error::ArmError;
use crate::arm::types::Type;
use crate::state::{Plan, Resource, ResourceId, State, View as _, WebApp};

/// App Service plans.
pub const PLANS: Type = Type {
    kind: Plan::KIND,
    put,
    show,
    created: StatusCode::OK,
};

/// A tier of plans.
struct Tier {
    name: &'static str,
    family: &'static str,
    sizes: &'static [&'static str],
    /// The most instances that a plan has.
    instances: u64,
}

/// <https://learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits#azure-app-service-limits>
const TIERS: [Tier; 10] = [
    tier("Free", "F", &["F1"], 1),
    tier("Shared", "D", &["D1"], 1),
    tier("Basic", "B", &["B1", "B2", "B3"], 3),
    tier("Standard", "S", &["S1", "S2", "S3"], 10),
    tier("PremiumV2", "Pv2", &["P1V2", "P2V2", "P3V2"], 30),
    tier("Premium0V3", "Pv3", &["P0V3"], 30),
    tier("PremiumV3", "Pv3", &["P1V3", "P2V3", "P3V3"], 30),
    tier("PremiumMV3", "Pmv3", &["P1MV3", "P2MV3", "P3MV3", "P4MV3", "P5MV3"], 30),
    tier("PremiumV4", "Pv4", &["P0V4", "P1V4", "P2V4", "P3V4"], 30),
    tier("PremiumMV4", "Pmv4", &["P1MV4", "P2MV4", "P3MV4", "P4MV4", "P5MV4"], 30),
];

const fn tier(name: &'static str, family: &'static str, sizes: &'static [&'static str], instances: u64) -> Tier {
    Tier {
        name,
        family,
        sizes,
        instances,
    }
}

/// The tier of a size.
fn tier_of(size: &str) -> Option<&'static Tier> {
    TIERS.iter().find(|tier| tier.sizes.contains(&size))
}

fn put(state: &State, plan: &mut Resource) -> Result<(), ArmError> {
    let existing = state.at::<Plan>(&plan.id);
    let sku = plan.sku.get_or_insert_with(|| json!({"name": "B1"}));
    let Some(name) = sku["name"]
        .as_str()
        .map(str::to_uppercase)
        .filter(|name| !name.is_empty())
    else {
        return Err(ArmError::invalid_content(
            "The sku of an App Service plan needs a name, such as B1.",
        ));
    };
    let Some(tier) = tier_of(&name) else {
        let sizes: Vec<_> = TIERS.iter().flat_map(|tier| tier.sizes).copied().collect();
        return Err(ArmError::invalid_content(format!(
            "The sku '{name}' is not valid. Local Azure has plans for web apps, without an App Service Environment: {}.",
            sizes.join(", ")
        )));
    };
    let before = existing.map_or(1, |plan| u64::from(plan.instances));
    let instances = match &sku["capacity"] {
        Value::Null => before.min(tier.instances),
        value => value.as_u64().filter(|count| *count > 0).ok_or_else(|| {
            ArmError::invalid_content("The capacity of the sku of an App Service plan must be a number from 1.")
        })?,
    };
    // `local-azure scale` does not know tiers.
    if instances > tier.instances && instances != before {
        return Err(ArmError::bad_request(
            "BadRequest",
            format!(
                "The number of workers {instances} is not valid: a plan of the tier {} has at most {}.",
                tier.name, tier.instances
            ),
        ));
    }
    *sku = json!({
        "name": name, "tier": tier.name, "size": name, "family": tier.family, "capacity": instances,
    });
    if plan.properties.get("hyperV") == Some(&true.into()) {
        return Err(ArmError::bad_request("BadRequest", "Local Azure has Linux plans only."));
    }
    plan.kind = Some("linux".to_owned());
    plan.set("reserved", true);
    plan.set("status", "Ready");
    Ok(())
}

/// # Errors
///
/// It is a plan that has web apps.
pub fn check_unused(state: &State, id: &ResourceId) -> Result<(), ArmError> {
    let apps: Vec<_> = state.all::<WebApp>().filter(|app| app.plan == *id).collect();
    if apps.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = apps.iter().map(WebApp::name).collect();
    Err(ArmError::conflict(
        "Conflict",
        format!(
            "Server farm '{}' cannot be deleted because it has web app(s) {} assigned to it.",
            id.name(),
            names.join(", ")
        ),
    ))
}

fn show(state: &State, plan: &mut Value) {
    let id: Option<ResourceId> = plan["id"].as_str().and_then(|id| id.parse().ok());
    let group = id.as_ref().and_then(|id| id.resource_group().map(str::to_owned));
    let apps = state
        .all::<WebApp>()
        .filter(|app| Some(&app.plan) == id.as_ref())
        .count();
    let most = plan["sku"]["name"]
        .as_str()
        .and_then(tier_of)
        .map(|tier| tier.instances);
    let name = plan["name"].clone();
    let location = plan["location"].clone();
    let workers = plan["sku"]["capacity"].clone();
    let subscription = state.subscription;
    let properties = &mut plan["properties"];
    for (name, value) in [
        ("name", name),
        ("resourceGroup", json!(group)),
        ("subscription", json!(subscription)),
        ("geoRegion", location),
        ("numberOfSites", apps.into()),
        ("numberOfWorkers", workers.clone()),
        ("currentNumberOfWorkers", workers),
        ("maximumNumberOfWorkers", json!(most)),
    ] {
        properties[name] = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_is_in_one_tier() {
        let sizes: Vec<_> = TIERS.iter().flat_map(|tier| tier.sizes).collect();
        let unique: std::collections::BTreeSet<_> = sizes.iter().collect();
        assert_eq!(unique.len(), sizes.len());
        assert_eq!(tier_of("P1V3").map(|tier| tier.name), Some("PremiumV3"));
        assert!(tier_of("I1V2").is_none() && tier_of("b1").is_none());
    }
}
