//! Reads states of the second version, when servers did not enforce their firewall rules.

use serde_json::Value;

use super::views::{PostgresServer, azure_services};
use super::{SCHEMA, State};

/// Reads a state of the second version. A server without any rule gets the one for Azure's services, so that what
/// could connect still can.
pub(super) fn read(json: Value) -> serde_json::Result<State> {
    let mut state: State = serde_json::from_value(json)?;
    state.schema = SCHEMA;
    let servers: Vec<PostgresServer> = state.all().collect();
    for mut server in servers {
        if server.firewall_rules.is_empty() {
            server.firewall_rules = azure_services();
            state.put(&server);
        }
    }
    Ok(state)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::state::View as _;

    #[test]
    fn servers_without_rules_still_admit_azures_services() {
        let mut state = State::default();
        let office = [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 9)];
        for (name, rules) in [("open", vec![]), ("closed", vec![("office".to_owned(), office)])] {
            let id = state.resource_id("rg", PostgresServer::KIND, name);
            let mut server = PostgresServer::new(id, "eastus");
            server.firewall_rules = rules.into_iter().collect();
            state.put(&server);
        }
        let mut json = serde_json::to_value(&state).unwrap();
        json["schema"] = 2.into();
        let new = read(json).unwrap();
        let rules = |name: &str| new.find::<PostgresServer>(name).unwrap().firewall_rules;
        assert_eq!(rules("open"), azure_services());
        assert_eq!(rules("closed"), [("office".to_owned(), office)].into());
        assert_eq!(serde_json::to_value(&new).unwrap()["schema"], 3);
    }
}
