//! How many connections the system lets this process have.

/// More connections than these would need more memory than a small machine has.
const CONNECTIONS_MAX: usize = 4096;
/// Descriptors for everything but clients: the database and its files, tokens, logs.
const RESERVE: usize = 128;

/// The most connections of clients. Each may need a second descriptor, for the photo that it is sent.
pub(super) fn connections() -> usize {
    of_descriptors(soft_limit())
}

fn of_descriptors(limit: usize) -> usize {
    // With very few descriptors, half of them are for clients.
    let clients = limit - RESERVE.min(limit / 2);
    (clients / 2).clamp(1, CONNECTIONS_MAX)
}

/// Raises the limit of this process to what the most connections need, or as far as the system allows. Most systems
/// start programs with 1,024, for the sake of those that still use `select`.
#[cfg(unix)]
pub fn allow_many() {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let mut limit = getrlimit(Resource::Nofile);
    let wanted = (2 * CONNECTIONS_MAX + RESERVE) as u64;
    if limit.current.is_some_and(|current| current < wanted) {
        limit.current = Some(limit.maximum.map_or(wanted, |maximum| maximum.min(wanted)));
        // Without it, there are fewer connections.
        let _ = setrlimit(Resource::Nofile, limit);
    }
}

/// Does nothing: Windows has no such limit.
#[cfg(not(unix))]
pub fn allow_many() {}

#[cfg(unix)]
fn soft_limit() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit
        .current
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(usize::MAX)
}

#[cfg(not(unix))]
fn soft_limit() -> usize {
    usize::MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_everything_else() {
        for (limit, connections) in [
            (0, 1),
            (20, 5),
            (256, 64),
            (1024, 448),
            (20_000, CONNECTIONS_MAX),
            (usize::MAX, CONNECTIONS_MAX),
        ] {
            assert_eq!(of_descriptors(limit), connections, "{limit}");
        }
    }
}
