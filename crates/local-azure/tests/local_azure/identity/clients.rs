//! The official libraries for Python, JavaScript and Rust, and two libraries that verify tokens.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use azure_core::credentials::{Secret, TokenCredential as _};
use azure_identity::{
    ClientSecretCredential, ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId,
    WorkloadIdentityCredential,
};
use local_azure::process::plain_environment;
use local_azure::state::ManagedIdentity;

use crate::rig::{AUDIENCE, STORAGE, SUBJECT, Tenant, script};

const SCOPE: &str = "https://storage.azure.com/.default";

type Variables = Vec<(&'static str, String)>;

/// An official library.
#[derive(Clone, Copy, Debug)]
enum Library {
    Python,
    JavaScript,
    Rust,
}

use Library::{JavaScript, Python, Rust};

impl Library {
    /// Returns the tokens that the credentials get with these variables, or the error. A credential is named by its
    /// kind or, with an id, by `KIND=ID`.
    fn get(self, variables: &Variables, credentials: &[String]) -> Result<Vec<String>, String> {
        let mut variables = variables.clone();
        let mut command = match self {
            Python => script("get_token.py"),
            JavaScript => script("get_token.mjs"),
            Rust => Command::new(std::env::current_exe().unwrap()),
        };
        if matches!(self, Rust) {
            // The test runner takes no other arguments.
            variables.push(("CREDENTIALS", credentials.join(" ")));
            let name = "identity::clients::a_client_in_rust";
            command.args(["--exact", name, "--ignored", "--nocapture"]);
        } else {
            command.arg(SCOPE).args(credentials);
        }
        let output = run(&mut command, &variables, "");
        let text = String::from_utf8(output.stdout).unwrap();
        if !output.status.success() {
            return Err(format!("{text}{}", String::from_utf8_lossy(&output.stderr)));
        }
        let tokens: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with("ey"))
            .map(str::to_owned)
            .collect();
        assert_eq!(tokens.len(), credentials.len(), "{self:?}: {text}");
        Ok(tokens)
    }
}

/// Runs the command with only these variables and the variables that any program needs.
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

/// The Rust client. Other tests run it in a separate process with the variables that it needs.
#[tokio::test]
#[ignore = "needs variables that other tests set"]
async fn a_client_in_rust() {
    local_azure::tls::choose_provider();
    let variable = |name| std::env::var(name).unwrap();
    let scopes = [SCOPE];
    for credential in variable("CREDENTIALS").split(' ') {
        let (kind, id) = credential.split_once('=').unwrap_or((credential, ""));
        let managed = |user_assigned_id| {
            let options = ManagedIdentityCredentialOptions {
                user_assigned_id,
                ..ManagedIdentityCredentialOptions::default()
            };
            ManagedIdentityCredential::new(Some(options)).unwrap()
        };
        let client_id = || Some(UserAssignedId::ClientId(id.to_owned()));
        let object_id = || Some(UserAssignedId::ObjectId(id.to_owned()));
        let token = match kind {
            "managed" => managed(None).get_token(&scopes, None).await,
            "managed-client-id" => managed(client_id()).get_token(&scopes, None).await,
            "managed-object-id" => managed(object_id()).get_token(&scopes, None).await,
            "secret" => {
                let secret = Secret::new(variable("AZURE_CLIENT_SECRET"));
                let (tenant, client) = (variable("AZURE_TENANT_ID"), variable("AZURE_CLIENT_ID"));
                let credential = ClientSecretCredential::new(&tenant, client, secret, None).unwrap();
                credential.get_token(&scopes, None).await
            }
            "workload" => {
                let credential = WorkloadIdentityCredential::new(None).unwrap();
                credential.get_token(&scopes, None).await
            }
            other => panic!("unknown kind of credential {other}"),
        };
        println!("\n{}", token.unwrap().token.secret());
    }
}

impl Tenant {
    /// The variables that App Service sets for the app.
    fn in_app_service(&self) -> Variables {
        vec![
            ("IDENTITY_ENDPOINT", self.endpoints().app_service_url()),
            ("IDENTITY_HEADER", self.header.clone()),
        ]
    }

