//! A tenant: a web app and a machine with identities, and an application with each kind of credential.

use std::fs;
use std::ops::Deref;
use std::path::PathBuf;

use local_azure::entra::add_secret;
use local_azure::identity::IdentityEndpoints;
use local_azure::state::{
    Application, AssignedIdentities, FederatedCredential, ManagedIdentity, StorageAccount, SystemAssigned,
    VIRTUAL_MACHINES, View as _, WebApp,
};
use local_azure::testing::{APP, Cloud};
use local_azure::tokens::Claims;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use reqwest::{Client, RequestBuilder, Response, redirect};
use serde_json::Value;
use uuid::Uuid;

use super::{change, http, https, identity};

pub const SUBJECT: &str = "system:serviceaccount:default:site";
pub const AUDIENCE: &str = "api://AzureADTokenExchange";

pub struct Tenant {
    cloud: Cloud,
    folder: tempfile::TempDir,
    /// The value of `IDENTITY_HEADER`.
    pub header: String,
    /// The system-assigned identity of the app and of the machine.
    pub system: ManagedIdentity,
    /// An identity that is assigned to both and has a federated credential.
    pub user: ManagedIdentity,
    /// An identity that is not assigned.
    pub other: ManagedIdentity,
    /// An application with a secret, a certificate and a federated credential.
    pub application: Application,
    /// The object id of the application's service principal.
    pub principal: Uuid,
    pub secret: String,
    /// The application's certificate.
    pub certificate: String,
    /// The key of the certificate.
    pub key: String,
}

impl Deref for Tenant {
    type Target = Cloud;

    fn deref(&self) -> &Cloud {
        &self.cloud
    }
}

impl Tenant {
    pub fn start() -> Self {
        let cloud = Cloud::start();
        let azure = cloud.azure();
        let app = azure.read(|state| state.get(state.find::<WebApp>(APP).unwrap().id()).unwrap().clone());
        let system = ManagedIdentity::of(&app, SystemAssigned::create());
        let [mut user, other] = ["site-id", "other-id"].map(|name| azure.read(|state| identity(state, name)));
        let credential = FederatedCredential {
            name: "workload".to_owned(),
            issuer: cloud.entra().workload_issuer(),
            subject: SUBJECT.to_owned(),
            audience: AUDIENCE.to_owned(),
        };
        user.federated_credentials.push(credential.clone());
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        let certificate = CertificateParams::new(vec!["app".to_owned()])
            .unwrap()
            .self_signed(&key)
            .unwrap()
            .pem();
        let mut application = Application::new("outside");
        application.certificates.push(certificate.clone());
        application.federated_credentials.push(credential);
        let secret = add_secret(&mut application.secrets);
        let mut principal = Uuid::nil();
        change(azure, |state| {
            state.put(&user);
            state.put(&other);
            principal = state.directory.register(application.clone()).id;
            let id = state.resource_id("rg", StorageAccount::KIND, "photos");
            state.put(&StorageAccount::new(id, "eastus"));
        });
        let [_, (_, header), _] = cloud.environment();
        let tenant = Self {
            folder: tempfile::tempdir().unwrap(),
            cloud,
            header,
            key: key.serialize_pem(),
            system,
            user,
            other,
            application,
            principal,
            secret,
            certificate,
        };
        tenant.assign(Some(&tenant.system), &[&tenant.user]);
        tenant
    }

    /// Changes which identities the web app and the machine have.
    pub fn assign(&self, system: Option<&ManagedIdentity>, user: &[&ManagedIdentity]) {
        let assigned = AssignedIdentities {
            system: system.map(|identity| SystemAssigned {
                client_id: identity.client_id,
                principal_id: identity.principal_id,
            }),
            user: user.iter().map(|identity| identity.resource_id.clone()).collect(),
            ..AssignedIdentities::default()
        };
        change(self.azure(), |state| {
            let machine = state.resource_id("rg", VIRTUAL_MACHINES, "machine");
            state.update(&machine, |machine| machine.identity = assigned.clone());
            state.edit(APP, |app: &mut WebApp| app.identity = assigned);
        });
    }

    pub fn endpoints(&self) -> &IdentityEndpoints {
        self.identity_endpoints()
    }

    /// A request to App Service's endpoint that is valid except for the end of the query.
    pub fn app_service(&self, query: &str) -> RequestBuilder {
        let url = format!("{}?api-version=2019-08-01&{query}", self.endpoints().app_service_url());
        http().get(url).header("X-IDENTITY-HEADER", &self.header)
    }

    /// A request to IMDS that is valid except for the end of the query.
    pub fn imds(&self, query: &str) -> RequestBuilder {
        let host = self.endpoints().imds_host();
        let url = format!("{host}/metadata/identity/oauth2/token?api-version=2018-02-01&{query}");
        http().get(url).header("Metadata", "true")
    }

    /// A client that trusts only the tenant's authority.
    pub fn https(&self) -> Client {
        https(self.azure()).build().unwrap()
    }

    /// The same, for a test of redirections.
    pub fn https_without_redirects(&self) -> Client {
        https(self.azure()).redirect(redirect::Policy::none()).build().unwrap()
    }

    pub fn tenant(&self) -> Uuid {
        self.azure().read(|state| state.tenant)
    }

    /// The claims of the token, which must be valid for that audience.
    pub fn verified(&self, token: &str, audience: &str) -> Claims {
        self.azure().verify(token.trim(), &[audience]).unwrap()
    }

    /// A file with that content.
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let file = self.folder.path().join(name);
        fs::write(&file, content).unwrap();
        file
    }
}

/// The status and the JSON of a response.
pub async fn read(answer: Response) -> (u16, Value) {
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap())
}

/// Sends a request, and returns the status and the JSON of the response.
pub async fn send(request: RequestBuilder) -> (u16, Value) {
    read(request.send().await.unwrap()).await
}
