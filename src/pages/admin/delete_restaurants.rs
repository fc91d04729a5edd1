//! `/admin/restaurants/delete?id=<id>…`: says what goes with these restaurants, and deletes them once that is confirmed.

use askama::Template;
use axum::extract::{RawQuery, Request, State};
use axum::response::{IntoResponse, Redirect, Response};

use super::act_on_reviews::{chosen, parameter, seen_rows};
use super::restaurants::list_url;
use crate::app::App;
use crate::error::AppError;
use crate::model::{RestaurantId, StaffRestaurant, Versioned};
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

    /// The restaurants in their versions, as the form carries them.
    fn seen(&self) -> String {
        let rows = self.restaurants.iter().map(|row| row.versioned().to_string());
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
    };
    Ok(Page(template).into_response())
}

/// Deletes the restaurants, and their photos from the photo store.
pub async fn post(State(app): State<App>, staff: Staff, request: Request) -> Result<Response, AppError> {
    let mut body = FormBody::read_whole(&app.uploads, request, &FIELDS).await?;
    let seen = seen_rows(&body.take("seen"))?;
    let notice = app.finish(delete(app.clone(), seen, staff.name)).await??;
    let list = list_url(&body.take("list"));
    Ok((notice.left(&app.config), Redirect::to(&list)).into_response())
}

async fn delete(app: App, seen: Vec<Versioned>, by: String) -> Result<Notice, AppError> {
    let result = app.store.delete_restaurants(&seen, &by).await;
    // Evicts the pages even after a failure: the store may have deleted the restaurants although its answer was lost. (The
    // clean-up then removes their photos.)
    for row in &seen {
        app.page_cache.restaurant_changed(RestaurantId(row.id));
    }
    let (deleted, photos) = result?;
    let site = app.clone();
    // The staff does not wait for this: a restaurant may have thousands of photos.
    app.save(async move { remove_all_unclaimed(&*site.store, &*site.photos, &photos).await });
    Ok(if deleted.len() == seen.len() {
        Notice::AllDone
    } else {
        Notice::SomeDone
    })
}