    /// The variable that replaces the address of IMDS.
    fn on_a_machine(&self) -> Variables {
        vec![("AZURE_POD_IDENTITY_AUTHORITY_HOST", self.endpoints().imds_host())]
    }

    /// The variables that every client of the authority needs.
    fn outside(&self, client_id: uuid::Uuid) -> Variables {
        let authority = self.azure().authority().file().display().to_string();
        vec![
            ("AZURE_AUTHORITY_HOST", self.entra().authority_host()),
            ("AZURE_TENANT_ID", self.tenant().to_string()),
            ("AZURE_CLIENT_ID", client_id.to_string()),
            ("SSL_CERT_FILE", authority.clone()),
            ("REQUESTS_CA_BUNDLE", authority.clone()),
            ("NODE_EXTRA_CA_CERTS", authority),
        ]
    }

    /// Panics unless each credential gets a token of its principal.
    fn assert_tokens(&self, library: Library, variables: &Variables, credentials: &[(String, uuid::Uuid)]) {
        let (names, principals): (Vec<_>, Vec<_>) = credentials.iter().cloned().unzip();
        let tokens = library.get(variables, &names);
        let tokens = tokens.unwrap_or_else(|why| panic!("{library:?} {names:?}: {why}"));
        for ((token, oid), name) in tokens.iter().zip(principals).zip(names) {
            assert_eq!(self.verified(token, STORAGE).oid, oid, "{library:?} {name}");
        }
    }

    /// Panics unless a credential of each kind gets a token of the application.
    fn assert_tokens_of_application(&self, library: Library, variables: &Variables, kinds: &[&str]) {
        let credentials: Vec<_> = kinds.iter().map(|kind| ((*kind).to_owned(), self.principal)).collect();
        self.assert_tokens(library, variables, &credentials);
    }

    /// A credential without an id, which selects the system-assigned identity, and one for each id of the user-assigned
    /// identity. The resource id comes last.
    fn managed(&self) -> [(String, uuid::Uuid); 4] {
        let ManagedIdentity {
            resource_id,
            client_id,
            principal_id,
            ..
        } = &self.user;
        [
            ("managed".to_owned(), self.system.principal_id),
            (format!("managed-client-id={client_id}"), *principal_id),
            (format!("managed-object-id={principal_id}"), *principal_id),
            (format!("managed-resource-id={resource_id}"), *principal_id),
        ]
    }
}

#[test]
fn managed_identities_on_app_service() {
    let cloud = Tenant::start();
    let all = cloud.managed();
    for (library, credentials) in [
        (Python, &all[..]),
        (JavaScript, &all),
        // The Rust crate refuses resource ids on App Service: Azure/azure-sdk-for-rust#2407.
        (Rust, &all[..3]),
    ] {
        cloud.assert_tokens(library, &cloud.in_app_service(), credentials);
        let other = format!("managed-client-id={}", cloud.other.client_id);
        let why = library.get(&cloud.in_app_service(), &[other]);
        let why = why.unwrap_err();
        // The endpoint's own words, or those of the Rust crate for the same status.
        let is_explained = [
            "No User Assigned or Delegated Managed Identity",
            "has not been assigned to this resource",
        ]
        .iter()
        .any(|text| why.contains(text));
        assert!(is_explained, "{library:?}: {why}");
    }
}

#[test]
fn managed_identities_on_a_machine() {
    let cloud = Tenant::start();
    // The Rust crate has no variable for the address of IMDS.
    for library in [Python, JavaScript] {
        cloud.assert_tokens(library, &cloud.on_a_machine(), &cloud.managed());
    }
}

