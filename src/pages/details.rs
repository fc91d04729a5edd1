//! GET `/<id>/`: a restaurant, its reviews, and the form for a new one.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};

use crate::app::App;
use crate::cache::{PageKey, RenderedPage};
use crate::error::AppError;
use crate::model::{Direction, FieldErrors, Restaurant, RestaurantId, ReviewCursor, ReviewForm, ReviewPage};
use crate::pages::filters;
use crate::photos::PhotoUrls;
use crate::web::{Chrome, IdPath, Notice, Page, SubmissionId, html};

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

/// The form for a new review (`templates/review_form.html`): empty, or as it was sent, with what is
/// wrong with it.
pub(super) struct ReviewFormView {
    pub(super) restaurant_id: RestaurantId,
    pub(super) form_id: String,
    pub(super) typed: ReviewForm,
    pub(super) errors: FieldErrors,
    /// What to say above the form.
    pub(super) problem: Option<String>,
    /// A photo came with the form, which a browser will not send again by itself.
    pub(super) photo_was_sent: bool,
    pub(super) max_upload_bytes: usize,
}

impl ReviewFormView {
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

    /// Whether that rating was chosen.
    pub(super) fn is_rated(&self, stars: &u8) -> bool {
        self.typed.rating.trim() == stars.to_string()
    }

    /// What the photo field takes.
    pub(super) fn photo_help(&self) -> String {
        format!(
            "Optional. PNG, JPEG or WebP, at most {}. Its location and other hidden data are removed.",
            self.max_upload()
        )
    }

    /// The largest photo, in words.
    pub(super) fn max_upload(&self) -> String {
        let bytes = self.max_upload_bytes;
        if bytes >= 1 << 20 {
            format!("{} MB", bytes >> 20)
        } else {
            format!("{} KB", bytes >> 10)
        }
    }
}

impl DetailsTemplate {
    /// Stars and how many reviews gave them, best first.
    fn distribution(&self) -> impl Iterator<Item = (usize, u64)> {
        self.restaurant
            .distribution
            .iter()
            .copied()
            .enumerate()
            .rev()
            .map(|(index, count)| (index + 1, count))
    }
}

/// Shows the page.
pub async fn get(
    State(app): State<App>,
    IdPath(id): IdPath,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, AppError> {
    let from = parse(query.as_deref().unwrap_or_default());
    if from.is_none() && !Notice::wants_fresh_page(&headers) {
        let render = async || {
            let template = template(&app, id, None, Chrome::default()).await?;
            let (html, form_id) = (html(&template)?, Some(template.form.form_id));
            Ok(RenderedPage { html, form_id })
        };
        return app.pages.answer(PageKey::Restaurant(id), &headers, render).await;
    }
    let (chrome, notice_shown) = Chrome::of(&headers);
    let page = Page(Box::pin(template(&app, id, from, chrome)).await?);
    Ok((notice_shown, page).into_response())
}

async fn template(
    app: &App,
    id: RestaurantId,
    from: Option<(Direction, ReviewCursor)>,
    chrome: Chrome,
) -> Result<DetailsTemplate, AppError> {
    let (restaurant, page) = app.store.details(id, from).await?.ok_or(AppError::NotFound)?;
    Ok(DetailsTemplate {
        chrome,
        photo_urls: app.photo_urls.clone(),
        restaurant,
        page,
        form: ReviewFormView::empty(app, id),
    })
}

/// `/<id>` without its slash.
pub async fn redirect(IdPath(id): IdPath) -> Redirect {
    Redirect::permanent(&id.url())
}

fn parse(query: &str) -> Option<(Direction, ReviewCursor)> {
    form_urlencoded::parse(query.as_bytes()).find_map(|(name, value)| {
        let direction = match &*name {
            "after" => Direction::After,
            "before" => Direction::Before,
            _ => return None,
        };
        Some((direction, value.parse().ok()?))
    })
}
