//! TLS configurations that have a certificate for each host that clients ask for.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::azure::Azure;
use crate::error::Result;

/// Creates the configuration. A host that is permitted gets its own certificate at its first connection; every other
/// one gets the certificate for the hosts in `default`.
pub(crate) fn config(
    azure: &Azure,
    default: &[&str],
    is_permitted: impl Fn(&str) -> bool + Send + Sync + 'static,
) -> Result<Arc<ServerConfig>> {
    let default = azure.authority().server(default)?;
    let mut config = ServerConfig::clone(&default);
    config.cert_resolver = Arc::new(ByName {
        azure: azure.clone(),
        default,
        is_permitted: Box::new(is_permitted),
        issued: Mutex::default(),
    });
    Ok(Arc::new(config))
}

struct ByName {
    azure: Azure,
    default: Arc<ServerConfig>,
    is_permitted: Box<dyn Fn(&str) -> bool + Send + Sync>,
    issued: Mutex<HashMap<String, Arc<ServerConfig>>>,
}

impl fmt::Debug for ByName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByName").finish_non_exhaustive()
    }
}

impl ByName {
    fn for_host(&self, host: &str) -> Option<Arc<ServerConfig>> {
        let host = host.to_ascii_lowercase();
        if !(self.is_permitted)(&host) {
            return None;
        }
        let mut issued = self.issued.lock().expect("no thread panics while holding the lock");
        if let Some(config) = issued.get(&host) {
            return Some(config.clone());
        }
        let config = self.azure.authority().server(&[&host]).ok()?;
        issued.insert(host, config.clone());
        Some(config)
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let own = hello.server_name().and_then(|host| self.for_host(host));
        own.as_ref().unwrap_or(&self.default).cert_resolver.resolve(hello)
    }
}
