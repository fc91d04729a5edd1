//! Whose token is the password of which role, as the server itself knows it.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use crate::tokens::Claims;

/// The principal of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Binding {
    pub(super) kind: Kind,
    pub(super) object_id: Uuid,
    pub(super) is_mfa: bool,
}

/// What the principal is, by the words of `pgaadauth_create_principal_with_oid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    User,
    Group,
    Service,
}

impl Binding {
    /// Whether a token that is good in itself is the password of the role; otherwise why not.
    ///
    /// The first two texts are Azure's own:
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
                return Err(format!("the token is of another user than that of role[{role}]"));
            }
            Kind::Group if !claims.groups.contains(&self.object_id) => {
                return Err(format!("the token is of no member of the group of role[{role}]"));
            }
            Kind::User | Kind::Group | Kind::Service => {}
        }
        // No token here has the claim `amr`, by which Entra says how somebody signed in.
        if self.is_mfa {
            return Err(format!(
                "role[{role}] wants a token of a multifactor sign-in, and Local Azure issues none"
            ));
        }
        Ok(())
    }
}

/// Asks the server by one connection of the superuser, which stays open: PostgreSQL waits for the answer while it lets
/// somebody in, and may have no connection left by then.
#[derive(Clone)]
pub(super) struct Catalogue(mpsc::Sender<Question>);

struct Question {
    /// `None`: whether the server answers at all, which it does before it has anything to look up in.
    role: Option<String>,
    answer: oneshot::Sender<Result<Option<Binding>, String>>,
}

/// How long the server is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(50);

impl Catalogue {
    /// The catalogue, and what has to run for as long as it is asked.
    pub(super) fn new(server: PgConnectOptions) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (ask, questions) = mpsc::channel(1);
        (Self(ask), keep(server, questions))
    }

    /// The principal of that role; `None`: it has none. An error is a server that does not answer.
    pub(super) async fn binding(&self, role: &str) -> Result<Option<Binding>, String> {
        self.ask(Some(role.to_owned())).await
    }

    /// Waits for the server to answer.
    pub(super) async fn reach(&self) -> Result<(), String> {
        self.ask(None).await.map(drop)
    }

    async fn ask(&self, role: Option<String>) -> Result<Option<Binding>, String> {
        let (answer, answered) = oneshot::channel();
        let question = Question { role, answer };
        let over = || "Local Azure is ending".to_owned();
        self.0.send(question).await.map_err(|_| over())?;
        answered.await.map_err(|_| over())?
    }
}

async fn keep(server: PgConnectOptions, mut questions: mpsc::Receiver<Question>) {
    let mut connection = None;
    while let Some(Question { role, answer }) = questions.recv().await {
        let begun = Instant::now();
        let result = loop {
            let attempt = timeout(ATTEMPT, look_up(&server, &mut connection, role.as_deref())).await;
            match attempt.unwrap_or_else(|_| Err("it does not answer".to_owned())) {
                Err(error) => {
                    // What failed may be the connection alone, as after a restart.
                    connection = None;
                    if begun.elapsed() > PATIENCE || answer.is_closed() {
                        break Err(error);
                    }
                    sleep(PAUSE).await;
                }
                done => break done,
            }
        };
        let _ = answer.send(result);
    }
    if let Some(connection) = connection {
        let _ = timeout(ATTEMPT, connection.close()).await;
    }
}

async fn look_up(
    server: &PgConnectOptions,
    connection: &mut Option<PgConnection>,
    role: Option<&str>,
) -> Result<Option<Binding>, String> {
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(server.connect().await.map_err(|error| error.to_string())?),
    };
    // No role's name has a NUL, and PostgreSQL takes none.
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
        Claims::new(Uuid::nil(), "issuer", "audience", &principal, lifetime).with_groups(groups.to_vec())
    }

    #[test]
    fn a_role_admits_its_principal_alone() {
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
            (Kind::Group, group, false, claims(User, own, &[other]), "no member"),
            (Kind::Group, group, false, claims(User, group, &[]), "no member"),
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
