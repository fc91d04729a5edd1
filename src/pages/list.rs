//! GET `/`: the list of restaurants, searched, sorted, paged.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::cache::{PageKey, RenderedPage};
use crate::error::AppError;
use crate::model::{Direction, ListCursor, ListPage, ListQuery, Search, Sort};
use crate::pages::filters;
use crate::photos::PhotoUrls;
use crate::web::{Chrome, Notice, Page, html};

#[derive(Template)]
#[template(path = "list.html")]
struct ListTemplate {
    chrome: Chrome,
    photo_urls: PhotoUrls,
    query: ListQuery,
    page: ListPage,
}

/// Shows one page of the list.
pub async fn get(State(app): State<App>, RawQuery(query): RawQuery, headers: HeaderMap) -> Result<Response, AppError> {
    let query = parse(query.as_deref().unwrap_or_default());
    if let Some(key) = PageKey::of_list(&query).filter(|_| !Notice::wants_fresh_page(&headers)) {
        let render = async || {
            let html = html(&template(&app, query, Chrome::default()).await?)?;
            Ok(RenderedPage { html, form_id: None })
        };
        return app.pages.answer(key, &headers, render).await;
    }
    let (chrome, notice_shown) = Chrome::of(&headers);
    let page = Page(Box::pin(template(&app, query, chrome)).await?);
    Ok((notice_shown, page).into_response())
}

async fn template(app: &App, query: ListQuery, chrome: Chrome) -> Result<ListTemplate, AppError> {
    let page = app.store.list(&query).await?;
    Ok(ListTemplate {
        chrome,
        photo_urls: app.photo_urls.clone(),
        query,
        page,
    })
}

/// Reads `q`, `sort`, `after` and `before`. What makes no sense is left out: a mangled address still
/// shows restaurants.
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
    fn url(&self, sort: Sort, from: Option<(&str, &ListCursor)>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if !self.query.search.text().is_empty() {
            query.append_pair("q", self.query.search.text());
        }
        if sort != Sort::default() {
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

    fn sort_url(&self, sort: &Sort) -> String {
        self.url(*sort, None)
    }

    fn first_url(&self) -> String {
        self.url(self.query.sort, None)
    }

    fn after_url(&self, cursor: &ListCursor) -> String {
        self.url(self.query.sort, Some(("after", cursor)))
    }

    fn before_url(&self, cursor: &ListCursor) -> String {
        self.url(self.query.sort, Some(("before", cursor)))
    }
}
