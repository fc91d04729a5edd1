//! `restaurant-review healthcheck`: is the site that runs on this machine up? For the health check of a container, in
//! which there is no curl.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::config::Config;
use crate::error::chain;

/// A site that takes longer is not well.
const LIMIT: Duration = Duration::from_secs(5);

/// Asks `/healthz` of the site with this configuration; the error says why it is not up.
pub async fn run(config: &Config) -> Result<(), String> {
    let host = if config.host.is_unspecified() {
        IpAddr::V4(Ipv4Addr::LOCALHOST)
    } else {
        config.host
    };
    let url = format!("http://{}/healthz", SocketAddr::new(host, config.port));
    let unwell = |error: reqwest::Error| format!("{url}: {}", chain(&error));
    // It speaks plain HTTP, so it needs no certificates, which a small image may lack.
    let client = reqwest::Client::builder()
        .tls_certs_only([])
        .no_proxy()
        .timeout(LIMIT)
        .build();
    let answer = client.map_err(unwell)?.get(&url).send().await.map_err(unwell)?;
    answer.error_for_status().map(drop).map_err(unwell)
}
