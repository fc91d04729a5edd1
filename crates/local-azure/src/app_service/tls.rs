//! The front end's certificates.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::azure::Azure;
use crate::error::Result;
use crate::server::LOOPBACK;

/// The TLS configuration of the front end. One certificate is for this machine and `*.azurewebsites.net`. Each
/// `<app>.localhost` gets its own certificate at the first connection, because clients reject `*.localhost`.
pub(super) fn config(azure: &Azure) -> Result<Arc<ServerConfig>> {
    let config = azure
        .authority()
        .server(&["localhost", LOOPBACK, "*.azurewebsites.net"])?;
    let mut by_name = ServerConfig::clone(&config);
    by_name.cert_resolver = Arc::new(ByName {
        azure: azure.clone(),
        default: config,
        apps: Mutex::default(),
    });
    Ok(Arc::new(by_name))
}

struct ByName {
    azure: Azure,
    default: Arc<ServerConfig>,
    apps: Mutex<HashMap<String, Arc<ServerConfig>>>,
}

impl fmt::Debug for ByName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByName").finish_non_exhaustive()
    }
}

impl ByName {
    fn for_app(&self, host: &str) -> Option<Arc<ServerConfig>> {
        let host = host.to_ascii_lowercase();
        let name = host.strip_suffix(".localhost")?;
        let exists = |state: &crate::state::State| state.web_apps.iter().any(|app| app.name.eq_ignore_ascii_case(name));
        if !self.azure.read(exists) {
            return None;
        }
        let mut apps = self.apps.lock().expect("no thread panics while holding the lock");
        if let Some(config) = apps.get(&host) {
            return Some(config.clone());
        }
        let config = self.azure.authority().server(&[&host]).ok()?;
        apps.insert(host, config.clone());
        Some(config)
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let app = hello.server_name().and_then(|host| self.for_app(host));
        app.as_ref().unwrap_or(&self.default).cert_resolver.resolve(hello)
    }
}
