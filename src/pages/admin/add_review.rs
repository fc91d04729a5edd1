//! `/admin/restaurants/<id>/reviews/add`: the form for a new review of a restaurant.

use askama::Template;
use axum::Extension;
use axum::extract::{RawQuery, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tower_http::request_id::RequestId;

use super::restaurant::read;
use super::{filters, gone};
use crate::app::App;
use crate::error::AppError;
use crate::model::{NewReview, RestaurantId, ReviewForm, ReviewId, StaffRestaurant, Subject, SubmissionId};
use crate::pages::add_review::FIELDS;
use crate::pages::review_change::ReviewChangeView;
use crate::pages::review_input::{NotSaved, check, store_photo, submission};
use crate::photo_cleanup::remove_if_unclaimed;
use crate::photos::ProcessedPhoto;
use crate::web::{Chrome, FormBody, NextPage, Notice, Page, PathParameter, Staff};

#[derive(Template)]
#[template(path = "admin/add_review.html")]
struct AddReviewTemplate {
    chrome: Chrome,
    staff: Staff,
    /// `None` if it could not be read.
    restaurant: Option<StaffRestaurant>,
    view: ReviewChangeView,
}

/// Shows the form.
pub async fn get(
    State(app): State<App>,
    staff: Staff,
    PathParameter(id): PathParameter<RestaurantId>,
    RawQuery(query): RawQuery,
) -> Result<Response, AppError> {
    let restaurant = match read(&app, id).await {
        Err(AppError::NotFound) => {
            let query = query.unwrap_or_default();
            return gone::with_history(&app, staff, Subject::Restaurant(id), &query).await;
        }
        found => found?,
    };
    let template = AddReviewTemplate {
        chrome: Chrome::default(),
        staff,
        restaurant: Some(restaurant),
        view: ReviewChangeView::empty(&app, page_of(id)),
    };
    Ok(Page(template).into_response())
}

/// Adds the review.
pub async fn post(
    State(app): State<App>,
    staff: Staff,
    PathParameter(id): PathParameter<RestaurantId>,
    Extension(request_id): Extension<RequestId>,
    request: Request,
) -> Result<Response, AppError> {
    let next_page = NextPage::of(&request);
    let mut body = FormBody::read(&app.uploads, request, &FIELDS).await?;
    let mut view = ReviewChangeView::sent_new(&app, page_of(id), &mut body);
    let status = match add(&app, id, &mut view, &mut body, &staff.name).await {
        Ok(Some(review)) => {
            return Ok((Notice::Saved.left(&app.config), next_page.at(&review.staff_url())).into_response());
        }
        Ok(None) => return gone::with_typed(staff, Subject::Restaurant(id), view.typed()),
        Err(status) => status,
    };
    let restaurant = if status.is_server_error() {
        // To read it, the staff would have to wait for the failing store again.
        None
    } else {
        match read(&app, id).await {
            Ok(restaurant) => Some(restaurant),
            Err(AppError::NotFound) => return gone::with_typed(staff, Subject::Restaurant(id), view.typed()),
            Err(error) => {
                error.log();
                None
            }
        }
    };
    let template = AddReviewTemplate {
        chrome: Chrome::of_error(&app.config, &request_id, status),
        staff,
        restaurant,
        view,
    };
    Ok((status, Page(template)).into_response())
}

/// Adds the review and returns its id; `None` if the restaurant does not exist. If the review is not added, notes the
/// reason in the form and returns the status of the response.
async fn add(
    app: &App,
    id: RestaurantId,
    view: &mut ReviewChangeView,
    body: &mut FormBody,
    by: &str,
) -> Result<Option<ReviewId>, StatusCode> {
    let form = &mut view.form;
    if let Some(incomplete) = body.incomplete {
        form.problem = Some(format!("Review not added: {}", incomplete.problem()));
        return Err(AppError::from(incomplete).status());
    }
    let (new, photo) = check(app, form, body.photo.take(), "Review not added").await?;
    let submission = submission(form, &new, photo.as_ref());
    let saving = save(app.clone(), id, new, photo, submission, by.to_owned());
    let saved = match app.finish(saving).await {
        Ok(saved) => saved,
        Err(error) => Err(NotSaved::Store(error)),
    };
    saved.map_err(|failure| {
        failure.error().log();
        form.problem = Some(format!("Review not added: {}", failure.advice()));
        failure.error().status()
    })
}

/// Stores the photo, adds the review that shows it, and removes the photo if no review shows it then.
async fn save(
    app: App,
    id: RestaurantId,
    new: NewReview,
    photo: Option<ProcessedPhoto>,
    submission: Option<SubmissionId>,
    by: String,
) -> Result<Option<ReviewId>, NotSaved> {
    let name = match photo {
        Some(photo) => Some(store_photo(&app, &photo).await?),
        None => None,
    };
    let add = app
        .store
        .staff_add_review(id, &new, name.as_ref(), submission.as_ref(), &by);
    let added = add.await;
    // Evicts the page even after a failure: the store may have saved the review although its answer was lost.
    app.page_cache.restaurant_changed(id);
    if let Some(name) = name {
        remove_if_unclaimed(&*app.store, &*app.photos, &name).await;
    }
    added.map_err(|error| NotSaved::Store(error.into()))
}

fn page_of(id: RestaurantId) -> String {
    format!("/admin/restaurants/{id}/reviews/add")
}
