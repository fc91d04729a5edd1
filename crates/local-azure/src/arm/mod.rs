//! Azure Resource Manager, which is `https://management.azure.com` on Azure: the control plane.
//!
//! In reading order:
//!
//! - `call`, `answer` and `error`: a request, and the forms of answers.
//! - `access`: who calls, and what the caller may do.
//! - `types`: the resource types, and the versions of their API. `scopes`: where resources are.
//! - `service`: what the handlers share.
//! - `resources` and `tags`: resources of every type. `groups` and `subscriptions`: what contains them.
//! - `running` and `operations`: what runs behind the control plane, and long-running operations.
//! - `authorization` and `locks`: Microsoft.Authorization. `identity`: Microsoft.ManagedIdentity. `web`: Microsoft.Web.
//! - `postgres`: Microsoft.DBforPostgreSQL.

mod access;
mod answer;
mod authorization;
mod call;
mod error;
mod groups;
mod identity;
mod locks;
mod operations;
mod postgres;
mod resources;
mod running;
mod scopes;
mod service;
mod subscriptions;
mod tags;
mod types;
mod web;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State as Extracted};
use axum::http::{HeaderValue, Method};
use axum::response::{IntoResponse as _, Response};
use uuid::Uuid;

pub use self::running::Running;
pub use self::types::Stored;

use self::answer::Answer;
use self::call::Call;
use self::error::ArmError;
use self::operations::Operations;
use self::service::Arm;
use crate::azure::Azure;
use crate::state::Principal;

/// The routes of the control plane.
pub fn router(azure: &Azure, stored: Stored, running: Running) -> Router {
    routes(azure, stored, running, None)
}

/// The routes for clients that are known to act for the principal with that name.
pub fn router_for(azure: &Azure, stored: Stored, running: Running, caller: &str) -> Router {
    routes(azure, stored, running, Some(caller.to_owned()))
}

fn routes(azure: &Azure, stored: Stored, running: Running, default_caller: Option<String>) -> Router {
    let arm = Arm {
        azure: azure.clone(),
        stored,
        running,
        operations: Operations::default(),
        default_caller,
    };
    Router::new().fallback(handle).with_state(Arc::new(arm))
}

async fn handle(Extracted(arm): Extracted<Arc<Arm>>, request: Request) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let correlation = request.headers().get("x-ms-correlation-request-id").cloned();
    let client_id = request.headers().get("x-ms-client-request-id").cloned();
    let id = HeaderValue::from_str(&Uuid::new_v4().to_string()).expect("a GUID is a valid header value");
    let (caller, answered) = answer(&arm, request).await;
    let why = answered.as_ref().err().map(|error| error.code);
    let mut response = match answered {
        Ok(answer) => answer.into_response(),
        Err(error) => error.into_response(),
    };
    let status = response.status().as_u16();
    let caller = caller.as_deref().unwrap_or("an unknown caller");
    tracing::info!(target: "local_azure::control", "{method} {path} by {caller}: {status} {}", why.unwrap_or_default());
    let headers = response.headers_mut();
    headers.insert("x-ms-correlation-request-id", correlation.unwrap_or_else(|| id.clone()));
    headers.insert("x-ms-request-id", id);
    if let Some(client_id) = client_id {
        headers.insert("x-ms-client-request-id", client_id);
    }
    response
}

/// The caller's name, and the answer.
async fn answer(arm: &Arm, request: Request) -> (Option<String>, Result<Answer, ArmError>) {
    let (parts, body) = request.into_parts();
    let by_default = arm
        .default_caller
        .as_deref()
        .and_then(|name| arm.azure.read(|state| state.find_principal(name)));
    let caller = match access::authenticate(&arm.azure, &parts.headers) {
        Ok(caller) => caller,
        Err(_) if by_default.is_some() && !parts.headers.contains_key("authorization") => {
            by_default.expect("it was just checked")
        }
        Err(error) => return (None, Err(error)),
    };
    let name = Some(caller.display_name.clone());
    let answered = routed(arm, caller, parts, Request::new(body)).await;
    (name, answered)
}

async fn routed(
    arm: &Arm,
    caller: Principal,
    parts: axum::http::request::Parts,
    body: Request,
) -> Result<Answer, ArmError> {
    let call = Call::read(&arm.azure, caller, parts, body).await?;
    // Changes are written to the disk, and the control plane has no other work that could wait.
    tokio::task::block_in_place(|| route(arm, &call))
}

