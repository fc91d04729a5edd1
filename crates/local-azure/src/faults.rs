//! What a developer makes fail on purpose, to see what the app does then.

use std::fmt;
use std::str::FromStr;
use std::sync::RwLock;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The faults that hold now. At first there are none; they end with the process.
#[derive(Debug, Default)]
pub struct Faults(RwLock<FaultSet>);

/// Which faults there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultSet {
    /// How long new tokens live, in place of Azure's hours.
    pub token_lifetime: Option<Duration>,
    /// How the managed identity endpoints answer.
    pub identity: IdentityFault,
    /// Blob Storage does not answer.
    pub storage_away: bool,
    /// PostgreSQL does not answer.
    pub database_away: bool,
    /// No role assignment counts.
    pub roles_removed: bool,
}

/// How the managed identity endpoints answer requests that are in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum IdentityFault {
    /// With a token.
    #[default]
    None,
    /// With a token, after this time.
    Slow(Duration),
    /// With this status.
    Status(u16),
    /// With 429 and this `Retry-After`, in seconds.
    TooManyRequests {
        /// When to ask again.
        retry_after: u64,
    },
    /// Never.
    Hangs,
    /// Nobody listens there.
    Away,
}

impl Faults {
    /// The faults that hold now.
    pub fn now(&self) -> FaultSet {
        self.0.read().expect("no change panics").clone()
    }

    /// Changes which faults hold.
    pub fn change(&self, change: impl FnOnce(&mut FaultSet)) {
        change(&mut self.0.write().expect("no change panics"));
    }
}

/// One fault as it is written on the command line, such as `identity=429`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// `token-lifetime=90`: new tokens live so many seconds.
    TokenLifetime(Duration),
    /// `identity=slow`, `identity=away`, `identity=429`, `identity=hangs`, `identity=500`.
    Identity(IdentityFault),
    /// `storage=away`.
    StorageAway,
    /// `database=away`.
    DatabaseAway,
    /// `database=restart`: once, now.
    DatabaseRestart,
    /// `role=removed`.
    RolesRemoved,
}

/// How `identity=slow` answers.
const SLOW: Duration = Duration::from_secs(10);

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || {
            format!(
                "{text:?} is no fault. There are token-lifetime=SECONDS, identity=slow, identity=hangs, identity=away, \
                 identity=429 (or another status from 400 to 599), database=restart, database=away, storage=away and \
                 role=removed"
            )
        };
        let (name, value) = text.split_once('=').ok_or_else(unknown)?;
        match (name, value) {
            ("token-lifetime", seconds) => match seconds.parse() {
                Ok(seconds @ 1..=86400) => Ok(Self::TokenLifetime(Duration::from_secs(seconds))),
                _ => Err(format!(
                    "token-lifetime is a number of seconds from 1 to 86400, not {seconds:?}"
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
    /// As they are written on the command line; `none` for none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = Vec::new();
        if let Some(lifetime) = self.token_lifetime {
            said.push(format!("token-lifetime={}", lifetime.as_secs()));
        }
        match self.identity {
            IdentityFault::None => {}
            IdentityFault::Slow(_) => said.push("identity=slow".to_owned()),
            IdentityFault::Status(status) => said.push(format!("identity={status}")),
            IdentityFault::TooManyRequests { .. } => said.push("identity=429".to_owned()),
            IdentityFault::Hangs => said.push("identity=hangs".to_owned()),
            IdentityFault::Away => said.push("identity=away".to_owned()),
        }
        for (there, text) in [
            (self.database_away, "database=away"),
            (self.storage_away, "storage=away"),
            (self.roles_removed, "role=removed"),
        ] {
            if there {
                said.push(text.to_owned());
            }
        }
        if said.is_empty() {
            said.push("none".to_owned());
        }
        f.write_str(&said.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_as_they_are_written() {
        for (text, fault) in [
            ("token-lifetime=90", Fault::TokenLifetime(Duration::from_secs(90))),
            ("identity=away", Fault::Identity(IdentityFault::Away)),
            (
                "identity=429",
                Fault::Identity(IdentityFault::TooManyRequests { retry_after: 5 }),
            ),
            ("identity=503", Fault::Identity(IdentityFault::Status(503))),
            ("database=restart", Fault::DatabaseRestart),
            ("role=removed", Fault::RolesRemoved),
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
            let error = wrong.parse::<Fault>().unwrap_err();
            assert!(error.contains("token-lifetime"), "{error}");
        }
    }
}
