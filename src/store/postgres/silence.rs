//! Notices a server that has stopped answering without closing its connections, as after a failover or when a firewall
//! on the way forgets them.
//!
//! TCP alone would notice it after a quarter of an hour, or never if a proxy still acknowledges what is sent. sqlx does
//! not let a program set keepalive or `TCP_USER_TIMEOUT` on its sockets, so the site limits every wait itself. What does
//! not answer in time is closed, because its answer might still arrive and be taken for that of the next statement.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

/// How long after its last use a connection is trusted without a ping.
pub(super) const TRUSTED: Duration = Duration::from_secs(1);
/// How long a ping may take. The server needs no disk and no lock to answer it.
pub(super) const PING_LIMIT: Duration = Duration::from_secs(2);
/// How long a running statement may still take after another connection was found silent.
const GRACE: Duration = Duration::from_secs(3);

/// When a connection was last found silent. The others have then probably fallen silent, too.
#[derive(Default)]
pub(super) struct Silence(watch::Sender<Option<Instant>>);

impl Silence {
    /// A connection has not answered in time.
    pub(super) fn notice(&self) {
        self.0.send_replace(Some(Instant::now()));
        tracing::warn!("a connection to PostgreSQL is silent; it is closed, and so are others that may be");
    }

    /// Whether a connection that answered last at that moment may be silent.
    pub(super) fn concerns(&self, answered: Instant) -> bool {
        (*self.0.borrow()).is_some_and(|noticed| answered + TRUSTED < noticed)
    }

    /// The result of a statement. It fails after the limit, or soon after another connection is found silent.
    pub(super) async fn limit<T>(
        &self,
        limit: Duration,
        statement: impl Future<Output = sqlx::Result<T>>,
    ) -> sqlx::Result<T> {
        let mut noticed = self.0.subscribe();
        let deadline = Instant::now() + limit;
        let passed = async {
            tokio::select! {
                () = sleep_until(deadline) => self.notice(),
                _ = noticed.changed() => sleep_until(deadline.min(Instant::now() + GRACE)).await,
            }
        };
        tokio::select! {
            biased;
            result = statement => result,
            () = passed => Err(timed_out()),
        }
    }

    /// The answer to a ping.
    pub(super) async fn ping(&self, ping: impl Future<Output = sqlx::Result<()>>) -> sqlx::Result<()> {
        let answer = within(PING_LIMIT, ping).await;
        if answer.as_ref().is_err_and(is_time_out) {
            self.notice();
        }
        answer
    }
}

/// The result of something that the server does, or an error after the limit.
pub(super) async fn within<T>(limit: Duration, answer: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    timeout(limit, answer).await.unwrap_or_else(|_| Err(timed_out()))
}

/// Whether the server did not answer in time.
pub(super) fn is_time_out(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Io(error) if error.kind() == ErrorKind::TimedOut)
}

fn timed_out() -> sqlx::Error {
    sqlx::Error::Io(ErrorKind::TimedOut.into())
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    /// How long a statement that is never answered is waited for, if silence is noticed after this time.
    async fn waited(noticed_after: Option<u64>) -> Duration {
        let silence = Silence::default();
        let start = Instant::now();
        let (result, ()) = tokio::join!(
            silence.limit(Duration::from_secs(12), pending::<sqlx::Result<()>>()),
            async {
                if let Some(seconds) = noticed_after {
                    tokio::time::sleep(Duration::from_secs(seconds)).await;
                    silence.notice();
                }
            }
        );
        assert!(is_time_out(&result.unwrap_err()));
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_statement_is_limited_and_has_less_time_once_silence_is_noticed() {
        let about =
            |waited: Duration, seconds| waited.abs_diff(Duration::from_secs(seconds)) < Duration::from_millis(50);
        for (noticed_after, seconds) in [(None, 12), (Some(1), 4), (Some(10), 12)] {
            let waited = waited(noticed_after).await;
            assert!(about(waited, seconds), "{noticed_after:?}: {waited:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn silence_concerns_connections_that_have_not_answered_lately() {
        let silence = Silence::default();
        let early = Instant::now();
        assert!(!silence.concerns(early));
        tokio::time::sleep(TRUSTED * 2).await;
        let late = Instant::now();
        let ping = silence.ping(pending());
        assert!(is_time_out(&ping.await.unwrap_err()));
        assert!(silence.concerns(early) && silence.concerns(late));
        assert!(!silence.concerns(Instant::now()), "a new connection is not concerned");
    }
}
