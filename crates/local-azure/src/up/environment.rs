//! `local-azure env`: what a program needs that shares the network of this machine, such as one in a debugger.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::parts::Parts;
use crate::app_service::variable;
use crate::azure::Azure;
use crate::network::NetworkFiles;
use crate::server::LOOPBACK;
use crate::shell_quote::quote_for_shell;
use crate::state::{StorageAccount, WebApp};
use crate::tutorial;

/// The beginnings of the names of settings that configure the platform and not the app.
const OF_PLATFORM: [&str; 3] = ["WEBSITE_", "WEBSITES_", "SCM_"];

/// The commands of a shell that set the variables: certificates, and the identity of an app with its settings, or that of
/// the machine.
pub fn exports(azure: &Azure, parts: &Parts, app: Option<&str>) -> String {
    let mut variables = BTreeMap::new();
    if let Some(app) = app {
        variables.extend(settings(azure, parts, app));
        variables.insert("IDENTITY_ENDPOINT".to_owned(), parts.identity.app_service_url());
        variables.insert("IDENTITY_HEADER".to_owned(), azure.identity_headers().give(app));
    } else {
        variables.insert(
            "AZURE_POD_IDENTITY_AUTHORITY_HOST".to_owned(),
            parts.identity.imds_host(),
        );
    }
    let certificates = match NetworkFiles::of_running(azure.folder()) {
        Ok(files) => files.certificates(),
        // With --addresses, there are no such files.
        Err(_) => azure.authority().file(),
    };
    for name in [
        "NODE_EXTRA_CA_CERTS",
        "PGSSLROOTCERT",
        "REQUESTS_CA_BUNDLE",
        "SSL_CERT_FILE",
    ] {
        variables.insert(name.to_owned(), certificates.display().to_string());
    }
    let mut text = String::new();
    for (name, value) in variables {
        writeln!(text, "export {name}={}", quote_for_shell(&value)).expect("a string can be written to");
    }
    text.pop(); // The terminal gets a line end anyway.
    text
}

/// The settings of an app, with addresses on this machine in place of Azure's names.
fn settings(azure: &Azure, parts: &Parts, app: &str) -> BTreeMap<String, String> {
    let state = azure.state();
    let Some(found) = state.find::<WebApp>(app) else {
        return BTreeMap::new();
    };
    let strings = found.connection_strings.iter();
    let strings = strings.map(|(name, string)| (string.variable(name), string.value.clone()));
    let own = found.settings.into_iter();
    let own = own.filter(|(name, _)| !OF_PLATFORM.iter().any(|start| name.starts_with(start)));
    let own = own.filter_map(|(name, value)| Some((variable(&name)?, value)));
    let mut variables: BTreeMap<_, _> = strings.chain(own).collect();
    for server in parts.servers.all() {
        let host = format!("{}.postgres.database.azure.com", server.name());
        let names: Vec<_> = variables
            .iter()
            .filter(|(_, value)| **value == host)
            .map(|(name, _)| name.clone())
            .collect();
        for name in names {
            // Such as DBHOST and DBPORT, or PGHOST and PGPORT.
            if let Some(start) = name.strip_suffix("HOST") {
                variables.insert(format!("{start}PORT"), server.port().to_string());
            }
            variables.insert(name, LOOPBACK.to_owned());
        }
    }
    for account in state.names::<StorageAccount>() {
        let url = parts.blobs.account_url(account);
        for value in variables.values_mut() {
            *value = value.replace(&format!("https://{account}.blob.core.windows.net"), &url);
        }
        // The site takes an address in place of the name.
        if app == tutorial::APP
            && let Some(name) = variables
                .get_mut("STORAGE_ACCOUNT_NAME")
                .filter(|name| *name == account)
        {
            *name = url;
        }
    }
    variables
}
