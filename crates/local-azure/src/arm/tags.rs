//! Microsoft.Resources/tags: the tags of a resource, a resource group or the subscription.
//! <https://learn.microsoft.com/rest/api/resources/tags>

use std::collections::BTreeMap;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::answer::Answer;
use super::call::Call;
use super::error::ArmError;
use super::locks::{self, Change};
use super::resources::tags;
use super::scopes;
use crate::state::{ResourceId, State};

/// `{scope}/providers/Microsoft.Resources/tags/default`
pub fn handle(call: &Call, scope: &ResourceId) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    match call.method {
        Method::GET => {
            call.check(&state, "Microsoft.Resources/tags/read", scope)?;
            scopes::check_exists(&state, scope)?;
            Ok(Answer::ok(show(&state, scope)))
        }
        Method::PUT => {
            let new = tags(call.properties()?.get("tags"))?.unwrap_or_default();
            change(call, scope, "write", |_| new)?;
            Ok(Answer::ok(show(&call.azure.state(), scope)))
        }
        Method::PATCH => {
            let new = tags(call.properties()?.get("tags"))?.unwrap_or_default();
            let operation = call
                .object()?
                .get("operation")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_lowercase();
            if !["merge", "replace", "delete"].contains(&operation.as_str()) {
                let message = "The operation is not valid. Use Merge, Replace or Delete.";
                return Err(ArmError::bad_request("InvalidTagsOperation", message));
            }
            change(call, scope, "write", |mut old| match operation.as_str() {
                "merge" => {
                    old.extend(new);
                    old
                }
                "delete" => {
                    old.retain(|name, value| new.get(name) != Some(value));
                    old
                }
                _ => new,
            })?;
            Ok(Answer::ok(show(&call.azure.state(), scope)))
        }
        Method::DELETE => {
            change(call, scope, "delete", |_| BTreeMap::new())?;
            Ok(Answer::empty(StatusCode::OK))
        }
        _ => Err(call.unsupported()),
    }
}

type Tags = BTreeMap<String, String>;

fn change(call: &Call, scope: &ResourceId, action: &str, work: impl FnOnce(Tags) -> Tags) -> Result<(), ArmError> {
    call.change(|state| {
        call.check(state, &format!("Microsoft.Resources/tags/{action}"), scope)?;
        scopes::check_exists(state, scope)?;
        locks::check(state, scope, Change::Write)?;
        state.update(scope, |resource| {
            resource.tags = work(std::mem::take(&mut resource.tags));
        });
        Ok(())
    })
}

fn show(state: &State, scope: &ResourceId) -> Value {
    let tags = state.get(scope).map(|resource| &resource.tags);
    json!({
        "id": format!("{scope}/providers/Microsoft.Resources/tags/default"),
        "name": "default",
        "type": "Microsoft.Resources/tags",
        "properties": {"tags": tags.cloned().unwrap_or_default()},
    })
}
