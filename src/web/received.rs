//! Receives the body of a request, piece by piece, from a client that may be slow.

use std::mem::take;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::BoxError;
use axum::body::{Body, BodyDataStream, Bytes};
use futures_util::stream::{Stream, StreamExt, unfold};
use tokio::time::{Instant, timeout};

use super::upload_memory::Allowance;
use crate::config::Pace;

/// The largest piece.
pub const PIECE: usize = 16 << 10;

/// A body arrives more slowly than its [`Pace`].
#[derive(Debug, thiserror::Error)]
#[error("the body arrives too slowly")]
pub struct TooSlow;

/// A body has fallen behind, while others wait for the memory that it uses.
#[derive(Debug, thiserror::Error)]
#[error("the body keeps others waiting")]
pub struct LostTurn;

/// A body falls behind when it arrives this many times more slowly than it did before, on average.
const SLOWDOWN: u128 = 4;
/// A body of so few bytes uses no memory that others could wait for.
const SMALL: usize = 16 << 10;

/// A body that is being received.
pub struct Received<'a> {
    body: BodyDataStream,
    /// What has arrived and was not returned yet.
    rest: Bytes,
    pace: Pace,
    turn_length: Duration,
    memory: &'a Allowance,
    /// For the minimum pace.
    window: Window,
    /// For the body's own pace.
    turn: Window,
    /// The turns before the current one, together.
    before: Window,
}

/// How long a body was waited for, and what has arrived. Other time, such as for a parser that is busy, does not count.
#[derive(Default)]
struct Window {
    waited: Duration,
    arrived: usize,
}

impl Window {
    fn add(&mut self, waited: Duration, arrived: usize) {
        self.waited += waited;
        self.arrived += arrived;
    }

    /// Whether less than a fraction of the average of `before` has arrived.
    fn is_behind(&self, before: &Self) -> bool {
        self.arrived as u128 * SLOWDOWN * before.waited.as_millis() < before.arrived as u128 * self.waited.as_millis()
    }
}

impl<'a> Received<'a> {
    /// Receives this body at this pace. It uses this memory, for which it is compared with its own pace after each turn of
    /// this length.
    #[must_use]
    pub fn new(body: Body, pace: Pace, turn_length: Duration, memory: &'a Allowance) -> Self {
        Self {
            body: body.into_data_stream(),
            rest: Bytes::new(),
            pace,
            turn_length,
            memory,
            window: Window::default(),
            turn: Window::default(),
            before: Window::default(),
        }
    }

    /// The next piece of at most [`PIECE`] bytes; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, BoxError> {
        while self.rest.is_empty() {
            let left = self.pace.window.saturating_sub(self.window.waited);
            let left = left.min(self.turn_length.saturating_sub(self.turn.waited));
            let start = Instant::now();
            let chunk = timeout(left, self.body.next()).await;
            let is_late = chunk.is_err();
            match chunk {
                Ok(Some(chunk)) => self.rest = chunk?,
                Ok(None) => return Ok(None),
                Err(_) => {}
            }
            let waited = start.elapsed();
            self.window.add(waited, self.rest.len());
            self.turn.add(waited, self.rest.len());
            if is_late {
                self.check()?;
            }
        }
        let length = PIECE.min(self.rest.len());
        Ok(Some(self.rest.split_to(length)))
    }

    /// Fails if a window is over in which too little has arrived.
    fn check(&mut self) -> Result<(), BoxError> {
        if self.window.waited >= self.pace.window {
            let window = take(&mut self.window);
            if window.arrived < self.pace.bytes {
                return Err(TooSlow.into());
            }
        }
        if self.turn.waited >= self.turn_length {
            let turn = take(&mut self.turn);
            let is_small = self.before.arrived + turn.arrived <= SMALL;
            if !is_small && turn.is_behind(&self.before) && self.memory.is_wanted() {
                return Err(LostTurn.into());
            }
            self.before.add(turn.waited, turn.arrived);
        }
        Ok(())
    }

    /// The pieces as a stream, which adds the length of each to `fed`.
    ///
    /// It is pending once between two pieces: multer buffers a stream for as long as that is ready, and would read a
    /// whole body before it parses it.
    pub fn pieces<'b>(&'b mut self, fed: &'b AtomicUsize) -> impl Stream<Item = Result<Bytes, BoxError>> + Send + 'b {
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
mod tests;
