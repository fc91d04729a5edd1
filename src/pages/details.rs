//! GET `/<id>/`: a restaurant, its reviews, and the form for a new one.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;

use crate::app::App;
use crate::error::AppError;
use crate::model::{
    Direction, FieldErrors, Restaurant, RestaurantId, ReviewCursor, ReviewForm, ReviewPage, SubmissionId,
};
use crate::pages::filters;
use crate::photos::PhotoUrls;
use crate::web::{Chrome, Page, PathParameter, query_pairs};

/// The page of a restaurant.
#[derive(Template)]
#[template(path = "details.html")]
pub(super) struct DetailsTemplate {
    pub(super) chrome: Chrome,
    pub(super) photo_urls: PhotoUrls,
    pub(super) restaurant: Restaurant,
    pub(super) page: ReviewPage,
    pub(super) form: ReviewFormView,
}

/// The form for a new review (`templates/review_form.html`): empty, or as it was sent with its errors.
pub(super) struct ReviewFormView {
    pub(super) restaurant_id: RestaurantId,
    pub(super) form_id: String,
    pub(super) typed: ReviewForm,
    pub(super) errors: FieldErrors,
    /// The message above the form.
    pub(super) problem: Option<String>,
    /// Whether the form came with a photo. A browser does not fill in the photo field again.
    pub(super) photo_was_sent: bool,
    pub(super) max_upload_bytes: usize,
}

impl ReviewFormView {
    /// The message for a photo without bytes.
    pub(super) const EMPTY_PHOTO: &str = "This file is empty. Choose another photo.";

    pub(super) fn empty(app: &App, restaurant_id: RestaurantId) -> Self {
        Self {
            restaurant_id,
            form_id: SubmissionId::new_form_id(),
            typed: ReviewForm::default(),
            errors: FieldErrors::default(),
            problem: None,
            photo_was_sent: false,
            max_upload_bytes: app.config.max_upload_bytes,
        }
    }

    /// Whether this rating was chosen.
    pub(super) fn is_rated(&self, stars: &u8) -> bool {
        self.typed.rating.trim() == stars.to_string()
    }

    /// What the photo field accepts.
    pub(super) fn photo_help(&self) -> String {
        format!(
            "Optional. PNG, JPEG or WebP, at most {}. Its location and other hidden data are removed.",
            self.max_upload()
        )
    }

    /// The message for a photo with too many bytes.
    pub(super) fn too_big(&self) -> String {
        format!(
            "This file is too big. Choose a photo of at most {}, or save this one again at a smaller size.",
            self.max_upload()
        )
    }

    /// The size limit of a photo, as text.
    fn max_upload(&self) -> String {
        let bytes = self.max_upload_bytes;
        if bytes >= 1 << 20 {
            format!("{} MB", bytes >> 20)
        } else {
            format!("{} KB", bytes >> 10)
        }
    }
}

impl DetailsTemplate {
    /// Each number of stars with the number of reviews that gave it, best first.
    fn distribution(&self) -> impl Iterator<Item = (u8, u64)> {
        (1..=5).zip(self.restaurant.distribution).rev()
    }
}

/// Shows the page.
pub async fn get(
    State(app): State<App>,
    PathParameter(id): PathParameter<RestaurantId>,
    RawQuery(query): RawQuery,
    cookies: CookieJar,
) -> Result<Response, AppError> {
    let from = parse(query.as_deref().unwrap_or_default());
    let (restaurant, page) = app.store.details(id, from).await?.ok_or(AppError::NotFound)?;
    let (chrome, notice_shown) = Chrome::of(&app.config, &cookies);
    let template = DetailsTemplate {
        chrome,
        photo_urls: app.photo_urls.clone(),
        restaurant,
        page,
        form: ReviewFormView::empty(&app, id),
    };
    Ok((notice_shown, Page(template)).into_response())
}

/// GET `/<id>`, without the final slash.
pub async fn redirect(PathParameter(id): PathParameter<RestaurantId>) -> Redirect {
    Redirect::permanent(&id.url())
}

fn parse(query: &str) -> Option<(Direction, ReviewCursor)> {
    query_pairs(query).find_map(|(name, value)| {
        let direction = match &*name {
            "after" => Direction::After,
            "before" => Direction::Before,
            _ => return None,
        };
        Some((direction, value.parse().ok()?))
    })
}
