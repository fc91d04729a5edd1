//! GET `/`: the list of restaurants, searched, sorted, paged.

use askama::Template;
use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use tower_http::request_id::RequestId;

use crate::app::App;
use crate::error::AppError;
use crate::model::{COUNTED_MAX, Direction, ListCursor, ListPage, ListQuery, Search, Sort};
use crate::pages::filters;
use crate::photos::PhotoUrls;
use crate::web::{Chrome, Client, Page, SiteUrl, query_pairs, with_query};

#[derive(Template)]
#[template(path = "list.html")]
struct ListTemplate {
    chrome: Chrome,
    site_url: SiteUrl,
    photo_urls: PhotoUrls,
    query: ListQuery,
    page: ListPage,
    /// Why the search was not made.
    problem: Option<&'static str>,
}

/// Shows one page of the list.
pub async fn get(
    State(app): State<App>,
    client: Option<Extension<Client>>,
    Extension(request_id): Extension<RequestId>,
    RawQuery(query): RawQuery,
    cookies: CookieJar,
) -> Result<Response, AppError> {
    let query = parse(query.as_deref().unwrap_or_default());
    if query.search.terms().is_some()
        && let Err(refused) = app.rates.count_search(client.map(|Extension(client)| client))
    {
        let template = ListTemplate {
            chrome: Chrome::of_error(&app.config, &request_id, refused.status()),
            site_url: SiteUrl::of(&app.config),
            photo_urls: app.photo_urls.clone(),
            query,
            page: ListPage::default(),
            problem: Some("Too many searches came from your network at once. Wait a few seconds, then search again."),
        };
        return Ok((refused.status(), refused.retry_after(), Page(template)).into_response());
    }
    let page = app.store.list(&query).await?;
    let (chrome, notice_shown) = Chrome::of(&app.config, &cookies);
    let template = ListTemplate {
        chrome,
        site_url: SiteUrl::of(&app.config),
        photo_urls: app.photo_urls.clone(),
        query,
        page,
        problem: None,
    };
    Ok((notice_shown, Page(template)).into_response())
}

/// Reads `q`, `sort`, `after` and `before`. Invalid values are ignored: a mistyped address still shows restaurants.
#[must_use]
pub fn parse(query: &str) -> ListQuery {
    let mut parsed = ListQuery::default();
    let mut from = None;
    for (name, value) in query_pairs(query) {
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
        with_query("/", &query.finish())
    }

    /// What a preview of a link leads to: the list from its beginning, or what was searched.
    fn shared_url(&self) -> String {
        if self.query.search.text().is_empty() {
            "/".to_owned()
        } else {
            self.url(&self.query.sort, None)
        }
    }

    /// The address of all restaurants in the same order.
    fn all_url(&self) -> String {
        match self.query.sort {
            sort if sort == Sort::default() => "/".to_owned(),
            sort => format!("/?sort={}", sort.as_str()),
        }
    }

    /// Which restaurants the page shows, and of how many: `51–100 of 120 restaurants`.
    fn count(&self) -> String {
        let (length, total) = (self.page.restaurants.len() as u64, self.page.total);
        let noun = if total == 1 { "restaurant" } else { "restaurants" };
        if length == total {
            return format!("{total} {noun}");
        }
        let first = self.page.skipped + 1;
        let all = if total > COUNTED_MAX {
            "over 1,000".to_owned()
        } else {
            total.to_string()
        };
        format!("{first}–{} of {all} {noun}", self.page.skipped + length)
    }
}
