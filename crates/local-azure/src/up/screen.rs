//! The screen that `up` and `status` print.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::parts::Parts;
use crate::arm;
use crate::azure::Azure;
use crate::state::{PostgresServer, State, StorageAccount, WebApp};
use crate::tutorial;

/// The running parts, with their addresses.
pub fn summary(azure: &Azure, parts: &Parts) -> String {
    let mut text = String::new();
    let authority = azure.authority().file();
    let state = azure.state();
    let mut rows = vec![
        (
            "Web app".to_owned(),
            format!("https://localhost:{}", parts.apps.https_port()),
        ),
        (
            "  over plain HTTP".to_owned(),
            format!("http://localhost:{}", parts.apps.http_port()),
        ),
    ];
    rows.extend(
        state
            .names::<WebApp>()
            .map(|app| (format!("  {app}"), parts.apps.url(app))),
    );
    for server in state.names::<PostgresServer>() {
        let address = parts
            .servers
            .get(server)
            .map(|running| format!("127.0.0.1:{}", running.port()));
        let address = address.unwrap_or_else(|| "stopped".to_owned());
        rows.push((format!("PostgreSQL {server}"), address));
    }
    for account in state.names::<StorageAccount>() {
        rows.push((format!("Blob Storage {account}"), parts.blobs.account_url(account)));
    }
    if let Some(stored) = stored(&state) {
        rows.push(("Only stored".to_owned(), stored));
    }
    let fixed = [
        ("Entra administrator", tutorial::ADMINISTRATOR.to_owned()),
        ("Entra", parts.entra.authority_host()),
        ("  tenant", state.tenant.to_string()),
        ("Managed identity", parts.identity.app_service_url()),
        ("  IMDS", parts.identity.imds_host()),
        ("Certificates to trust", authority.display().to_string()),
        ("State folder", azure.folder().display().to_string()),
        ("Injected faults", azure.faults().active().to_string()),
    ];
    rows.extend(fixed.map(|(name, value)| (name.to_owned(), value)));
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    text.push('\n');
    for (name, value) in rows {
        let _ = writeln!(text, "  {name:<width$}  {value}");
    }
    for app in state.names::<WebApp>() {
        let _ = writeln!(text, "\n  Instances of {app}:");
        for instance in parts.apps.status(app).unwrap_or_default() {
            let port = instance.port.map_or_else(String::new, |port| format!(", port {port}"));
            let process = instance
                .process
                .map_or_else(String::new, |id| format!(", process {id}"));
            let _ = writeln!(
                text,
                "    {} {}{port}{process}, restarts: {}",
                instance.number, instance.state, instance.restarts
            );
        }
    }
    let _ = write!(
        text,
        "\n  local-azure logs --follow · status · restart · scale 2 · faults database=away · role list · shell · down"
    );
    text
}

/// The types of the resources that are kept without any effect, and how many there are of each.
fn stored(state: &State) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for resource in state.resources().filter(|resource| arm::is_only_stored(&resource.id)) {
        *counts.entry(resource.id.kind()).or_default() += 1;
    }
    let counts: Vec<_> = counts.iter().map(|(kind, count)| format!("{kind}: {count}")).collect();
    (!counts.is_empty()).then(|| counts.join(", "))
}
