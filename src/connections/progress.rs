//! What a connection waits for, and until when.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Poll, ready};

use tokio::time::{Instant, sleep_until};

use super::head::RefusedHead;
use super::limits::Limits;
use super::taking::Taking;

/// The state that the parts of one connection share. All of them run in the task of the connection.
#[derive(Clone)]
pub(super) struct Progress(Arc<(Limits, Mutex<State>)>);

struct State {
    /// What the site waits for while no request is in flight, and since when.
    wait: Wait,
    since: Instant,
    /// Whether a request is in flight. Other limits apply to it, see [`crate::routes`].
    serving: bool,
    /// How fast the client takes what is sent to it.
    taking: Taking,
    /// Why the request that hyper reads next was refused.
    refused: Option<RefusedHead>,
}

/// What the site waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// The head of a request.
    Head,
    /// Another request, after the first one.
    Request,
    /// The end of a request that was refused.
    End,
}

impl Progress {
    pub(super) fn new(limits: Limits) -> Self {
        let state = State {
            wait: Wait::Head,
            since: Instant::now(),
            serving: false,
            taking: Taking::new(limits.taking),
            refused: None,
        };
        Self(Arc::new((limits, Mutex::new(state))))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.1.lock().expect("no code panics while it holds the lock")
    }

    /// Some of a head has arrived.
    pub(super) fn head_began(&self) {
        let mut state = self.state();
        if state.wait == Wait::Request {
            state.wait = Wait::Head;
            state.since = Instant::now();
        }
    }

    /// A head is complete.
    pub(super) fn head_ended(&self) {
        self.state().wait = Wait::Request;
    }

    /// The head that hyper reads next stands for one that was refused.
    pub(super) fn refused(&self, refused: RefusedHead) {
        self.state().refused = Some(refused);
    }

    /// Everything was sent, and the rest of what the client sends is dropped.
    pub(super) fn lingers(&self) {
        let mut state = self.state();
        state.wait = Wait::End;
        state.since = Instant::now();
    }

    /// The client has taken this many bytes; `None` if it could not take any now.
    pub(super) fn wrote(&self, bytes: Option<usize>) {
        let taking = &mut self.state().taking;
        match bytes {
            Some(bytes) => taking.took(bytes),
            None => taking.blocks(),
        }
    }

    /// Marks a request as in flight until the result is dropped.
    pub(super) fn start_serving(&self) -> Serving {
        let mut state = self.state();
        state.serving = true;
        // The client owes nothing from the answers before.
        state.taking.restart();
        Serving {
            progress: self.clone(),
            refused: state.refused,
        }
    }

    /// When the connection must be closed, unless it makes progress.
    fn deadline(&self) -> Option<Instant> {
        let limits = &self.0.0;
        let mut state = self.state();
        let patience = match state.wait {
            Wait::Head => limits.head,
            Wait::Request => limits.idle,
            Wait::End => limits.linger,
        };
        let client = (!state.serving).then_some(state.since + patience);
        client.into_iter().chain(state.taking.deadline()).min()
    }

    /// Runs the connection until it ends; `None` if it exceeds a limit.
    pub(super) async fn limit<C: Future>(&self, connection: C) -> Option<C::Output> {
        let mut connection = pin!(connection);
        let mut alarm = pin!(sleep_until(self.deadline().unwrap_or_else(Instant::now)));
        poll_fn(|context| {
            if let Poll::Ready(output) = connection.as_mut().poll(context) {
                return Poll::Ready(Some(output));
            }
            let Some(deadline) = self.deadline() else {
                return Poll::Pending;
            };
            // A later deadline is set only when the alarm rings: a busy connection would set it for every request.
            if deadline < alarm.deadline() {
                alarm.as_mut().reset(deadline);
            }
            // The alarm alone would not end a connection whose client sends without a pause: what a task has left to do at
            // once, it has then spent on reading, and its alarm stays silent.
            while deadline > Instant::now() {
                ready!(alarm.as_mut().poll(context));
                alarm.as_mut().reset(deadline);
            }
            Poll::Ready(None)
        })
        .await
    }
}

/// A request in flight.
pub(super) struct Serving {
    progress: Progress,
    /// Why the request was refused, if it was.
    pub(super) refused: Option<RefusedHead>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let mut state = self.progress.state();
        state.serving = false;
        state.since = Instant::now();
    }
}
