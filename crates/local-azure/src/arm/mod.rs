//! Azure Resource Manager, which is `https://management.azure.com` on Azure: the control plane.
//!
//! In reading order:
//!
//! - `call`, `answer` and `error`: a request, and the forms of answers.
//! - `access`: who calls, and what the caller may do.
//! - `types`: the resource types, and the versions of their API. `scopes` and `locations`: where resources are.
//! - `service`: what the handlers share.
//! - `resources`, `assigned`, `parts` and `tags`: resources of every type. `groups` and `subscriptions`: what contains them.
//! - `providers`: the resource providers, and whether the subscription is registered for them.
//! - `running` and `operations`: what runs behind the control plane, and long-running operations.
//! - `role_assignments`, `role_definitions` and `locks`: Microsoft.Authorization. `identity`: Microsoft.ManagedIdentity.
//! - `postgres`: Microsoft.DBforPostgreSQL. `storage`: Microsoft.Storage. `web`: Microsoft.Web.

mod access;
mod answer;
mod assigned;
mod call;
mod error;
mod groups;
mod identity;
mod locations;
mod locks;
mod operations;
mod parts;
mod postgres;
mod providers;
mod resources;
mod role_assignments;
mod role_definitions;
mod running;
pub mod scopes;
mod service;
mod storage;
mod subscriptions;
mod tags;
mod types;
mod web;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State as Extracted};
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use uuid::Uuid;

pub use self::running::Running;
pub use self::types::{Stored, is_only_stored};

use self::answer::Answer;
use self::call::Call;
use self::error::ArmError;
use self::operations::Operations;
use self::service::{Arm, Clients, Reader};
use crate::azure::Azure;
use crate::body::{self, Unreadable};
use crate::one_line::one_line;
use crate::state::Principal;

/// The longest body. Azure's limit is the same.
const BODY_LIMIT: usize = 4 << 20;

/// The routes of the control plane.
pub fn router(azure: &Azure, stored: Stored, running: Running) -> Router {
    routes(azure, stored, running, Clients::Programs)
}

/// The routes for the commands of Local Azure.
pub(crate) fn router_for_commands(azure: &Azure, stored: Stored, running: Running) -> Router {
    routes(azure, stored, running, Clients::Commands)
}

/// The routes, over plain HTTP, for a client that may read without a token, as the principal with this name, if its
/// request names this host. A request with a token has the permissions of the token's principal.
pub fn router_for(azure: &Azure, stored: Stored, running: Running, caller: &str, host: &str) -> Router {
    let reader = Reader {
        name: caller.to_owned(),
        host: host.to_owned(),
    };
    routes(azure, stored, running, Clients::Readers(reader))
}

fn routes(azure: &Azure, stored: Stored, running: Running, clients: Clients) -> Router {
    let arm = Arm {
        azure: azure.clone(),
        stored,
        running,
        operations: Operations::default(),
        clients,
    };
    Router::new().fallback(handle).with_state(Arc::new(arm))
}

async fn handle(Extracted(arm): Extracted<Arc<Arm>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
    let correlation = parts.headers.get("x-ms-correlation-request-id").cloned();
    let client_id = parts.headers.get("x-ms-client-request-id").cloned();
    let id = HeaderValue::from_str(&Uuid::new_v4().to_string()).expect("a GUID is a valid header value");
    // Read first: many clients read the response only after they have sent the whole request.
    let body = body::read(body, BODY_LIMIT).await;
    let caller = access::caller(&arm, &parts);
    let name = caller.as_ref().ok().map(|caller| caller.display_name.clone());
    let answered = match caller {
        Ok(caller) => AssertUnwindSafe(async { answer(&arm, caller, parts, body) })
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Err(ArmError::internal())),
        Err(error) => Err(error),
    };
    let why = answered.as_ref().err().map(|error| error.code);
    let mut response = match answered {
        Ok(answer) => answer.into_response(),
        Err(error) => error.into_response(),
    };
    let status = response.status();
    let caller = one_line(name.as_deref().unwrap_or("an unknown caller"));
    tracing::info!(
        target: "local_azure::control",
        "{method} {path} by {caller}: {} {}", status.as_u16(), why.unwrap_or_default()
    );
    let headers = response.headers_mut();
    if status == StatusCode::UNAUTHORIZED {
        let tenant = arm.azure.state().tenant;
        let challenge = format!(
            "Bearer authorization_uri=\"https://login.microsoftonline.com/{tenant}\", error=\"invalid_token\", \
             error_description=\"{}\"",
            why.unwrap_or_default()
        );
        let challenge = HeaderValue::from_str(&challenge).expect("codes are valid in headers");
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    headers.insert("x-ms-correlation-request-id", correlation.unwrap_or_else(|| id.clone()));
    headers.insert("x-ms-request-id", id);
    if let Some(client_id) = client_id {
        headers.insert("x-ms-client-request-id", client_id);
    }
    response
}

