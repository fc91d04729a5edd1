//! The firewall rules of a server.

use std::net::Ipv4Addr;

use axum::http::StatusCode;

use super::shared::invalid;
use crate::arm::error::ArmError;
use crate::arm::types::Type;
use crate::state::{Resource, State};

/// The firewall rules of a server.
pub const FIREWALL_RULES: Type = Type {
    kind: "Microsoft.DBforPostgreSQL/flexibleServers/firewallRules",
    put: put_firewall_rule,
    show: |_, _| {},
    created: StatusCode::ACCEPTED,
};

fn put_firewall_rule(_: &State, rule: &mut Resource) -> Result<(), ArmError> {
    let address = |name: &str| {
        let text = rule.text(name).unwrap_or_default();
        text.parse::<Ipv4Addr>().map_err(|_| {
            invalid(format!(
                "'{text}' is not a valid value of {name}: it must be an IPv4 address."
            ))
        })
    };
    if address("startIpAddress")? > address("endIpAddress")? {
        return Err(invalid("startIpAddress must not be after endIpAddress."));
    }
    Ok(())
}
