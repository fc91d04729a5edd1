//! Notes the last HTTP answer of a call, so that a call that runs out of time can say what held it up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{Context, Request, StatusCode};

/// The status of the last answer. It travels to [`NoteAnswer`] in the call's context.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastAnswer(Arc<AtomicU16>);

impl LastAnswer {
    /// `None` when there was no answer.
    pub fn status(&self) -> Option<StatusCode> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            status => Some(StatusCode::from(status)),
        }
    }
}

/// Runs at every try of a request.
#[derive(Debug)]
pub(crate) struct NoteAnswer;

#[async_trait::async_trait]
impl Policy for NoteAnswer {
    async fn send(&self, context: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        let Some((next, after)) = next.split_first() else {
            unreachable!("the transport comes after every policy")
        };
        let result = next.send(context, request, after).await;
        if let (Ok(answer), Some(last)) = (&result, context.value::<LastAnswer>()) {
            last.0.store(answer.status().into(), Ordering::Relaxed);
        }
        result
    }
}
