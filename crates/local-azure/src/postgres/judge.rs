//! The judge of tokens: the LDAP server that PostgreSQL asks whether a password is correct.
//!
//! Azure's PostgreSQL checks Entra tokens itself. Unmodified PostgreSQL cannot, but it can delegate authentication to an
//! LDAP server: it binds as `cn=<role>,ou=entra` with the client's password, and accepts the sign-in if the bind succeeds.
//! The judge therefore implements only the simple bind of LDAP (RFC 4511, section 4.2).
//! <https://www.postgresql.org/docs/current/auth-ldap.html>

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt as _, StreamExt as _};
use ldap3_proto::proto::{
    LdapBindCred, LdapBindRequest, LdapBindResponse, LdapMsg, LdapOp, LdapResult, LdapResultCode,
};
use sqlx::postgres::PgConnectOptions;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::codec::Framed;

use super::catalogue::{Binding, Catalogue};
use super::ldap::{Codec, PREFIX, SUFFIX, role};
use crate::azure::Azure;
use crate::error::{Error, Result};
use crate::server::{Server, bind};
use crate::tokens::{POSTGRES, TokenRejection};

const PART: &str = "the judge of PostgreSQL's tokens";

/// The maximum number of verdicts that are stored.
const VERDICT_LIMIT: usize = 1000;

/// The result of one sign-in with a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The role that the client named.
    pub role: String,
    /// Why it was rejected, without any part of the token. `None` means that it was accepted.
    pub refusal: Option<String>,
}

/// The judge, which runs until this value is dropped.
pub(super) struct Judge {
    port: u16,
    shared: Arc<Shared>,
    _server: Server,
}

struct Shared {
    azure: Azure,
    catalogue: Catalogue,
    verdicts: Mutex<VecDeque<Verdict>>,
}

impl Judge {
    /// Starts a judge on a free loopback port. It connects with these options to look up the server's roles.
    pub(super) fn start(azure: &Azure, server: PgConnectOptions) -> Result<Self> {
        let listener = bind(0, PART, "--postgres-port")?;
        let port = listener
            .local_addr()
            .map_err(|error| Error::failed(PART, error))?
            .port();
        let (catalogue, serve_catalogue) = Catalogue::new(server);
        let shared = Arc::new(Shared {
            azure: azure.clone(),
            catalogue,
            verdicts: Mutex::default(),
        });
        let server = Server::start(listener, {
            let shared = shared.clone();
            async move |listener| {
                tokio::spawn(serve_catalogue);
                serve(listener, shared).await;
            }
        });
        Ok(Self {
            port,
            shared,
            _server: server,
        })
    }

    /// The authentication method for `pg_hba.conf` that asks this judge.
    pub(super) fn method(&self) -> String {
        format!(
            "ldap ldapserver=127.0.0.1 ldapport={} ldapprefix=\"{PREFIX}\" ldapsuffix=\"{SUFFIX}\"",
            self.port
        )
    }

    /// Waits until the judge can query the server.
    pub(super) async fn wait_for_server(&self) -> Result<(), String> {
        self.shared.catalogue.wait_for_server().await
    }

    /// The last verdicts, oldest first.
    pub(super) fn verdicts(&self) -> Vec<Verdict> {
        let verdicts = self
            .shared
            .verdicts
            .lock()
            .expect("no thread panics while holding the lock");
        verdicts.iter().cloned().collect()
    }
}

impl Shared {
    /// Checks that the token is the password of the role. Returns the reason if it is not, without any part of the token.
    async fn check(&self, role: &str, token: &str) -> Result<(), String> {
        let claims = self
            .azure
            .verify(token, &[POSTGRES])
            .map_err(|rejection| match rejection {
                // Azure's own message: <https://github.com/microsoft/azuredatastudio-postgresql/issues/505>
                TokenRejection::Audience => format!(
                    "The access token does not have a valid audience claim. Please acquire a new token for the \
                     resource \"{POSTGRES}\"."
                ),
                other => other.to_string(),
            })?;
        let binding: Option<Binding> = self
            .catalogue
            .binding(role)
            .await
            .map_err(|error| format!("cannot look up the principal of role[{role}]: {error}"))?;
        match binding {
            Some(binding) => binding.admits(role, &claims),
            None => Err(format!("no Microsoft Entra principal is bound to role[{role}]")),
        }
    }

    async fn judge(&self, role: &str, token: &str) -> (LdapResultCode, String) {
        let refusal = self.check(role, token).await.err();
        if let Some(refusal) = &refusal {
            tracing::warn!(role, "PostgreSQL rejected a sign-in: {refusal}");
        }
        let mut verdicts = self.verdicts.lock().expect("no thread panics while holding the lock");
        if verdicts.len() == VERDICT_LIMIT {
            verdicts.pop_front();
        }
        verdicts.push_back(Verdict {
            role: role.to_owned(),
            refusal: refusal.clone(),
        });
        match refusal {
            None => (LdapResultCode::Success, String::new()),
            Some(why) => (LdapResultCode::InvalidCredentials, why),
        }
    }

    async fn bind(&self, request: LdapBindRequest) -> (LdapResultCode, String) {
        if request.version != 3 {
            return (
                LdapResultCode::ProtocolError,
                "only LDAP version 3 is supported".to_owned(),
            );
        }
        let LdapBindCred::Simple(token) = request.cred else {
            return (
                LdapResultCode::AuthMethodNotSupported,
                "only simple binds are supported".to_owned(),
            );
        };
        match role(&request.dn) {
            Some(role) => self.judge(role, &token).await,
            None => (
                LdapResultCode::InvalidCredentials,
                "the name does not identify a role".to_owned(),
            ),
        }
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            let shared = shared.clone();
            tokio::spawn(async move { serve_connection(stream, &shared).await });
        } else {
            // The process has temporarily run out of file descriptors.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
}

/// Responds to the binds on one connection, and closes the connection on any other request.
async fn serve_connection(stream: TcpStream, shared: &Shared) {
    let mut framed = Framed::new(stream, Codec::default());
    while let Some(Ok(LdapMsg {
        msgid,
        op: LdapOp::BindRequest(request),
        ..
    })) = framed.next().await
    {
        let (code, message) = shared.bind(request).await;
        let response = LdapOp::BindResponse(LdapBindResponse {
            res: LdapResult {
                code,
                matcheddn: String::new(),
                message,
                referral: Vec::new(),
            },
            saslcreds: None,
        });
        if framed.send(LdapMsg::new(msgid, response)).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
