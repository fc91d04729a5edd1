//! The judge of tokens: the LDAP server that PostgreSQL asks whether a password is right.
//!
//! Azure's PostgreSQL checks Entra tokens itself. Any other knows nothing of them, but lets an LDAP server judge: it
//! binds as `cn=<role>,ou=entra` with the password that the client sent, and a bind that succeeds is a login. So this
//! needs no more of LDAP than the simple bind (RFC 4511, section 4.2).
//! <https://www.postgresql.org/docs/current/auth-ldap.html>

use std::collections::VecDeque;
use std::io;
use std::net::TcpListener as StdListener;
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt as _, StreamExt as _};
use ldap3_proto::LdapCodec;
use ldap3_proto::proto::{
    LdapBindCred, LdapBindRequest, LdapBindResponse, LdapMsg, LdapOp, LdapResult, LdapResultCode,
};
use sqlx::postgres::PgConnectOptions;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::bytes::BytesMut;
use tokio_util::codec::{Decoder, Encoder, Framed};
use tracing::subscriber::{NoSubscriber, with_default};

use super::catalogue::{Binding, Catalogue};
use crate::Result;
use crate::server::{Server, bind};
use crate::state::Azure;
use crate::tokens::{POSTGRES, Refusal};

const PREFIX: &str = "cn=";
const SUFFIX: &str = ",ou=entra";

/// The longest request, in bytes: PostgreSQL takes passwords of 64 KiB.
const LONGEST_REQUEST: usize = 80 * 1024;
/// A bind is a message of an operation of a choice.
const DEPTH: usize = 8;

/// How many verdicts are remembered.
const REMEMBERED: usize = 1000;

/// What became of one sign-in by token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The name that the client gave.
    pub role: String,
    /// Why it was not let in, without a word of the token; `None`: it was let in.
    pub refusal: Option<String>,
}

/// Judges as long as this value lives.
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
    /// Judges for the server that is asked for its roles like this, on a free port of loopback.
    pub(super) fn start(azure: &Azure, server: PgConnectOptions) -> Result<Self> {
        let listener: StdListener = bind(0, "the judge of PostgreSQL's tokens", "--postgres-port")?;
        let port = listener
            .local_addr()
            .map_err(|error| crate::Error::failed("the judge of PostgreSQL's tokens", error))?
            .port();
        let (catalogue, keep) = Catalogue::new(server);
        let shared = Arc::new(Shared {
            azure: azure.clone(),
            catalogue,
            verdicts: Mutex::default(),
        });
        let server = Server::start(listener, {
            let shared = shared.clone();
            async move |listener| {
                tokio::spawn(keep);
                serve(listener, shared).await;
            }
        });
        Ok(Self {
            port,
            shared,
            _server: server,
        })
    }

    /// The method of `pg_hba.conf` that asks this judge.
    pub(super) fn method(&self) -> String {
        format!(
            "ldap ldapserver=127.0.0.1 ldapport={} ldapprefix=\"{PREFIX}\" ldapsuffix=\"{SUFFIX}\"",
            self.port
        )
    }

    /// Waits until the server answers the judge; otherwise what it said.
    pub(super) async fn reaches_server(&self) -> Result<(), String> {
        self.shared.catalogue.reach().await
    }

    /// The last sign-ins by token, in the order in which they were judged.
    pub(super) fn verdicts(&self) -> Vec<Verdict> {
        let verdicts = self.shared.verdicts.lock().expect("nobody panics");
        verdicts.iter().cloned().collect()
    }
}

impl Shared {
    /// Whether this token is the password of that role now; otherwise why not, without a word of it.
    async fn check(&self, role: &str, token: &str) -> Result<(), String> {
        let claims = self.azure.verify(token, &[POSTGRES]).map_err(|refusal| match refusal {
            // Azure's own text: <https://github.com/microsoft/azuredatastudio-postgresql/issues/505>
            Refusal::Audience => format!(
                "The access token does not have a valid audience claim. Please acquire a new token for the \
                     resource \"{POSTGRES}\"."
            ),
            other => other.to_string(),
        })?;
        let binding: Option<Binding> = self
            .catalogue
            .binding(role)
            .await
            .map_err(|error| format!("the server does not say whose role[{role}] is: {error}"))?;
        match binding {
            Some(binding) => binding.admits(role, &claims),
            None => Err(format!("no Microsoft Entra principal is bound to role[{role}]")),
        }
    }

    async fn judge(&self, role: &str, token: &str) -> (LdapResultCode, String) {
        let refusal = self.check(role, token).await.err();
        if let Some(refusal) = &refusal {
            tracing::warn!(role, "PostgreSQL refuses a sign-in: {refusal}");
        }
        let mut verdicts = self.verdicts.lock().expect("nobody panics");
        if verdicts.len() == REMEMBERED {
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
                "only LDAP version 3 is served".to_owned(),
            );
        }
        let LdapBindCred::Simple(token) = request.cred else {
            return (
                LdapResultCode::AuthMethodNotSupported,
                "only simple binds are served".to_owned(),
            );
        };
        // PostgreSQL puts the role's name between the two as it is, without the escapes of RFC 4514. To undo escapes
        // would let one role answer for another.
        let role = request
            .dn
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.strip_suffix(SUFFIX));
        match role {
            Some(role) => self.judge(role, &token).await,
            None => (LdapResultCode::InvalidCredentials, "this is no role".to_owned()),
        }
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            let shared = shared.clone();
            tokio::spawn(async move { converse(stream, &shared).await });
        } else {
            // Out of file descriptors, for a moment.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
}

/// Answers the binds of one connection, until it ends or something else comes.
async fn converse(stream: TcpStream, shared: &Shared) {
    let mut framed = Framed::new(stream, Silent(LdapCodec::new(Some(LONGEST_REQUEST), Some(DEPTH))));
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

/// The codec without its logs, which quote the messages and so the tokens.
struct Silent(LdapCodec);

impl Decoder for Silent {
    type Item = LdapMsg;
    type Error = io::Error;

    fn decode(&mut self, bytes: &mut BytesMut) -> io::Result<Option<LdapMsg>> {
        with_default(NoSubscriber::default(), || self.0.decode(bytes))
    }
}

impl Encoder<LdapMsg> for Silent {
    type Error = io::Error;

    fn encode(&mut self, message: LdapMsg, bytes: &mut BytesMut) -> io::Result<()> {
        with_default(NoSubscriber::default(), || self.0.encode(message, bytes))
    }
}

#[cfg(test)]
mod tests;
