//! A Blob Storage for tests, and those who ask it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, HOST};
use axum::http::{HeaderMap, StatusCode, Uri};
use http_body_util::BodyExt as _;
use local_azure::Azure;
use local_azure::proxy::{self, Client};
use local_azure::state::{
    Container, Group, ManagedIdentity, Principal, PublicAccess, ResourceGroup, RoleAssignment, RoleDefinition, State,
    StorageAccount,
};
use local_azure::storage::BlobStorage;
use local_azure::testing::azurite;
use local_azure::tokens::{Claims, STORAGE};
use tokio::sync::OnceCell;
use uuid::Uuid;

pub const VERSION: &str = "2025-11-05";

/// A state with two accounts, `photos` and `other`, each with the containers `one`, `two`, and the open ones `blobs`
/// and `listed`; and their service. It is the test's own use of them: when the test fails, Azurite's log is printed.
pub struct Rig {
    pub azure: Azure,
    pub storage: Arc<BlobStorage>,
}

impl Rig {
    /// The one that most tests share, with identities of their own: Azurite takes seconds to start.
    pub async fn shared() -> Self {
        static SHARED: OnceCell<Rig> = OnceCell::const_new();
        let shared = SHARED.get_or_init(|| async {
            let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("storage");
            let _ = std::fs::remove_dir_all(&folder);
            Self::start(&folder).await
        });
        let shared = shared.await;
        Self {
            azure: shared.azure.clone(),
            storage: shared.storage.clone(),
        }
    }

    /// One with the state of that folder, made if there is none.
    pub async fn start(folder: &Path) -> Self {
        let azure = Azure::open(folder).unwrap();
        if azure.read(|state| state.storage_accounts.is_empty()) {
            azure
                .change(|state| {
                    state.resource_groups.push(ResourceGroup::new("rg", "eastus"));
                    state.resource_groups.push(ResourceGroup::new("rg2", "eastus"));
                    state.storage_accounts.push(account("photos", "rg", true));
                    state.storage_accounts.push(account("other", "rg2", false));
                    Ok(())
                })
                .unwrap();
        }
        let storage = BlobStorage::start(&azure, 0, azurite()).await.unwrap();
        Self {
            azure,
            storage: Arc::new(storage),
        }
    }

    /// A new identity without any role.
    pub fn identity(&self) -> Principal {
        let name = format!("identity-{}", fastrand::u64(..));
        let identity = self.azure.change(|state| {
            let id = state.resource_id("rg", "Microsoft.ManagedIdentity/userAssignedIdentities", &name);
            let identity = ManagedIdentity::new(id);
            state.identities.push(identity.clone());
            Ok(identity)
        });
        identity.unwrap().principal()
    }

    /// A new group with that member.
    pub fn group_of(&self, member: &Principal) -> Uuid {
        let id = Uuid::new_v4();
        self.change(|state| {
            state.directory.groups.push(Group {
                id,
                display_name: format!("group-{id}"),
                members: vec![member.id],
            });
        });
        id
    }

    pub fn change(&self, change: impl FnOnce(&mut State)) {
        self.azure
            .change(|state| {
                change(state);
                Ok(())
            })
            .unwrap();
    }

    /// The id of an account, or of a container in it.
    pub fn scope(&self, account: &str, container: Option<&str>) -> String {
        self.azure.read(|state| {
            let found = state
                .storage_accounts
                .iter()
                .find(|found| found.name == account)
                .unwrap();
            let id = state.resource_id(&found.resource_group, "Microsoft.Storage/storageAccounts", account);
            match container {
                Some(name) => format!("{id}/blobServices/default/containers/{name}"),
                None => id,
            }
        })
    }

    /// Gives a role; what it returns takes it away again.
    pub fn give(&self, principal: Uuid, role: &str, scope: &str) -> Uuid {
        let name = Uuid::new_v4();
        self.change(|state| {
            state.role_assignments.push(RoleAssignment {
                name,
                scope: scope.to_owned(),
                role: RoleDefinition::find(role).unwrap().id,
                principal_id: principal,
            });
        });
        name
    }

    pub fn take(&self, assignment: Uuid) {
        self.change(|state| state.role_assignments.retain(|there| there.name != assignment));
    }

    /// An identity that may do everything with the data of both accounts.
    pub fn owner(&self) -> Principal {
        let owner = self.identity();
        let everywhere = self
            .azure
            .read(|state| format!("/subscriptions/{}", state.subscription));
        self.give(owner.id, "Storage Blob Data Owner", &everywhere);
        owner
    }

    pub fn token(&self, principal: &Principal) -> String {
        self.azure.token(principal, STORAGE)
    }

    /// A token that says something else.
    pub fn changed(&self, principal: &Principal, change: impl FnOnce(&mut Claims)) -> String {
        let mut claims = self.azure.claims(principal, STORAGE);
        change(&mut claims);
        self.azure.sign(&claims)
    }

    pub fn key(&self, account: &str) -> String {
        self.azure.read(|state| {
            let found = state.storage_accounts.iter().find(|found| found.name == account);
            found.unwrap().key.clone()
        })
    }

    /// A client that trusts the authority and sends paths as they are.
    pub fn client(&self) -> Client {
        proxy::client(self.azure.authority().client().unwrap())
    }

    /// Asks by method and path, such as `GET /photos/one/blob`.
    pub fn ask(&self, what: &str) -> Ask<'_> {
        let (method, path) = what.split_once(' ').unwrap();
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method.parse().unwrap();
        *request.uri_mut() = path.parse().unwrap();
        let host = format!("127.0.0.1:{}", self.storage.port());
        request.headers_mut().insert(HOST, host.parse().unwrap());
        let ask = Ask { rig: self, request }.header("x-ms-version", VERSION);
        if method == "PUT" && !path.contains('?') {
            return ask.header("x-ms-blob-type", "BlockBlob").body("x");
        }
        ask
    }

    /// Makes a blob.
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

impl Drop for Rig {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("Azurite said:\n{}", self.storage.log());
        }
    }
}

/// A request.
pub struct Ask<'a> {
    rig: &'a Rig,
    request: Request,
}

/// An answer.
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
        let base: Uri = format!("https://127.0.0.1:{}", self.rig.storage.port())
            .parse()
            .unwrap();
        let answer = proxy::forward(&self.rig.client(), &base, self.request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let code = parts.headers.get("x-ms-error-code");
        Answer {
            status: parts.status,
            code: code.map_or_else(String::new, |code| code.to_str().unwrap().to_owned()),
            text: String::from_utf8_lossy(&body.collect().await.unwrap().to_bytes()).into_owned(),
            headers: parts.headers,
        }
    }

    /// The status and, of an error, its code.
    pub async fn answer(self) -> (u16, String) {
        let answer = self.send().await;
        (answer.status.as_u16(), answer.code)
    }
}

/// The Python of the clients' environment.
pub fn python() -> PathBuf {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/.venv/bin/python");
    assert!(
        python.exists(),
        "Python's clients of Azure are not installed. Run ./test.sh, which installs what the tests need."
    );
    python
}

pub fn account(name: &str, group: &str, is_open: bool) -> StorageAccount {
    let mut account = StorageAccount::new(name, group, "eastus");
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
