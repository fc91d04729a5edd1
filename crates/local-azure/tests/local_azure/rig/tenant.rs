//! A small Azure: a web app and a machine with identities, and an application with every kind of credential.

use std::fs;
use std::path::PathBuf;

use local_azure::Azure;
use local_azure::entra::{Entra, add_secret};
use local_azure::identity::IdentityEndpoints;
use local_azure::state::{
    Application, AssignedIdentities, FederatedCredential, ManagedIdentity, StorageAccount, WebApp,
};
use local_azure::tokens::Claims;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;
use uuid::Uuid;

pub const STORAGE: &str = "https://storage.azure.com";
pub const APP: &str = "site";
pub const SUBJECT: &str = "system:serviceaccount:default:site";
pub const AUDIENCE: &str = "api://AzureADTokenExchange";

pub struct Cloud {
    folder: tempfile::TempDir,
    pub azure: Azure,
    pub endpoints: IdentityEndpoints,
    pub entra: Entra,
    /// The value of `IDENTITY_HEADER`.
    pub header: String,
    /// The app's and the machine's own identity.
    pub system: ManagedIdentity,
    /// Assigned to both, and with a federated credential.
    pub user: ManagedIdentity,
    /// Assigned to nobody.
    pub other: ManagedIdentity,
    /// With a secret, a certificate and a federated credential.
    pub application: Application,
    pub secret: String,
    /// The application's certificate, and its key.
    pub certificate: String,
    pub key: String,
}

impl Cloud {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let azure = Azure::open(&folder.path().join("state")).unwrap();
        let entra = Entra::start(&azure, 0).unwrap();
        let [system, mut user, other] = [
            ("Microsoft.Web/sites", APP),
            ("Microsoft.ManagedIdentity/userAssignedIdentities", "site-id"),
            ("Microsoft.ManagedIdentity/userAssignedIdentities", "other-id"),
        ]
        .map(|(kind, name)| ManagedIdentity::new(azure.read(|state| state.resource_id("rg", kind, name))));
        let credential = FederatedCredential {
            name: "workload".to_owned(),
            issuer: entra.workload_issuer(),
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
        let mut application = Application {
            id: Uuid::new_v4(),
            client_id: Uuid::new_v4(),
            display_name: "outside".to_owned(),
            secrets: Vec::new(),
            certificates: vec![certificate.clone()],
            federated_credentials: vec![credential],
        };
        let secret = add_secret(&mut application);
        let assigned = AssignedIdentities {
            system: Some(system.principal_id),
            user: vec![user.principal_id],
        };
        azure
            .change(|state| {
                state.identities = vec![system.clone(), user.clone(), other.clone()];
                state.machine = assigned.clone();
                state.directory.applications.push(application.clone());
                state
                    .storage_accounts
                    .push(StorageAccount::new("photos", "rg", "eastus"));
                state.web_apps.push(WebApp {
                    name: APP.to_owned(),
                    resource_group: "rg".to_owned(),
                    location: "eastus".to_owned(),
                    identity: assigned,
                    settings: std::collections::BTreeMap::default(),
                    startup_command: String::new(),
                    instances: 1,
                    health_check_path: None,
                    https_only: false,
                    client_affinity_enabled: true,
                });
                Ok(())
            })
            .unwrap();
        Self {
            endpoints: IdentityEndpoints::start(&azure, 0).unwrap(),
            header: azure.identity_headers().give(APP),
            key: key.serialize_pem(),
            folder,
            azure,
            entra,
            system,
            user,
            other,
            application,
            secret,
            certificate,
        }
    }

    /// Changes which identities the web app and the machine have.
    pub fn assign(&self, system: Option<&ManagedIdentity>, user: &[&ManagedIdentity]) {
        let assigned = AssignedIdentities {
            system: system.map(|identity| identity.principal_id),
            user: user.iter().map(|identity| identity.principal_id).collect(),
        };
        let change = |state: &mut local_azure::state::State| {
            state.machine = assigned.clone();
            state.web_apps[0].identity = assigned;
            Ok(())
        };
        self.azure.change(change).unwrap();
    }

    /// A request to App Service's endpoint that is in order but for the query's end.
    pub fn app_service(&self, query: &str) -> RequestBuilder {
        let url = format!("{}?api-version=2019-08-01&{query}", self.endpoints.app_service_url());
        http().get(url).header("X-IDENTITY-HEADER", &self.header)
    }

    /// A request to IMDS that is in order but for the query's end.
    pub fn imds(&self, query: &str) -> RequestBuilder {
        let host = self.endpoints.imds_host();
        let url = format!("{host}/metadata/identity/oauth2/token?api-version=2018-02-01&{query}");
        http().get(url).header("Metadata", "true")
    }

    /// A client that trusts this Azure's authority.
    pub fn https(&self) -> Client {
        let pem = fs::read(self.azure.authority().file()).unwrap();
        let authority = reqwest::Certificate::from_pem(&pem).unwrap();
        let client = Client::builder().no_proxy().tls_certs_only([authority]);
        client.build().unwrap()
    }

    pub fn tenant(&self) -> Uuid {
        self.azure.read(|state| state.tenant)
    }

    /// What the token says, when it is for that audience and good.
    pub fn verified(&self, token: &str, audience: &str) -> Claims {
        self.azure.verify(token.trim(), &[audience]).unwrap()
    }

    /// A file of that content.
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let file = self.folder.path().join(name);
        fs::write(&file, content).unwrap();
        file
    }
}

/// A client without any proxy of the machine that tests.
pub fn http() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

/// The status and the JSON of an answer.
pub async fn read(answer: Response) -> (u16, Value) {
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap())
}

/// The status and the JSON that a request is answered with.
pub async fn send(request: RequestBuilder) -> (u16, Value) {
    read(request.send().await.unwrap()).await
}
