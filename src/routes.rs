//! Every address of the site, and the layers around it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::http::header::HeaderName;
use axum::middleware::{from_fn_with_state, map_request, map_request_with_state, map_response_with_state};
use axum::routing::{get, post};
use tower::ServiceBuilder;
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::csrf::CsrfLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::timeout::{RequestBodyDeadlineLayer, TimeoutLayer};
use tower_http::trace::TraceLayer;
use tracing::Span;
use tracing::field::display;

use crate::app::App;
use crate::assets;
use crate::cache;
use crate::connections::RefusedHead;
use crate::error::{AppError, Refused};
use crate::log_limit::LogLimit;
use crate::pages::error::error_pages;
use crate::pages::{add_restaurant, add_review, admin, details, edit_review, health, list, photo, sitemap};
use crate::telemetry::{self, REQUEST_SPAN};
use crate::web::{
    FrontEnd, PRIVATE_PATHS, SecurityHeaders, identify_client, limit_in_flight, limit_reads, security_headers,
};

/// How much of a path is logged, in bytes.
const PATH_LOGGED: usize = 200;
/// How long a page may take.
const PAGE_LIMIT: Duration = Duration::from_secs(30);
/// How long a form may take to arrive: 10 MiB over a slow mobile connection.
const UPLOAD_LIMIT: Duration = Duration::from_secs(150);
/// The maximum size of a request in bytes. A form with a photo that is too large is read up to this limit, so that it can
/// be shown again with everything typed, even if the photo is a film.
const BODY_MAX: usize = 512 << 20;
/// How long a form may take in total. App Service gives up after about 230 seconds.
const FORM_LIMIT: Duration = Duration::from_secs(225);

/// The log lines about requests that were refused.
static REFUSALS: LogLimit = LogLimit::new(100, "requests that were refused");

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The whole site.
pub fn router(app: App) -> Router {
    let cached_pages = Router::new()
        .route("/", get(list::get))
        .route("/{id}/", get(details::get))
        .route_layer(from_fn_with_state(Arc::clone(&app.admission), limit_reads))
        .route_layer(from_fn_with_state(Arc::clone(&app.page_cache), cache::layer));

    let other_pages_from_the_store = Router::new()
        .route("/review/edit/{key}", get(edit_review::get))
        .route("/sitemap.xml", get(sitemap::get))
        .merge(staff_pages(&app))
        .route_layer(from_fn_with_state(Arc::clone(&app.admission), limit_reads));

    let pages = cached_pages
        .merge(other_pages_from_the_store)
        .route("/create", get(add_restaurant::get))
        .route("/{id}", get(details::redirect))
        .route("/admin", get(admin::home::redirect))
        .route("/admin/enter/{key}", get(admin::enter::get).head(admin::enter::head))
        .route("/review/edit/{key}/delete", get(edit_review::form))
        .route("/photos/{name}", get(photo::get))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/robots933456.txt", get(health::warm_up))
        .route("/robots.txt", get(sitemap::robots))
        .route("/favicon.ico", get(assets::favicon))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            PAGE_LIMIT,
        ));

    let forms = Router::new()
        .route("/add", get(add_restaurant::to_form).post(add_restaurant::post))
        .route("/review/{id}", get(add_review::to_form).post(add_review::post))
        .route("/review/edit/{key}", post(edit_review::post))
        .route("/review/edit/{key}/delete", post(edit_review::delete))
        .merge(staff_forms(&app))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            FORM_LIMIT,
        ));

    let routes = pages
        .merge(forms)
        .merge(assets::router())
        .fallback(async || AppError::NotFound)
        .with_state(app.clone());
    let is_https = app.config.is_https();
    telemetry::around(routes, is_https, |routes| apply_layers(routes, app))
}

/// The pages of the staff.
fn staff_pages(app: &App) -> Router<App> {
    Router::new()
        .route("/admin/", get(admin::home::get))
        .route("/admin/restaurants/", get(admin::restaurants::get))
        .route("/admin/restaurants/add", get(admin::restaurant::get_new))
        .route("/admin/restaurants/delete", get(admin::delete_restaurants::get))
        .route("/admin/restaurants/{id}", get(admin::restaurant::get))
        .route("/admin/restaurants/{id}/reviews/add", get(admin::add_review::get))
        .route("/admin/reviews/", get(admin::reviews::get))
        .route("/admin/reviews/act", get(admin::act_on_reviews::get))
        .route("/admin/reviews/{id}", get(admin::review::get))
        .route_layer(from_fn_with_state(app.clone(), admin::gate::staff_only))
}

