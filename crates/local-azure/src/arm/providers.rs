//! The resource providers, and whether the subscription is registered for them.
//! <https://learn.microsoft.com/azure/azure-resource-manager/management/resource-providers-and-types>

use std::collections::BTreeSet;

use axum::http::Method;
use serde_json::{Value, json};

use super::answer::Answer;
use super::call::Call;
use super::error::ArmError;
use super::locations::LOCATIONS;
use super::service::Arm;
use super::types::{self, PROVIDERS, provider};
use crate::state::{Permission, ResourceId, RoleDefinition, State};

const READ: &str = "Microsoft.Resources/subscriptions/providers/read";
/// The version of every provider that is only stored.
const STORED_VERSION: &str = "2025-01-01";

/// `GET /subscriptions/{id}/providers`
pub fn list(arm: &Arm, call: &Call) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    call.check_member(&state, READ)?;
    let emulated = PROVIDERS.iter().map(|provider| provider.namespace.to_owned());
    let mut namespaces: Vec<_> = emulated.collect();
    for namespace in arm.stored.names().chain(used(&state)) {
        if !namespaces.iter().any(|known| known.eq_ignore_ascii_case(&namespace)) {
            namespaces.push(namespace);
        }
    }
    namespaces.sort();
    let shown = namespaces.iter().filter_map(|namespace| show(arm, &state, namespace));
    Answer::list(call, shown.collect())
}

/// `GET /subscriptions/{id}/providers/{namespace}`
pub fn one(arm: &Arm, call: &Call, namespace: &str) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    call.check_member(&state, READ)?;
    let shown = show(arm, &state, namespace);
    shown.map(Answer::ok).ok_or_else(|| types::not_emulated(namespace))
}

/// `POST /subscriptions/{id}/providers/{namespace}/register` and `unregister`
pub fn register(arm: &Arm, call: &Call, namespace: &str, operation: &str) -> Result<Answer, ArmError> {
    call.needs(&Method::POST)?;
    let found = show(arm, &call.azure.state(), namespace).ok_or_else(|| types::not_emulated(namespace))?;
    let namespace = found["namespace"].as_str().unwrap_or(namespace).to_owned();
    call.change(|state| {
        let subscription = ResourceId::subscription(state.subscription);
        super::locks::check_action(call, state, &format!("{namespace}/{operation}/action"), &subscription)?;
        if operation == "register" {
            state.unregistered_providers.remove(&namespace.to_ascii_lowercase());
        } else {
            state.unregistered_providers.insert(namespace.to_ascii_lowercase());
        }
        Ok(())
    })?;
    one(arm, call, &namespace)
}

/// # Errors
///
/// The subscription is not registered for the provider, so that none of its resources can be created.
pub fn check_registered(state: &State, namespace: &str) -> Result<(), ArmError> {
    if !state.unregistered_providers.contains(&namespace.to_ascii_lowercase()) {
        return Ok(());
    }
    Err(ArmError::conflict(
        "MissingSubscriptionRegistration",
        format!(
            "The subscription is not registered to use namespace '{namespace}'. See https://aka.ms/rps-not-found for how to \
             register subscriptions."
        ),
    ))
}

/// The namespaces of the resources that exist.
fn used(state: &State) -> impl Iterator<Item = String> {
    let resources = state
        .resources()
        .map(|resource| types::namespace(&resource.id).to_owned());
    let namespaces: BTreeSet<_> = resources.collect();
    namespaces.into_iter()
}

/// A provider that is emulated or stored.
fn show(arm: &Arm, state: &State, namespace: &str) -> Option<Value> {
    let (namespace, versions, types) = match provider(namespace) {
        Some(provider) => (
            provider.namespace.to_owned(),
            provider.versions.to_vec(),
            provider.types.iter().map(|name| (*name).to_owned()).collect(),
        ),
        None if arm.stored.contains(namespace) => {
            let (namespace, types) = types_of(state, namespace);
            (namespace, vec![STORED_VERSION], types)
        }
        None => return None,
    };
    let locations: Vec<_> = LOCATIONS.iter().map(|(_, display)| *display).collect();
    let versions: Vec<_> = versions.iter().rev().collect();
    let show = |name: &String| {
        json!({
            "resourceType": name,
            "locations": locations,
            "apiVersions": versions,
            "capabilities": "SupportsTags, SupportsLocation",
        })
    };
    let types: Vec<_> = types.iter().map(show).collect();
    let is_registered = check_registered(state, &namespace).is_ok();
    Some(json!({
        "id": format!("/subscriptions/{}/providers/{namespace}", state.subscription),
        "namespace": namespace,
        "resourceTypes": types,
        "registrationState": if is_registered { "Registered" } else { "Unregistered" },
        "registrationPolicy": "RegistrationRequired",
    }))
}

/// The namespace as it is usually written, and the resource types of a provider that is only stored: those that exist, and
/// those that built-in roles name.
fn types_of(state: &State, namespace: &str) -> (String, Vec<String>) {
    let prefix = format!("{}/", namespace.to_ascii_lowercase());
    let roles = RoleDefinition::built_in().iter();
    let patterns = roles.flat_map(|role| role.permissions.iter().flat_map(Permission::patterns));
    // `Microsoft.Network/virtualNetworks/subnets/join/action`
    let of_roles = patterns.filter_map(|pattern| {
        let pattern = pattern.strip_suffix("/action").unwrap_or(pattern);
        let (kind, _) = pattern.rsplit_once('/')?;
        (!kind.contains('*')).then(|| kind.to_owned())
    });
    let of_resources = state.resources().map(|resource| resource.id.kind().to_owned());
    let mut name = namespace.to_owned();
    let mut types = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for kind in of_resources.chain(of_roles) {
        let lower = kind.to_ascii_lowercase();
        if lower.starts_with(&prefix) && seen.insert(lower) {
            kind[..prefix.len() - 1].clone_into(&mut name);
            types.insert(kind[prefix.len()..].to_owned());
        }
    }
    (name, types.into_iter().collect())
}
