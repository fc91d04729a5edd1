//! Faults that a developer injects to see how the app reacts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// The active faults. At first no fault is active, and all faults end with the process.
#[derive(Debug, Default)]
pub struct Faults(watch::Sender<FaultSet>);

/// A set of faults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultSet {
    /// The lifetime of new tokens, instead of Azure's.
    pub token_lifetime: Option<Duration>,
    /// How the managed identity endpoints respond.
    pub identity: IdentityFault,
    /// How App Service's endpoint responds to the apps with these names, in lower case.
    pub identity_of: BTreeMap<String, IdentityFault>,
    /// The storage accounts that refuse connections.
    pub storage_away: Targets,
    /// The status with which Blob Storage answers every request.
    pub storage: Option<u16>,
    /// The status with which the storage accounts with these names, in lower case, answer every request.
    pub storage_of: BTreeMap<String, u16>,
    /// The PostgreSQL servers that are stopped.
    pub database_away: Targets,
    /// The storage accounts at which no role assignment has any effect.
    pub roles_removed: Targets,
}

impl FaultSet {
    /// How App Service's managed identity endpoint responds to an app.
    #[must_use]
    pub fn identity_of(&self, app: &str) -> IdentityFault {
        let own = self.identity_of.get(&app.to_ascii_lowercase());
        own.copied().unwrap_or(self.identity)
    }

    /// The status with which a storage account answers every request, if it does.
    #[must_use]
    pub fn storage_of(&self, account: &str) -> Option<u16> {
        let own = self.storage_of.get(&account.to_ascii_lowercase());
        own.copied().or(self.storage)
    }
}

/// The resources of one type that a fault concerns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Targets {
    /// All of them.
    pub all: bool,
    /// Those with these names, in lower case.
    pub names: BTreeSet<String>,
}

impl Targets {
    /// Every resource.
    #[must_use]
    pub fn all() -> Self {
        Self {
            all: true,
            names: BTreeSet::new(),
        }
    }

    /// Adds the resource with that name, or all of them.
    pub fn add(&mut self, name: Option<&str>) {
        match name {
            Some(name) => drop(self.names.insert(name.to_ascii_lowercase())),
            None => self.all = true,
        }
    }

    /// Whether the fault concerns the resource. The case of the name is ignored.
    #[must_use]
    pub fn concerns(&self, name: &str) -> bool {
        self.all || self.names.contains(&name.to_ascii_lowercase())
    }
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
    #[must_use]
    pub fn active(&self) -> FaultSet {
        self.0.borrow().clone()
    }

    /// Changes which faults are active.
    pub fn change(&self, change: impl FnOnce(&mut FaultSet)) {
        self.0.send_modify(change);
    }

    /// A receiver of each change.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<FaultSet> {
        self.0.subscribe()
    }
}

/// A fault as it is written on the command line, such as `identity=429` or, for one resource, `database:contoso-db=away`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InjectedFault {
    /// What happens.
    pub effect: Effect,
    /// The name of the app, server or account. `None` means all of them.
    pub resource: Option<String>,
}

/// What a fault does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// `token-lifetime=90`: the lifetime of new tokens in seconds.
    TokenLifetime(Duration),
    /// `identity=slow`, `identity=away`, `identity=429`, `identity=hangs`, `identity=500`.
    Identity(IdentityFault),
    /// `storage=away`.
    StorageAway,
    /// `storage=500`, `storage=503`.
    StorageStatus(u16),
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
                 storage=away, storage=503 (or another status from 400 to 599) and role=removed. For one resource, its name follows the kind, as in database:NAME=away"
            )
        };
        let (kind, value) = text.split_once('=').ok_or_else(unknown)?;
        let (kind, resource) = match kind.split_once(':') {
            Some((_, "")) => return Err(unknown()),
            Some((kind, name)) => (kind, Some(name.to_owned())),
            None => (kind, None),
        };
        let effect = match (kind, value) {
            ("token-lifetime", seconds) => match seconds.parse() {
                Ok(seconds @ 1..=86400) => Effect::TokenLifetime(Duration::from_secs(seconds)),
                _ => {
                    return Err(format!(
                        "token-lifetime must be a number of seconds from 1 to 86400, not {seconds:?}"
                    ));
                }
            },
            ("identity", "slow") => Effect::Identity(IdentityFault::Slow(SLOW)),
            ("identity", "hangs") => Effect::Identity(IdentityFault::Hangs),
            ("identity", "away") => Effect::Identity(IdentityFault::Away),
            ("identity", "429") => Effect::Identity(IdentityFault::TooManyRequests { retry_after: 5 }),
            ("identity", status) => match status.parse() {
                Ok(status @ 400..=599) => Effect::Identity(IdentityFault::Status(status)),
                _ => return Err(unknown()),
            },
            ("database", "restart") => Effect::DatabaseRestart,
            ("database", "away") => Effect::DatabaseAway,
            ("storage", "away") => Effect::StorageAway,
            ("storage", status) => match status.parse() {
                Ok(status @ 400..=599) => Effect::StorageStatus(status),
                _ => return Err(unknown()),
            },
            ("role", "removed") => Effect::RolesRemoved,
            _ => return Err(unknown()),
        };
        if resource.is_some() && matches!(effect, Effect::TokenLifetime(_) | Effect::Identity(IdentityFault::Away)) {
            return Err(format!("{kind}={value} concerns all resources, so it takes no name"));
        }
        Ok(Self { effect, resource })
    }
}

