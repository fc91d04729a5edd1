//! GET `/admin/reviews/`: the reviews of all restaurants, searched, filtered, sorted, paged, with what can be done to
//! several.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use time::format_description::well_known::Iso8601;
use time::{Date, Duration, OffsetDateTime};

use super::{filters, yes_or_no};
use crate::app::App;
use crate::error::AppError;
use crate::model::{
    Direction, Rating, RestaurantId, ReviewAction, ReviewOrder, StaffCursor, StaffReviewPage, StaffReviewQuery,
};
use crate::photos::PhotoUrls;
use crate::web::{Chrome, Page, Staff, query_pairs, with_query};

#[derive(Template)]
#[template(path = "admin/reviews.html")]
struct ReviewsTemplate {
    chrome: Chrome,
    staff: Staff,
    photo_urls: PhotoUrls,
    query: StaffReviewQuery,
    typed: Typed,
    page: StaffReviewPage,
    /// The query of this page, to which one returns from another one.
    list: String,
}

/// The filters as they are in the address.
#[derive(Default)]
struct Typed {
    q: String,
    restaurant: Option<RestaurantId>,
    rating: Option<u8>,
    hidden: String,
    photo: String,
    since: String,
    until: String,
    sort: String,
}

/// Shows one page of the list.
pub async fn get(
    State(app): State<App>,
    staff: Staff,
    RawQuery(query): RawQuery,
    cookies: CookieJar,
) -> Result<Response, AppError> {
    let list = query.unwrap_or_default();
    let (query, typed) = parse(&list);
    let page = app.store.staff_reviews(&query).await?;
    let (chrome, notice_shown) = Chrome::of(&app.config, &cookies);
    let template = ReviewsTemplate {
        chrome,
        staff,
        photo_urls: app.photo_urls.clone(),
        query,
        typed,
        page,
        list,
    };
    Ok((notice_shown, Page(template)).into_response())
}

/// Reads the filters. Invalid values are ignored.
fn parse(query: &str) -> (StaffReviewQuery, Typed) {
    let mut parsed = StaffReviewQuery::default();
    let mut typed = Typed::default();
    let mut from = None;
    let filter = &mut parsed.filter;
    for (name, value) in query_pairs(query) {
        match &*name {
            "q" => typed.q = text(&value),
            "restaurant" => typed.restaurant = value.parse().ok(),
            "rating" => typed.rating = value.parse().ok().and_then(Rating::new).map(Rating::stars),
            "hidden" => {
                filter.hidden = yes_or_no(&value);
                typed.hidden = filter.hidden.map(|_| value.into_owned()).unwrap_or_default();
            }
            "photo" => {
                filter.photo = yes_or_no(&value);
                typed.photo = filter.photo.map(|_| value.into_owned()).unwrap_or_default();
            }
            "since" => {
                filter.since = day(&value);
                typed.since = filter.since.map(|_| value.into_owned()).unwrap_or_default();
            }
            "until" => {
                // To the end of that day.
                filter.until = day(&value).and_then(|day| day.checked_add(Duration::DAY));
                typed.until = filter.until.map(|_| value.into_owned()).unwrap_or_default();
            }
            "sort" => parsed.order = ReviewOrder::parse(&value),
            "after" => from = Some((Direction::After, value)),
            "before" => from = Some((Direction::Before, value)),
            _ => {}
        }
    }
    filter.text.clone_from(&typed.q);
    filter.restaurant = typed.restaurant;
    filter.rating = typed.rating.and_then(|stars| Rating::new(stars.into()));
    parsed.order.as_str().clone_into(&mut typed.sort);
    parsed.from = from.and_then(|(direction, text)| Some((direction, StaffCursor::parse(parsed.order, &text)?)));
    (parsed, typed)
}

/// A text to look for: as long as a review may be, and without the character that PostgreSQL refuses.
fn text(value: &str) -> String {
    value.trim().chars().filter(|c| *c != '\0').take(500).collect()
}

/// The beginning of a day (UTC) in the years that the tables accept.
fn day(value: &str) -> Option<OffsetDateTime> {
    let date = Date::parse(value, &Iso8601::DATE).ok()?;
    (1..9999).contains(&date.year()).then(|| date.midnight().assume_utc())
}

/// The address of the list with the filters and the position of this query.
pub(super) fn list_url(query: &str) -> String {
    let (parsed, typed) = parse(query);
    let from = parsed.from.map(|(direction, cursor)| (direction.as_str(), cursor));
    with_query("/admin/reviews/", &typed.query(from))
}

impl Typed {
    /// The query of a page with these filters.
    fn query(&self, from: Option<(&str, StaffCursor)>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let restaurant = self.restaurant.map(|id| id.to_string()).unwrap_or_default();
        let rating = self.rating.map(|stars| stars.to_string()).unwrap_or_default();
        let (direction, cursor) = from.map_or(("", String::new()), |(name, cursor)| (name, cursor.to_string()));
        for (name, value) in [
            ("q", &self.q),
            ("restaurant", &restaurant),
            ("rating", &rating),
            ("hidden", &self.hidden),
            ("photo", &self.photo),
            ("since", &self.since),
            ("until", &self.until),
            ("sort", &self.sort),
            (direction, &cursor),
        ] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        query.finish()
    }
}

impl ReviewsTemplate {
    /// The address of another page with the same filters.
    fn url(&self, direction: &str, cursor: &StaffCursor) -> String {
        with_query("/admin/reviews/", &self.typed.query(Some((direction, *cursor))))
    }

    /// The address of the first page with the same filters.
    fn first_url(&self) -> String {
        with_query("/admin/reviews/", &self.typed.query(None))
    }

    /// Whether the list does not show all reviews.
    fn has_filter(&self) -> bool {
        self.query.filter != crate::model::ReviewFilter::default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn filters_are_read_and_nonsense_is_ignored() {
        let (query, _) = parse("q=+a%00b+&rating=5&hidden=yes&photo=no&since=2026-01-31&until=2026-01-31&sort=lowest");
        let filter = &query.filter;
        assert_eq!(
            (filter.text.as_str(), filter.hidden, filter.photo),
            ("ab", Some(true), Some(false))
        );
        assert_eq!(filter.rating, Rating::new(5));
        assert_eq!(filter.until.unwrap() - filter.since.unwrap(), Duration::DAY);
        assert_eq!(query.order, ReviewOrder::Lowest);
        let nonsense = "rating=6&hidden=maybe&photo=&since=yesterday&until=9999-12-31&sort=x&after=x&restaurant=-1";
        assert_eq!(parse(nonsense).0, StaffReviewQuery::default());
    }

    proptest! {
        #[test]
        fn any_query_is_read(text in ".{0,200}", day in "-?[0-9]{1,6}-[0-9]{1,3}-[0-9]{1,3}") {
            parse(&text);
            parse(&format!("since={day}&until={day}&q={text}"));
            // One returns to the same list, and never to another site.
            let list = list_url(&text);
            prop_assert!(list.starts_with("/admin/reviews/") && list.is_ascii());
            prop_assert_eq!(parse(list["/admin/reviews/".len()..].trim_start_matches('?')).0, parse(&text).0);
        }
    }
}
