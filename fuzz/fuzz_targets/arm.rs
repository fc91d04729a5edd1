//! Any id of a resource, any path of Azure Resource Manager and any `$filter` is read or refused. An id and a path read the
//! same when they are written, and an id is in what contains it.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use local_azure::arm::scopes::parent;
use local_azure::odata::Filter;
use local_azure::state::{RESOURCE_GROUPS, ResourceId};
use local_azure::url_path;
use serde_json::{Value, json};

/// What filters are tried on.
static OBJECT: LazyLock<Value> = LazyLock::new(|| {
    json!({
        "displayName": "Ada", "accountEnabled": true, "count": 3, "tags": ["a", "b"], "when": "2026-01-01T00:00:00Z",
        "in": {"name": null},
    })
});

fuzz_target!(|text: &str| {
    if let Some(parts) = url_path::parts(text) {
        let written = url_path::encode(&parts);
        assert_eq!(url_path::parts(&written).as_ref(), Some(&parts), "{written}");
        check_id(&format!("/{}", parts.join("/")));
    }
    check_id(text);
    if let Ok(filter) = Filter::parse(text) {
        filter.matches(&OBJECT, &|_, _| false);
    }
});

fn check_id(text: &str) {
    let Ok(id) = text.parse::<ResourceId>() else {
        return;
    };
    let written: ResourceId = id.to_string().parse().expect("an id reads as one");
    assert_eq!(id, written);
    assert_eq!((id.as_str(), id.kind()), (written.as_str(), written.kind()));
    let upper: ResourceId = text
        .to_ascii_uppercase()
        .parse()
        .expect("the case of an id does not matter");
    assert_eq!(id, upper);
    assert!(id.is(upper.kind()) && upper.is(id.kind()));

    let above = parent(&id);
    assert!(above.contains(&id), "{above:?}");
    assert!(id.is_root() || above != id, "{id:?}");
    if let Some(group) = id.group() {
        assert!(group.is(RESOURCE_GROUPS) && group.contains(&id), "{group:?}");
        assert!(id == group || group.contains(&above), "{group:?} {above:?}");
    }
    if let Ok(child) = id.try_child("children", "child") {
        assert!(id.contains(&child) && !child.contains(&id));
        assert_eq!(child.kind(), format!("{}/children", id.kind()));
        assert_eq!(parent(&child), id);
    }
}
