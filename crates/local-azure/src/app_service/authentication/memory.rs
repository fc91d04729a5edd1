//! The sessions of an app, and the sign-ins that are going on. They are lost when Local Azure ends.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::principal::Principal;

/// How many sessions, and how many sign-ins, an app may have at a time. The oldest one is forgotten for a new one.
const LIMIT: usize = 10_000;

/// A visitor who is signed in.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) principal: Principal,
    pub(super) tokens: Tokens,
}

/// The tokens of a visitor.
#[derive(Clone)]
pub(super) struct Tokens {
    pub(super) id: String,
    /// The access token, if the app has a client secret.
    pub(super) access: Option<String>,
    /// The refresh token, if the app has asked for one.
    pub(super) refresh: Option<String>,
    /// When the access token expires, or the ID token if there is none, in seconds since 1970.
    pub(super) expires: u64,
}

/// A sign-in that is going on.
#[derive(Clone)]
pub(super) struct Pending {
    /// The value of the browser's cookie.
    pub(super) browser: String,
    /// The nonce that the ID token must contain.
    pub(super) nonce: String,
    /// The verifier of PKCE, if a code is expected.
    pub(super) verifier: Option<String>,
    /// The address to which the sign-in page returns.
    pub(super) redirect_uri: String,
    /// Where the visitor goes afterwards.
    pub(super) target: String,
}

/// What the front end remembers of the visitors of one app.
#[derive(Default)]
pub struct Memory {
    sessions: Mutex<HashMap<String, (Instant, Session)>>,
    pending: Mutex<HashMap<String, (Instant, Pending)>>,
}

impl Memory {
    /// Begins a session. Returns the value of its cookie.
    pub(super) fn begin(&self, session: Session, lifetime: Duration) -> String {
        let id = secret();
        insert(&mut lock(&self.sessions), id.clone(), session, lifetime);
        id
    }

    /// The session that one of these cookies belongs to.
    pub(super) fn session(&self, cookies: &[String]) -> Option<Session> {
        let (now, sessions) = (Instant::now(), lock(&self.sessions));
        let mut found = cookies.iter().filter_map(|cookie| sessions.get(cookie));
        let (_, session) = found.find(|(expires, _)| *expires > now)?;
        Some(session.clone())
    }

    /// Ends the sessions of these cookies.
    pub(super) fn end(&self, cookies: &[String]) {
        let mut sessions = lock(&self.sessions);
        for cookie in cookies {
            sessions.remove(cookie);
        }
    }

    /// Remembers a sign-in. Returns its `state`.
    pub(super) fn expect(&self, pending: Pending, lifetime: Duration) -> String {
        let state = secret();
        insert(&mut lock(&self.pending), state.clone(), pending, lifetime);
        state
    }

    /// The cookie of a browser that is signing in already, for example in another tab.
    pub(super) fn known_browser(&self, cookies: &[String]) -> Option<String> {
        let (now, pending) = (Instant::now(), lock(&self.pending));
        let mut all = pending.values().filter(|(expires, _)| *expires > now);
        let found = all.find(|(_, one)| cookies.contains(&one.browser))?;
        Some(found.1.browser.clone())
    }

    /// Takes the sign-in with that `state`, which can be completed only once.
    pub(super) fn take(&self, state: &str) -> Option<Pending> {
        let (expires, pending) = lock(&self.pending).remove(state)?;
        (expires > Instant::now()).then_some(pending)
    }
}

fn lock<T>(map: &Mutex<T>) -> MutexGuard<'_, T> {
    map.lock().expect("no thread panics while holding the lock")
}

fn insert<T>(map: &mut HashMap<String, (Instant, T)>, key: String, value: T, lifetime: Duration) {
    let now = Instant::now();
    if map.len() >= LIMIT {
        map.retain(|_, (expires, _)| *expires > now);
    }
    if map.len() >= LIMIT
        && let Some(first) = map.iter().min_by_key(|(_, (expires, _))| *expires)
    {
        let first = first.0.clone();
        map.remove(&first);
    }
    let expires = now.checked_add(lifetime).unwrap_or(now);
    map.insert(key, (expires, value));
}

/// A random value that cannot be guessed, in hexadecimal.
pub(super) fn secret() -> String {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system provides random numbers");
    hex::encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(browser: &str) -> Pending {
        Pending {
            browser: browser.to_owned(),
            nonce: String::new(),
            verifier: None,
            redirect_uri: String::new(),
            target: String::new(),
        }
    }

    #[test]
    fn a_sign_in_is_completed_once_and_in_time() {
        let memory = Memory::default();
        let state = memory.expect(pending("a"), Duration::from_mins(5));
        let late = memory.expect(pending("b"), Duration::ZERO);
        let cookies = ["x", "a", "b"].map(str::to_owned);
        assert_eq!(memory.known_browser(&cookies), Some("a".to_owned()));
        assert!(memory.take(&state).is_some() && memory.take(&state).is_none());
        assert!(memory.take(&late).is_none() && memory.take("").is_none());
        assert_eq!(memory.known_browser(&cookies), None);
    }

    #[test]
    fn the_memory_is_bounded() {
        let memory = Memory::default();
        let first = memory.expect(pending("first"), Duration::from_mins(1));
        let states: Vec<_> = (0..LIMIT)
            .map(|_| memory.expect(pending("other"), Duration::from_mins(5)))
            .collect();
        assert!(memory.take(&first).is_none());
        assert_eq!(lock(&memory.pending).len(), LIMIT);
        assert!(states.iter().all(|state| memory.take(state).is_some()));
    }
}