/// The forms of the staff.
fn staff_forms(app: &App) -> Router<App> {
    Router::new()
        .route("/admin/restaurants/add", post(admin::restaurant::add))
        .route("/admin/restaurants/delete", post(admin::delete_restaurants::post))
        .route("/admin/restaurants/{id}", post(admin::restaurant::post))
        .route("/admin/restaurants/{id}/reviews/add", post(admin::add_review::post))
        .route("/admin/reviews/act", post(admin::act_on_reviews::post))
        .route("/admin/reviews/{id}", post(admin::review::post))
        .route_layer(from_fn_with_state(app.clone(), admin::gate::staff_only))
}

/// The layers around all routes, from the outside in: a request passes through them in this order.
fn apply_layers(routes: Router, app: App) -> Router {
    let admission = Arc::clone(&app.admission);
    let layers = ServiceBuilder::new()
        // The site's own id for each request: in the log, on error pages, in the response.
        .layer(map_request(without_clients_request_id))
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(request_span)
                .on_request(())
                .on_response(log_response)
                .on_failure(()),
        )
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .layer(map_response_with_state(
            SecurityHeaders::new(&app.config),
            security_headers,
        ))
        .layer(map_request_with_state(FrontEnd::of(&app.config), identify_client))
        // The layers below may answer with a bare status, which gets its page here.
        .layer(from_fn_with_state(app, error_pages))
        .layer(from_fn_with_state(admission, limit_in_flight))
        .layer(CatchPanicLayer::new())
        .layer(map_request(well_formed))
        // A POST from a browser must come from a page of this site.
        .layer(CsrfLayer::new())
        .layer(RequestBodyLimitLayer::new(BODY_MAX))
        .layer(RequestBodyDeadlineLayer::new(UPLOAD_LIMIT))
        // axum's own limit of 2 MB would refuse most photos; the limit above replaces it.
        .layer(DefaultBodyLimit::disable());
    Router::new().fallback_service(routes).layer(layers)
}

async fn without_clients_request_id(mut request: Request) -> Request {
    request.headers_mut().remove(REQUEST_ID);
    request
}

/// Refuses the request that stands for one whose head was not clear.
async fn well_formed(request: Request) -> Result<Request, AppError> {
    match request.extensions().get() {
        Some(RefusedHead::Malformed(advice)) => Err(AppError::BadRequest((*advice).to_owned())),
        Some(RefusedHead::TooLarge) => Err(AppError::HeadTooLarge),
        None => Ok(request),
    }
}

fn request_span<B>(request: &axum::http::Request<B>) -> Span {
    let id = request
        .extensions()
        .get::<RequestId>()
        .and_then(|id| id.header_value().to_str().ok())
        .unwrap_or_default();
    let method = shortened(request.method().as_str());
    let path = shortened(without_key(request.uri().path()));
    let trace_id = telemetry::trace_id().map(display);
    tracing::info_span!(REQUEST_SPAN, method = %method, path, id, trace_id)
}

/// The path without the key of a private link, which would let every reader of the log use it.
fn without_key(path: &str) -> &str {
    PRIVATE_PATHS
        .into_iter()
        .find(|prefix| path.starts_with(prefix))
        .unwrap_or(path)
}

/// The path or the method, or as much of it as any of ours has: a client may send 32 KiB with each request, and fill the
/// disk of the log.
fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(PATH_LOGGED)]
}