/// Chooses the handler by the path.
fn route(arm: &Arm, call: &Call) -> Result<Answer, ArmError> {
    let lower = call.lower_path();
    let parts: Vec<&str> = lower.iter().map(String::as_str).collect();
    if let ["subscriptions", subscription, ..] = parts.as_slice() {
        call.check_subscription(subscription)?;
    }
    if let [
        "subscriptions",
        _,
        kind @ ("operationresults" | "operations"),
        operation,
    ] = parts.as_slice()
    {
        return if *kind == "operations" {
            arm.operations.status(&arm.running, operation)
        } else {
            arm.operations.result(&arm.running, call, operation)
        };
    }
    if let Some(at) = parts.iter().rposition(|part| *part == "providers")
        && at + 2 < parts.len()
        && !matches!(parts[at + 2..], ["register" | "unregister"])
    {
        return provider(arm, call, at);
    }
    types::check("Microsoft.Resources", call.query("api-version"), &arm.stored)?;
    let get = call.method == Method::GET;
    match parts.as_slice() {
        ["tenants"] if get => subscriptions::tenants(call),
        ["subscriptions"] if get => subscriptions::list(call),
        ["subscriptions", _] if get => subscriptions::get(call),
        ["subscriptions", _, "locations"] if get => subscriptions::locations(call),
        ["providers"] | ["subscriptions", _, "providers"] if get => subscriptions::providers(call),
        ["providers", namespace] | ["subscriptions", _, "providers", namespace] if get => {
            subscriptions::one_provider(call, namespace)
        }
        ["subscriptions", _, "providers", namespace, "register" | "unregister"] => {
            subscriptions::one_provider(call, namespace)
        }
        ["subscriptions", _, "resources"] if get => groups::resources(call, &call::id(&call.path[..2])?),
        ["subscriptions", _, "resourcegroups"] if get => groups::list(call),
        ["subscriptions", _, "resourcegroups", _] => groups::handle(arm, call, &call.path[3]),
        ["subscriptions", _, "resourcegroups", _, "resources"] if get => {
            groups::resources(call, &call::id(&call.path[..4])?)
        }
        ["subscriptions", _, "resourcegroups", _, "exporttemplate"] => Err(groups::export()),
        _ => Err(call.unsupported()),
    }
}

/// Chooses the handler by what follows the last `providers` in the path, which is at this index.
fn provider(arm: &Arm, call: &Call, at: usize) -> Result<Answer, ArmError> {
    let namespace = &call.path[at + 1];
    types::check(namespace, call.query("api-version"), &arm.stored)?;
    let scope = call::id(&call.path[..at])?;
    let lower = call.lower_path();
    let rest: Vec<&str> = lower[at + 2..].iter().map(String::as_str).collect();
    let get = call.method == Method::GET;
    if lower[at + 1] == "microsoft.dbforpostgresql"
        && let Some(answer) = postgres::part(arm, call, at, &rest)
    {
        return answer;
    }
    match (lower[at + 1].as_str(), rest.as_slice()) {
        ("microsoft.authorization", ["roleassignments"]) if get => authorization::list_assignments(call, &scope),
        ("microsoft.authorization", ["roleassignments", name]) => authorization::assignment(call, &scope, name),
        ("microsoft.authorization", ["roledefinitions"]) if get => authorization::list_definitions(call, &scope),
        ("microsoft.authorization", ["roledefinitions", name]) => authorization::definition(call, &scope, name),
        ("microsoft.authorization", ["permissions"]) if get => authorization::permissions(call, &scope),
        ("microsoft.authorization", ["locks"]) if get => locks::list(call, &scope),
        ("microsoft.authorization", ["locks", _]) => locks::handle(call, &call::id(&call.path)?),
        // Only Azure itself creates deny assignments.
        ("microsoft.authorization", ["denyassignments"]) if get => Answer::list(call, Vec::new()),
        ("microsoft.authorization", _) => Err(call.unsupported()),
        ("microsoft.resources", ["checkresourcename"]) => subscriptions::check_name(call),
        ("microsoft.resources", ["tags", "default"]) => tags::handle(call, &scope),
        ("microsoft.managedidentity", ["identities", "default"]) => identity::system_assigned(call, &scope),
        ("microsoft.managedidentity", ["userassignedidentities", _, "listassociatedresources"]) => {
            identity::associated_resources(call, &call::id(&call.path[..at + 4])?)
        }
        ("microsoft.web", ["checknameavailability"]) => web::check_name(call),
        ("microsoft.web", ["webappstacks"]) if get => web::stacks(call),
        ("microsoft.web", ["sites", _, part @ ..]) if !part.is_empty() => {
            web::part(call, &call::id(&call.path[..at + 4])?, part)
        }
        (_, rest) if rest.len() % 2 == 0 => resources::handle(arm, call, &call::id(&call.path)?),
        // A list of resources, in a group, in the subscription or below another resource.
        (_, [.., _]) if get => {
            let parent = call::id(&call.path[..call.path.len() - 1]);
            let scope = if rest.len() == 1 { scope } else { parent? };
            let mut kind = namespace.clone();
            for name in call.path[at + 2..].iter().step_by(2) {
                kind = format!("{kind}/{name}");
            }
            resources::list(call, &scope, &kind)
        }
        _ => Err(call.unsupported()),
    }
}
