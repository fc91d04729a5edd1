//! GET `/sitemap.xml`: the pages that a search engine should know. `/robots.txt` names it.

use std::convert::Infallible;
use std::fmt::Write as _;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use futures_util::stream;

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
    let paths = std::iter::once("/".to_owned()).chain(ids.into_iter().map(RestaurantId::url));
    let body = Body::from_stream(stream::iter(pieces(site_url, paths).map(Ok::<_, Infallible>)));
    Ok(([(CONTENT_TYPE, "application/xml")], body))
}

/// The file in pieces, each made when the client has taken the one before: whole, it has up to a megabyte.
fn pieces(site_url: SiteUrl, mut paths: impl Iterator<Item = String>) -> impl Iterator<Item = String> {
    const BEGINNING: &str =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n";
    let body = std::iter::from_fn(move || {
        let mut piece = String::new();
        for path in paths.by_ref().take(100) {
            let address = site_url.absolute(&path).unwrap_or(path);
            writeln!(piece, "<url><loc>{address}</loc></url>").expect("a string can be written to");
        }
        (!piece.is_empty()).then_some(piece)
    });
    std::iter::once(BEGINNING.to_owned())
        .chain(body)
        .chain(std::iter::once("</urlset>\n".to_owned()))
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
