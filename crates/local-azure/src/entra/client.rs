//! An application or a managed identity that requests a token, and how it authenticates.

use uuid::Uuid;

use super::assertion::{self, Assertion};
use super::codes::Platform;
use super::error::OAuthError;
use super::form::Form;
use super::shared::Shared;
use super::{certificate, secrets, users};
use crate::state::{Application, FederatedCredential, ManagedIdentity, Principal, ServicePrincipal, State};

/// Authenticates a program that signs users in. Only a web app has credentials. Returns the method, as the value of the claim
/// `appidacr`.
///
/// # Errors
///
/// The credentials of a web app are missing or wrong, or another program has sent some.
pub async fn authenticate_for_user(
    shared: &Shared,
    form: &Form,
    platform: Platform,
) -> Result<&'static str, OAuthError> {
    let has_credentials = ["client_secret", "client_assertion"]
        .iter()
        .any(|name| form.get(name).is_some());
    match (platform, has_credentials) {
        (Platform::Web, true) => {
            let client = Client::find(shared, form.required("client_id")?)?;
            client.authenticate(shared, form).await
        }
        (Platform::Web, false) => Err(OAuthError::client(
            7_000_218,
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
        )),
        (Platform::Spa | Platform::Public, false) => Ok("0"),
        (Platform::Spa | Platform::Public, true) => Err(OAuthError::client(
            700_025,
            "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
        )),
    }
}

/// Gives an application its service principal, as Entra does when a person signs in to it for the first time.
///
/// # Errors
///
/// The state cannot be saved.
pub fn consent(shared: &Shared, client: Uuid) -> Result<(), OAuthError> {
    let is_new = |state: &State| {
        let directory = &state.directory;
        directory.applications.iter().any(|one| one.client_id == client)
            && !directory.service_principals.iter().any(|one| one.client_id == client)
    };
    if !shared.azure.read(is_new) {
        return Ok(());
    }
    let created = shared.azure.change(|state| {
        if is_new(state) {
            state.directory.service_principals.push(ServicePrincipal::new(client));
        }
        Ok(())
    });
    created.map_err(|error| OAuthError::request("server_error", 90_020, error.to_string()))
}

/// What a program is that signs users in without a redirect URI: public if the application says so
/// (`isFallbackPublicClient`).
pub fn fallback_platform(shared: &Shared, client: Uuid) -> Platform {
    let is_public = users::is_known(client)
        || shared.azure.read(|state| {
            let mut all = state.directory.applications.iter();
            let application = all.find(|one| one.client_id == client);
            application.is_some_and(|one| one.properties.get("isFallbackPublicClient") == Some(&true.into()))
        });
    if is_public { Platform::Public } else { Platform::Web }
}

/// The client that requests a token.
pub enum Client {
    Application(Box<Application>, Principal),
    /// A managed identity, which can authenticate only by federation.
    Identity(ManagedIdentity),
}

impl Client {
    /// The client with that id.
    ///
    /// # Errors
    ///
    /// The tenant does not know it, or it is disabled.
    pub fn find(shared: &Shared, client_id: &str) -> Result<Self, OAuthError> {
        let id = Uuid::try_parse(client_id).ok();
        shared.azure.read(|state| {
            let mut principals = state.directory.service_principals.iter();
            if let Some(disabled) = principals.find(|one| Some(one.client_id) == id && !one.is_enabled()) {
                let name = state.principal(disabled.id).map(|principal| principal.display_name);
                let text = format!("Application '{client_id}'({}) is disabled.", name.unwrap_or_default());
                return Err(OAuthError::request("unauthorized_client", 7_000_112, text));
            }
            let application = || {
                let directory = &state.directory;
                let own = directory.service_principals.iter().find(|one| Some(one.client_id) == id)?;
                let mut applications = directory.applications.iter();
                let mut application = applications.find(|one| Some(one.client_id) == id)?.clone();
                application.secrets.extend(own.secrets.iter().cloned());
                application.certificates.extend(own.certificates.iter().cloned());
                Some(Self::Application(Box::new(application), state.principal(own.id)?))
            };
            application()
                .or_else(|| {
                    let identity = state.identities().find(|identity| Some(identity.client_id) == id)?;
                    Some(Self::Identity(identity))
                })
                .ok_or_else(|| {
                    let text = format!(
                        "Application with identifier '{client_id}' was not found in the directory '{}'. This can happen \
                         if the application has not been installed by the administrator of the tenant or consented to \
                         by any user in the tenant. You may have sent your authentication request to the wrong tenant.",
                        state.tenant
                    );
                    OAuthError::request("unauthorized_client", 700_016, text)
                })
        })
    }

    /// Authenticates the client. Returns the method, as the value of the claim `appidacr`.
    pub async fn authenticate(&self, shared: &Shared, form: &Form) -> Result<&'static str, OAuthError> {
        if let Some(assertion) = form.get("client_assertion") {
            if form.required("client_assertion_type")? != assertion::TYPE {
                let text = format!("The client_assertion_type must be '{}'.", assertion::TYPE);
                return Err(OAuthError::request("invalid_request", 90023, text));
            }
            // Some clients send the newline at the end of the token's file too.
            self.check_assertion(shared, &Assertion::read(assertion.trim())?)
                .await?;
            return Ok("2");
        }
        let Some(secret) = form.get("client_secret") else {
            let grant = form.get("grant_type").unwrap_or_default();
            let text =
                format!("'client_assertion', 'client_secret' or 'request' is required for the '{grant}' grant type.");
            return Err(OAuthError::client(7_000_216, text));
        };
        if let Self::Application(application, _) = self
            && secrets::has_secret(&application.secrets, secret)
        {
            return Ok("1");
        }
        let text = "Invalid client secret provided. Ensure the secret being sent in the request is the client secret \
                    value, not the client secret ID, for a secret added to app";
        Err(OAuthError::client(7_000_215, format!("{text} '{}'.", self.client_id())))
    }

    /// Checks an assertion. It is either signed with the application's certificate, or a token of another issuer.
    async fn check_assertion(&self, shared: &Shared, assertion: &Assertion<'_>) -> Result<(), OAuthError> {
        let is_external = assertion.claims.iss.starts_with("https://");
        if let Self::Application(application, _) = self
            && !is_external
        {
            return certificate::check(assertion, application, &shared.audiences());
        }
        let trusted = self.federated_credentials();
        if trusted.is_empty() {
            let (id, name) = (self.client_id(), self.principal().display_name);
            let text = format!("The client '{id}'({name}) has no configured federated identity credentials.");
            return Err(OAuthError::client(70025, text));
        }
        shared.issuers.check(assertion, trusted).await
    }

    fn client_id(&self) -> Uuid {
        match self {
            Self::Application(application, _) => application.client_id,
            Self::Identity(identity) => identity.client_id,
        }
    }

    fn federated_credentials(&self) -> &[FederatedCredential] {
        match self {
            Self::Application(application, _) => &application.federated_credentials,
            Self::Identity(identity) => &identity.federated_credentials,
        }
    }

    pub fn principal(&self) -> Principal {
        match self {
            Self::Application(_, principal) => principal.clone(),
            Self::Identity(identity) => identity.principal(),
        }
    }
}
