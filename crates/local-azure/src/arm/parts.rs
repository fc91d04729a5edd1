//! Resources that a client may also send, and gets, as a list in their parent.

use serde_json::{Value, json};

use super::{answer, web};
use crate::state::{Resource, ResourceId, State};

/// The types of such parents, and the types of their parts, which are also the names of the lists.
const PARTS: [(&str, &str); 4] = [
    ("Microsoft.Network/networkSecurityGroups", "securityRules"),
    ("Microsoft.Network/routeTables", "routes"),
    ("Microsoft.Network/virtualNetworks", "subnets"),
    ("Microsoft.Network/virtualNetworks", "virtualNetworkPeerings"),
];

/// The types of the parts of a resource.
fn parts_of(id: &ResourceId) -> impl Iterator<Item = &'static str> {
    let parts = PARTS.into_iter().filter(|(kind, _)| id.is(kind));
    parts.map(|(_, part)| part)
}

/// Saves a resource. The parts that its body lists replace those that exist.
pub fn save(state: &mut State, mut resource: Resource) {
    let id = resource.id.clone();
    web::save(state, &mut resource);
    for part in parts_of(&id) {
        let Some(Value::Array(listed)) = resource.properties.remove(part) else {
            continue;
        };
        let named = listed.iter().filter_map(|value| {
            let id = id.try_child(part, value["name"].as_str()?).ok()?;
            Some((id, value))
        });
        let named: Vec<_> = named.collect();
        let existing = state.children(&id, part).map(|child| child.id.clone());
        let gone: Vec<_> = existing.filter(|old| named.iter().all(|(new, _)| new != old)).collect();
        for id in gone {
            state.remove(&id);
        }
        for (id, value) in named {
            state.update(&id, |child| {
                child.properties = value["properties"].as_object().cloned().unwrap_or_default();
                child.set("provisioningState", "Succeeded");
            });
        }
    }
    state.update(&id, |stored| *stored = resource);
}

/// Adds the parts of a resource to what is shown of it.
pub fn show(state: &State, id: &ResourceId, value: &mut Value) {
    for part in parts_of(id) {
        let children = state.children(id, part).map(|child| answer::show(state, child));
        value["properties"][part] = json!(children.collect::<Vec<_>>());
    }
}
