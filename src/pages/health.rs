//! Health checks for the platform: whether the process is up, and whether it can do its work.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use serde::Serialize;

use crate::app::App;
use crate::error_chain::chain;

/// `/healthz`: the process is up.
pub async fn healthz() -> impl IntoResponse {
    ([(CACHE_CONTROL, "no-store")], "ok\n")
}

/// `/robots933456.txt`: App Service requests this address until the site answers.
pub async fn warm_up() -> impl IntoResponse {
    "ok\n"
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    store: Part,
    photos: Part,
}

#[derive(Serialize)]
struct Part {
    ready: bool,
    /// What is wrong. The log has the cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'static str>,
    /// What will go wrong if nothing changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<&'static str>,
}

/// `/readyz`: whether the store is reachable and migrated, and whether the photo store is reachable. If not, the status is 503
/// and the JSON says which part is not ready.
pub async fn readyz(State(app): State<App>) -> impl IntoResponse {
    let (store, photos) = tokio::join!(app.store.ready(), app.photos.ready());
    let store = part(
        store,
        "the store cannot be reached or is not migrated",
        app.store.warning(),
    );
    let photos = part(photos, "photos cannot be stored", None);
    let ready = store.ready && photos.ready;
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        status,
        [(CACHE_CONTROL, "no-store")],
        Json(Readiness { ready, store, photos }),
    )
}

fn part<E: std::error::Error + 'static>(
    result: Result<(), E>,
    problem: &'static str,
    warning: Option<&'static str>,
) -> Part {
    let problem = result.err().map(|error| {
        tracing::warn!(cause = chain(&error), "not ready: {problem}");
        problem
    });
    Part {
        ready: problem.is_none(),
        problem,
        warning,
    }
}
