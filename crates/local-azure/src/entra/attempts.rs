//! Attempts to guess a password.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use uuid::Uuid;

/// How many wrong passwords within [`WINDOW`] lock an account.
const LIMIT: u32 = 10;
const WINDOW: Duration = Duration::from_mins(1);
/// How many accounts are remembered before old entries are removed.
const REMEMBERED: usize = 1000;

/// The accounts for which wrong passwords were sent, until the next start.
#[derive(Default)]
pub struct Attempts(Mutex<HashMap<Uuid, Wrong>>);

/// Wrong passwords in a row.
struct Wrong {
    count: u32,
    /// When the first one was sent; for a locked account, the last one.
    since: Instant,
}

impl Attempts {
    /// Whether the account is locked.
    pub fn is_locked(&self, user: Uuid, now: Instant) -> bool {
        let accounts = self.0.lock().expect("no thread panics while holding the lock");
        let wrong = accounts.get(&user);
        wrong.is_some_and(|wrong| wrong.count >= LIMIT && now < wrong.since + WINDOW)
    }

    /// Records whether a password was right.
    pub fn record(&self, user: Uuid, is_right: bool, now: Instant) {
        let mut accounts = self.0.lock().expect("no thread panics while holding the lock");
        if is_right {
            accounts.remove(&user);
            return;
        }
        if accounts.len() >= REMEMBERED {
            accounts.retain(|_, wrong| now < wrong.since + WINDOW);
        }
        let wrong = accounts.entry(user).or_insert(Wrong { count: 0, since: now });
        if now >= wrong.since + WINDOW {
            *wrong = Wrong { count: 0, since: now };
        }
        wrong.count += 1;
        if wrong.count == LIMIT {
            wrong.since = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_locked_for_a_minute() {
        let attempts = Attempts::default();
        let [ada, bob] = [Uuid::new_v4(), Uuid::new_v4()];
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        for second in 0..9 {
            attempts.record(ada, false, at(second));
        }
        assert!(!attempts.is_locked(ada, at(9)));
        attempts.record(ada, false, at(50));
        assert!(attempts.is_locked(ada, at(50)) && attempts.is_locked(ada, at(109)));
        assert!(!attempts.is_locked(bob, at(50)) && !attempts.is_locked(ada, at(110)));
        // Slow attempts, and those before a right password, do not lock it.
        for minute in 0..20 {
            attempts.record(bob, false, at(minute * 30));
            assert!(!attempts.is_locked(bob, at(minute * 30)));
        }
        for _ in 0..9 {
            attempts.record(bob, false, at(700));
        }
        attempts.record(bob, true, at(700));
        attempts.record(bob, false, at(700));
        assert!(!attempts.is_locked(bob, at(700)));
    }
}
