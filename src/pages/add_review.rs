//! POST `/review/<id>`: adds a review, perhaps with a photo; GET leads to the form.

use askama::Template;
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Redirect, Response};
use tower_http::request_id::RequestId;

use crate::app::App;
use crate::error::AppError;
use crate::model::{NewReview, RestaurantId, ReviewForm, ReviewQuery, SubmissionId};
use crate::pages::details::{DetailsTemplate, ReviewFormView};
use crate::photo_cleanup::remove_if_unclaimed;
use crate::photos::{PhotoError, PhotoName, ProcessedPhoto};
use crate::store::AddedReview;
use crate::web::{Chrome, Client, FormBody, FormFields, Notice, Page, PathParameter, SentPhoto, TOO_MANY_FORMS};

/// The form alone, for when the restaurant cannot be read.
#[derive(Template)]
#[template(path = "review_again.html")]
struct ReviewAgainTemplate {
    chrome: Chrome,
    form: ReviewFormView,
}

const FIELDS: FormFields = FormFields {
    texts: &[SubmissionId::FIELD, "user_name", "rating", "review_text"],
    photo: Some("reviewImage"),
};

/// GET `/review/<id>`, as when the address of a refused form is loaded again.
pub async fn to_form(PathParameter(id): PathParameter<RestaurantId>) -> Redirect {
    Redirect::to(&format!("{}#new-review", id.url()))
}

/// Adds the review and redirects to the restaurant, or shows the form again with its errors.
pub async fn post(
    State(app): State<App>,
    PathParameter(id): PathParameter<RestaurantId>,
    Extension(request_id): Extension<RequestId>,
    request: Request,
) -> Result<Response, AppError> {
    // The page's script sends the form itself, to show the progress of the upload. It gets an address, not a redirect.
    let by_script = request.headers().contains_key("x-requested-with");
    let client = request.extensions().get::<Client>().copied();
    let mut body = FormBody::read(&app.uploads, request, &FIELDS).await?;
    let mut form = ReviewFormView {
        form_id: body.take(SubmissionId::FIELD),
        typed: ReviewForm {
            user_name: body.take("user_name"),
            rating: body.take("rating"),
            review_text: body.take("review_text"),
        },
        photo_was_sent: body.photo.is_some(),
        ..ReviewFormView::empty(&app, id)
    };

    if let Err(refused) = app.rates.count_post(client, form.photo_was_sent) {
        form.problem = Some(format!("Review not added: {TOO_MANY_FORMS}"));
        let page = with_restaurant(&app, &request_id, refused.status(), form).await?;
        return Ok((refused.retry_after(), page).into_response());
    }
    if let Some(incomplete) = body.incomplete {
        form.problem = Some(format!("Review not added: {}", incomplete.problem()));
        return with_restaurant(&app, &request_id, AppError::from(incomplete).status(), form).await;
    }
    let (new, photo) = match check(&app, &mut form, body.photo.take()).await {
        Ok(checked) => checked,
        Err(status) => return with_restaurant(&app, &request_id, status, form).await,
    };

    let rating = [new.rating.stars()];
    let photo_bytes = photo.as_ref().map_or(&[][..], |photo| &photo.photo);
    let contents = [
        new.user_name.as_bytes(),
        &rating,
        new.review_text.as_bytes(),
        photo_bytes,
    ];
    let submission = SubmissionId::of(&form.form_id, &contents);
    // A separate task, which finishes even if the visitor closes the page now.
    let saving = app.saves.spawn(save(app.clone(), id, new, photo, submission));
    match saving.await.map_err(|error| AppError::Internal(error.into()))? {
        Ok(AddedReview::NoRestaurant) => Err(AppError::NotFound),
        Ok(AddedReview::Added | AddedReview::Repeated) if by_script => Ok((
            StatusCode::CREATED,
            Notice::ReviewAdded.left(&app.config),
            [(LOCATION, id.url())],
        )
            .into_response()),
        Ok(AddedReview::Added | AddedReview::Repeated) => {
            Ok((Notice::ReviewAdded.left(&app.config), Redirect::to(&id.url())).into_response())
        }
        Err(NotSaved::Store(error)) => {
            error.log();
            form.problem = Some(format!("Review not added: {}", error.not_saved()));
            // Without the restaurant: to read it, the visitor would have to wait for the failing store again.
            Ok(alone(&app, &request_id, error.status(), form))
        }
        Err(NotSaved::Photo(error)) => {
            error.log();
            let problem = match error {
                AppError::InsufficientStorage(_) => {
                    "Review not added: the site has no room for its photo. Send it again without the photo, or later."
                }
                _ => {
                    "Review not added: its photo could not be stored just now. Send it again in a moment, or without \
                     the photo."
                }
            };
            form.problem = Some(problem.to_owned());
            with_restaurant(&app, &request_id, error.status(), form).await
        }
    }
}

