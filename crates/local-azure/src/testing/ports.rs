//! Ports for services that stop and start again on the same port.
//!
//! A port that the system chooses comes from the range of outgoing connections, so any program may get it while the
//! service is stopped. The ports here are below that range, and below the ports of App Service's instances.

use crate::{Error, Result};

/// Starts a service on a random port, and tries another one if the port is in use.
pub(super) fn on_a_port<T>(start: impl Fn(u16) -> Result<T>) -> Result<T> {
    loop {
        match start(random()) {
            Err(Error::PortTaken { .. }) => {}
            result => return result,
        }
    }
}

/// The same for a service that starts asynchronously.
pub(super) async fn on_a_port_async<T>(start: impl AsyncFn(u16) -> Result<T>) -> Result<T> {
    loop {
        match start(random()).await {
            Err(Error::PortTaken { .. }) => {}
            result => return result,
        }
    }
}

fn random() -> u16 {
    fastrand::u16(10_000..20_000)
}
