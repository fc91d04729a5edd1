//! Clients that others wrote: the official libraries for Python, JavaScript and Rust, and two readers of tokens.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use azure_core::credentials::{Secret, TokenCredential as _};
use azure_identity::{
    ClientSecretCredential, ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId,
    WorkloadIdentityCredential,
};
use local_azure::process::plain_environment;
use local_azure::state::ManagedIdentity;

use super::rig::{AUDIENCE, Cloud, STORAGE, SUBJECT};

const SCOPE: &str = "https://storage.azure.com/.default";

type Variables = Vec<(&'static str, String)>;

/// A library that is judged by.
#[derive(Clone, Copy, Debug)]
enum Library {
    Python,
    JavaScript,
    Rust,
}

use Library::{JavaScript, Python, Rust};

impl Library {
    /// What the credential of that kind says with these variables: a token, or why there is none.
    fn get(self, variables: &Variables, kind: &str, id: &str) -> Result<String, String> {
        let mut variables = variables.clone();
        let mut command = match self {
            Python => script("get_token.py"),
            JavaScript => script("get_token.mjs"),
            Rust => {
                // The test runner takes no arguments of ours.
                variables.extend([("KIND", kind.to_owned()), ("ID", id.to_owned())]);
                let mut command = Command::new(std::env::current_exe().unwrap());
                command.args(["--exact", "clients::a_client_in_rust", "--ignored", "--nocapture"]);
                command
            }
        };
        if !matches!(self, Rust) {
            command.args([kind, SCOPE]).args(Some(id).filter(|id| !id.is_empty()));
        }
        let output = run(&mut command, &variables, "");
        let text = String::from_utf8(output.stdout).unwrap();
        let token = text.lines().find(|line| line.starts_with("ey"));
        match token {
            Some(token) if output.status.success() => Ok(token.to_owned()),
            _ => Err(format!("{text}{}", String::from_utf8_lossy(&output.stderr))),
        }
    }
}

/// A script of tests/clients, with what runs it.
fn script(name: &str) -> Command {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let python = folder.join(".venv/bin/python");
    let (program, installed) = match name.rsplit_once('.') {
        Some((_, "py")) => (python.clone(), python),
        _ => (PathBuf::from("node"), folder.join("node_modules/jose")),
    };
    assert!(installed.exists(), "{} is missing: run ./test.sh", installed.display());
    let mut command = Command::new(program);
    command.arg(folder.join(name));
    command
}

/// Runs it with these variables alone, beside those that any program needs.
fn run(command: &mut Command, variables: &Variables, input: &str) -> Output {
    let mut child = command
        .env_clear()
        .envs(plain_environment())
        .envs(variables.iter().map(|(name, value)| (*name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// The client in Rust, in a process of its own, where it finds its variables: run by the tests here.
#[tokio::test]
#[ignore = "has no variables to find"]
async fn a_client_in_rust() {
    let variable = |name| std::env::var(name).unwrap();
    let id = variable("ID");
    let managed = |id| {
        let options = ManagedIdentityCredentialOptions {
            user_assigned_id: id,
            ..ManagedIdentityCredentialOptions::default()
        };
        ManagedIdentityCredential::new(Some(options)).unwrap()
    };
    let scopes = [SCOPE];
    let token = match variable("KIND").as_str() {
        "managed" => managed(None).get_token(&scopes, None).await,
        "managed-client-id" => {
            managed(Some(UserAssignedId::ClientId(id)))
                .get_token(&scopes, None)
                .await
        }
        "managed-object-id" => {
            managed(Some(UserAssignedId::ObjectId(id)))
                .get_token(&scopes, None)
                .await
        }
        "managed-resource-id" => {
            managed(Some(UserAssignedId::ResourceId(id)))
                .get_token(&scopes, None)
                .await
        }
        "secret" => {
            let secret = Secret::new(variable("AZURE_CLIENT_SECRET"));
            let (tenant, client) = (variable("AZURE_TENANT_ID"), variable("AZURE_CLIENT_ID"));
            let credential = ClientSecretCredential::new(&tenant, client, secret, None).unwrap();
            credential.get_token(&scopes, None).await
        }
        "workload" => {
            WorkloadIdentityCredential::new(None)
                .unwrap()
                .get_token(&scopes, None)
                .await
        }
        other => panic!("{other} is no kind of credential"),
    };
    println!("\n{}", token.unwrap().token.secret());
}

impl Cloud {
    /// What App Service tells the app's processes.
    fn in_app_service(&self) -> Variables {
        vec![
            ("IDENTITY_ENDPOINT", self.endpoints.app_service_url()),
            ("IDENTITY_HEADER", self.header.clone()),
        ]
    }

    /// What stands for the address of IMDS.
    fn on_a_machine(&self) -> Variables {
        vec![("AZURE_POD_IDENTITY_AUTHORITY_HOST", self.endpoints.imds_host())]
    }

    /// What every client of the authority has to know.
    fn outside(&self, client_id: uuid::Uuid) -> Variables {
        let authority = self.azure.authority().file().display().to_string();
        vec![
            ("AZURE_AUTHORITY_HOST", self.entra.authority_host()),
            ("AZURE_TENANT_ID", self.tenant().to_string()),
            ("AZURE_CLIENT_ID", client_id.to_string()),
            ("SSL_CERT_FILE", authority.clone()),
            ("REQUESTS_CA_BUNDLE", authority.clone()),
            ("NODE_EXTRA_CA_CERTS", authority),
        ]
    }

    /// Fails unless the library gets a token of that principal.
    fn assert_token(&self, library: Library, variables: &Variables, kind: &str, id: &str, oid: uuid::Uuid) {
        let token = library.get(variables, kind, id);
        let token = token.unwrap_or_else(|why| panic!("{library:?} {kind} {id}: {why}"));
        assert_eq!(self.verified(&token, STORAGE).oid, oid, "{library:?} {kind} {id}");
    }

    /// Every id of a user-assigned identity, and none.
    fn managed(&self, library: Library, variables: &Variables, kinds: &[&str]) {
        let ManagedIdentity {
            resource_id,
            client_id,
            principal_id,
            ..
        } = &self.user;
        for kind in kinds {
            let (id, oid) = match *kind {
                "managed-client-id" => (client_id.to_string(), *principal_id),
                "managed-object-id" => (principal_id.to_string(), *principal_id),
                "managed-resource-id" => (resource_id.clone(), *principal_id),
                _ => (String::new(), self.system.principal_id),
            };
            self.assert_token(library, variables, kind, &id, oid);
        }
    }
}

const ALL: [&str; 4] = [
    "managed",
    "managed-client-id",
    "managed-object-id",
    "managed-resource-id",
];

#[test]
fn managed_identities_on_app_service() {
    let cloud = Cloud::start();
    for (library, kinds) in [
        (Python, &ALL[..]),
        (JavaScript, &ALL),
        // It refuses resource ids on App Service: Azure/azure-sdk-for-rust#2407.
        (Rust, &ALL[..3]),
    ] {
        cloud.managed(library, &cloud.in_app_service(), kinds);
        let why = library.get(
            &cloud.in_app_service(),
            "managed-client-id",
            &cloud.other.client_id.to_string(),
        );
        assert!(why.unwrap_err().contains("identity"), "{library:?}");
    }
}

#[test]
fn managed_identities_on_a_machine() {
    let cloud = Cloud::start();
    // The crate for Rust knows no variable for the address of IMDS.
    for library in [Python, JavaScript] {
        cloud.managed(library, &cloud.on_a_machine(), &ALL);
    }
}

#[test]
fn default_azure_credential_takes_what_the_environment_says() {
    let cloud = Cloud::start();
    let with_id = |mut variables: Variables| {
        variables.push(("AZURE_CLIENT_ID", cloud.user.client_id.to_string()));
        variables
    };
    let mut secret = cloud.outside(cloud.application.client_id);
    secret.push(("AZURE_CLIENT_SECRET", cloud.secret.clone()));
    for library in [Python, JavaScript] {
        let (system, user) = (cloud.system.principal_id, cloud.user.principal_id);
        cloud.assert_token(library, &cloud.in_app_service(), "default", "", system);
        cloud.assert_token(library, &with_id(cloud.in_app_service()), "default", "", user);
        cloud.assert_token(library, &cloud.on_a_machine(), "default", "", system);
        cloud.assert_token(library, &with_id(cloud.on_a_machine()), "default", "", user);
        cloud.assert_token(library, &secret, "default", "", cloud.application.id);
    }
}

#[test]
fn service_principals() {
    let cloud = Cloud::start();
    let mut variables = cloud.outside(cloud.application.client_id);
    let pem = format!("{}{}", cloud.certificate, cloud.key);
    let pem = cloud.file("certificate.pem", &pem).display().to_string();
    variables.push(("AZURE_CLIENT_SECRET", cloud.secret.clone()));
    variables.push(("AZURE_CLIENT_CERTIFICATE_PATH", pem));
    let oid = cloud.application.id;
    for library in [Python, JavaScript, Rust] {
        cloud.assert_token(library, &variables, "secret", "", oid);
    }
    for library in [Python, JavaScript] {
        cloud.assert_token(library, &variables, "certificate", "", oid);
    }
    variables.push(("AZURE_CLIENT_SECRET", "wrong".to_owned()));
    for library in [Python, JavaScript, Rust] {
        let why = library.get(&variables, "secret", "").unwrap_err();
        assert!(why.contains("7000215"), "{library:?}: {why}");
    }
}

#[test]
fn workload_identities() {
    let cloud = Cloud::start();
    let token = cloud.entra.workload_token(SUBJECT, AUDIENCE);
    let file = cloud.file("token", &token).display().to_string();
    for (client_id, oid) in [
        (cloud.application.client_id, cloud.application.id),
        (cloud.user.client_id, cloud.user.principal_id),
    ] {
        let mut variables = cloud.outside(client_id);
        variables.push(("AZURE_FEDERATED_TOKEN_FILE", file.clone()));
        for library in [Python, JavaScript, Rust] {
            cloud.assert_token(library, &variables, "workload", "", oid);
        }
    }
}

#[test]
fn readers_check_tokens_by_the_published_keys() {
    let cloud = Cloud::start();
    let elsewhere = Cloud::start();
    let principal = cloud.user.principal();
    let discovery = format!(
        "{}{}/.well-known/openid-configuration",
        cloud.entra.authority_host(),
        cloud.tenant()
    );
    let variables = cloud.outside(cloud.user.client_id);
    for name in ["verify_token.py", "verify_token.mjs"] {
        let check = |token: &str| run(script(name).args([&discovery, STORAGE]), &variables, token);
        let mut expired = cloud.azure.claims(&principal, STORAGE);
        expired.exp = expired.iat - 1;
        let mut tokens = vec![
            elsewhere.azure.token(&principal, STORAGE),
            cloud.azure.token(&principal, "https://management.azure.com"),
            cloud.azure.sign(&expired),
        ];
        // Signed by a key that is new since the last look.
        cloud.azure.keys().rotate().unwrap();
        let good = cloud.azure.token(&principal, STORAGE);
        let (rest, _) = good.rsplit_once('.').unwrap();
        let (_, signature) = tokens[2].rsplit_once('.').unwrap();
        tokens.push(format!("{rest}.{signature}"));

        let output = check(&good);
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(
            said.trim(),
            principal.id.to_string(),
            "{name}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        for token in tokens {
            assert!(!check(&token).status.success(), "{name} took {token}");
        }
    }
}