/// Which of the two stores failed.
enum NotSaved {
    Store(AppError),
    Photo(AppError),
}

/// Returns the review and its processed photo. If something is wrong with them, notes it in the form and returns the
/// status of the response.
async fn check(
    app: &App,
    form: &mut ReviewFormView,
    photo: Option<SentPhoto>,
) -> Result<(NewReview, Option<ProcessedPhoto>), StatusCode> {
    let mut status = StatusCode::UNPROCESSABLE_ENTITY;
    let mut problem = "Review not added. Correct the marked fields and send again.";
    let new = form.typed.validate().map_err(|errors| form.errors = errors).ok();
    let mut processed = None;
    match photo {
        Some(SentPhoto::TooBig) => {
            status = StatusCode::PAYLOAD_TOO_LARGE;
            problem = "Image too big, try again.";
            form.errors.add("reviewImage", form.too_big());
        }
        Some(SentPhoto::NoRoom) => {
            status = StatusCode::TOO_MANY_REQUESTS;
            form.errors.add("reviewImage", PhotoError::Busy.to_string());
        }
        Some(SentPhoto::Empty) => form.errors.add("reviewImage", ReviewFormView::EMPTY_PHOTO),
        // A photo is processed only if the other fields are valid: otherwise the form must be sent again anyway.
        Some(SentPhoto::Bytes(bytes, _held)) if new.is_some() => match app.photo_processor.process(bytes).await {
            Ok(photo) => processed = Some(photo),
            Err(error) => {
                if error == PhotoError::Busy {
                    status = StatusCode::TOO_MANY_REQUESTS;
                }
                form.errors.add("reviewImage", error.to_string());
            }
        },
        Some(SentPhoto::Bytes(..) | SentPhoto::Cut) | None => {}
    }
    if form.typed.is_incomplete() {
        problem = "Review not added. Include at least a name and rating for review.";
    }
    match new {
        Some(new) if form.errors.is_empty() => Ok((new, processed)),
        _ => {
            form.problem = Some(problem.to_owned());
            Err(status)
        }
    }
}

/// Stores the photo, then the review that shows it. Even if the process dies in between, no review lacks its photo, and
/// no photo remains without a review (see [`crate::photo_cleanup`]).
async fn save(
    app: App,
    id: RestaurantId,
    new: NewReview,
    photo: Option<ProcessedPhoto>,
    submission: Option<SubmissionId>,
) -> Result<AddedReview, NotSaved> {
    let mut name = None;
    if let Some(photo) = photo {
        let name = name.insert(PhotoName::random());
        let announced = app.store.announce_photo(name).await;
        announced.map_err(|error| NotSaved::Store(error.into()))?;
        // If this fails, part of the photo may be stored, or still arrive. The clean-up removes it later: to
        // remove it now, the visitor would have to wait for the failing store again.
        let stored = app.photos.put(name, &photo).await;
        stored.map_err(|error| NotSaved::Photo(error.into()))?;
    }
    let result = app.store.add_review(id, &new, name.as_ref(), submission.as_ref()).await;
    // Evicts the page even after a failure: the store may have saved the review although its answer was lost.
    app.page_cache.restaurant_changed(id);
    if let Some(name) = name
        && !matches!(result, Ok(AddedReview::Added))
    {
        remove_if_unclaimed(&*app.store, &*app.photos, &name).await;
    }
    result.map_err(|error| NotSaved::Store(error.into()))
}

/// The form again, with everything typed: on the restaurant's page, or alone if the restaurant cannot be read.
async fn with_restaurant(
    app: &App,
    request_id: &RequestId,
    status: StatusCode,
    form: ReviewFormView,
) -> Result<Response, AppError> {
    let query = ReviewQuery::default();
    let (restaurant, page) = match app.store.details(form.restaurant_id, &query).await {
        Ok(details) => details.ok_or(AppError::NotFound)?,
        Err(error) => {
            tracing::warn!(%error, "the form is shown without its restaurant");
            return Ok(alone(app, request_id, status, form));
        }
    };
    let template = DetailsTemplate {
        chrome: Chrome::of_error(&app.config, request_id, status),
        site_url: app.config.site_url(),
        photo_urls: app.photo_urls.clone(),
        restaurant,
        photos: Vec::new(),
        query,
        page,
        form,
    };
    Ok((status, Page(template)).into_response())
}

/// The form again, without its restaurant.
fn alone(app: &App, request_id: &RequestId, status: StatusCode, form: ReviewFormView) -> Response {
    let chrome = Chrome::of_error(&app.config, request_id, status);
    (status, Page(ReviewAgainTemplate { chrome, form })).into_response()
}
