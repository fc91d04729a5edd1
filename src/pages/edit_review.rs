//! `/review/edit/<key>`: the private link of a writer, who changes a review or takes it back. Whoever has the link may do
//! so; the site has no accounts.

use askama::Template;
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, REFERRER_POLICY};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use tower_http::request_id::RequestId;

use crate::app::App;
use crate::error::AppError;
use crate::model::{Capability, Outcome, ReviewForm, StaffReview, Versioned};
use crate::pages::review_change::{Changed, FIELDS, ReviewChangeView, change};
use crate::photo_cleanup::remove_all_unclaimed;
use crate::web::{Chrome, Client, FormBody, FormFields, Notice, Page, PathParameter, TOO_MANY_FORMS, writer_url};

/// Who changed a review, in the history.
const WRITER: &str = "the writer";

/// The address must not reach other sites, nor the logs of this one as the address where a visitor came from.
/// (`no-referrer` would also hide the origin of the form, by which the site recognises its own forms.)
const PRIVATE: [(HeaderName, &str); 2] = [(REFERRER_POLICY, "strict-origin"), (CACHE_CONTROL, "no-store")];

const CONFIRMATION: FormFields = FormFields {
    texts: &["seen", "confirmed"],
    photo: None,
};

#[derive(Template)]
#[template(path = "edit_review.html")]
struct EditTemplate {
    chrome: Chrome,
    view: ReviewChangeView,
    /// Why the review was not deleted.
    not_deleted: Option<&'static str>,
}

/// Shows the review in a form.
pub async fn get(
    State(app): State<App>,
    PathParameter(key): PathParameter<Capability>,
    Extension(request_id): Extension<RequestId>,
) -> Result<Response, AppError> {
    let review = read(&app, &key).await?;
    let view = ReviewChangeView::with(&app, writer_url(&key), review);
    Ok(page(&app, &request_id, StatusCode::OK, view, None))
}

/// Changes the review.
pub async fn post(
    State(app): State<App>,
    PathParameter(key): PathParameter<Capability>,
    Extension(request_id): Extension<RequestId>,
    request: Request,
) -> Result<Response, AppError> {
    let client = request.extensions().get::<Client>().copied();
    let mut body = FormBody::read(&app.uploads, request, &FIELDS).await?;
    let review = read(&app, &key).await?;
    let restaurant = review.restaurant;
    let mut view = ReviewChangeView::sent(&app, writer_url(&key), review, &mut body)?;
    if let Err(refused) = app.rates.count_post(client, view.form.photo_was_sent) {
        view.form.problem = Some(format!("Review not changed: {TOO_MANY_FORMS}"));
        let answer = page(&app, &request_id, refused.status(), view, None);
        return Ok((refused.retry_after(), answer).into_response());
    }
    if view.review.is_hidden {
        view.form.problem = Some("Review not changed: it is hidden.".to_owned());
        return Ok(page(&app, &request_id, StatusCode::FORBIDDEN, view, None));
    }
    match change(&app, &mut view, &mut body, WRITER).await {
        Changed::Done => {
            let notice = Notice::ReviewCorrected.left(&app.config);
            Ok((PRIVATE, notice, Redirect::to(&restaurant.url())).into_response())
        }
        Changed::Missing => Err(AppError::NotFound),
        Changed::Again(status) => Ok(page(&app, &request_id, status, view, None)),
    }
}

/// POST `/review/edit/<key>/delete`: takes the review back.
pub async fn delete(
    State(app): State<App>,
    PathParameter(key): PathParameter<Capability>,
    Extension(request_id): Extension<RequestId>,
    request: Request,
) -> Result<Response, AppError> {
    let client = request.extensions().get::<Client>().copied();
    let mut body = FormBody::read(&app.uploads, request, &CONFIRMATION).await?;
    let review = read(&app, &key).await?;
    let restaurant = review.restaurant;
    let photos: Vec<_> = review.review.photo.clone().into_iter().collect();
    let seen: Option<Versioned> = body.take("seen").parse().ok();
    let again = |status, review, why| {
        let view = ReviewChangeView::with(&app, writer_url(&key), review);
        page(&app, &request_id, status, view, Some(why))
    };
    if let Err(refused) = app.rates.count_post(client, false) {
        let answer = again(
            refused.status(),
            review,
            "Not deleted: many forms came from your network at once. Wait a minute, then try again.",
        );
        return Ok((refused.retry_after(), answer).into_response());
    }
    if review.is_hidden {
        return Ok(again(StatusCode::FORBIDDEN, review, "Not deleted: it is hidden."));
    }
    let Some(seen) = seen.filter(|seen| seen.id == review.review.id && !body.take("confirmed").is_empty()) else {
        let why = "Not deleted: tick “Yes, delete my review” first.";
        return Ok(again(StatusCode::UNPROCESSABLE_ENTITY, review, why));
    };
    let outcome = app.store.take_back_review(seen, WRITER).await;
    app.page_cache.restaurant_changed(restaurant);
    match outcome? {
        Outcome::Missing => Err(AppError::NotFound),
        Outcome::Stale => {
            let why = "Not deleted: the review was changed meanwhile. It is shown as it is now.";
            Ok(again(StatusCode::CONFLICT, read(&app, &key).await?, why))
        }
        Outcome::Done => {
            let site = app.clone();
            app.saves
                .spawn(async move { remove_all_unclaimed(&*site.store, &*site.photos, &photos).await });
            let notice = Notice::ReviewTakenBack.left(&app.config);
            Ok((PRIVATE, notice, Redirect::to(&restaurant.url())).into_response())
        }
    }
}

async fn read(app: &App, key: &Capability) -> Result<StaffReview, AppError> {
    app.store.review_of_writer(key.hash()).await?.ok_or(AppError::NotFound)
}

fn page(
    app: &App,
    request_id: &RequestId,
    status: StatusCode,
    view: ReviewChangeView,
    not_deleted: Option<&'static str>,
) -> Response {
    let chrome = if status.is_success() {
        Chrome::default()
    } else {
        Chrome::of_error(&app.config, request_id, status)
    };
    let template = EditTemplate {
        chrome,
        view,
        not_deleted,
    };
    (status, PRIVATE, Page(template)).into_response()
}
