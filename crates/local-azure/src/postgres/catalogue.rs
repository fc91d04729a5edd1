//! Looks up the principal of a role in the server. The principal's tokens are the role's password.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use crate::tokens::Claims;

/// The principal that a role is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Binding {
    pub(super) kind: Kind,
    pub(super) object_id: Uuid,
    pub(super) is_mfa: bool,
}

/// The principal's kind, as `pgaadauth_create_principal_with_oid` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    User,
    Group,
    Service,
}

impl Binding {
    /// Checks that a valid token with these claims is the role's password. Returns the reason if it is not.
    ///
    /// The first two messages are Azure's own:
    /// <https://github.com/MicrosoftDocs/azure-docs/issues/120133>,
    /// <https://learn.microsoft.com/azure/developer/java/spring-framework/deploy-passwordless-spring-database-app>.
    pub(super) fn admits(&self, role: &str, claims: &Claims) -> Result<(), String> {
        match self.kind {
            Kind::Service if claims.idtyp != "app" => {
                return Err(format!(
                    "Service Principals cannot generate AAD_AUTH_TOKENTYPE_APP_USER tokens for role[{role}]"
                ));
            }
            Kind::User if claims.idtyp != "user" => {
                return Err(format!(
                    "Azure AD user token for role[{role}] is neither an AAD_AUTH_TOKENTYPE_APP_USER or an \
                     AAD_AUTH_TOKENTYPE_APP_OBO token"
                ));
            }
            Kind::Service if claims.oid != self.object_id => {
                return Err(format!("Service principal oid mismatch for role[{role}]"));
            }
            Kind::User if claims.oid != self.object_id => {
                return Err(format!(
                    "the token belongs to another user, not to that of role[{role}]"
                ));
            }
            Kind::Group if !claims.groups.contains(&self.object_id) => {
                return Err(format!(
                    "the token's principal is not a member of the group of role[{role}]"
                ));
            }
            Kind::User | Kind::Group | Kind::Service => {}
        }
        // Local Azure's tokens lack the claim `amr`, in which Entra records how the user authenticated.
        if self.is_mfa {
            return Err(format!(
                "role[{role}] requires a multifactor sign-in, which Local Azure does not support"
            ));
        }
        Ok(())
    }
}

/// Queries the server over one superuser connection that stays open. PostgreSQL waits for the result during a sign-in,
/// and may have no free connection at that time.
#[derive(Clone)]
pub(super) struct Catalogue(mpsc::Sender<Lookup>);

struct Lookup {
    /// If this is `None`, the lookup only checks that the server responds. That works even before the catalogue's
    /// tables exist.
    role: Option<String>,
    answer: oneshot::Sender<Result<Option<Binding>, String>>,
}

/// How long a lookup is retried.
const RETRY_LIMIT: Duration = Duration::from_secs(5);
/// How long one attempt may take.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(3);
/// The pause between two attempts.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

impl Catalogue {
    /// Creates the catalogue, and the task that serves it.
    pub(super) fn new(server: PgConnectOptions) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (sender, lookups) = mpsc::channel(1);
        (Self(sender), serve(server, lookups))
    }

    /// The principal of the role, or `None` if the role is not bound to one. Fails if the server does not respond.
    pub(super) async fn binding(&self, role: &str) -> Result<Option<Binding>, String> {
        self.look_up(Some(role.to_owned())).await
    }

    /// Waits until the server responds.
    pub(super) async fn wait_for_server(&self) -> Result<(), String> {
        self.look_up(None).await.map(drop)
    }

    async fn look_up(&self, role: Option<String>) -> Result<Option<Binding>, String> {
        let (answer, answered) = oneshot::channel();
        let lookup = Lookup { role, answer };
        let stopping = || "Local Azure is stopping".to_owned();
        self.0.send(lookup).await.map_err(|_| stopping())?;
        answered.await.map_err(|_| stopping())?
    }
}

