//! How a developer gets to the staff pages on their own machine: by a link that the log has. It works once, for a short
//! time, and starts a session. Only hashes are kept, in memory.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap};

use super::client::is_from_this_machine;
use crate::model::Capability;

/// How long a link works.
const LINK_FOR: Duration = Duration::from_mins(15);
/// How long a session lasts: a working day.
pub const SESSION_FOR: Duration = Duration::from_hours(12);
/// How many sessions there may be. A new one ends the oldest.
const SESSIONS: usize = 16;

type Hash = [u8; 32];

/// The door on this machine.
#[derive(Default)]
pub struct LocalDoor {
    state: Mutex<State>,
    site: OnceLock<String>,
}

#[derive(Default)]
struct State {
    /// The link that works, and its end.
    link: Option<(Hash, Instant)>,
    /// The sessions with their ends, the oldest first.
    sessions: VecDeque<(Hash, Instant)>,
}

impl LocalDoor {
    /// Whether a request comes from this machine, and not through a proxy on it.
    #[must_use]
    pub fn is_here(extensions: &Extensions, headers: &HeaderMap) -> bool {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>();
        peer.is_some_and(|ConnectInfo(peer)| is_from_this_machine(*peer, headers))
    }

    /// Notes the address of the site, such as `http://127.0.0.1:8000`. (The `Host` of a request does not count: a page of
    /// another site can choose it, and whoever opened the link would give that site the key.)
    pub fn set_site(&self, address: &str) {
        let _ = self.site.set(address.to_owned());
    }

    /// The address of the site; empty if it is not known.
    pub fn site(&self) -> &str {
        self.site.get().map_or("", String::as_str)
    }

    /// The key of a new link. Earlier links no longer work.
    pub fn new_link(&self) -> Capability {
        let key = Capability::random();
        self.state().link = Some((key.hash(), Instant::now() + LINK_FOR));
        key
    }

    /// Whether there is a link that works.
    pub fn has_link(&self) -> bool {
        self.state().link.is_some_and(|(_, end)| Instant::now() < end)
    }

    /// Uses the link up, and starts a session. `None` if this is not the key of the link that works.
    pub fn enter(&self, key: &Capability) -> Option<Capability> {
        let now = Instant::now();
        let mut state = self.state();
        state
            .link
            .take_if(|(hash, _)| *hash == key.hash())
            .filter(|(_, end)| now < *end)?;
        let session = Capability::random();
        if state.sessions.len() == SESSIONS {
            state.sessions.pop_front();
        }
        state.sessions.push_back((session.hash(), now + SESSION_FOR));
        Some(session)
    }

    /// Whether this is the key of a session that has not ended.
    pub fn knows(&self, session: &Capability) -> bool {
        let (hash, now) = (session.hash(), Instant::now());
        let sessions = &self.state().sessions;
        sessions.iter().any(|(known, end)| *known == hash && now < *end)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the link and all sessions, as time does.
    #[cfg(test)]
    fn expire(&self) {
        let mut state = self.state();
        let now = Instant::now();
        state.link = state.link.map(|(hash, _)| (hash, now));
        for (_, end) in &mut state.sessions {
            *end = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use axum::http::header::HOST;

    use super::*;

    #[test]
    fn a_link_works_once() {
        let door = LocalDoor::default();
        let wrong = Capability::random();
        assert_eq!(door.enter(&wrong), None);
        let key = door.new_link();
        assert_eq!(door.enter(&wrong), None, "a guess does not use the link up");
        let session = door.enter(&key).unwrap();
        assert!(door.knows(&session) && !door.knows(&key) && !door.knows(&wrong));
        assert_eq!(door.enter(&key), None);
        assert!(door.knows(&session));
    }

    #[test]
    fn a_new_link_replaces_the_last_one() {
        let door = LocalDoor::default();
        let (old, new) = (door.new_link(), door.new_link());
        assert!(door.enter(&old).is_none() && door.enter(&new).is_some());
    }

    #[test]
    fn links_and_sessions_end() {
        let door = LocalDoor::default();
        let key = door.new_link();
        let session = door.enter(&key).unwrap();
        let key = door.new_link();
        assert!(door.has_link());
        door.expire();
        assert!(!door.knows(&session) && !door.has_link() && door.enter(&key).is_none());
    }

    #[test]
    fn the_number_of_sessions_is_bounded() {
        let door = LocalDoor::default();
        let sessions: Vec<_> = (0..SESSIONS + 3)
            .map(|_| door.enter(&door.new_link()).unwrap())
            .collect();
        let known: Vec<_> = sessions.iter().map(|session| door.knows(session)).collect();
        assert_eq!(known, [vec![false; 3], vec![true; SESSIONS]].concat());
    }

    #[test]
    fn only_this_machine_is_here() {
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 40_000))));
        let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("localhost"))]);
        assert!(LocalDoor::is_here(&extensions, &headers));
        assert!(!LocalDoor::is_here(&Extensions::new(), &headers));
    }
}
