//! What the other commands have `up` do.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{RwLock, mpsc};
use uuid::Uuid;

use super::parts::Parts;
use super::screen;
use crate::control::{Command, Obey, RoleArguments};
use crate::entra::add_secret;
use crate::faults::Fault;
use crate::state::{Application, Azure, FederatedCredential, Principal, RoleAssignment, RoleDefinition, State};
use crate::tokens::{MANAGEMENT, POSTGRES, STORAGE};
use crate::{Error, Result, world};

/// How often PostgreSQL is looked after.
const WATCH_INTERVAL: Duration = Duration::from_secs(2);

/// The audience of tokens that are exchanged for Entra's.
const EXCHANGE: &str = "api://AzureADTokenExchange";

/// Carries commands out on the parts that run.
#[derive(Clone)]
pub struct Commands(Arc<Inner>);

struct Inner {
    azure: Azure,
    parts: RwLock<Option<Parts>>,
    down: mpsc::Sender<()>,
}

impl Commands {
    /// With nothing that runs yet; and where `down` is told.
    pub fn new(azure: Azure) -> (Self, mpsc::Receiver<()>) {
        let (down, told) = mpsc::channel(1);
        let parts = RwLock::new(None);
        (Self(Arc::new(Inner { azure, parts, down })), told)
    }

    /// Keeps these parts, with these faults from the start.
    pub async fn take_over(&self, parts: Parts, faults: &[Fault]) -> Result<()> {
        let mut kept = self.0.parts.write().await;
        let parts = kept.insert(parts);
        for fault in faults {
            parts.fail(&self.0.azure, fault).await?;
        }
        Ok(())
    }

    /// Ends all parts.
    pub async fn stop(&self) {
        drop(self.0.parts.write().await.take());
    }

    /// Starts PostgreSQL again when it ended by itself, as Azure does. (The other parts see to themselves.)
    pub async fn watch(&self) -> Infallible {
        loop {
            tokio::time::sleep(WATCH_INTERVAL).await;
            if let Some(parts) = &*self.0.parts.read().await
                && !self.0.azure.faults().now().database_away
                && let Err(error) = parts.postgres.start_again().await
            {
                tracing::warn!("PostgreSQL ended and cannot be started again: {error}");
            }
        }
    }

    /// What runs, and where.
    pub async fn screen(&self) -> String {
        match &*self.0.parts.read().await {
            Some(parts) => screen::summary(&self.0.azure, parts),
            None => "Local Azure is starting.".to_owned(),
        }
    }

    /// The web app that is meant.
    fn app(&self, given: Option<String>) -> Result<String> {
        let all: Vec<_> = self
            .0
            .azure
            .read(|state| state.web_apps.iter().map(|app| app.name.clone()).collect());
        let wanted = given.unwrap_or_else(|| world::APP.to_owned());
        if all.contains(&wanted) {
            return Ok(wanted);
        }
        Err(Error::Refused(format!(
            "there is no web app {wanted:?}; there is {}",
            all.join(", ")
        )))
    }

    fn principal(&self, name: &str) -> Result<Principal> {
        self.0.azure.read(|state| principal(state, name))
    }

    fn token(&self, principal: &str, resource: &str) -> Result<String> {
        let resource = match resource {
            "oss-rdbms" => POSTGRES,
            "storage" => STORAGE,
            "arm" => MANAGEMENT,
            url if url.starts_with("https://") => url,
            other => {
                return Err(Error::Refused(format!(
                    "{other:?} is no resource: say oss-rdbms, storage, arm, or a URL that starts with https://"
                )));
            }
        };
        Ok(self.0.azure.token(&self.principal(principal)?, resource))
    }

    fn role_list(&self) -> String {
        self.0.azure.read(|state| {
            let mut text = String::from("principal, role, scope");
            for assignment in &state.role_assignments {
                let principal = state.principal(assignment.principal_id).map_or_else(
                    || assignment.principal_id.to_string(),
                    |principal| principal.display_name,
                );
                let role = RoleDefinition::find(&assignment.role.to_string());
                let role = role.map_or("unknown", |role| role.name);
                let _ = write!(text, "\n{principal}, {role}, {}", assignment.scope);
            }
            text
        })
    }

    fn role_create(&self, arguments: &RoleArguments) -> Result<String> {
        self.0.azure.change(|state| {
            let wanted = resolve(state, arguments)?;
            if state.role_assignments.iter().any(|there| same(there, &wanted)) {
                return Ok("The role assignment is there already.".to_owned());
            }
            state.role_assignments.push(wanted);
            Ok("The role is given.".to_owned())
        })
    }

    fn role_delete(&self, arguments: &RoleArguments) -> Result<String> {
        self.0.azure.change(|state| {
            let unwanted = resolve(state, arguments)?;
            let before = state.role_assignments.len();
            state.role_assignments.retain(|there| !same(there, &unwanted));
            if state.role_assignments.len() == before {
                return Err(Error::Refused(
                    "there is no such role assignment: `local-azure role list` shows those that there are".to_owned(),
                ));
            }
            Ok("The role is taken back.".to_owned())
        })
    }

