//! GET `/admin/restaurants/`: the list of restaurants, searched, sorted, paged, with what can be done to several.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;

use super::filters;
use crate::app::App;
use crate::error::AppError;
use crate::model::{Direction, ListCursor, ListPage, ListQuery, Sort};
use crate::pages::list;
use crate::web::{Chrome, Page, Staff, with_query};

#[derive(Template)]
#[template(path = "admin/restaurants.html")]
struct RestaurantsTemplate {
    chrome: Chrome,
    staff: Staff,
    query: ListQuery,
    page: ListPage,
    /// The query of this page, to which one returns from another one.
    list: String,
}

/// Shows one page of the list.
pub async fn get(
    State(app): State<App>,
    staff: Staff,
    RawQuery(query): RawQuery,
    cookies: CookieJar,
) -> Result<Response, AppError> {
    let list = query.unwrap_or_default();
    let query = list::parse(&list);
    let page = app.store.list(&query).await?;
    let (chrome, notice_shown) = Chrome::of(&app.config, &cookies);
    let template = RestaurantsTemplate {
        chrome,
        staff,
        query,
        page,
        list,
    };
    Ok((notice_shown, Page(template)).into_response())
}

/// The address of the list with the search and the position of this query.
pub(super) fn list_url(query: &str) -> String {
    let query = list::parse(query);
    let from = query.from.as_ref().map(|(direction, cursor)| match direction {
        Direction::After => ("after", cursor),
        Direction::Before => ("before", cursor),
    });
    url(&query, from)
}

/// The address of a page of the same search.
fn url(query: &ListQuery, from: Option<(&str, &ListCursor)>) -> String {
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    if !query.search.text().is_empty() {
        pairs.append_pair("q", query.search.text());
    }
    pairs.append_pair("sort", query.sort.as_str());
    if let Some((direction, cursor)) = from {
        pairs.append_pair(direction, &cursor.to_string());
    }
    with_query("/admin/restaurants/", &pairs.finish())
}

impl RestaurantsTemplate {
    fn url(&self, direction: &str, cursor: &ListCursor) -> String {
        url(&self.query, Some((direction, cursor)))
    }

    fn first_url(&self) -> String {
        url(&self.query, None)
    }
}
