//! The screen that `up` and `status` print.

use std::fmt::Write as _;

use super::parts::Parts;
use crate::azure::Azure;
use crate::tutorial;

/// The running parts, with their addresses.
pub fn summary(azure: &Azure, parts: &Parts) -> String {
    let mut text = String::new();
    let authority = azure.authority().file();
    let app = tutorial::APP;
    let rows = [
        ("Web app", format!("https://localhost:{}", parts.apps.https_port())),
        (
            "  over plain HTTP",
            format!("http://localhost:{}", parts.apps.http_port()),
        ),
        ("  by host name", parts.apps.url(app)),
        (
            "PostgreSQL",
            format!("127.0.0.1:{}, database {}", parts.postgres.port(), tutorial::DATABASE),
        ),
        ("  Entra administrator", tutorial::ADMINISTRATOR.to_owned()),
        ("  the app's role", tutorial::IDENTITY.to_owned()),
        ("Blob Storage", parts.blobs.account_url(tutorial::ACCOUNT)),
        ("Entra", parts.entra.authority_host()),
        ("  tenant", azure.read(|state| state.tenant.to_string())),
        ("Managed identity", parts.identity.app_service_url()),
        ("  IMDS", parts.identity.imds_host()),
        ("Certificates to trust", authority.display().to_string()),
        ("State folder", azure.folder().display().to_string()),
        ("Injected faults", azure.faults().active().to_string()),
    ];
    text.push('\n');
    for (name, value) in rows {
        let _ = writeln!(text, "  {name:<24} {value}");
    }
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
    let _ = write!(
        text,
        "\n  local-azure logs --follow · status · restart · scale 2 · faults database=away · role list · shell · down"
    );
    text
}
