//! Blob Storage, and requests to it.

use std::ops::Deref;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, HOST};
use axum::http::{HeaderMap, StatusCode, Uri};
use futures_util::FutureExt as _;
use http_body_util::BodyExt as _;
use local_azure::proxy::{self, Client};
use local_azure::state::{
    CONTAINERS, Container, Group, Principal, PublicAccess, ResourceId, RoleAssignment, RoleDefinition, State,
    StorageAccount, View as _,
};
use local_azure::storage::BlobStorage;
use local_azure::testing::Cloud;
use local_azure::tokens::{Claims, STORAGE};
use uuid::Uuid;

use super::{change, cloud, identity};

pub const VERSION: &str = "2025-11-05";

/// Two accounts, `photos` and `other`, each with the private containers `one` and `two` and the public ones `blobs` and
/// `listed`.
pub struct Storage(Cloud);

impl Deref for Storage {
    type Target = Cloud;

    fn deref(&self) -> &Cloud {
        &self.0
    }
}

impl Storage {
    pub async fn start() -> Self {
        let cloud = cloud(|state| {
            state.clear::<StorageAccount>();
            state.put(&account(state, "photos", "rg", true));
            state.put(&account(state, "other", "rg2", false));
        });
        cloud.blob_storage().await;
        Self(cloud)
    }

    /// The same accounts after a reboot of the machine.
    pub async fn reopen(self) -> Self {
        let cloud = self.0.reopen();
        cloud.blob_storage().await;
        Self(cloud)
    }

    pub fn service(&self) -> &BlobStorage {
        self.0.blob_storage().now_or_never().expect("it was started")
    }

    /// A new identity without any role.
    pub fn identity(&self) -> Principal {
        let name = format!("identity-{}", fastrand::u64(..));
        let identity = self.azure().change(|state| {
            let identity = identity(state, &name);
            state.put(&identity);
            Ok(identity)
        });
        identity.unwrap().principal()
    }

    /// A new group with that member.
    pub fn group_of(&self, member: &Principal) -> Uuid {
        let group = Group::new(&format!("group-{}", fastrand::u64(..)), vec![member.id]);
        let id = group.id;
        self.change(|state| state.directory.groups.push(group));
        id
    }

    pub fn change(&self, what: impl FnOnce(&mut State)) {
        change(self.azure(), what);
    }

    /// The id of an account, or of a container in it.
    pub fn scope(&self, account: &str, container: Option<&str>) -> ResourceId {
        let id = self.account(account).id;
        match container {
            Some(name) => id.child(CONTAINERS, name),
            None => id,
        }
    }

    fn account(&self, name: &str) -> StorageAccount {
        self.azure().read(|state| state.find(name)).unwrap()
    }

    /// Assigns a role, and returns the name of the assignment for [`Storage::take`].
    pub fn give(&self, principal: Uuid, role: &str, scope: &ResourceId) -> Uuid {
        let role = RoleDefinition::find(role).unwrap().id;
        let assignment = RoleAssignment::new(scope.clone(), role, principal);
        let name = assignment.name;
        self.change(|state| state.role_assignments.push(assignment));
        name
    }

    /// Removes a role assignment.
    pub fn take(&self, assignment: Uuid) {
        self.change(|state| state.role_assignments.retain(|there| there.name != assignment));
    }

    /// A new identity with all permissions for the data of both accounts.
    pub fn owner(&self) -> Principal {
        let owner = self.identity();
        let everywhere = self.azure().read(|state| ResourceId::subscription(state.subscription));
        self.give(owner.id, "Storage Blob Data Owner", &everywhere);
        owner
    }

    pub fn token(&self, principal: &Principal) -> String {
        self.azure().token(principal, STORAGE)
    }

    /// A token whose claims are changed before it is signed.
    pub fn changed(&self, principal: &Principal, change: impl FnOnce(&mut Claims)) -> String {
        let mut claims = self.azure().claims(principal, STORAGE);
        change(&mut claims);
        self.azure().sign(&claims)
    }

    pub fn key(&self, account: &str) -> String {
        let [key, _] = self.account(account).keys;
        key
    }

    /// A client that trusts the authority and sends paths unchanged.
    pub fn client(&self) -> Client {
        proxy::client(self.azure().authority().client().unwrap())
    }

    /// A request with a method and a path, such as `GET /photos/one/blob`.
    pub fn ask(&self, what: &str) -> Ask<'_> {
        let (method, path) = what.split_once(' ').unwrap();
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method.parse().unwrap();
        *request.uri_mut() = path.parse().unwrap();
        let host = format!("127.0.0.1:{}", self.service().port());
        request.headers_mut().insert(HOST, host.parse().unwrap());
        let ask = Ask { storage: self, request }.header("x-ms-version", VERSION);
        if method == "PUT" && !path.contains('?') {
            return ask.header("x-ms-blob-type", "BlockBlob").body("x");
        }
        ask
    }

    /// Creates a blob.
    pub async fn put(&self, path: &str, content: &'static str) {
        let owner = self.owner();
        let put = self
            .ask(&format!("PUT {path}"))
            .body(content)
            .token(&self.token(&owner))
            .send();
        assert_eq!(put.await.status, StatusCode::CREATED, "{path}");
    }
}

/// A request.
pub struct Ask<'a> {
    storage: &'a Storage,
    request: Request,
}

/// The response to a request.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub code: String,
    pub headers: HeaderMap,
    pub text: String,
}

impl Ask<'_> {
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.request.headers_mut().insert(name, value.parse().unwrap());
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.request.headers_mut().remove(name);
        self
    }

    pub fn token(self, token: &str) -> Self {
        self.header(AUTHORIZATION.as_str(), &format!("Bearer {token}"))
    }

    pub fn body(mut self, body: impl Into<Body>) -> Self {
        *self.request.body_mut() = body.into();
        self
    }

    pub async fn send(self) -> Answer {
        let base: Uri = format!("https://127.0.0.1:{}", self.storage.service().port())
            .parse()
            .unwrap();
        let answer = proxy::forward(&self.storage.client(), &base, self.request)
            .await
            .unwrap();
        let (parts, body) = answer.into_parts();
        let code = parts.headers.get("x-ms-error-code");
        Answer {
            status: parts.status,
            code: code.map_or_else(String::new, |code| code.to_str().unwrap().to_owned()),
            text: String::from_utf8_lossy(&body.collect().await.unwrap().to_bytes()).into_owned(),
            headers: parts.headers,
        }
    }

    /// The status and, if it is an error, its code.
    pub async fn answer(self) -> (u16, String) {
        let answer = self.send().await;
        (answer.status.as_u16(), answer.code)
    }
}

pub fn account(state: &State, name: &str, group: &str, is_open: bool) -> StorageAccount {
    let mut account = StorageAccount::new(state.resource_id(group, StorageAccount::KIND, name), "eastus");
    account.allow_blob_public_access = is_open;
    account.containers = [
        ("one", PublicAccess::None),
        ("two", PublicAccess::None),
        ("blobs", PublicAccess::Blob),
        ("listed", PublicAccess::Container),
    ]
    .map(|(name, public_access)| Container {
        name: name.to_owned(),
        public_access,
    })
    .into();
    account
}