/// Logs one line for each request. A request that succeeded and changed nothing is logged at debug level: the platform
/// logs all requests, and a second log would be the most expensive part of answering with a cached page. A request that was
/// refused is logged at debug level too, see [`Refused`].
fn log_response<B>(response: &axum::http::Response<B>, latency: Duration, _: &Span) {
    let status = response.status().as_u16();
    let duration_ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
    let is_refused = response.extensions().get::<Refused>().is_some();
    match status {
        500.. if !is_refused => tracing::error!(status, duration_ms, "answered"),
        // A form was accepted: with a redirect (303), or with 201 for the page's script.
        201 | 303 => tracing::info!(status, duration_ms, "answered"),
        400..=499 if REFUSALS.admits() => tracing::info!(status, duration_ms, "answered"),
        _ => tracing::debug!(status, duration_ms, "answered"),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::header::{CONTENT_SECURITY_POLICY, REFRESH, RETRY_AFTER};
    use tower::ServiceExt as _;

    use super::*;
    use crate::config::Config;

    type Handler = fn() -> Result<&'static str, AppError>;

    /// The response of the layers when a handler does this.
    async fn answer(handler: Handler) -> (StatusCode, axum::http::HeaderMap, String) {
        let folder = tempfile::tempdir().unwrap();
        let app = crate::open::open(Config::for_test(folder.path().to_owned()))
            .await
            .unwrap();
        let routes = Router::new().route("/", get(async move || handler()));
        let request = Request::get("/").body(Body::empty()).unwrap();
        let response = apply_layers(routes, app).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let page = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
        assert!(parts.headers.contains_key(CONTENT_SECURITY_POLICY));
        let id = parts.headers[REQUEST_ID].to_str().unwrap();
        let is_logged = parts.status.is_server_error() && parts.extensions.get::<Refused>().is_none();
        assert_eq!(page.contains(id), is_logged, "{page}");
        assert!(page.contains("Back to all restaurants"), "{page}");
        (parts.status, parts.headers, page)
    }

    #[test]
    fn the_log_has_no_long_path() {
        assert_eq!(shortened("/review/1"), "/review/1");
        assert_eq!(shortened(&"/é".repeat(1000)).len(), 199);
        let long = axum::http::Request::builder()
            .method("A".repeat(20_000).as_str())
            .body(())
            .unwrap();
        let logged = format!("{:?}", request_span(&long));
        assert!(logged.len() < 1000, "{logged}");
    }

    #[test]
    fn the_log_has_no_key_of_a_private_link() {
        for (path, logged) in [
            ("/review/edit/0a1b", "/review/edit/"),
            ("/review/edit/0a1b/delete", "/review/edit/"),
            ("/admin/enter/0a1b", "/admin/enter/"),
            ("/admin/reviews/1", "/admin/reviews/1"),
            ("/review/1", "/review/1"),
            ("/", "/"),
        ] {
            assert_eq!(without_key(path), logged);
        }
    }

    #[tokio::test]
    async fn a_panic_gets_an_error_page() {
        let (status, _, page) = answer(|| panic!("a secret of ours")).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(page.contains("Something went wrong") && !page.contains("a secret of ours"));
    }

    #[tokio::test]
    async fn every_error_gets_a_page() {
        let cases: [(Handler, u16, &str); 11] = [
            (|| Err(AppError::BadRequest("Do this.".into())), 400, "Do this."),
            (|| Err(AppError::NotFound), 404, "Page not found"),
            (|| Err(AppError::RequestTimeout), 408, "That took too long"),
            (|| Err(AppError::PayloadTooLarge), 413, "Too much data"),
            (|| Err(AppError::UnsupportedMediaType), 415, "Not a form"),
            (|| Err(AppError::TooManyRequests), 429, "Too many requests"),
            (
                || Err(AppError::RateLimited(Duration::from_secs(59))),
                429,
                "Too many requests",
            ),
            (|| Err(AppError::Busy), 503, "Many visitors at once"),
            (
                || Err(AppError::Internal(std::io::Error::other("a secret of ours").into())),
                500,
                "Something went wrong",
            ),
            (
                || Err(AppError::Unavailable(std::io::Error::other("a secret of ours").into())),
                503,
                "Back in a moment",
            ),
            (
                || {
                    Err(AppError::InsufficientStorage(
                        std::io::Error::other("a secret of ours").into(),
                    ))
                },
                507,
                "No room left",
            ),
        ];
        for (handler, wanted, title) in cases {
            let (status, headers, page) = answer(handler).await;
            assert_eq!(status.as_u16(), wanted);
            assert!(page.contains(title) && !page.contains("a secret of ours"), "{page}");
            assert_eq!(
                headers.contains_key(RETRY_AFTER),
                matches!(wanted, 429 | 503),
                "{wanted}"
            );
            assert_eq!(headers.contains_key(REFRESH), wanted == 503, "{wanted}");
        }
    }
}
