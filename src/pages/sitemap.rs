//! GET `/sitemap.xml`: the pages that a search engine should know. `/robots.txt` names it.

use std::fmt::Write as _;

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::response::IntoResponse;

use crate::app::App;
use crate::error::AppError;
use crate::model::RestaurantId;
use crate::store::SITEMAP_RESTAURANTS;
use crate::web::Client;

/// Lists the newest restaurants, as <https://www.sitemaps.org/protocol.html> describes. It counts as a search: it takes
/// as much work.
pub async fn get(
    State(app): State<App>,
    client: Option<Extension<Client>>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, AppError> {
    app.rates.count_search(client.map(|Extension(client)| client))?;
    let base = base(&app.config.site_url(), &headers);
    let ids = app.store.newest_restaurants().await?;
    let mut xml = String::with_capacity((ids.len() + 2) * (base.len() + 40));
    xml +=
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n";
    for path in std::iter::once("/".to_owned()).chain(ids.into_iter().map(RestaurantId::url)) {
        writeln!(xml, "<url><loc>{base}{path}</loc></url>").expect("a string can be written to");
    }
    xml += "</urlset>\n";
    Ok(([(CONTENT_TYPE, "application/xml")], xml))
}

/// GET `/robots.txt`: search engines may index everything except the forms.
pub async fn robots(State(app): State<App>, headers: HeaderMap) -> String {
    let base = base(&app.config.site_url(), &headers);
    format!("User-agent: *\nDisallow: /create\nDisallow: /add\nDisallow: /review/\n\nSitemap: {base}/sitemap.xml\n")
}

/// The beginning of all addresses. Outside production, the site has the name by which it was asked.
fn base(site_url: &str, headers: &HeaderMap) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    match host.filter(|host| site_url.is_empty() && host.bytes().all(is_of_host)) {
        Some(host) => format!("http://{host}"),
        None => site_url.to_owned(),
    }
}

/// Whether a name, an address or a port may have this byte, so that the text needs no escape.
fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte)
}

const _: () = assert!(
    SITEMAP_RESTAURANTS < 50_000,
    "the protocol's limit, with the list itself"
);
