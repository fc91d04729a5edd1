//! Receives the body of a request, piece by piece, from a client that may be slow.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::BoxError;
use axum::body::{Body, BodyDataStream, Bytes};
use futures_util::stream::{Stream, StreamExt, unfold};
use tokio::time::{Instant, timeout};

use crate::config::Pace;

/// The largest piece.
pub const PIECE: usize = 16 << 10;

/// A body arrives more slowly than its [`Pace`].
#[derive(Debug, thiserror::Error)]
#[error("the body arrives too slowly")]
pub struct TooSlow;

/// A body that is being received.
pub struct Received {
    body: BodyDataStream,
    /// What has arrived and was not returned yet.
    rest: Bytes,
    pace: Pace,
    /// How long the current window has waited for the client. Other time, such as for a parser that is busy, does not
    /// count.
    waited: Duration,
    /// The bytes that have arrived in the current window.
    arrived: usize,
}

impl Received {
    /// Receives this body at this pace.
    #[must_use]
    pub fn new(body: Body, pace: Pace) -> Self {
        Self {
            body: body.into_data_stream(),
            rest: Bytes::new(),
            pace,
            waited: Duration::ZERO,
            arrived: 0,
        }
    }

    /// The next piece of at most [`PIECE`] bytes; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, BoxError> {
        while self.rest.is_empty() {
            let left = self.pace.window.saturating_sub(self.waited);
            let start = Instant::now();
            let chunk = timeout(left, self.body.next()).await;
            self.waited += start.elapsed();
            match chunk {
                Ok(Some(chunk)) => {
                    self.rest = chunk?;
                    self.arrived += self.rest.len();
                }
                Ok(None) => return Ok(None),
                Err(_) if self.arrived < self.pace.bytes => return Err(TooSlow.into()),
                Err(_) => (self.waited, self.arrived) = (Duration::ZERO, 0),
            }
        }
        let length = PIECE.min(self.rest.len());
        Ok(Some(self.rest.split_to(length)))
    }

    /// The pieces as a stream, which adds the length of each to `fed`.
    ///
    /// It is pending once between two pieces: multer buffers a stream for as long as that is ready, and would read a
    /// whole body before it parses it.
    pub fn pieces<'a>(&'a mut self, fed: &'a AtomicUsize) -> impl Stream<Item = Result<Bytes, BoxError>> + Send + 'a {
        unfold((self, true), move |(received, is_first)| async move {
            if !is_first {
                tokio::task::yield_now().await;
            }
            let piece = received.next().await.transpose()?;
            if let Ok(piece) = &piece {
                fed.fetch_add(piece.len(), Ordering::Relaxed);
            }
            Some((piece, (received, false)))
        })
    }

    /// Receives the rest and drops it: browsers show "connection reset" for a form that is refused while it is being
    /// sent. The limits of size and time in [`crate::routes`] bound it.
    pub async fn drain(&mut self) {
        while let Ok(Some(_)) = self.next().await {}
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    const PACE: Pace = Pace {
        window: Duration::from_secs(10),
        bytes: 1000,
    };

    /// Receives a body of chunks of this many bytes, each of which arrives after this many seconds. Returns how many
    /// bytes arrived, and whether all of them did.
    async fn receive(chunks: &[(u64, usize)]) -> (usize, bool) {
        let chunks = chunks.to_vec();
        let body = futures_util::stream::iter(chunks).then(|(seconds, bytes)| async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            Ok::<_, Infallible>(vec![0; bytes])
        });
        let mut received = Received::new(Body::from_stream(body), PACE);
        let mut total = 0;
        loop {
            match received.next().await {
                Ok(Some(piece)) => {
                    assert!(piece.len() <= PIECE);
                    total += piece.len();
                }
                Ok(None) => return (total, true),
                Err(error) => {
                    assert!(error.is::<TooSlow>(), "{error}");
                    return (total, false);
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_is_slower_than_its_pace_is_cut() {
        for (chunks, wanted) in [
            (vec![], (0, true)),
            (vec![(9, 1)], (1, true)),
            (vec![(11, 1)], (0, false)),
            (vec![(0, 100_000)], (100_000, true)),
            (vec![(4, 1); 20], (2, false)),
            (vec![(4, 500); 20], (10_000, true)),
            (vec![(4, 499); 20], (998, false)),
            // A pause after a fast start is within the average of its window, but a window without a byte is not.
            (vec![(0, 2000), (15, 1000)], (3000, true)),
            (vec![(0, 2000), (21, 1000)], (2000, false)),
        ] {
            assert_eq!(receive(&chunks).await, wanted, "{chunks:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_time_of_the_client_counts() {
        let body = futures_util::stream::iter(0..20).then(|_| async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Ok::<_, Infallible>(vec![0; 1])
        });
        let mut received = Received::new(Body::from_stream(body), PACE);
        while received.next().await.unwrap().is_some() {
            tokio::time::sleep(Duration::from_secs(20)).await;
        }
    }
}
