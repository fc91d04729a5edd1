//! `/admin/restaurants/delete?id=<id>…`: says what goes with these restaurants, and deletes them once that is confirmed.

use askama::Template;
use axum::extract::{RawQuery, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use super::act_on_reviews::{chosen, parameter, seen_rows};
use super::restaurants::list_url;
use crate::app::App;
use crate::error::AppError;
use crate::model::{RestaurantId, SeenRestaurant, StaffRestaurant};
use crate::pages::filters;
use crate::photo_cleanup::remove_all_unclaimed;
use crate::web::{Chrome, FormBody, FormFields, Notice, Page, Staff};

#[derive(Template)]
#[template(path = "admin/delete_restaurants.html")]
struct DeleteTemplate {
    chrome: Chrome,
    staff: Staff,
    restaurants: Vec<StaffRestaurant>,
    /// The query of the list in which they were chosen.
    list: String,
    /// Whether something has changed since the page was shown before, so that nothing was deleted.
    is_stale: bool,
}

const FIELDS: FormFields = FormFields {
    texts: &["seen", "list"],
    photo: None,
};

impl DeleteTemplate {
    fn reviews(&self) -> u64 {
        self.restaurants.iter().map(|restaurant| restaurant.reviews).sum()
    }

    fn photos(&self) -> u64 {
        self.restaurants.iter().map(|restaurant| restaurant.photos).sum()
    }

    /// The restaurants as they are shown, as the form carries them.
    fn seen(&self) -> String {
        let rows = self.restaurants.iter().map(|row| row.seen.to_string());
        rows.collect::<Vec<_>>().join(",")
    }

    /// The address of that list.
    fn back(&self) -> String {
        list_url(&self.list)
    }
}

/// Asks for confirmation.
pub async fn get(State(app): State<App>, staff: Staff, RawQuery(query): RawQuery) -> Result<Response, AppError> {
    let query = query.unwrap_or_default();
    let ids: Vec<_> = chosen(&query).into_iter().map(RestaurantId).collect();
    let template = DeleteTemplate {
        chrome: Chrome::default(),
        staff,
        restaurants: app.store.staff_restaurants_by_id(&ids).await?,
        list: parameter(&query, "list"),
        is_stale: false,
    };
    Ok(Page(template).into_response())
}

/// Deletes the restaurants, and their photos from the photo store. Asks again if something has changed meanwhile.
pub async fn post(State(app): State<App>, staff: Staff, request: Request) -> Result<Response, AppError> {
    let mut body = FormBody::read_whole(&app.uploads, request, &FIELDS).await?;
    let seen: Vec<SeenRestaurant> = seen_rows(&body.take("seen"))?;
    let list = body.take("list");
    let ids: Vec<_> = seen.iter().map(|row| row.id).collect();
    if app.finish(delete(app.clone(), seen, staff.name.clone())).await?? {
        return Ok((Notice::AllDone.left(&app.config), Redirect::to(&list_url(&list))).into_response());
    }
    let template = DeleteTemplate {
        chrome: Chrome::default(),
        staff,
        restaurants: app.store.staff_restaurants_by_id(&ids).await?,
        list,
        is_stale: true,
    };
    Ok((StatusCode::CONFLICT, Page(template)).into_response())
}

/// Whether the restaurants were deleted.
async fn delete(app: App, seen: Vec<SeenRestaurant>, by: String) -> Result<bool, AppError> {
    let result = app.store.delete_restaurants(&seen, &by).await;
    // Evicts the pages even after a failure: the store may have deleted the restaurants although its answer was lost. (The
    // clean-up then removes their photos.)
    for row in &seen {
        app.page_cache.restaurant_changed(row.id);
    }
    let Some(photos) = result? else {
        return Ok(false);
    };
    let site = app.clone();
    // The staff does not wait for this: a restaurant may have thousands of photos.
    app.save(async move { remove_all_unclaimed(&*site.store, &*site.photos, &photos).await });
    Ok(true)
}
