//! `/admin/reviews/act?action=<action>&id=<id>…`: shows these reviews, and hides, shows or deletes them once that is
//! confirmed.

use std::str::FromStr;

use askama::Template;
use axum::extract::{RawQuery, Request, State};
use axum::response::{IntoResponse, Redirect, Response};

use super::reviews::list_url;
use crate::app::App;
use crate::error::AppError;
use crate::model::{ReviewAction, StaffReview, Versioned};
use crate::photo_cleanup::{remove_all_unclaimed, withdraw};
use crate::photos::{PhotoName, PhotoUrls};
use crate::store::STAFF_REVIEWS_PER_PAGE;
use crate::web::{Chrome, FormBody, FormFields, Notice, Page, Staff};

#[derive(Template)]
#[template(path = "admin/act_on_reviews.html")]
struct ActTemplate {
    chrome: Chrome,
    staff: Staff,
    photo_urls: PhotoUrls,
    action: ReviewAction,
    reviews: Vec<StaffReview>,
    /// The query of the list in which they were chosen.
    list: String,
}

const FIELDS: FormFields = FormFields {
    texts: &["action", "seen", "list"],
    photo: None,
};

impl ActTemplate {
    /// The reviews in their versions, as the form carries them.
    fn seen(&self) -> String {
        let rows = self.reviews.iter().map(|review| review.versioned().to_string());
        rows.collect::<Vec<_>>().join(",")
    }

    /// What the page asks.
    fn question(&self) -> String {
        let reviews = if self.reviews.len() == 1 {
            "this review"
        } else {
            "these reviews"
        };
        match self.action {
            ReviewAction::Delete => format!("Delete {reviews}?"),
            ReviewAction::Hide => format!("Hide {reviews}?"),
            ReviewAction::Show => format!("Show {reviews} again?"),
        }
    }

    /// The address of that list.
    fn back(&self) -> String {
        list_url(&self.list)
    }
}

/// Asks for confirmation.
pub async fn get(State(app): State<App>, staff: Staff, RawQuery(query): RawQuery) -> Result<Response, AppError> {
    let query = query.unwrap_or_default();
    let template = ActTemplate {
        chrome: Chrome::default(),
        staff,
        photo_urls: app.photo_urls.clone(),
        action: action_of(&parameter(&query, "action"))?,
        reviews: app.store.staff_reviews_by_id(&chosen(&query)).await?,
        list: parameter(&query, "list"),
    };
    Ok(Page(template).into_response())
}

/// Does it. Photos of deleted reviews leave the photo store, and those of hidden ones their address.
pub async fn post(State(app): State<App>, staff: Staff, request: Request) -> Result<Response, AppError> {
    let mut body = FormBody::read_whole(&app.uploads, request, &FIELDS).await?;
    let action = action_of(&body.take("action"))?;
    let seen: Vec<Versioned> = seen_rows(&body.take("seen"))?;
    let notice = app.finish(act(app.clone(), action, seen, staff.name)).await??;
    let list = list_url(&body.take("list"));
    Ok((notice.left(&app.config), Redirect::to(&list)).into_response())
}

async fn act(app: App, action: ReviewAction, seen: Vec<Versioned>, by: String) -> Result<Notice, AppError> {
    let done = app.store.act_on_reviews(&seen, action, &by).await.inspect_err(|_| {
        // The store may have done it although its answer was lost, and the form does not have the restaurants.
        app.page_cache.everything_changed();
    })?;
    for review in &done {
        app.page_cache.restaurant_changed(review.restaurant);
    }
    let photos = done
        .iter()
        .filter_map(|review| Some((review.review.id, review.review.photo.clone()?)));
    let photos: Vec<(i64, PhotoName)> = photos.collect();
    let mut all_withdrawn = true;
    match action {
        ReviewAction::Show => {}
        ReviewAction::Delete => {
            let names: Vec<_> = photos.into_iter().map(|(_, name)| name).collect();
            remove_all_unclaimed(&*app.store, &*app.photos, &names).await;
        }
        ReviewAction::Hide => {
            for (review, name) in photos {
                all_withdrawn = withdraw(&*app.store, &*app.photos, review, &name).await;
                if !all_withdrawn {
                    // The next ones would take as long to fail.
                    break;
                }
            }
        }
    }
    Ok(if !all_withdrawn {
        Notice::PhotoNotWithdrawn
    } else if done.len() == seen.len() {
        Notice::AllDone
    } else {
        Notice::SomeDone
    })
}

fn action_of(text: &str) -> Result<ReviewAction, AppError> {
    let unknown = |()| AppError::BadRequest("Choose what to do with the reviews: hide, show or delete.".into());
    text.parse().map_err(unknown)
}

/// The value of this parameter; empty if there is none.
pub(super) fn parameter(query: &str, name: &str) -> String {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let found = pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()));
    found.unwrap_or_default()
}

/// The ids that were chosen in a list: each is one `id` of the query.
pub(super) fn chosen(query: &str) -> Vec<i64> {
    let pairs = form_urlencoded::parse(query.as_bytes());
    let ids = pairs.filter_map(|(name, value)| (name == "id").then(|| value.parse().ok())?);
    ids.take(STAFF_REVIEWS_PER_PAGE).collect()
}

/// The rows that a form carries. A list has no more of them on one page.
pub(super) fn seen_rows<T: FromStr<Err = ()>>(text: &str) -> Result<Vec<T>, AppError> {
    let rows = text.split(',').take(STAFF_REVIEWS_PER_PAGE + 1).map(str::parse);
    match rows.collect::<Result<Vec<_>, ()>>() {
        Ok(rows) if rows.len() <= STAFF_REVIEWS_PER_PAGE => Ok(rows),
        _ => Err(AppError::BadRequest(
            "Select at least one entry in the list, and no more than one page of them.".into(),
        )),
    }
}
