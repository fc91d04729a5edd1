//! POST `/review/<id>`: adds a review, perhaps with a photo.

use askama::Template;
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Redirect, Response};
use tower_http::request_id::RequestId;

use crate::app::App;
use crate::error::AppError;
use crate::model::{FieldErrors, NewReview, RestaurantId, ReviewForm};
use crate::pages::details::{DetailsTemplate, ReviewFormView};
use crate::photos::{PhotoError, PhotoName, ProcessedPhoto, cleanup};
use crate::store::AddedReview;
use crate::web::{Chrome, FormBody, IdPath, Notice, Page, SentPhoto, SubmissionId};

/// The form alone, for when the restaurant cannot be shown around it.
#[derive(Template)]
#[template(path = "review_again.html")]
struct ReviewAgainTemplate {
    chrome: Chrome,
    form: ReviewFormView,
}

/// Adds the review and goes back to the restaurant, or shows the form again with what is wrong.
pub async fn post(
    State(app): State<App>,
    IdPath(id): IdPath,
    Extension(request_id): Extension<RequestId>,
    request: Request,
) -> Result<Response, AppError> {
    // The page's script sends the form itself, to show the upload's progress, and follows no redirect.
    let by_script = request.headers().contains_key("x-requested-with");
    let mut body = FormBody::read(&app, request, "reviewImage").await?;
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

    let (new, photo) = match check(&app, &form, body.photo.take()).await {
        Ok(checked) => checked,
        Err(fault) => {
            form.errors = fault.errors;
            form.problem = Some(fault.problem);
            return again(&app, &request_id, fault.status, form).await;
        }
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
    // A task of its own: it ends even if the person closes the page now.
    let saving = app.changes.spawn(save(app.clone(), id, new, photo, submission));
    match saving.await.map_err(|error| AppError::Internal(error.into()))? {
        Ok(AddedReview::Added | AddedReview::Repeated) if by_script => {
            Ok((StatusCode::CREATED, Notice::ReviewAdded, [(LOCATION, id.url())]).into_response())
        }
        Ok(AddedReview::Added | AddedReview::Repeated) => {
            Ok((Notice::ReviewAdded, Redirect::to(&id.url())).into_response())
        }
        Ok(AddedReview::NoRestaurant) => Err(AppError::NotFound),
        Err(NotSaved::Store(error)) => {
            error.log();
            let problem = "Review not added: the site could not save it just now. Send it again in a moment.";
            form.problem = Some(problem.to_owned());
            // The restaurant is not read: a store that is away would hold up the person once more.
            Ok(alone(&app, &request_id, error.status(), form))
        }
        Err(NotSaved::Photo(error)) => {
            error.log();
            let problem = "Review not added: its photo could not be stored just now. Send it again in a moment, or \
                           without the photo.";
            form.problem = Some(problem.to_owned());
            again(&app, &request_id, error.status(), form).await
        }
    }
}

/// Which of the two stores failed.
enum NotSaved {
    Store(AppError),
    Photo(AppError),
}

/// What is wrong with a sent review.
struct Fault {
    status: StatusCode,
    errors: FieldErrors,
    problem: String,
}

/// The review and its processed photo, or what is wrong with them.
async fn check(
    app: &App,
    form: &ReviewFormView,
    photo: Option<SentPhoto>,
) -> Result<(NewReview, Option<ProcessedPhoto>), Fault> {
    let mut status = StatusCode::UNPROCESSABLE_ENTITY;
    let mut problem = "Review not added. Correct the marked fields and send again.".to_owned();
    let (new, mut errors) = match form.typed.validate() {
        Ok(new) => (Some(new), FieldErrors::default()),
        Err(errors) => (None, errors),
    };
    let mut processed = None;
    match photo {
        Some(SentPhoto::TooBig) => {
            status = StatusCode::PAYLOAD_TOO_LARGE;
            "Image too big, try again.".clone_into(&mut problem);
            errors.add(
                "reviewImage",
                format!("Choose a photo of at most {}.", form.max_upload()),
            );
        }
        // A photo is not worth the work while the form must be sent again anyway.
        Some(SentPhoto::Bytes(bytes)) if new.is_some() => match app.photographer.process(bytes).await {
            Ok(photo) => processed = Some(photo),
            Err(error) => {
                if error == PhotoError::Busy {
                    status = StatusCode::TOO_MANY_REQUESTS;
                }
                errors.add("reviewImage", error.to_string());
            }
        },
        Some(SentPhoto::Bytes(_)) | None => {}
    }
    if form.typed.is_incomplete() {
        "Review not added. Include at least a name and rating for review.".clone_into(&mut problem);
    }
    match new {
        Some(new) if errors.is_empty() => Ok((new, processed)),
        _ => Err(Fault {
            status,
            errors,
            problem,
        }),
    }
}

/// Stores the photo, then the review that shows it. Whatever fails, or dies, in between: no review is
/// without its photo, and no photo stays without its review (see [`cleanup`]).
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
        app.store
            .announce_photo(name)
            .await
            .map_err(|error| NotSaved::Store(error.into()))?;
        if let Err(error) = app.photos.put(name, &photo).await {
            // What may be stored of it is left to the clean-up: a store that does not answer would hold up the
            // person once more, and an upload that was given up can still arrive there.
            return Err(NotSaved::Photo(error.into()));
        }
    }
    let result = app.store.add_review(id, &new, name.as_ref(), submission.as_ref()).await;
    // Also when it failed: it may have been saved, and the answer lost.
    app.pages.changed(id);
    if let Some(name) = name
        && !matches!(result, Ok(AddedReview::Added))
    {
        cleanup::discard_if_unclaimed(&app, &name).await;
    }
    result.map_err(|error| NotSaved::Store(error.into()))
}

/// The form again, with all that was typed: on the restaurant's page, or alone when that cannot be read.
async fn again(
    app: &App,
    request_id: &RequestId,
    status: StatusCode,
    form: ReviewFormView,
) -> Result<Response, AppError> {
    match app.store.details(form.restaurant_id, None).await {
        Ok(Some((restaurant, page))) => Ok((
            status,
            Page(DetailsTemplate {
                chrome: Chrome::of_fault(&app.config, request_id, status),
                photo_urls: app.photo_urls.clone(),
                restaurant,
                page,
                form,
            }),
        )
            .into_response()),
        Ok(None) => Err(AppError::NotFound),
        Err(error) => {
            tracing::warn!(%error, "the form is shown without its restaurant");
            Ok(alone(app, request_id, status, form))
        }
    }
}

/// The form again, without its restaurant.
fn alone(app: &App, request_id: &RequestId, status: StatusCode, form: ReviewFormView) -> Response {
    let chrome = Chrome::of_fault(&app.config, request_id, status);
    (status, Page(ReviewAgainTemplate { chrome, form })).into_response()
}