impl fmt::Display for IdentityFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Slow(_) => f.write_str("slow"),
            Self::Status(status) => write!(f, "{status}"),
            Self::TooManyRequests { .. } => f.write_str("429"),
            Self::Hangs => f.write_str("hangs"),
            Self::Away => f.write_str("away"),
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
        if self.identity != IdentityFault::None {
            names.push(format!("identity={}", self.identity));
        }
        for (app, fault) in &self.identity_of {
            names.push(format!("identity:{app}={fault}"));
        }
        if let Some(status) = self.storage {
            names.push(format!("storage={status}"));
        }
        for (account, status) in &self.storage_of {
            names.push(format!("storage:{account}={status}"));
        }
        for (targets, kind, value) in [
            (&self.database_away, "database", "away"),
            (&self.storage_away, "storage", "away"),
            (&self.roles_removed, "role", "removed"),
        ] {
            if targets.all {
                names.push(format!("{kind}={value}"));
            }
            names.extend(targets.names.iter().map(|name| format!("{kind}:{name}={value}")));
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
        for (text, effect, resource) in [
            (
                "token-lifetime=90",
                Effect::TokenLifetime(Duration::from_secs(90)),
                None,
            ),
            ("identity=away", Effect::Identity(IdentityFault::Away), None),
            (
                "identity=429",
                Effect::Identity(IdentityFault::TooManyRequests { retry_after: 5 }),
                None,
            ),
            (
                "identity:site=503",
                Effect::Identity(IdentityFault::Status(503)),
                Some("site"),
            ),
            ("database=restart", Effect::DatabaseRestart, None),
            ("database:Contoso-db=away", Effect::DatabaseAway, Some("Contoso-db")),
            ("storage=503", Effect::StorageStatus(503), None),
            ("storage:Photos=away", Effect::StorageAway, Some("Photos")),
            ("role=removed", Effect::RolesRemoved, None),
        ] {
            let resource = resource.map(str::to_owned);
            assert_eq!(text.parse(), Ok(InjectedFault { effect, resource }));
        }
        for wrong in [
            "",
            "identity",
            "identity=200",
            "token-lifetime=0",
            "token-lifetime=1h",
            "disk=full",
            "storage=200",
            "database:=away",
            "token-lifetime:site=90",
        ] {
            let error = wrong.parse::<InjectedFault>().unwrap_err();
            assert!(error.contains("token-lifetime"), "{error}");
        }
    }

    #[test]
    fn a_fault_concerns_all_resources_or_those_with_its_names() {
        let mut set = FaultSet::default();
        set.database_away.add(Some("One"));
        set.identity_of.insert("site".to_owned(), IdentityFault::Hangs);
        assert!(set.database_away.concerns("ONE") && !set.database_away.concerns("two"));
        assert_eq!(set.identity_of("Site"), IdentityFault::Hangs);
        set.storage = Some(500);
        set.storage_of.insert("one".to_owned(), 503);
        assert_eq!((set.storage_of("One"), set.storage_of("two")), (Some(503), Some(500)));
        assert_eq!(
            set.to_string(),
            "identity:site=hangs,storage=500,storage:one=503,database:one=away"
        );
        set.database_away.add(None);
        assert!(set.database_away.concerns("two"));
    }
}
