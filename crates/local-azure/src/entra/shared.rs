//! The state that the authority's handlers share.

use std::sync::{Arc, OnceLock};

use uuid::Uuid;

use super::attempts::Attempts;
use super::codes::Codes;
use super::device_codes::DeviceCodes;
use super::federation::Issuers;
use crate::azure::Azure;
use crate::server::LOOPBACK;
use crate::state::DOMAIN;
use crate::tokens::{AZURE_AUTHORITY, SigningKeys};

/// The state that the authority's handlers share.
#[derive(Clone)]
pub struct Shared {
    pub azure: Azure,
    /// The authority's URL for the clients of these handlers. It ends with a slash.
    pub authority: String,
    /// The authority's URL for a browser on this machine. It ends with a slash.
    pub outside: String,
    /// The codes that wait for a person.
    pub device_codes: Arc<DeviceCodes>,
    /// The authorization codes that wait to be redeemed.
    pub codes: Arc<Codes>,
    /// The port of web apps on this machine, once it is known.
    pub app_port: Arc<OnceLock<u16>>,
    /// Wrong passwords.
    pub attempts: Arc<Attempts>,
    /// The `iss` of this machine's workload tokens.
    pub workload_issuer: String,
    /// The keys of the workload issuer.
    pub workload_keys: Arc<SigningKeys>,
    pub issuers: Arc<Issuers>,
}

/// How a path names the tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tenant {
    /// By its id or its domain.
    Own,
    /// As `common` or `organizations`, which mean the user's tenant.
    Any,
}

impl Shared {
    pub fn own_tenant(&self) -> Uuid {
        self.azure.read(|state| state.tenant)
    }

    /// The `iss` of ID tokens and of access tokens of version 2.0, as the discovery document states it.
    pub fn issuer_v2(&self) -> String {
        format!("{}{}/v2.0", self.authority, self.own_tenant())
    }

    /// Parses the tenant in a path. Returns `None` if there is no such tenant.
    pub fn tenant(&self, name: &str) -> Option<Tenant> {
        if Uuid::try_parse(name) == Ok(self.own_tenant()) || name.eq_ignore_ascii_case(DOMAIN) {
            Some(Tenant::Own)
        } else if ["common", "organizations"].contains(&name) {
            Some(Tenant::Any)
        } else {
            None
        }
    }

    /// The tenant as it is written in URLs.
    pub fn name(&self, tenant: Tenant) -> String {
        match tenant {
            Tenant::Own => self.own_tenant().to_string(),
            Tenant::Any => "common".to_owned(),
        }
    }

    /// The host and port of the authority.
    pub fn host(&self) -> &str {
        self.authority.trim_start_matches("https://").trim_end_matches('/')
    }

    /// The accepted `aud` values of a client assertion: the tenant's token endpoints and issuers, with each host name.
    pub fn audiences(&self) -> Vec<String> {
        let tenant = self.own_tenant().to_string();
        let other = self.authority.replace("localhost", LOOPBACK);
        let mut audiences = vec![self.azure.issuer()];
        for host in [&self.authority, &other, AZURE_AUTHORITY] {
            for tenant in [&tenant, DOMAIN] {
                for path in ["oauth2/v2.0/token", "oauth2/token", "v2.0", ""] {
                    audiences.push(format!("{host}{tenant}/{path}"));
                }
            }
        }
        audiences
    }
}