    fn application_create(&self, name: &str, federated: Option<FederatedCredential>) -> Result<String> {
        self.0.azure.change(|state| {
            if state.find_principal(name).is_some() {
                return Err(Error::Refused(format!("there is a principal {name:?} already")));
            }
            let mut application = Application::new(name);
            let mut text = format!(
                "AZURE_TENANT_ID={}\nAZURE_CLIENT_ID={}",
                state.tenant, application.client_id
            );
            match federated {
                Some(credential) => application.federated_credentials.push(credential),
                None => {
                    let _ = write!(text, "\nAZURE_CLIENT_SECRET={}", add_secret(&mut application));
                }
            }
            state.directory.applications.push(application);
            Ok(text)
        })
    }
}

impl Obey for Commands {
    async fn obey(&self, command: Command) -> Result<String> {
        let azure = &self.0.azure;
        let parts = self.0.parts.read().await;
        let Some(parts) = &*parts else {
            return Err(Error::Refused("Local Azure is starting: try again".to_owned()));
        };
        match command {
            Command::Status => Ok(screen::summary(azure, parts)),
            Command::Down => {
                let _ = self.0.down.send(()).await;
                Ok("Local Azure is stopping.".to_owned())
            }
            Command::Restart { app } => {
                let app = self.app(app)?;
                parts.apps.restart(&app).await?;
                Ok(format!("{app} was started anew."))
            }
            Command::Scale { app, instances } => {
                let app = self.app(app)?;
                parts.apps.scale(&app, instances).await?;
                Ok(format!("Of {app} there run {instances}."))
            }
            Command::Faults { faults, clear } => {
                if clear {
                    parts.heal(azure).await?;
                }
                for fault in &faults {
                    parts.fail(azure, fault).await?;
                }
                Ok(format!("Failing on purpose: {}", azure.faults().now()))
            }
            Command::RoleList => Ok(self.role_list()),
            Command::RoleCreate(arguments) => self.role_create(&arguments),
            Command::RoleDelete(arguments) => self.role_delete(&arguments),
            Command::Token { principal, resource } => self.token(&principal, &resource),
            Command::RotateKeys => {
                azure.keys().rotate()?;
                Ok("Another key signs from now on; tokens of the one before stay good.".to_owned())
            }
            Command::ApplicationCreate {
                name,
                federated_subject,
            } => {
                let federated = federated_subject.map(|subject| FederatedCredential {
                    name: "this-machine".to_owned(),
                    issuer: parts.entra.workload_issuer(),
                    subject,
                    audience: EXCHANGE.to_owned(),
                });
                let text = self.application_create(&name, federated)?;
                parts.postgres.sync_directory().await?;
                Ok(format!("AZURE_AUTHORITY_HOST={}\n{text}", parts.entra.authority_host()))
            }
            Command::WorkloadToken { subject } => Ok(parts.entra.workload_token(&subject, EXCHANGE)),
            Command::AdministratorPassword => {
                // Three of Azure's four kinds of characters, and none that a shell minds.
                let password = format!("Aa1-{}", Uuid::new_v4().simple());
                parts.postgres.set_administrator_password(&password).await?;
                Ok(password)
            }
        }
    }
}

fn principal(state: &State, name: &str) -> Result<Principal> {
    state
        .find_principal(name)
        .ok_or_else(|| Error::Refused(format!("there is no user, group, application or identity {name:?}")))
}

/// The role assignment that is meant.
fn resolve(state: &State, arguments: &RoleArguments) -> Result<RoleAssignment> {
    let assignee = arguments.assignee.as_deref().unwrap_or(world::IDENTITY);
    let role = RoleDefinition::find(&arguments.role).ok_or_else(|| {
        let names: Vec<_> = RoleDefinition::ALL.iter().map(|role| role.name).collect();
        Error::Refused(format!(
            "there is no role {:?}; there are {}",
            arguments.role,
            names.join(", ")
        ))
    })?;
    let scope = match &arguments.scope {
        None => world::account_id(state),
        Some(scope) if scope.starts_with("/subscriptions/") => scope.trim_end_matches('/').to_owned(),
        Some(scope) => {
            return Err(Error::Refused(format!(
                "{scope:?} is no scope: it is an id that starts with /subscriptions/{}",
                state.subscription
            )));
        }
    };
    Ok(RoleAssignment {
        name: Uuid::new_v4(),
        scope,
        role: role.id,
        principal_id: principal(state, assignee)?.id,
    })
}

fn same(a: &RoleAssignment, b: &RoleAssignment) -> bool {
    a.principal_id == b.principal_id && a.role == b.role && a.scope.eq_ignore_ascii_case(&b.scope)
}
