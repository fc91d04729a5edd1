//! Leaves room for others, however many requests one client sends: it has a share of the requests in flight, and of the
//! pages that are read from the store at the same time.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::Client;
use super::shares::{Shares, Taken};
use crate::config::Limits;
use crate::error::AppError;

/// The requests of one client in flight, forms that arrive and answers that the client has not taken yet included. A front
/// end opens the connections for all clients, so the limit of connections does not bound those of one of them.
const IN_FLIGHT: usize = 256;
/// The pages of one client that are read from the store at the same time: half of the line before it.
const READS: usize = 10;
/// How long a request waits for another one of the same client.
const PATIENCE: Duration = Duration::from_secs(5);

/// The shares of all clients.
pub struct Admission {
    /// Whether there are shares: not if no client is limited, as behind a proxy that sends the requests of all.
    is_on: bool,
    in_flight: Shares,
    reads: Shares,
}

impl Admission {
    /// Applies these limits.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            is_on: limits.posts_per_minute > 0 || limits.uploads_per_minute > 0 || limits.searches_per_second > 0,
            in_flight: Shares::of(IN_FLIGHT),
            reads: Shares::of(READS),
        }
    }

    /// The client whose share this request needs.
    fn client(&self, request: &Request) -> Option<Client> {
        request.extensions().get().copied().filter(|_| self.is_on)
    }
}

/// A request in flight, in the extensions of its response. It ends when the client has taken the response.
#[derive(Clone)]
pub struct InFlight(#[expect(dead_code, reason = "it is only held")] Arc<Taken>);

/// Layer around all routes: refuses what a client sends beyond its share.
pub async fn limit_in_flight(
    State(admission): State<Arc<Admission>>,
    request: Request,
    next: Next,
) -> Result<Response, AppError> {
    let Some(client) = admission.client(&request) else {
        return Ok(next.run(request).await);
    };
    let taken = admission.in_flight.take(client).ok_or(AppError::TooManyRequests)?;
    let mut response = next.run(request).await;
    response.extensions_mut().insert(InFlight(Arc::new(taken)));
    Ok(response)
}

/// Layer around the pages that are read from the store: those of one client wait for each other, before they join the line
/// in which all clients wait.
pub async fn limit_reads(
    State(admission): State<Arc<Admission>>,
    request: Request,
    next: Next,
) -> Result<Response, AppError> {
    let _taken = match admission.client(&request) {
        Some(client) => Some(
            admission
                .reads
                .take_within(PATIENCE, client)
                .await
                .ok_or(AppError::Busy)?,
        ),
        None => None,
    };
    Ok(next.run(request).await)
}
