//! `/admin/restaurants/delete?id=<id>…`: says what goes with these restaurants, and deletes them once that is confirmed.

use askama::Template;
use axum::extract::{RawQuery, Request, State};
use axum::response::{IntoResponse, Redirect, Response};

use super::act_on_reviews::{chosen, seen_rows};
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
}

const FIELDS: FormFields = FormFields {
    texts: &["seen"],
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
        let rows = self.restaurants.iter().map(|restaurant| {
            let (id, version) = (restaurant.id.0, restaurant.version);
            Versioned { id, version }.to_string()
        });
        rows.collect::<Vec<_>>().join(",")
    }
}

/// Asks for confirmation.
pub async fn get(State(app): State<App>, staff: Staff, RawQuery(query): RawQuery) -> Result<Response, AppError> {
    let ids: Vec<_> = chosen(query.as_deref().unwrap_or_default())
        .into_iter()
        .map(RestaurantId)
        .collect();
    let template = DeleteTemplate {
        chrome: Chrome::default(),
        staff,
        restaurants: app.store.staff_restaurants_by_id(&ids).await?,
    };
    Ok(Page(template).into_response())
}

/// Deletes the restaurants, and their photos from the photo store.
pub async fn post(State(app): State<App>, staff: Staff, request: Request) -> Result<Response, AppError> {
    let mut body = FormBody::read(&app.uploads, request, &FIELDS).await?;
    let seen = seen_rows(&body.take("seen"))?;
    let (deleted, photos) = app.store.delete_restaurants(&seen, &staff.name).await?;
    for id in &deleted {
        app.page_cache.restaurant_changed(*id);
    }
    // Nobody waits for this: a restaurant may have thousands of photos.
    let site = app.clone();
    app.saves
        .spawn(async move { remove_all_unclaimed(&*site.store, &*site.photos, &photos).await });
    let notice = if deleted.len() == seen.len() {
        Notice::AllDone
    } else {
        Notice::SomeDone
    };
    Ok((notice.left(&app.config), Redirect::to("/admin/restaurants/")).into_response())
}
