//! GET `/admin/restaurants/`: the list of restaurants, searched, sorted, paged, with what can be done to several.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;

use super::filters;
use crate::app::App;
use crate::error::AppError;
use crate::model::{ListCursor, ListPage, ListQuery, Sort};
use crate::pages::list;
use crate::web::{Chrome, Page, Staff};

#[derive(Template)]
#[template(path = "admin/restaurants.html")]
struct RestaurantsTemplate {
    chrome: Chrome,
    staff: Staff,
    query: ListQuery,
    page: ListPage,
}

/// Shows one page of the list.
pub async fn get(
    State(app): State<App>,
    staff: Staff,
    RawQuery(query): RawQuery,
    cookies: CookieJar,
) -> Result<Response, AppError> {
    let query = list::parse(query.as_deref().unwrap_or_default());
    let page = app.store.list(&query).await?;
    let (chrome, notice_shown) = Chrome::of(&app.config, &cookies);
    let template = RestaurantsTemplate {
        chrome,
        staff,
        query,
        page,
    };
    Ok((notice_shown, Page(template)).into_response())
}

impl RestaurantsTemplate {
    /// The address of a page of the same search, without its path.
    fn url(&self, direction: &str, cursor: &ListCursor) -> String {
        let mut query = form_urlencoded::Serializer::for_suffix(String::from("?"), 1);
        query.append_pair("q", self.query.search.text());
        query.append_pair("sort", self.query.sort.as_str());
        query.append_pair(direction, &cursor.to_string());
        query.finish()
    }
}