#[test]
fn default_azure_credential_uses_the_credential_of_the_environment() {
    let cloud = Tenant::start();
    let with_id = |mut variables: Variables| {
        variables.push(("AZURE_CLIENT_ID", cloud.user.client_id.to_string()));
        variables
    };
    let mut secret = cloud.outside(cloud.application.client_id);
    secret.push(("AZURE_CLIENT_SECRET", cloud.secret.clone()));
    for library in [Python, JavaScript] {
        let (system, user) = (cloud.system.principal_id, cloud.user.principal_id);
        for (variables, oid) in [
            (cloud.in_app_service(), system),
            (with_id(cloud.in_app_service()), user),
            (cloud.on_a_machine(), system),
            (with_id(cloud.on_a_machine()), user),
            (secret.clone(), cloud.principal),
        ] {
            cloud.assert_tokens(library, &variables, &[("default".to_owned(), oid)]);
        }
    }
}

#[test]
fn service_principals() {
    let cloud = Tenant::start();
    let mut variables = cloud.outside(cloud.application.client_id);
    let pem = format!("{}{}", cloud.certificate, cloud.key);
    let pem = cloud.file("certificate.pem", &pem).display().to_string();
    variables.push(("AZURE_CLIENT_SECRET", cloud.secret.clone()));
    variables.push(("AZURE_CLIENT_CERTIFICATE_PATH", pem));
    for library in [Python, JavaScript] {
        cloud.assert_tokens_of_application(library, &variables, &["secret", "certificate"]);
    }
    cloud.assert_tokens_of_application(Rust, &variables, &["secret"]);
    variables.push(("AZURE_CLIENT_SECRET", "wrong".to_owned()));
    for library in [Python, JavaScript, Rust] {
        let why = library.get(&variables, &["secret".to_owned()]).unwrap_err();
        assert!(why.contains("7000215"), "{library:?}: {why}");
    }
}

#[test]
fn workload_identities() {
    let cloud = Tenant::start();
    let token = cloud.entra().workload_token(SUBJECT, AUDIENCE);
    let file = cloud.file("token", &token).display().to_string();
    for (client_id, oid) in [
        (cloud.application.client_id, cloud.principal),
        (cloud.user.client_id, cloud.user.principal_id),
    ] {
        let mut variables = cloud.outside(client_id);
        variables.push(("AZURE_FEDERATED_TOKEN_FILE", file.clone()));
        for library in [Python, JavaScript, Rust] {
            cloud.assert_tokens(library, &variables, &[("workload".to_owned(), oid)]);
        }
    }
}

#[test]
fn readers_verify_tokens_with_the_published_keys() {
    let cloud = Tenant::start();
    let elsewhere = Tenant::start();
    let principal = cloud.user.principal();
    let discovery = format!(
        "{}{}/.well-known/openid-configuration",
        cloud.entra().authority_host(),
        cloud.tenant()
    );
    let variables = cloud.outside(cloud.user.client_id);
    for name in ["verify_token.py", "verify_token.mjs"] {
        let mut expired = cloud.azure().claims(&principal, STORAGE);
        expired.exp = expired.iat - 1;
        let expired = cloud.azure().sign(&expired);
        // Signed by a key that did not exist when the last token was signed.
        cloud.azure().keys().rotate().unwrap();
        let good = cloud.azure().token(&principal, STORAGE);
        let (rest, _) = good.rsplit_once('.').unwrap();
        let (_, signature) = expired.rsplit_once('.').unwrap();
        let tokens = [
            good.clone(),
            elsewhere.azure().token(&principal, STORAGE),
            cloud.azure().token(&principal, "https://management.azure.com"),
            expired.clone(),
            format!("{rest}.{signature}"),
        ];
        let output = run(script(name).args([&discovery, STORAGE]), &variables, &tokens.join("\n"));
        let text = String::from_utf8(output.stdout).unwrap();
        let verdicts: Vec<_> = text.lines().collect();
        let [accepted, refused @ ..] = &verdicts[..] else {
            panic!("{name}: {}", String::from_utf8_lossy(&output.stderr));
        };
        assert_eq!(*accepted, principal.id.to_string(), "{name}: {text}");
        assert_eq!(refused.len(), tokens.len() - 1, "{name}: {text}");
        assert!(
            refused.iter().all(|verdict| verdict.starts_with("refused: ")),
            "{name}: {text}"
        );
    }
}
