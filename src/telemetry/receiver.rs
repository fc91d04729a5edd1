//! The HTTP client of the exporters: the site's own, with its cryptography. It waits for no receiver longer than its
//! time limit, limits the size of an answer, and rarely logs that telemetry cannot be sent.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::body::Bytes;
use axum::http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError, ResponseBodyTooLarge};
use opentelemetry_otlp::ExporterBuildError;
use tokio::runtime::Handle;

use super::names::ONLY_HERE;
use crate::error_chain::chain;

/// The longest answer that is read, in bytes. A receiver answers with a few words.
const ANSWER_MAX: usize = 64 << 10;
/// The shortest time between two lines that say that telemetry of one kind cannot be sent.
const BETWEEN_WARNINGS: Duration = Duration::from_mins(5);

/// Sends telemetry of one kind.
///
/// The exporters wait for it on threads of their own, outside the runtime, in which it sends.
#[derive(Debug)]
pub(super) struct Client {
    kind: &'static str,
    http: reqwest::Client,
    limit: Duration,
    runtime: Handle,
    health: Mutex<Health>,
}

#[derive(Debug, Default)]
struct Health {
    /// When the log said that the receiver cannot be reached.
    warned: Option<Instant>,
    /// Whether the latest of these lines says that it cannot be reached.
    is_away: bool,
}

impl Client {
    /// A client for requests that may take as long as `limit`. Must be called within a tokio runtime.
    pub(super) fn new(kind: &'static str, limit: Duration) -> Result<Self, ExporterBuildError> {
        let http = reqwest::Client::builder()
            .timeout(limit)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| ExporterBuildError::InternalFailure(chain(&error)))?;
        Ok(Self {
            kind,
            http,
            limit,
            runtime: Handle::current(),
            health: Mutex::default(),
        })
    }

    fn note(&self, problem: Option<String>) {
        let mut health = self.health.lock().expect("no code panics while it holds the lock");
        let kind = self.kind;
        match problem {
            None if health.is_away => {
                health.is_away = false;
                tracing::info!(target: ONLY_HERE, kind, "telemetry is sent again");
            }
            Some(cause) if health.warned.is_none_or(|at| at.elapsed() >= BETWEEN_WARNINGS) => {
                health.warned = Some(Instant::now());
                health.is_away = true;
                tracing::warn!(target: ONLY_HERE, kind, cause, "telemetry cannot be sent; the site works on without it");
            }
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (http, limit) = (self.http.clone(), self.limit);
        // The client has the same limit for its own work.
        let sending = self
            .runtime
            .spawn(async move { tokio::time::timeout(limit, exchange(http, request)).await });
        let answer = match sending.await {
            Ok(Ok(answer)) => answer,
            Ok(Err(late)) => Err(late.into()),
            // The process is ending.
            Err(error) => return Err(error.into()),
        };
        self.note(match &answer {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("the receiver answered {}", answer.status())),
            Err(error) => Some(chain(&**error)),
        });
        answer
    }
}

async fn exchange(http: reqwest::Client, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    // The address may hold a secret of the receiver, which the log must not show.
    let answer = http.execute(request.try_into()?).await;
    let mut answer = answer.map_err(reqwest::Error::without_url)?;
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
        if body.len() + piece.len() > ANSWER_MAX {
            return Err(ResponseBodyTooLarge::new().into());
        }
        body.extend_from_slice(&piece);
    }
    let mut response = Response::builder().status(answer.status()).body(body.into())?;
    *response.headers_mut() = std::mem::take(answer.headers_mut());
    Ok(response)
}
