//! GET `/sitemap.xml`: the pages that a search engine should know. `/robots.txt` names it.

use std::fmt::Write as _;

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use crate::app::App;
use crate::error::AppError;
use crate::model::RestaurantId;
use crate::store::SITEMAP_RESTAURANTS;
use crate::web::{Client, SiteUrl};

/// Lists the newest restaurants, as <https://www.sitemaps.org/protocol.html> describes. It counts as a search: it takes
/// as much work.
pub async fn get(
    State(app): State<App>,
    client: Option<Extension<Client>>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, AppError> {
    app.rates.count_search(client.map(|Extension(client)| client))?;
    let site_url = SiteUrl::of_request(&app.config, &headers);
    let ids = app.store.newest_restaurants().await?;
    let mut xml = String::with_capacity((ids.len() + 2) * 80);
    xml +=
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n";
    for path in std::iter::once("/".to_owned()).chain(ids.into_iter().map(RestaurantId::url)) {
        let address = site_url.absolute(&path).unwrap_or(path);
        writeln!(xml, "<url><loc>{address}</loc></url>").expect("a string can be written to");
    }
    xml += "</urlset>\n";
    Ok(([(CONTENT_TYPE, "application/xml")], xml))
}

/// GET `/robots.txt`: search engines may index everything except the forms.
pub async fn robots(State(app): State<App>, headers: HeaderMap) -> String {
    let sitemap = "/sitemap.xml";
    let address = SiteUrl::of_request(&app.config, &headers).absolute(sitemap);
    let address = address.as_deref().unwrap_or(sitemap);
    format!("User-agent: *\nDisallow: /create\nDisallow: /add\nDisallow: /review/\n\nSitemap: {address}\n")
}

const _: () = assert!(
    SITEMAP_RESTAURANTS < 50_000,
    "the protocol's limit, with the list itself"
);
