//! What a client may take.

use std::time::Duration;

use super::descriptors;
use crate::config::Pace;

/// How many connections there may be, and how long each may wait.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at the same time.
    pub connections: usize,
    /// Connections of one client at the same time, by its address.
    pub of_one_client: usize,
    /// The time until the head of a request is complete, from its first byte on; for the first request, from the start
    /// of the connection on.
    pub head: Duration,
    /// The time between two requests of a connection.
    pub idle: Duration,
    /// How slowly a client may take what is sent to it. Only the time in which the site waits for it counts.
    pub taking: Pace,
    /// The time for which the rest of a request that was refused is read and dropped. Without this, the client's system
    /// may drop the answer: a connection that is closed while data arrives is reset.
    pub linger: Duration,
}

impl Limits {
    /// The limits of the site, within those of this process. `is_behind_proxy` says that a front end opens the connections
    /// of all clients.
    #[must_use]
    pub fn of_process(is_behind_proxy: bool) -> Self {
        let connections = descriptors::connections();
        Self {
            connections,
            of_one_client: if is_behind_proxy { connections } else { connections / 2 },
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            // Half of what the slowest mobile network needs for a page: what the client has taken becomes known in pieces of
            // up to 40 KiB.
            taking: Pace {
                window: Duration::from_secs(30),
                bytes: 16 << 10,
            },
            linger: Duration::from_secs(2),
        }
    }
}
