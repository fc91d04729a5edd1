//! Style sheets, script and icons, embedded in the binary. Their addresses include a hash of their content, so that
//! browsers can keep them for ever.

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use memory_serve::MemoryServe;

/// The address of the folder on the site.
const FOLDER: &str = "/static";

/// Each file's address with its hash, by its path in the folder (`/app.css`).
static ADDRESSES: LazyLock<HashMap<&'static str, String>> = LazyLock::new(|| {
    let manifest = files().manifest();
    manifest
        .iter()
        .map(|(file, hashed)| (file, format!("{FOLDER}{hashed}")))
        .collect()
});

fn files() -> MemoryServe {
    memory_serve::load!().index_file(None).enable_hashed_routes(true)
}

/// `/static/…`
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().nest(FOLDER, files().into_router())
}

/// The address of a file in `static/`, such as `app.css`.
/// Panics if there is no such file; tests visit every page.
#[must_use]
pub fn asset(file: &str) -> &'static str {
    ADDRESSES
        .get(format!("/{file}").as_str())
        .unwrap_or_else(|| panic!("static/{file} is missing"))
}

/// `/favicon.ico`: browsers request it although no page names it.
pub async fn favicon() -> impl IntoResponse {
    let headers = [(CONTENT_TYPE, "image/x-icon"), (CACHE_CONTROL, "public, max-age=86400")];
    (headers, include_bytes!("../static/favicon.ico").as_slice())
}
