//! Style sheet, script and icons: embedded in the binary, with a hash in their addresses so that
//! browsers keep them for ever.

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use memory_serve::MemoryServe;

/// Where the files are on the site.
const FOLDER: &str = "/static";

/// Each file's address with its hash, by its plain name (`/app.css`).
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

/// The address of a file of `static/`, such as `app.css`, with its hash in it.
///
/// # Panics
///
/// If there is no such file: the templates' tests visit every page.
#[must_use]
pub fn asset(file: &str) -> &'static str {
    ADDRESSES
        .get(format!("/{file}").as_str())
        .unwrap_or_else(|| panic!("static/{file} is missing"))
}

/// `/favicon.ico`: browsers ask for it unasked.
pub async fn favicon() -> impl IntoResponse {
    let headers = [(CONTENT_TYPE, "image/x-icon"), (CACHE_CONTROL, "public, max-age=86400")];
    (headers, include_bytes!("../../static/favicon.ico").as_slice())
}

/// `/robots.txt`: everything may be found but the forms.
pub async fn robots() -> impl IntoResponse {
    "User-agent: *\nDisallow: /create\nDisallow: /add\nDisallow: /review/\n"
}
