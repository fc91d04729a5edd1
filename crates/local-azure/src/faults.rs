//! Faults that a developer injects to see how the app reacts.

use std::fmt;
use std::str::FromStr;
use std::sync::RwLock;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The active faults. At first no fault is active, and all faults end with the process.
#[derive(Debug, Default)]
pub struct Faults(RwLock<FaultSet>);

/// A set of faults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultSet {
    /// The lifetime of new tokens, instead of Azure's.
    pub token_lifetime: Option<Duration>,
    /// How the managed identity endpoints respond.
    pub identity: IdentityFault,
    /// Blob Storage refuses connections.
    pub storage_away: bool,
    /// PostgreSQL is stopped.
    pub database_away: bool,
    /// No role assignment has any effect.
    pub roles_removed: bool,
}

/// How the managed identity endpoints respond to valid requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum IdentityFault {
    /// With a token.
    #[default]
    None,
    /// With a token after this delay.
    Slow(Duration),
    /// With this status.
    Status(u16),
    /// With status 429 and a `Retry-After` header.
    TooManyRequests {
        /// The header's value, in seconds.
        retry_after: u64,
    },
    /// Never.
    Hangs,
    /// By refusing connections.
    Away,
}

impl Faults {
    /// The faults that are active now.
    pub fn active(&self) -> FaultSet {
        self.0.read().expect("no thread panics while holding the lock").clone()
    }

    /// Changes which faults are active.
    pub fn change(&self, change: impl FnOnce(&mut FaultSet)) {
        change(&mut self.0.write().expect("no thread panics while holding the lock"));
    }
}

/// A fault as it is written on the command line, such as `identity=429`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InjectedFault {
    /// `token-lifetime=90`: the lifetime of new tokens in seconds.
    TokenLifetime(Duration),
    /// `identity=slow`, `identity=away`, `identity=429`, `identity=hangs`, `identity=500`.
    Identity(IdentityFault),
    /// `storage=away`.
    StorageAway,
    /// `database=away`.
    DatabaseAway,
    /// `database=restart`: one restart, now.
    DatabaseRestart,
    /// `role=removed`.
    RolesRemoved,
}

/// The delay of `identity=slow`.
const SLOW: Duration = Duration::from_secs(10);

impl FromStr for InjectedFault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || {
            format!(
                "{text:?} is not a fault. The faults are token-lifetime=SECONDS, identity=slow, identity=hangs, \
                 identity=away, identity=429 (or another status from 400 to 599), database=restart, database=away, \
                 storage=away and role=removed"
            )
        };
        let (name, value) = text.split_once('=').ok_or_else(unknown)?;
        match (name, value) {
            ("token-lifetime", seconds) => match seconds.parse() {
                Ok(seconds @ 1..=86400) => Ok(Self::TokenLifetime(Duration::from_secs(seconds))),
                _ => Err(format!(
                    "token-lifetime must be a number of seconds from 1 to 86400, not {seconds:?}"
                )),
            },
            ("identity", "slow") => Ok(Self::Identity(IdentityFault::Slow(SLOW))),
            ("identity", "hangs") => Ok(Self::Identity(IdentityFault::Hangs)),
            ("identity", "away") => Ok(Self::Identity(IdentityFault::Away)),
            ("identity", "429") => Ok(Self::Identity(IdentityFault::TooManyRequests { retry_after: 5 })),
            ("identity", status) => match status.parse() {
                Ok(status @ 400..=599) => Ok(Self::Identity(IdentityFault::Status(status))),
                _ => Err(unknown()),
            },
            ("database", "restart") => Ok(Self::DatabaseRestart),
            ("database", "away") => Ok(Self::DatabaseAway),
            ("storage", "away") => Ok(Self::StorageAway),
            ("role", "removed") => Ok(Self::RolesRemoved),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for FaultSet {
    /// Writes the faults as on the command line, or `none`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = Vec::new();
        if let Some(lifetime) = self.token_lifetime {
            names.push(format!("token-lifetime={}", lifetime.as_secs()));
        }
        match self.identity {
            IdentityFault::None => {}
            IdentityFault::Slow(_) => names.push("identity=slow".to_owned()),
            IdentityFault::Status(status) => names.push(format!("identity={status}")),
            IdentityFault::TooManyRequests { .. } => names.push("identity=429".to_owned()),
            IdentityFault::Hangs => names.push("identity=hangs".to_owned()),
            IdentityFault::Away => names.push("identity=away".to_owned()),
        }
        for (is_active, text) in [
            (self.database_away, "database=away"),
            (self.storage_away, "storage=away"),
            (self.roles_removed, "role=removed"),
        ] {
            if is_active {
                names.push(text.to_owned());
            }
        }
        if names.is_empty() {
            names.push("none".to_owned());
        }
        f.write_str(&names.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_parsed_as_they_are_written() {
        for (text, fault) in [
            (
                "token-lifetime=90",
                InjectedFault::TokenLifetime(Duration::from_secs(90)),
            ),
            ("identity=away", InjectedFault::Identity(IdentityFault::Away)),
            (
                "identity=429",
                InjectedFault::Identity(IdentityFault::TooManyRequests { retry_after: 5 }),
            ),
            ("identity=503", InjectedFault::Identity(IdentityFault::Status(503))),
            ("database=restart", InjectedFault::DatabaseRestart),
            ("role=removed", InjectedFault::RolesRemoved),
        ] {
            assert_eq!(text.parse(), Ok(fault));
        }
        for wrong in [
            "",
            "identity",
            "identity=200",
            "token-lifetime=0",
            "token-lifetime=1h",
            "disk=full",
        ] {
            let error = wrong.parse::<InjectedFault>().unwrap_err();
            assert!(error.contains("token-lifetime"), "{error}");
        }
    }
}
