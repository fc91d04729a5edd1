//! The control plane and the directory, by requests of their own.

mod access;
mod app_roles;
mod authentication;
mod coverage;
mod directory;
mod directory_changes;
mod directory_operations;
mod directory_protocol;
mod directory_queries;
mod directory_rights;
mod hostile;
mod invalid;
mod resources;
mod web;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::AUTHORIZATION;
use http_body_util::BodyExt as _;
use local_azure::arm::{self, Running, Stored};
use local_azure::state::{Principal, ResourceId, RoleAssignment, RoleDefinition, State, User};
use local_azure::testing::Cloud;
use local_azure::tokens::{GRAPH, MANAGEMENT};
use local_azure::{Azure, graph};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::rig::change;

/// The control plane and the directory of a cloud, with an owner of the subscription.
pub struct Control {
    cloud: Cloud,
    arm: Router,
    graph: Router,
    pub owner: Principal,
    stored: Vec<String>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub code: String,
    pub body: Value,
    pub headers: axum::http::HeaderMap,
}

impl Control {
    pub fn start() -> Self {
        Self::storing(&[])
    }

    /// A control plane that stores the resources of these providers.
    pub fn storing(providers: &[&str]) -> Self {
        let cloud = Cloud::start();
        let providers: Vec<_> = providers.iter().map(|name| (*name).to_owned()).collect();
        let user = User::new("owner@contoso.onmicrosoft.com");
        let id = user.id;
        change(cloud.azure(), |state| {
            state.directory.users.push(user);
            let owner = RoleDefinition::find("Owner").unwrap().id;
            let subscription = ResourceId::subscription(state.subscription);
            state
                .role_assignments
                .push(RoleAssignment::new(subscription, owner, id));
        });
        Self {
            arm: arm::router(cloud.azure(), Stored::new(&providers), Running::default()),
            graph: graph::router(cloud.azure()),
            owner: cloud.azure().read(|state| state.principal(id)).unwrap(),
            stored: providers,
            cloud,
        }
    }

    /// The control plane after a restart.
    pub fn reopen(self) -> Self {
        let Self {
            cloud,
            arm,
            graph,
            owner,
            stored,
        } = self;
        // They hold the state.
        drop((arm, graph));
        let cloud = cloud.reopen();
        Self {
            arm: arm::router(cloud.azure(), Stored::new(&stored), Running::default()),
            graph: graph::router(cloud.azure()),
            owner,
            stored,
            cloud,
        }
    }

    pub fn azure(&self) -> &Azure {
        self.cloud.azure()
    }

    pub fn change(&self, what: impl FnOnce(&mut State)) {
        change(self.azure(), what);
    }

    pub fn subscription(&self) -> String {
        format!("/subscriptions/{}", self.azure().state().subscription)
    }

    /// A user with that role at the scope.
    pub fn user(&self, role: &str, scope: &str) -> Principal {
        let user = User::new(&format!("user{}@contoso.onmicrosoft.com", fastrand::u64(..)));
        let id = user.id;
        self.change(|state| {
            state.directory.users.push(user);
            let role = RoleDefinition::find(role).unwrap().id;
            state
                .role_assignments
                .push(RoleAssignment::new(scope.parse().unwrap(), role, id));
        });
        self.azure().read(|state| state.principal(id)).unwrap()
    }

    /// A request of the owner to the control plane, such as `GET /subscriptions`, with the API version of the path's last
    /// provider.
    pub async fn arm(&self, what: &str, body: Value) -> Answer {
        self.arm_as(&self.owner, what, body).await
    }

    pub async fn arm_as(&self, caller: &Principal, what: &str, body: Value) -> Answer {
        let path = what.split('?').next().unwrap_or_default().to_lowercase();
        // What follows the last provider is a type, if there is anything.
        let (_, kind) = path.rsplit_once("/providers/").unwrap_or_default();
        let version = match kind.split('/').take(2).collect::<Vec<_>>().as_slice() {
            [_, "register" | "unregister"] => "2024-11-01",
            ["microsoft.authorization", "locks"] => "2020-05-01",
            ["microsoft.authorization", _] => "2022-04-01",
            ["microsoft.compute", _] => "2025-04-01",
            ["microsoft.managedidentity", _] => "2024-11-30",
            ["microsoft.network", _] => "2024-05-01",
            ["microsoft.dbforpostgresql" | "microsoft.storage", _] => "2025-08-01",
            ["microsoft.web", _] => "2025-05-01",
            _ => "2024-11-01",
        };
        let separator = if what.contains('?') { '&' } else { '?' };
        let token = self.azure().token(caller, MANAGEMENT);
        self.send(
            &self.arm,
            &format!("{what}{separator}api-version={version}"),
            Some(&token),
            body,
        )
        .await
    }

    pub async fn graph(&self, what: &str, body: Value) -> Answer {
        let token = self.azure().token(&self.owner, GRAPH);
        let (method, path) = what.split_once(' ').unwrap();
        self.send(&self.graph, &format!("{method} /v1.0{path}"), Some(&token), body)
            .await
    }

    pub async fn send_arm(&self, what: &str, token: Option<&str>, body: Value) -> Answer {
        self.send(&self.arm, what, token, body).await
    }

    pub async fn send_graph(&self, what: &str, token: Option<&str>, body: Value) -> Answer {
        self.send(&self.graph, what, token, body).await
    }

    /// A principal without any role.
    pub fn stranger(&self) -> Principal {
        let user = User::new(&format!("stranger{}@contoso.onmicrosoft.com", fastrand::u64(..)));
        let id = user.id;
        self.change(|state| state.directory.users.push(user));
        self.azure().read(|state| state.principal(id)).unwrap()
    }

    async fn send(&self, router: &Router, what: &str, token: Option<&str>, body: Value) -> Answer {
        let (method, path) = what.split_once(' ').unwrap();
        let mut request = Request::builder()
            .method(method)
            .uri(path.replace(' ', "%20").replace('\'', "%27"));
        request = request
            .header("host", "management.azure.com")
            .header("consistencylevel", "eventual");
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = if body.is_null() {
            Body::empty()
        } else {
            Body::from(body.to_string())
        };
        let answer = router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = answer.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        Answer {
            status: parts.status.as_u16(),
            code: body["error"]["code"].as_str().unwrap_or_default().to_owned(),
            body,
            headers: parts.headers,
        }
    }

    /// Creates a group with an identity, and returns their ids.
    pub async fn world(&self, group: &str) -> (String, String) {
        let group = format!("{}/resourceGroups/{group}", self.subscription());
        let created = self
            .arm(&format!("PUT {group}"), json!({"location": "westeurope"}))
            .await;
        assert_eq!(created.status, 201, "{created:?}");
        let identity = format!("{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/site");
        let created = self
            .arm(&format!("PUT {identity}"), json!({"location": "westeurope"}))
            .await;
        assert_eq!(created.status, 201, "{created:?}");
        (group, identity)
    }
}
