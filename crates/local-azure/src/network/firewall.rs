//! The firewalls of PostgreSQL servers, for connections from inside the networks.
//! <https://learn.microsoft.com/azure/postgresql/security/security-firewall-rules>

use std::net::Ipv4Addr;

use super::addresses::PUBLIC_ADDRESS;
use crate::state::PostgresServer;

/// The firewall of one server. It logs when it begins to refuse connections, and not for each of them.
#[derive(Default)]
pub(super) struct Firewall {
    is_refusing: bool,
}

impl Firewall {
    /// Whether the server as it is now admits a connection.
    pub(super) fn check(&mut self, server: &PostgresServer) -> bool {
        let refusal = refusal(server);
        if let Some(reason) = &refusal
            && !self.is_refusing
        {
            tracing::warn!("the firewall of {} refuses connections: {reason}", server.id.name());
        }
        self.is_refusing = refusal.is_some();
        refusal.is_none()
    }
}

/// Why a server refuses connections, and which command changes that.
fn refusal(server: &PostgresServer) -> Option<String> {
    if !server.is_public {
        return Some("its public access is disabled: `az postgres flexible-server update` enables it".to_owned());
    }
    // A rule for 0.0.0.0 alone admits Azure's services, and what runs inside is one of them. It also has the public
    // address of this machine, as it would have outside Azure.
    let admits = |[start, end]: &[Ipv4Addr; 2]| {
        let is_for_services = start.is_unspecified() && end.is_unspecified();
        is_for_services || (start..=end).contains(&&PUBLIC_ADDRESS)
    };
    if server.firewall_rules.values().any(admits) {
        return None;
    }
    Some(format!(
        "no rule admits Azure's services (0.0.0.0) or this machine ({PUBLIC_ADDRESS}): \
         `az postgres flexible-server firewall-rule create` adds one"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{State, View as _};

    #[test]
    fn a_rule_must_admit_azures_services_or_this_machine() {
        let id = State::default().resource_id("rg", PostgresServer::KIND, "db");
        let mut server = PostgresServer::new(id, "eastus");
        let rule = |range: &str| {
            let (start, end) = range.split_once('-').unwrap_or((range, range));
            [start, end].map(|address| address.parse::<Ipv4Addr>().unwrap())
        };
        for (rules, expected) in [
            (&[][..], false),
            (&["0.0.0.0"], true),
            (&["0.0.0.0-255.255.255.255"], true),
            (&["0.0.0.0-10.0.0.0"], false),
            (&["203.0.113.1"], true),
            (&["203.0.113.0-203.0.113.1"], true),
            (&["203.0.113.1-203.0.113.255"], true),
            (&["203.0.113.2-203.0.113.255"], false),
            (&["1.1.1.1", "203.0.112.0-203.0.113.0"], false),
            (&["1.1.1.1", "203.0.113.1"], true),
        ] {
            let rules = rules.iter().map(|range| ((*range).to_owned(), rule(range)));
            server.firewall_rules = rules.collect();
            for is_public in [true, false] {
                server.is_public = is_public;
                let mut firewall = Firewall::default();
                assert_eq!(firewall.check(&server), expected && is_public, "{server:?}");
                assert_eq!(firewall.is_refusing, !(expected && is_public), "{server:?}");
            }
        }
    }
}
