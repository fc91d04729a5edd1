//! App Service plans.

use serde_json::{Value, json};

use super::View;
use crate::state::State;
use crate::state::resource::Resource;
use crate::state::resource_id::ResourceId;

/// An App Service plan. Each of its web apps has the same number of instances.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Its id.
    pub id: ResourceId,
    /// The region.
    pub location: String,
    /// The size, such as `B1`.
    pub sku: String,
    /// The number of instances of each app.
    pub instances: u32,
}

impl Plan {
    /// Creates a plan with one instance of the size that the tutorial uses.
    #[must_use]
    pub fn new(id: ResourceId, location: &str) -> Self {
        Self {
            id,
            location: location.to_owned(),
            sku: "B1".to_owned(),
            instances: 1,
        }
    }
}

impl View for Plan {
    const KIND: &'static str = "Microsoft.Web/serverfarms";

    fn id(&self) -> &ResourceId {
        &self.id
    }

    fn read(_: &State, resource: &Resource) -> Self {
        let sku = resource.sku.as_ref();
        let instances = sku.and_then(|sku| sku.get("capacity")?.as_u64());
        Self {
            id: resource.id.clone(),
            location: resource.location.clone().unwrap_or_default(),
            sku: sku
                .and_then(|sku| sku.get("name")?.as_str())
                .unwrap_or_default()
                .to_owned(),
            instances: instances.map_or(1, |count| u32::try_from(count.clamp(1, 30)).unwrap_or(1)),
        }
    }

    fn write(&self, state: &mut State) {
        state.update(&self.id, |resource| {
            resource.location = Some(self.location.clone());
            resource.kind.get_or_insert_with(|| "linux".to_owned());
            resource.properties.entry("reserved").or_insert(Value::Bool(true));
            let sku = resource.sku.get_or_insert_with(|| json!({}));
            if !sku.is_object() {
                *sku = json!({});
            }
            sku["name"] = self.sku.as_str().into();
            sku["capacity"] = self.instances.into();
        });
    }
}