async fn serve(server: PgConnectOptions, mut lookups: mpsc::Receiver<Lookup>) {
    let mut connection = None;
    while let Some(Lookup { role, answer }) = lookups.recv().await {
        let started = Instant::now();
        let result = loop {
            let attempt = timeout(ATTEMPT_LIMIT, query_binding(&server, &mut connection, role.as_deref())).await;
            match attempt.unwrap_or_else(|_| Err("the server does not respond".to_owned())) {
                Err(error) => {
                    // Reconnects, because the server may have been restarted.
                    connection = None;
                    if started.elapsed() > RETRY_LIMIT || answer.is_closed() {
                        break Err(error);
                    }
                    sleep(RETRY_PAUSE).await;
                }
                done => break done,
            }
        };
        let _ = answer.send(result);
    }
    if let Some(connection) = connection {
        let _ = timeout(ATTEMPT_LIMIT, connection.close()).await;
    }
}

async fn query_binding(
    server: &PgConnectOptions,
    connection: &mut Option<PgConnection>,
    role: Option<&str>,
) -> Result<Option<Binding>, String> {
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(server.connect().await.map_err(|error| error.to_string())?),
    };
    // PostgreSQL rejects a parameter with a NUL, and no role's name contains one.
    let Some(role) = role.filter(|role| !role.contains('\0')) else {
        connection.ping().await.map_err(|error| error.to_string())?;
        return Ok(None);
    };
    let row: Option<(String, String, bool)> = sqlx::query_as(include_str!("sql/binding.sql"))
        .bind(role)
        .fetch_optional(connection)
        .await
        .map_err(|error| error.to_string())?;
    Ok(row.and_then(|(kind, object_id, is_mfa)| {
        Some(Binding {
            kind: match kind.as_str() {
                "user" => Kind::User,
                "group" => Kind::Group,
                "service" => Kind::Service,
                _ => return None,
            },
            object_id: object_id.parse().ok()?,
            is_mfa,
        })
    }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::state::{Principal, PrincipalKind};

    fn claims(kind: PrincipalKind, id: Uuid, groups: &[Uuid]) -> Claims {
        let principal = Principal {
            id,
            kind,
            display_name: "somebody".to_owned(),
            client_id: None,
            managed_identity: None,
        };
        let lifetime = Duration::from_hours(1);
        let mut claims = Claims::new(Uuid::nil(), "issuer", "audience", &principal, lifetime);
        claims.groups = groups.to_vec();
        claims
    }

    #[test]
    fn a_role_admits_only_its_principal() {
        use PrincipalKind::{ServicePrincipal as App, User};
        let (own, other, group) = (Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4());
        for (kind, object_id, is_mfa, claims, refusal) in [
            (Kind::Service, own, false, claims(App, own, &[]), ""),
            (Kind::User, own, false, claims(User, own, &[]), ""),
            (Kind::Group, group, false, claims(User, own, &[other, group]), ""),
            (Kind::Group, group, false, claims(App, own, &[group]), ""),
            (Kind::Service, own, false, claims(App, other, &[]), "oid mismatch"),
            (Kind::User, own, false, claims(User, other, &[]), "another user"),
            (
                Kind::Service,
                own,
                false,
                claims(User, own, &[]),
                "Service Principals cannot",
            ),
            (
                Kind::User,
                own,
                false,
                claims(App, own, &[]),
                "neither an AAD_AUTH_TOKENTYPE",
            ),
            (Kind::Group, group, false, claims(User, own, &[other]), "not a member"),
            (Kind::Group, group, false, claims(User, group, &[]), "not a member"),
            (Kind::Service, group, false, claims(App, own, &[group]), "oid mismatch"),
            (Kind::User, own, true, claims(User, own, &[]), "multifactor"),
            (Kind::Service, own, true, claims(App, own, &[]), "multifactor"),
        ] {
            let binding = Binding {
                kind,
                object_id,
                is_mfa,
            };
            match binding.admits("site", &claims) {
                Ok(()) => assert_eq!(refusal, "", "{binding:?}"),
                Err(text) => assert!(!refusal.is_empty() && text.contains(refusal), "{binding:?}: {text}"),
            }
        }
    }
}
