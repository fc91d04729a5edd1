//! Microsoft.DBforPostgreSQL: flexible servers.
//! <https://learn.microsoft.com/rest/api/postgresql>

mod administrators;
mod databases;
mod firewall;
mod offers;
mod parameters;
mod servers;
mod shared;

use axum::http::Method;

pub use self::administrators::ADMINISTRATORS;
pub use self::databases::DATABASES;
pub use self::firewall::FIREWALL_RULES;
pub use self::servers::SERVERS;

use super::answer::Answer;
use super::call::{Call, id};
use super::error::ArmError;
use super::service::Arm;

const NAMESPACE: &str = "Microsoft.DBforPostgreSQL";
/// The parts of a server that are emulated, in lower case.
const PARTS: [&str; 4] = ["administrators", "configurations", "databases", "firewallrules"];

/// Chooses the handler for what is below a server or below the provider. `None` means that it is a resource like any
/// other.
pub fn part(arm: &Arm, call: &Call, at: usize, rest: &[&str]) -> Option<Result<Answer, ArmError>> {
    let get = call.method == Method::GET;
    let server = || id(&call.path[..at + 4]);
    let name = call.path.get(at + 5).map(String::as_str).unwrap_or_default();
    let answer = match rest {
        ["locations" | "flexibleservers", _, "capabilities"] if get => offers::capabilities(call),
        ["locations", _, "checknameavailability"] | ["checknameavailability"] => offers::check_name(call),
        ["flexibleservers", _, operation @ ("start" | "stop" | "restart")] => {
            server().and_then(|id| servers::operate(arm, call, &id, operation))
        }
        ["flexibleservers", _, "databases"] if get => server().and_then(|id| databases::list(arm, call, &id)),
        ["flexibleservers", _, "databases", _] if get || call.method == Method::DELETE => {
            server().and_then(|id| databases::one(arm, call, &id, name))
        }
        ["flexibleservers", _, "configurations"] if get => server().and_then(|id| parameters::list(arm, call, &id)),
        ["flexibleservers", _, "configurations", _] => server().and_then(|id| parameters::one(arm, call, &id, name)),
        ["flexibleservers", _, "replicas"] if get => server().and_then(|id| servers::replicas(call, &id)),
        // An empty list would suggest that backups or logs can exist.
        ["flexibleservers", _, part, ..] if !PARTS.contains(part) && !arm.stored.contains(NAMESPACE) => {
            Err(call.unsupported())
        }
        _ => return None,
    };
    Some(answer)
}
