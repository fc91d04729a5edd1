//! GET `/admin/restaurants/`: the list of restaurants, searched, filtered, sorted, paged, with what can be done to several.

use std::collections::HashMap;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;

use super::{filters, yes_or_no};
use crate::app::App;
use crate::error::AppError;
use crate::model::{ListCursor, ListPage, ListQuery, RestaurantFilter, RestaurantId, Sort};
use crate::pages::list;
use crate::web::{Chrome, Page, Staff, query_pairs, with_query};

#[derive(Template)]
#[template(path = "admin/restaurants.html")]
struct RestaurantsTemplate {
    chrome: Chrome,
    staff: Staff,
    query: ListQuery,
    filter: RestaurantFilter,
    page: ListPage,
    /// How many reviews are hidden, by restaurant.
    hidden: HashMap<RestaurantId, u64>,
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
    let filter = parse(&list);
    let query = list::parse(&list);
    // The visitors' list has indexes for its orders.
    let page = if filter == RestaurantFilter::default() {
        app.store.list(&query).await?
    } else {
        app.store.staff_restaurants(&query, &filter).await?
    };
    let ids: Vec<_> = page.restaurants.iter().map(|restaurant| restaurant.id).collect();
    let hidden = app.store.hidden_reviews(&ids).await?;
    let (chrome, notice_shown) = Chrome::of(&app.config, &cookies);
    let template = RestaurantsTemplate {
        chrome,
        staff,
        query,
        filter,
        page,
        hidden,
        list,
    };
    Ok((notice_shown, Page(template)).into_response())
}

/// The address of the list with the search, the filters and the position of this query.
pub(super) fn list_url(query: &str) -> String {
    let filter = parse(query);
    let query = list::parse(query);
    let from = query
        .from
        .as_ref()
        .map(|(direction, cursor)| (direction.as_str(), cursor));
    url(&query, &filter, from)
}

/// The address of a page of the same search.
fn url(query: &ListQuery, filter: &RestaurantFilter, from: Option<(&str, &ListCursor)>) -> String {
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    if !query.search.text().is_empty() {
        pairs.append_pair("q", query.search.text());
    }
    pairs.append_pair("sort", query.sort.as_str());
    if let Some(stars) = filter.average {
        pairs.append_pair("average", &stars.to_string());
    }
    for (name, value) in [("photo", filter.photo), ("hidden", filter.hidden)] {
        if let Some(value) = value {
            pairs.append_pair(name, if value { "yes" } else { "no" });
        }
    }
    if let Some((direction, cursor)) = from {
        pairs.append_pair(direction, &cursor.to_string());
    }
    with_query("/admin/restaurants/", &pairs.finish())
}

/// Reads the filters. Invalid values are ignored.
fn parse(query: &str) -> RestaurantFilter {
    let mut filter = RestaurantFilter::default();
    for (name, value) in query_pairs(query) {
        match &*name {
            "average" => filter.average = value.parse().ok().filter(|stars| *stars <= 5),
            "photo" => filter.photo = yes_or_no(&value),
            "hidden" => filter.hidden = yes_or_no(&value),
            _ => {}
        }
    }
    filter
}

impl RestaurantsTemplate {
    fn url(&self, direction: &str, cursor: &ListCursor) -> String {
        url(&self.query, &self.filter, Some((direction, cursor)))
    }

    fn first_url(&self) -> String {
        url(&self.query, &self.filter, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_read_and_nonsense_is_ignored() {
        let filter = RestaurantFilter {
            average: Some(0),
            photo: Some(true),
            hidden: Some(false),
        };
        let query = "average=0&photo=yes&hidden=no&q=a";
        assert_eq!(parse(query), filter);
        assert_eq!(
            list_url(query),
            "/admin/restaurants/?q=a&sort=name&average=0&photo=yes&hidden=no"
        );
        assert_eq!(parse("average=6&photo=maybe&hidden="), RestaurantFilter::default());
        assert_eq!(parse("average=-1&average=x&photo=%00"), RestaurantFilter::default());
    }
}
