//! `restaurant-review healthcheck`: whether the site on this machine is up. For the health check of a container that has
//! no curl.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::config::Config;
use crate::error_chain::chain;
use crate::open::StartError;

/// How long the site may take to answer.
const LIMIT: Duration = Duration::from_secs(5);

/// Requests `/healthz` from the site with this configuration. The error says why the site is not up.
pub async fn run(config: &Config) -> Result<(), StartError> {
    let host = if config.host.is_unspecified() {
        IpAddr::V4(Ipv4Addr::LOCALHOST)
    } else {
        config.host
    };
    let url = format!("http://{}/healthz", SocketAddr::new(host, config.port));
    let not_up = |error: reqwest::Error| StartError(format!("not up: {url}: {}", chain(&error)));
    // Plain HTTP needs no certificates, which a small image may lack.
    let client = reqwest::Client::builder()
        .tls_certs_only([])
        .no_proxy()
        .timeout(LIMIT)
        .build();
    let answer = client.map_err(not_up)?.get(&url).send().await.map_err(not_up)?;
    answer.error_for_status().map(drop).map_err(not_up)
}
