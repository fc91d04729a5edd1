//! GET `/`: the list of restaurants, searched, sorted, paged.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;

use crate::app::App;
use crate::error::AppError;
use crate::model::{Direction, ListCursor, ListPage, ListQuery, Search, Sort};
use crate::pages::filters;
use crate::photos::PhotoUrls;
use crate::web::{Chrome, Page};

#[derive(Template)]
#[template(path = "list.html")]
struct ListTemplate {
    chrome: Chrome,
    photo_urls: PhotoUrls,
    query: ListQuery,
    page: ListPage,
}

/// Shows one page of the list.
pub async fn get(State(app): State<App>, RawQuery(query): RawQuery, cookies: CookieJar) -> Result<Response, AppError> {
    let query = parse(query.as_deref().unwrap_or_default());
    let page = app.store.list(&query).await?;
    let (chrome, notice_shown) = Chrome::of(&app.config, &cookies);
    let template = ListTemplate {
        chrome,
        photo_urls: app.photo_urls.clone(),
        query,
        page,
    };
    Ok((notice_shown, Page(template)).into_response())
}

/// Reads `q`, `sort`, `after` and `before`. Invalid values are ignored: a mistyped address still shows restaurants.
fn parse(query: &str) -> ListQuery {
    let mut parsed = ListQuery::default();
    let mut from = None;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "q" => parsed.search = Search::parse(&value),
            "sort" => parsed.sort = Sort::parse(&value),
            "after" => from = Some((Direction::After, value)),
            "before" => from = Some((Direction::Before, value)),
            _ => {}
        }
    }
    parsed.from = from.and_then(|(direction, text)| Some((direction, ListCursor::parse(parsed.sort, &text)?)));
    parsed
}

impl ListTemplate {
    /// The address of a page of the same search.
    fn url(&self, sort: &Sort, from: Option<&(&str, &ListCursor)>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if !self.query.search.text().is_empty() {
            query.append_pair("q", self.query.search.text());
        }
        if *sort != Sort::default() {
            query.append_pair("sort", sort.as_str());
        }
        if let Some((direction, cursor)) = from {
            query.append_pair(direction, &cursor.to_string());
        }
        let query = query.finish();
        if query.is_empty() {
            "/".to_owned()
        } else {
            format!("/?{query}")
        }
    }
}
