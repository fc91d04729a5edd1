//! Records the last HTTP response of a call, so that a call that times out can report it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{Context, Request, StatusCode};

/// The status of the last response. The call's context carries it to [`RecordResponse`].
#[derive(Clone, Debug, Default)]
pub(crate) struct LastResponse(Arc<AtomicU16>);

impl LastResponse {
    /// `None` if there was no response yet.
    pub fn status(&self) -> Option<StatusCode> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            status => Some(StatusCode::from(status)),
        }
    }
}

/// A policy that records the status of each response in the context's [`LastResponse`]. It runs at every attempt.
#[derive(Debug)]
pub(crate) struct RecordResponse;

#[async_trait::async_trait]
impl Policy for RecordResponse {
    async fn send(&self, context: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        let Some((next, after)) = next.split_first() else {
            unreachable!("the transport comes after every policy")
        };
        let result = next.send(context, request, after).await;
        if let (Ok(response), Some(last)) = (&result, context.value::<LastResponse>()) {
            last.0.store(response.status().into(), Ordering::Relaxed);
        }
        result
    }
}