fn answer(arm: &Arm, caller: Principal, parts: Parts, body: Result<Bytes, Unreadable>) -> Result<Answer, ArmError> {
    let bytes = body.map_err(|_| {
        let message = "The request content size exceeds the maximum size of 4 MB.";
        ArmError::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", message)
    })?;
    let scheme = if arm.clients.reader().is_some() {
        "http"
    } else {
        "https"
    };
    let call = Call::read(&arm.azure, caller, parts, &bytes, scheme)?;
    // A change blocks while it is written to the disk.
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
        types::check_operation(call.query("api-version"))?;
        call.needs(&Method::GET)?;
        return if *kind == "operations" {
            arm.operations.status(&arm.running, operation)
        } else {
            arm.operations.result(&arm.running, call, operation)
        };
    }
    // A path consists of pairs: a resource may be named `providers`.
    let last = parts
        .iter()
        .enumerate()
        .step_by(2)
        .rfind(|(_, part)| **part == "providers");
    if let Some((at, _)) = last
        && at + 2 < parts.len()
        && !matches!(parts[at + 2..], ["register" | "unregister"])
    {
        return provider(arm, call, at);
    }
    types::check("Microsoft.Resources", None, call.query("api-version"), &arm.stored)?;
    let get = call.method == Method::GET;
    match parts.as_slice() {
        ["tenants"] if get => subscriptions::tenants(call),
        ["subscriptions"] if get => subscriptions::list(call),
        ["subscriptions", _] if get => subscriptions::get(call),
        ["subscriptions", _, "locations"] if get => subscriptions::locations(call),
        ["providers"] | ["subscriptions", _, "providers"] if get => providers::list(arm, call),
        ["providers", _] | ["subscriptions", _, "providers", _] if get => {
            providers::one(arm, call, &call.path[call.path.len() - 1])
        }
        [
            "subscriptions",
            _,
            "providers",
            _,
            operation @ ("register" | "unregister"),
        ] => providers::register(arm, call, &call.path[3], operation),
        ["subscriptions", _, "tagnames"] if get => tags::names(call),
        ["subscriptions", _, "resources"] if get => groups::resources(call, &call::id(&call.path[..2])?),
        ["subscriptions", _, "resourcegroups"] if get => groups::list(call),
        ["subscriptions", _, "resourcegroups", _] => groups::handle(arm, call, &call.path[3]),
        ["subscriptions", _, "resourcegroups", _, "resources"] if get => {
            groups::resources(call, &call::id(&call.path[..4])?)
        }
        ["subscriptions", _, "resourcegroups", _, "exporttemplate"] => {
            Err(groups::export(call, &call::id(&call.path[..4])?))
        }
        _ => Err(call.unsupported()),
    }
}

/// Chooses the handler by what follows the last `providers` in the path, which is at this index.
fn provider(arm: &Arm, call: &Call, at: usize) -> Result<Answer, ArmError> {
    let namespace = &call.path[at + 1];
    let lower = call.lower_path();
    types::check(namespace, Some(&lower[at + 2]), call.query("api-version"), &arm.stored)?;
    // Without a scope in the path, the scope is the root.
    let scope = call::id(&call.path[..at])?;
    let rest: Vec<&str> = lower[at + 2..].iter().map(String::as_str).collect();
    let get = call.method == Method::GET;
    if lower[at + 1] == "microsoft.dbforpostgresql"
        && let Some(answer) = postgres::part(arm, call, at, &rest)
    {
        return answer;
    }
    if lower[at + 1] == "microsoft.storage"
        && let Some(answer) = storage::part(arm, call, at, &rest)
    {
        return answer;
    }
    if lower[at + 1] == "microsoft.web"
        && let Some(answer) = web::part(arm, call, at, &rest)
    {
        return answer;
    }
    match (lower[at + 1].as_str(), rest.as_slice()) {
        ("microsoft.authorization", ["roleassignments"]) if get => role_assignments::list(call, &scope),
        ("microsoft.authorization", ["roleassignments", name]) => role_assignments::one(call, &scope, name),
        ("microsoft.authorization", ["roledefinitions"]) if get => role_definitions::list(call, &scope),
        ("microsoft.authorization", ["roledefinitions", name]) => role_definitions::one(call, &scope, name),
        ("microsoft.authorization", ["permissions"]) if get => role_definitions::permissions(call, &scope),
        ("microsoft.authorization", ["locks"]) if get => locks::list(call, &scope),
        ("microsoft.authorization", ["locks", _]) => locks::handle(call, &call::id(&call.path)?),
        // Only Azure itself creates deny assignments.
        ("microsoft.authorization", ["denyassignments"]) if get => {
            call.check(
                &call.azure.state(),
                "Microsoft.Authorization/denyAssignments/read",
                &scope,
            )?;
            Answer::list(call, Vec::new())
        }
        ("microsoft.authorization", _) => Err(call.unsupported()),
        ("microsoft.resources", ["checkresourcename"]) => subscriptions::check_name(call),
        ("microsoft.resources", ["tags", "default"]) => tags::handle(call, &scope),
        ("microsoft.managedidentity", ["identities", "default"]) => identity::system_assigned(call, &scope),
        ("microsoft.managedidentity", ["userassignedidentities", _, "listassociatedresources"]) => {
            identity::associated_resources(call, &call::id(&call.path[..at + 4])?)
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
